package machines

import (
	"context"
	"errors"
	"testing"

	"github.com/google/uuid"

	"guesthouse/app/jobs"
	"guesthouse/hypervisor"
	"guesthouse/vmconfig"
)

// TestStateTable holds every action against every state: which are allowed, and that each refusal has a sentence.
func TestStateTable(t *testing.T) {
	const (
		off     = hypervisor.StateOff
		running = hypervisor.StateRunning
		paused  = hypervisor.StatePaused
		saved   = hypervisor.StateSaved
		crashed = hypervisor.StateCrashed
		unknown = hypervisor.StateUnknown
	)
	want := map[Action][]hypervisor.State{
		ActionStart:        {off, saved},
		ActionPause:        {running},
		ActionResume:       {paused},
		ActionReset:        {running, paused},
		ActionShutdown:     {running},
		ActionPowerOff:     {running, paused, crashed, unknown},
		ActionSave:         {running, paused},
		ActionDiscardSaved: {saved},
		ActionRename:       {off},
		ActionDelete:       {off, saved},
		ActionEdit:         {off, running, paused, crashed},
		ActionShow:         {running, paused, crashed},
		ActionCheckpoint:   {off, running, paused},
		ActionRestore:      {off, running, paused, saved, crashed},
	}
	reasons := map[hypervisor.State][]hypervisor.PauseReason{
		paused: {
			hypervisor.PauseNone, hypervisor.PauseUser, hypervisor.PauseIOError, hypervisor.PauseNoSpace,
			hypervisor.PauseSnapshot, hypervisor.PauseSaving, hypervisor.PauseOther,
		},
	}
	for action, states := range want {
		allowedIn := map[hypervisor.State]bool{}
		for _, s := range states {
			allowedIn[s] = true
		}
		for _, state := range []hypervisor.State{off, running, paused, saved, crashed, unknown, "new"} {
			pauses := reasons[state]
			if pauses == nil {
				pauses = []hypervisor.PauseReason{hypervisor.PauseNone}
			}
			for _, pause := range pauses {
				writing := pause == hypervisor.PauseSnapshot || pause == hypervisor.PauseSaving
				expect := allowedIn[state] && (!writing || action == ActionPowerOff || action == ActionShow)
				m := &Machine{State: state, Pause: pause, Persistent: true}
				ok, reason := m.Can(action)
				if ok != expect || ok == (reason != "") {
					t.Errorf("%s when %s %s: %v %q", action, state, pause, ok, reason)
				}
				m.Busy = "saving a checkpoint"
				if ok, _ := m.Can(action); ok && action != ActionShow {
					t.Errorf("%s is allowed while the machine is busy", action)
				}
				m.Busy, m.Offline = "", true
				if ok, _ := m.Can(action); ok {
					t.Errorf("%s is allowed without a connection", action)
				}
			}
		}
	}
}

// TestLifecycle takes a machine of libvirt's test driver through its states and asks virsh after every step.
func TestLifecycle(t *testing.T) {
	f := open(t, true)
	m, err := f.Snapshot().Find("test")
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		action Action
		virsh  string
	}{
		{ActionStart, "running"}, // it runs already: that is success
		{ActionPause, "paused"},
		{ActionPause, "paused"},
		{ActionResume, "running"},
		{ActionReset, "running"},
		{ActionSave, "shut off"},
		{ActionSave, "shut off"},
		{ActionStart, "running"},
		{ActionSave, "shut off"},
		{ActionDiscardSaved, "shut off"},
		{ActionStart, "running"},
		{ActionPowerOff, "shut off"},
		{ActionPowerOff, "shut off"},
	} {
		if step.action == ActionReset {
			// The test driver has no reset; what counts is that the machine and the next steps survive the refusal.
			f.Do(step.action, m.UUID).Wait(within(t))
			continue
		}
		done(t, f.Do(step.action, m.UUID))
		if state := f.host.TestVirsh(t, "domstate", "test"); state != step.virsh {
			t.Fatalf("after %s virsh says %q, not %q", step.action, state, step.virsh)
		}
	}
	var refused *RefusedError
	for _, action := range []Action{ActionPause, ActionResume, ActionReset, ActionSave, ActionDiscardSaved} {
		err := f.Do(action, m.UUID).Wait(within(t))
		if !errors.As(err, &refused) || !errors.Is(err, hypervisor.ErrInvalidState) {
			t.Errorf("%s of a machine that is off: %v", action, err)
		}
	}
	if err := f.Do(ActionStart, uuid.New()).Wait(within(t)); !errors.Is(err, hypervisor.ErrNotFound) {
		t.Errorf("starting a machine that does not exist: %v", err)
	}
}

