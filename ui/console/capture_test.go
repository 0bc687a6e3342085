package console

import (
	"fmt"
	"sync/atomic"
	"testing"

	"fyne.io/fyne/v2"

	"guesthouse/app/machines"
	"guesthouse/app/settings"
	"guesthouse/hypervisor"
	"guesthouse/hypervisor/display"
	"guesthouse/hypervisor/keymap"
	"guesthouse/ui/console/x11"
)

// fakeGrabs notes what is to be captured and says at once that it is.
type fakeGrabs struct {
	w     *Window
	asked []captured
	put   atomic.Int32 // how often the window was put away
}

func (g *fakeGrabs) Capture(keyboard, pointer bool) {
	g.asked = append(g.asked, captured{keyboard, pointer})
	g.w.showCapture(captured{keyboard, pointer})
}

func (g *fakeGrabs) Minimise() error { g.put.Add(1); return nil }

func (g *fakeGrabs) expect(t *testing.T, when string, want captured) {
	t.Helper()
	if g.w.capture.has != want {
		t.Errorf("%s: captured %+v, want %+v", when, g.w.capture.has, want)
	}
}

func (w *Window) key(code int, down bool) {
	e := &fyne.KeyEvent{Physical: fyne.HardwareKey{ScanCode: code + 8}}
	if down {
		w.display.KeyDown(e)
	} else {
		w.display.KeyUp(e)
	}
}

func (w *Window) tapKey(code int) {
	w.key(code, true)
	w.key(code, false)
}

func capturing(t *testing.T, auto bool) (*world, *Window, *fakeGrabs) {
	f := newWorld(t, hypervisor.StateRunning)
	f.settings.CaptureKeyboard = auto
	w := f.open()
	f.live(w, 0)
	f.until("an absolute pointer", func() bool { return w.capture.absolute })
	g := &fakeGrabs{w: w}
	w.setGrabs(g)
	return f, w, g
}

var keys, both, none = captured{keyboard: true}, captured{true, true}, captured{}

func TestCaptureFollowsFocusAndHostKey(t *testing.T) {
	f, w, g := capturing(t, true)
	g.expect(t, "with the focus", keys)
	if text := w.status.keyboard.text; text != "Keyboard captured – Right Ctrl frees it" {
		t.Errorf("the status line says %q", text)
	}
	if w.win.Title() != "web – running – Right Ctrl frees the keyboard" {
		t.Errorf("the title is %q", w.win.Title())
	}
	w.tapKey(keymap.RightCtrl)
	g.expect(t, "after a tap", none)
	if w.win.Title() != "web – running" {
		t.Errorf("the title is %q", w.win.Title())
	}
	w.tapKey(keymap.A)
	g.expect(t, "a key later", none)
	w.tapKey(keymap.RightCtrl)
	g.expect(t, "after another tap", keys)
	w.tapKey(keymap.RightCtrl)
	w.display.FocusLost()
	w.display.FocusGained()
	g.expect(t, "with the focus anew", keys)
	w.display.FocusLost()
	g.expect(t, "without the focus", none)
	w.display.FocusGained()

	w.reset()
	g.expect(t, "under a question", none)
	tapButton(t, w.win, "Cancel")
	g.expect(t, "after the question", keys)
	w.menu(w.bar.keys, w.keysMenu())
	g.expect(t, "under a menu", none)
	w.win.Canvas().Overlays().Top().(fyne.Tappable).Tapped(&fyne.PointEvent{}) // beside it
	g.expect(t, "after the menu", keys)

	f.set(func() { f.openErr, f.tries = errGone, 1 })
	f.source(0).hangUp <- errGone
	f.until("free after the connection broke", func() bool { return w.capture.has == none })
	f.set(func() { f.openErr = nil })
	w.link.retry()
	f.live(w, 1)
	g.expect(t, "connected again", keys)
	f.change(func(m *machines.Machine) { m.State = hypervisor.StateOff })
	f.until("free after the machine stopped", func() bool { return w.capture.has == none })
}

// Without its connection to the X server nothing is captured any more, whatever was: the window says so and no key stays down.
func TestCaptureLost(t *testing.T) {
	f, w, g := capturing(t, true)
	g.expect(t, "with the focus", keys)
	source := f.source(0)
	source.take()
	w.captureHandlers().Key(keymap.LeftMeta+8, x11.KeyPressed)
	w.captureLost()
	expect(t, source.take(), "+db -db")
	if w.win.Title() != "web – running" || w.status.captured {
		t.Errorf("the title is %q, the status line says %q", w.win.Title(), w.status.keyboard.text)
	}
	w.display.FocusLost()
	w.display.FocusGained()
	g.expect(t, "with the focus anew", none)
}

func TestCaptureOnlyWhenAskedFor(t *testing.T) {
	_, w, g := capturing(t, false)
	g.expect(t, "with the focus", none)
	w.tapKey(keymap.RightCtrl)
	g.expect(t, "after a tap", keys)
	w.tapKey(keymap.RightCtrl)
	g.expect(t, "after another", none)
}

