package x11

import (
	"github.com/jezek/xgb/xproto"
)

// pointer turns places of the pointer into distances. The pointer is put back to the middle of the window before it reaches an edge, where it
// would stop.
type pointer struct {
	middleX, middleY int
	marginX, marginY int // how far from the middle the pointer may go
	lastX, lastY     int
	known            bool // lastX and lastY are where the pointer was
	warped           bool
	warp             uint16 // number of the request that puts it back; what came before is from where it was
}

func (p *pointer) resize(w, h int) {
	p.middleX, p.middleY = w/2, h/2
	p.marginX, p.marginY = max(w/4, 1), max(h/4, 1)
}

// moved returns the distance to a new place, reported after the request of that number, and whether the pointer should be put back.
func (p *pointer) moved(x, y int, sequence uint16) (dx, dy int, back bool) {
	if p.warped && int16(sequence-p.warp) >= 0 {
		p.warped, p.known = false, true
		p.lastX, p.lastY = p.middleX, p.middleY
	}
	if p.known {
		dx, dy = x-p.lastX, y-p.lastY
	}
	p.lastX, p.lastY, p.known = x, y, true
	far := max(x-p.middleX, p.middleX-x) > p.marginX || max(y-p.middleY, p.middleY-y) > p.marginY
	return dx, dy, far && !p.warped
}

// grabPointer asks for the pointer, hides it and puts it into the middle. ok is false when somebody else has it: the toolkit while a button
// is down.
func (i *Input) grabPointer() (ok bool, err error) {
	i.setOn(func(on *captured) { on.pointer = true })
	const mask = xproto.EventMaskButtonPress | xproto.EventMaskButtonRelease | xproto.EventMaskPointerMotion
	reply, err := xproto.GrabPointer(i.x, false, i.top, mask, xproto.GrabModeAsync, xproto.GrabModeAsync, i.top, i.blank, xproto.TimeCurrentTime).Reply()
	if err == nil && reply.Status == xproto.GrabStatusSuccess {
		i.handling.Lock()
		defer i.handling.Unlock()
		i.pointer.known = false
		i.putBack()
		return true, nil
	}
	i.setOn(func(on *captured) { on.pointer = false })
	return false, refused(err, reply != nil && busy(reply.Status))
}

// putBack moves the pointer to the middle. The caller holds handling.
func (i *Input) putBack() {
	p := &i.pointer
	cookie := xproto.WarpPointer(i.x, 0, i.top, 0, 0, 0, 0, int16(p.middleX), int16(p.middleY))
	p.warped, p.warp = true, cookie.Sequence
}

func (i *Input) motion(e xproto.MotionNotifyEvent) {
	dx, dy, back := i.pointer.moved(int(e.EventX), int(e.EventY), e.Sequence)
	if back {
		i.putBack()
	}
	if dx != 0 || dy != 0 {
		i.handle.Motion(dx, dy)
	}
}

// newBlankCursor makes a pointer that shows nothing.
func (i *Input) newBlankCursor() (xproto.Cursor, error) {
	cursor, err := xproto.NewCursorId(i.x)
	if err != nil {
		return 0, err
	}
	pixmap, err := xproto.NewPixmapId(i.x)
	if err != nil {
		return 0, err
	}
	gc, err := xproto.NewGcontextId(i.x)
	if err != nil {
		return 0, err
	}
	xproto.CreatePixmap(i.x, 1, pixmap, xproto.Drawable(i.root), 1, 1)
	xproto.CreateGC(i.x, gc, xproto.Drawable(pixmap), xproto.GcForeground, []uint32{0})
	xproto.PolyFillRectangle(i.x, xproto.Drawable(pixmap), gc, []xproto.Rectangle{{Width: 1, Height: 1}})
	xproto.FreeGC(i.x, gc)
	err = xproto.CreateCursorChecked(i.x, cursor, pixmap, pixmap, 0, 0, 0, 0, 0, 0, 0, 0).Check()
	xproto.FreePixmap(i.x, pixmap)
	return cursor, err
}
