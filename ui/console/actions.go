package console

import (
	"context"
	"errors"

	"fyne.io/fyne/v2"

	"guesthouse/app/explain"
	"guesthouse/app/jobs"
	"guesthouse/app/machines"
	"guesthouse/hypervisor/display/rfb"
	"guesthouse/ui/dispatch"
	"guesthouse/ui/lang"
	"guesthouse/ui/widgets"
	"guesthouse/vmconfig"
)

func explained(err error) explain.Message { return explain.Explain(err) }

// showError explains a failure of the display.
func (w *Window) showError(err error) { w.showErrorOf(lang.L("The screen cannot be shown"), err) }

// showErrorOf explains what did not work, with the original text behind "Details".
func (w *Window) showErrorOf(what string, err error) {
	w.display.ReleaseAll()
	m := explained(err)
	widgets.ShowError(w.win, widgets.ErrorText{Title: what, Summary: m.Summary, Remedy: m.Remedy, Detail: m.Detail})
}

// menu opens a menu below a button. Keys go to the guest again when it closes.
func (w *Window) menu(below fyne.CanvasObject, m *fyne.Menu) {
	w.display.Focus()
	w.display.ReleaseAll()
	widgets.ShowMenu(below, m)
}

// faults says what did not work, by action.
var faults = map[machines.Action]string{
	machines.ActionStart:    lang.Key("The machine did not start"),
	machines.ActionPause:    lang.Key("The machine was not paused"),
	machines.ActionResume:   lang.Key("The machine did not resume"),
	machines.ActionReset:    lang.Key("The machine was not reset"),
	machines.ActionShutdown: lang.Key("The machine was not asked to shut down"),
	machines.ActionPowerOff: lang.Key("The machine was not powered off"),
	machines.ActionSave:     lang.Key("The machine’s state was not saved"),
}

// do starts an action and tells when it fails. What was said before is over.
func (w *Window) do(a machines.Action) {
	w.say(notice{})
	w.follow(faults[a], w.p.Machines.Do(a, w.p.ID), nil)
}

// follow waits for a job off the UI goroutine. then runs when it succeeded and may be nil.
func (w *Window) follow(fault string, job *jobs.Job, then func()) {
	dispatch.Run(w.p.Dispatch, job.Wait, func(err error) {
		if err != nil {
			w.fail(fault, err)
			return
		}
		if then != nil && !w.closed {
			then()
		}
	})
}

// addDisplay gives the machine a display that can be shown here.
func (w *Window) addDisplay() {
	dispatch.Run(w.p.Dispatch, func(ctx context.Context) error { return w.p.Machines.AddDisplay(ctx, w.p.ID) }, func(err error) {
		if err != nil {
			w.fail(lang.L("The display was not added"), err)
			return
		}
		if !w.closed {
			w.say(notice{text: lang.L("A VNC display was added.")})
		}
	})
}

// keepPassword remembers a password that was just accepted, or forgets the old one, as the user decided.
func (w *Window) keepPassword() {
	if keep := w.access.accepted(); keep != nil {
		dispatch.Run(w.p.Dispatch, func(context.Context) error { return keep() }, func(err error) { w.fail(lang.L("The password was not remembered"), err) })
	}
}

// trust accepts the certificate that the page shows, and connects.
func (w *Window) trust() {
	var e *rfb.CertificateError
	if !errors.As(w.body.err, &e) {
		return
	}
	keep := w.access.trust(e)
	dispatch.Run(w.p.Dispatch, func(context.Context) error { return keep() }, func(err error) { w.fail(lang.L("The certificate was not remembered"), err) })
	w.link.retry()
}

// runOrPause is the first button: what it does depends on the machine's state.
func (w *Window) runOrPause() {
	a, _, _ := runAction(w.machine)
	w.doIfPossible(a)
	w.display.Focus()
}

// doIfPossible starts an action, or says why it cannot.
func (w *Window) doIfPossible(a machines.Action) bool {
	if w.machine == nil {
		return false
	}
	if ok, reason := w.machine.Can(a); !ok {
		w.say(notice{text: reason})
		return false
	}
	w.do(a)
	return true
}

// stopMenu lists the ways to stop.
func (w *Window) stopMenu() *fyne.Menu {
	item := func(label string, a machines.Action, do func()) *fyne.MenuItem {
		i := fyne.NewMenuItem(label, do)
		if w.machine == nil {
			i.Disabled = true
		} else if ok, _ := w.machine.Can(a); !ok {
			i.Disabled = true
		}
		return i
	}
	return fyne.NewMenu("",
		item(lang.L("Shut down"), machines.ActionShutdown, w.shutDown),
		item(lang.L("Save state"), machines.ActionSave, func() { w.do(machines.ActionSave) }),
		item(lang.L("Power off…"), machines.ActionPowerOff, w.powerOff),
		fyne.NewMenuItemSeparator(),
		item(lang.L("Reset…"), machines.ActionReset, w.reset),
	)
}

func (w *Window) shutDown() {
	if w.doIfPossible(machines.ActionShutdown) {
		w.say(notice{text: lang.L("The guest was asked to shut down.")})
	}
}

// powerOff asks, since the guest cannot save anything.
func (w *Window) powerOff() {
	w.confirm(lang.L("Power off?"), lang.L("The machine stops at once, as if its plug was pulled. What the guest has not saved is lost."), lang.L("Power off"),
		machines.ActionPowerOff)
}

