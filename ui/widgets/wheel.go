package widgets

import (
	"weak"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/widget"
)

// scrolls are those made by NewScroll, the newest last; a dialog's lie over those of its window. UI goroutine.
var scrolls []weak.Pointer[container.Scroll]

func knowScroll(s *container.Scroll) {
	alive := scrolls[:0]
	for _, known := range scrolls {
		if known.Value() != nil {
			alive = append(alive, known)
		}
	}
	scrolls = append(alive, weak.Make(s))
}

// scrollAt returns the scroll that shows at a position of the canvas of o, nil if there is none. Fyne tells nothing of what an object lies in.
func scrollAt(o fyne.CanvasObject, at fyne.Position) *container.Scroll {
	driver := fyne.CurrentApp().Driver()
	canvas := driver.CanvasForObject(o)
	for i := len(scrolls) - 1; i >= 0; i-- {
		s := scrolls[i].Value()
		if s == nil || canvas == nil || driver.CanvasForObject(s) != canvas {
			continue
		}
		from := driver.AbsolutePositionForObject(s)
		if from.IsZero() { // Fyne's word for one that does not show
			continue
		}
		in := at.Subtract(from)
		if in.X >= 0 && in.Y >= 0 && in.X < s.Size().Width && in.Y < s.Size().Height {
			return s
		}
	}
	return nil
}

// wheel lies over a field of one line and hands the mouse's wheel on to the form that it stands in: the field's own scroll, which moves along its text, would swallow it.
type wheel struct {
	widget.BaseWidget
	field *Entry
}

func newWheel(e *Entry) *wheel {
	w := &wheel{field: e}
	w.ExtendBaseWidget(w)
	return w
}

// CreateRenderer implements fyne.Widget.
func (w *wheel) CreateRenderer() fyne.WidgetRenderer {
	return widget.NewSimpleRenderer(container.NewWithoutLayout())
}

// Scrolled implements fyne.Scrollable.
func (w *wheel) Scrolled(e *fyne.ScrollEvent) {
	at := fyne.CurrentApp().Driver().AbsolutePositionForObject(w).Add(e.Position)
	if s := scrollAt(w.field, at); s != nil {
		s.Scrolled(e)
	}
}

// fieldRenderer is that of a field of one line, with its wheel.
type fieldRenderer struct {
	fyne.WidgetRenderer
	wheel *wheel
}

// Layout implements fyne.WidgetRenderer.
func (r fieldRenderer) Layout(size fyne.Size) {
	r.WidgetRenderer.Layout(size)
	r.wheel.Resize(size)
}

// Objects implements fyne.WidgetRenderer.
func (r fieldRenderer) Objects() []fyne.CanvasObject {
	inner := r.WidgetRenderer.Objects()
	return append(inner[:len(inner):len(inner)], r.wheel)
}
