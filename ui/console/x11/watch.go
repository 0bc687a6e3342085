package x11

import (
	"image"

	"github.com/jezek/xgb"
	"github.com/jezek/xgb/xproto"
)

// Watch tells what happens to the toolkit's window. visible gets false when nothing of it is on the screen any more (it is minimised, on another
// desktop, or other windows cover all of it), and true when something is again; a compositing manager reports covered windows as visible.
// resized is called when the server has given the window another size, left when the pointer has gone elsewhere, which the toolkit does not
// tell. They run on Run's goroutine: they must not wait. Call it once; it waits for the server.
func (c *Conn) Watch(visible func(bool), resized, left func()) error {
	// This connection's choice of events only: the toolkit has made its own (X11 protocol, ChangeWindowAttributes).
	const events = xproto.EventMaskVisibilityChange | xproto.EventMaskStructureNotify | xproto.EventMaskLeaveWindow
	if err := xproto.ChangeWindowAttributesChecked(c.x, c.top, xproto.CwEventMask, []uint32{events}).Check(); err != nil {
		return err
	}
	var size image.Point
	c.Handle(func(e xgb.Event) {
		switch e := e.(type) {
		case xproto.UnmapNotifyEvent:
			if e.Window == c.top {
				visible(false)
			}
		case xproto.VisibilityNotifyEvent: // also comes when the window is mapped again
			if e.Window == c.top {
				visible(e.State != xproto.VisibilityFullyObscured)
			}
		case xproto.LeaveNotifyEvent: // not for a grab, nor for a window inside this one
			if e.Event == c.top && e.Mode == xproto.NotifyModeNormal && e.Detail != xproto.NotifyDetailInferior {
				left()
			}
		case xproto.ConfigureNotifyEvent: // also comes when the window has moved
			if now := image.Pt(int(e.Width), int(e.Height)); e.Window == c.top && now != size {
				size = now
				resized()
			}
		}
	})
	return nil
}
