package rfb

import (
	"encoding/binary"

	"guesthouse/hypervisor/display"
)

// queueLimit is how many events may wait for a server that does not take them. Only releases may exceed it, so that nothing is left pressed;
// there are never more of them than presses.
const queueLimit = 1024

// relativeLimit is the largest distance in one event of QEMU's relative pointer.
const relativeLimit = 0x7fff

// plainButtons are the buttons that fit into a PointerEvent: three buttons and four directions of the wheel.
const plainButtons = display.ButtonLeft | display.ButtonMiddle | display.ButtonRight | display.Wheel

// extendedPointer marks a PointerEvent that is one byte longer, for servers that acknowledged extended mouse buttons (rfbproto.rst).
const extendedPointer = 0x80

type eventKind uint8

const (
	eventKey eventKind = iota
	eventAbsolute
	eventRelative
)

// An event is an input event that waits to be sent.
type event struct {
	kind         eventKind
	down         bool
	move         bool // of the pointer, with the same buttons as before
	qnum, keysym uint32
	x, y         int // a place, or a distance
	buttons      display.ButtonMask
}

// A queue holds input events in order.
type queue struct {
	events      []event
	byNumber    bool // the server takes QEMU's key numbers
	sideButtons bool // the server takes the buttons back and forward
}

// sendable are the buttons that can be said to this server.
func (q *queue) sendable() display.ButtonMask {
	if q.sideButtons {
		return plainButtons | display.ButtonBack | display.ButtonForward
	}
	return plainButtons
}

func (q *queue) hasRoom() bool { return len(q.events) < queueLimit }

func (q *queue) add(e event) { q.events = append(q.events, e) }

func (q *queue) key(qnum, keysym uint32, down bool) {
	q.add(event{kind: eventKey, qnum: qnum, keysym: keysym, down: down})
}

// merge joins a move with a move that still waits, so that a slow server gets where the pointer is rather than all the way it went. An event
// that presses or lets go of a button stays where it happened.
func (q *queue) merge(e event) bool {
	if len(q.events) == 0 {
		return false
	}
	last := &q.events[len(q.events)-1]
	if !e.move || !last.move || last.kind != e.kind {
		return false
	}
	if e.kind == eventRelative {
		e.x, e.y = e.x+last.x, e.y+last.y
		if e.x != clamp(e.x, relativeLimit) || e.y != clamp(e.y, relativeLimit) {
			return false
		}
	}
	*last = e
	return true
}

// encode appends the messages for all events to out and empties the queue.
func (q *queue) encode(out []byte) []byte {
	for _, e := range q.events {
		switch {
		case e.kind == eventKey && q.byNumber && e.qnum != 0:
			out = appendExtendedKey(out, e.qnum, e.keysym, e.down)
		case e.kind == eventKey && e.keysym != 0:
			out = append(out, msgKeyEvent, bit(e.down), 0, 0)
			out = binary.BigEndian.AppendUint32(out, e.keysym)
		case e.kind == eventAbsolute:
			out = appendPointer(out, e.x, e.y, e.buttons)
		case e.kind == eventRelative:
			out = appendPointer(out, relativeLimit+clamp(e.x, relativeLimit), relativeLimit+clamp(e.y, relativeLimit), e.buttons)
		}
	}
	q.events = q.events[:0]
	return out
}

// appendExtendedKey makes a QEMU Extended Key Event (rfbproto.rst): submessage 0, a 16-bit down flag, keysym and key number.
func appendExtendedKey(out []byte, qnum, keysym uint32, down bool) []byte {
	out = append(out, msgQEMU, qemuKeyEvent, 0, bit(down))
	out = binary.BigEndian.AppendUint32(out, keysym)
	return binary.BigEndian.AppendUint32(out, qnum)
}

// appendPointer makes a PointerEvent (RFC 6143, 7.5.5), extended by a byte for the buttons from the eighth on where one of them is down.
func appendPointer(out []byte, x, y int, buttons display.ButtonMask) []byte {
	more := byte(buttons >> 7)
	low := byte(buttons & plainButtons)
	if more != 0 {
		low |= extendedPointer
	}
	out = append(out, msgPointerEvent, low)
	out = binary.BigEndian.AppendUint16(out, uint16(x))
	out = binary.BigEndian.AppendUint16(out, uint16(y))
	if more != 0 {
		out = append(out, more)
	}
	return out
}

func bit(b bool) byte {
	if b {
		return 1
	}
	return 0
}

func clamp(v, limit int) int { return max(-limit, min(v, limit)) }
