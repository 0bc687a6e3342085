package widgets

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/layout"
	fynetheme "fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"guesthouse/ui/lang"
	"guesthouse/ui/theme"
)

// FormField is a control with its label above and a line below that shows a hint or, in its place, what
// is wrong with the value.
type FormField struct {
	widget.BaseWidget
	control fyne.CanvasObject
	note    *widget.RichText
	box     *fyne.Container
	hint    string
	fault   string
}

// NewFormField returns a field. hint may be empty.
func NewFormField(label string, control fyne.CanvasObject, hint string) *FormField {
	f := &FormField{control: control, hint: hint, note: widget.NewRichText()}
	f.note.Wrapping = fyne.TextWrapWord
	f.box = container.New(layout.NewCustomPaddedVBoxLayout(theme.Gap1),
		NewText(label, theme.TextNormal, true, fynetheme.ColorNameForeground), control, f.note)
	f.ExtendBaseWidget(f)
	f.update()
	return f
}

// SetHint changes the hint.
func (f *FormField) SetHint(hint string) { f.hint = hint; f.update() }

// SetFault shows what is wrong; an empty text says that nothing is.
func (f *FormField) SetFault(fault string) { f.fault = fault; f.update() }

// Fault returns what the field shows as wrong.
func (f *FormField) Fault() string { return f.fault }

// Control returns the control inside.
func (f *FormField) Control() fyne.CanvasObject { return f.control }

func (f *FormField) update() {
	text, color := lang.L(f.hint), theme.ColorMuted
	if f.fault != "" {
		text, color = lang.L(f.fault), fynetheme.ColorNameError
	}
	f.note.Segments = []widget.RichTextSegment{&widget.TextSegment{Text: text, Style: widget.RichTextStyle{
		ColorName: color, SizeName: fynetheme.SizeNameCaptionText,
	}}}
	if text == "" {
		f.note.Hide()
	} else {
		f.note.Show()
	}
	f.note.Refresh()
	f.Refresh()
}

// CreateRenderer implements fyne.Widget.
func (f *FormField) CreateRenderer() fyne.WidgetRenderer { return widget.NewSimpleRenderer(f.box) }

// Entry is a text field that closes the dialog around it on Escape, and tells about the arrow keys.
type Entry struct {
	widget.Entry
	// OnKey, if set, sees each key first; true means that it was dealt with.
	OnKey func(*fyne.KeyEvent) bool
	// OnShortcut, if set, sees each shortcut first; true means that it was dealt with. Fyne gives shortcuts
	// to a focused text field only, never to the window as well.
	OnShortcut func(fyne.Shortcut) bool
	// MostBytes is the most that the field takes; 0 is vmconfig.MaxTextBytes.
	MostBytes int
	// OnFocus, if set, is called when the field gains or loses the focus.
	OnFocus func(focused bool)
}

// NewEntry returns an empty single-line field.
func NewEntry() *Entry {
	e := &Entry{}
	e.ExtendBaseWidget(e)
	return e
}

// NewMultiLineEntry returns an empty field of several lines, wrapped at words.
func NewMultiLineEntry(rows int) *Entry {
	e := &Entry{}
	e.MultiLine = true
	e.Wrapping = fyne.TextWrapWord
	e.ExtendBaseWidget(e)
	e.SetMinRowsVisible(rows)
	return e
}

// CreateRenderer implements fyne.Widget.
func (e *Entry) CreateRenderer() fyne.WidgetRenderer {
	inner := e.Entry.CreateRenderer()
	return fieldRenderer{inner, newWheel(e, inner)}
}

// AcceptsTab implements fyne.Tabbable: Tab leaves every field, also one of several lines, as everywhere in a dialog.
func (e *Entry) AcceptsTab() bool { return false }

// TypedKey implements fyne.Focusable.
func (e *Entry) TypedKey(key *fyne.KeyEvent) {
	if e.OnKey != nil && e.OnKey(key) {
		return
	}
	if key.Name == fyne.KeyEscape {
		DismissModal(e)
		return
	}
	e.Entry.TypedKey(key)
}

// FocusGained implements fyne.Focusable.
func (e *Entry) FocusGained() {
	e.Entry.FocusGained()
	focusGained(e)
	if e.OnFocus != nil {
		e.OnFocus(true)
	}
}

// FocusLost implements fyne.Focusable.
func (e *Entry) FocusLost() {
	e.Entry.FocusLost()
	focusLost(e)
	if e.OnFocus != nil {
		e.OnFocus(false)
	}
}
