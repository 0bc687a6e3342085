package console

import (
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/driver/desktop"
	"fyne.io/fyne/v2/test"

	"guesthouse/app/machines"
	"guesthouse/hypervisor"
	"guesthouse/hypervisor/keymap"
	"guesthouse/vmconfig"
)

// withSerial gives the machine of a world text consoles, and a screen unless it has none.
func withSerial(f *world, screen bool, devices ...string) {
	c := &vmconfig.Machine{Name: "web"}
	if screen {
		c.Displays = []vmconfig.Display{{Kind: "vnc"}}
	}
	for _, d := range devices {
		c.Consoles = append(c.Consoles, vmconfig.TextConsole{Device: d, Kind: "serial", Backend: "pty"})
	}
	f.machine.Config = c
}

// guest is the machine's end of the text console once there is another one than before.
func (f *world) guest(w *Window, before net.Conn) net.Conn {
	f.t.Helper()
	var now net.Conn
	f.until("a connected text console", func() bool {
		f.mu.Lock()
		now = f.serial
		f.mu.Unlock()
		return now != nil && now != before && w.text.shown.link.get().Phase == textLive
	})
	return now
}

// prints lets the guest print and waits until the terminal has it.
func (f *world) prints(w *Window, guest net.Conn, text string) {
	f.t.Helper()
	fmt.Fprint(guest, text)
	f.until("printed "+text, func() bool { return strings.Contains(w.text.shown.term.Text(), strings.TrimSpace(text)) })
}

// hears reads what the guest gets.
func (f *world) hears(guest net.Conn, want string) {
	f.t.Helper()
	_ = guest.SetReadDeadline(time.Now().Add(patient))
	b := make([]byte, len(want))
	if _, err := io.ReadFull(guest, b); err != nil || string(b) != want {
		f.t.Errorf("the guest got %q, %v; want %q", b, err, want)
	}
}

func TestTextConsole(t *testing.T) {
	f := newWorld(t, hypervisor.StateRunning)
	withSerial(f, true, "serial0", "serial1")
	w := f.open()
	f.live(w, 0)
	if w.text.on() || !w.bar.text.Visible() || f.serial != nil {
		t.Error("the text console is connected before anybody wanted it")
	}
	test.Tap(w.bar.text)
	guest := f.guest(w, nil)
	if w.scroll.Visible() || w.page.box.Visible() || w.bar.text.Text() != "Screen" || w.win.Canvas().Focused() != w.text.shown.term {
		t.Error("not the text is shown")
	}
	f.prints(w, guest, "login: ")
	f.until("connected", func() bool { return w.text.state.Text() == "Connected" && w.text.pick.Text() == "Serial port 1" })
	w.win.Canvas().Focused().TypedRune('r')
	f.hears(guest, "r")
	w.text.tellSize()
	columns, rows := w.text.shown.term.GridSize()
	f.hears(guest, fmt.Sprintf("stty rows %d cols %d\r", rows, columns))

	test.Tap(w.bar.text) // back to the screen and here again: all is still there
	if w.text.on() || !w.scroll.Visible() || w.win.Canvas().Focused() != fyne.Focusable(w.display) {
		t.Error("the screen does not come back")
	}
	f.prints(w, guest, "meanwhile\r\n")
	test.Tap(w.bar.text)
	if text := w.text.shown.term.Text(); text != "login: meanwhile" {
		t.Errorf("%q", text)
	}

	w.text.deviceMenu().Items[1].Action()
	second := f.guest(w, guest)
	f.prints(w, second, "the other one")
	w.text.choose("serial0")
	if text := w.text.shown.term.Text(); text != "login: meanwhile" {
		t.Errorf("%q", text)
	}

	w.shut()
	for _, conn := range []net.Conn{guest, second} {
		_ = conn.SetReadDeadline(time.Now().Add(patient))
		if _, err := io.ReadAll(conn); err != nil {
			t.Errorf("the console outlives its window: %v", err)
		}
	}
}

// An empty terminal says that nothing has come, until something has.
func TestSilentTextConsole(t *testing.T) {
	f := newWorld(t, hypervisor.StateRunning)
	withSerial(f, true, "serial0")
	w := f.open()
	w.text.toggle()
	guest := f.guest(w, nil)
	if w.text.hint.Visible() {
		t.Error("the guest is called silent before it had time to speak")
	}
	f.until("the hint", w.text.hint.Visible)
	f.change(func(m *machines.Machine) { m.State = hypervisor.StateOff })
	f.until("off", func() bool { return w.text.state.Text() == "Off" && !w.text.hint.Visible() })
	f.change(func(m *machines.Machine) { m.State = hypervisor.StateRunning })
	guest = f.guest(w, guest)
	f.until("the hint again", w.text.hint.Visible)
	w.win.Canvas().Focused().TypedRune('r')
	f.hears(guest, "r")
	f.prints(w, guest, "login:")
	f.until("no hint", func() bool { return !w.text.hint.Visible() })
}

