package console

import (
	"errors"
	"image"
	"sync"

	"guesthouse/hypervisor/display"
	"guesthouse/ui/console/x11"
	"guesthouse/ui/dispatch"
)

// errTooLarge refuses a guest screen beyond display.MaxSide and display.MaxFramebuffer.
var errTooLarge = errors.New("the guest's screen is larger than this program shows")

// screen is what is known of the guest's screen beside its pixels.
type screen struct {
	size     image.Point // guest pixels, zero before the first picture
	cursor   *guestCursor
	hidden   bool // the guest hides its pointer
	absolute bool // the guest's pointer is absolute (a tablet)
	leds     display.LEDs
	ledsSeq  int // counts LED reports, so that a repeated one is noticed
	can      display.Capabilities
}

// frames carries the guest's pixels from the goroutine of a display.Source to what shows them: an x11.View that shares the source's memory,
// or the toolkit's painter on the UI goroutine.
//
// For the view there is one picture: fb, which the source writes and the X server reads. The painter needs two more: back has the same in
// the painter's format, brought up to date at the end of each update, under the lock; front is what the painter reads, brought up to date
// when it paints. So neither side waits for the other longer than a copy takes, an update is never painted half, and however fast updates
// come there is one call in the UI queue and one copy per painted frame. When nothing changes nothing runs.
type frames struct {
	dispatch dispatch.Dispatcher
	// onFrame and onScreen run on the UI goroutine: there are new pixels to paint; the screen's description changed.
	onFrame, onScreen func()
	newFrame          func() // calls onFrame: made once, not for each frame
	// onClipboard runs on the source's goroutine: the guest's user has copied text.
	onClipboard func(text string)

	// share has new framebuffers made of memory that can be given to an X server. Set it before the first source runs.
	share bool

	mu      sync.Mutex
	fb      display.Framebuffer
	segment *x11.Segment // what fb lies in; nil: it is this program's alone
	view    *x11.View    // hears of damage; nil: none
	whole   bool         // fb holds a complete picture
	early   func(guest image.Point) x11.Layout
	painted bool // the painter shows the picture, so that back and front are kept
	back    *image.RGBA
	damaged region // written by the source since FrameDone
	stale   region // converted to back and not yet copied to front
	state   screen
	number  uint64 // counts complete updates and new sizes
	// One call of each kind may wait in the UI queue.
	frameQueued, screenQueued bool

	front *image.RGBA // UI goroutine only
}

var _ display.Presenter = (*frames)(nil)

func newFrames(d dispatch.Dispatcher) *frames {
	f := &frames{dispatch: d, painted: true, onFrame: func() {}, onScreen: func() {}, onClipboard: func(string) {}}
	f.newFrame = func() { f.onFrame() }
	return f
}

// Resize implements display.Presenter.
func (f *frames) Resize(w, h int) (display.Framebuffer, error) {
	if w < 0 || h < 0 || w > display.MaxSide || h > display.MaxSide || int64(w)*int64(h)*display.BytesPerPixel > display.MaxFramebuffer {
		return display.Framebuffer{}, errTooLarge
	}
	f.damaged.clear()
	f.change(func(s *screen) {
		if f.fb.Pix == nil || f.fb.W != w || f.fb.H != h {
			f.allocate(w, h)
		}
		f.number++
		s.size = image.Pt(w, h)
	})
	return f.fb, nil
}

// allocate replaces the framebuffer by a black one. The lock is held.
func (f *frames) allocate(w, h int) {
	old := f.segment
	f.segment, f.whole = nil, false
	if f.share && w > 0 && h > 0 {
		f.segment, _ = x11.NewSegment(w, h) // without it the painter shows the picture
	}
	if f.segment != nil {
		f.fb = f.segment.Framebuffer()
	} else {
		stride := w * display.BytesPerPixel
		f.fb = display.Framebuffer{Pix: make([]byte, stride*h), Stride: stride, W: w, H: h}
	}
	f.replaced(old)
}

// replaced follows a framebuffer that took another's place. The lock is held.
func (f *frames) replaced(old *x11.Segment) {
	if f.view != nil {
		f.view.SetSegment(f.segment)
	}
	if old != nil {
		old.Close()
	}
	f.back = nil
	f.paintAll()
}

// paintAll brings the painter's picture up to date, if the painter shows it. The lock is held.
func (f *frames) paintAll() {
	f.stale.clear()
	if !f.painted || f.fb.W == 0 || f.fb.H == 0 {
		f.back, f.front = nil, nil
		return
	}
	if f.back == nil {
		f.back = image.NewRGBA(f.fb.Bounds())
	}
	convert(f.back, f.fb, f.back.Rect)
	f.stale.add(f.back.Rect)
}

// setPainted says whether the painter shows the picture; if not, its memory is given up. UI goroutine.
func (f *frames) setPainted(on bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.painted != on {
		f.painted = on
		f.paintAll()
	}
}

// setView says who shows the framebuffer from shared memory; nil: no one. Any goroutine.
func (f *frames) setView(v *x11.View) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.view = v
	if v != nil {
		v.SetSegment(f.segment)
		f.showEarly()
	}
}

// setEarly has the first picture shown, once there are both a picture and a view, where a function says that does not touch the toolkit;
// nil: no longer. Any goroutine.
func (f *frames) setEarly(where func(guest image.Point) x11.Layout) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.early = where
	f.showEarly()
}

