package console

import (
	"context"
	"errors"
	"time"

	"guesthouse/app/checkpoints"
	"guesthouse/app/machines"
	"guesthouse/hypervisor"
	"guesthouse/ui/ask"
	"guesthouse/ui/dispatch"
	"guesthouse/ui/lang"
	"guesthouse/ui/restore"
	"guesthouse/ui/widgets"
	"guesthouse/vmconfig"
)

var (
	faultSave    = lang.Key("The checkpoint was not saved")
	faultRestore = lang.Key("The machine was not restored")
)

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
	dispatch.Background(w.p.Dispatch, w.savable, func(o checkpoints.Overview, err error) {
		if err != nil {
			w.savingCheckpoint = false
			w.refuse(faultSave, err)
			return
		}
		w.saveAs(checkpoints.SaveOptions{Name: w.p.Checkpoints.NextName(o.All())})
	})
}

// saveCheckpointAs asks for a name first.
func (w *Window) saveCheckpointAs() {
	if w.machine == nil || w.savingCheckpoint {
		return
	}
	w.display.ReleaseAll()
	dispatch.Background(w.p.Dispatch, w.savable, func(o checkpoints.Overview, err error) {
		switch {
		case err != nil:
			w.refuse(faultSave, err)
		case !w.closed && w.machine != nil:
			ask.SaveCheckpoint(w.win, w.p.Dispatch, o, w.p.Checkpoints.NextName(o.All()), w.machine.State.Active(),
				func(words checkpoints.SaveOptions) { w.p.Dispatch.Do(func() { w.saveAs(words) }) })
		}
	})
}

// saveAs saves a checkpoint.
func (w *Window) saveAs(words checkpoints.SaveOptions) {
	w.savingCheckpoint = true
	job := w.p.Checkpoints.Save(w.p.ID, words)
	dispatch.Run(w.p.Dispatch, job.Wait, func(error) { w.savingCheckpoint = false })
	w.follow(faultSave, job, func() {
		w.savingCheckpoint = false // who reads that it is saved may save the next one
		w.say(notice{text: lang.F("“%s” saved.", vmconfig.Inert(words.Name, 60))})
	})
}

// savable looks at the machine's checkpoints; the error says why there cannot be another one. Not for the UI goroutine.
func (w *Window) savable(ctx context.Context) (checkpoints.Overview, error) {
	o, err := w.p.Checkpoints.Overview(ctx, w.p.ID)
	if err == nil && o.Refusal != "" {
		err = restore.Refusal(lang.L(o.Refusal))
	}
	return o, err
}

// refuse shows a reason as it is, and anything else as a failure.
func (w *Window) refuse(what string, err error) {
	var r restore.Refusal
	if errors.As(err, &r) {
		// The status line has not room for every reason, and a guest's window may be small.
		w.say(notice{text: string(r), fault: true, action: lang.L("Details"), do: func() {
			w.say(notice{})
			w.display.ReleaseAll()
			widgets.ShowError(w.win, widgets.ErrorText{Title: lang.L(what), Summary: string(r)})
		}})
		return
	}
	w.fail(what, err)
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
	prefers := w.p.Settings.Get()
	dispatch.Background(w.p.Dispatch, func(ctx context.Context) (restore.Plan, error) {
		return restore.NewPlan(ctx, w.p.Checkpoints, w.p.ID, id)
	}, func(p restore.Plan, err error) {
		switch {
		case err != nil:
			w.refuse(faultRestore, err)
		case w.closed:
		case p.Asks(prefers.SaveFirst) || prefers.ConfirmRestore:
			w.display.ReleaseAll()
			p.Off = w.machine != nil && w.machine.State == hypervisor.StateOff
			restore.Ask(w.win, p, func(saveFirst bool) { w.runRestore(p, p.Options(saveFirst)) })
		default:
			w.runRestore(p, p.Automatic(prefers.SaveFirst))
		}
	})
}

// runRestore starts the job; saving first is a part of it, so that a failed save restores nothing.
func (w *Window) runRestore(p restore.Plan, o checkpoints.RestoreOptions) {
	w.follow(faultRestore, w.p.Checkpoints.Restore(w.p.ID, p.To.ID, o), func() {
		w.say(notice{text: lang.F("Back at “%s”.", vmconfig.Inert(p.To.Name, 60))})
		w.link.retry()
	})
}

// restoreOnly restores without saving first.
var restoreOnly = checkpoints.RestoreOptions{}

// pickCheckpoint opens a menu of the checkpoints.
func (w *Window) pickCheckpoint() {
	dispatch.Background(w.p.Dispatch, func(ctx context.Context) (checkpoints.Overview, error) {
		return w.p.Checkpoints.Overview(ctx, w.p.ID)
	}, func(o checkpoints.Overview, err error) {
		if err != nil {
			w.fail(lang.L("The checkpoints cannot be listed"), err)
			return
		}
		if !w.closed {
			w.menu(w.bar.pick, restore.Menu(o.List, time.Now(), w.restore))
		}
	})
}
