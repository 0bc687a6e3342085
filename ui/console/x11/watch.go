package x11

import (
	"context"
	"fmt"
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
		case xproto.LeaveNotifyEvent:
			if leaves(e, c.top) {
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

// leaves reports whether the pointer has gone elsewhere: not for a grab, nor into a window inside this one.
func leaves(e xproto.LeaveNotifyEvent, window xproto.Window) bool {
	return e.Event == window && e.Mode == xproto.NotifyModeNormal && e.Detail != xproto.NotifyDetailInferior
}

// WatchLeave calls left whenever the pointer leaves a toplevel window of the toolkit, which the toolkit does not tell, until ctx ends (it
// returns ctx's error) or the connection, which is its own, is lost (ErrLost). left runs on the caller's goroutine.
func WatchLeave(ctx context.Context, window uintptr, left func()) error {
	x, err := connect()
	if err != nil {
		return fmt.Errorf("%w: %w", ErrLost, err)
	}
	top := xproto.Window(window)
	if err := xproto.ChangeWindowAttributesChecked(x, top, xproto.CwEventMask, []uint32{xproto.EventMaskLeaveWindow}).Check(); err != nil {
		x.Close()
		return fmt.Errorf("%w: %w", ErrLost, err)
	}
	return receive(ctx, x, func(event xgb.Event) {
		if e, ok := event.(xproto.LeaveNotifyEvent); ok && leaves(e, top) {
			left()
		}
	})
}
