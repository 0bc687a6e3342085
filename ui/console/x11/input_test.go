package x11

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/jezek/xgb"
	"github.com/jezek/xgb/xproto"
	"github.com/jezek/xgb/xtest"

	"guesthouse/hypervisor/hosttest"
)

// inputBench is two toplevel windows of another client, which hears keys like a toolkit, and an Input for the first of them.
type inputBench struct {
	t       *testing.T
	toolkit *xgb.Conn
	root    xproto.Window
	one     xproto.Window
	two     xproto.Window
	input   *Input
	stop    context.CancelFunc
	ended   chan error

	mu    sync.Mutex
	log   []string // what the Input handed out
	heard []string // what the toolkit got
	x, y  int      // sum of all motion
	state captured
}

func newInputBench(t *testing.T) *inputBench {
	t.Helper()
	t.Setenv("WAYLAND_DISPLAY", "")
	startServer(t)
	b := &inputBench{t: t, ended: make(chan error, 2)}
	var err error
	if b.toolkit, err = connect(extTest); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.toolkit.Close)
	screen := xproto.Setup(b.toolkit).DefaultScreen(b.toolkit)
	b.root = screen.Root
	b.one, b.two = b.window(100), b.window(500)
	b.focus(b.one)
	b.input, err = OpenInput(uintptr(b.one), Handlers{
		Key: func(keycode byte, action KeyAction) {
			b.note("%s%d", map[KeyAction]string{KeyPressed: "+", KeyRepeated: "=", KeyReleased: "-"}[action], keycode)
		},
		Motion: func(dx, dy int) {
			b.mu.Lock()
			defer b.mu.Unlock()
			b.x, b.y = b.x+dx, b.y+dy
		},
		Button: func(button byte, down bool) { b.note("button %d %v", button, down) },
		Side:   func(button byte, down bool) { b.note("side %d %v", button, down) },
		Captured: func(keyboard, pointer bool) {
			b.mu.Lock()
			defer b.mu.Unlock()
			b.state = captured{keyboard, pointer}
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	b.stop = stop
	t.Cleanup(stop)
	go func() { b.ended <- b.input.Run(ctx) }()
	go func() { b.ended <- b.input.Obey(ctx) }()
	go func() {
		for {
			e, _ := b.toolkit.WaitForEvent()
			if e == nil {
				return
			}
			if key, ok := e.(xproto.KeyPressEvent); ok {
				b.mu.Lock()
				b.heard = append(b.heard, fmt.Sprint(key.Detail))
				b.mu.Unlock()
			}
		}
	}()
	return b
}

func (b *inputBench) window(x int16) xproto.Window {
	b.t.Helper()
	id, _ := xproto.NewWindowId(b.toolkit)
	xproto.CreateWindow(b.toolkit, 0, id, b.root, x, 100, 300, 200, 0, xproto.WindowClassInputOutput, 0, xproto.CwEventMask,
		[]uint32{xproto.EventMaskKeyPress | xproto.EventMaskButtonPress})
	if err := xproto.MapWindowChecked(b.toolkit, id).Check(); err != nil {
		b.t.Fatal(err)
	}
	return id
}

func (b *inputBench) focus(w xproto.Window) {
	b.t.Helper()
	if err := xproto.SetInputFocusChecked(b.toolkit, xproto.InputFocusNone, w, xproto.TimeCurrentTime).Check(); err != nil {
		b.t.Fatal(err)
	}
}

func (b *inputBench) note(format string, args ...any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.log = append(b.log, fmt.Sprintf(format, args...))
}

// fake is what a device does: a key or button goes down or up, or the pointer moves.
func (b *inputBench) fake(kind, detail byte, x, y int16) {
	b.t.Helper()
	if err := xtest.FakeInputChecked(b.toolkit, kind, detail, 0, b.root, x, y, 0).Check(); err != nil {
		b.t.Fatal(err)
	}
}

func (b *inputBench) key(code byte, down bool) {
	b.fake(kind(down, xproto.KeyPress, xproto.KeyRelease), code, 0, 0)
}

func (b *inputBench) button(n byte, down bool) {
	b.fake(kind(down, xproto.ButtonPress, xproto.ButtonRelease), n, 0, 0)
}

func kind(down bool, press, release byte) byte {
	if down {
		return press
	}
	return release
}

func (b *inputBench) until(what string, ok func() bool) {
	b.t.Helper()
	if err := hosttest.Poll(hosttest.Patience, func() error {
		b.mu.Lock()
		defer b.mu.Unlock()
		if !ok() {
			return fmt.Errorf("captured %v, log %v, the toolkit heard %v, moved %d,%d", b.state, b.log, b.heard, b.x, b.y)
		}
		return nil
	}); err != nil {
		b.t.Fatalf("%s: %v", what, err)
	}
}

func (b *inputBench) captures(keyboard, pointer bool) {
	b.t.Helper()
	b.input.Capture(keyboard, pointer)
	b.until("captured as asked", func() bool { return b.state == captured{keyboard, pointer} })
}

func TestCapturedKeysReachNobodyElse(t *testing.T) {
	b := newInputBench(t)
	const a, super = 38, 133
	b.captures(true, false)
	for _, code := range []byte{super, a} {
		b.key(code, true)
		b.key(code, false)
	}
	b.until("both keys", func() bool { return slices.Equal(b.log, []string{"+133", "-133", "+38", "-38"}) })
	b.captures(false, false)
	b.key(a, true)
	b.key(a, false)
	b.until("a key for the toolkit", func() bool { return slices.Equal(b.heard, []string{"38"}) && len(b.log) == 4 })
}

// The server repeats a held key as releases and presses.
func TestAHeldKeyRepeats(t *testing.T) {
	b := newInputBench(t)
	b.captures(true, false)
	b.key(38, true)
	b.until("repeats", func() bool { return len(b.log) >= 6 })
	b.key(38, false)
	b.until("the release", func() bool { return b.log[len(b.log)-1] == "-38" })
	b.mu.Lock()
	defer b.mu.Unlock()
	for n, e := range b.log[1 : len(b.log)-1] {
		if e != "=38" {
			t.Errorf("event %d is %s", n+1, e)
		}
	}
	if b.log[0] != "+38" {
		t.Errorf("begins with %s", b.log[0])
	}
}

// What has the focus has the keys, at once and without anybody asking; and again when the focus is back.
func TestFocusFreesAndCapturesAgain(t *testing.T) {
	b := newInputBench(t)
	b.captures(true, true)
	b.focus(b.two)
	b.until("free", func() bool { return b.state == captured{} })
	b.key(38, true)
	b.key(38, false)
	b.until("the other window's key", func() bool { return slices.Equal(b.heard, []string{"38"}) && len(b.log) == 0 })
	b.focus(b.one)
	b.until("captured again", func() bool { return b.state == captured{true, true} })
}

// A window manager that shows its list of windows has the keyboard meanwhile.
func TestWaitsForAnothersGrab(t *testing.T) {
	b := newInputBench(t)
	if r, err := xproto.GrabKeyboard(b.toolkit, true, b.two, xproto.TimeCurrentTime, xproto.GrabModeAsync, xproto.GrabModeAsync).Reply(); err != nil || r.Status != 0 {
		t.Fatal(r, err)
	}
	b.input.Capture(true, false)
	b.key(38, true)
	b.key(38, false)
	b.until("the other's key", func() bool { return len(b.heard) == 1 && b.state == captured{} })
	xproto.UngrabKeyboard(b.toolkit, xproto.TimeCurrentTime)
	b.until("captured after all", func() bool { return b.state == captured{true, false} })
}

// The pointer's way is longer than the screen, and every button counts.
func TestCapturedPointerMovesWithoutEnd(t *testing.T) {
	b := newInputBench(t)
	b.captures(true, true)
	const steps = 300
	x, y, lost := 0, 0, 0
	for range steps {
		b.fake(xproto.MotionNotify, 1, 7, -5) // 1: a distance
		// A hand gives the server time to put the pointer back, too. The server may lose a step that comes while it does so; the next one counts.
		if err := hosttest.Poll(5*time.Second, func() error {
			b.mu.Lock()
			defer b.mu.Unlock()
			if b.x <= x {
				return errors.New("it does not move")
			}
			x, y, lost = b.x, b.y, 0
			return nil
		}); err != nil {
			if lost++; lost > 1 {
				t.Fatalf("at %d,%d: %v", x, y, err)
			}
		}
	}
	// It is put back every ten steps.
	const slack = steps / 10
	if d := x - 7*steps; d < -7*slack || d > 7*slack {
		t.Errorf("moved %d to the right, not %d", x, 7*steps)
	}
	if d := y + 5*steps; d < -5*slack || d > 5*slack {
		t.Errorf("moved %d up, not %d", -y, 5*steps)
	}
	for _, n := range []byte{1, 3, 2, 4, 7, 8, 9} {
		b.button(n, true)
		b.button(n, false)
	}
	want := []string{
		"button 1 true", "button 1 false", "button 3 true", "button 3 false", "button 2 true", "button 2 false", "button 4 true", "button 4 false",
		"button 7 true", "button 7 false", "button 8 true", "button 8 false", "button 9 true", "button 9 false",
	}
	b.until("all buttons", func() bool { return slices.Equal(b.log, want) })
	b.captures(true, false)
	b.fake(xproto.MotionNotify, 1, 50, 50)
	b.key(38, true)
	b.key(38, false)
	b.until("the key after it", func() bool { return b.log[len(b.log)-1] == "-38" })
	if b.x != x {
		t.Errorf("a free pointer moved the guest's")
	}
}

// Back and forward are heard over the window only, and the toolkit has the pointer meanwhile.
func TestSideButtonsOfAFreePointer(t *testing.T) {
	b := newInputBench(t)
	click := func(n byte) {
		b.button(n, true)
		b.button(n, false)
	}
	b.fake(xproto.MotionNotify, 0, 550, 150) // over the other window
	click(8)
	b.fake(xproto.MotionNotify, 0, 150, 150)
	b.button(8, true)
	b.until("the press", func() bool { return slices.Equal(b.log, []string{"side 8 true"}) })
	b.until("the pointer for the toolkit", func() bool {
		grab, err := xproto.GrabPointer(b.toolkit, false, b.one, 0, xproto.GrabModeAsync, xproto.GrabModeAsync, 0, 0, xproto.TimeCurrentTime).Reply()
		return err == nil && grab.Status == xproto.GrabStatusSuccess
	})
	xproto.UngrabPointer(b.toolkit, xproto.TimeCurrentTime)
	b.button(8, false)
	click(1)
	click(9)
	want := []string{"side 8 true", "side 8 false", "side 9 true", "side 9 false"}
	b.until("both buttons", func() bool { return slices.Equal(b.log, want) })
}

func TestEndFreesEverything(t *testing.T) {
	b := newInputBench(t)
	b.captures(true, true)
	b.stop()
	for range 2 {
		if err := <-b.ended; !errors.Is(err, context.Canceled) {
			t.Errorf("ended by %v", err)
		}
	}
	b.until("free", func() bool { return b.state == captured{} })
	b.key(38, true)
	b.key(38, false)
	b.until("the toolkit's key", func() bool { return slices.Equal(b.heard, []string{"38"}) })
}

func TestNoInputOnWayland(t *testing.T) {
	t.Setenv("WAYLAND_DISPLAY", "wayland-0")
	if _, err := OpenInput(1, Handlers{}); !errors.Is(err, ErrUnavailable) {
		t.Error(err)
	}
}
