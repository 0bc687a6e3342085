package console

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/driver/desktop"
	"fyne.io/fyne/v2/widget"

	"guesthouse/ui/theme"
	"guesthouse/ui/widgets"
)

// indicator is a picture in the status line, with a word beside it where a picture cannot say it. Its tooltip tells the details; a click
// with any button opens what belongs to it. The keyboard reaches both. UI goroutine only.
type indicator struct {
	widget.BaseWidget
	// OnTapped opens what belongs to the indicator; nil: nothing does.
	OnTapped func()

	icon, text, tip string
	color           fyne.ThemeColorName
	hovered         bool
	focused         bool
	compact         bool // there is no room for the text
}

var (
	_ fyne.Tappable          = (*indicator)(nil)
	_ fyne.SecondaryTappable = (*indicator)(nil)
	_ desktop.Hoverable      = (*indicator)(nil)
	_ fyne.Focusable         = (*indicator)(nil)
)

func newIndicator(icon string, tapped func()) *indicator {
	i := &indicator{icon: icon, color: theme.ColorMuted, OnTapped: tapped}
	i.ExtendBaseWidget(i)
	return i
}

// set changes icon colour and text. It repaints only when something changed.
func (i *indicator) set(color fyne.ThemeColorName, text string) {
	if i.color != color || i.text != text {
		i.color, i.text = color, text
		i.Refresh()
	}
}

// setTip changes the tooltip, also while it is shown.
func (i *indicator) setTip(tip string) {
	if i.tip != tip {
		i.tip = tip
		if i.hovered || i.focused {
			widgets.UpdateTip(i, tip)
		}
	}
}

// Tapped implements fyne.Tappable.
func (i *indicator) Tapped(*fyne.PointEvent) {
	if i.OnTapped != nil {
		widgets.HideTip(i)
		i.OnTapped()
	}
}

// TappedSecondary implements fyne.SecondaryTappable.
func (i *indicator) TappedSecondary(e *fyne.PointEvent) { i.Tapped(e) }

// MouseIn implements desktop.Hoverable.
func (i *indicator) MouseIn(*desktop.MouseEvent) {
	i.hovered = true
	widgets.ShowTip(i, i.tip)
	if i.OnTapped != nil {
		i.Refresh()
	}
}

// MouseMoved implements desktop.Hoverable.
func (i *indicator) MouseMoved(*desktop.MouseEvent) {}

// MouseOut implements desktop.Hoverable.
func (i *indicator) MouseOut() {
	i.hovered = false
	widgets.HideTip(i)
	if i.OnTapped != nil {
		i.Refresh()
	}
}

// FocusGained implements fyne.Focusable.
func (i *indicator) FocusGained() {
	i.focused = true
	widgets.ShowTipNow(i, i.tip)
	i.Refresh()
}

// FocusLost implements fyne.Focusable.
func (i *indicator) FocusLost() {
	i.focused = false
	widgets.HideTip(i)
	i.Refresh()
}

// TypedKey implements fyne.Focusable: Space and Enter are a click.
func (i *indicator) TypedKey(e *fyne.KeyEvent) {
	switch e.Name {
	case fyne.KeySpace, fyne.KeyReturn, fyne.KeyEnter:
		i.Tapped(nil)
	}
}

// TypedRune implements fyne.Focusable.
func (i *indicator) TypedRune(rune) {}

// CreateRenderer implements fyne.Widget.
func (i *indicator) CreateRenderer() fyne.WidgetRenderer {
	r := &indicatorRenderer{
		i: i, back: &canvas.Rectangle{CornerRadius: 4}, icon: widgets.NewGlyph(), text: canvas.NewText("", nil),
	}
	r.update()
	return r
}

type indicatorRenderer struct {
	i    *indicator
	back *canvas.Rectangle
	icon *widgets.Glyph
	text *canvas.Text
}

const (
	indicatorIcon = 17
	indicatorPad  = 4
	focusRing     = 2
)

func (r *indicatorRenderer) update() {
	i := r.i
	r.back.FillColor = theme.Color(colorBackground)
	if i.hovered && i.OnTapped != nil {
		r.back.FillColor = theme.Color(colorHover)
	}
	r.back.StrokeWidth = 0
	if i.focused {
		r.back.StrokeWidth, r.back.StrokeColor = focusRing, theme.Color(colorPrimary)
	}
	r.icon.SetIcon(i.icon, i.color)
	r.text.Text, r.text.TextSize, r.text.Color = i.text, theme.TextSmall, theme.Color(i.color)
	show(r.text, i.text != "" && !i.compact)
}

// MinSize is the size without regard to compact, so that the layout can choose.
func (r *indicatorRenderer) MinSize() fyne.Size { return r.i.sizeFor(false) }

// sizeFor returns the size with or, when compact, without the text.
func (i *indicator) sizeFor(compact bool) fyne.Size {
	w := float32(2 * indicatorPad)
	if i.icon != "" {
		w += indicatorIcon
	}
	if i.text != "" && !compact {
		if i.icon != "" {
			w += theme.Gap1
		}
		w += fyne.MeasureText(i.text, theme.TextSmall, fyne.TextStyle{}).Width
	}
	return fyne.NewSize(w, indicatorIcon+2*indicatorPad)
}

func (r *indicatorRenderer) Layout(size fyne.Size) {
	r.back.Resize(size)
	x := float32(indicatorPad)
	if r.i.icon != "" {
		r.icon.Object.Resize(fyne.NewSquareSize(indicatorIcon))
		r.icon.Object.Move(fyne.NewPos(x, (size.Height-indicatorIcon)/2))
		x += indicatorIcon + theme.Gap1
	}
	show(r.text, r.i.text != "" && !r.i.compact)
	text := r.text.MinSize()
	r.text.Resize(text)
	r.text.Move(fyne.NewPos(x, (size.Height-text.Height)/2))
}

func (r *indicatorRenderer) Refresh() {
	r.update()
	r.Layout(r.i.Size())
	r.back.Refresh()
	r.text.Refresh()
}

func (r *indicatorRenderer) Objects() []fyne.CanvasObject {
	return []fyne.CanvasObject{r.back, r.icon.Object, r.text}
}

func (r *indicatorRenderer) Destroy() {}
