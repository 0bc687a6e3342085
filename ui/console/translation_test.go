package console

import (
	"errors"
	"testing"

	"guesthouse/app/machines"
	"guesthouse/hypervisor"
	"guesthouse/hypervisor/display"
	"guesthouse/hypervisor/display/rfb"
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
	// The letter L stands on its key.
	for _, menu := range []func() []string{
		func() []string { return langtest.UntranslatedMenu(w.stopMenu(), names...) },
		func() []string { return langtest.UntranslatedMenu(w.keysMenu(), append(names, "L")...) },
	} {
		for _, text := range menu() {
			t.Errorf("menu: %q", text)
		}
	}
	names = append(names, "there", "SPICE", "VNC", "ssh", "said", "no")
	for _, err := range []error{
		&hypervisor.GraphicsError{Reason: hypervisor.GraphicsMissing}, &hypervisor.GraphicsError{Reason: hypervisor.GraphicsUnsupported, Kinds: []string{"spice"}},
		&hypervisor.GraphicsError{Reason: hypervisor.GraphicsHandedOver}, &hypervisor.GraphicsError{Reason: hypervisor.GraphicsHostOnly, Address: "there"},
		&hypervisor.GraphicsError{Reason: hypervisor.GraphicsExposed, Address: "there"}, &hypervisor.GraphicsError{Reason: hypervisor.GraphicsNoName, Address: "there"},
		&hypervisor.GraphicsError{Reason: hypervisor.GraphicsRefused, Address: "there"}, &hypervisor.GraphicsError{Reason: hypervisor.GraphicsSilent},
		&hypervisor.GraphicsError{Reason: hypervisor.GraphicsTunnel, Err: errors.New("ssh said no")},
		display.ErrPasswordNeeded, display.ErrAuth, display.ErrSecurity, rfb.ErrUserNeeded, rfb.ErrAnonymousTLS, rfb.ErrSASL, rfb.ErrUnencrypted,
		&rfb.CertificateError{Host: "there"},
	} {
		w.page.set(refusedBody(w.machine, err))
		for _, text := range langtest.Untranslated(w.win, names...) {
			t.Errorf("%v: %q", err, text)
		}
	}
	w.refresh()
	w.Close()
	f.until("the question", func() bool { return widgets.ModalOpen(w.win) && w.machine.State == hypervisor.StatePaused })
	look("closing")
	widgets.DismissModal(w.frame)
	f.until("resumed", func() bool { return w.machine.State == hypervisor.StateRunning })
	for _, state := range []hypervisor.State{hypervisor.StatePaused, hypervisor.StateCrashed, hypervisor.StateSaved, hypervisor.StateOff} {
		f.change(func(m *machines.Machine) { m.State = state })
		f.until(string(state), func() bool { return w.machine.State == state })
		look(string(state))
	}
}
