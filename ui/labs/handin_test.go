package labs

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"fyne.io/fyne/v2"

	"guesthouse/app/labs"
	"guesthouse/app/machines"
	"guesthouse/hypervisor"
	"guesthouse/ui/widgets"
	"guesthouse/vmconfig"
	"guesthouse/vmconfig/lab"
)

// state replaces the inventory by one machine in a state.
func (r *rig) state(m *machines.Machine, state hypervisor.State) {
	now := *m
	now.State = state
	r.publishes(&machines.Snapshot{Connected: true, Machines: []*machines.Machine{&now}})
}

func TestHandIn(t *testing.T) {
	one := labOf("a/one", 1)
	m := machineOf(one, "mine", hypervisor.StateRunning)
	r := newRig(t, []labs.Image{one}, m)
	home := t.TempDir()
	t.Setenv("HOME", home)
	r.outlook = labs.Outlook{Written: 12 * vmconfig.MiB, Limit: vmconfig.GiB}
	r.receipt = labs.Receipt{
		Digest: lab.Sum([]byte("receipt")), Student: "Ada Lovelace", Fingerprint: "lusab-babad-gutih-tugad-mumir", Sequence: 3, Created: time.Unix(1.7e9, 0),
		Place: home + "/ada.submission.lab", Changed: 5 * vmconfig.MiB, Written: vmconfig.MiB, LeftOut: []string{"vdb"},
	}
	handIn := func() {
		t.Helper()
		for _, item := range r.w.menu(r.w.items[0]).Items {
			if item.Label == "Hand in…" && !item.Disabled {
				item.Action()
			}
		}
		r.shows("Your name")
	}
	reason := func() string {
		why, _ := r.button("Hand in").Disabled()
		return why
	}
	handIn()
	r.shows("The machine is running")
	r.shows("About 12 MiB were written in the machine")
	if got := reason(); got != "Shut the machine down first." {
		t.Errorf("refused because of %q", got)
	}
	if got := r.field("Where to").Control().(*widgets.Entry).Text; got != home {
		t.Errorf("goes to %q", got)
	}
	if r.window.Canvas().Focused() != r.field("Your name").Control().(fyne.Focusable) {
		t.Error("the name, which is missing, has not the keyboard")
	}
	r.press("Shut down first")
	r.shows("Shutting down…")
	r.until("the machine is asked", func() bool { return len(r.runner.List()) > 0 })
	r.wants(string(machines.ActionShutdown), m.UUID)
	r.state(m, hypervisor.StateOff)
	r.shows("The machine is off")
	if got := reason(); got != "Write your name first." {
		t.Errorf("refused because of %q", got)
	}
	for _, c := range []struct{ label, bad, good, fault string }{
		{"Your name", "a\tb", "Ada Lovelace", "A name is one line"},
		{"Your name", " ", "Ada Lovelace", "Write your name first"},
		{"Where to", "https://x.org/a", "/media/stick", "A web server can only be read"},
		{"Where to", "/media/stick/a.lab", "/media/stick/a.submission.lab", "The name of the file must end in .submission.lab"},
		{"Where to", "stick/x.lab", "/media/stick", "Write the whole path"},
	} {
		r.write(c.label, c.bad)
		if fault := r.field(c.label).Fault(); !strings.HasPrefix(fault, c.fault) {
			t.Errorf("%s %q: fault %q", c.label, c.bad, fault)
		}
		if reason() == "" {
			t.Errorf("%s %q can be handed in", c.label, c.bad)
		}
		r.write(c.label, c.good)
		if fault := r.field(c.label).Fault(); fault != "" || reason() != "" {
			t.Errorf("%s %q: fault %q, reason %q", c.label, c.good, fault, reason())
		}
	}
	r.press("Hand in")
	r.shows("“mine” is packed: now hand the file in")
	for _, want := range []string{"3 of Ada Lovelace", r.receipt.Digest.String(), "by any way", "vdb", "ada.submission.lab", "lusab-babad"} {
		if !strings.Contains(r.texts(), want) {
			t.Errorf("the receipt does not say %q:\n%s", want, r.texts())
		}
	}
	if calls := r.took(); len(calls) != 1 || fmt.Sprint(calls[0].arg) != "{Ada Lovelace /media/stick }" {
		t.Errorf("handed in %+v", calls)
	}
	r.press("Copy the receipt")
	if got := fyne.CurrentApp().Clipboard().Content(); !strings.Contains(got, r.receipt.Digest.String()) || !strings.Contains(got, "Submission 3 of Ada Lovelace") {
		t.Errorf("copied %q", got)
	}
	r.press("Close")
	r.until("the place is remembered", func() bool { return prefs{r.backend}.Get().LastHandIn == "/media/stick" })
}

