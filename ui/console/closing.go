package console

import (
	"context"
	"slices"

	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/widget"
	"github.com/google/uuid"

	"guesthouse/app/jobs"
	"guesthouse/app/machines"
	"guesthouse/app/settings"
	"guesthouse/hypervisor"
	"guesthouse/ui/dispatch"
	"guesthouse/ui/lang"
	"guesthouse/ui/restore"
	"guesthouse/ui/theme"
	"guesthouse/ui/widgets"
	"guesthouse/vmconfig"
)

// closeChoice is what becomes of a machine when its window closes. The values are stored in the settings.
type closeChoice string

const (
	closeKeep     closeChoice = "background"
	closeSave     closeChoice = "save"
	closeShutdown closeChoice = "shutdown"
	closePowerOff closeChoice = "poweroff"
)

// closeOption is a choice with its text.
type closeOption struct {
	choice closeChoice
	label  string
}

// closeOptions lists what is possible now, the most careful first. It is empty when there is nothing to decide.
func closeOptions(m *machines.Machine) []closeOption {
	if m == nil || m.Offline || m.State == hypervisor.StateOff || m.State == hypervisor.StateSaved || m.State == hypervisor.StateUnknown {
		return nil
	}
	keep := lang.L("Keep it running in the background")
	if m.State != hypervisor.StateRunning {
		keep = lang.L("Leave it as it is, in the background")
	}
	options := []closeOption{{closeKeep, keep}}
	add := func(a machines.Action, c closeChoice, label string) {
		if ok, _ := m.Can(a); ok {
			options = append(options, closeOption{c, label})
		}
	}
	add(machines.ActionSave, closeSave, lang.L("Save its state and go on from there next time"))
	add(machines.ActionShutdown, closeShutdown, lang.L("Shut down the guest"))
	add(machines.ActionPowerOff, closePowerOff, lang.L("Power off at once; what the guest has not saved is lost"))
	return options
}

// preselect returns the index of the last choice for this machine, or of the first possible one.
func preselect(options []closeOption, remembered string) int {
	return max(0, slices.IndexFunc(options, func(o closeOption) bool { return string(o.choice) == remembered }))
}

// closeDialog asks what should become of the machine.
type closeDialog struct {
	w       *Window
	options []closeOption
	choice  *widgets.Choice
	ok      *widgets.Button
	goBack  *widget.Check
	modal   *widgets.Modal
	decided bool
	// pausing is the job that paused the machine while the dialog is open, nil when it was not running.
	pausing *jobs.Job
}

// Close closes the window, after asking what should become of a machine that is not off.
func (w *Window) Close() {
	if w.askingClose != nil {
		return
	}
	options := closeOptions(w.machine)
	if !w.p.ConfirmClose || len(options) == 0 {
		w.shut()
		return
	}
	w.display.ReleaseAll()
	w.askingClose = newCloseDialog(w, options)
}

// newCloseDialog opens the dialog and freezes a running machine meanwhile, so that nothing goes on behind a question about it.
func newCloseDialog(w *Window, options []closeOption) *closeDialog {
	d := &closeDialog{w: w, options: options}
	labels := make([]string, len(options))
	for i, o := range options {
		labels[i] = o.label
	}
	d.choice = widgets.NewChoice(labels)
	d.goBack = widget.NewCheck("", nil)
	content := container.NewVBox(d.choice.Box)
	canPowerOff := slices.ContainsFunc(options, func(o closeOption) bool { return o.choice == closePowerOff })
	if m := w.machine; m.Checkpoint != "" && canPowerOff {
		d.goBack.SetText(lang.F("and go back to the checkpoint “%s”", vmconfig.Inert(m.Checkpoint, 40)))
		indent := container.NewHBox(widgets.Space(theme.Gap6, 1), d.goBack)
		content.Add(indent)
	}
	if ok, _ := w.machine.Can(machines.ActionPause); ok {
		d.pausing = w.p.Machines.Do(machines.ActionPause, w.p.ID)
		content.Add(widgets.NewText(lang.L("The machine is paused while you decide."), theme.TextSmall, false, theme.ColorMuted))
	}
	d.choice.SetSelected(labels[preselect(options, w.p.Settings.Get().CloseChoice[w.p.ID])])
	cancel := widgets.NewButton("", lang.L("Cancel"), widgets.StylePlain, func() { d.modal.Close() })
	d.ok = widgets.NewButton("", "", widgets.StylePrimary, d.accept)
	title := lang.F("What should happen to “%s”?", vmconfig.Inert(w.machine.Name, 40))
	d.modal = widgets.NewModal(w.win, "poweroff", theme.ColorMuted, title, content, 440, cancel, d.ok)
	d.modal.OnClosed = d.closed
	d.choice.OnChanged = d.update
	d.update()
	d.modal.Show()
	return d
}

