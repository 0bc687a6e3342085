package widgets

import (
	"slices"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/driver/desktop"
	"fyne.io/fyne/v2/layout"
	fynetheme "fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"guesthouse/ui/theme"
)

// longMenu is a menu that is higher than its window: it scrolls, also after the keyboard, which Fyne's menu does not. It has no submenus.
type longMenu struct {
	widget.BaseWidget
	canvas fyne.Canvas
	at     fyne.Position // where it was asked for
	rows   []*menuRow    // without separators
	active int           // of rows; -1: none
	scroll *container.Scroll
	panel  *fyne.Container
}

var (
	_ fyne.Tappable          = (*longMenu)(nil)
	_ fyne.SecondaryTappable = (*longMenu)(nil)
	_ fyne.Focusable         = (*longMenu)(nil)
	_ desktop.Hoverable      = (*longMenu)(nil)
)

// tooLong reports whether a menu must be shown as a longMenu.
func tooLong(c fyne.Canvas, menu *fyne.Menu) bool {
	if slices.ContainsFunc(menu.Items, func(i *fyne.MenuItem) bool { return i.ChildMenu != nil }) {
		return false
	}
	return widget.NewPopUpMenu(menu, c).MinSize().Height > c.Size().Height
}

func showLongMenu(c fyne.Canvas, menu *fyne.Menu, at fyne.Position) *longMenu {
	m := &longMenu{canvas: c, at: at, active: -1}
	checks := slices.ContainsFunc(menu.Items, func(i *fyne.MenuItem) bool { return i.Checked })
	box := container.New(layout.NewCustomPaddedVBoxLayout(0))
	for _, item := range menu.Items {
		if item.IsSeparator {
			box.Add(widget.NewSeparator())
			continue
		}
		row := newMenuRow(m, item, len(m.rows), checks)
		m.rows = append(m.rows, row)
		box.Add(row)
	}
	m.scroll = NewScroll(box)
	m.panel = container.NewStack(NewPanel(fynetheme.ColorNameMenuBackground, theme.ColorOutline, theme.Radius),
		container.New(layout.NewCustomPaddedLayout(theme.Gap1, theme.Gap1, theme.Gap1, theme.Gap1), m.scroll))
	m.ExtendBaseWidget(m)
	c.Overlays().Add(m)
	c.Focus(m)
	return m
}

func (m *longMenu) dismiss() {
	m.canvas.Overlays().Remove(m)
	overlaysChanged(m.canvas)
}

// CreateRenderer implements fyne.Widget.
func (m *longMenu) CreateRenderer() fyne.WidgetRenderer {
	return widget.NewSimpleRenderer(container.New(longMenuLayout{m}, m.panel))
}

// longMenuLayout places the menu in its window.
type longMenuLayout struct{ menu *longMenu }

// MinSize implements fyne.Layout.
func (longMenuLayout) MinSize([]fyne.CanvasObject) fyne.Size { return fyne.Size{} }

// Layout implements fyne.Layout.
func (l longMenuLayout) Layout(_ []fyne.CanvasObject, size fyne.Size) {
	m := l.menu
	const most = 0.6 // of the window, that must be left below the place for the menu to begin there
	want := m.scroll.Content.MinSize().AddWidthHeight(2*theme.Gap1, 2*theme.Gap1)
	y, room := m.at.Y, size.Height-m.at.Y-theme.Gap2
	if room < most*size.Height {
		y, room = theme.Gap2, size.Height-2*theme.Gap2
	}
	width := min(want.Width+theme.Gap3, size.Width) // the scroll bar
	m.panel.Resize(fyne.NewSize(width, min(want.Height, room)))
	m.panel.Move(fyne.NewPos(max(0, min(m.at.X, size.Width-width)), y))
}

// Tapped implements fyne.Tappable: a click beside the menu.
func (m *longMenu) Tapped(*fyne.PointEvent) { m.dismiss() }

// TappedSecondary implements fyne.SecondaryTappable.
func (m *longMenu) TappedSecondary(*fyne.PointEvent) { m.dismiss() }

// MouseIn implements desktop.Hoverable: nothing below hears of the pointer.
func (m *longMenu) MouseIn(*desktop.MouseEvent) {}

// MouseMoved implements desktop.Hoverable.
func (m *longMenu) MouseMoved(*desktop.MouseEvent) {}

