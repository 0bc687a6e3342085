// Package restore is what manager and console share about going back to a checkpoint: which one is meant, whether that would lose
// anything, and the question before it.
package restore

import (
	"context"
	"slices"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	fynetheme "fyne.io/fyne/v2/theme"
	"github.com/google/uuid"

	"guesthouse/app/checkpoints"
	"guesthouse/hypervisor"
	"guesthouse/ui/lang"
	"guesthouse/ui/theme"
	"guesthouse/ui/widgets"
	"guesthouse/vmconfig"
)

// Checkpoints is what a plan needs of checkpoints.Service.
type Checkpoints interface {
	Overview(ctx context.Context, id uuid.UUID) (checkpoints.Overview, error)
	NextName(list []checkpoints.Checkpoint) string
}

// Refusal is an error whose text is meant for the user as it is.
type Refusal string

// Error returns the text.
func (r Refusal) Error() string { return string(r) }

// Plan is a restore that may have to be confirmed.
type Plan struct {
	To       checkpoints.Checkpoint
	Loses    bool                  // the present state is in no checkpoint, as far as is known
	SaveName string                // what a checkpoint of the present state would be called
	Refusal  string                // why the present state cannot be saved, one sentence; empty: it can
	Changes  []vmconfig.Difference // of the machine's settings, from what they are now
	Off      bool                  // the machine has no memory now that could be lost: Ask's caller knows
	// DisksOnly goes back to its disks, without its memory.
	DisksOnly bool

	alone bool // the present state can be saved by itself
}

// Asks reports whether the user should be asked before: something is lost, may fail, or changes that nobody expects. saveFirst: what would be lost is saved
// by itself, where that is possible.
func (p Plan) Asks(saveFirst bool) bool {
	return p.Loses && !(saveFirst && p.alone) || len(p.Changes) > 0 || p.To.Caution != ""
}

// Automatic returns the service's options for a plan that the user was not asked about. saveFirst: what would be lost is saved by itself.
func (p Plan) Automatic(saveFirst bool) checkpoints.RestoreOptions {
	return checkpoints.RestoreOptions{SaveFirst: saveFirst && p.Loses, Automatic: true}
}

// Last picks the checkpoint that "Restore" goes back to: the one that the machine continues from, else the newest that can be restored. The
// error is a Refusal.
func Last(list []checkpoints.Checkpoint) (checkpoints.Checkpoint, error) {
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
		return checkpoints.Checkpoint{}, Refusal(lang.F("No checkpoint of this machine can be restored: %s", lang.L(list[0].Problem)))
	}
	return checkpoints.Checkpoint{}, Refusal(lang.L("This machine has no checkpoint yet."))
}

// NewPlan finds out what going back to a checkpoint would do; an empty checkpoint means the last. What stands in the way is a Refusal. Not
// for the UI goroutine.
func NewPlan(ctx context.Context, c Checkpoints, machine uuid.UUID, checkpoint string) (Plan, error) {
	return newPlan(ctx, c, machine, checkpoint, false)
}

// NewDisksPlan is NewPlan for the disks of a checkpoint only, which can be usable where its memory is not.
func NewDisksPlan(ctx context.Context, c Checkpoints, machine uuid.UUID, checkpoint string) (Plan, error) {
	return newPlan(ctx, c, machine, checkpoint, true)
}

func newPlan(ctx context.Context, c Checkpoints, machine uuid.UUID, checkpoint string, disksOnly bool) (Plan, error) {
	now, err := c.Overview(ctx, machine)
	if err != nil {
		return Plan{}, err
	}
	list := now.List
	p := Plan{SaveName: c.NextName(now.All()), Loses: now.Changed, Refusal: now.Refusal, DisksOnly: disksOnly}
	if checkpoint == "" {
		if p.To, err = Last(list); err != nil {
			return Plan{}, err
		}
	} else {
		i := slices.IndexFunc(list, func(c checkpoints.Checkpoint) bool { return c.ID == checkpoint })
		if i < 0 {
			return Plan{}, Refusal(lang.L("This checkpoint was deleted meanwhile."))
		}
		if p.To = list[i]; p.To.Problem != "" && !(disksOnly && p.To.DisksUsable) {
			return Plan{}, Refusal(p.To.Problem)
		}
	}
	if now.Settings != nil && p.To.Settings != nil {
		p.Changes = vmconfig.Compare(*now.Settings, *p.To.Settings)
	}
	p.alone = now.AutomaticRefusal(p.To.ID) == ""
	return p, nil
}

