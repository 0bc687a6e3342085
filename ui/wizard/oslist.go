package wizard

import (
	"slices"
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/layout"
	fynetheme "fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"guesthouse/ui/lang"
	"guesthouse/ui/theme"
	"guesthouse/ui/widgets"
	"guesthouse/vmconfig"
	"guesthouse/vmconfig/guestos"
)

// osPicker is the search field and the list of systems below it. One row is "Other system".
type osPicker struct {
	search *widgets.Entry
	older  *check
	list   *osList
	empty  *widget.Label
	box    fyne.CanvasObject

	catalogue Catalogue
	loaded    bool
	found     []*guestos.OS
	os        *guestos.OS // the chosen system, nil for none and for "Other system"
	chosen    string      // its osinfo id; meaningless while nothing is chosen
	any       bool        // something is chosen
	onPicked  func(*guestos.OS)
}

// osList is a list that knows the wizard's keys.
type osList struct {
	widget.List
	keys *keys
}

// TypedKey implements fyne.Focusable.
func (l *osList) TypedKey(ev *fyne.KeyEvent) {
	if !l.keys.typed(ev) {
		l.List.TypedKey(ev)
	}
}

func newOSPicker(k *keys, picked func(*guestos.OS)) *osPicker {
	p := &osPicker{onPicked: picked}
	p.search = newEntry(k, lang.L("Search, for example “ubuntu” or “win11”"), func(string) { p.filter() })
	p.search.OnKey = func(ev *fyne.KeyEvent) bool {
		switch ev.Name {
		case fyne.KeyUp:
			p.step(-1)
		case fyne.KeyDown:
			p.step(1)
		default:
			return k.typed(ev)
		}
		return true
	}
	p.older = newCheck(k, lang.L("Show older systems"), func(bool) { p.filter() })
	p.empty = widget.NewLabel(lang.L("Loading the list of systems…"))
	p.empty.Alignment = fyne.TextAlignCenter
	p.list = &osList{keys: k}
	p.list.Length = p.length
	p.list.CreateItem = newOSRow
	p.list.UpdateItem = p.updateRow
	p.list.OnSelected = p.selected
	p.list.HideSeparators = true
	p.list.ExtendBaseWidget(p.list)
	p.box = below(container.NewBorder(nil, nil, nil, p.older, p.search),
		newFrame(container.NewStack(p.list, container.NewCenter(p.empty))))
	return p
}

// setCatalogue shows the systems; nil when there is no database.
func (p *osPicker) setCatalogue(c Catalogue) {
	p.catalogue, p.loaded = c, true
	p.filter()
}

// show marks the chosen system and makes it visible. One that the search hides comes back into the list.
func (p *osPicker) show(os *guestos.OS, any bool) {
	id := ""
	if os != nil {
		id = os.ID
	}
	if id == p.chosen && any == p.any {
		return
	}
	p.chosen, p.any = id, any
	p.os = os
	switch {
	case any && p.row() < 0 && p.search.Text != "":
		p.search.SetText("") // filters
	case any && p.row() < 0:
		p.filter()
	default:
		p.list.Refresh()
		p.reveal()
	}
}

func (p *osPicker) filter() {
	p.found = nil
	if p.catalogue != nil {
		p.found = p.catalogue.Search(p.search.Text, p.older.Checked)
	}
	if strings.TrimSpace(p.search.Text) == "" {
		if p.os != nil && p.row() < 0 { // an older system that was recognised or guessed
			p.found = append(p.found, p.os)
		}
		// Without words to rank by, what is new is most likely what is wanted. What has no date is no release.
		slices.SortStableFunc(p.found, func(a, b *guestos.OS) int { return b.Released.Compare(a.Released) })
	}
	p.empty.Hidden = p.loaded
	p.list.UnselectAll()
	p.list.Refresh()
	if !p.reveal() {
		p.list.ScrollToTop()
	}
}

// length counts the systems and "Other system".
func (p *osPicker) length() int {
	if !p.loaded {
		return 0
	}
	return len(p.found) + 1
}

// at returns the system of a row, nil for "Other system".
func (p *osPicker) at(row int) *guestos.OS {
	other := p.other()
	if row > other {
		row--
	} else if row == other {
		return nil
	}
	if row < 0 || row >= len(p.found) {
		return nil
	}
	return p.found[row]
}

