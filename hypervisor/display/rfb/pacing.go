package rfb

import (
	"encoding/binary"
	"time"
)

// QEMU looks at the guest's screen on a timer that grows slower while nothing changes, and a key makes it look before the guest has drawn.
// A message that QEMU drops, but that sets the timer back to its fastest (30 ms), brings the picture two to three times as early: the release
// of a key that is not held (QEMU ui/vnc.c, VNC_REFRESH_INTERVAL_BASE; ui/kbd-state.c). It is sent after input until a picture comes, and as a
// heartbeat while somebody looks at a screen on which nothing happens.
const (
	wakeFirst   = 4 * time.Millisecond  // after an input event was sent
	wakeEvery   = 28 * time.Millisecond // and then again
	wakeFor     = 250 * time.Millisecond
	heartbeat   = 500 * time.Millisecond
	idleLimit   = time.Hour // the longest sleep of the writer
	wakeKey     = 0x58      // F12
	wakeKeyElse = 0x57      // F11, while F12 is held
)

// A pacer decides when to ask for an update and when to send a wake message. It knows no clock and no connection.
type pacer struct {
	ready     bool
	visible   bool
	heartbeat bool
	canWake   bool // the server takes key numbers

	width, height int
	outstanding   bool // an update has been asked for and has not begun
	pending       bool // the request for it has not been written yet
	begun         bool // the first request has been written: later ones ask for changes only
	full          bool // the next request is for the whole screen

	wakeAt, wakeEnd time.Time // zero: no wake
	lastSent        time.Time
}

// request asks for an update unless one is asked for already, or nobody looks.
func (p *pacer) request() {
	if p.ready && p.visible && !p.outstanding {
		p.outstanding, p.pending = true, true
	}
}

// setVisible also takes back a request that has not been written.
func (p *pacer) setVisible(visible bool) {
	p.visible = visible
	if !visible && p.pending {
		p.outstanding, p.pending = false, false
	}
	p.request()
}

// updateBegan is told of an update; one with pixels is what wakes were waiting for.
func (p *pacer) updateBegan(pixels bool) {
	if !p.pending { // else the update answers an earlier request, and the one that waits is still to be sent
		p.outstanding = false
	}
	if pixels {
		p.wakeAt, p.wakeEnd = time.Time{}, time.Time{}
	}
	p.request()
}

// sent is told that input was written at now.
func (p *pacer) sent(now time.Time) {
	p.lastSent = now
	if !p.canWake {
		return
	}
	if p.wakeAt.IsZero() {
		p.wakeAt = now.Add(wakeFirst)
	}
	p.wakeEnd = now.Add(wakeFor)
}

// encode appends what is due at now, and says when to ask again at the latest. spare names a key that is not held.
func (p *pacer) encode(out []byte, now time.Time, spare func() (uint32, bool)) ([]byte, time.Duration) {
	if p.pending {
		p.pending = false
		out = p.appendRequest(out)
	}
	if !p.wakeAt.IsZero() && !now.Before(p.wakeAt) {
		if p.wakeAt.After(p.wakeEnd) {
			p.wakeAt = time.Time{}
		} else {
			out = p.appendWake(out, spare)
			p.wakeAt, p.lastSent = now.Add(wakeEvery), now
		}
	}
	wait := idleLimit
	if !p.wakeAt.IsZero() {
		wait = min(wait, p.wakeAt.Sub(now))
	}
	if p.beats() {
		beat := p.lastSent.Add(heartbeat)
		if !now.Before(beat) {
			out = p.appendWake(out, spare)
			p.lastSent, beat = now, now.Add(heartbeat)
		}
		wait = min(wait, beat.Sub(now))
	}
	return out, wait
}

func (p *pacer) beats() bool { return p.heartbeat && p.visible && p.ready && p.canWake }

func (p *pacer) appendRequest(out []byte) []byte {
	incremental := p.begun && !p.full
	p.begun, p.full = true, false
	out = append(out, msgUpdateRequest, bit(incremental), 0, 0, 0, 0)
	out = binary.BigEndian.AppendUint16(out, uint16(p.width))
	return binary.BigEndian.AppendUint16(out, uint16(p.height))
}

func (p *pacer) appendWake(out []byte, spare func() (uint32, bool)) []byte {
	qnum, ok := spare()
	if !ok {
		return out
	}
	return appendExtendedKey(out, qnum, 0, false)
}
