package wizard

import (
	"strconv"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/driver/desktop"
	"fyne.io/fyne/v2/layout"
	fynetheme "fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"guesthouse/ui/theme"
)

// rail is the list of steps on the left.
type rail struct {
	steps [pageCount]*step
	box   fyne.CanvasObject
}

func newRail(goTo func(Page)) *rail {
	r := &rail{}
	list := container.New(layout.NewCustomPaddedVBoxLayout(theme.Gap1))
	for p := range r.steps {
		r.steps[p] = newStep(Page(p), func() { goTo(Page(p)) })
		list.Add(r.steps[p])
	}
	r.box = list
	return r
}

func (r *rail) show(m *Model) {
	for p, s := range r.steps {
		s.show(m.Mark(Page(p)), m.Page() == Page(p))
	}
}

// step is one page's entry in the rail. It is for the mouse; the keyboard has Alt+Left and Alt+Right.
type step struct {
	widget.BaseWidget
	page    Page
	tapped  func()
	mark    Mark
	current bool
	hovered bool
}

var _ desktop.Hoverable = (*step)(nil)

func newStep(p Page, tapped func()) *step {
	s := &step{page: p, tapped: tapped}
	s.ExtendBaseWidget(s)
	return s
}

func (s *step) show(mark Mark, current bool) {
	if s.mark != mark || s.current != current {
		s.mark, s.current = mark, current
		s.Refresh()
	}
}

// Tapped implements fyne.Tappable.
func (s *step) Tapped(*fyne.PointEvent) { s.tapped() }

// MouseIn implements desktop.Hoverable.
func (s *step) MouseIn(*desktop.MouseEvent) { s.hovered = true; s.Refresh() }

// MouseMoved implements desktop.Hoverable.
func (s *step) MouseMoved(*desktop.MouseEvent) {}

// MouseOut implements desktop.Hoverable.
func (s *step) MouseOut() { s.hovered = false; s.Refresh() }

// CreateRenderer implements fyne.Widget.
func (s *step) CreateRenderer() fyne.WidgetRenderer {
	back := canvas.NewRectangle(nil)
	back.CornerRadius = theme.Radius
	disc := canvas.NewCircle(nil)
	disc.StrokeWidth = 1.5
	number := canvas.NewText(strconv.Itoa(int(s.page)+1), nil)
	number.TextSize, number.TextStyle.Bold, number.Alignment = theme.TextSmall, true, fyne.TextAlignCenter
	icon := widget.NewIcon(nil)
	title := canvas.NewText(s.page.Title(), nil)
	title.TextSize = theme.TextNormal
	mark := container.NewCenter(
		container.NewGridWrap(fyne.NewSquareSize(24), disc), number,
		container.NewGridWrap(fyne.NewSquareSize(16), icon))
	content := container.NewStack(back, container.New(layout.NewCustomPaddedLayout(8, 8, 10, 10),
		container.New(layout.NewCustomPaddedHBoxLayout(10), mark, container.NewCenter(title))))

	return newRenderer(content, func() {
		fill, edge, ink, text := theme.ColorSurface, theme.ColorOutline, theme.ColorMuted, theme.ColorMuted
		var picture fyne.Resource
		switch s.mark {
		case MarkCurrent:
			fill, edge, ink = fynetheme.ColorNamePrimary, fynetheme.ColorNamePrimary, fynetheme.ColorNameForegroundOnPrimary
		case MarkDone:
			edge, text = fynetheme.ColorNameSuccess, fynetheme.ColorNameForeground
			picture = theme.IconIn("check", fynetheme.ColorNameSuccess)
		case MarkFaulty:
			edge, text = fynetheme.ColorNameError, fynetheme.ColorNameError
			picture = theme.IconIn("warning", fynetheme.ColorNameError)
		}
		if s.current && s.mark != MarkFaulty {
			text = fynetheme.ColorNameForeground
		}
		back.FillColor = nil
		switch {
		case s.current:
			back.FillColor = theme.Color(theme.ColorSelected)
		case s.hovered:
			back.FillColor = theme.Color(fynetheme.ColorNameHover)
		}
		disc.FillColor, disc.StrokeColor = theme.Color(fill), theme.Color(edge)
		number.Color, number.Hidden = theme.Color(ink), picture != nil
		icon.SetResource(picture)
		icon.Hidden = picture == nil
		title.Color, title.TextStyle.Bold = theme.Color(text), s.current
	})
}
