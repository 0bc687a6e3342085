package console

import (
	"testing"

	"fyne.io/fyne/v2/test"
	"github.com/google/uuid"

	"guesthouse/app/machines"
	"guesthouse/app/settings"
	"guesthouse/hypervisor"
)

// choose taps an item of the View menu.
func choose(t *testing.T, w *Window, label string) {
	t.Helper()
	for _, i := range w.viewMenu().Items {
		if i.Label == label && !i.Disabled {
			i.Action()
			return
		}
	}
	t.Fatalf("no item %q", label)
}

// TestAcceptE5Autoconnect: with automatic connecting off, the window waits for the user at every start; a disconnect lasts until then too.
func TestAcceptE5Autoconnect(t *testing.T) {
	f := newWorld(t, hypervisor.StateRunning)
	f.settings.Consoles = map[uuid.UUID]settings.Console{testID: {Scaling: "exact"}}
	w := f.open()
	f.live(w, 0)
	waits := func() bool {
		return w.page.title.Text() == "Not connected" && w.page.button.Text() == "Connect to the screen" && !w.body.live
	}

	choose(t, w, "Disconnect")
	f.until("disconnected", waits)
	choose(t, w, "Connect to the screen")
	f.live(w, 1)
	choose(t, w, "Connect automatically") // off
	f.until("remembered", func() bool { c := f.get().Consoles[testID]; return c.Manual && c.Scaling == "exact" })
	if !w.body.live {
		t.Error("the screen went away at once")
	}
	run := func(s hypervisor.State) { f.change(func(m *machines.Machine) { m.State = s }) }
	for i := range 2 {
		run(hypervisor.StateOff)
		f.until("off", func() bool { return w.page.title.Text() == "The machine is off" })
		run(hypervisor.StateRunning)
		f.until("waiting", waits)
		if f.source(2+i) != nil {
			t.Fatal("it connected by itself")
		}
		test.Tap(w.page.button)
		f.live(w, 2+i)
	}
	choose(t, w, "Connect automatically") // on again
	f.until("remembered", func() bool { return !f.get().Consoles[testID].Manual })
	run(hypervisor.StateOff)
	f.until("off", func() bool { return w.page.title.Text() == "The machine is off" })
	run(hypervisor.StateRunning)
	f.live(w, 4)
}
