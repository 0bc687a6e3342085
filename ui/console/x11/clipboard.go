package x11

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"github.com/jezek/xgb"
	"github.com/jezek/xgb/xfixes"
	"github.com/jezek/xgb/xproto"
)

// Errors of ReadClipboard.
var (
	ErrSilent  = errors.New("the program that owns the clipboard does not answer")
	ErrTooLong = errors.New("the text on the clipboard is too long")
)

// answerPatience is how long the owner of the clipboard may take for its answer, and for each piece of a long text.
const answerPatience = 2 * time.Second

// ReadClipboard returns the text on the clipboard of the X server in DISPLAY, empty when there is none. Lines end in "\n". It waits for the
// program that owns the clipboard, so it is not for the UI goroutine. Errors wrap ErrSilent, ErrTooLong (more than limit bytes),
// ErrUnavailable and ErrLost, or are ctx's. Protocol: ICCCM 2.0, section 2.
func ReadClipboard(ctx context.Context, limit int) (string, error) {
	x, err := connect()
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	defer x.Close()
	defer context.AfterFunc(ctx, x.Close)()
	var text string
	over := false
	r := &reader{x: x, limit: limit, changed: func(s string) { text, over = s, true }}
	r.failed = func(reason error) {
		if reason == nil && r.target == r.text {
			r.ask(xproto.AtomString, xproto.TimeCurrentTime) // what programs of old have
			return
		}
		err, over = reason, true
	}
	if err := r.prepare(); ctx.Err() != nil {
		return "", ctx.Err()
	} else if err != nil {
		return "", fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	var late atomic.Bool
	silence := time.AfterFunc(answerPatience, func() {
		late.Store(true)
		x.Close()
	})
	defer silence.Stop()
	r.ask(r.text, xproto.TimeCurrentTime)
	for !over {
		event, fault := x.WaitForEvent()
		switch {
		case ctx.Err() != nil:
			return "", ctx.Err()
		case late.Load():
			return "", ErrSilent
		case event == nil && fault == nil:
			return "", ErrLost
		}
		if r.handle(event) {
			silence.Reset(answerPatience)
		}
	}
	return text, err
}

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
	r := &reader{x: x, limit: limit, changed: changed, failed: func(error) {}}
	if err := errors.Join(r.prepare(), r.watch()); err != nil {
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	r.ask(r.text, xproto.TimeCurrentTime)
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
	failed  func(error) // there is no text of the form that was asked for (nil), or it is too long

	clipboard, text, incr, property xproto.Atom

	target xproto.Atom // the form that was asked for: text, which is UTF-8, or STRING, which is Latin-1
	pieces []byte      // of a text that comes in pieces
	many   bool        // it does
}

func (r *reader) prepare() error {
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
	return nil
}

// watch has the server tell of each new owner of the clipboard.
func (r *reader) watch() error {
	if _, err := xfixes.QueryVersion(r.x, 2, 0).Reply(); err != nil {
		return err
	}
	return xfixes.SelectSelectionInputChecked(r.x, r.window, r.clipboard, xfixes.SelectionEventMaskSetSelectionOwner).Check()
}

// ask asks the clipboard's owner for its text; a text that is still coming is forgotten.
func (r *reader) ask(target xproto.Atom, when xproto.Timestamp) {
	r.target, r.pieces, r.many = target, nil, false
	xproto.DeleteProperty(r.x, r.window, r.property)
	xproto.ConvertSelection(r.x, r.window, r.clipboard, target, r.property, when)
}

// handle takes an event and reports whether it came from the clipboard's owner.
func (r *reader) handle(event xgb.Event) bool {
	switch e := event.(type) {
	case xfixes.SelectionNotifyEvent:
		if e.Owner != xproto.WindowNone {
			r.ask(r.text, e.SelectionTimestamp)
		}
	case xproto.SelectionNotifyEvent:
		if e.Property != r.property {
			r.failed(nil)
			return true
		}
		data, kind, err := r.take()
		switch {
		case err != nil:
			r.failed(err)
		case kind == r.incr:
			r.many = true // taking the property has asked for the first piece
		case kind == r.target:
			r.deliver(data)
		default:
			r.failed(nil)
		}
		return true
	case xproto.PropertyNotifyEvent:
		if !r.many || e.Atom != r.property || e.State != xproto.PropertyNewValue {
			return false
		}
		data, kind, err := r.take()
		if err == nil && len(r.pieces)+len(data) > r.limit {
			err = ErrTooLong
		}
		switch {
		case err != nil || kind != r.target:
			r.many, r.pieces = false, nil
			r.failed(err)
		case len(data) == 0:
			r.many = false
			r.deliver(r.pieces)
			r.pieces = nil
		default:
			r.pieces = append(r.pieces, data...)
		}
		return true
	}
	return false
}

// take reads and deletes the property. The error of one that is longer than the limit is ErrTooLong.
func (r *reader) take() ([]byte, xproto.Atom, error) {
	words := uint32(r.limit/4 + 1)
	reply, err := xproto.GetProperty(r.x, true, r.window, r.property, xproto.GetPropertyTypeAny, 0, words).Reply()
	if err != nil {
		return nil, xproto.AtomNone, fmt.Errorf("%w: %w", ErrLost, err)
	}
	if reply.BytesAfter > 0 || len(reply.Value) > r.limit {
		xproto.DeleteProperty(r.x, r.window, r.property)
		return nil, xproto.AtomNone, ErrTooLong
	}
	return reply.Value, reply.Type, nil
}

func (r *reader) deliver(data []byte) {
	text := string(data)
	if r.target == xproto.AtomString {
		latin := make([]rune, len(data))
		for i, b := range data {
			latin[i] = rune(b)
		}
		text = string(latin)
	}
	if text == "" || !utf8.ValidString(text) {
		r.failed(nil)
		return
	}
	r.changed(strings.ReplaceAll(text, "\r\n", "\n"))
}
