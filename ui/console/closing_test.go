package console

import (
	"slices"
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/test"
	"github.com/google/uuid"

	"guesthouse/app/checkpoints"
	"guesthouse/app/machines"
	"guesthouse/hypervisor"
	"guesthouse/ui/widgets"
)

// tapButton taps the button with this text in the topmost dialog.
func tapButton(t *testing.T, w fyne.Window, text string) {
	t.Helper()
	for _, o := range test.LaidOutObjects(w.Canvas().Overlays().Top()) {
		if b, ok := o.(*widgets.Button); ok && b.Text() == text {
			test.Tap(b)
			return
		}
	}
	t.Fatalf("no button %q", text)
}

func TestCloseOptions(t *testing.T) {
	for _, c := range []struct {
		m    machines.Machine
		want []closeChoice
	}{
		{machines.Machine{State: hypervisor.StateRunning, Persistent: true}, []closeChoice{closeKeep, closeSave, closeShutdown, closePowerOff}},
		{machines.Machine{State: hypervisor.StateRunning}, []closeChoice{closeKeep, closeShutdown, closePowerOff}}, // would vanish, so its state cannot be saved
		{machines.Machine{State: hypervisor.StatePaused, Persistent: true}, []closeChoice{closeKeep, closeSave, closePowerOff}},
		{machines.Machine{State: hypervisor.StateCrashed, Persistent: true}, []closeChoice{closeKeep, closePowerOff}},
		{machines.Machine{State: hypervisor.StateRunning, Persistent: true, Busy: "Saving a checkpoint"}, []closeChoice{closeKeep}},
		{machines.Machine{State: hypervisor.StateRunning, Persistent: true, Offline: true}, nil},
		{machines.Machine{State: hypervisor.StateOff, Persistent: true}, nil},
		{machines.Machine{State: hypervisor.StateSaved, Persistent: true}, nil},
	} {
		var got []closeChoice
		for _, o := range closeOptions(&c.m) {
			got = append(got, o.choice)
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%+v: %v, want %v", c.m, got, c.want)
		}
	}
	if closeOptions(nil) != nil {
		t.Error("a question about a machine that does not exist")
	}
}

func TestClosePreselects(t *testing.T) {
	all := closeOptions(&machines.Machine{State: hypervisor.StateRunning, Persistent: true})
	for remembered, want := range map[string]closeChoice{"": closeKeep, "poweroff": closePowerOff, "save": closeSave, "nonsense": closeKeep} {
		if got := all[preselect(all, remembered)].choice; got != want {
			t.Errorf("remembered %q: %s, want %s", remembered, got, want)
		}
	}
	paused := closeOptions(&machines.Machine{State: hypervisor.StatePaused, Persistent: true})
	if got := paused[preselect(paused, "shutdown")].choice; got != closeKeep {
		t.Errorf("the last choice is not possible: %s", got)
	}
}

// TestClose plays each answer and reads what was done to the machine.
func TestClose(t *testing.T) {
	current := []checkpoints.Checkpoint{{ID: "a", Name: "Clean", Current: true, State: hypervisor.StateRunning}}
	off := []checkpoints.Checkpoint{{ID: "a", Name: "Clean", Current: true, State: hypervisor.StateOff}}
	for _, c := range []struct {
		name   string
		list   []checkpoints.Checkpoint
		play   func(f *world, w *Window, d *closeDialog)
		want   []string
		choice string // remembered
	}{
		{"cancel", nil, func(_ *world, _ *Window, d *closeDialog) { d.modal.Close() }, []string{"pause", "resume"}, ""},
		{"escape with the focus nowhere", nil, func(_ *world, w *Window, _ *closeDialog) {
			w.win.Canvas().Unfocus()
			w.win.Canvas().OnTypedKey()(&fyne.KeyEvent{Name: fyne.KeyEscape})
		}, []string{"pause", "resume"}, ""},
		{"keep running", nil, func(_ *world, _ *Window, d *closeDialog) { d.choose(closeKeep) }, []string{"pause", "resume", "closed"}, "background"},
		{"save", nil, func(_ *world, _ *Window, d *closeDialog) { d.choose(closeSave) }, []string{"pause", "resume", "save", "closed"}, "save"},
		{"save fails", nil, func(f *world, _ *Window, d *closeDialog) {
			f.set(func() { f.fail["save"] = hypervisor.ErrNoSpace })
			d.choose(closeSave)
		}, []string{"pause", "resume", "save"}, "save"},
		{"shut down", nil, func(f *world, w *Window, d *closeDialog) {
			d.choose(closeShutdown)
			f.until("asked", func() bool { return w.closeWhenOff })
			f.change(func(m *machines.Machine) { m.State = hypervisor.StateOff })
		}, []string{"pause", "resume", "shutdown", "closed"}, "shutdown"},
		{"shut down, but stay", nil, func(f *world, w *Window, d *closeDialog) {
			d.choose(closeShutdown)
			f.until("asked", func() bool { return w.closeWhenOff })
			test.Tap(w.status.act)
			f.change(func(m *machines.Machine) { m.State = hypervisor.StateOff })
			f.until("off", func() bool { return w.page.title.Text() == "The machine is off" })
		}, []string{"pause", "resume", "shutdown"}, "shutdown"},
		{"power off", current, func(_ *world, _ *Window, d *closeDialog) { d.choose(closePowerOff) }, []string{"pause", "poweroff", "closed"}, "poweroff"},
		{"power off and back", current, func(_ *world, _ *Window, d *closeDialog) {
			d.choice.SetSelected(d.options[3].label)
			d.goBack.SetChecked(true)
			d.accept()
		}, []string{"pause", "poweroff", "restore a", "save", "closed"}, "poweroff"},
		{"power off and back to a stopped machine", off, func(_ *world, _ *Window, d *closeDialog) {
			d.choice.SetSelected(d.options[3].label)
			d.goBack.SetChecked(true)
			d.accept()
		}, []string{"pause", "poweroff", "restore a", "closed"}, "poweroff"},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newWorld(t, hypervisor.StateRunning)
			f.list = c.list
			if c.list != nil {
				f.machine.Checkpoint = c.list[0].Name
			}
			w := f.open()
			f.live(w, 0)
			w.Close()
			f.until("the question", func() bool { return widgets.ModalOpen(w.win) && w.machine.State == hypervisor.StatePaused })
			if w.page.card.Visible() {
				t.Error("a page behind the question")
			}
			w.Close() // once is enough
			c.play(f, w, w.askingClose)
			f.until(c.name, f.did(c.want...))
			f.jobs.WaitIdle()
			f.until("remembered", func() bool { return f.get().CloseChoice[testID] == c.choice })
			if widgets.ModalOpen(w.win) {
				t.Error("the question stays")
			}
		})
	}
}