// TestFiveStarts starts one machine five times at once: all succeed.
func TestFiveStarts(t *testing.T) {
	f := open(t, true)
	m, err := f.Snapshot().Find("test")
	if err != nil {
		t.Fatal(err)
	}
	done(t, f.Do(ActionPowerOff, m.UUID))
	var started []*jobs.Job
	for range 5 {
		started = append(started, f.Do(ActionStart, m.UUID))
	}
	for _, j := range started {
		done(t, j)
	}
	f.jobs.WaitIdle()
	if now := f.Snapshot().Get(m.UUID); now.State != hypervisor.StateRunning {
		t.Errorf("the machine is %s", now.State)
	}
}

// TestRename renames as the rule for names allows and no other way.
func TestRename(t *testing.T) {
	f := open(t, true)
	m, _ := f.Snapshot().Find("test")
	if err := f.Rename(within(t), m.UUID, "new"); !errors.Is(err, hypervisor.ErrInvalidState) {
		t.Errorf("renaming a running machine: %v", err)
	}
	done(t, f.Do(ActionPowerOff, m.UUID))
	for _, bad := range []string{"", " ", "a/b", "a\nb", "-x", ".", "..", "a\u200bb", "\u202eevil", string(make([]byte, 65)), m.UUID.String(), "\xff"} {
		if err := f.Rename(within(t), m.UUID, bad); !errors.Is(err, vmconfig.ErrName) {
			t.Errorf("renaming to %q: %v", bad, err)
		}
	}
	for _, good := range []string{"test", "a&b", "$(id)", "1", "`x` ;reboot", "Ωμέγα 東京 (2)"} {
		if err := f.Rename(within(t), m.UUID, good); err != nil {
			t.Errorf("renaming to %q: %v", good, err)
		} else if name := f.host.TestVirsh(t, "domname", m.UUID.String()); name != good {
			t.Errorf("virsh calls it %q, not %q", name, good)
		}
	}
}

// TestApplyRefusesOtherHands edits a machine that virsh changed meanwhile.
func TestApplyRefusesOtherHands(t *testing.T) {
	f := open(t, true)
	m, _ := f.Snapshot().Find("test")
	done(t, f.Do(ActionPowerOff, m.UUID))
	edit, err := f.Edit(within(t), m.UUID)
	if err != nil {
		t.Fatal(err)
	}
	changed := edit.Machine
	changed.Notes = "mine"
	f.host.TestVirsh(t, "desc", "test", "--config", "theirs")
	if err := f.Apply(within(t), m.UUID, edit, changed); !errors.Is(err, ErrChangedBehind) {
		t.Errorf("applying over another change: %v", err)
	}
	if edit, err = f.Edit(within(t), m.UUID); err != nil {
		t.Fatal(err)
	}
	changed = edit.Machine
	changed.Notes, changed.CPUs, changed.Name = "mine", 1, "mine"
	if err := f.Apply(within(t), m.UUID, edit, changed); err != nil {
		t.Fatal(err)
	}
	if desc := f.host.TestVirsh(t, "desc", "mine"); desc != "mine" {
		t.Errorf("virsh reads the notes as %q", desc)
	}
	edit, _ = f.Edit(within(t), m.UUID)
	changed = edit.Machine
	changed.CPUs = -1
	var faults vmconfig.Faults
	if err := f.Apply(within(t), m.UUID, edit, changed); !errors.As(err, &faults) || faults.For(vmconfig.FieldCPUs) == "" {
		t.Errorf("applying -1 CPUs: %v", err)
	}
}

// TestLockBetweenPrograms lets a second program wait for the first one's operation.
func TestLockBetweenPrograms(t *testing.T) {
	one, two := locks{dir: t.TempDir()}, locks{}
	two.dir = one.dir
	id := uuid.New()
	unlock, err := one.lock(within(t), id)
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := two.try(id); ok {
		t.Error("two programs have the machine")
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := one.lock(ctx, id); !errors.Is(err, context.Canceled) {
		t.Errorf("waiting within the program: %v", err)
	}
	got := make(chan error)
	go func() {
		unlock, err := two.lock(within(t), id)
		if err == nil {
			unlock()
		}
		got <- err
	}()
	unlock()
	if err := <-got; err != nil {
		t.Errorf("the second program: %v", err)
	}
}
