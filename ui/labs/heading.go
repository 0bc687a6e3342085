package labs

import (
	"image/color"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/driver/desktop"
	fynetheme "fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"guesthouse/ui/lang"
	"guesthouse/ui/theme"
	"guesthouse/ui/widgets"
)

// heading is the row of column titles, which sort.
type heading struct {
	box   *fyne.Container
	cells [columnCount]*headCell
}

func newHeading(sort func(column)) *heading {
	h := &heading{}
	h.box = container.New(h)
	for i := range h.cells {
		h.cells[i] = newHeadCell(lang.L(columnTitles[i]), func() { sort(column(i)) })
		h.box.Add(h.cells[i])
	}
	return h
}

// set marks the column that is sorted by.
func (h *heading) set(by column, down bool) {
	for i, c := range h.cells {
		c.sorted, c.down = column(i) == by, down
		c.Refresh()
	}
}

// MinSize implements fyne.Layout.
func (h *heading) MinSize([]fyne.CanvasObject) fyne.Size { return fyne.NewSize(0, 28) }

// Layout implements fyne.Layout: a title stands where its column's texts begin.
func (h *heading) Layout(o []fyne.CanvasObject, size fyne.Size) {
	left, wide := places(size.Width)
	for i, c := range o {
		c.Move(fyne.NewPos(left[i]-theme.Gap1, 0))
		c.Resize(fyne.NewSize(wide[i]+theme.Gap1, size.Height))
	}
}

// headCell is a column's title. A click, Space or Enter sorts by it.
type headCell struct {
	widget.BaseWidget
	sort    func()
	title   *widgets.Text
	arrow   *widgets.Picture
	sorted  bool
	down    bool
	focused bool
	hovered bool
}

var (
	_ fyne.Tappable     = (*headCell)(nil)
	_ fyne.Focusable    = (*headCell)(nil)
	_ desktop.Hoverable = (*headCell)(nil)
)

func newHeadCell(title string, sort func()) *headCell {
	c := &headCell{sort: sort, title: widgets.NewText(title, theme.TextSmall, true, theme.ColorMuted).Elided(), arrow: widgets.NewIcon("chevron-up", theme.IconSmall, theme.ColorMuted)}
	c.ExtendBaseWidget(c)
	return c
}

// Tapped implements fyne.Tappable.
func (c *headCell) Tapped(*fyne.PointEvent) { c.sort() }

// TypedKey implements fyne.Focusable.
func (c *headCell) TypedKey(e *fyne.KeyEvent) {
	if e.Name == fyne.KeySpace || e.Name == fyne.KeyReturn || e.Name == fyne.KeyEnter {
		c.sort()
	}
}

// TypedRune implements fyne.Focusable.
func (c *headCell) TypedRune(rune) {}

// FocusGained implements fyne.Focusable.
func (c *headCell) FocusGained() {
	c.focused = true
	c.Refresh()
}

// FocusLost implements fyne.Focusable.
func (c *headCell) FocusLost() {
	c.focused = false
	c.Refresh()
}

// MouseIn implements desktop.Hoverable.
func (c *headCell) MouseIn(*desktop.MouseEvent) {
	c.hovered = true
	widgets.ShowTip(c, lang.F("Sort by: %s", c.title.Text()))
	c.Refresh()
}

// MouseMoved implements desktop.Hoverable.
func (c *headCell) MouseMoved(*desktop.MouseEvent) {}

// MouseOut implements desktop.Hoverable.
func (c *headCell) MouseOut() {
	c.hovered = false
	widgets.HideTip(c)
	c.Refresh()
}

// CreateRenderer implements fyne.Widget.
func (c *headCell) CreateRenderer() fyne.WidgetRenderer {
	r := &headRenderer{c, &canvas.Rectangle{CornerRadius: 4}}
	r.paint()
	return r
}

type headRenderer struct {
	c    *headCell
	back *canvas.Rectangle
}

func (r *headRenderer) paint() {
	r.back.FillColor, r.back.StrokeColor = color.Transparent, color.Transparent
	if r.c.hovered {
		r.back.FillColor = theme.Color(fynetheme.ColorNameHover)
	}
	if r.c.focused {
		r.back.StrokeColor, r.back.StrokeWidth = theme.Color(fynetheme.ColorNamePrimary), theme.FocusWidth
	}
	shade, icon := theme.ColorMuted, "chevron-up"
	if r.c.sorted {
		shade = fynetheme.ColorNameForeground
	}
	if r.c.down {
		icon = "chevron-down"
	}
	r.c.title.Set(r.c.title.Text(), shade)
	r.c.arrow.SetIcon(icon, shade)
	show(r.c.arrow, r.c.sorted)
}

// MinSize implements fyne.WidgetRenderer.
func (r *headRenderer) MinSize() fyne.Size { return fyne.NewSize(20, 24) }

// Layout implements fyne.WidgetRenderer.
func (r *headRenderer) Layout(size fyne.Size) {
	r.back.Resize(size)
	h := r.c.title.MinSize().Height
	room := size.Width - 2*theme.Gap1
	if r.c.sorted {
		room -= theme.IconSmall + 2
	}
	width := min(room, fyne.MeasureText(r.c.title.Text(), theme.TextSmall, fyne.TextStyle{Bold: true}).Width+1)
	r.c.title.Resize(fyne.NewSize(max(0, width), h))
	r.c.title.Move(fyne.NewPos(theme.Gap1, (size.Height-h)/2))
	r.c.arrow.Resize(fyne.NewSquareSize(theme.IconSmall))
	r.c.arrow.Move(fyne.NewPos(theme.Gap1+width+2, (size.Height-theme.IconSmall)/2))
}

// Refresh implements fyne.WidgetRenderer.
func (r *headRenderer) Refresh() {
	r.paint()
	r.Layout(r.c.Size())
	r.back.Refresh()
}

// Objects implements fyne.WidgetRenderer.
func (r *headRenderer) Objects() []fyne.CanvasObject {
	return []fyne.CanvasObject{r.back, r.c.title, r.c.arrow}
}

// Destroy implements fyne.WidgetRenderer.
func (r *headRenderer) Destroy() {}
