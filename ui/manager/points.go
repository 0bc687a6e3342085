package manager

import (
	"image"
	"reflect"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/layout"
	fynetheme "fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"guesthouse/app/checkpoints"
	"guesthouse/app/explain"
	"guesthouse/app/machines"
	"guesthouse/ui/lang"
	"guesthouse/ui/restore"
	"guesthouse/ui/theme"
	"guesthouse/ui/widgets"
	"guesthouse/vmconfig"
)

// checkpointPanel lists the selected machine's checkpoints as a tree.
type checkpointPanel struct {
	m      *Manager
	box    fyne.CanvasObject
	list   *fyne.Container
	foot   *fyne.Container
	save   *widgets.Button
	trash  *widgets.Button
	total  *widgets.Text
	auto   *fyne.Container // how they are saved by themselves
	says   string          // what auto says
	shown  checkpointState
	dialog *trashDialog // while it is open
	filled bool
	indent float32                 // of the tree's columns
	reveal func(fyne.CanvasObject) // scrolls something into view
}

func newCheckpointPanel(m *Manager) *checkpointPanel {
	p := &checkpointPanel{m: m, list: container.New(layout.NewCustomPaddedVBoxLayout(0)), auto: container.NewStack(), reveal: func(fyne.CanvasObject) {}}
	p.save = widgets.NewButton("checkpoint", lang.L("Save"), widgets.StyleFlat, m.saveCheckpoint).SetTip(lang.L("Save the machine as it is now"))
	p.total = widgets.NewText("", theme.TextSmall, false, theme.ColorMuted).Elided()
	p.trash = widgets.NewButton("trash", "", widgets.StyleFlat, p.openTrash).SetTip(lang.L("What was deleted in the last seven days"))
	p.foot = container.NewBorder(nil, nil, nil, p.trash, p.total)
	section := widgets.NewSection("tree", lang.L("Checkpoints"), container.NewVBox(p.auto, p.list, p.foot), p.save)
	p.box = section
	p.auto.Hide()
	section.OnFocus = func() { p.reveal(p.save) } // level with the heading
	p.save.OnFocus = func() { p.reveal(p.save) }
	p.trash.OnFocus = func() { p.reveal(p.trash) }
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
	p.foot.Hide()
	p.showAutomatic()
}

// showAutomatic says how checkpoints of the machine are saved by themselves, if they are.
func (p *checkpointPanel) showAutomatic() {
	text := ""
	if one := p.m.single(); one != nil {
		text = automaticText(p.m.p.Settings.Get().Automatic[one.UUID])
	}
	if text == p.says {
		return
	}
	p.says = text
	p.auto.Objects = []fyne.CanvasObject{widgets.Small(text)}
	p.auto.Refresh()
	setVisible(p.auto, text != "")
}

// show lists what was read.
func (p *checkpointPanel) show(s checkpointState) {
	if !s.loaded {
		return
	}
	p.save.SetEnabled(p.m.canCheckpoint())
	p.showAutomatic()
	restorable, reason := p.m.canSingle(machines.ActionRestore)
	// The look of the buttons depends on the machine's state as well.
	if p.filled && reflect.DeepEqual(p.shown.Overview, s.Overview) && p.shown.current == s.current && p.shown.err == s.err {
		return
	}
	p.filled, p.shown = true, s
	if p.dialog != nil {
		defer p.dialog.follow()
	}
	p.list.Objects = p.list.Objects[:0]
	switch {
	case s.err != nil:
		p.list.Add(widgets.Paragraphs(lang.L("The checkpoints cannot be read."), lang.L(explain.Explain(s.err).Summary)))
	case len(s.List) == 0 && s.Refusal != "": // a promise that cannot be kept helps nobody
		p.list.Add(widgets.Paragraphs(lang.L("This machine cannot have checkpoints now."), lang.L(s.Refusal)))
	case len(s.List) == 0:
		p.list.Add(widgets.Muted(lang.L("None yet. A checkpoint keeps the whole machine as it is, so that you can come back to it.")))
	}
	now := time.Now()
	rows := treeOf(s.List)
	p.indent = indentFor(rows)
	for _, row := range rows {
		if row.ID == "" {
			p.list.Add(p.present(row.place, s))
		} else {
			p.list.Add(p.row(row, s.pictures[row.ID], now, restorable, reason))
		}
	}
	p.list.Refresh()
	p.showFoot(s)
}

