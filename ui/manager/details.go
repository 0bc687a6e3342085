package manager

import (
	"context"
	"reflect"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/layout"
	fynetheme "fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"
	"github.com/google/uuid"

	"guesthouse/app/explain"
	"guesthouse/app/machines"
	"guesthouse/app/settings"
	"guesthouse/ui/dispatch"
	"guesthouse/ui/lang"
	"guesthouse/ui/theme"
	"guesthouse/ui/widgets"
	"guesthouse/vmconfig"
)

// details is the right pane: one machine, a summary of several, or the reason why one cannot be read.
type details struct {
	m     *Manager
	box   *fyne.Container
	shown bool // something was shown once
	view  string

	tile  *widgets.Picture
	name  *widgets.Text
	state *widgets.StateBadge
	since *widgets.Text
	line  *fyne.Container // state and since, whose shares depend on the texts
	one   fyne.CanvasObject

	machine  uuid.UUID // whose sections are shown
	offline  bool      // what is shown was known before the connection was lost
	sections []section
	cards    *fyne.Container
	scroll   *container.Scroll
	tail     tail
	preview  *preview
	points   *checkpointPanel
}

// The views of the right pane.
const (
	viewNone    = "none"
	viewOne     = "one"
	viewSeveral = "several"
	viewProblem = "problem"
)

func newDetails(m *Manager) *details {
	d := &details{
		m:     m,
		box:   container.NewStack(),
		tile:  widgets.NewOSIcon("", 44),
		name:  widgets.NewText("", theme.TextTitle, true, fynetheme.ColorNameForeground).Elided(),
		state: widgets.NewStateBadge(widgets.StateLook{}, theme.TextNormal),
		since: widgets.NewText("", theme.TextSmall, false, theme.ColorMuted).Elided(),
		cards: container.New(layout.NewCustomPaddedVBoxLayout(theme.Gap2)),
	}
	d.preview = newPreview(m)
	d.points = newCheckpointPanel(m)
	right := container.New(layout.NewCustomPaddedVBoxLayout(theme.Gap2), widgets.Card(d.preview), widgets.Card(d.points.box))
	d.scroll = widgets.NewScroll(container.New(&d.tail, padded(container.New(&columns{}, d.cards, right))))
	d.scroll.OnScrolled = func(fyne.Position) {
		widgets.HideTips(d.scroll)
		d.trimTail()
	}
	d.points.reveal = d.reveal
	d.line = container.New(headLine{}, d.state, d.since)
	d.one = container.NewBorder(header(d.tile, d.name, d.line), nil, nil, nil, d.scroll)
	return d
}

func padded(o fyne.CanvasObject) fyne.CanvasObject {
	return container.New(layout.NewCustomPaddedLayout(0, theme.Gap4, theme.Gap4, theme.Gap4), o)
}

// header is the title line of the pane.
func header(tile, name, below fyne.CanvasObject) fyne.CanvasObject {
	texts := container.New(layout.NewCustomPaddedVBoxLayout(2), name, below)
	return container.New(layout.NewCustomPaddedLayout(theme.Gap3, theme.Gap3, theme.Gap4, theme.Gap4),
		container.NewBorder(nil, nil, container.NewHBox(tile, widgets.Space(2, 0)), nil, texts))
}

// update shows the present selection.
func (d *details) update() {
	d.shown = true
	list := d.m.selected()
	switch {
	case len(list) == 0:
		d.show(viewNone, func() fyne.CanvasObject {
			return widgets.EmptyPage(widgets.NewIcon("machine", 48, theme.ColorMuted), lang.L("No machine is selected"), lang.L("Select one on the left."))
		})
	case len(list) > 1:
		d.view = "" // always new: cheap, and rare
		d.show(viewSeveral, func() fyne.CanvasObject { return d.several(list) })
	case list[0].Problem != nil:
		d.view = ""
		d.show(viewProblem, func() fyne.CanvasObject { return d.problem(list[0]) })
	default:
		d.updateOne(list[0])
		d.show(viewOne, func() fyne.CanvasObject { return d.one })
	}
	d.preview.follow(list)
}

func (d *details) show(view string, build func() fyne.CanvasObject) {
	if d.view == view {
		return
	}
	d.view = view
	d.box.Objects = []fyne.CanvasObject{build()}
	d.box.Refresh()
}

func (d *details) updateOne(machine *machines.Machine) {
	osID := ""
	if machine.Config != nil {
		osID = machine.Config.OSID
	}
	d.tile.SetOS(osID)
	d.name.SetText(shown(machine.Name))
	d.state.Set(stateLook(machine))
	note := ""
	if !machine.Since.IsZero() {
		note = lang.F("since %s", sinceClock(machine.Since, time.Now()))
	}
	if machine.Checkpoint != "" {
		if note != "" {
			note += " ·"
		}
		note = joined(note, lang.L("current checkpoint:"), shown(machine.Checkpoint))
	}
	d.since.SetText(note)
	d.line.Refresh()

	if d.machine != machine.UUID || d.offline != machine.Offline {
		d.offline = machine.Offline
		d.points.reset()
		d.updateCheckpoints()
	}
	sections := describe(machine, d.m.osNames[osID])
	if d.machine == machine.UUID && reflect.DeepEqual(sections, d.sections) {
		return
	}
	if d.machine != machine.UUID {
		d.scroll.ScrollToTop()
	}
	d.machine, d.sections = machine.UUID, sections
	d.cards.Objects = d.cards.Objects[:0]
	for _, s := range sections {
		d.cards.Add(widgets.Card(d.card(s)))
	}
	d.cards.Refresh()
	d.updateCheckpoints()
}

