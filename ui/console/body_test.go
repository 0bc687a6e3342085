package console

import (
	"fmt"
	"testing"

	"guesthouse/app/machines"
	"guesthouse/hypervisor"
	"guesthouse/hypervisor/display"
)

func TestBody(t *testing.T) {
	machine := func(s hypervisor.State, edit ...func(*machines.Machine)) *machines.Machine {
		m := &machines.Machine{Name: "web", State: s}
		for _, e := range edit {
			e(m)
		}
		return m
	}
	pause := func(p hypervisor.PauseReason) func(*machines.Machine) {
		return func(m *machines.Machine) { m.Pause = p }
	}
	busy := func(m *machines.Machine) { m.Busy = "starting" }
	live := linkStatus{Phase: linkLive}
	lost := func(tries int) linkStatus { return linkStatus{Phase: linkLost, Err: display.ErrClosed, Tries: tries} }
	refused := func(err error) linkStatus { return linkStatus{Phase: linkRefused, Err: fmt.Errorf("x: %w", err)} }
	running, paused := hypervisor.StateRunning, hypervisor.StatePaused

	for _, c := range []struct {
		name       string
		m          *machines.Machine
		connected  bool
		link       linkStatus
		hadPicture bool
		want       string // flags, title, action
	}{
		{"running", machine(running), true, live, true, "picture live"},
		{"the service is gone, the machine is not", machine(running, func(m *machines.Machine) { m.Offline = true }), false, live, true, "picture live"},
		{"connecting", machine(running), true, linkStatus{Phase: linkConnecting}, false, "busy: Connecting to the screen…"},
		{"a moment's loss", machine(running), true, lost(1), true, "picture"},
		{"lost", machine(running), true, lost(patience), true, "picture veil: Disconnected [Reconnect now]"},
		{"never connected", machine(running), true, lost(patience), false, "veil: Disconnected [Reconnect now]"},
		{"paused", machine(paused, pause(hypervisor.PauseUser)), true, live, true, "picture veil: Paused [Resume]"},
		{"paused from the start", machine(paused), true, linkStatus{Phase: linkConnecting}, false, "veil: Paused [Resume]"},
		{"disk error", machine(paused, pause(hypervisor.PauseIOError)), true, live, true, "picture veil: Paused by a disk error [Resume]"},
		{"disk full", machine(paused, pause(hypervisor.PauseNoSpace)), true, live, true, "picture veil: Paused: this computer’s disk is full [Resume]"},
		{"saving", machine(paused, pause(hypervisor.PauseSnapshot)), true, live, true, "picture veil busy: Saving…"},
		{"off", machine(hypervisor.StateOff), true, linkStatus{}, false, ": The machine is off [Start]"},
		{"starting", machine(hypervisor.StateOff, busy), true, linkStatus{}, false, "busy: Starting…"},
		{"stopped badly", machine(hypervisor.StateOff, func(m *machines.Machine) { m.StoppedBadly = true }), true, linkStatus{}, false, ": The machine stopped unexpectedly [Start]"},
		{"saved", machine(hypervisor.StateSaved), true, linkStatus{}, false, ": The machine’s state is saved [Resume]"},
		{"crashed", machine(hypervisor.StateCrashed), true, linkStatus{}, true, "picture veil: The guest has crashed [Power off]"},
		{"off and no connection", machine(hypervisor.StateOff, func(m *machines.Machine) { m.Offline = true }), false, linkStatus{}, false, "busy: No connection"},
		{"deleted", nil, true, linkStatus{}, true, ": This machine no longer exists"},
		{"not known yet", nil, false, linkStatus{}, false, "busy: Looking for the machine…"},
		{"not allowed", machine(running), true, refused(hypervisor.ErrDenied), false, ": Not allowed [Try again]"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := describe(decideBody(c.m, c.connected, c.link, c.hadPicture)); got != c.want {
				t.Errorf("%q, want %q", got, c.want)
			}
		})
	}
}

// describe writes a body as the table above does.
func describe(b body) string {
	s := ""
	for _, f := range []struct {
		on   bool
		name string
	}{{b.picture, "picture"}, {b.veil, "veil"}, {b.live, "live"}, {b.busy, "busy"}} {
		if f.on && s != "" {
			s += " "
		}
		if f.on {
			s += f.name
		}
	}
	if b.title != "" {
		s += ": " + b.title
	}
	switch {
	case b.askUser:
		s += " (password and name)"
	case b.ask:
		s += " (password)"
	}
	for _, label := range []string{b.label, b.secondLabel} {
		if label != "" {
			s += " [" + label + "]"
		}
	}
	return s
}

func TestWindowTitle(t *testing.T) {
	m := &machines.Machine{Name: "web", State: hypervisor.StateRunning}
	for _, c := range []struct {
		edit func()
		want string
	}{
		{func() {}, "web – running"},
		{func() { m.Checkpoint = "Clean" }, "web [Clean] – running"},
		{func() { m.Busy = "Saving a checkpoint" }, "web [Clean] – saving a checkpoint"},
		{func() { *m = machines.Machine{Name: "a\nb", State: hypervisor.StateOff} }, "a\u240ab – off"},
	} {
		c.edit()
		if got := windowTitle(m); got != c.want {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
}
