package manager

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/layout"
	fynetheme "fyne.io/fyne/v2/theme"

	"guesthouse/app/checkpoints"
	"guesthouse/ui/dispatch"
	"guesthouse/ui/lang"
	"guesthouse/ui/theme"
	"guesthouse/ui/widgets"
	"guesthouse/vmconfig"
)

// spacesShown is how many machines are seen without scrolling.
const spacesShown = 6

// spaceItem leads to what the checkpoints of all machines take.
func (m *Manager) spaceItem() *fyne.MenuItem {
	return widgets.MenuItem("disk", lang.L("Room of all checkpoints…"), m.snap.Connected, lang.L("There is no connection to the hypervisor."), m.openSpace)
}

// openSpace shows what the checkpoints of each machine take, and offers to delete for good what was deleted.
func (m *Manager) openSpace() {
	content := container.NewVBox(widgets.Muted(lang.L("Reading…")))
	var modal *widgets.Modal
	shut := widgets.NewButton("", lang.L("Close"), widgets.StylePlain, func() { modal.Close() })
	reclaim := widgets.NewButton("trash", lang.L("Reclaim room"), widgets.StyleDanger, nil)
	reclaim.Disable(lang.L("The checkpoints are being read."))
	modal = widgets.NewModal(m.window, "disk", theme.ColorMuted, lang.L("Room of all checkpoints"), content, 520, reclaim, shut)
	modal.OnClosed = dispatch.Background(m.p.Dispatch, m.p.Checkpoints.Spaces, func(list []checkpoints.Space, err error) {
		content.Objects = m.spaceRows(list, err)
		var names []string
		for _, s := range list {
			for _, c := range s.Trash {
				names = append(names, lang.F("%s of “%s”", shown(c.Name), shown(s.Name)))
			}
		}
		reclaim.SetEnabled(len(names) > 0, lang.L("There are no deleted checkpoints."))
		reclaim.OnTapped = func() {
			modal.Close()
			widgets.Confirm(m.window, lang.L("Delete these checkpoints for good?"), lang.L("They cannot be put back after that. Their room is free at once."), names,
				lang.L("Delete for good"), true, func() { m.emptyTrashes(list) })
		}
		modal.Relayout()
	})
	modal.Show()
}

func (m *Manager) emptyTrashes(list []checkpoints.Space) {
	for _, s := range list {
		var ids []string
		for _, c := range s.Trash {
			ids = append(ids, c.ID)
		}
		if len(ids) > 0 {
			m.p.Checkpoints.EmptyTrash(s.Machine, ids...)
		}
	}
}

func (m *Manager) spaceRows(list []checkpoints.Space, err error) []fyne.CanvasObject {
	if len(list) == 0 && err == nil {
		return []fyne.CanvasObject{widgets.Paragraphs(lang.L("No machine has a checkpoint."))}
	}
	var all, frees int64
	rows := container.New(layout.NewCustomPaddedVBoxLayout(theme.Gap2))
	for _, s := range list {
		note := lang.N("%d checkpoint", "%d checkpoints", s.Count, s.Count)
		if len(s.Trash) > 0 {
			note = joined(note, "·", lang.N("%d deleted", "%d deleted", len(s.Trash), len(s.Trash)))
		}
		size := "?"
		if s.Bytes != checkpoints.Unknown {
			all += s.Bytes
			size = vmconfig.RoughSize(s.Bytes)
		}
		frees += max(s.Frees, 0)
		texts := twoLines(widgets.NewText(shown(s.Name), theme.TextNormal, true, fynetheme.ColorNameForeground), note)
		rows.Add(container.NewBorder(nil, nil, nil, container.NewCenter(widgets.NewText(size, theme.TextNormal, false, fynetheme.ColorNameForeground)), texts))
	}
	var body fyne.CanvasObject = rows
	if len(list) > spacesShown {
		scroll := widgets.NewScroll(container.New(layout.NewCustomPaddedLayout(0, 0, 0, theme.Gap3), rows))
		scroll.SetMinSize(fyne.NewSize(0, (rows.Objects[0].MinSize().Height+theme.Gap2)*spacesShown))
		body = scroll
	}
	text := lang.F("Together they take %s.", vmconfig.RoughSize(all))
	if frees > 0 {
		text += " " + lang.F("Deleting for good what is in the trash frees at least %s.", vmconfig.RoughSize(frees))
	}
	objects := []fyne.CanvasObject{widgets.Card(body), widgets.Paragraphs(text)}
	if err != nil {
		objects = append(objects, widgets.Notice("warning", fynetheme.ColorNameWarning, lang.L("The checkpoints of some machines cannot be read and are not counted.")))
	}
	return objects
}