// showFoot says what all checkpoints take, and leads to those that were deleted.
func (p *checkpointPanel) showFoot(s checkpointState) {
	text := ""
	if s.Bytes > 0 {
		text = lang.F("All take %s", vmconfig.RoughSize(s.Bytes))
	}
	p.total.SetText(text)
	p.trash.SetText(lang.F("Trash (%d)", len(s.Trash)))
	setVisible(p.trash, len(s.Trash) > 0)
	setVisible(p.foot, text != "" || len(s.Trash) > 0)
}

// row shows one checkpoint. Its buttons say the most common, its menu everything.
func (p *checkpointPanel) row(row treeRow, picture image.Image, now time.Time, restorable bool, reason string) fyne.CanvasObject {
	c := row.Checkpoint
	icon, color := pointIcon(c)
	if c.Problem != "" {
		restorable, reason = false, c.Problem
	}
	nameColor := fynetheme.ColorNameForeground
	note := lang.Age(c.Created, now)
	if size := max(c.FreesBytes, c.SizeBytes); size > 0 {
		note = joined(note, "·", vmconfig.RoughSize(size))
	}
	if c.Current {
		nameColor = fynetheme.ColorNamePrimary
		note = joined(lang.L("current"), "·", note)
	}
	tipped := widgets.NewHint(twoLines(widgets.NewText(restore.ShownName(c, now), theme.TextNormal, c.Current, nameColor), note), p.tip(c))

	back := widgets.NewIconButton("restore", lang.L("Go back to this checkpoint"), func() { p.m.restore(p.shown.id, c.ID) })
	back.SetEnabled(restorable, reason)
	menu := func() *fyne.Menu { return p.menu(c, restorable, reason) }
	more := widgets.NewIconButton("more", lang.L("Rename, copy, compare, delete"), nil)
	more.OnTapped = func() { widgets.ShowMenu(more, menu()) }
	node := fynetheme.ColorNamePlaceHolder
	if c.Current {
		node = fynetheme.ColorNamePrimary
	}
	left := container.New(layout.NewCustomPaddedHBoxLayout(theme.Gap1), newTreeLines(row.place, p.indent, node, false), thumbnail(picture, icon, color))
	line := newPointRow(container.NewBorder(nil, nil, left, container.New(layout.NewCustomPaddedHBoxLayout(0), back, more), tipped), menu)
	for _, b := range []*widgets.Button{back, more} {
		b.OnKey = func(e *fyne.KeyEvent) bool { return p.key(e, c) }
		b.OnFocus = func() { p.reveal(line) }
	}
	return line
}

// pointIcon says how a machine was when its checkpoint was saved, or that something is wrong with it.
func pointIcon(c checkpoints.Checkpoint) (icon string, color fyne.ThemeColorName) {
	switch {
	case c.Problem != "":
		return "warning", fynetheme.ColorNameWarning
	case c.State.Active():
		return "state-running", theme.ColorRunning
	}
	return "state-off", theme.ColorOff
}

// present is the row of what the machine is now.
func (p *checkpointPanel) present(place treePlace, s checkpointState) fyne.CanvasObject {
	note := lang.L("not in a checkpoint yet")
	if !s.Changed {
		note = lang.L("unchanged since the checkpoint")
	} else if one := p.m.single(); one != nil && one.Checkpoint != "" {
		note = lang.F("changed since “%s”", shown(one.Checkpoint))
	}
	texts := twoLines(widgets.NewText(lang.L("Now"), theme.TextNormal, false, fynetheme.ColorNameForeground), note)
	left := container.New(layout.NewCustomPaddedHBoxLayout(theme.Gap1), newTreeLines(place, p.indent, fynetheme.ColorNamePrimary, true),
		container.NewStack(widgets.Space(thumbWidth, thumbHeight), container.NewCenter(widgets.NewIcon("machine", 18, theme.ColorMuted))))
	return container.NewBorder(nil, nil, left, nil, texts)
}

// twoLines puts a name over what is to be said of it, in the middle of a row.
func twoLines(name *widgets.Text, note string) fyne.CanvasObject {
	return container.New(layout.NewCustomPaddedVBoxLayout(0), layout.NewSpacer(), name.Elided(),
		widgets.NewText(note, theme.TextSmall, false, theme.ColorMuted).Elided(), layout.NewSpacer())
}

// thumbWidth and thumbHeight are the size of a checkpoint's picture in the list.
const (
	thumbWidth  float32 = 48
	thumbHeight float32 = 30
)

