package x11

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/jezek/xgb"
	"github.com/jezek/xgb/xproto"
)

// ErrNotOwned says that another program took the clipboard while it was being taken.
var ErrNotOwned = errors.New("another program has the clipboard")

const (
	// longestProperty is the most that goes into one property at once; what is longer is handed over in pieces. It is far below the 256 KiB
	// that any server takes in one request.
	longestProperty = 128 << 10
	// mostTransfers bounds how many programs are served in pieces at the same time.
	mostTransfers = 16
	// farewell is how long a program that is being served may take once the clipboard belongs to someone else.
	farewell = 10 * time.Second
)

// OwnClipboard puts data of one type (a MIME type such as "image/png") on the clipboard of the X server in DISPLAY and serves it until
// another program takes the clipboard (nil), ctx ends or the server goes. It waits all that time, so it needs a goroutine of its own;
// owned is called on it once the clipboard is ours. Errors wrap ErrUnavailable, ErrNotOwned and ErrLost. Protocol: ICCCM 2.0, section 2.
func OwnClipboard(ctx context.Context, mime string, data []byte, owned func()) error {
	x, err := connect()
	if err != nil {
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	defer x.Close()
	defer context.AfterFunc(ctx, x.Close)()
	o := &owner{x: x, data: data, transfers: map[spot]int{}}
	if err := o.take(mime); err != nil {
		return err
	}
	owned()
	err = o.serve()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}

// spot is a property of another program's window.
type spot struct {
	window   xproto.Window
	property xproto.Atom
}

// owner owns the selection CLIPBOARD.
type owner struct {
	x      *xgb.Conn
	window xproto.Window
	data   []byte
	since  xproto.Timestamp

	clipboard, mime, targets, timestamp, multiple, incr, pairs xproto.Atom

	transfers map[spot]int // how much of data has gone where it is handed over in pieces
}

// take makes an invisible window and has it own the clipboard.
func (o *owner) take(mime string) error {
	for name, atom := range map[string]*xproto.Atom{
		"CLIPBOARD": &o.clipboard, mime: &o.mime, "TARGETS": &o.targets, "TIMESTAMP": &o.timestamp, "MULTIPLE": &o.multiple, "INCR": &o.incr,
		"ATOM_PAIR": &o.pairs,
	} {
		reply, err := xproto.InternAtom(o.x, false, uint16(len(name)), name).Reply()
		if err != nil {
			return fmt.Errorf("%w: %w", ErrLost, err)
		}
		*atom = reply.Atom
	}
	var err error
	if o.window, err = xproto.NewWindowId(o.x); err != nil {
		return fmt.Errorf("%w: %w", ErrLost, err)
	}
	screen := xproto.Setup(o.x).DefaultScreen(o.x)
	xproto.CreateWindow(o.x, 0, o.window, screen.Root, -1, -1, 1, 1, 0, xproto.WindowClassInputOnly, 0, xproto.CwEventMask, []uint32{xproto.EventMaskPropertyChange})
	// The time of taking has to be the server's (ICCCM 2.1): the notice of a changed property has it.
	xproto.ChangeProperty(o.x, xproto.PropModeAppend, o.window, o.timestamp, xproto.AtomInteger, 32, 0, nil)
	for o.since == 0 {
		event, fault := o.x.WaitForEvent()
		switch {
		case fault != nil:
			return fmt.Errorf("%w: %s", ErrLost, fault.Error())
		case event == nil:
			return ErrLost
		}
		if notice, ok := event.(xproto.PropertyNotifyEvent); ok {
			o.since = notice.Time
		}
	}
	xproto.SetSelectionOwner(o.x, o.window, o.clipboard, o.since)
	now, err := xproto.GetSelectionOwner(o.x, o.clipboard).Reply()
	if err != nil {
		return fmt.Errorf("%w: %w", ErrLost, err)
	}
	if now.Owner != o.window {
		return ErrNotOwned
	}
	return nil
}

// serve answers until someone else owns the clipboard and nobody is being served.
func (o *owner) serve() error {
	given := false
	for !given || len(o.transfers) > 0 {
		event, fault := o.x.WaitForEvent()
		if event == nil && fault == nil {
			if given {
				return nil // who was being served took too long
			}
			return ErrLost
		}
		switch e := event.(type) { // a fault is about another program's window that is gone: it concerns nobody else
		case xproto.SelectionRequestEvent:
			o.answer(e)
		case xproto.SelectionClearEvent:
			given = true
			defer time.AfterFunc(farewell, o.x.Close).Stop()
		case xproto.PropertyNotifyEvent:
			if e.State == xproto.PropertyDelete {
				o.nextPiece(spot{e.Window, e.Atom})
			}
		case xproto.DestroyNotifyEvent:
			for at := range o.transfers {
				if at.window == e.Window {
					delete(o.transfers, at)
				}
			}
		}
	}
	return nil
}

// answer gives a program what it asks for, or tells it that there is no such thing.
func (o *owner) answer(e xproto.SelectionRequestEvent) {
	property := e.Property
	if property == xproto.AtomNone {
		property = e.Target // as programs from before the ICCCM mean it
	}
	fits := e.Owner == o.window && e.Selection == o.clipboard && (e.Time == xproto.TimeCurrentTime || e.Time >= o.since)
	if !fits || !o.convert(e.Requestor, e.Target, property) {
		property = xproto.AtomNone
	}
	notice := xproto.SelectionNotifyEvent{Time: e.Time, Requestor: e.Requestor, Selection: e.Selection, Target: e.Target, Property: property}
	xproto.SendEvent(o.x, false, e.Requestor, xproto.EventMaskNoEvent, string(notice.Bytes()))
}

// convert writes one form of what is on the clipboard into a property.
func (o *owner) convert(window xproto.Window, target, property xproto.Atom) bool {
	switch target {
	case o.targets:
		o.put(window, property, xproto.AtomAtom, uint32(o.targets), uint32(o.timestamp), uint32(o.multiple), uint32(o.mime))
	case o.timestamp:
		o.put(window, property, xproto.AtomInteger, uint32(o.since))
	case o.multiple:
		return o.convertAll(window, property)
	case o.mime:
		if len(o.data) <= longestProperty {
			xproto.ChangeProperty(o.x, xproto.PropModeReplace, window, property, o.mime, 8, uint32(len(o.data)), o.data)
			return true
		}
		if len(o.transfers) >= mostTransfers {
			return false
		}
		xproto.ChangeWindowAttributes(o.x, window, xproto.CwEventMask, []uint32{xproto.EventMaskPropertyChange | xproto.EventMaskStructureNotify})
		o.put(window, property, o.incr, uint32(len(o.data)))
		o.transfers[spot{window, property}] = 0
	default:
		return false
	}
	return true
}

// put writes numbers into a property.
func (o *owner) put(window xproto.Window, property, kind xproto.Atom, values ...uint32) {
	data := make([]byte, 0, 4*len(values))
	for _, v := range values {
		data = binary.LittleEndian.AppendUint32(data, v) // xgb speaks little endian
	}
	xproto.ChangeProperty(o.x, xproto.PropModeReplace, window, property, kind, 32, uint32(len(values)), data)
}

// convertAll serves MULTIPLE: the property lists pairs of a form and where to put it. What cannot be had is replaced by none.
func (o *owner) convertAll(window xproto.Window, property xproto.Atom) bool {
	const most = 64 // words
	list, err := xproto.GetProperty(o.x, false, window, property, xproto.GetPropertyTypeAny, 0, most).Reply()
	if err != nil || list.Format != 32 {
		return false
	}
	values := make([]uint32, 0, most)
	for data := list.Value; len(data) >= 4; data = data[4:] {
		values = append(values, binary.LittleEndian.Uint32(data))
	}
	for i := 0; i+1 < len(values); i += 2 {
		target, into := xproto.Atom(values[i]), xproto.Atom(values[i+1])
		if target == o.multiple || into == xproto.AtomNone || !o.convert(window, target, into) {
			values[i+1] = xproto.AtomNone
		}
	}
	o.put(window, property, o.pairs, values...)
	return true
}

// nextPiece goes on where a program has taken the piece before; an empty one is the last.
func (o *owner) nextPiece(at spot) {
	sent, known := o.transfers[at]
	if !known {
		return
	}
	piece := o.data[sent:min(len(o.data), sent+longestProperty)]
	xproto.ChangeProperty(o.x, xproto.PropModeReplace, at.window, at.property, o.mime, 8, uint32(len(piece)), piece)
	if len(piece) == 0 {
		delete(o.transfers, at)
		return
	}
	o.transfers[at] = sent + len(piece)
}