// TestHandInAgain comes back to the list when it did not work or was cancelled, with what was written there.
func TestHandInAgain(t *testing.T) {
	one := labOf("a/one", 1)
	m := machineOf(one, "mine", hypervisor.StateOff)
	r := newRig(t, []labs.Image{one}, m)
	r.student, r.prefs.LastHandIn = "Ada", "/media/stick"
	r.errs = []error{&labs.Reason{Text: "There is nothing to hand in.", Err: labs.ErrNoChanges}}
	r.w.handIn(m.UUID, nil)
	r.shows("The machine is off")
	r.press("Hand in")
	r.shows("“mine” could not be handed in")
	r.shows("There is nothing to hand in.")
	r.press("Close")
	r.shows("Your name")
	if got := r.field("Your name").Control().(*widgets.Entry).Text; got != "Ada" {
		t.Errorf("the name is %q", got)
	}
	r.hold = make(chan struct{})
	r.press("Hand in")
	r.shows("Handing in “mine”")
	r.press("Cancel")
	r.shows("Your name")
	r.press("Hand in")
	r.shows("Go on in the background")
	r.press("Go on in the background")
	if r.window.Canvas().Overlays().Top() != nil {
		t.Error("a dialog is open")
	}
	close(r.hold)
	r.shows("“mine” is handed in")
	r.press("Close")

	// A window that was closed meanwhile shows nothing, another one may.
	shown := 0
	HandIn(HandInParams{Services: r.services(), Window: r.window, Machine: m.UUID, Later: func() fyne.Window {
		shown++
		return nil
	}})
	r.shows("Your name")
	r.press("Hand in")
	r.until("the job is done", func() bool { return shown == 1 })
	r.settle()
	if r.window.Canvas().Overlays().Top() != nil {
		t.Error("the receipt is shown in a window that is gone")
	}
}

// TestHandInStates has what leads to a machine that is off.
func TestHandInStates(t *testing.T) {
	one := labOf("a/one", 1)
	m := machineOf(one, "mine", hypervisor.StateSaved)
	r := newRig(t, []labs.Image{one}, m)
	r.student, r.prefs.LastHandIn = "Ada", "/media/stick"
	r.w.handIn(m.UUID, nil)
	r.shows("state is saved")
	for _, step := range []struct {
		state  hypervisor.State
		text   string
		button string
		action machines.Action
	}{
		{hypervisor.StateSaved, "state is saved", "Resume", machines.ActionStart},
		{hypervisor.StatePaused, "is paused", "Resume", machines.ActionResume},
		{hypervisor.StateCrashed, "has crashed", "Power off", machines.ActionPowerOff},
	} {
		r.state(m, step.state)
		r.shows(step.text)
		r.press(step.button)
		r.settle()
		r.wants(string(step.action), m.UUID)
	}
	r.state(m, hypervisor.StateRunning)
	r.errs = []error{&labs.Reason{Text: "It does not listen.", Err: hypervisor.ErrInvalidState}}
	r.shows("Shut down first")
	r.press("Shut down first")
	r.shows("It does not listen.")
	r.took()
	r.press("Close")
	r.shows("Shut down first")
	r.press("Cancel")
	r.state(m, hypervisor.StateOff) // nobody looks any more
	r.settle()
	if r.window.Canvas().Overlays().Top() != nil {
		t.Error("a dialog is open")
	}

	// A guest that does not shut down can be powered off.
	d := newDesk(r.services(), r.window)
	h := &handIn{desk: &d, machine: m.UUID}
	r.state(m, hypervisor.StateRunning)
	h.open("Ada", "/media/stick")
	h.waiting, h.overdue = true, true
	h.check()
	r.shows("The machine does not shut down")
	r.press("Power off")
	r.settle()
	r.wants(string(machines.ActionPowerOff), m.UUID)
	widgets.DismissModal(r.button("Cancel"))
}

// TestOpenedSubmissionIsNoOnesMachine keeps other people's work off the card of the lab.
func TestOpenedSubmissionIsNoOnesMachine(t *testing.T) {
	one := labOf("a/one", 1)
	theirs := machineOf(one, "Ada – one", hypervisor.StateRunning, func(m *machines.Machine) { m.Config.Group = labs.SubmissionsGroup + "/a/one" })
	r := newRig(t, []labs.Image{one}, theirs)
	if len(r.w.items[0].machines) != 0 {
		t.Error("a submission counts as the teacher's machine")
	}
	r.shows("Launch")
}
