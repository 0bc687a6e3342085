package rfb

import (
	"testing"
	"time"
)

// spare is a key that is not held.
func spare() (uint32, bool) { return wakeKey, true }

// wakes counts the wake messages that p sends from start on for a time, asked whenever it wants to be, and checks that it is never asked in
// vain.
func wakes(t *testing.T, p *pacer, start time.Time, long time.Duration) (n int) {
	t.Helper()
	for now := start; now.Before(start.Add(long)); {
		out, wait := p.encode(nil, now, spare)
		n += len(out) / 12
		if wait <= 0 {
			t.Fatalf("asked for again in %v: the writer would never sleep", wait)
		}
		now = now.Add(wait)
	}
	return n
}

// A watched QEMU whose timer is ours is woken often while the user is at it, seldom otherwise; nobody else is ever woken.
func TestOnlyAWatchedQEMUIsWoken(t *testing.T) {
	start := time.Unix(1e9, 0)
	eager := rate{wakeEvery, eagerFor, heartbeat}
	for _, c := range []struct {
		name     string
		p        pacer
		input    bool
		min, max int // in the first ten seconds
	}{
		{"idle", pacer{ready: true, visible: true, wakes: true, qemu: true}, false, 60, 80},
		{"after input", pacer{ready: true, visible: true, wakes: true, qemu: true}, true, 160, 200},
		{"the machine has a D-Bus display", pacer{ready: true, visible: true, qemu: true}, true, 0, 0},
		{"another server", pacer{ready: true, visible: true, wakes: true}, true, 0, 0},
		{"hidden", pacer{ready: true, wakes: true, qemu: true}, true, 0, 0},
		{"during the handshake", pacer{visible: true, wakes: true, qemu: true}, true, 0, 0},
	} {
		c.p.rate = eager
		if c.input {
			c.p.sent(start)
		}
		if n := wakes(t, &c.p, start, 10*time.Second); n < c.min || n > c.max {
			t.Errorf("%s: woken %d times, want %d to %d", c.name, n, c.min, c.max)
		}
	}
}

// The timer must never get to its second look, 80 ms after the first, while the user types: two wakes are less than 30 ms apart, and so are
// a key and the wakes beside it.
func TestWakesLeaveNoGapWhileTheUserTypes(t *testing.T) {
	p := pacer{ready: true, visible: true, wakes: true, qemu: true, rate: rate{wakeEvery, eagerFor, heartbeat}}
	now := time.Unix(1e9, 0)
	p.sent(now)
	for range 1000 {
		out, wait := p.encode(nil, now, spare)
		if wait >= 30*time.Millisecond {
			t.Fatalf("nothing for %v", wait)
		}
		if now = now.Add(wait); len(out) == 0 {
			p.sent(now) // a key at an odd moment
		}
	}
}

// A screen that becomes visible gets what it missed at once: QEMU is asked, and made to look.
func TestVisibleScreenWakesAtOnce(t *testing.T) {
	now := time.Unix(1e9, 0)
	p := pacer{ready: true, visible: true, wakes: true, qemu: true, begun: true, lastWake: now, rate: rate{wakeEvery, eagerFor, heartbeat}}
	p.setVisible(false, now)
	if out, wait := p.encode(nil, now, spare); len(out) > 0 || wait != idleLimit {
		t.Errorf("hidden: %v, and again in %v", out, wait)
	}
	p.setVisible(true, now)
	out, _ := p.encode(nil, now, spare)
	if len(out) != 10+12 || out[0] != msgUpdateRequest || out[1] != 1 || out[10] != msgQEMU {
		t.Errorf("visible again: %v", out)
	}
}
