package wizard

import (
	"errors"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/widget"

	"guesthouse/ui/widgets"
	"guesthouse/vmconfig"
)

// newEntry returns a text field that knows the wizard's keys.
func newEntry(k *keys, placeholder string, changed func(string)) *widgets.Entry {
	e := widgets.NewEntry()
	e.OnKey, e.OnShortcut = k.typed, k.shortcut
	// Faults come from the model and show at once, not only after the field was left.
	e.AlwaysShowValidationError = true
	e.PlaceHolder = placeholder
	e.OnChanged = changed
	return e
}

// showEntry sets text and fault of a field, without a change event when the text is there already.
func showEntry(e *widgets.Entry, text, fault string) {
	if e.Text != text {
		e.SetText(text)
	}
	var err error
	if fault != "" {
		err = errors.New(fault)
	}
	e.SetValidationError(err)
}

// newButton returns a button that passes on the wizard's keys, except Enter, which presses it.
func newButton(k *keys, icon, text string, style widgets.Style, tapped func()) *widgets.Button {
	b := widgets.NewButton(icon, text, style, tapped)
	b.OnKey = k.escape
	return b
}

// newSlider returns a slider with a field. changed takes what stands in the field after each change, a value or not.
func newSlider(w *wizard, step int64, parse func(string) (int64, error), format func(int64) string, changed func(string)) *widgets.ZoneSlider {
	z := widgets.NewZoneSlider(vmconfig.Zones{Min: 1, Green: 2, Amber: 3, Max: 4}, step, parse, format)
	z.OnKey, z.Entry().OnShortcut = w.keys.typed, w.keys.shortcut
	changed = w.input(changed)
	z.OnChanged = func(int64) { changed(z.Entry().Text) }
	z.OnInvalid = func(error) { changed(z.Entry().Text) }
	return z
}

// showSlider brings a slider up to date with the model. What the user typed stays while it means the same.
func showSlider(z *widgets.ZoneSlider, zones vmconfig.Zones, value int64, text, fault string) {
	z.SetZones(zones)
	if z.Entry().Text != text {
		z.SetValue(value)
	}
	if z.Err() == nil {
		z.SetFault(fault)
	}
}

// check is a check box that passes on the wizard's keys.
type check struct {
	widget.Check
	keys *keys
}

func newCheck(k *keys, text string, changed func(bool)) *check {
	c := &check{keys: k}
	c.Text, c.OnChanged = text, changed
	c.ExtendBaseWidget(c)
	return c
}

// TypedKey implements fyne.Focusable.
func (c *check) TypedKey(ev *fyne.KeyEvent) {
	if !c.keys.typed(ev) {
		c.Check.TypedKey(ev)
	}
}

// updating is a renderer that brings the widget's objects up to date before it redraws them, also when the
// theme changed.
type updating struct {
	fyne.WidgetRenderer
	update func()
}

func newRenderer(content fyne.CanvasObject, update func()) fyne.WidgetRenderer {
	update()
	return updating{widget.NewSimpleRenderer(content), update}
}

// Refresh implements fyne.WidgetRenderer.
func (r updating) Refresh() {
	r.update()
	r.WidgetRenderer.Refresh()
}
