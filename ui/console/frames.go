package console

import (
	"errors"
	"image"
	"image/draw"
	"sync"

	"guesthouse/hypervisor/display"
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

// frames carries the guest's pixels from the goroutine of a display.Source to the painter on the UI goroutine.
//
// Three pictures: fb is what the source writes; back has the same in the painter's format, brought up to date at the end of each update,
// under the lock; front is what the painter reads, brought up to date when it paints. So neither side waits for the other longer than a
// copy takes, an update is never shown half, and however fast updates come there is one call in the UI queue and one copy per painted frame.
// When nothing changes nothing runs.
type frames struct {
	dispatch dispatch.Dispatcher
	// onFrame and onScreen run on the UI goroutine: there are new pixels to paint; the screen's description changed.
	onFrame, onScreen func()
	// onClipboard runs on the source's goroutine: the guest's user has copied text.
	onClipboard func(text string)

	mu      sync.Mutex
	fb      display.Framebuffer
	back    *image.RGBA
	damaged region // written by the source since FrameDone
	stale   region // converted to back and not yet copied to front
	state   screen
	// One call of each kind may wait in the UI queue.
	frameQueued, screenQueued bool

	front *image.RGBA // UI goroutine only
}

var _ display.Presenter = (*frames)(nil)

func newFrames(d dispatch.Dispatcher) *frames {
	return &frames{dispatch: d, onFrame: func() {}, onScreen: func() {}, onClipboard: func(string) {}}
}

// Resize implements display.Presenter.
func (f *frames) Resize(w, h int) (display.Framebuffer, error) {
	if w < 0 || h < 0 || w > display.MaxSide || h > display.MaxSide || int64(w)*int64(h)*display.BytesPerPixel > display.MaxFramebuffer {
		return display.Framebuffer{}, errTooLarge
	}
	f.damaged.clear()
	f.change(func(s *screen) {
		if f.back == nil || f.fb.W != w || f.fb.H != h {
			stride := w * display.BytesPerPixel
			f.fb = display.Framebuffer{Pix: make([]byte, stride*h), Stride: stride, W: w, H: h}
			f.back = image.NewRGBA(image.Rect(0, 0, w, h))
			draw.Draw(f.back, f.back.Rect, image.Black, image.Point{}, draw.Src)
			f.stale.clear()
			f.stale.add(f.back.Rect)
		}
		s.size = image.Pt(w, h)
	})
	return f.fb, nil
}

// Damage implements display.Presenter. Only the source's goroutine touches the list, so no lock is taken.
func (f *frames) Damage(r image.Rectangle) { f.damaged.add(r) }

// FrameDone implements display.Presenter.
func (f *frames) FrameDone() {
	if f.damaged.empty() {
		return
	}
	f.mu.Lock()
	if f.back != nil {
		for _, r := range f.damaged.rects {
			convert(f.back, f.fb, r)
			f.stale.add(r)
		}
	}
	queued := f.frameQueued
	f.frameQueued = true
	f.mu.Unlock()
	f.damaged.clear()
	if !queued {
		f.dispatch.Do(func() { f.onFrame() })
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

// paint returns the current picture for the painter; it is valid until the next call. It is the only reader of back besides snapshot, so a
// window that is not painted costs no copies either. UI goroutine.
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

// snapshot returns a copy of the newest picture, nil when there is none. Any goroutine.
func (f *frames) snapshot() *image.RGBA {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.back == nil || f.back.Rect.Empty() {
		return nil
	}
	c := image.NewRGBA(f.back.Rect)
	copy(c.Pix, f.back.Pix)
	return c
}

// forget drops picture, cursor and lamps, for a machine that was switched off. Call it only while no source runs.
func (f *frames) forget() {
	f.damaged.clear()
	f.change(func(s *screen) {
		f.fb, f.back = display.Framebuffer{}, nil
		f.stale.clear()
		*s = screen{ledsSeq: s.ledsSeq + 1}
	})
}
