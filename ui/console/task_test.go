package console

import (
	"errors"
	"strings"
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/test"
	"fyne.io/fyne/v2/widget"
	"github.com/google/uuid"

	"guesthouse/app/labs"
	"guesthouse/app/machines"
	"guesthouse/hypervisor"
	"guesthouse/vmconfig"
)

const labID = "sha256:0123456789012345678901234567890123456789012345678901234567890123"

// openLab shows the window of a machine that was launched from a lab with this text.
func (f *world) openLab(text string, err error) *Window { return f.openLabIn(text, err, "") }

// openLabIn is openLab for a machine in a group.
func (f *world) openLabIn(text string, err error, group string) *Window {
	f.machine.Config = &vmconfig.Machine{Name: "web", Group: group, Lab: vmconfig.Lab{ID: labID}}
	w := openWindow(Params{
		App: fyne.CurrentApp(), Dispatch: f.queue, Machines: f, Checkpoints: fakeCheckpoints{f}, Jobs: f.jobs, Settings: fakeSettings{f}, ID: testID,
		NewSource: f.newSource, after: f.after, Task: func(id uuid.UUID) (string, error) {
			if id != testID {
				return "", errors.New("another machine")
			}
			f.note("task read")
			return text, err
		},
		HandIn: func(id uuid.UUID, over fyne.Window) { f.note("hand in " + id.String()) },
	})
	f.t.Cleanup(func() {
		w.shut()
		f.jobs.WaitIdle()
	})
	return w
}

func TestTaskBesideTheScreen(t *testing.T) {
	f := newWorld(t, hypervisor.StateRunning)
	w := f.openLab("# Firewalls\n\n"+strings.Repeat("Close port 80.\n\n", 100), nil)
	f.live(w, 0)
	f.until("the task is shown", w.task.box.Visible)
	if text := w.task.text.Objects[0].(*widget.RichText).String(); !strings.Contains(text, "Firewalls") {
		t.Errorf("shown is %q", text)
	}
	whole, screen := w.frame.Size().Width, w.scroll.Size().Width
	if task := w.task.box.Size().Width; task < minimumTaskWidth || abs(whole-task-screen) > 0.01 {
		t.Errorf("task %v and screen %v of %v", task, screen, whole)
	}

	// The page keys move it while its button has the keyboard.
	w.win.Canvas().Focus(w.bar.task)
	w.bar.task.TypedKey(&fyne.KeyEvent{Name: fyne.KeyPageDown})
	if w.task.scroll.Offset.Y == 0 {
		t.Error("Page Down does not move the task")
	}
	w.bar.task.TypedKey(&fyne.KeyEvent{Name: fyne.KeyPageUp})
	if w.task.scroll.Offset.Y != 0 {
		t.Error("Page Up does not move the task back")
	}

	test.Tap(w.bar.task)
	if w.task.box.Visible() || !w.bar.task.Visible() || w.win.Canvas().Focused() != fyne.Focusable(w.display) {
		t.Error("the task is not folded away, or cannot be unfolded, or the guest has not the keyboard")
	}
	f.until("folded is remembered", func() bool { return fakeSettings{f}.Get().Consoles[testID].TaskFolded })
	if w.scroll.Size().Width != w.frame.Size().Width {
		t.Error("the screen does not get the room")
	}
	w.shut()

	again := f.openLab("# Firewalls", nil)
	f.until("the task can be unfolded", again.bar.task.Visible)
	if again.task.box.Visible() {
		t.Error("the task was folded away and is shown")
	}
	test.Tap(again.bar.task)
	f.until("unfolded is remembered", func() bool { return !fakeSettings{f}.Get().Consoles[testID].TaskFolded })
	f.change(func(*machines.Machine) {})
	reads := 0
	for _, done := range f.noted() {
		if done == "task read" {
			reads++
		}
	}
	if reads != 2 {
		t.Errorf("the task was read %d times for two windows", reads)
	}
}

// TestHandInBelowTheTask leads from the task to handing in, with the pointer and with the keyboard alone.
func TestHandInBelowTheTask(t *testing.T) {
	f := newWorld(t, hypervisor.StateRunning)
	w := f.openLab("# Firewalls", nil)
	f.live(w, 0)
	f.until("the task is shown", w.task.box.Visible)
	test.Tap(w.task.handIn)
	w.win.Canvas().Focus(w.bar.full)
	for _, b := range w.task.buttons() {
		w.win.Canvas().Focused().TypedKey(&fyne.KeyEvent{Name: fyne.KeyRight})
		if w.win.Canvas().Focused() != fyne.Focusable(b) {
			t.Errorf("the keyboard does not come to %q", b.Tip())
		}
	}
	w.task.handIn.TypedKey(&fyne.KeyEvent{Name: fyne.KeyReturn})
	asked := 0
	for _, done := range f.noted() {
		if done == "hand in "+testID.String() {
			asked++
		}
	}
	if asked != 2 {
		t.Errorf("asked %d times", asked)
	}
	w.task.handIn.TypedKey(&fyne.KeyEvent{Name: fyne.KeyEscape})
	if w.win.Canvas().Focused() != fyne.Focusable(w.display) {
		t.Error("Escape does not lead back to the guest")
	}
	test.Tap(w.bar.task) // folded away
	w.win.Canvas().Focus(w.bar.full)
	w.bar.full.TypedKey(&fyne.KeyEvent{Name: fyne.KeyRight})
	if w.win.Canvas().Focused() != fyne.Focusable(w.bar.full) {
		t.Error("the keyboard goes to what is folded away")
	}
	w.shut()

	theirs := f.openLabIn("# Firewalls", nil, labs.SubmissionsGroup+"/networks")
	f.until("the task is there", func() bool { return theirs.task.there })
	if theirs.task.foot.Visible() {
		t.Error("a submission can be handed in")
	}
}

// TestNoTask has a machine of no lab, a lab without a text and one that was removed.
func TestNoTask(t *testing.T) {
	for name, open := range map[string]func(*world) *Window{
		"no lab":  (*world).open,
		"empty":   func(f *world) *Window { return f.openLab("", nil) },
		"removed": func(f *world) *Window { return f.openLab("# Firewalls", errors.New("gone")) },
	} {
		f := newWorld(t, hypervisor.StateRunning)
		w := open(f)
		f.live(w, 0)
		f.queue.Settle(0)
		if w.bar.task.Visible() || w.task.box.Visible() {
			t.Errorf("%s: a task is shown", name)
		}
	}
}
