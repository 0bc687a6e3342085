package manager

import (
	"context"
	"errors"
	"image"
	"os"
	"slices"
	"time"

	"fyne.io/fyne/v2"
	"github.com/google/uuid"
	"golang.org/x/image/draw"

	"guesthouse/app/checkpoints"
	"guesthouse/app/machines"
	"guesthouse/hypervisor"
	"guesthouse/ui/ask"
	"guesthouse/ui/dispatch"
	"guesthouse/ui/lang"
	"guesthouse/ui/restore"
	"guesthouse/ui/theme"
	"guesthouse/ui/widgets"
	"guesthouse/vmconfig"
)

// checkpointState is what was read about the single selected machine's checkpoints.
type checkpointState struct {
	id      uuid.UUID
	current string // Machine.Checkpoint and state when it was read: another one means read again
	loaded  bool
	checkpoints.Overview
	pictures map[string]image.Image // by ID, of those that have one
	err      error
	cancel   func()
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
	id, read := one.UUID, m.checkpoints.pictures
	m.checkpoints.cancel = dispatch.Background(m.p.Dispatch, func(ctx context.Context) (checkpointState, error) {
		o, err := m.p.Checkpoints.Overview(ctx, id)
		if err == nil {
			err = m.p.Checkpoints.Measure(ctx, id, &o)
		}
		return checkpointState{
			id: id, current: mark, loaded: true, Overview: o, err: err, pictures: pictures(append(slices.Clone(o.List), o.Trash...), read),
		}, ctx.Err()
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
	m.restore(m.single().UUID, "")
}

func (m *Manager) restoreMenu() *fyne.Menu {
	id := m.checkpoints.id
	return restore.Menu(m.checkpoints.List, time.Now(), func(checkpoint string) { m.restore(id, checkpoint) })
}

// restore takes a machine back to a checkpoint; an empty ID means the last. When that loses or changes something, the user is asked first, and can have the
// present state saved.
func (m *Manager) restore(id uuid.UUID, checkpoint string) {
	prefers := m.p.Settings.Get()
	dispatch.Background(m.p.Dispatch, func(ctx context.Context) (restore.Plan, error) {
		return restore.NewPlan(ctx, m.p.Checkpoints, id, checkpoint)
	}, func(p restore.Plan, err error) {
		switch {
		case err != nil:
			m.refuse(lang.L("The machine was not restored"), err)
		case p.Asks(prefers.SaveFirst) || prefers.ConfirmRestore:
			m.askRestore(id, p)
		default:
			m.p.Checkpoints.Restore(id, p.To.ID, p.Automatic(prefers.SaveFirst))
		}
	})
}

// restoreDisks asks before it takes a machine back to the disks of a checkpoint, without its memory.
func (m *Manager) restoreDisks(id uuid.UUID, c checkpoints.Checkpoint) {
	dispatch.Background(m.p.Dispatch, func(ctx context.Context) (restore.Plan, error) {
		return restore.NewDisksPlan(ctx, m.p.Checkpoints, id, c.ID)
	}, func(p restore.Plan, err error) {
		if err != nil {
			m.refuse(lang.L("The machine was not restored"), err)
			return
		}
		m.askRestore(id, p)
	})
}

func (m *Manager) askRestore(id uuid.UUID, p restore.Plan) {
	machine := m.byID[id]
	p.Off = machine != nil && machine.State == hypervisor.StateOff
	restore.Ask(m.window, p, func(saveFirst bool) { m.p.Checkpoints.Restore(id, p.To.ID, p.Options(saveFirst)) })
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

// pictures returns the screens of checkpoints, as large as they are shown, but for those that cannot be read. They never change: read are those of an
// earlier look.
func pictures(list []checkpoints.Checkpoint, read map[string]image.Image) map[string]image.Image {
	found := map[string]image.Image{}
	for _, c := range list {
		if c.Picture == "" {
			continue
		}
		if small := read[c.ID]; small != nil {
			found[c.ID] = small
			continue
		}
		if data, err := os.ReadFile(c.Picture); err == nil {
			if small, err := machines.Shrink(data, int(2*thumbWidth), int(2*thumbHeight), draw.ApproxBiLinear); err == nil { // sharp at twice the scale
				found[c.ID] = small
			}
		}
	}
	return found
}

// saveCheckpointAs asks for a name and a description first.
func (m *Manager) saveCheckpointAs() {
	one := m.single()
	if ok, _ := m.canCheckpoint(); !ok || one == nil || !m.checkpoints.loaded { // the name needs the list
		return
	}
	id := one.UUID
	ask.SaveCheckpoint(m.window, m.p.Dispatch, m.checkpoints.Overview, m.p.Checkpoints.NextName(m.checkpoints.All()), one.State.Active(),
		func(o checkpoints.SaveOptions) { m.p.Checkpoints.Save(id, o) })
}

// describeCheckpoint asks for another name and description.
func (m *Manager) describeCheckpoint(id uuid.UUID, c checkpoints.Checkpoint) {
	ask.Checkpoint(m.window, m.p.Dispatch, ask.CheckpointQuestion{
		Icon: "rename", Title: lang.F("Name and description of “%s”", shown(c.Name)), Button: lang.L("Apply"), List: m.checkpoints.List, ID: c.ID, Fixed: c.Foreign,
		Words: checkpoints.SaveOptions{Name: c.Name, Description: c.Description},
		Do: func(ctx context.Context, o checkpoints.SaveOptions) error {
			if o.Name == c.Name && o.Description == c.Description {
				return nil
			}
			return m.p.Checkpoints.Describe(ctx, id, c.ID, o)
		},
	})
}

// trashBranch asks before it puts a checkpoint and all that came after it into the trash.
func (m *Manager) trashBranch(id uuid.UUID, branch []checkpoints.Checkpoint) {
	var names []string
	for _, gone := range slices.Backward(branch) {
		names = append(names, shown(gone.Name))
	}
	widgets.Confirm(m.window, lang.L("Delete these checkpoints?"),
		lang.L("They go to the trash and can be put back for seven days. The machine and its other checkpoints stay as they are."),
		names, lang.L("Delete"), true, func() { m.putAway(id, branch) })
}

// putAway puts checkpoints into the trash, and offers to put them back.
func (m *Manager) putAway(id uuid.UUID, gone []checkpoints.Checkpoint) {
	job := m.p.Checkpoints.Trash(id, gone)
	back := slices.Clone(gone)
	slices.Reverse(back) // parents first
	m.activity.Offer(job.Status().ID, lang.L("Put back"), func() { m.p.Checkpoints.PutBack(id, back) })
}

// trash puts a checkpoint into the trash, from where it can come back.
func (m *Manager) trash(id uuid.UUID, c checkpoints.Checkpoint) {
	m.putAway(id, []checkpoints.Checkpoint{c})
}

// compare shows how the settings of a checkpoint differ from the present ones.
func (m *Manager) compare(id uuid.UUID, c checkpoints.Checkpoint) {
	one := m.byID[id] // its settings are newer than what was read with the checkpoints
	if one == nil || one.Config == nil || c.Settings == nil {
		return
	}
	var content fyne.CanvasObject = widgets.Paragraphs(lang.L("The machine's settings are the same now as they were then."))
	if list := vmconfig.Compare(*c.Settings, *one.Config); len(list) > 0 {
		content = restore.Differences(lang.L("Then"), lang.L("Now"), list)
	}
	var modal *widgets.Modal
	modal = widgets.NewModal(m.window, "settings", theme.ColorMuted, lang.F("Settings since “%s”", shown(c.Name)), content, 480,
		widgets.NewButton("", lang.L("Close"), widgets.StylePrimary, func() { modal.Close() }))
	modal.Show()
}