// MouseOut implements desktop.Hoverable.
func (m *longMenu) MouseOut() {}

// FocusGained implements fyne.Focusable.
func (m *longMenu) FocusGained() {}

// FocusLost implements fyne.Focusable.
func (m *longMenu) FocusLost() {}

// TypedRune implements fyne.Focusable.
func (m *longMenu) TypedRune(rune) {}

// TypedKey implements fyne.Focusable.
func (m *longMenu) TypedKey(e *fyne.KeyEvent) {
	last := len(m.rows) - 1
	page := max(1, int(m.scroll.Size().Height/m.rows[0].Size().Height)-1)
	switch e.Name {
	case fyne.KeyDown:
		m.activate(min(m.active+1, last))
	case fyne.KeyUp:
		if m.active < 0 {
			m.active = last + 1
		}
		m.activate(max(m.active-1, 0))
	case fyne.KeyPageDown:
		m.activate(min(max(m.active, 0)+page, last))
	case fyne.KeyPageUp:
		m.activate(max(m.active-page, 0))
	case fyne.KeyHome:
		m.activate(0)
	case fyne.KeyEnd:
		m.activate(last)
	case fyne.KeyReturn, fyne.KeyEnter, fyne.KeySpace:
		if m.active >= 0 {
			m.rows[m.active].Tapped(nil)
		}
	case fyne.KeyEscape:
		m.dismiss()
	}
}

// activate marks a row and scrolls it into view.
func (m *longMenu) activate(n int) {
	m.mark(n)
	row := m.rows[n]
	top, height := row.Position().Y, row.Size().Height
	offset := m.scroll.Offset.Y
	offset = max(min(offset, top), top+height-m.scroll.Size().Height)
	if offset != m.scroll.Offset.Y {
		m.scroll.ScrollToOffset(fyne.NewPos(0, offset))
	}
}

func (m *longMenu) mark(n int) {
	m.active = n
	for i, row := range m.rows {
		row.setActive(i == n)
	}
}

// menuRow is an item of a longMenu.
type menuRow struct {
	widget.BaseWidget
	menu   *longMenu
	item   *fyne.MenuItem
	number int
	back   *Panel
	body   fyne.CanvasObject
}

func newMenuRow(m *longMenu, item *fyne.MenuItem, number int, checks bool) *menuRow {
	r := &menuRow{menu: m, item: item, number: number, back: NewPanel("", "", theme.Radius)}
	color := fynetheme.ColorNameForeground
	if item.Disabled {
		color = fynetheme.ColorNameDisabled
	}
	line := container.NewHBox()
	if checks {
		check := container.NewStack(Space(18, 18))
		if item.Checked {
			check.Add(NewIcon("check", 18, color))
		}
		line.Add(container.NewCenter(check))
	}
	if item.Icon != nil {
		icon := &canvas.Image{Resource: item.Icon, FillMode: canvas.ImageFillContain}
		icon.SetMinSize(fyne.NewSquareSize(18))
		line.Add(container.NewCenter(icon))
	}
	line.Add(container.NewCenter(NewText(item.Label, theme.TextNormal, false, color)))
	r.body = container.NewStack(r.back, container.New(layout.NewCustomPaddedLayout(theme.Gap1+2, theme.Gap1+2, theme.Gap2, theme.Gap2), line))
	r.ExtendBaseWidget(r)
	return r
}

// CreateRenderer implements fyne.Widget.
func (r *menuRow) CreateRenderer() fyne.WidgetRenderer { return widget.NewSimpleRenderer(r.body) }

func (r *menuRow) setActive(on bool) {
	fill := fyne.ThemeColorName("")
	if on {
		fill = fynetheme.ColorNameFocus
	}
	r.back.SetFill(fill)
}

// Tapped implements fyne.Tappable.
func (r *menuRow) Tapped(*fyne.PointEvent) {
	if r.item.Disabled {
		return
	}
	r.menu.dismiss()
	if r.item.Action != nil {
		r.item.Action()
	}
}

// MouseIn implements desktop.Hoverable.
func (r *menuRow) MouseIn(*desktop.MouseEvent) { r.menu.mark(r.number) }

// MouseMoved implements desktop.Hoverable.
func (r *menuRow) MouseMoved(*desktop.MouseEvent) {}

// MouseOut implements desktop.Hoverable.
func (r *menuRow) MouseOut() {}
