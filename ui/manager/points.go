package manager

import (
	"reflect"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/layout"
	fynetheme "fyne.io/fyne/v2/theme"

	"guesthouse/app/checkpoints"
	"guesthouse/app/explain"
	"guesthouse/app/machines"
	"guesthouse/hypervisor"
	"guesthouse/ui/lang"
	"guesthouse/ui/theme"
	"guesthouse/ui/widgets"
	"guesthouse/vmconfig"
)

// indent is how far a checkpoint stands right of its parent; deepest is where indenting ends.
const (
	indent  float32 = 14
	deepest         = 6
)

// checkpointPanel lists the selected machine's checkpoints as a tree.
type checkpointPanel struct {
	m      *Manager
	box    fyne.CanvasObject
	list   *fyne.Container
	save   *widgets.Button
	shown  checkpointState
	filled bool
}

func newCheckpointPanel(m *Manager) *checkpointPanel {
	p := &checkpointPanel{m: m, list: container.New(layout.NewCustomPaddedVBoxLayout(2))}
	p.save = widgets.NewButton("checkpoint", lang.L("Save"), widgets.StyleFlat, m.saveCheckpoint).SetTip(lang.L("Save the machine as it is now"))
	p.box = widgets.NewSection("tree", lang.L("Checkpoints"), p.list, p.save)
	p.reset()
	return p
}

// reset empties the panel until the next machine's checkpoints are read.
func (p *checkpointPanel) reset() {
	text, reason := lang.L("Reading…"), lang.L("The checkpoints are being read.")
	if one := p.m.single(); one != nil && one.Offline {
		text, reason = lang.L("Not known without a connection."), lang.L("There is no connection to the hypervisor.")
	}
	p.filled = false
	p.save.Disable(reason)
	p.list.Objects = []fyne.CanvasObject{widgets.NewText(text, theme.TextSmall, false, theme.ColorMuted).Elided()}
	p.list.Refresh()
}

// show lists what was read.
func (p *checkpointPanel) show(s checkpointState) {
	if !s.loaded {
		return
	}
	p.save.SetEnabled(p.m.canCheckpoint())
	restorable, reason := p.m.canSingle(machines.ActionRestore)
	// The look of the buttons depends on the machine's state as well.
	if p.filled && reflect.DeepEqual(p.shown.list, s.list) && p.shown.current == s.current && p.shown.err == s.err {
		return
	}
	p.filled, p.shown = true, s
	p.list.Objects = p.list.Objects[:0]
	switch {
	case s.err != nil:
		p.list.Add(widgets.Paragraphs(lang.L("The checkpoints cannot be read."), lang.L(explain.Explain(s.err).Summary)))
	case len(s.list) == 0:
		p.list.Add(widgets.Muted(lang.L("None yet. A checkpoint keeps the whole machine as it is, so that you can come back to it.")))
	}
	depths := depths(s.list)
	now := time.Now()
	for _, c := range s.list {
		p.list.Add(p.row(c, depths[c.ID], now, restorable, reason))
	}
	p.list.Refresh()
}

func (p *checkpointPanel) row(c checkpoints.Checkpoint, depth int, now time.Time, restorable bool, reason string) fyne.CanvasObject {
	icon, color := "state-off", theme.ColorOff
	if c.State == hypervisor.StateRunning || c.State == hypervisor.StatePaused {
		icon, color = "state-running", theme.ColorRunning
	}
	if c.Problem != "" {
		icon, color = "warning", fynetheme.ColorNameWarning
		restorable, reason = false, c.Problem
	}
	nameColor := fynetheme.ColorNameForeground
	note := age(c.Created, now)
	if c.SizeBytes > 0 {
		note = joined(note, "·", roughSize(c.SizeBytes))
	}
	if c.Current {
		nameColor = fynetheme.ColorNamePrimary
		note = joined(lang.L("current"), "·", note)
	}
	name := widgets.NewText(shown(c.Name), theme.TextNormal, c.Current, nameColor).Elided()
	second := widgets.NewText(note, theme.TextSmall, false, theme.ColorMuted).Elided()
	texts := widgets.NewHint(container.New(layout.NewCustomPaddedVBoxLayout(0), name, second), p.tip(c))

	restore := widgets.NewIconButton("restore", lang.L("Go back to this checkpoint"), func() { p.m.restore(c.ID) })
	restore.SetEnabled(restorable, reason)
	remove := widgets.NewIconButton("trash", lang.L("Delete this checkpoint"), func() { p.m.deleteCheckpoint(c) })
	left := container.NewHBox(widgets.Space(indent*float32(min(depth, deepest)), 0), container.NewCenter(widgets.NewIcon(icon, 18, color)))
	return container.NewBorder(nil, nil, left, container.New(layout.NewCustomPaddedHBoxLayout(0), restore, remove), texts)
}

func (p *checkpointPanel) tip(c checkpoints.Checkpoint) string {
	saved := c.Created.Local().Format(lang.L("2 January 2006, 15:04:05"))
	tip := lang.F("Saved %s, machine off", saved)
	if c.State.Active() {
		tip = lang.F("Saved %s, machine running", saved)
	}
	if c.Description != "" {
		tip += "\n" + vmconfig.InertLines(c.Description, 400)
	}
	if c.Foreign {
		tip += "\n" + lang.L("Made by another program.")
	}
	if c.Problem != "" {
		tip += "\n" + lang.L(c.Problem)
	}
	return tip
}

// depths says for each checkpoint how many parents it has. A parent that is missing or a circle ends the count.
func depths(list []checkpoints.Checkpoint) map[string]int {
	parent := make(map[string]string, len(list))
	for _, c := range list {
		parent[c.ID] = c.Parent
	}
	depth := make(map[string]int, len(list))
	for _, c := range list {
		n := 0
		for p := c.Parent; p != "" && n < len(list); n++ {
			next, known := parent[p]
			if !known {
				break
			}
			p = next
		}
		depth[c.ID] = n
	}
	return depth
}
