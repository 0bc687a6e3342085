package console

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/widget"

	"guesthouse/app/checkpoints"
	"guesthouse/app/machines"
	"guesthouse/ui/dispatch"
	"guesthouse/ui/lang"
	"guesthouse/ui/theme"
	"guesthouse/ui/widgets"
	"guesthouse/vmconfig"
)

var (
	faultSave    = lang.Key("The checkpoint was not saved")
	faultRestore = lang.Key("The machine was not restored")
)

// refusal is an error whose text is meant for the user as it is.
type refusal string

func (r refusal) Error() string { return string(r) }

// saveCheckpoint saves one with the next free name; no questions.
func (w *Window) saveCheckpoint() {
	w.display.Focus()
	if w.machine == nil {
		return
	}
	if ok, reason := w.machine.Can(machines.ActionCheckpoint); !ok {
		w.say(notice{text: reason})
		return
	}
	if w.savingCheckpoint {
		return
	}
	w.savingCheckpoint = true // the machine is busy only a moment later; a second click until then would ask for the same name
	w.say(notice{})
	dispatch.Background(w.p.Dispatch, w.nextName, func(name string, err error) {
		if err != nil {
			w.savingCheckpoint = false
			w.refuse(faultSave, err)
			return
		}
		job := w.p.Checkpoints.Save(w.p.ID, checkpoints.SaveOptions{Name: name})
		dispatch.Run(w.p.Dispatch, job.Wait, func(error) { w.savingCheckpoint = false })
		w.follow(faultSave, job, func() {
			w.say(notice{text: lang.F("“%s” saved.", vmconfig.Inert(name, 60))})
		})
	})
}

// nextName finds the default name of the next checkpoint, or why there cannot be one. Not for the UI goroutine.
func (w *Window) nextName(ctx context.Context) (string, error) {
	if ok, reason := w.p.Checkpoints.CanSave(ctx, w.p.ID); !ok {
		return "", refusal(reason)
	}
	list, err := w.p.Checkpoints.List(ctx, w.p.ID)
	if err != nil {
		return "", err
	}
	return w.p.Checkpoints.NextName(list), nil
}

// refuse shows a reason as it is, and anything else as a failure.
func (w *Window) refuse(what string, err error) {
	var r refusal
	if errors.As(err, &r) {
		w.say(notice{text: string(r), fault: true})
		return
	}
	w.fail(what, err)
}

// plan is a restore that the user is about to confirm.
type plan struct {
	to       checkpoints.Checkpoint
	loses    bool // the present state is in no checkpoint
	saveName string
}

// last picks the checkpoint that "Restore" goes back to: the one that the machine continues from, else the newest that can be restored.
func last(list []checkpoints.Checkpoint) (checkpoints.Checkpoint, error) {
	var newest *checkpoints.Checkpoint
	for i, c := range list {
		if c.Problem != "" {
			continue
		}
		if c.Current {
			return c, nil
		}
		if newest == nil || c.Created.After(newest.Created) {
			newest = &list[i]
		}
	}
	switch {
	case newest != nil:
		return *newest, nil
	case len(list) > 0:
		return checkpoints.Checkpoint{}, refusal(lang.F("No checkpoint of this machine can be restored: %s", lang.L(list[0].Problem)))
	}
	return checkpoints.Checkpoint{}, refusal(lang.L("This machine has no checkpoint yet."))
}

// restoreLast goes back to the last checkpoint.
func (w *Window) restoreLast() { w.restore("") }

// restore goes back to a checkpoint; an empty ID means the last. It asks when the present state would be lost.
func (w *Window) restore(id string) {
	w.display.Focus()
	if w.machine == nil {
		return
	}
	if ok, reason := w.machine.Can(machines.ActionRestore); !ok {
		w.say(notice{text: reason})
		return
	}
	w.say(notice{})
	dispatch.Background(w.p.Dispatch, func(ctx context.Context) (plan, error) { return w.planRestore(ctx, id) }, func(p plan, err error) {
		switch {
		case err != nil:
			w.refuse(faultRestore, err)
		case w.closed:
		case p.loses || w.p.Settings.Get().ConfirmRestore:
			w.askRestore(p)
		default:
			w.runRestore(p, false)
		}
	})
}

