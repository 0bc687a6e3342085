package console

import (
	"os"
	"path/filepath"
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/test"

	"guesthouse/app/machines"
	"guesthouse/hypervisor"
	"guesthouse/vmconfig"
)

// empty is a machine with a disk and an empty drive.
func empty() *vmconfig.Machine {
	return &vmconfig.Machine{UUID: testID, Disks: []vmconfig.Disk{
		{Device: vmconfig.DeviceDisk, Target: "vda", Path: "/d/web.qcow2"}, {Device: vmconfig.DeviceCDROM, Target: "sda"},
	}}
}

// TestBootHint: it comes once in a run, above the picture; a chosen disc is inserted and the machine reset; a disc in the drive ends it.
func TestBootHint(t *testing.T) {
	f := newWorld(t, hypervisor.StateRunning)
	f.machine.Config, f.unbootable = empty(), true
	disc := filepath.Join(t.TempDir(), "setup.iso")
	if err := os.WriteFile(disc, []byte("disc"), 0o600); err != nil {
		t.Fatal(err)
	}
	f.settings.LastFolder = filepath.Dir(disc)
	w := f.open()
	f.live(w, 0)
	f.until("the hint", w.hint.box.Visible)
	w.win.Resize(fyne.NewSize(1024, 600))
	if bottom := w.hint.box.Size().Height; w.scroll.Size().Height+bottom > 560 || bottom < 40 {
		t.Errorf("the hint has %v, the screen below %v", w.hint.box.Size(), w.scroll.Size())
	}
	below := w.scroll.Size().Height
	w.win.Canvas().Focus(w.hint.insert)
	w.hint.hide()
	w.refresh()
	f.queue.Drain()
	if w.win.Canvas().Focused() != fyne.Focusable(w.display) {
		t.Error("the keyboard stays with a button that is gone")
	}
	if w.hint.box.Visible() {
		t.Error("a dismissed hint comes back")
	}
	if w.scroll.Size().Height <= below {
		t.Error("the screen does not get the room of the dismissed hint")
	}

	f.change(func(m *machines.Machine) { m.State = hypervisor.StateOff })
	f.until("the end of the run", func() bool { return !w.hint.asked })
	f.change(func(m *machines.Machine) { m.State = hypervisor.StateRunning })
	f.live(w, 1)
	f.until("the hint of another run", w.hint.box.Visible)
	w.win.Canvas().Focus(w.hint.insert)
	test.Tap(w.hint.insert)
	test.Type(w.win.Canvas().Focused(), disc)
	tapButton(t, w.win, "Insert and restart")
	f.until("inserted and reset", f.did("insert sda "+disc, "reset"))
	if w.hint.box.Visible() {
		t.Error("the hint stays")
	}
	if w.win.Canvas().Focused() != fyne.Focusable(w.display) {
		t.Error("the keyboard is not the guest's after the dialog")
	}

	f.change(func(m *machines.Machine) { m.State = hypervisor.StateOff })
	f.until("off", func() bool { return !w.hint.asked })
	f.change(func(m *machines.Machine) { m.State = hypervisor.StateRunning })
	f.live(w, 2)
	f.until("the hint", w.hint.box.Visible)
	f.change(func(m *machines.Machine) {
		m.Config = empty()
		m.Config.Disks[1].Path = disc
	})
	f.until("no hint with a disc", func() bool { return !w.hint.box.Visible() })
}

// TestNoBootHint: a machine that has something to start from gets none.
func TestNoBootHint(t *testing.T) {
	f := newWorld(t, hypervisor.StateRunning)
	f.machine.Config = empty()
	w := f.open()
	f.live(w, 0)
	f.until("the question", func() bool { return w.hint.asked })
	if !f.queue.DrainUntil(func() bool { return true }, patient) || w.hint.box.Visible() {
		t.Error("a hint for a machine that starts")
	}
}