// other returns the row of "Other system": the first, where nobody overlooks it, but the last while a search ranks the rest.
func (p *osPicker) other() int {
	if strings.TrimSpace(p.search.Text) == "" {
		return 0
	}
	return len(p.found)
}

// row returns where the chosen system stands, -1 when it is not in the list.
func (p *osPicker) row() int {
	if !p.any {
		return -1
	}
	if p.chosen == "" {
		return p.other()
	}
	i := slices.IndexFunc(p.found, func(os *guestos.OS) bool { return os.ID == p.chosen })
	if i >= 0 && p.other() <= i {
		i++
	}
	return i
}

// reveal brings the chosen system to the middle of the list; it reports false when the list does not have it.
func (p *osPicker) reveal() bool {
	row := p.row()
	if row < 0 {
		return false
	}
	height := newOSRow().MinSize().Height + fynetheme.Padding()
	p.list.ScrollToOffset(max(0, (float32(row)+0.5)*height-p.list.Size().Height/2))
	return true
}

// step chooses the system above or below the chosen one, from the search field.
func (p *osPicker) step(by int) {
	row := p.row()
	switch {
	case row >= 0:
		row += by
	case by > 0:
		row = 0
		if p.other() == 0 && p.length() > 1 {
			row = 1 // the first system
		}
	}
	if row >= 0 && row < p.length() {
		p.pick(row)
	}
}

func (p *osPicker) selected(row widget.ListItemID) {
	p.list.UnselectAll() // the mark is ours: it also moves when the program chooses
	p.pick(row)
}

func (p *osPicker) pick(row int) {
	os := p.at(row)
	p.os, p.any = os, true
	p.chosen = ""
	if os != nil {
		p.chosen = os.ID
	}
	p.list.Refresh()
	p.list.ScrollTo(row)
	p.onPicked(os)
}

// osRow is one line of the list: tile, name, year, and a tick on the chosen one.
type osRow struct {
	widget.BaseWidget
	back *canvas.Rectangle
	tile *canvas.Image
	name *widget.Label
	note *widget.Label
	tick *widget.Icon

	osID string
	mine bool
}

func newOSRow() fyne.CanvasObject {
	r := &osRow{
		back: canvas.NewRectangle(nil), tile: canvas.NewImageFromResource(theme.OSIcon("")),
		name: widget.NewLabel(""), note: widget.NewLabel(""), tick: widget.NewIcon(nil),
	}
	r.back.CornerRadius = 6
	r.tile.FillMode = canvas.ImageFillContain
	r.tile.SetMinSize(fyne.NewSquareSize(24))
	r.name.Truncation = fyne.TextTruncateEllipsis
	r.note.SizeName = fynetheme.SizeNameCaptionText
	r.ExtendBaseWidget(r)
	return r
}

// CreateRenderer implements fyne.Widget.
func (r *osRow) CreateRenderer() fyne.WidgetRenderer {
	tick := container.NewCenter(container.NewGridWrap(fyne.NewSquareSize(theme.IconSmall), r.tick))
	content := container.NewStack(r.back, container.New(layout.NewCustomPaddedLayout(0, 0, theme.Gap2, theme.Gap2),
		container.NewBorder(nil, nil, container.NewCenter(r.tile), container.NewHBox(r.note, tick), r.name)))
	return newRenderer(content, r.update)
}

func (r *osRow) update() {
	r.back.FillColor = nil
	r.tick.SetResource(nil)
	if r.mine {
		r.back.FillColor = theme.Color(theme.ColorSelected)
		r.tick.SetResource(theme.IconIn("check", fynetheme.ColorNamePrimary))
	}
	r.tile.Resource = theme.OSIcon(r.osID)
	r.tile.Refresh()
	r.name.TextStyle.Bold = r.mine
}

func (p *osPicker) updateRow(id widget.ListItemID, o fyne.CanvasObject) {
	r := o.(*osRow)
	os := p.at(id)
	name, note := lang.L("Other system"), lang.L("not in this list")
	r.osID, r.mine = "", id == p.row()
	if os != nil {
		name, note, r.osID = vmconfig.Inert(os.Name, 120), "", os.ID
		if !os.Released.IsZero() {
			note = os.Released.Format("2006")
		}
	}
	r.name.SetText(name)
	r.note.SetText(note)
	r.Refresh()
}
