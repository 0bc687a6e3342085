package console

import (
	"time"

	"fyne.io/fyne/v2"

	"guesthouse/ui/dispatch"
)

const (
	slideTime = 140 * time.Millisecond
	// edge is how near to the top of the screen the pointer brings the toolbar out, in Fyne units.
	edge = 2
)

// slide moves toolbar and status line in and out in full screen. UI goroutine only.
type slide struct {
	layout   *frameLayout
	dispatch dispatch.Dispatcher
	moved    func() // lays out again

	open   bool // the toolbar is wanted
	notice bool // the status line has something to say
	run    *fyne.Animation
}

// setFull switches between a window with bars and a full screen without.
func (s *slide) setFull(on bool) {
	s.stop()
	s.open = false
	s.layout.full, s.layout.shown, s.layout.statusShown = on, 0, 0
	if s.notice {
		s.layout.statusShown = 1
	}
	s.moved()
}

// setOpen brings the toolbar out or puts it away.
func (s *slide) setOpen(on bool) {
	if s.open != on {
		s.open = on
		s.start()
	}
}

// setStatus brings the status line out for a message.
func (s *slide) setStatus(on bool) {
	if s.notice != on {
		s.notice = on
		s.start()
	}
}

// start moves both bars from where they are to where they should be.
func (s *slide) start() {
	if !s.layout.full {
		return
	}
	s.stop()
	if s.open && s.layout.shown == 0 { // it is there at once, for who gives it the keyboard
		s.layout.shown = 0.01
		s.moved()
	}
	fromBar, fromStatus := s.layout.shown, s.layout.statusShown
	toBar, toStatus := float32(0), float32(0)
	if s.open {
		toBar = 1
	}
	if s.open || s.notice {
		toStatus = 1
	}
	s.run = fyne.NewAnimation(slideTime, func(f float32) {
		s.layout.shown = fromBar + (toBar-fromBar)*f
		s.layout.statusShown = fromStatus + (toStatus-fromStatus)*f
		s.moved()
	})
	s.run.Curve = fyne.AnimationEaseOut
	s.run.Start()
}

func (s *slide) stop() {
	if s.run != nil {
		s.run.Stop()
		s.run = nil
	}
}
