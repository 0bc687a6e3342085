package console

import (
	"sync/atomic"
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/test"
	"github.com/google/uuid"

	"guesthouse/app/jobs"
	"guesthouse/hypervisor"
	"guesthouse/hypervisor/keymap"
	"guesthouse/ui/widgets"
)

// TestKiosk fills the screen and offers only what it should, by the mouse and by the keyboard.
func TestKiosk(t *testing.T) {
	f := newWorld(t, hypervisor.StateRunning)
	var resets atomic.Int32
	handed := 0
	f.kiosk = &Kiosk{
		Reset: func() *jobs.Job {
			return f.job("reset", func() { resets.Add(1) })
		},
	}
	f.handIn = func(uuid.UUID, fyne.Window) { handed++ }
	w := f.open()
	f.live(w, 0)
	if !w.win.FullScreen() || len(w.bar.order) != 4 {
		t.Fatalf("full screen: %v, with %d buttons", w.win.FullScreen(), len(w.bar.order))
	}
	for _, code := range []uint16{keymap.F, keymap.T, keymap.P, keymap.R, keymap.H, keymap.E, keymap.C, keymap.M} {
		w.hostCommand(code)
	}
	f.until("the queue is empty", func() bool { return true })
	if !w.win.FullScreen() || widgets.ModalOpen(w.win) || len(f.noted()) > 0 {
		t.Errorf("the host key did %v", f.noted())
	}
	w.hostCommand(keymap.Home)
	if w.win.Canvas().Focused() != w.bar.order[0] {
		t.Error("the host key and Home do not lead to the bar")
	}
	test.Tap(w.bar.order[1])
	test.Tap(w.bar.order[0])
	if handed != 1 || resets.Load() != 0 || !widgets.ModalOpen(w.win) {
		t.Fatalf("handed in %d times, reset %d times", handed, resets.Load())
	}
	for _, o := range test.LaidOutObjects(w.win.Canvas().Overlays().Top()) {
		if b, ok := o.(*widgets.Button); ok && b.Text() == "Reset" {
			test.Tap(b)
		}
	}
	f.until("the reset", func() bool { return resets.Load() == 1 })
}
