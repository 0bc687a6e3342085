package manager

import (
	"context"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/driver/desktop"
	"github.com/google/uuid"

	"guesthouse/app/explain"
	"guesthouse/app/jobs"
	"guesthouse/app/machines"
	"guesthouse/ui/dispatch"
	"guesthouse/ui/lang"
	"guesthouse/ui/widgets"
)

// manyConsoles is how many machines may be started at once with a window each.
const manyConsoles = 4

// able returns the selected machines that can do the action.
func (m *Manager) able(a machines.Action) []*machines.Machine {
	var list []*machines.Machine
	for _, machine := range m.selected() {
		if ok, _ := machine.Can(a); ok {
			list = append(list, machine)
		}
	}
	return list
}

func ids(list []*machines.Machine) []uuid.UUID {
	out := make([]uuid.UUID, len(list))
	for i, machine := range list {
		out[i] = machine.UUID
	}
	return out
}

// do runs an action as a job on those selected machines that can do it.
func (m *Manager) do(a machines.Action) {
	if list := m.able(a); len(list) > 0 {
		m.p.Machines.Do(a, ids(list)...)
	}
}

// ask has the user confirm an action that loses something, listing the machines' names.
func (m *Manager) ask(a machines.Action, question, text, button string) {
	list := m.able(a)
	if len(list) == 0 {
		return
	}
	widgets.Confirm(m.window, question, text, names(list), button, true, func() {
		m.p.Machines.Do(a, ids(list)...)
	})
}

func (m *Manager) newMachine() {
	if m.snap.Connected && m.p.NewMachine != nil {
		m.p.NewMachine()
	}
}

// startOrShow is the start button, Enter and the double click.
func (m *Manager) startOrShow() {
	if m.showsInstead() {
		for _, machine := range m.able(machines.ActionShow) {
			m.p.OpenConsole(machine.UUID)
		}
		return
	}
	list := m.able(machines.ActionStart)
	if len(list) == 0 {
		return
	}
	job := m.p.Machines.Do(machines.ActionStart, ids(list)...)
	if len(list) > manyConsoles {
		return
	}
	m.whenDone(job, func() {
		for _, machine := range list {
			m.p.OpenConsole(machine.UUID)
		}
	})
}

// restTime is how long the pointer lies on a button before it is believed to want it.
const restTime = 50 * time.Millisecond

// expectShow follows the pointer on the button that shows a machine.
func (m *Manager) expectShow(on bool) {
	if m.expecting != nil {
		m.expecting()
		m.expecting = nil
	}
	if on {
		m.expecting = dispatch.After(m.p.Dispatch, restTime, m.expectNow)
	}
}

// expectNow has the window of the selected machine made, if it is running: most of what opening it takes is then done before the click.
func (m *Manager) expectNow() {
	if m.closing || m.p.ExpectConsole == nil || !m.showsInstead() {
		return
	}
	if list := m.able(machines.ActionShow); len(list) == 1 {
		m.p.ExpectConsole(list[0].UUID)
	}
}

// whenDone calls then after the job has succeeded.
func (m *Manager) whenDone(job *jobs.Job, then func()) {
	dispatch.Run(m.p.Dispatch, job.Wait, func(err error) {
		if err == nil {
			then()
		}
	})
}

func (m *Manager) pauseOrResume() {
	if m.resumes() {
		m.do(machines.ActionResume)
	} else {
		m.do(machines.ActionPause)
	}
}

func (m *Manager) shutdown()  { m.do(machines.ActionShutdown) }
func (m *Manager) saveState() { m.do(machines.ActionSave) }

func (m *Manager) powerOff() {
	m.ask(machines.ActionPowerOff, lang.L("Power off?"),
		lang.L("This is like pulling the plug: work that is not saved inside the guest is lost."), lang.L("Power off"))
}

func (m *Manager) reset() {
	m.ask(machines.ActionReset, lang.L("Reset?"),
		lang.L("This is like pressing the reset button: work that is not saved inside the guest is lost."), lang.L("Reset"))
}

func (m *Manager) discardSaved() {
	m.ask(machines.ActionDiscardSaved, lang.L("Discard the saved state?"),
		lang.L("The next start boots the guest afresh. What was open when the state was saved is lost; the disks stay as they are."), lang.L("Discard"))
}

func (m *Manager) openSettings() {
	if one := m.single(); one != nil && m.p.OpenSettings != nil {
		if ok, _ := one.Can(machines.ActionEdit); ok {
			m.p.OpenSettings(one.UUID)
		}
	}
}

// refresh reads the selected machines again, for what changed without an event.
func (m *Manager) refresh() {
	list := ids(m.selected())
	dispatch.Run(m.p.Dispatch, func(ctx context.Context) error {
		for _, id := range list {
			m.p.Machines.Refresh(ctx, id)
		}
		return nil
	}, func(error) { m.loadCheckpoints(true) })
}

// showError tells about a failed operation, unless the user cancelled it.
func (m *Manager) showError(what string, err error) {
	if err == nil {
		return
	}
	if e := explain.Explain(err); !e.Cancelled {
		widgets.ShowError(m.window, widgets.ErrorText{Title: what, Summary: e.Summary, Remedy: e.Remedy, Detail: e.Detail})
	}
}

var selectAllText = &fyne.ShortcutSelectAll{}

// addShortcuts makes the window's keys. They do nothing while a dialog or menu is open.
func (m *Manager) addShortcuts() {
	c := m.window.Canvas()
	add := func(key fyne.KeyName, mod fyne.KeyModifier, f func()) {
		shortcut, handler := &desktop.CustomShortcut{KeyName: key, Modifier: mod}, func(fyne.Shortcut) {
			if !widgets.ModalOpen(m.window) {
				f()
			}
		}
		c.AddShortcut(shortcut, handler)
		m.keys.AddShortcut(shortcut, handler)
	}
	const ctrl, ctrlShift = fyne.KeyModifierControl, fyne.KeyModifierControl | fyne.KeyModifierShift
	add(fyne.KeyN, ctrl, m.newMachine)
	add(fyne.KeyF, ctrl, m.openSearch)
	add(fyne.KeyL, ctrl, m.openLabs)
	add(fyne.KeyS, ctrl, m.openSettings)
	add(fyne.KeyQ, ctrl, m.Close)
	add(fyne.KeyW, ctrl, m.Close)
	add(fyne.KeyP, ctrl, m.pauseOrResume)
	add(fyne.KeyT, ctrlShift, m.saveCheckpoint)
	add(fyne.KeyR, ctrlShift, m.restoreLast)
	c.AddShortcut(selectAllText, func(fyne.Shortcut) {
		if !widgets.ModalOpen(m.window) {
			m.list.selectAll()
		}
	})
	// A click on a button leaves nothing focused: the keys then belong to the list.
	c.SetOnTypedKey(func(e *fyne.KeyEvent) {
		if !widgets.ModalOpen(m.window) {
			m.list.TypedKey(e)
		}
	})
	c.SetOnTypedRune(func(r rune) {
		if !widgets.ModalOpen(m.window) {
			m.list.TypedRune(r)
		}
	})
}
