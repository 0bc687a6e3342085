package x11

import (
	"context"
	"fmt"
	"image"
	"image/color"
	"sync"

	"github.com/jezek/xgb"
	"github.com/jezek/xgb/xproto"
)

// A Layout says where a View shows the picture, in pixels of the host's screen.
type Layout struct {
	Shown bool
	// Area is the part of the toplevel window that the view covers; what the picture leaves of it is filled with the surround's colour.
	Area image.Rectangle
	// Picture is where the whole picture lies in the toplevel window. It may be larger than Area, which cuts it off.
	Picture image.Rectangle
	// Holes are the parts of Area where the toplevel window shows through.
	Holes []image.Rectangle
}

// Drawable reports whether X can address the layout: its coordinates have 16 bits.
func (l Layout) Drawable() bool {
	limits := image.Rect(-1<<15, -1<<15, 1<<15-1, 1<<15-1)
	return l.Picture.In(limits) && l.Picture.Sub(l.Area.Min).In(limits) && l.Area.In(limits)
}

// same reports whether nothing has to be done to get from one to the other.
func (l Layout) same(o Layout) bool {
	if l.Shown != o.Shown || l.Area != o.Area || l.Picture != o.Picture || len(l.Holes) != len(o.Holes) {
		return false
	}
	for i, h := range l.Holes {
		if h != o.Holes[i] {
			return false
		}
	}
	return true
}

// A Cursor is a pointer shape over the picture: premultiplied pixels and the hot spot.
type Cursor struct {
	Image      *image.RGBA
	HotX, HotY int
}

// Hidden is the Cursor that shows nothing.
var Hidden = &Cursor{Image: image.NewRGBA(image.Rect(0, 0, 1, 1))}

// wishes is what a view should be.
type wishes struct {
	layout  Layout
	segment *Segment
	cursor  *Cursor // nil: the toplevel window's
}

// A View is a child of the toplevel window that shows a guest's picture. It takes no input: keys and pointer go to the toplevel window as if
// it were not there. Its methods only note what is wanted, so they never wait; Run does it. Any goroutine.
type View struct {
	conn *Conn
	wake chan struct{} // holds at most one wake-up for Run

	mu      sync.Mutex
	want    wishes
	damage  rects  // of the picture, guest pixels
	exposed rects  // of the picture on the screen, host pixels
	idle    func() // for tests: called once after the next step

	paint painter // Run's goroutine only
}

// NewView makes a view that is not shown yet. It waits for the server, so it is not for the UI goroutine.
func (c *Conn) NewView(surround color.Color) (*View, error) {
	v := &View{conn: c, wake: make(chan struct{}, 1)}
	if err := v.paint.create(c, surround); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrLost, err)
	}
	c.Handle(v.event)
	return v, nil
}

// SetSegment replaces the picture. The segment may be closed as soon as another one was set; nil: no picture.
func (v *View) SetSegment(s *Segment) {
	v.change(func() {
		v.want.segment = s
		v.damage.clear()
	})
}

// SetLayout moves, shows or hides the view.
func (v *View) SetLayout(l Layout) {
	v.mu.Lock()
	same := v.want.layout.same(l)
	v.mu.Unlock()
	if !same {
		v.change(func() { v.want.layout = l })
	}
}

// SetCursor changes the pointer's shape over the picture at once, without the pointer having to move; nil: the toplevel window's.
func (v *View) SetCursor(c *Cursor) { v.change(func() { v.want.cursor = c }) }

// Damage says which pixels of the guest's picture have changed. Of what comes faster than the server shows it one picture is shown.
func (v *View) Damage(changed []image.Rectangle) {
	v.mu.Lock()
	hidden := !v.want.layout.Shown
	if !hidden {
		for _, r := range changed {
			v.damage.add(r)
		}
	}
	v.mu.Unlock()
	if !hidden {
		v.poke()
	}
}

// Run paints until ctx ends (it returns ctx's error) or the connection is lost (ErrLost).
func (v *View) Run(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-v.wake:
		}
		v.mu.Lock()
		want, idle := v.want, v.idle
		v.idle = nil
		v.damage.swap(&v.paint.damage)
		v.exposed.swap(&v.paint.exposed)
		v.mu.Unlock()
		if err := v.paint.step(want); err != nil {
			if v.replaced(want.segment) {
				v.poke()
				continue
			}
			return fmt.Errorf("%w: %w", ErrLost, err)
		}
		if idle != nil {
			idle()
		}
	}
}

// replaced reports whether a segment is out of date: the server may refuse it when it is gone already.
func (v *View) replaced(s *Segment) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.want.segment != s
}

func (v *View) change(edit func()) {
	v.mu.Lock()
	edit()
	v.mu.Unlock()
	v.poke()
}

func (v *View) poke() {
	select {
	case v.wake <- struct{}{}:
	default:
	}
}

// event has what was uncovered painted again.
func (v *View) event(e xgb.Event) {
	expose, ok := e.(xproto.ExposeEvent)
	if !ok || expose.Window != v.paint.picture {
		return
	}
	v.change(func() {
		v.exposed.add(image.Rect(int(expose.X), int(expose.Y), int(expose.X)+int(expose.Width), int(expose.Y)+int(expose.Height)))
	})
}