// showEarly is called when a picture, a view or the wish to see it came. The lock is held.
func (f *frames) showEarly() {
	if f.early != nil && f.view != nil && f.segment != nil && f.whole {
		f.view.SetLayout(f.early(f.state.size))
		f.early = nil
	}
}

// shared reports whether the newest framebuffer lies in memory that a view can show. Any goroutine.
func (f *frames) shared() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.segment != nil
}

// close gives the memory back. Call it only when no source runs.
func (f *frames) close() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.view = nil
	f.drop()
}

// drop forgets the framebuffer. The lock is held.
func (f *frames) drop() {
	old := f.segment
	f.fb, f.segment, f.whole = display.Framebuffer{}, nil, false
	f.replaced(old)
}

// Damage implements display.Presenter. Only the source's goroutine touches the list, so no lock is taken.
func (f *frames) Damage(r image.Rectangle) { f.damaged.add(r) }

// FrameDone implements display.Presenter.
func (f *frames) FrameDone() {
	if f.damaged.empty() {
		return
	}
	f.mu.Lock()
	if f.view != nil {
		f.view.Damage(f.damaged.rects)
	}
	f.whole = true
	f.showEarly()
	f.number++
	if f.back != nil {
		for _, r := range f.damaged.rects {
			convert(f.back, f.fb, r)
			f.stale.add(r)
		}
	}
	queued := f.frameQueued || !f.painted
	f.frameQueued = f.frameQueued || f.painted
	f.mu.Unlock()
	f.damaged.clear()
	if !queued {
		f.dispatch.Do(f.newFrame)
	}
}

// SetCursor implements display.Presenter.
func (f *frames) SetCursor(c *display.Cursor) {
	f.change(func(s *screen) {
		s.hidden = c == nil || c.Image == nil || c.Image.Rect.Empty()
		s.cursor = nil
		if !s.hidden {
			s.cursor = &guestCursor{image: c.Image, x: c.HotX, y: c.HotY}
		}
	})
}

// SetPointerMode implements display.Presenter.
func (f *frames) SetPointerMode(absolute bool) { f.change(func(s *screen) { s.absolute = absolute }) }

// SetLEDs implements display.Presenter.
func (f *frames) SetLEDs(l display.LEDs) {
	f.change(func(s *screen) {
		s.leds = l
		s.ledsSeq++
	})
}

// SetName implements display.Presenter. The window is named after the machine, not after what its display calls itself.
func (f *frames) SetName(string) {}

// Bell implements display.Presenter. The guest's beep is not repeated: it would come without the guest's sound, and from a hidden window.
func (f *frames) Bell() {}

// SetCapabilities implements display.Presenter.
func (f *frames) SetCapabilities(c display.Capabilities) { f.change(func(s *screen) { s.can = c }) }

// SetClipboard implements display.Presenter.
func (f *frames) SetClipboard(text string) { f.onClipboard(text) }

// change edits the description and has onScreen called, once for any number of changes that come before it runs.
func (f *frames) change(edit func(*screen)) {
	f.mu.Lock()
	edit(&f.state)
	queued := f.screenQueued
	f.screenQueued = true
	f.mu.Unlock()
	if queued {
		return
	}
	f.dispatch.Do(func() {
		f.mu.Lock()
		f.screenQueued = false
		f.mu.Unlock()
		f.onScreen()
	})
}

// screen returns what is known of the guest's screen. Any goroutine.
func (f *frames) screen() screen {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.state
}

// paint returns the current picture for the painter, nil while another shows it; it is valid until the next call. UI goroutine.
func (f *frames) paint() *image.RGBA {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.frameQueued = false
	if f.back == nil || f.back.Rect.Empty() {
		return nil
	}
	if f.front == nil || f.front.Rect != f.back.Rect {
		f.front = image.NewRGBA(f.back.Rect)
		f.stale.clear()
		f.stale.add(f.back.Rect)
	}
	for _, r := range f.stale.rects {
		copyRect(f.front, f.back, r)
	}
	f.stale.clear()
	return f.front
}

// snapshot returns a copy of the newest picture, nil when there is none. An update that is arriving may be in it in part. Any goroutine.
func (f *frames) snapshot() *image.RGBA {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.fb.W == 0 || f.fb.H == 0 {
		return nil
	}
	c := image.NewRGBA(f.fb.Bounds())
	f.copyTo(c)
	return c
}

// Grab implements recording.Source. An update that is arriving may be in the picture in part. Any goroutine.
func (f *frames) Grab(into *image.RGBA, since uint64) (*image.RGBA, uint64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.number == since || f.fb.W == 0 || f.fb.H == 0 {
		return nil, f.number
	}
	if into == nil || into.Rect != f.fb.Bounds() {
		into = image.NewRGBA(f.fb.Bounds())
	}
	f.copyTo(into)
	return into, f.number
}

// copyTo draws the newest picture, of complete updates where the painter's picture is kept. The lock is held.
func (f *frames) copyTo(picture *image.RGBA) {
	if f.back != nil {
		copy(picture.Pix, f.back.Pix)
	} else {
		convert(picture, f.fb, picture.Rect)
	}
}

// forget drops picture, cursor and lamps, for a machine that was switched off. Call it only while no source runs.
func (f *frames) forget() {
	f.damaged.clear()
	f.change(func(s *screen) {
		f.drop()
		*s = screen{ledsSeq: s.ledsSeq + 1}
	})
}