// card builds one section. Whether it is folded is remembered for all machines.
func (d *details) card(s section) fyne.CanvasObject {
	body := container.New(layout.NewCustomPaddedVBoxLayout(2))
	if s.text != "" {
		text := widget.NewLabel(s.text)
		text.Wrapping = fyne.TextWrapWord
		text.Selectable = true
		body.Add(text)
	}
	for _, f := range s.facts {
		if f.key == "" {
			body.Add(widgets.NewText(f.value, theme.TextNormal, false, theme.ColorMuted).Elided())
			continue
		}
		body.Add(widgets.KeyValueTip(f.key, f.value, f.tip))
	}
	w := widgets.NewSection(s.icon, s.title, container.New(layout.NewCustomPaddedLayout(0, 0, 22, 0), body))
	w.SetOpen(!d.folded(s.key))
	w.OnToggled = func(open bool) { d.remember(s.key, open) }
	w.OnFocus = func() { d.reveal(w) }
	return w
}

// tail is a layout that leaves room below an object.
type tail struct{ room float32 }

// MinSize implements fyne.Layout.
func (t *tail) MinSize(o []fyne.CanvasObject) fyne.Size {
	return o[0].MinSize().AddWidthHeight(0, t.room)
}

// Layout implements fyne.Layout.
func (t *tail) Layout(o []fyne.CanvasObject, size fyne.Size) {
	o[0].Resize(size.SubtractWidthHeight(0, t.room))
}

// keepPlace is called before the page's height changes by itself, and what it returns after: what is below the pointer stays there. A page that was scrolled to
// its end gets room below it for that, until it is scrolled back.
func (d *details) keepPlace() func() {
	before := d.scroll.Offset
	return func() {
		if missing := before.Y - d.scroll.Offset.Y; missing > 0 {
			d.tail.room += missing
			d.scroll.Content.Refresh()
			d.scroll.ScrollToOffset(before)
		} else {
			d.trimTail()
		}
	}
}

// trimTail takes away the room below the page as far as it is not to be seen.
func (d *details) trimTail() {
	if d.tail.room == 0 {
		return
	}
	end := d.scroll.Content.MinSize().Height - d.tail.room
	if room := max(0, d.scroll.Offset.Y+d.scroll.Size().Height-end); room < d.tail.room {
		d.tail.room = room
		d.scroll.Content.Refresh()
	}
}

// reveal scrolls a part of the page into view that the keyboard has come to.
func (d *details) reveal(o fyne.CanvasObject) { widgets.Reveal(d.scroll, o) }

func (d *details) folded(key string) bool {
	_, folded := d.m.p.Settings.Get().Windows[foldKey+key]
	return folded
}

// foldKey begins the names under which the settings remember folded sections.
const foldKey = "manager.folded."

func (d *details) remember(key string, open bool) {
	dispatch.Run(d.m.p.Dispatch, func(context.Context) error {
		return d.m.p.Settings.Update(func(s *settings.Settings) {
			windows := make(map[string]settings.WindowSize, len(s.Windows)+1)
			for k, v := range s.Windows {
				windows[k] = v
			}
			if open {
				delete(windows, foldKey+key)
			} else {
				windows[foldKey+key] = settings.WindowSize{}
			}
			s.Windows = windows
		})
	}, nil)
}

func (d *details) updateCheckpoints() {
	if one := d.m.single(); one != nil && one.UUID == d.m.checkpoints.id {
		d.points.show(d.m.checkpoints)
	}
}

// several is the summary of more than one machine.
func (d *details) several(list []*machines.Machine) fyne.CanvasObject {
	var memory int64
	cpus := 0
	rows := container.New(layout.NewCustomPaddedVBoxLayout(theme.Gap1))
	for _, machine := range list {
		osID := ""
		if machine.Config != nil {
			memory += machine.Config.MemoryBytes
			cpus += machine.Config.CPUs
			osID = machine.Config.OSID
		}
		rows.Add(container.NewBorder(nil, nil, widgets.NewOSIcon(osID, 24), nil, container.New(headLine{},
			widgets.NewText(shown(machine.Name), theme.TextNormal, true, fynetheme.ColorNameForeground).Elided(),
			widgets.NewStateBadge(stateLook(machine), theme.TextSmall))))
	}
	head := header(widgets.NewIcon("group", 36, fynetheme.ColorNamePrimary),
		widgets.NewText(lang.N("%d machine selected", "%d machines selected", len(list), len(list)), theme.TextTitle, true, fynetheme.ColorNameForeground),
		widgets.NewText(lang.N("%[2]s of memory and %[1]d processor in all", "%[2]s of memory and %[1]d processors in all", cpus, cpus, vmconfig.FormatSize(memory)), theme.TextNormal, false, theme.ColorMuted))
	hint := widgets.NewText(lang.L("The toolbar acts on all of them that can."), theme.TextSmall, false, theme.ColorMuted)
	return container.NewBorder(head, nil, nil, nil, widgets.NewScroll(padded(container.NewVBox(widgets.Card(rows), hint))))
}

