package console

import (
	"context"
	"errors"
	"image"
	"math"
	"os"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/driver"

	"guesthouse/ui/console/x11"
	"guesthouse/ui/dispatch"
)

// presenterVariable is the environment's say in who shows the picture: "raster" (the toolkit), "x11" (the X server, and it is told when that
// does not work), anything else or nothing: the X server where it works.
const presenterVariable = "GUESTHOUSE_PRESENTER"

// stage decides who shows the guest's picture: the X server from shared memory, or the toolkit's painter. The painter shows it wherever the
// X server cannot, and while something of the toolkit lies over the picture. UI goroutine only.
type stage struct {
	dispatch  dispatch.Dispatcher
	frames    *frames
	presenter string // as presenterVariable

	// changed is called when the X server began or ceased to be able to show the picture.
	changed func()
	// seen is called when the window came on the screen, or went off it; resized when the X server has given it another size; left when the
	// pointer has gone elsewhere.
	seen    func(bool)
	resized func()
	left    func()

	view   *x11.View // nil: none
	lost   *x11.View // the one that ended last
	fault  error     // why there is none
	stop   func()
	opened bool // open has found a window
	closed bool
	// early is true from expect until the window knows what to show: what the frames have shown by themselves stays meanwhile.
	early bool
	// pending is true until it is known whether the X server can show the picture: painting meanwhile would cost more than the wait.
	pending bool
	showing bool // the X server shows the picture
	painted bool // the toolkit's painter does
	cursor  *guestCursor
	hidden  bool
}

func newStage(d dispatch.Dispatcher, f *frames) *stage {
	s := &stage{dispatch: d, frames: f, presenter: os.Getenv(presenterVariable), stop: func() {}, changed: func() {}, seen: func(bool) {}, resized: func() {}, left: func() {}}
	f.share = s.presenter != "raster" && os.Getenv("DISPLAY") != ""
	s.pending, s.painted = f.share, !f.share
	f.setPainted(s.painted)
	return s
}

// opened is what open brings back from the X server.
type opened struct {
	view *x11.View
	stop func() // nil: there is none
}

// open connects to the X server behind a window, once there is one. Toolkits make it long before they have painted it for the first time,
// which takes longer than everything else; so the view runs, and may show a first picture, before the UI goroutine hears of it. Where
// there is no X server, or it cannot show pictures, the painter goes on.
func (s *stage) open(win fyne.Window) {
	handle := WindowHandle(win)
	if s.opened || s.closed || !s.frames.share || handle == 0 {
		return
	}
	s.opened = true
	s.stop = dispatch.Background(s.dispatch, func(context.Context) (opened, error) {
		conn, err := x11.Open(handle)
		if err != nil {
			return opened{}, err
		}
		view, err := conn.NewView(surroundColor)
		if err == nil {
			err = conn.Watch(func(on bool) { s.dispatch.Do(func() { s.seen(on) }) }, func() { s.dispatch.Do(s.resized) }, func() { s.dispatch.Do(s.left) })
		}
		if err != nil {
			conn.Close()
			return opened{}, err
		}
		stopEvents := dispatch.Run(s.dispatch, conn.Run, func(err error) { s.ended(view, err) })
		stopPaint := dispatch.Run(s.dispatch, view.Run, func(err error) { s.ended(view, err) })
		s.frames.setView(view)
		return opened{view, func() {
			stopPaint()
			stopEvents()
		}}, nil
	}, func(o opened, err error) {
		s.pending = false
		switch {
		case s.closed && o.stop != nil:
			s.frames.setView(nil)
			o.stop()
		case s.closed:
		case err != nil:
			s.fault = err
			s.changed()
		case s.lost == o.view:
			o.stop()
			s.changed()
		default:
			s.view, s.stop = o.view, o.stop
			s.changed()
			s.resized() // perhaps before anybody told
		}
	})
}

// settle is called when the window is on the screen. If there was nothing to open then, there will not be.
func (s *stage) settle(win fyne.Window) {
	s.open(win)
	if !s.opened {
		s.pending = false
		s.changed()
	}
}

// expect has the first picture shown as where says for a screen of its size, without the UI goroutine; where may be called on any.
func (s *stage) expect(where func(guest image.Point) x11.Layout) {
	s.early = s.frames.share
	s.frames.setEarly(where)
}

// decided ends what expect began: the window knows what to show.
func (s *stage) decided() {
	if s.early {
		s.early = false
		s.frames.setEarly(nil)
	}
}

// ended lets the painter go on where the X server left off. The picture is still there: it is in this program's memory as well.
func (s *stage) ended(view *x11.View, err error) {
	if s.lost == view || s.closed && errors.Is(err, context.Canceled) {
		return
	}
	if s.view == view { // else open's result is still to come
		s.stop()
	}
	s.view, s.lost, s.fault, s.early = nil, view, err, false
	s.frames.setView(nil)
	s.seen(true) // nobody tells any more
	s.changed()
}

// place says where the picture is. l.Shown asks for the X server to show it; the painter does when that cannot. there: there is a picture;
// before that the painter keeps none, since most windows will never need it.
func (s *stage) place(l x11.Layout, there bool) {
	l.Shown = l.Shown && s.view != nil && s.frames.shared() && l.Drawable() && !l.Picture.Empty() && !l.Area.Empty()
	s.showing = l.Shown
	if painted := !l.Shown && !s.pending && (there || s.view == nil); painted != s.painted {
		s.painted = painted
		// The painter's picture is there before the view goes: what is uncovered keeps its pixels until the toolkit has painted.
		s.frames.setPainted(painted)
		s.frames.onFrame()
	}
	if s.view != nil && !s.early {
		s.view.SetLayout(l)
	}
}

// setCursor gives the view the pointer that the guest wants. live: it is the guest's pointer at all.
func (s *stage) setCursor(live bool, sc screen) {
	if s.view == nil {
		return
	}
	cursor, hidden := sc.cursor, sc.hidden
	if !live {
		cursor, hidden = nil, false
	}
	if cursor == s.cursor && hidden == s.hidden {
		return
	}
	s.cursor, s.hidden = cursor, hidden
	switch {
	case hidden:
		s.view.SetCursor(x11.Hidden)
	case cursor != nil:
		s.view.SetCursor(&x11.Cursor{Image: cursor.image, HotX: cursor.x, HotY: cursor.y})
	default:
		s.view.SetCursor(nil)
	}
}

// close ends the connection to the X server.
func (s *stage) close() {
	s.closed = true
	s.stop()
	s.frames.setView(nil)
	s.view = nil
}

// WindowHandle is the X window of a window that is on the screen; 0 where there is none. UI goroutine only.
func WindowHandle(win fyne.Window) (handle uintptr) {
	if native, ok := win.(driver.NativeWindow); ok {
		native.RunNative(func(c any) {
			if x, ok := c.(driver.X11WindowContext); ok {
				handle = x.WindowHandle
			}
		})
	}
	return handle
}

// pixels turns an area of the window in Fyne units into one of the host's pixels.
func pixels(pos fyne.Position, size fyne.Size, perUnit float64) image.Rectangle {
	px := func(v float32) int { return int(math.Round(float64(v) * perUnit)) }
	return image.Rect(px(pos.X), px(pos.Y), px(pos.X+size.Width), px(pos.Y+size.Height))
}
