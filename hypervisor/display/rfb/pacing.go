package rfb

import (
	"encoding/binary"
	"image"
	"time"
)

// QEMU looks at the guest's screen on a timer (ui/vnc.c, vnc_refresh): after a look that found nothing the next is 50 ms later than before, up to
// 3 s, and any message of a type above 3 takes it back to 30 ms since the last look (ui/console.c, update_displaychangelistener). A key, then,
// makes QEMU look at once, before the guest has drawn, and again after 80 ms: what every viewer shows. A message that QEMU drops, the release
// of a key that is not held (ui/kbd-state.c), keeps the timer at its 30 ms while it is sent more often than that: a key falls anywhere between
// two looks and changes nothing, and what it draws is seen 15 ms later on average.
//
// Measured with QEMU 7.2 by emulation, in milliseconds (mean), and in percent of one processor on an idle screen
// (go test -run '^$' -bench 'KeyToPicture|ChangeAfterIdle|IdleScreen' -benchtime 100x, 24x and 1x):
//
//	wakes                            key to update   change after 10 s idle   QEMU   we
//	none                                      77.5                      726   0.66   0.05
//	25 ms for 3 s, then each 500 ms           21.5                     77.8   1.1    0.12
//	25 ms for 3 s, then each 200 ms                                    62.8   1.1    0.32
//	25 ms for 3 s, then each 130 ms           19.0            46.9 (busy)      1.0    0.39
//	25 ms for 3 s, then each 100 ms                                    35.8   1.5    0.49
//	25 ms for 3 s, then each 60 ms                                     36.4   1.0    0.58
//	25 ms always                              18.6                     21.1   2.0    1.5
//
// Idle, QEMU looks 80 ms after a wake or at the next one, so that 100 to 150 ms between wakes give the most for the least. The row for 130 ms was
// measured while other work kept both processors busy.
const (
	wakeEvery   = 25 * time.Millisecond  // while the user is at it
	eagerFor    = 3 * time.Second        // after input, or after the screen became visible
	heartbeat   = 130 * time.Millisecond // otherwise
	idleLimit   = time.Hour              // what the writer waits when nothing is due: for a signal only
	wakeKey     = 0x58                   // F12
	wakeKeyElse = 0x57                   // F11, while F12 is held
)

// A pacer decides when to ask for an update and when to send a wake message. It knows no clock and no connection.
type pacer struct {
	ready   bool
	visible bool
	wakes   bool // wanted: QEMU's timer is ours to keep awake
	qemu    bool // the server is QEMU
	rate    rate

	width, height int
	outstanding   bool // an update has been asked for and has not begun
	pending       bool // the request for it has not been written yet
	begun         bool // the first request has been written: later ones ask for changes only
	full          bool // the next request is for the whole screen

	// Continuous updates (rfbproto.rst): the server sends changes without being asked.
	offered bool // the server can
	ended   bool // it has stopped by itself, and is not asked again
	flowing bool // it has been told to, for a screen of flow
	flow    image.Point
	ends    int // how often it still has to say that it has stopped

	eagerUntil time.Time
	lastWake   time.Time // when something was written that wakes QEMU
}

// A rate says how often QEMU is woken; constants but for measurements.
type rate struct{ eager, eagerFor, idle time.Duration }

// request asks for an update unless one is asked for already, or nobody looks.
func (p *pacer) request() {
	if p.ready && p.visible && !p.outstanding && (!p.flowing || p.full) {
		p.outstanding, p.pending = true, true
	}
}

// setVisible also takes back a request that has not been written.
func (p *pacer) setVisible(visible bool, now time.Time) {
	if visible && !p.visible {
		p.eagerUntil, p.lastWake = now.Add(p.rate.eagerFor), time.Time{}
	}
	p.visible = visible
	if !visible && p.pending {
		p.outstanding, p.pending = false, false
	}
	p.request()
}

// updateBegan is told of an update.
func (p *pacer) updateBegan() {
	if !p.pending { // else the update answers an earlier request, and the one that waits is still to be sent
		p.outstanding = false
	}
	p.request()
}

// updatesEnd is told that updates come only on request from now on. The first time that means that they could come without.
func (p *pacer) updatesEnd() {
	switch {
	case p.ends > 0:
		p.ends--
	case !p.offered:
		p.offered = true
	default:
		p.ended, p.flowing = true, false
		p.request()
	}
}

// appendFlow turns continuous updates on or off, or gives them the screen's new size.
func (p *pacer) appendFlow(out []byte) []byte {
	on := p.offered && !p.ended && p.visible && p.width > 0
	size := image.Pt(p.width, p.height)
	if on == p.flowing && (!on || size == p.flow) {
		return out
	}
	p.flowing, p.flow = on, size
	if !on {
		p.ends++
	}
	out = append(out, msgEnableContinuousUpdates, bit(on), 0, 0, 0, 0)
	out = binary.BigEndian.AppendUint16(out, uint16(size.X))
	return binary.BigEndian.AppendUint16(out, uint16(size.Y))
}

// sent is told that input was written at now, which wakes QEMU as well.
func (p *pacer) sent(now time.Time) {
	p.lastWake = now
	p.eagerUntil = now.Add(p.rate.eagerFor)
}

// encode appends what is due at now, and says when to ask again at the latest. spare names a key that is not held.
func (p *pacer) encode(out []byte, now time.Time, spare func() (uint32, bool)) ([]byte, time.Duration) {
	if p.pending {
		p.pending = false
		out = p.appendRequest(out)
	}
	out = p.appendFlow(out)
	if !p.wakes || !p.qemu || !p.visible || !p.ready {
		return out, idleLimit
	}
	every := p.rate.idle
	if now.Before(p.eagerUntil) {
		every = p.rate.eager
	}
	if !now.Before(p.lastWake.Add(every)) {
		out = p.appendWake(out, spare)
		p.lastWake = now
	}
	return out, p.lastWake.Add(every).Sub(now)
}

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
