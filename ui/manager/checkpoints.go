package manager

import (
	"context"
	"errors"
	"time"

	"fyne.io/fyne/v2"
	"github.com/google/uuid"

	"guesthouse/app/checkpoints"
	"guesthouse/app/machines"
	"guesthouse/ui/dispatch"
	"guesthouse/ui/lang"
	"guesthouse/ui/restore"
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

func (m *Manager) restoreLast() {
	if ok, _ := m.canRestore(); !ok {
		return
	}
	m.restore("")
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
		item := widgets.MenuItem("restore", label, c.Problem == "", lang.L("cannot be restored"), func() { m.restore(c.ID) })
		menu.Items = append(menu.Items, item)
	}
	return menu
}

// restore goes back to a checkpoint; an empty ID means the last. When the present state is in no checkpoint, the user is asked first, and
// can have it saved.
func (m *Manager) restore(checkpoint string) {
	one := m.single()
	if one == nil {
		return
	}
	id := one.UUID
	always := m.p.Settings.Get().ConfirmRestore
	dispatch.Background(m.p.Dispatch, func(ctx context.Context) (restore.Plan, error) {
		return restore.NewPlan(ctx, m.p.Checkpoints, id, checkpoint)
	}, func(p restore.Plan, err error) {
		run := func(saveFirst bool) { m.p.Checkpoints.Restore(id, p.To.ID, p.Options(saveFirst)) }
		switch {
		case err != nil:
			m.refuse(lang.L("The machine was not restored"), err)
		case p.Loses || always:
			restore.Ask(m.window, p, run)
		default:
			run(false)
		}
	})
}

// refuse shows a reason that is meant for the user as it is, and anything else as a failure.
func (m *Manager) refuse(what string, err error) {
	var r restore.Refusal
	if errors.As(err, &r) {
		widgets.ShowError(m.window, widgets.ErrorText{Title: what, Summary: string(r)})
		return
	}
	m.showError(what, err)
}

func (m *Manager) deleteCheckpoint(c checkpoints.Checkpoint) {
	id := m.checkpoints.id
	widgets.Confirm(m.window, lang.L("Delete this checkpoint?"),
		lang.L("You can no longer go back to it. The machine's present state and its other checkpoints stay as they are."),
		[]string{shown(c.Name)}, lang.L("Delete"), true, func() { m.p.Checkpoints.Delete(id, c.ID) })
}