func (d *closeDialog) choose(c closeChoice) {
	for _, o := range d.options {
		if o.choice == c {
			d.choice.SetSelected(o.label)
		}
	}
	d.accept()
}

// TestCloseRemembers begins with the last answer, whose words are on the button; the keys choose another one, and Escape leaves all as it was.
func TestCloseRemembers(t *testing.T) {
	f := newWorld(t, hypervisor.StateRunning)
	f.settings.CloseChoice = map[uuid.UUID]string{testID: string(closePowerOff)}
	w := f.open()
	f.live(w, 0)
	w.Close()
	d := w.askingClose
	if d.selected() != closePowerOff || d.ok.Text() != "Power off" {
		t.Errorf("it begins with %s, “%s”", d.selected(), d.ok.Text())
	}
	w.win.Canvas().FocusPrevious() // from the last choice's check box or button
	for w.win.Canvas().Focused() != fyne.Focusable(d.choiceButton(t)) {
		w.win.Canvas().FocusPrevious()
	}
	w.win.Canvas().Focused().TypedKey(&fyne.KeyEvent{Name: fyne.KeyUp})
	if d.selected() != closeShutdown || d.ok.Text() != "Shut down" {
		t.Errorf("after Up it is %s, “%s”", d.selected(), d.ok.Text())
	}
	w.win.Canvas().Focused().TypedKey(&fyne.KeyEvent{Name: fyne.KeyEscape})
	f.until("left as it was", f.did("pause", "resume"))
	if widgets.ModalOpen(w.win) {
		t.Error("the question stays")
	}
}

// choiceButton is the button of what is chosen.
func (d *closeDialog) choiceButton(t *testing.T) *widgets.Button {
	t.Helper()
	for _, o := range test.LaidOutObjects(d.w.win.Canvas().Overlays().Top()) {
		if b, ok := o.(*widgets.Button); ok && b.Text() == d.choice.Selected() {
			return b
		}
	}
	t.Fatal("nothing is chosen")
	return nil
}

func TestCloseCheckBoxNeedsPowerOff(t *testing.T) {
	f := newWorld(t, hypervisor.StateRunning)
	f.machine.Checkpoint = "Clean"
	w := f.open()
	w.Close()
	d := w.askingClose
	if !d.goBack.Disabled() {
		t.Error("the check box can be used with another choice")
	}
	d.choice.SetSelected(d.options[3].label)
	if d.goBack.Disabled() {
		t.Error("the check box cannot be used with power off")
	}
	d.goBack.SetChecked(true)
	d.choice.SetSelected(d.options[0].label)
	if d.goBack.Checked || !d.goBack.Disabled() {
		t.Error("the check box stays checked")
	}
	d.modal.Close()
}

func TestCloseWithoutQuestion(t *testing.T) {
	for _, state := range []hypervisor.State{hypervisor.StateOff, hypervisor.StateSaved} {
		f := newWorld(t, state)
		w := f.open()
		w.Close()
		f.until("closed", f.did("closed"))
	}
	f := newWorld(t, hypervisor.StateRunning)
	w := f.open()
	w.p.ConfirmClose = false
	w.Close()
	f.until("closed", f.did("closed"))
}

// TestCloseQuestionThatIsOver: the machine stops by itself while the window asks what should become of it.
func TestCloseQuestionThatIsOver(t *testing.T) {
	f := newWorld(t, hypervisor.StateRunning)
	w := f.open()
	f.live(w, 0)
	w.Close()
	f.until("paused", func() bool { return w.askingClose != nil && w.machine.State == hypervisor.StatePaused })
	f.change(func(m *machines.Machine) { m.State = hypervisor.StateOff })
	f.until("closed", func() bool { return w.closed && w.askingClose == nil })
	if want := []string{"pause", "closed"}; !f.did(want...)() {
		t.Errorf("done: %v, want %v", f.noted(), want)
	}
}
