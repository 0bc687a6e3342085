package manager

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/layout"
	fynetheme "fyne.io/fyne/v2/theme"

	"guesthouse/app/machines"
	"guesthouse/hypervisor"
	"guesthouse/ui/lang"
	"guesthouse/ui/theme"
	"guesthouse/ui/widgets"
)

var (
	reasonNone    = lang.Key("Select a machine first.")
	reasonSeveral = lang.Key("Select a single machine first.")
)

// toolbar is the row of buttons over the whole window. Its buttons act on the selected machines.
type toolbar struct {
	m   *Manager
	box *fyne.Container

	create, start, pause, stop, settings, labs, more *widgets.Button
	checkpoint, restore                              *widgets.SplitButton
}

func newToolbar(m *Manager) *toolbar {
	t := &toolbar{
		m:          m,
		create:     widgets.NewToolButton("new", lang.L("New"), m.newMachine).SetTip(lang.L("Make a new machine (Ctrl+N)")),
		start:      widgets.NewToolButton("start", lang.L("Start"), m.startOrShow).SetTip(lang.L("Start the machine and show its screen (Enter)")),
		pause:      widgets.NewToolButton("pause", lang.L("Pause"), m.pauseOrResume).SetTip(lang.L("Freeze the machine where it is")),
		stop:       widgets.NewMenuButton("stop", lang.L("Stop"), m.stopMenu).SetTip(lang.L("Shut down, save the state, power off or reset")),
		checkpoint: widgets.NewSplitButton("checkpoint", lang.L("Checkpoint"), lang.L("Name it first"), m.saveCheckpoint, m.checkpointMenu),
		settings:   widgets.NewToolButton("settings", lang.L("Settings"), m.openSettings).SetTip(lang.L("Change the machine (Ctrl+S)")),
		labs:       widgets.NewToolButton("lab", lang.L("Labs"), m.openLabs).SetTip(lang.L("Show the labs of your courses (Ctrl+L)")),
		more:       widgets.NewMenuButton("more", lang.L("More"), m.moreMenu),
	}
	t.start.OnHover = m.expectShow
	t.restore = widgets.NewSplitButton("restore", lang.L("Restore"), lang.L("Choose a checkpoint"), m.restoreLast, m.restoreMenu)
	t.checkpoint.Main.SetTip(lang.L("Save the whole machine, to come back to it later (Ctrl+Shift+T)"))
	t.restore.Main.SetTip(lang.L("Go back to the last checkpoint (Ctrl+Shift+R)"))
	row := container.New(layout.NewCustomPaddedHBoxLayout(2),
		t.create, separator(), t.start, t.pause, t.stop, separator(), t.checkpoint, t.restore, separator(), t.settings, layout.NewSpacer(), t.labs, t.more)
	t.box = container.NewStack(widgets.NewPanel(theme.ColorSurface, "", 0),
		container.NewBorder(nil, line(), nil, nil, container.New(layout.NewCustomPaddedLayout(4, 4, theme.Gap2, theme.Gap2), row)))
	return t
}

// separator is a thin line between groups of buttons.
func separator() fyne.CanvasObject {
	bar := container.NewStack(widgets.Space(1, 28), widgets.NewPanel(fynetheme.ColorNameSeparator, "", 0))
	return container.NewHBox(widgets.Space(0, 0), container.NewCenter(bar), widgets.Space(0, 0))
}

// line is a thin line below a bar.
func line() fyne.CanvasObject {
	return container.NewStack(widgets.Space(0, 1), widgets.NewPanel(fynetheme.ColorNameSeparator, "", 0))
}

// update sets what each button can do with the present selection.
func (t *toolbar) update() {
	m := t.m
	t.create.SetEnabled(m.snap.Connected, lang.L("There is no connection to the hypervisor."))
	if m.showsInstead() {
		t.start.Set("show", lang.L("Show"))
	} else {
		t.start.Set("start", lang.L("Start"))
	}
	t.start.SetEnabled(m.canStartOrShow())
	if m.resumes() {
		t.pause.Set("resume", lang.L("Resume"))
		t.pause.SetEnabled(m.canAny(machines.ActionResume))
	} else {
		t.pause.Set("pause", lang.L("Pause"))
		t.pause.SetEnabled(m.canAny(machines.ActionPause))
	}
	t.stop.SetEnabled(m.canStop())
	t.checkpoint.SetEnabled(m.canCheckpoint())
	t.restore.SetEnabled(m.canRestore())
	t.settings.SetEnabled(m.canSingle(machines.ActionEdit))
}

