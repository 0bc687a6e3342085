package wizard

import (
	"errors"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/widget"
)

// entry is a text field that knows the wizard's keys and bounds what is pasted into it.
type entry struct {
	widget.Entry
	keys *keys
	// onVertical takes Up (-1) and Down (+1), for a search field above a list; nil for other fields.
	onVertical func(step int)
}

func newEntry(k *keys, placeholder string, changed func(string)) *entry {
	e := &entry{keys: k}
	e.PlaceHolder = placeholder
	e.OnChanged = changed
	// Faults come from the model and show while the rest of the form is used, not only after the field was left.
	e.AlwaysShowValidationError = true
	e.ExtendBaseWidget(e)
	return e
}

// TypedKey implements fyne.Focusable.
func (e *entry) TypedKey(ev *fyne.KeyEvent) {
	switch {
	case e.keys.typed(ev):
	case e.onVertical != nil && ev.Name == fyne.KeyUp:
		e.onVertical(-1)
	case e.onVertical != nil && ev.Name == fyne.KeyDown:
		e.onVertical(1)
	default:
		e.Entry.TypedKey(ev)
	}
}

// TypedRune implements fyne.Focusable.
func (e *entry) TypedRune(r rune) {
	if len(e.Text) < maxText {
		e.Entry.TypedRune(r)
	}
}

// TypedShortcut implements fyne.Shortcutable.
func (e *entry) TypedShortcut(s fyne.Shortcut) {
	if e.keys.shortcut(s) {
		return
	}
	if paste, ok := s.(*fyne.ShortcutPaste); ok {
		s = &fyne.ShortcutPaste{Clipboard: cappedClipboard{paste.Clipboard, maxText - len(e.Text)}, Secondary: paste.Secondary}
	}
	e.Entry.TypedShortcut(s)
}

// show sets text and fault without a change event when they are shown already.
func (e *entry) show(text, fault string) {
	if e.Text != text {
		e.SetText(text)
	}
	var err error
	if fault != "" {
		err = errors.New(fault)
	}
	e.SetValidationError(err)
}

// cappedClipboard gives out at most room bytes: Fyne lays out a whole pasted text on the UI goroutine.
type cappedClipboard struct {
	fyne.Clipboard
	room int
}

// Content implements fyne.Clipboard.
func (c cappedClipboard) Content() string {
	text := c.Clipboard.Content()
	if len(text) <= c.room {
		return text
	}
	return cutText(text, max(0, c.room))
}

// button is a button that Enter presses too, and that passes on the wizard's other keys.
type button struct {
	widget.Button
	keys *keys
}

func newButton(k *keys, text string, tapped func()) *button {
	b := &button{keys: k}
	b.Text, b.OnTapped = text, tapped
	b.ExtendBaseWidget(b)
	return b
}

// TypedKey implements fyne.Focusable.
func (b *button) TypedKey(ev *fyne.KeyEvent) {
	switch ev.Name {
	case fyne.KeyReturn, fyne.KeyEnter:
		if !b.Disabled() {
			b.Tapped(nil)
		}
	case fyne.KeyEscape:
		b.keys.cancel()
	default:
		b.Button.TypedKey(ev)
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