// reset asks for the same reason.
func (w *Window) reset() {
	w.confirm(lang.L("Reset?"), lang.L("The machine restarts at once, as if its reset button was pressed. What the guest has not saved is lost."), lang.L("Reset"),
		machines.ActionReset)
}

func (w *Window) confirm(title, text, label string, a machines.Action) {
	if w.machine == nil {
		return
	}
	if ok, reason := w.machine.Can(a); !ok {
		w.say(notice{text: reason})
		return
	}
	w.display.ReleaseAll()
	widgets.Confirm(w.win, title, text, nil, label, true, func() { w.do(a) })
}

// keysMenu lists the key combinations, and what else there is to say about the keyboard.
func (w *Window) keysMenu() *fyne.Menu {
	m := fyne.NewMenu("")
	capture := widgets.MenuItem("", lang.L("Capture the keyboard"), w.capture.grabs != nil && w.body.live, lang.L("not on this desktop"), w.captureFromMenu)
	capture.Checked = !w.capture.freed && (w.capture.auto || w.capture.asked)
	m.Items = append(m.Items,
		widgets.MenuItem("clipboard", lang.L("Type the clipboard’s text…"), w.body.live, lang.L("the screen is not connected"), w.typeClipboard),
		capture,
		fyne.NewMenuItemSeparator(),
	)
	for _, c := range combos(w.p.Settings.Get()) {
		m.Items = append(m.Items, fyne.NewMenuItem(vmconfig.Inert(c.Label, 40), func() { w.sendKeys(c.Keys) }))
	}
	m.Items = append(m.Items,
		fyne.NewMenuItemSeparator(),
		fyne.NewMenuItem(lang.L("Edit key combinations…"), w.editCombos),
		fyne.NewMenuItem(lang.L("Choose the host key…"), w.chooseHostKey),
	)
	return m
}

// captureFromMenu captures or frees the keyboard. The menu itself has freed it for the moment.
func (w *Window) captureFromMenu() {
	if !w.capture.freed && (w.capture.auto || w.capture.asked) {
		w.capture.free()
		return
	}
	w.capture.freed, w.capture.asked = false, true
	w.capture.update()
}

// sendKeys presses keys together in the guest: through the display when it is connected, which is exact, else through the hypervisor.
func (w *Window) sendKeys(keys []uint16) {
	if w.body.live {
		w.display.keyboard.chord(keys...)
		return
	}
	codes := make([]uint, len(keys))
	for i, k := range keys {
		codes[i] = uint(k)
	}
	dispatch.Run(w.p.Dispatch, func(ctx context.Context) error { return w.p.Machines.SendKeys(ctx, w.p.ID, codes) },
		func(err error) { w.fail(lang.L("The keys were not sent"), err) })
}

// hostCommand runs the command of the host key together with a key.
func (w *Window) hostCommand(code uint16) {
	if keys := hostChord(code); keys != nil {
		w.sendKeys(keys)
		return
	}
	if w.p.Kiosk != nil && !kioskCommands[hostCommands[code]] {
		return
	}
	switch hostCommands[code] {
	case cmdFullScreen:
		w.toggleFullScreen()
	case cmdScaling:
		w.toggleScaling()
	case cmdAdjust:
		w.adjust()
	case cmdCheckpoint:
		w.saveCheckpoint()
	case cmdPause:
		w.runOrPause()
	case cmdReset:
		w.reset()
	case cmdShutdown:
		w.shutDown()
	case cmdClose:
		w.Close()
	case cmdScreenshot:
		w.screenshot()
	case cmdToolbar:
		w.focusToolbar()
	case cmdMinimise:
		w.minimise()
	case cmdHostKey:
		w.display.keyboard.chordOfHost()
	}
}

// minimise puts the window away, where the desktop lets programs do that.
func (w *Window) minimise() {
	if g := w.capture.grabs; g != nil {
		dispatch.Run(w.p.Dispatch, func(context.Context) error { return g.Minimise() }, nil)
	}
}

// focusToolbar gives the keyboard to the toolbar (barKeys).
func (w *Window) focusToolbar() {
	w.slide.setOpen(true)
	w.barKeys.letGo()
	w.win.Canvas().Focus(w.bar.order[0])
}

// toggleFullScreen goes to full screen and back to the old size.
func (w *Window) toggleFullScreen() {
	on := !w.win.FullScreen()
	if on {
		w.before = w.win.Canvas().Size()
	}
	w.display.ReleaseAll()
	w.win.SetFullScreen(on)
	w.slide.setFull(on)
	w.updateToolbar()
	if on {
		w.say(notice{text: lang.F("Full screen. %s + F leaves it; the toolbar is at the top edge.", w.hostKey)})
	} else {
		w.say(notice{})
		w.win.Resize(w.before)
	}
	w.display.Focus()
}

// pointerMoved brings the toolbar out at the top edge of a full screen, and puts it away when the pointer leaves it.
func (w *Window) pointerMoved(pos fyne.Position) {
	if !w.layout.full {
		return
	}
	bar, _ := w.layout.bars(w.frame.Objects)
	switch {
	case pos.Y <= edge:
		w.slide.setOpen(true)
	case pos.Y > bar+8:
		w.slide.setOpen(false)
	}
}
