package console

import (
	"testing"

	"guesthouse/app/machines"
	"guesthouse/hypervisor"
	"guesthouse/ui/lang/langtest"
	"guesthouse/ui/widgets"
)

// TestEveryTextIsTranslatable goes through the states of a machine in a made-up language.
func TestEveryTextIsTranslatable(t *testing.T) {
	langtest.UsePseudo(t)
	f := newWorld(t, hypervisor.StateRunning)
	w := f.open()
	f.live(w, 0)
	names := []string{f.machine.Name}
	look := func(what string) {
		t.Helper()
		// A job of the fake service has an English name.
		f.until("no job", func() bool { return w.status.job == 0 && w.machine.Busy == "" })
		for _, text := range langtest.Untranslated(w.win, names...) {
			t.Errorf("%s: %q", what, text)
		}
	}
	look("running")
	for _, menu := range []func() []string{
		func() []string { return langtest.UntranslatedMenu(w.stopMenu(), names...) },
		func() []string { return langtest.UntranslatedMenu(w.keysMenu(), names...) },
	} {
		for _, text := range menu() {
			t.Errorf("menu: %q", text)
		}
	}
	w.Close()
	f.until("the question", func() bool { return widgets.ModalOpen(w.win) && w.machine.State == hypervisor.StatePaused })
	look("closing")
	w.modal.Close()
	f.until("resumed", func() bool { return w.machine.State == hypervisor.StateRunning })
	for _, state := range []hypervisor.State{hypervisor.StatePaused, hypervisor.StateCrashed, hypervisor.StateSaved, hypervisor.StateOff} {
		f.change(func(m *machines.Machine) { m.State = state })
		f.until(string(state), func() bool { return w.machine.State == state })
		look(string(state))
	}
}
