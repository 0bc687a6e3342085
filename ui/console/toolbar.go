package console

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/layout"
	fynetheme "fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"guesthouse/app/machines"
	"guesthouse/hypervisor"
	"guesthouse/ui/lang"
	"guesthouse/ui/theme"
	"guesthouse/ui/widgets"
)

// Names of the colours from Fyne's own theme.
const (
	colorForeground = fynetheme.ColorNameForeground
	colorSeparator  = fynetheme.ColorNameSeparator
	colorBackground = fynetheme.ColorNameBackground
	colorError      = fynetheme.ColorNameError
	colorDisabled   = fynetheme.ColorNameDisabled
	colorPrimary    = fynetheme.ColorNamePrimary
	colorHover      = fynetheme.ColorNameHover
)

// toolbar is the row of buttons at the top of the window. It has no logic of its own: it calls the Window.
type toolbar struct {
	box   *fyne.Container
	order []*widgets.Button // from left to right

	run, stop, checkpoint, named, restore, pick, keys, screenshot, pictures, task, text, view, full *widgets.Button
}

// toolbarActions is what the buttons do.
type toolbarActions struct {
	run, checkpoint, named, restore, screenshot, task, text, fullScreen func()
	stopMenu, restoreMenu, keysMenu, pictureMenu, viewMenu              func() // open a menu below their button
}

func newToolbar(a toolbarActions) *toolbar {
	t := &toolbar{}
	t.run = widgets.NewToolButton("pause", lang.L("Pause"), a.run)
	t.stop = widgets.NewMenuButton("stop", lang.L("Stop"), nil)
	t.stop.OnTapped = a.stopMenu
	t.stop.SetTip(lang.L("Shut down, save the state, power off or reset"))
	checkpoint := widgets.NewSplitButton("checkpoint", lang.L("Checkpoint"), lang.L("Give it a name first"), a.checkpoint, nil)
	t.checkpoint, t.named = checkpoint.Main, checkpoint.Arrow
	t.named.OnTapped = a.named
	restore := widgets.NewSplitButton("restore", lang.L("Restore"), lang.L("Choose a checkpoint to go back to"), a.restore, nil)
	t.restore, t.pick = restore.Main, restore.Arrow
	t.pick.OnTapped = a.restoreMenu
	t.restore.SetTip(lang.L("Go back to the last checkpoint"))
	t.keys = widgets.NewMenuButton("keyboard", lang.L("Keys"), nil)
	t.keys.OnTapped = a.keysMenu
	screenshot := widgets.NewSplitButton("screenshot", lang.L("Screenshot"), lang.L("Copy a picture, or record the screen"), a.screenshot, nil)
	t.screenshot, t.pictures = screenshot.Main, screenshot.Arrow
	t.pictures.OnTapped = a.pictureMenu
	t.task = widgets.NewToolButton("notes", lang.L("Task"), a.task)
	t.text = widgets.NewToolButton("terminal", lang.L("Text"), a.text)
	t.view = widgets.NewMenuButton("display", lang.L("View"), nil)
	t.view.OnTapped = a.viewMenu
	t.full = widgets.NewToolButton("fullscreen", lang.L("Full screen"), a.fullScreen)

	row := container.NewHBox(
		t.run, t.stop, gap(), checkpoint, restore, gap(), t.keys, screenshot,
		layout.NewSpacer(), t.task, t.text, t.view, t.full,
	)
	t.box = barOf(row)
	t.order = []*widgets.Button{t.run, t.stop, t.checkpoint, t.named, t.restore, t.pick, t.keys, t.screenshot, t.pictures, t.task, t.text, t.view, t.full}
	return t
}

// hairline is the edge between a bar and the screen.
func hairline() fyne.CanvasObject {
	return container.NewStack(widgets.Space(1, 1), widgets.NewPanel(colorSeparator, "", 0))
}

// gap is a separator between groups of buttons.
func gap() fyne.CanvasObject {
	return container.New(layout.NewCustomPaddedLayout(theme.Gap2, theme.Gap2, 0, 0), widget.NewSeparator())
}

