package widgets

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/driver/desktop"
	"fyne.io/fyne/v2/layout"
	fynetheme "fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"guesthouse/ui/theme"
)

// Section is a part of a page under a heading that folds it away.
type Section struct {
	widget.BaseWidget
	// OnToggled is called when the user folds or unfolds the section, to remember it.
	OnToggled func(open bool)
	// OnFocus, if set, is called when the heading gets the focus, for example to scroll the section into view.
	OnFocus func()

	head    *sectionHead
	body    fyne.CanvasObject
	content *fyne.Container
	open    bool
}

// NewSection returns an open section. icon may be empty; extra objects stand at the right end of the heading.
func NewSection(icon, title string, body fyne.CanvasObject, extra ...fyne.CanvasObject) *Section {
	s := &Section{body: body, open: true}
	s.head = newSectionHead(s, icon, title)
	row := container.NewBorder(nil, nil, nil, container.NewHBox(extra...), s.head)
	s.content = container.New(layout.NewCustomPaddedVBoxLayout(theme.Gap1), row, body)
	s.ExtendBaseWidget(s)
	return s
}

// Open reports whether the body is shown.
func (s *Section) Open() bool { return s.open }

// SetOpen folds or unfolds the section without calling OnToggled.
func (s *Section) SetOpen(open bool) {
	if s.open == open {
		return
	}
	s.open = open
	if open {
		s.body.Show()
	} else {
		s.body.Hide()
	}
	s.head.Refresh()
	s.Refresh()
}

func (s *Section) toggle() {
	s.SetOpen(!s.open)
	if s.OnToggled != nil {
		s.OnToggled(s.open)
	}
}

// CreateRenderer implements fyne.Widget.
func (s *Section) CreateRenderer() fyne.WidgetRenderer { return widget.NewSimpleRenderer(s.content) }

// sectionHead is the heading, which can be clicked and has the keyboard's focus.
type sectionHead struct {
	widget.BaseWidget
	section     *Section
	icon, title string
	focused     bool
}

var (
	_ fyne.Tappable      = (*sectionHead)(nil)
	_ fyne.Focusable     = (*sectionHead)(nil)
	_ desktop.Cursorable = (*sectionHead)(nil)
)

func newSectionHead(s *Section, icon, title string) *sectionHead {
	h := &sectionHead{section: s, icon: icon, title: title}
	h.ExtendBaseWidget(h)
	return h
}

func (h *sectionHead) Tapped(*fyne.PointEvent) { h.section.toggle() }
func (h *sectionHead) Cursor() desktop.Cursor  { return desktop.PointerCursor }
func (h *sectionHead) TypedRune(rune)          {}
func (h *sectionHead) FocusLost()              { h.focused = false; focusLost(h); h.Refresh() }

// FocusGained implements fyne.Focusable.
func (h *sectionHead) FocusGained() {
	h.focused = true
	focusGained(h)
	if h.section.OnFocus != nil {
		h.section.OnFocus()
	}
	h.Refresh()
}

func (h *sectionHead) TypedKey(e *fyne.KeyEvent) {
	switch {
	case e.Name == fyne.KeySpace || e.Name == fyne.KeyReturn || e.Name == fyne.KeyEnter,
		e.Name == fyne.KeyLeft && h.section.open, e.Name == fyne.KeyRight && !h.section.open:
		h.section.toggle()
	case e.Name == fyne.KeyEscape:
		DismissModal(h)
	}
}

func (h *sectionHead) CreateRenderer() fyne.WidgetRenderer {
	r := &sectionHeadRenderer{
		h: h, chevron: NewGlyph(), icon: NewGlyph(),
		title: canvas.NewText(h.title, nil), ring: &canvas.Rectangle{CornerRadius: 6, StrokeWidth: theme.FocusWidth},
	}
	r.update()
	return r
}

type sectionHeadRenderer struct {
	h             *sectionHead
	chevron, icon *Glyph
	title         *canvas.Text
	ring          *canvas.Rectangle
}

func (r *sectionHeadRenderer) update() {
	chevron := "chevron-right"
	if r.h.section.open {
		chevron = "chevron-down"
	}
	r.chevron.SetIcon(chevron, theme.ColorMuted)
	r.icon.SetIcon(r.h.icon, fynetheme.ColorNamePrimary)
	r.title.Color = theme.Color(fynetheme.ColorNameForeground)
	r.title.TextSize = theme.TextNormal
	r.title.TextStyle = fyne.TextStyle{Bold: true}
	r.ring.FillColor = transparent
	r.ring.StrokeColor = transparent
	if r.h.focused {
		r.ring.StrokeColor = theme.Color(fynetheme.ColorNamePrimary)
	}
}

func (r *sectionHeadRenderer) MinSize() fyne.Size {
	return fyne.NewSize(r.titleLeft()+fyne.MeasureText(r.h.title, theme.TextNormal, r.title.TextStyle).Width+theme.Gap2, 28)
}

func (r *sectionHeadRenderer) titleLeft() float32 {
	if r.h.icon == "" {
		return 22
	}
	return 22 + 24
}

func (r *sectionHeadRenderer) Layout(size fyne.Size) {
	r.ring.Resize(size)
	r.chevron.Object.Resize(fyne.NewSquareSize(14))
	r.chevron.Object.Move(fyne.NewPos(4, (size.Height-14)/2))
	r.icon.Object.Resize(fyne.NewSquareSize(18))
	r.icon.Object.Move(fyne.NewPos(22, (size.Height-18)/2))
	text := r.title.MinSize()
	r.title.Resize(text)
	r.title.Move(fyne.NewPos(r.titleLeft(), (size.Height-text.Height)/2))
}

func (r *sectionHeadRenderer) Refresh() {
	r.update()
	r.ring.Refresh()
	r.title.Refresh()
}

func (r *sectionHeadRenderer) Objects() []fyne.CanvasObject {
	return []fyne.CanvasObject{r.ring, r.chevron.Object, r.icon.Object, r.title}
}
func (r *sectionHeadRenderer) Destroy() {}
