package widgets

import (
	"strings"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/driver/desktop"
	"fyne.io/fyne/v2/widget"

	"guesthouse/ui/dispatch"
	"guesthouse/ui/theme"
)

const (
	tipDelay    = 500 * time.Millisecond
	tipMaxWidth = 340
)

// WithTooltips puts a layer for tooltips over a window's content; hand the result to SetContent.
// Widgets of this package find the layer through their canvas; without it they show no tooltips.
// The layer takes no events, unlike an overlay, so that what is below stays hovered.
func WithTooltips(d dispatch.Dispatcher, content fyne.CanvasObject) fyne.CanvasObject {
	layer := newTipLayer(d)
	return container.NewStack(content, layer.box)
}

// ShowTip shows text beside obj after a short delay, as while the pointer rests on it. An empty text
// hides the tooltip. A text with tabs is shown as a table: lines are its rows, tabs separate the cells. UI goroutine only, as everything in
// this package.
func ShowTip(obj fyne.CanvasObject, text string) {
	if layer := tipLayerOf(obj); layer != nil {
		layer.schedule(obj, text)
	}
}

// ShowTipNow shows text beside obj at once, as when the keyboard moves to it.
func ShowTipNow(obj fyne.CanvasObject, text string) {
	if layer := tipLayerOf(obj); layer != nil {
		layer.hide()
		layer.show(obj, text)
	}
}

// UpdateTip replaces the text of the tooltip that obj shows or is about to show; other tooltips stay as they are.
func UpdateTip(obj fyne.CanvasObject, text string) {
	layer := tipLayerOf(obj)
	switch {
	case layer == nil || layer.owner != obj || layer.text == text:
	case layer.bubble.Visible():
		layer.show(obj, text)
	default:
		layer.text = text
	}
}

// HideTip hides the tooltip of obj, if it is shown or about to be.
func HideTip(obj fyne.CanvasObject) {
	if layer := tipLayerOf(obj); layer != nil && layer.owner == obj {
		layer.hide()
	}
}

// HideTips hides whatever tooltip the window with obj shows or is about to show, as when the pointer has left the window.
func HideTips(obj fyne.CanvasObject) {
	if layer := tipLayerOf(obj); layer != nil {
		layer.hide()
	}
}

// TipText returns the text of the tooltip that the window with obj shows now, empty for none.
func TipText(obj fyne.CanvasObject) string {
	if layer := tipLayerOf(obj); layer != nil && layer.bubble.Visible() {
		return layer.text
	}
	return ""
}

// tipLayerOf finds the layer over obj: the dialog's while one is open, else the window's.
func tipLayerOf(obj fyne.CanvasObject) *tipLayer {
	c := fyne.CurrentApp().Driver().CanvasForObject(obj)
	if c == nil {
		return nil
	}
	return tipLayerOn(c)
}

// tipLayerOn finds the layer that is in front on a canvas.
func tipLayerOn(c fyne.Canvas) *tipLayer {
	if m := modalOn(c); m != nil {
		return m.tips
	}
	if c.Overlays().Top() != nil {
		return nil
	}
	return windowTips(c)
}

func windowTips(c fyne.Canvas) *tipLayer {
	root, ok := c.Content().(*fyne.Container)
	if !ok || len(root.Objects) != 2 {
		return nil
	}
	box, ok := root.Objects[1].(*fyne.Container)
	if !ok {
		return nil
	}
	layer, _ := box.Layout.(*tipLayer)
	return layer
}

// tipLayer holds the one tooltip of a window. It is the layout of its own container.
type tipLayer struct {
	dispatch dispatch.Dispatcher
	box      *fyne.Container
	bubble   *fyne.Container
	back     *canvas.Rectangle
	label    *widget.RichText
	table    *tipTable
	text     string
	owner    fyne.CanvasObject
	cancel   func()
}

func newTipLayer(d dispatch.Dispatcher) *tipLayer {
	l := &tipLayer{dispatch: d, back: canvas.NewRectangle(theme.Color(theme.ColorTooltip)), label: widget.NewRichText(), table: newTipTable()}
	l.back.CornerRadius = TipRadius
	l.label.Wrapping = fyne.TextWrapWord
	l.bubble = container.NewStack(l.back, l.label, l.table)
	l.bubble.Hide()
	l.box = container.New(l, l.bubble)
	return l
}