// A key that is down keeps the keyboard where it is: its release has to go where its press went.
func TestCaptureWaitsForKeys(t *testing.T) {
	f, w, g := capturing(t, true)
	w.capture.free()
	source := f.source(0)
	source.take()
	w.key(keymap.LeftCtrl, true)
	w.capture.toggle()
	g.expect(t, "while Ctrl is down", none)
	w.key(keymap.LeftCtrl, false)
	g.expect(t, "after it", keys)
	expect(t, source.take(), "+1d -1d")
}

// Keys of the X server and of the toolkit end in one keyboard; what is down when it changes hands is up afterwards.
func TestNothingIsStuckWhenTheKeyboardChangesHands(t *testing.T) {
	f, w, g := capturing(t, true)
	source := f.source(0)
	source.take()
	h := w.captureHandlers()
	const ctrl, a, super = keymap.LeftCtrl + 8, keymap.A + 8, keymap.LeftMeta + 8
	h.Key(super, 0)
	h.Key(super, 2)
	h.Key(ctrl, 0)
	h.Key(a, 0)
	h.Key(a, 1)
	h.Captured(false, false)
	h.Key(a, 2)
	expect(t, source.take(), "+db -db +1d +1e +1e -1d -1e")
	w.display.KeyUp(&fyne.KeyEvent{Physical: fyne.HardwareKey{ScanCode: ctrl}})
	expect(t, source.take(), "")
	f.queue.Drain()

	h.Key(keymap.RightCtrl+8, 0)
	h.Key(keymap.RightCtrl+8, 2)
	f.queue.Drain()
	g.expect(t, "after a tap on the captured keyboard", none)
	h.Key(keymap.RightCtrl+8, 0)
	h.Key(keymap.F+8, 0)
	h.Key(keymap.F+8, 2)
	h.Key(keymap.RightCtrl+8, 2)
	f.queue.Drain()
	if !w.win.FullScreen() {
		t.Error("a command of the host key is lost")
	}
	expect(t, source.take(), "")
	h.Key(keymap.RightCtrl+8, 0)
	h.Key(keymap.M+8, 0)
	f.until("put away", func() bool { return g.put.Load() == 1 })
}

func TestPointerIsCapturedByAClick(t *testing.T) {
	f, w, g := capturing(t, true)
	source := f.source(0)
	w.display.frames.SetPointerMode(false)
	f.until("a relative pointer", func() bool { return !w.capture.absolute })
	source.take()
	middle := fyne.NewPos(w.display.Size().Width/2, w.display.Size().Height/2)
	w.display.MouseMoved(mouseEvent(middle.X, middle.Y, 0))
	w.display.MouseMoved(mouseEvent(middle.X+20, middle.Y, 0))
	expect(t, source.take(), "")
	w.display.MouseDown(mouseEvent(middle.X, middle.Y, left))
	g.expect(t, "after a click", both)
	w.display.MouseUp(mouseEvent(middle.X, middle.Y, left))
	if w.status.notice.text == "" {
		t.Error("nobody says how to get the pointer back")
	}
	expect(t, source.take(), "")

	h := w.captureHandlers()
	h.Motion(5, -3)
	h.Button(1, true)
	h.Motion(1, 1)
	h.Button(8, true)
	h.Button(8, false)
	h.Button(7, true)
	h.Button(7, false)
	expect(t, source.take(), fmt.Sprintf("~5,-3:0 ~0,0:1 ~1,1:1 ~0,0:%d ~0,0:1 ~0,0:%d ~0,0:1", 1|display.ButtonBack, 1|display.WheelRight))
	w.tapKey(keymap.RightCtrl)
	h.Captured(false, false)
	g.expect(t, "after a tap", none)
	expect(t, source.take(), "~0,0:0")

	w.display.MouseDown(mouseEvent(middle.X, middle.Y, left))
	g.expect(t, "after another click", both)
	w.display.frames.SetPointerMode(true)
	f.until("free: the guest has a tablet now", func() bool { return !w.capture.has.pointer })
}

func TestHostKeyIsConfigurable(t *testing.T) {
	f := newWorld(t, hypervisor.StateRunning)
	f.settings.HostKey = []uint16{keymap.LeftCtrl, keymap.LeftMeta}
	w := f.open()
	f.live(w, 0)
	if w.status.keyboard.text != "Ctrl+Super" {
		t.Errorf("the status line says %q", w.status.keyboard.text)
	}
	w.key(keymap.LeftCtrl, true)
	w.key(keymap.LeftMeta, true)
	w.tapKey(keymap.F)
	w.key(keymap.LeftMeta, false)
	w.key(keymap.LeftCtrl, false)
	if !w.win.FullScreen() || w.status.notice.text != "Full screen. Ctrl+Super + F leaves it; the toolbar is at the top edge." {
		t.Errorf("full screen %v, %q", w.win.FullScreen(), w.status.notice.text)
	}
	w.display.FocusLost()
	if err := (fakeSettings{f}).Update(func(s *settings.Settings) { s.HostKey = []uint16{keymap.Pause} }); err != nil {
		t.Fatal(err)
	}
	w.display.FocusGained()
	if w.hostKey != "Pause" {
		t.Errorf("another window's change is not heard of: %q", w.hostKey)
	}
}