// thumbnail is a small screen: with the picture, and an icon where there is none or something is wrong.
func thumbnail(picture image.Image, icon string, color fyne.ThemeColorName) fyne.CanvasObject {
	fill := theme.ColorSurface
	if picture != nil {
		fill = theme.ColorScreen
	}
	screen := container.NewStack(widgets.Space(thumbWidth, thumbHeight), widgets.NewPanel(fill, theme.ColorOutline, 3))
	if picture != nil {
		screen.Add(container.New(layout.NewCustomPaddedLayout(1, 1, 1, 1), &canvas.Image{Image: picture, FillMode: canvas.ImageFillContain, ScaleMode: canvas.ImageScaleSmooth}))
	}
	if picture == nil || icon == "warning" {
		screen.Add(container.NewCenter(widgets.NewIcon(icon, 18, color)))
	}
	return container.NewCenter(screen)
}

// menu is everything that can be done to a checkpoint.
func (p *checkpointPanel) menu(c checkpoints.Checkpoint, restorable bool, reason string) *fyne.Menu {
	idle, _ := p.m.canSingle(machines.ActionRestore)
	branch := checkpoints.Branch(p.shown.List, c.ID)
	return fyne.NewMenu("",
		widgets.MenuItem("restore", lang.L("Go back to this checkpoint"), restorable, reason, func() { p.m.restore(p.shown.id, c.ID) }),
		widgets.MenuItem("disk", lang.L("Go back to its disks only…"), c.DisksUsable && idle, lang.L("not possible"), func() { p.m.restoreDisks(p.shown.id, c) }),
		widgets.MenuItem("rename", lang.L("Name and description…"), true, "", func() { p.m.describeCheckpoint(p.shown.id, c) }),
		widgets.MenuItem("new", lang.L("New machine from this…"), c.Copyable, lang.L("parts are missing"), func() { p.m.copyCheckpoint(p.shown.id, c) }),
		widgets.MenuItem("settings", lang.L("Compare settings…"), c.Settings != nil, lang.L("not known"), func() { p.m.compare(p.shown.id, c) }),
		fyne.NewMenuItemSeparator(),
		widgets.MenuItem("trash", lang.L("Delete"), true, "", func() { p.m.trash(p.shown.id, c) }),
		widgets.MenuItem("trash", lang.L("Delete with all that came after it…"), len(branch) > 1, lang.L("nothing came after it"), func() { p.m.trashBranch(p.shown.id, branch) }),
	)
}

// key is a key press on a checkpoint's button.
func (p *checkpointPanel) key(e *fyne.KeyEvent, c checkpoints.Checkpoint) bool {
	switch e.Name {
	case fyne.KeyF2:
		p.m.describeCheckpoint(p.shown.id, c)
	case fyne.KeyDelete:
		p.m.trash(p.shown.id, c)
	default:
		return false
	}
	return true
}

// pointRow has a context menu.
type pointRow struct {
	widget.BaseWidget
	content fyne.CanvasObject
	menu    func() *fyne.Menu
}

func newPointRow(content fyne.CanvasObject, menu func() *fyne.Menu) *pointRow {
	r := &pointRow{content: content, menu: menu}
	r.ExtendBaseWidget(r)
	return r
}

// CreateRenderer implements fyne.Widget.
func (r *pointRow) CreateRenderer() fyne.WidgetRenderer { return widget.NewSimpleRenderer(r.content) }

// TappedSecondary implements fyne.SecondaryTappable.
func (r *pointRow) TappedSecondary(e *fyne.PointEvent) {
	if c := fyne.CurrentApp().Driver().CanvasForObject(r); c != nil {
		widgets.ShowMenuAt(c, r.menu(), e.AbsolutePosition)
	}
}

func (p *checkpointPanel) tip(c checkpoints.Checkpoint) string {
	saved := c.Created.Local().Format(lang.L("2 January 2006, 15:04:05"))
	tip := lang.F("Saved %s, machine off", saved)
	if c.State.Active() {
		tip = lang.F("Saved %s, machine running", saved)
	}
	tip = shown(c.Name) + "\n" + tip
	if c.FreesBytes > 0 {
		tip += "\n" + lang.F("Deleting it for good frees %s.", vmconfig.RoughSize(c.FreesBytes))
	}
	if c.Description != "" {
		tip += "\n" + vmconfig.InertLines(c.Description, 400)
	}
	if c.Foreign {
		tip += "\n" + lang.L("Made by another program.")
	}
	for _, doubt := range []string{c.Problem, c.Caution} {
		if doubt != "" {
			tip += "\n" + lang.L(doubt)
		}
	}
	return tip
}
