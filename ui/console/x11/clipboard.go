package x11

import (
	"context"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/jezek/xgb"
	"github.com/jezek/xgb/xfixes"
	"github.com/jezek/xgb/xproto"
)

// WatchClipboard calls changed with the text on the clipboard of the X server in DISPLAY, now and whenever it changes, until ctx ends (it
// returns ctx's error) or the server goes. Text of more than limit bytes, and what is no text, is passed over. Lines end in "\n". It
// waits all that time, so it needs a goroutine of its own, on which changed runs; a program that owns the clipboard and does not answer
// costs nothing but its own text. Errors wrap ErrUnavailable and ErrLost. Protocol: ICCCM 2.0, section 2, and XFIXES, section 7.
func WatchClipboard(ctx context.Context, limit int, changed func(text string)) error {
	x, err := connect(extFixes)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	defer x.Close()
	defer context.AfterFunc(ctx, x.Close)()
	r := &reader{x: x, limit: limit, changed: changed}
	if err := r.prepare(); err != nil {
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	r.ask(xproto.TimeCurrentTime)
	for {
		event, fault := x.WaitForEvent()
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case event == nil && fault == nil:
			return ErrLost
		}
		r.handle(event)
	}
}

// reader reads the text on the clipboard.
type reader struct {
	x       *xgb.Conn
	window  xproto.Window
	limit   int
	changed func(string)

	clipboard, text, incr, property xproto.Atom

	pieces []byte // of a text that comes in pieces
	many   bool   // it does
}

func (r *reader) prepare() error {
	if _, err := xfixes.QueryVersion(r.x, 2, 0).Reply(); err != nil {
		return err
	}
	for name, atom := range map[string]*xproto.Atom{"CLIPBOARD": &r.clipboard, "UTF8_STRING": &r.text, "INCR": &r.incr, "GUESTHOUSE_TEXT": &r.property} {
		reply, err := xproto.InternAtom(r.x, false, uint16(len(name)), name).Reply()
		if err != nil {
			return err
		}
		*atom = reply.Atom
	}
	var err error
	if r.window, err = xproto.NewWindowId(r.x); err != nil {
		return err
	}
	screen := xproto.Setup(r.x).DefaultScreen(r.x)
	xproto.CreateWindow(r.x, 0, r.window, screen.Root, -1, -1, 1, 1, 0, xproto.WindowClassInputOnly, 0, xproto.CwEventMask, []uint32{xproto.EventMaskPropertyChange})
	return xfixes.SelectSelectionInputChecked(r.x, r.window, r.clipboard, xfixes.SelectionEventMaskSetSelectionOwner).Check()
}

// ask asks the clipboard's owner for its text; a text that is still coming is forgotten.
func (r *reader) ask(when xproto.Timestamp) {
	r.pieces, r.many = nil, false
	xproto.DeleteProperty(r.x, r.window, r.property)
	xproto.ConvertSelection(r.x, r.window, r.clipboard, r.text, r.property, when)
}

func (r *reader) handle(event xgb.Event) {
	switch e := event.(type) {
	case xfixes.SelectionNotifyEvent:
		if e.Owner != xproto.WindowNone {
			r.ask(e.SelectionTimestamp)
		}
	case xproto.SelectionNotifyEvent:
		if e.Property != r.property {
			return // it has no text
		}
		data, kind := r.take()
		switch {
		case kind == r.incr:
			r.many = true // taking the property has asked for the first piece
		case kind == r.text:
			r.deliver(data)
		}
	case xproto.PropertyNotifyEvent:
		if !r.many || e.Atom != r.property || e.State != xproto.PropertyNewValue {
			return
		}
		data, kind := r.take()
		switch {
		case kind != r.text || len(r.pieces)+len(data) > r.limit:
			r.many, r.pieces = false, nil
		case len(data) == 0:
			r.many = false
			r.deliver(r.pieces)
			r.pieces = nil
		default:
			r.pieces = append(r.pieces, data...)
		}
	}
}

// take reads and deletes the property. What is longer than the limit comes as nothing, of no kind.
func (r *reader) take() ([]byte, xproto.Atom) {
	words := uint32(r.limit/4 + 1)
	reply, err := xproto.GetProperty(r.x, true, r.window, r.property, xproto.GetPropertyTypeAny, 0, words).Reply()
	if err != nil {
		return nil, xproto.AtomNone
	}
	if reply.BytesAfter > 0 || len(reply.Value) > r.limit {
		xproto.DeleteProperty(r.x, r.window, r.property)
		return nil, xproto.AtomNone
	}
	return reply.Value, reply.Type
}

func (r *reader) deliver(data []byte) {
	if len(data) > 0 && utf8.Valid(data) {
		r.changed(strings.ReplaceAll(string(data), "\r\n", "\n"))
	}
}
