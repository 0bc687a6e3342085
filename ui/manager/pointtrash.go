package manager

import (
	"cmp"
	"slices"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/layout"
	fynetheme "fyne.io/fyne/v2/theme"
	"github.com/google/uuid"

	"guesthouse/app/checkpoints"
	"guesthouse/app/jobs"
	"guesthouse/ui/dispatch"
	"guesthouse/ui/lang"
	"guesthouse/ui/theme"
	"guesthouse/ui/widgets"
	"guesthouse/vmconfig"
)

// trashShown is how many rows are seen without scrolling.
const trashShown = 5

// trashDialog shows the deleted checkpoints of a machine, to put them back or to be rid of them at once. It follows what happens to them.
type trashDialog struct {
	p       *checkpointPanel
	id      uuid.UUID
	modal   *widgets.Modal
	content *fyne.Container
	scroll  *container.Scroll // nil while all fit
	rows    []*widgets.Button // "Put back" of each row
	empty   *widgets.Button
	shut    *widgets.Button
	busy    map[string]bool // IDs that something is being done to
	gone    map[string]bool // IDs that are not in the trash any more, which the list may not know yet
}

// openTrash opens it.
func (p *checkpointPanel) openTrash() {
	d := &trashDialog{p: p, id: p.shown.id, content: container.NewStack(), busy: map[string]bool{}, gone: map[string]bool{}}
	d.shut = widgets.NewButton("", lang.L("Close"), widgets.StylePrimary, func() { d.modal.Close() })
	d.empty = widgets.NewButton("trash", lang.L("Delete all for good"), widgets.StyleDanger, func() { d.askDelete(d.list()) })
	text := lang.L("Deleted checkpoints stay here for seven days and keep their room until then.")
	d.modal = widgets.NewModal(p.m.window, "trash", theme.ColorMuted, lang.L("Deleted checkpoints"),
		container.NewVBox(widgets.Paragraphs(text), widgets.Card(d.content)), 580, d.empty, d.shut)
	d.modal.OnClosed = func() { p.dialog = nil }
	d.fill()
	p.dialog = d
	d.modal.Show()
}

// list is what is in the trash, what was deleted last on top.
func (d *trashDialog) list() []checkpoints.Checkpoint {
	list := slices.DeleteFunc(slices.Clone(d.p.shown.Trash), func(c checkpoints.Checkpoint) bool { return d.gone[c.ID] })
	slices.SortStableFunc(list, func(a, b checkpoints.Checkpoint) int {
		return cmp.Or(b.Deleted.Compare(a.Deleted), b.Created.Compare(a.Created))
	})
	return list
}

// follow shows what has become of the trash.
func (d *trashDialog) follow() {
	if d.p.shown.id != d.id {
		d.modal.Close()
		return
	}
	c := d.p.m.window.Canvas()
	at := slices.IndexFunc(d.rows, func(b *widgets.Button) bool { return c.Focused() == b })
	offset := fyne.Position{}
	if d.scroll != nil {
		offset = d.scroll.Offset
	}
	d.fill()
	d.modal.Relayout()
	if d.scroll != nil {
		d.scroll.ScrollToOffset(offset)
	}
	// What had the focus may be gone. A question over this one has its own.
	switch {
	case !d.modal.InFront():
	case at >= 0 && len(d.rows) > 0:
		c.Focus(d.rows[min(at, len(d.rows)-1)])
	case c.Focused() != d.empty || len(d.rows) == 0:
		c.Focus(d.shut)
	}
}

func (d *trashDialog) fill() {
	list, now := d.list(), time.Now()
	rows := container.New(layout.NewCustomPaddedVBoxLayout(theme.Gap2))
	d.rows, d.scroll = nil, nil
	for _, c := range list {
		rows.Add(d.row(c, now))
	}
	d.empty.SetEnabled(len(list) > 0, lang.L("There are no deleted checkpoints."))
	var body fyne.CanvasObject = rows
	switch {
	case len(list) == 0:
		body = widgets.Muted(lang.L("The trash is empty."))
	case len(list) > trashShown:
		d.scroll = widgets.NewScroll(container.New(layout.NewCustomPaddedLayout(0, 0, 0, theme.Gap3), rows))
		d.scroll.SetMinSize(fyne.NewSize(0, (rows.Objects[0].MinSize().Height+theme.Gap2)*trashShown))
		body = d.scroll
	}
	d.content.Objects = []fyne.CanvasObject{body}
	d.content.Refresh()
}

func (d *trashDialog) row(c checkpoints.Checkpoint, now time.Time) fyne.CanvasObject {
	back := widgets.NewButton("", lang.L("Put back"), widgets.StylePlain, func() {
		d.do(func() *jobs.Job { return d.p.m.p.Checkpoints.PutBack(d.id, []checkpoints.Checkpoint{c}) }, c)
	})
	purge := widgets.NewIconButton("trash", lang.L("Delete for good…"), func() { d.askDelete([]checkpoints.Checkpoint{c}) })
	note := joined(lang.F("saved %s", lang.Age(c.Created, now)), "·", lang.F("deleted %s", lang.Age(c.Deleted, now)))
	if c.FreesBytes > 0 {
		note = joined(note, "·", vmconfig.RoughSize(c.FreesBytes))
	}
	icon, color := pointIcon(c)
	texts := widgets.NewHint(twoLines(widgets.NewText(shown(c.Name), theme.TextNormal, true, fynetheme.ColorNameForeground), note), d.p.tip(c))
	buttons := container.NewCenter(container.New(layout.NewCustomPaddedHBoxLayout(0), back, purge))
	row := container.NewBorder(nil, nil, thumbnail(d.p.shown.pictures[c.ID], icon, color), buttons, texts)
	for _, b := range []*widgets.Button{back, purge} {
		b.SetEnabled(!d.busy[c.ID], lang.L("One moment…"))
		b.OnFocus = func() {
			if d.scroll != nil {
				widgets.Reveal(d.scroll, row)
			}
		}
	}
	d.rows = append(d.rows, back)
	return row
}

// askDelete asks before it deletes for good.
func (d *trashDialog) askDelete(list []checkpoints.Checkpoint) {
	var ids, names []string
	for _, c := range list {
		ids, names = append(ids, c.ID), append(names, shown(c.Name))
	}
	question, text := lang.L("Delete these checkpoints for good?"), lang.L("They cannot be put back after that. Their room is free at once.")
	if len(list) == 1 {
		question, text = lang.L("Delete this checkpoint for good?"), lang.L("It cannot be put back after that. Its room is free at once.")
	}
	widgets.Confirm(d.p.m.window, question, text, names, lang.L("Delete for good"), true, func() {
		d.do(func() *jobs.Job { return d.p.m.p.Checkpoints.EmptyTrash(d.id, ids...) }, list...)
	})
}

// do starts something that takes checkpoints out of the trash. When it fails it says why here: the window's strip of jobs is behind the dialog.
func (d *trashDialog) do(start func() *jobs.Job, list ...checkpoints.Checkpoint) {
	for _, c := range list {
		d.busy[c.ID] = true
	}
	d.follow()
	job := start()
	dispatch.Run(d.p.m.p.Dispatch, job.Wait, func(err error) {
		for _, c := range list {
			delete(d.busy, c.ID)
			if err == nil {
				d.gone[c.ID] = true
			}
		}
		if d.modal.Closed() {
			return
		}
		d.follow()
		if err != nil {
			d.p.m.p.Jobs.Dismiss(job.Status().ID)
			d.p.m.showError(job.Status().Title, err)
		}
	})
}