// Options returns the service's options for the plan.
func (p Plan) Options(saveFirst bool) checkpoints.RestoreOptions {
	o := checkpoints.RestoreOptions{DisksOnly: p.DisksOnly}
	if saveFirst {
		o.SaveFirst, o.SaveName = true, p.SaveName
	}
	return o
}

// afterwards says what the machine does when it is back.
func (p Plan) afterwards() string {
	switch {
	case p.DisksOnly:
		return lang.L("The machine is off then: what was in its memory is left out, as after a power cut.")
	case p.To.State == hypervisor.StateOff:
		return lang.L("It was off, and will be off again.")
	case p.To.State == hypervisor.StatePaused:
		return lang.L("It was paused, and will be paused again.")
	case p.To.State.Active():
		return lang.L("It was running, and runs on from there.")
	}
	return ""
}

// loss says what would be lost.
func (p Plan) loss() string {
	if p.Off {
		return lang.L("What changed since then on its disks is in no checkpoint and would be lost.")
	}
	return lang.L("What changed since then, on its disks and in its memory, is in no checkpoint and would be lost.")
}

// Ask asks before the present state is given up, and offers to save it first. UI goroutine.
func Ask(w fyne.Window, p Plan, yes func(saveFirst bool)) *widgets.Modal {
	var m *widgets.Modal
	button := func(icon, label string, style widgets.Style, saveFirst bool) *widgets.Button {
		return widgets.NewButton(icon, label, style, func() {
			m.Close()
			yes(saveFirst)
		})
	}
	buttons := []*widgets.Button{widgets.NewButton("", lang.L("Cancel"), widgets.StylePlain, func() { m.Close() })}
	at := p.To.Created.Local().Format(lang.L("2 January 2006 at 15:04"))
	back, title := lang.F("The machine goes back to how it was on %s.", at), lang.F("Go back to “%s”?", vmconfig.Inert(p.To.Name, 60))
	if p.DisksOnly {
		back, title = lang.F("The disks go back to how they were on %s.", at), lang.F("Go back to the disks of “%s” only?", vmconfig.Inert(p.To.Name, 60))
	}
	if then := p.afterwards(); then != "" {
		back += " " + then
	}
	more := lang.L("Its present state is in a checkpoint, so nothing is lost.")
	if p.Loses {
		back += " " + p.loss()
		more = lang.F("You can save the present state as “%s” first.", vmconfig.Inert(p.SaveName, 40))
		first := button("", lang.L("Save, then restore"), widgets.StylePrimary, true)
		if p.Refusal != "" {
			more = lang.F("It cannot be saved first: %s", lang.L(p.Refusal))
			first.Disable(lang.L(p.Refusal))
		}
		buttons = append(buttons, button("", lang.L("Restore without saving"), widgets.StyleDanger, false), first)
	} else {
		buttons = append(buttons, button("restore", lang.L("Restore"), widgets.StylePrimary, false))
	}
	content := container.NewVBox(widgets.Paragraphs(back, more))
	if p.To.Caution != "" && !p.DisksOnly {
		caution := lang.L(p.To.Caution)
		if p.To.DisksUsable {
			caution += " " + lang.L("If that fails, go back to its disks only, in its menu.")
		}
		content.Add(widgets.Notice("warning", fynetheme.ColorNameWarning, caution))
	}
	if len(p.Changes) > 0 {
		content.Add(widgets.Paragraphs(lang.L("The machine's settings go back as well:")))
		content.Add(Differences("", "", p.Changes))
	}
	m = widgets.NewModal(w, "restore", theme.ColorPaused, title, content, 480, buttons...)
	return m.Show()
}