// planRestore finds out what a restore would do. Not for the UI goroutine.
func (w *Window) planRestore(ctx context.Context, id string) (plan, error) {
	list, err := w.p.Checkpoints.List(ctx, w.p.ID)
	if err != nil {
		return plan{}, err
	}
	p := plan{saveName: w.p.Checkpoints.NextName(list)}
	if id == "" {
		if p.to, err = last(list); err != nil {
			return plan{}, err
		}
	} else {
		i := slices.IndexFunc(list, func(c checkpoints.Checkpoint) bool { return c.ID == id })
		if i < 0 {
			return plan{}, refusal(lang.L("This checkpoint was deleted meanwhile."))
		}
		if p.to = list[i]; p.to.Problem != "" {
			return plan{}, refusal(p.to.Problem)
		}
	}
	p.loses, err = w.p.Checkpoints.WouldLose(ctx, w.p.ID)
	return p, err
}

// askRestore asks before the present state is given up, and offers to save it first.
func (w *Window) askRestore(p plan) {
	w.display.ReleaseAll()
	label := widget.NewLabel("")
	label.Wrapping = fyne.TextWrapWord
	say := func(saved bool) {
		text := lang.F("The machine goes back to how it was on %s.", p.to.Created.Local().Format(lang.L("2 January 2006 at 15:04")))
		if p.loses && !saved {
			text += " " + lang.L("Everything since then is lost, on its disks and in its memory.")
		}
		label.SetText(text)
	}
	first := widget.NewCheck(lang.F("Save the present state first, as “%s”", vmconfig.Inert(p.saveName, 40)), say)
	first.SetChecked(p.loses)
	say(first.Checked)
	content := container.NewVBox(label, first)
	var m *widgets.Modal
	cancel := widgets.NewButton("", lang.L("Cancel"), widgets.StylePlain, func() { m.Close() })
	ok := widgets.NewButton("restore", lang.L("Restore"), widgets.StylePrimary, func() {
		m.Close()
		w.runRestore(p, first.Checked)
	})
	m = widgets.NewModal(w.win, "restore", theme.ColorPaused, lang.F("Go back to “%s”?", vmconfig.Inert(p.to.Name, 60)), content, 460, cancel, ok)
	w.modal = m.Show()
}

// runRestore starts the job; saving first is a part of it, so that a failed save restores nothing.
func (w *Window) runRestore(p plan, saveFirst bool) {
	o := checkpoints.RestoreOptions{SaveFirst: saveFirst}
	if saveFirst {
		o.SaveName = p.saveName
	}
	w.follow(faultRestore, w.p.Checkpoints.Restore(w.p.ID, p.to.ID, o), func() {
		w.say(notice{text: lang.F("Back at “%s”.", vmconfig.Inert(p.to.Name, 60))})
		w.link.retry()
	})
}

// restoreOnly restores without saving first.
var restoreOnly = checkpoints.RestoreOptions{}

// menuLength bounds the menu of checkpoints; the manager lists them all.
const menuLength = 15

// pickCheckpoint opens a menu of the newest checkpoints.
func (w *Window) pickCheckpoint() {
	dispatch.Background(w.p.Dispatch, func(ctx context.Context) ([]checkpoints.Checkpoint, error) {
		return w.p.Checkpoints.List(ctx, w.p.ID)
	}, func(list []checkpoints.Checkpoint, err error) {
		if err != nil {
			w.fail(lang.L("The checkpoints cannot be listed"), err)
			return
		}
		if !w.closed {
			w.menu(w.bar.pick, w.checkpointMenu(list, time.Now()))
		}
	})
}

// checkpointMenu lists checkpoints, newest first.
func (w *Window) checkpointMenu(list []checkpoints.Checkpoint, now time.Time) *fyne.Menu {
	m := fyne.NewMenu("")
	list = slices.Clone(list)
	slices.SortStableFunc(list, func(a, b checkpoints.Checkpoint) int { return b.Created.Compare(a.Created) })
	for _, c := range list[:min(len(list), menuLength)] {
		item := fyne.NewMenuItem(fmt.Sprintf("%s   %s", vmconfig.Inert(c.Name, 40), when(c.Created.Local(), now)), func() { w.restore(c.ID) })
		item.Checked = c.Current
		item.Disabled = c.Problem != ""
		m.Items = append(m.Items, item)
	}
	if len(list) == 0 {
		item := fyne.NewMenuItem(lang.L("No checkpoint yet"), nil)
		item.Disabled = true
		m.Items = append(m.Items, item)
	}
	return m
}

// when writes a time as short as it is clear.
func when(t, now time.Time) string {
	y, m, d := t.Date()
	ny, nm, nd := now.Date()
	switch {
	case y == ny && m == nm && d == nd:
		return t.Format("15:04")
	case y == ny:
		return t.Format(lang.L("2 Jan 15:04"))
	}
	return t.Format(lang.L("2 Jan 2006"))
}