// MinSize implements fyne.Layout: the layer asks for no room.
func (l *tipLayer) MinSize([]fyne.CanvasObject) fyne.Size { return fyne.Size{} }

// Layout implements fyne.Layout: show places the bubble.
func (l *tipLayer) Layout([]fyne.CanvasObject, fyne.Size) {}

func (l *tipLayer) schedule(obj fyne.CanvasObject, text string) {
	if l.owner == obj && l.text == text && (l.cancel != nil || l.bubble.Visible()) {
		return
	}
	l.hide()
	if text == "" {
		return
	}
	l.owner, l.text = obj, text
	l.cancel = dispatch.After(l.dispatch, tipDelay, func() {
		l.cancel = nil
		l.show(obj, l.text)
	})
}

func (l *tipLayer) hide() {
	if l.cancel != nil {
		l.cancel()
		l.cancel = nil
	}
	l.owner, l.text = nil, ""
	if l.bubble.Visible() {
		l.bubble.Hide()
		l.box.Refresh()
		l.moved()
	}
}

// moved tells who shows something below the tooltip.
func (l *tipLayer) moved() {
	if c := fyne.CurrentApp().Driver().CanvasForObject(l.box); c != nil {
		overlaysChanged(c)
	}
}

func (l *tipLayer) show(obj fyne.CanvasObject, text string) {
	driver := fyne.CurrentApp().Driver()
	if text == "" || driver.CanvasForObject(obj) == nil || !obj.Visible() {
		return
	}
	l.owner, l.text = obj, text
	l.back.FillColor = theme.Color(theme.ColorTooltip)
	size := l.fill(text)

	at := driver.AbsolutePositionForObject(obj).Subtract(driver.AbsolutePositionForObject(l.box))
	pos := fyne.NewPos(at.X, at.Y+obj.Size().Height+theme.Gap1)
	if pos.Y+size.Height > l.box.Size().Height {
		pos.Y = at.Y - size.Height - theme.Gap1
	}
	pos.X = max(0, min(pos.X, l.box.Size().Width-size.Width))
	pos.Y = max(0, pos.Y)
	l.bubble.Resize(size)
	l.bubble.Move(pos)
	l.bubble.Show()
	l.box.Refresh()
	l.moved()
}

// fill puts the text into the bubble, as a table if it is one, and returns the size that it needs.
func (l *tipLayer) fill(text string) fyne.Size {
	isTable := strings.Contains(text, "\t")
	show(l.label, !isTable)
	show(l.table, isTable)
	if isTable {
		l.table.set(text)
		return l.table.MinSize().Min(l.box.Size())
	}
	l.label.Segments = []widget.RichTextSegment{&widget.TextSegment{Text: text, Style: widget.RichTextStyle{
		ColorName: theme.ColorOnTooltip, SizeName: "helperText",
	}}}
	width := fyne.MeasureText(text, theme.TextSmall, fyne.TextStyle{}).Width + 4*theme.Gap2
	width = min(width, tipMaxWidth, l.box.Size().Width)
	l.label.Resize(fyne.NewSize(width, 0))
	l.label.Refresh()
	return fyne.NewSize(width, l.label.MinSize().Height)
}

// Hint gives an object a tooltip that has none of its own.
type Hint struct {
	widget.BaseWidget
	content fyne.CanvasObject
	text    string
	needed  func() bool // nil: always
}

var _ desktop.Hoverable = (*Hint)(nil)

// NewHint returns content with a tooltip.
func NewHint(content fyne.CanvasObject, text string) *Hint {
	h := &Hint{content: content, text: text}
	h.ExtendBaseWidget(h)
	return h
}

// SetText changes the tooltip.
func (h *Hint) SetText(text string) { h.text = text }

// Tip is the tooltip.
func (h *Hint) Tip() string { return h.text }

// CreateRenderer implements fyne.Widget.
func (h *Hint) CreateRenderer() fyne.WidgetRenderer { return widget.NewSimpleRenderer(h.content) }

// MouseIn implements desktop.Hoverable.
func (h *Hint) MouseIn(*desktop.MouseEvent) {
	if h.needed == nil || h.needed() {
		ShowTip(h, h.text)
	}
}

// MouseMoved implements desktop.Hoverable.
func (h *Hint) MouseMoved(*desktop.MouseEvent) {}

// MouseOut implements desktop.Hoverable.
func (h *Hint) MouseOut() { HideTip(h) }