func (m *Manager) checkpointMenu() *fyne.Menu {
	return fyne.NewMenu("", m.saveAsItem(), m.automaticItem(), m.saveFirstItem(), fyne.NewMenuItemSeparator(), m.spaceItem())
}

// saveAsItem saves one machine's checkpoint under a name.
func (m *Manager) saveAsItem() *fyne.MenuItem {
	ok, reason := m.canCheckpoint()
	if ok && m.single() == nil {
		ok, reason = false, reasonSeveral
	}
	return widgets.MenuItem("checkpoint", lang.L("Save a checkpoint with a name…"), ok, reason, m.saveCheckpointAs)
}

func (m *Manager) stopMenu() *fyne.Menu {
	item := func(icon, label string, a machines.Action, do func()) *fyne.MenuItem {
		ok, reason := m.canAny(a)
		return widgets.MenuItem(icon, label, ok, reason, do)
	}
	return fyne.NewMenu("",
		item("shutdown", lang.L("Shut down"), machines.ActionShutdown, m.shutdown),
		item("save-state", lang.L("Save state"), machines.ActionSave, m.saveState),
		fyne.NewMenuItemSeparator(),
		item("poweroff", lang.L("Power off"), machines.ActionPowerOff, m.powerOff),
		item("reset", lang.L("Reset"), machines.ActionReset, m.reset),
	)
}

func (m *Manager) moreMenu() *fyne.Menu {
	menu := fyne.NewMenu("", m.machineItems()...)
	menu.Items = append(menu.Items, fyne.NewMenuItemSeparator(), m.appearanceItem(), m.previewItem(), m.screensItem(), m.aboutItem())
	return menu
}

// machineItems are the rarer actions on the selected machines.
func (m *Manager) machineItems() []*fyne.MenuItem {
	renameOK, renameReason := m.canSingle(machines.ActionRename)
	discardOK, discardReason := m.canAny(machines.ActionDiscardSaved)
	deleteOK, deleteReason := m.canAny(machines.ActionDelete)
	publishOK, publishReason := m.canPublish()
	return []*fyne.MenuItem{
		widgets.MenuItem("rename", lang.L("Rename…"), renameOK, renameReason, m.rename),
		widgets.MenuItem("lab", lang.L("Publish as lab…"), publishOK, publishReason, m.publishLab),
		widgets.MenuItem("close", lang.L("Discard saved state…"), discardOK, discardReason, m.discardSaved),
		widgets.MenuItem("trash", lang.L("Delete…"), deleteOK, deleteReason, m.remove),
	}
}

// contextMenu is what a row offers.
func (m *Manager) contextMenu() *fyne.Menu {
	startLabel, startIcon := lang.L("Start"), "start"
	if m.showsInstead() {
		startLabel, startIcon = lang.L("Show"), "show"
	}
	startOK, startReason := m.canStartOrShow()
	pause := machines.ActionPause
	pauseLabel, pauseIcon := lang.L("Pause"), "pause"
	if m.resumes() {
		pause, pauseLabel, pauseIcon = machines.ActionResume, lang.L("Resume"), "resume"
	}
	pauseOK, pauseReason := m.canAny(pause)
	checkpointOK, checkpointReason := m.canCheckpoint()
	restoreOK, restoreReason := m.canRestore()
	editOK, editReason := m.canSingle(machines.ActionEdit)

	items := []*fyne.MenuItem{
		widgets.MenuItem(startIcon, startLabel, startOK, startReason, m.startOrShow),
		widgets.MenuItem(pauseIcon, pauseLabel, pauseOK, pauseReason, m.pauseOrResume),
		fyne.NewMenuItemSeparator(),
	}
	items = append(items, m.stopMenu().Items...)
	items = append(items, fyne.NewMenuItemSeparator(),
		widgets.MenuItem("checkpoint", lang.L("Save checkpoint"), checkpointOK, checkpointReason, m.saveCheckpoint),
		m.saveAsItem(),
		widgets.MenuItem("restore", lang.L("Restore last checkpoint…"), restoreOK, restoreReason, m.restoreLast),
		fyne.NewMenuItemSeparator(),
		widgets.MenuItem("settings", lang.L("Settings…"), editOK, editReason, m.openSettings))
	return fyne.NewMenu("", append(items, m.machineItems()...)...)
}