// What was said stays over restarts of the machine and of the connection, and a line tells them apart.
func TestTextConsoleReconnects(t *testing.T) {
	f := newWorld(t, hypervisor.StateRunning)
	withSerial(f, true, "serial0")
	w := f.open()
	w.text.toggle()
	guest := f.guest(w, nil)
	f.prints(w, guest, "first run")
	f.change(func(m *machines.Machine) { m.State = hypervisor.StateOff })
	f.until("off", func() bool { return w.text.state.Text() == "Off" && w.text.act.Text() == "Start" })
	if !w.text.on() || w.page.box.Visible() {
		t.Error("a page hides what the machine said last")
	}
	test.Tap(w.text.act)
	next := f.guest(w, guest)
	f.prints(w, next, "second run")
	lines := strings.Split(w.text.shown.term.Text(), "\n")
	if len(lines) != 3 || lines[0] != "first run" || !strings.Contains(lines[1], "connected again at") || lines[2] != "second run" {
		t.Errorf("%q", lines)
	}
	next.Close()
	third := f.guest(w, next)
	f.prints(w, third, "third")

	test.Tap(w.text.act)
	f.until("disconnected", func() bool { return w.text.state.Text() == "Disconnected" && w.text.act.Text() == "Connect" })
	test.Tap(w.text.act)
	f.prints(w, f.guest(w, third), "fourth")
}

func TestTextConsoleInUse(t *testing.T) {
	f := newWorld(t, hypervisor.StateRunning)
	withSerial(f, true, "serial0")
	f.consoleErr = hypervisor.ErrInUse
	w := f.open()
	w.text.toggle()
	f.until("in use", func() bool { return w.text.state.Text() == "In use elsewhere" && w.text.act.Text() == "Take over" })
	test.Tap(w.text.act)
	guest := f.guest(w, nil)
	f.prints(w, guest, "mine")
	guest.Close() // somebody takes it back: this window does not fight for it
	f.until("in use again", func() bool { return w.text.act.Text() == "Take over" })

	f.set(func() { f.consoleErr = hypervisor.ErrNoConsole })
	w.text.shown.link.connect(false)
	f.until("none", func() bool { return w.text.act.Text() == "Try again" && w.text.details.Visible() })
}

func TestMachineWithoutScreenOpensInText(t *testing.T) {
	f := newWorld(t, hypervisor.StateRunning)
	withSerial(f, false, "serial0")
	f.openErr = hypervisor.ErrNoGraphics
	w := f.open()
	guest := f.guest(w, nil)
	if !w.text.on() {
		t.Fatal("the screen that it does not have is shown")
	}
	f.prints(w, guest, "headless")
	w.text.toggle() // who wants to see the page sees it
	f.change(func(*machines.Machine) {})
	f.queue.Drain()
	if w.text.on() {
		t.Error("the choice of the user does not hold")
	}
}

// The host key works in the text console as it does on the screen; all other keys are the guest's.
func TestHostKeyInText(t *testing.T) {
	f := newWorld(t, hypervisor.StateRunning)
	withSerial(f, true, "serial0")
	f.settings.HostKey = []uint16{keymap.RightCtrl}
	w := f.open()
	w.text.toggle()
	guest := f.guest(w, nil)
	event := func(name fyne.KeyName, evdev int) *fyne.KeyEvent {
		return &fyne.KeyEvent{Name: name, Physical: fyne.HardwareKey{ScanCode: evdev + 8}}
	}
	term := w.text.shown.term
	term.KeyDown(event(desktop.KeyControlRight, keymap.RightCtrl))
	term.KeyDown(event(fyne.KeyF, keymap.F))
	term.TypedShortcut(&desktop.CustomShortcut{KeyName: fyne.KeyF, Modifier: fyne.KeyModifierControl})
	if !w.win.FullScreen() {
		t.Error("no full screen")
	}
	term.KeyUp(event(fyne.KeyF, keymap.F))
	term.KeyUp(event(desktop.KeyControlRight, keymap.RightCtrl))
	term.KeyDown(event(fyne.KeyF, keymap.F))
	term.TypedRune('f')
	f.hears(guest, "f")

	// A question takes the keyboard, and with it the host key's release.
	term.KeyDown(event(desktop.KeyControlRight, keymap.RightCtrl))
	term.KeyDown(event(fyne.KeyR, keymap.R))
	tapButton(t, w.win, "Cancel")
	full := w.win.FullScreen()
	term.KeyDown(event(fyne.KeyF, keymap.F))
	term.TypedRune('f')
	f.hears(guest, "f")
	if w.win.FullScreen() != full {
		t.Error("the host key is stuck after a question")
	}
}