// problem is the page of a machine that cannot be read.
func (d *details) problem(machine *machines.Machine) fyne.CanvasObject {
	e := explain.Explain(machine.Problem)
	head := header(widgets.NewIcon("warning", 40, fynetheme.ColorNameError),
		widgets.NewText(shown(machine.Name), theme.TextTitle, true, fynetheme.ColorNameForeground).Elided(),
		widgets.NewStateBadge(stateLook(machine), theme.TextNormal))
	refresh := widgets.NewButton("refresh", lang.L("Refresh"), widgets.StylePrimary, d.m.refresh)
	remove := widgets.NewButton("trash", lang.L("Remove…"), widgets.StylePlain, d.m.remove)
	remove.SetEnabled(machine.Can(machines.ActionDelete))
	info := widgets.NewButton("info", lang.L("Details"), widgets.StylePlain, func() {
		d.m.showError(lang.F("“%s” cannot be read", shown(machine.Name)), machine.Problem)
	})
	box := container.NewVBox(
		widgets.NewText(lang.L("This machine cannot be read"), 16, true, fynetheme.ColorNameForeground),
		widgets.Paragraphs(lang.L(e.Summary), joined(lang.L(e.Remedy), lang.L("The other machines are not concerned. Once the cause is mended, Refresh reads it again; Remove takes it out of the list."))),
		container.NewHBox(refresh, remove, info))
	return container.NewBorder(head, nil, nil, nil, padded(container.NewVBox(widgets.Card(box))))
}

// headLine puts one object before another that takes the rest, on one line.
type headLine struct{}

func (headLine) MinSize(o []fyne.CanvasObject) fyne.Size {
	a, b := o[0].MinSize(), o[1].MinSize()
	return fyne.NewSize(a.Width+b.Width+theme.Gap2, max(a.Height, b.Height))
}

func (headLine) Layout(o []fyne.CanvasObject, size fyne.Size) {
	natural := o[0].MinSize()
	switch first := o[0].(type) { // both can be cut off, so their least size says nothing
	case *widgets.StateBadge:
		natural.Width = fyne.MeasureText(first.Look().Text, theme.TextNormal, fyne.TextStyle{}).Width + 24
	case *widgets.Text:
		natural.Width = max(size.Width*0.5, natural.Width)
	}
	natural.Width = min(natural.Width, size.Width)
	h := o[1].MinSize().Height
	o[0].Resize(natural)
	o[0].Move(fyne.NewPos(0, (size.Height-natural.Height)/2))
	o[1].Resize(fyne.NewSize(max(0, size.Width-natural.Width-theme.Gap2), h))
	o[1].Move(fyne.NewPos(natural.Width+theme.Gap2, (size.Height-h)/2))
}

// columns puts two objects side by side where there is room, else one below the other.
type columns struct{ width float32 }

const (
	columnsFrom float32 = 620
	rightShare  float32 = 0.47
	rightLeast  float32 = 280
	rightMost   float32 = 420
)

func (c *columns) stacked() bool { return c.width > 0 && c.width < columnsFrom }

// MinSize implements fyne.Layout. The height depends on the shape, which the last width decides.
func (c *columns) MinSize(o []fyne.CanvasObject) fyne.Size {
	a, b := o[0].MinSize(), o[1].MinSize()
	if c.stacked() {
		return fyne.NewSize(max(a.Width, b.Width), a.Height+theme.Gap2+b.Height)
	}
	return fyne.NewSize(max(a.Width, b.Width), max(a.Height, b.Height))
}

// Layout implements fyne.Layout.
func (c *columns) Layout(o []fyne.CanvasObject, size fyne.Size) {
	c.width = size.Width
	a, b := o[0].MinSize(), o[1].MinSize()
	if c.stacked() {
		o[1].Move(fyne.NewPos(0, 0))
		o[1].Resize(fyne.NewSize(size.Width, b.Height))
		o[0].Move(fyne.NewPos(0, b.Height+theme.Gap2))
		o[0].Resize(fyne.NewSize(size.Width, a.Height))
		return
	}
	right := min(max(size.Width*rightShare, rightLeast), rightMost)
	o[0].Move(fyne.NewPos(0, 0))
	o[0].Resize(fyne.NewSize(size.Width-right-theme.Gap2, a.Height))
	o[1].Move(fyne.NewPos(size.Width-right, 0))
	o[1].Resize(fyne.NewSize(right, b.Height))
}