// toolbarState is what the buttons depend on.
type toolbarState struct {
	machine    *machines.Machine // nil: gone
	picture    bool              // there is a picture of the screen
	fullScreen bool
	recording  bool   // a film is being made
	host       string // name of the host key
	hasText    bool   // there is a text console
	text       bool   // it is shown
	hasTask    bool   // the machine's lab has a text
	task       bool   // it is shown
}

// runAction is what the first button does in a machine's state.
func runAction(m *machines.Machine) (a machines.Action, icon, label string) {
	switch {
	case m == nil:
		return machines.ActionStart, "start", lang.L("Start")
	case m.State == hypervisor.StateRunning:
		return machines.ActionPause, "pause", lang.L("Pause")
	case m.State == hypervisor.StatePaused:
		return machines.ActionResume, "resume", lang.L("Resume")
	case m.State == hypervisor.StateSaved:
		return machines.ActionStart, "resume", lang.L("Resume")
	}
	return machines.ActionStart, "start", lang.L("Start")
}

// set enables, disables and names the buttons.
func (t *toolbar) set(s toolbarState) {
	t.checkpoint.SetTip(lang.F("Save the whole machine as it is now (%s + T)", s.host))
	t.keys.SetTip(lang.F("Key combinations, typing text, and the host key (%s + Del: Ctrl+Alt+Del)", s.host))
	t.screenshot.SetTip(lang.F("Save a picture of the screen (%s + E)", s.host))
	t.view.SetTip(lang.F("How the screen is shown (%s + C: exact size and back)", s.host))
	can := func(a machines.Action) (bool, string) {
		if s.machine == nil {
			return false, lang.L("The machine does not exist.")
		}
		return s.machine.Can(a)
	}
	action, icon, label := runAction(s.machine)
	t.run.Set(icon, label)
	t.run.SetEnabled(can(action))
	t.run.SetTip(map[machines.Action]string{
		machines.ActionPause: lang.F("Freeze the machine (%s + P)", s.host), machines.ActionResume: lang.F("Let the machine go on (%s + P)", s.host),
		machines.ActionStart: lang.L("Start the machine"),
	}[action])
	active := s.machine != nil && s.machine.State.Active()
	if active {
		t.stop.Enable() // its menu says what is possible
	} else {
		t.stop.SetEnabled(can(machines.ActionPowerOff))
	}
	savable, why := can(machines.ActionCheckpoint)
	t.checkpoint.SetEnabled(savable, why)
	t.named.SetEnabled(savable, why)
	restorable, reason := can(machines.ActionRestore)
	if restorable && s.machine.Checkpoint == "" {
		restorable, reason = false, lang.L("The machine has no checkpoint yet.")
	}
	t.restore.SetEnabled(restorable, reason)
	t.pick.SetEnabled(restorable, reason)
	t.keys.SetEnabled(s.machine != nil && s.machine.State == hypervisor.StateRunning, lang.L("The machine is not running."))
	t.screenshot.SetEnabled(s.picture || active, lang.L("There is no picture of the screen."))
	t.pictures.SetEnabled(s.picture || active || s.recording, lang.L("There is no picture of the screen."))
	show(t.task, s.hasTask)
	t.task.SetTip(lang.L("Show the task of the lab beside the screen"))
	if s.task {
		t.task.SetTip(lang.L("Fold the task away"))
	}
	show(t.text, s.hasText || s.text)
	if s.text {
		t.text.Set("display", lang.L("Screen"))
		t.text.SetTip(lang.L("Show the machine’s screen"))
	} else {
		t.text.Set("terminal", lang.L("Text"))
		t.text.SetTip(lang.L("Show the machine’s text console (serial port)"))
	}
	if s.fullScreen {
		t.full.Set("windowed", lang.L("Leave full screen"))
		t.full.SetTip(lang.F("Leave full screen (%s + F)", s.host))
	} else {
		t.full.Set("fullscreen", lang.L("Full screen"))
		t.full.SetTip(lang.F("%s + F goes there and back", s.host))
	}
}