// follow closes the window when there is nothing left to decide: the machine has stopped behind the question, not just for a moment on the way of a
// job, or it is gone.
func (d *closeDialog) follow() {
	w := d.w
	m := w.machine
	switch {
	case !w.connected || w.work != "":
		return
	case m != nil && (m.Offline || m.Busy != "" || m.State != hypervisor.StateOff && m.State != hypervisor.StateSaved):
		return
	}
	d.decided = true
	d.modal.Close()
	w.shut()
}

// selected is the chosen option.
func (d *closeDialog) selected() closeChoice {
	for _, o := range d.options {
		if o.label == d.choice.Selected() {
			return o.choice
		}
	}
	return closeKeep
}

// update says on the button what it will do, and lets the check box be used only with a power off: the other choices keep the present state on purpose.
func (d *closeDialog) update() {
	text, style := lang.L("Close the window"), widgets.StylePrimary
	switch d.selected() {
	case closeSave:
		text = lang.L("Save its state")
	case closeShutdown:
		text = lang.L("Shut down")
	case closePowerOff:
		text, style = lang.L("Power off"), widgets.StyleDanger
	}
	d.ok.SetText(text)
	d.ok.SetStyle(style)
	if d.selected() == closePowerOff {
		d.goBack.Enable()
		return
	}
	d.goBack.SetChecked(false)
	d.goBack.Disable()
}

// closed runs when the dialog is gone, however it went.
func (d *closeDialog) closed() {
	w := d.w
	w.askingClose = nil
	if !d.decided {
		w.background(faults[machines.ActionResume], d.resume, nil)
	}
	w.refresh()
}

func (d *closeDialog) accept() {
	d.decided = true
	choice, back := d.selected(), d.goBack.Checked
	d.modal.Close()
	w := d.w
	w.remember(func(s *settings.Settings) {
		if s.CloseChoice == nil {
			s.CloseChoice = map[uuid.UUID]string{}
		}
		s.CloseChoice[w.p.ID] = string(choice)
	})
	switch choice {
	case closeKeep:
		w.background(faults[machines.ActionResume], d.resume, w.shut)
	case closeSave:
		// Resumed first: a machine that is saved while paused would come back paused.
		w.background(faults[machines.ActionSave], d.resumeAnd(machines.ActionSave), w.shut)
	case closeShutdown:
		w.background(faults[machines.ActionShutdown], d.resumeAnd(machines.ActionShutdown), func() {
			w.closeWhenOff = true
			w.say(notice{text: lang.L("The guest was asked to shut down. This window closes when it is off."), action: lang.L("Keep open"), do: func() {
				w.closeWhenOff = false
				w.say(notice{})
			}})
			w.refresh()
		})
	case closePowerOff:
		w.background(faults[machines.ActionPowerOff], func(ctx context.Context) error { return w.powerOffAnd(ctx, back) }, w.shut)
	}
}

// resume undoes the pause of the dialog. Not for the UI goroutine, like all that follow.
func (d *closeDialog) resume(ctx context.Context) error {
	if d.pausing == nil || d.pausing.Wait(ctx) != nil {
		return nil // it was not paused, or not by us
	}
	return d.w.p.Machines.Do(machines.ActionResume, d.w.p.ID).Wait(ctx)
}

func (d *closeDialog) resumeAnd(a machines.Action) func(context.Context) error {
	return func(ctx context.Context) error {
		if err := d.resume(ctx); err != nil {
			return err
		}
		return d.w.p.Machines.Do(a, d.w.p.ID).Wait(ctx)
	}
}

// powerOffAnd powers off and, when asked for, goes back to the current checkpoint. A checkpoint of a running machine would run on; its state
// is saved then, so that the machine is stopped as the user wanted and the next start continues at the checkpoint.
func (w *Window) powerOffAnd(ctx context.Context, back bool) error {
	if err := w.p.Machines.Do(machines.ActionPowerOff, w.p.ID).Wait(ctx); err != nil || !back {
		return err
	}
	o, err := w.p.Checkpoints.Overview(ctx, w.p.ID)
	if err != nil {
		return err
	}
	to, err := restore.Last(o.List)
	if err != nil {
		return err
	}
	if err := w.p.Checkpoints.Restore(w.p.ID, to.ID, restoreOnly).Wait(ctx); err != nil {
		return err
	}
	if !to.State.Active() {
		return nil
	}
	return w.p.Machines.Do(machines.ActionSave, w.p.ID).Wait(ctx)
}

// background runs steps off the UI goroutine, then continues, or tells what failed.
func (w *Window) background(fault string, steps func(context.Context) error, then func()) {
	dispatch.Run(w.p.Dispatch, steps, func(err error) {
		if err != nil {
			w.refuse(fault, err)
			return
		}
		if then != nil && !w.closed {
			then()
		}
	})
}
