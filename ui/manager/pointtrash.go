package manager

import (
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/layout"
	fynetheme "fyne.io/fyne/v2/theme"

	"guesthouse/app/checkpoints"
	"guesthouse/ui/lang"
	"guesthouse/ui/theme"
	"guesthouse/ui/widgets"
	"guesthouse/vmconfig"
)

// trashShown is how many rows are seen without scrolling.
const trashShown = 5

// openTrash shows the deleted checkpoints, to put them back or to be rid of them at once.
func (p *checkpointPanel) openTrash() {
	id, list := p.shown.id, p.shown.Trash
	var modal *widgets.Modal
	rows := container.New(layout.NewCustomPaddedVBoxLayout(theme.Gap2))
	now := time.Now()
	for _, c := range list {
		back := widgets.NewButton("", lang.L("Put back"), widgets.StylePlain, func() {
			modal.Close()
			p.m.p.Checkpoints.PutBack(id, []checkpoints.Checkpoint{c})
		})
		note := lang.F("deleted %s", lang.Age(c.Deleted, now))
		if c.FreesBytes > 0 {
			note = joined(note, "·", vmconfig.RoughSize(c.FreesBytes))
		}
		texts := twoLines(widgets.NewText(shown(c.Name), theme.TextNormal, true, fynetheme.ColorNameForeground), note)
		rows.Add(container.NewBorder(nil, nil, thumbnail(p.shown.pictures[c.ID], "checkpoint", theme.ColorMuted), container.NewCenter(back), texts))
	}
	var body fyne.CanvasObject = rows
	if len(list) > trashShown {
		scroll := container.NewVScroll(container.New(layout.NewCustomPaddedLayout(0, 0, 0, theme.Gap3), rows))
		scroll.SetMinSize(fyne.NewSize(0, (rows.Objects[0].MinSize().Height+theme.Gap2)*trashShown))
		body = scroll
	}
	shut := widgets.NewButton("", lang.L("Close"), widgets.StylePrimary, func() { modal.Close() })
	empty := widgets.NewButton("trash", lang.L("Delete all for good"), widgets.StyleDanger, func() {
		modal.Close()
		var ids, names []string
		for _, c := range list {
			ids, names = append(ids, c.ID), append(names, shown(c.Name))
		}
		widgets.Confirm(p.m.window, lang.L("Delete these checkpoints for good?"), lang.L("They cannot be put back after that. Their room is free at once."), names,
			lang.L("Delete for good"), true, func() { p.m.p.Checkpoints.EmptyTrash(id, ids...) })
	})
	text := lang.L("Deleted checkpoints stay here for seven days and keep their room until then.")
	modal = widgets.NewModal(p.m.window, "trash", theme.ColorMuted, lang.L("Deleted checkpoints"),
		container.NewVBox(widgets.Paragraphs(text), widgets.Card(body)), 480, empty, shut)
	modal.Show()
}