// canAny says whether at least one selected machine can do the action; if none, why the first cannot.
func (m *Manager) canAny(a machines.Action) (ok bool, reason string) {
	list := m.selected()
	if len(list) == 0 {
		return false, reasonNone
	}
	for _, machine := range list {
		can, why := machine.Can(a)
		if can {
			return true, ""
		}
		if reason == "" {
			reason = why
		}
	}
	if len(list) > 1 {
		reason = lang.F("None of the selected machines can do this. %s", lang.L(reason))
	}
	return false, reason
}

// canSingle is canAny for what can be done to one machine only.
func (m *Manager) canSingle(a machines.Action) (ok bool, reason string) {
	switch list := m.selected(); len(list) {
	case 0:
		return false, reasonNone
	case 1:
		return list[0].Can(a)
	}
	return false, reasonSeveral
}

// showsInstead reports whether Start means Show: nothing selected can be started and something can be shown.
func (m *Manager) showsInstead() bool {
	canStart, _ := m.canAny(machines.ActionStart)
	canShow, _ := m.canAny(machines.ActionShow)
	return canShow && !canStart
}

func (m *Manager) canStartOrShow() (bool, string) {
	if m.showsInstead() {
		return true, ""
	}
	return m.canAny(machines.ActionStart)
}

// resumes reports whether the pause button means Resume.
func (m *Manager) resumes() bool {
	canPause, _ := m.canAny(machines.ActionPause)
	canResume, _ := m.canAny(machines.ActionResume)
	return canResume && !canPause
}

func (m *Manager) canStop() (ok bool, reason string) {
	for _, a := range []machines.Action{machines.ActionShutdown, machines.ActionSave, machines.ActionPowerOff, machines.ActionReset} {
		can, why := m.canAny(a)
		if can {
			return true, ""
		}
		if reason == "" {
			reason = why
		}
	}
	return false, reason
}

func (m *Manager) canCheckpoint() (bool, string) {
	if ok, reason := m.canAny(machines.ActionCheckpoint); !ok {
		return false, reason
	}
	if one := m.single(); one != nil && m.checkpoints.id == one.UUID && m.checkpoints.loaded && m.checkpoints.Refusal != "" {
		return false, m.checkpoints.Refusal
	}
	return true, ""
}

func (m *Manager) canRestore() (bool, string) {
	if ok, reason := m.canSingle(machines.ActionRestore); !ok {
		return false, reason
	}
	if m.checkpoints.loaded && len(m.checkpoints.List) == 0 {
		return false, lang.L("The machine has no checkpoint yet.")
	}
	if !m.checkpoints.loaded {
		return false, lang.L("The checkpoints are being read.")
	}
	return true, ""
}

// canPublish says whether the selected machine can become a lab: it is off, or has a checkpoint.
func (m *Manager) canPublish() (bool, string) {
	one := m.single()
	switch {
	case len(m.selected()) == 0:
		return false, reasonNone
	case one == nil:
		return false, reasonSeveral
	case one.Config == nil || one.Problem != nil:
		return false, lang.L("The machine’s description cannot be read.")
	case one.Offline:
		return false, lang.L("There is no connection to the hypervisor.")
	case one.Busy != "":
		return false, lang.L("Another operation is working on the machine.")
	case one.State != hypervisor.StateOff && !m.checkpoints.loaded:
		return false, lang.L("The checkpoints are being read.")
	case one.State != hypervisor.StateOff && len(m.checkpoints.List) == 0:
		return false, lang.L("Shut the machine down, or save a checkpoint first.")
	}
	return true, ""
}

// publishLab has the selected machine published as a lab.
func (m *Manager) publishLab() {
	if ok, _ := m.canPublish(); ok && m.p.PublishLab != nil {
		m.p.PublishLab(m.single().UUID)
	}
}

// openLabs shows the library of labs.
func (m *Manager) openLabs() {
	if m.p.OpenLabs != nil {
		m.p.OpenLabs()
	}
}
