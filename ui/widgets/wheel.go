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

// wheel lies over a field and hands the mouse's wheel on to the form that it stands in, where the field's own scroll would swallow it: over one of one line, and over one of several
// that has come to its end.
type wheel struct {
	widget.BaseWidget
	field *Entry
	inner fyne.WidgetRenderer // of the field
}

func newWheel(e *Entry, inner fyne.WidgetRenderer) *wheel {
	w := &wheel{field: e, inner: inner}
	w.ExtendBaseWidget(w)
	return w
}

// moved reports whether the field's own text took the wheel.
func (w *wheel) moved(e *fyne.ScrollEvent) bool {
	if !w.field.MultiLine {
		return false
	}
	for _, o := range w.inner.Objects() {
		if own, ok := o.(*container.Scroll); ok {
			before := own.Offset
			own.Scrolled(e)
			return own.Offset != before
		}
	}
	return false
}

// CreateRenderer implements fyne.Widget.
func (w *wheel) CreateRenderer() fyne.WidgetRenderer {
	return widget.NewSimpleRenderer(container.NewWithoutLayout())
}

// Scrolled implements fyne.Scrollable.
func (w *wheel) Scrolled(e *fyne.ScrollEvent) {
	if w.moved(e) {
		return
	}
	at := fyne.CurrentApp().Driver().AbsolutePositionForObject(w).Add(e.Position)
	if s := scrollAt(w.field, at); s != nil {
		s.Scrolled(e)
	}
}

// fieldRenderer is that of a field with its wheel.
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
