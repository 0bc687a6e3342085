package x11

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/jezek/xgb"
	"github.com/jezek/xgb/xproto"
)

// KeyAction is what happened to a key.
type KeyAction int

// A key that is held repeats until it is released.
const (
	KeyPressed KeyAction = iota
	KeyRepeated
	KeyReleased
)

// Handlers take what an Input captures. They are called on the goroutine of Run, one at a time, and must not wait. After Captured has said
// that keyboard or pointer are free, Key, or Motion and Button, are not called until it says that they are captured again.
type Handlers struct {
	Key    func(keycode byte, action KeyAction) // keycode is X's: 8 above Linux's evdev code
	Motion func(dx, dy int)                     // pixels of the host's screen
	Button func(button byte, down bool)         // X's numbers: 1 left, 2 middle, 3 right, 4 to 7 wheel up, down, left, right, 8 back, 9 forward
	// Side is Button for back and forward while the pointer is over the window and not captured: the toolkit knows no such buttons.
	Side func(button byte, down bool)
	// Captured reports a change. It may be called on any goroutine.
	Captured func(keyboard, pointer bool)
}

// An Input captures keyboard and pointer for a toplevel window of the toolkit: while it does, nobody else gets them, neither the desktop nor
// the toolkit. It has a connection of its own, so that keys do not wait for pictures, and the server takes back what was captured when the
// program ends, however it ends. It captures only while the window has the input focus, by itself again when the focus comes back, and is
// free at once when the focus goes.
type Input struct {
	x      *xgb.Conn
	top    xproto.Window
	root   xproto.Window
	handle Handlers
	blank  xproto.Cursor
	wake   chan struct{} // holds at most one wake-up for Obey

	mu      sync.Mutex
	wish    captured
	focused bool

	// handling is held while an event is handled and while capturing is switched, so that nothing is handled after it was switched off.
	handling sync.Mutex
	on       captured
	released *releaseTimer // a release that may be the first half of a repeat
	pointer  pointer
}

// captured says what an Input has, or should have.
type captured struct{ keyboard, pointer bool }

// releaseTimer is a KeyRelease event that waits for what follows it.
type releaseTimer struct {
	key   xproto.Keycode
	at    xproto.Timestamp
	timer *time.Timer
}

// The numbers of the side buttons.
const (
	buttonBack    = 8
	buttonForward = 9
)

// repeatGap is how long a key's release may wait for the press that makes it a repeat: the server sends both at once.
const repeatGap = 4 * time.Millisecond

// retryGap is the time between two tries to capture what somebody else has, such as a window manager that shows its list of windows.
const retryGap = 60 * time.Millisecond

// OpenInput connects to the X server of the environment for a toplevel window with this id. It waits for the server, so it is not for the UI
// goroutine. Errors wrap ErrUnavailable; one is that the desktop is Wayland, whose compositor an X grab means nothing to.
func OpenInput(window uintptr, h Handlers) (*Input, error) {
	if window == 0 || os.Getenv("WAYLAND_DISPLAY") != "" {
		return nil, fmt.Errorf("%w: not a window of a desktop on X", ErrUnavailable)
	}
	x, err := connect()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	i := &Input{x: x, top: xproto.Window(window), handle: h, wake: make(chan struct{}, 1)}
	if err := i.prepare(); err != nil {
		x.Close()
		return nil, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	return i, nil
}

func (i *Input) prepare() error {
	where, err := xproto.GetGeometry(i.x, xproto.Drawable(i.top)).Reply()
	if err != nil {
		return err
	}
	i.root = where.Root
	i.pointer.resize(int(where.Width), int(where.Height))
	// Every client has a mask of its own for these events; the toolkit's is not touched.
	mask := uint32(xproto.EventMaskFocusChange | xproto.EventMaskStructureNotify | xproto.EventMaskButtonRelease)
	if err := xproto.ChangeWindowAttributesChecked(i.x, i.top, xproto.CwEventMask, []uint32{mask}).Check(); err != nil {
		return err
	}
	focus, err := xproto.GetInputFocus(i.x).Reply()
	if err != nil {
		return err
	}
	i.focused = focus.Focus == i.top
	if i.blank, err = i.newBlankCursor(); err != nil {
		return err
	}
	for _, button := range []byte{buttonBack, buttonForward} { // somebody else may have them, such as a tool for mice: then they are its
		_ = xproto.GrabButtonChecked(i.x, false, i.top, xproto.EventMaskButtonPress|xproto.EventMaskButtonRelease,
			xproto.GrabModeAsync, xproto.GrabModeAsync, xproto.WindowNone, xproto.CursorNone, button, xproto.ModMaskAny).Check()
	}
	return nil
}

// Close ends the connection of an Input that is not run. Run closes by itself.
func (i *Input) Close() { i.x.Close() }

// Capture says what should be captured while the window has the focus. Any goroutine; never waits.
func (i *Input) Capture(keyboard, pointer bool) {
	i.mu.Lock()
	i.wish = captured{keyboard, pointer}
	i.mu.Unlock()
	i.poke()
}

func (i *Input) poke() {
	select {
	case i.wake <- struct{}{}:
	default:
	}
}

// Obey captures and frees as Capture and the focus say, until ctx ends (it returns ctx's error, and everything is free) or the connection is
// lost (ErrLost). Run has to run beside it.
func (i *Input) Obey(ctx context.Context) error {
	defer i.switchOff(captured{})
	retry := time.NewTimer(time.Hour)
	defer retry.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-i.wake:
		case <-retry.C:
		}
		i.mu.Lock()
		want := i.wish
		if !i.focused {
			want = captured{}
		}
		i.mu.Unlock()
		done, err := i.step(want)
		if err != nil {
			return fmt.Errorf("%w: %w", ErrLost, err)
		}
		if !done {
			retry.Reset(retryGap)
		}
	}
}

