package manager

import (
	"context"
	"time"

	"fyne.io/fyne/v2"
	"github.com/google/uuid"

	"guesthouse/app/checkpoints"
	"guesthouse/app/machines"
	"guesthouse/ui/dispatch"
	"guesthouse/ui/lang"
	"guesthouse/ui/widgets"
)

// checkpointState is what was read about the single selected machine's checkpoints.
type checkpointState struct {
	id      uuid.UUID
	current string // Machine.Checkpoint and state when it was read: another one means read again
	loaded  bool
	list    []checkpoints.Checkpoint
	canSave bool
	reason  string // why not
	err     error
	cancel  func()
}

// loadCheckpoints reads the checkpoints of the single selected machine when they are not known, or always.
func (m *Manager) loadCheckpoints(always bool) {
	one := m.single()
	if one == nil || one.Problem != nil || one.Offline {
		m.forgetCheckpoints()
		return
	}
	mark := one.Checkpoint + "|" + string(one.State) + "|" + one.Busy
	if m.checkpoints.id == one.UUID && m.checkpoints.current == mark && !always {
		return
	}
	if m.checkpoints.id != one.UUID {
		m.forgetCheckpoints()
	} else if m.checkpoints.cancel != nil {
		m.checkpoints.cancel()
	}
	m.checkpoints.id, m.checkpoints.current = one.UUID, mark
	id := one.UUID
	m.checkpoints.cancel = dispatch.Background(m.p.Dispatch, func(ctx context.Context) (checkpointState, error) {
		answer := checkpointState{id: id, current: mark, loaded: true}
		answer.list, answer.err = m.p.Checkpoints.List(ctx, id)
		answer.canSave, answer.reason = m.p.Checkpoints.CanSave(ctx, id)
		return answer, ctx.Err()
	}, func(answer checkpointState, err error) {
		if err != nil || m.checkpoints.id != id || m.checkpoints.current != mark {
			return // another selection or a newer reading has taken over
		}
		m.checkpoints = answer
		m.toolbar.update()
		m.details.updateCheckpoints()
	})
}

func (m *Manager) forgetCheckpoints() {
	if m.checkpoints.cancel != nil {
		m.checkpoints.cancel()
	}
	m.checkpoints = checkpointState{}
}

// checkpointsChanged is told by the service that a machine's checkpoints are others now.
func (m *Manager) checkpointsChanged(id uuid.UUID) {
	if m.checkpoints.id == id {
		m.loadCheckpoints(true)
	}
}

// saveCheckpoint is the one-click checkpoint of each selected machine, with the default name.
func (m *Manager) saveCheckpoint() {
	if ok, _ := m.canCheckpoint(); !ok {
		return
	}
	for _, machine := range m.able(machines.ActionCheckpoint) {
		m.p.Checkpoints.Save(machine.UUID, checkpoints.SaveOptions{})
	}
}

// last returns the checkpoint that Restore means: the current one, else the youngest.
func (m *Manager) last() (checkpoints.Checkpoint, bool) {
	var best checkpoints.Checkpoint
	for i, c := range m.checkpoints.list {
		if c.Current {
			return c, true
		}
		if i == 0 || c.Created.After(best.Created) {
			best = c
		}
	}
	return best, len(m.checkpoints.list) > 0
}

func (m *Manager) restoreLast() {
	if ok, _ := m.canRestore(); !ok {
		return
	}
	if c, ok := m.last(); ok {
		m.restore(c)
	}
}

func (m *Manager) restoreMenu() *fyne.Menu {
	menu := fyne.NewMenu("")
	now := time.Now()
	for i := len(m.checkpoints.list) - 1; i >= 0; i-- { // youngest first
		c := m.checkpoints.list[i]
		label := shown(c.Name)
		if a := age(c.Created, now); a != "" {
			label += "  –  " + a
		}
		item := widgets.MenuItem("restore", label, c.Problem == "", lang.L("cannot be restored"), func() { m.restore(c) })
		menu.Items = append(menu.Items, item)
	}
	return menu
}

// restore goes back to a checkpoint. When the present state is in no checkpoint, the user is asked first, and can have it saved.
func (m *Manager) restore(c checkpoints.Checkpoint) {
	one := m.single()
	if one == nil {
		return
	}
	id, name := one.UUID, shown(one.Name)
	always := m.p.Settings.Get().ConfirmRestore
	dispatch.Background(m.p.Dispatch, func(ctx context.Context) (bool, error) {
		return m.p.Checkpoints.WouldLose(ctx, id)
	}, func(loses bool, err error) {
		switch {
		case err != nil || loses: // not knowing counts as losing
			m.askRestore(id, name, c)
		case always:
			widgets.Confirm(m.window, lang.F("Restore “%s”?", shown(c.Name)),
				lang.F("“%s” goes back to this checkpoint. Its present state is in a checkpoint, so nothing is lost.", name),
				nil, lang.L("Restore"), false, func() { m.p.Checkpoints.Restore(id, c.ID, checkpoints.RestoreOptions{}) })
		default:
			m.p.Checkpoints.Restore(id, c.ID, checkpoints.RestoreOptions{})
		}
	})
}

func (m *Manager) askRestore(id uuid.UUID, name string, c checkpoints.Checkpoint) {
	var modal *widgets.Modal
	restore := func(o checkpoints.RestoreOptions) func() {
		return func() {
			modal.Close()
			m.p.Checkpoints.Restore(id, c.ID, o)
		}
	}
	next := m.p.Checkpoints.NextName(m.checkpoints.list)
	cancel := widgets.NewButton("", lang.L("Cancel"), widgets.StylePlain, func() { modal.Close() })
	without := widgets.NewButton("", lang.L("Restore without saving"), widgets.StyleDanger, restore(checkpoints.RestoreOptions{}))
	first := widgets.NewButton("", lang.L("Save, then restore"), widgets.StylePrimary, restore(checkpoints.RestoreOptions{SaveFirst: true, SaveName: next}))
	modal = widgets.NewModal(m.window, "restore", "primary", lang.F("Restore “%s”?", shown(c.Name)), widgets.Paragraphs(
		lang.F("“%s” goes back to this checkpoint. What changed since then is in no checkpoint and would be lost.", name),
		lang.F("You can save the present state as “%s” first.", next)), 480, cancel, without, first)
	modal.Show()
}

func (m *Manager) deleteCheckpoint(c checkpoints.Checkpoint) {
	id := m.checkpoints.id
	widgets.Confirm(m.window, lang.L("Delete this checkpoint?"),
		lang.L("You can no longer go back to it. The machine's present state and its other checkpoints stay as they are."),
		[]string{shown(c.Name)}, lang.L("Delete"), true, func() { m.p.Checkpoints.Delete(id, c.ID) })
}