// step tries to have captured what is wanted. done is false when somebody else has it.
func (i *Input) step(want captured) (done bool, err error) {
	i.handling.Lock()
	before := i.on
	i.handling.Unlock()
	now := captured{before.keyboard && want.keyboard, before.pointer && want.pointer}
	if now != before {
		i.switchOff(now)
	}
	done = true
	if want.keyboard && !now.keyboard {
		if now.keyboard, err = i.grabKeyboard(); err != nil {
			return false, err
		}
		done = now.keyboard
	}
	if want.pointer && !now.pointer {
		if now.pointer, err = i.grabPointer(); err != nil {
			return false, err
		}
		done = done && now.pointer
	}
	if now != before {
		i.handle.Captured(now.keyboard, now.pointer)
	}
	return done, nil
}

// switchOff gives up all but what is in keep.
func (i *Input) switchOff(keep captured) {
	i.handling.Lock()
	was := i.on
	i.on = captured{was.keyboard && keep.keyboard, was.pointer && keep.pointer}
	if !i.on.keyboard {
		i.dropRelease()
	}
	i.handling.Unlock()
	if was.keyboard && !keep.keyboard {
		xproto.UngrabKeyboard(i.x, xproto.TimeCurrentTime)
	}
	if was.pointer && !keep.pointer {
		xproto.UngrabPointer(i.x, xproto.TimeCurrentTime)
	}
	if was != i.on {
		_, _ = xproto.GetInputFocus(i.x).Reply() // until then the server may not have freed them
		i.handle.Captured(i.on.keyboard, i.on.pointer)
	}
}

// Run hands out events until ctx ends (it returns ctx's error) or the connection is lost (ErrLost). The connection is closed when it returns.
func (i *Input) Run(ctx context.Context) error { return receive(ctx, i.x, i.event) }

func (i *Input) event(e xgb.Event) {
	switch e := e.(type) {
	case xproto.FocusInEvent:
		i.focus(e.Mode, e.Detail, true)
	case xproto.FocusOutEvent:
		i.focus(e.Mode, e.Detail, false)
	default:
		i.handling.Lock()
		defer i.handling.Unlock()
		i.input(e)
	}
}

// focus follows the input focus. Grabs, ours among them, announce themselves as changes of the focus that are none.
func (i *Input) focus(mode, detail byte, on bool) {
	if mode == xproto.NotifyModeGrab || mode == xproto.NotifyModeUngrab || detail == xproto.NotifyDetailInferior ||
		detail == xproto.NotifyDetailPointer || detail == xproto.NotifyDetailPointerRoot {
		return
	}
	i.mu.Lock()
	i.focused = on
	i.mu.Unlock()
	i.poke()
}

// input handles what a grab brings. The caller holds handling.
func (i *Input) input(e xgb.Event) {
	switch e := e.(type) {
	case xproto.KeyPressEvent:
		if i.on.keyboard {
			i.keyPress(e)
		}
	case xproto.KeyReleaseEvent:
		if i.on.keyboard {
			i.keyRelease(e)
		}
	case xproto.MotionNotifyEvent:
		if i.on.pointer {
			i.motion(e)
		}
	case xproto.ButtonPressEvent:
		if i.on.pointer {
			i.handle.Button(byte(e.Detail), true)
		} else { // the pointer is ours until the release, for which that is not needed: it would not move meanwhile
			xproto.UngrabPointer(i.x, e.Time)
			i.handle.Side(byte(e.Detail), true)
		}
	case xproto.ButtonReleaseEvent:
		if i.on.pointer {
			i.handle.Button(byte(e.Detail), false)
		} else if e.Detail == buttonBack || e.Detail == buttonForward {
			i.handle.Side(byte(e.Detail), false)
		}
	case xproto.ConfigureNotifyEvent:
		if e.Window == i.top {
			i.pointer.resize(int(e.Width), int(e.Height))
		}
	}
}

// Minimise asks the window manager to put the window away (ICCCM 4.1.4). Any goroutine; an answer is not waited for.
func (i *Input) Minimise() error {
	const name, iconic = "WM_CHANGE_STATE", 3
	atom, err := xproto.InternAtom(i.x, false, uint16(len(name)), name).Reply()
	if err != nil {
		return err
	}
	message := xproto.ClientMessageEvent{Format: 32, Window: i.top, Type: atom.Atom, Data: xproto.ClientMessageDataUnionData32New([]uint32{iconic, 0, 0, 0, 0})}
	xproto.SendEvent(i.x, false, i.root, xproto.EventMaskSubstructureRedirect|xproto.EventMaskSubstructureNotify, string(message.Bytes()))
	return nil
}

var errGrab = errors.New("the server refused to capture")
