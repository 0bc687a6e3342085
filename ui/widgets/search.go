package widgets

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/driver/desktop"
	"fyne.io/fyne/v2/widget"

	"guesthouse/ui/lang"
	"guesthouse/ui/theme"
)

// SearchField is a bar with a field, the number of hits, next and previous, and close. Enter goes to the
// next hit, Shift+Enter or Up to the previous one, Escape closes.
type SearchField struct {
	widget.BaseWidget
	// OnChanged is called with the new text, OnStep with +1 or -1, OnClosed when the bar was closed.
	OnChanged func(string)
	OnStep    func(int)
	OnClosed  func()

	entry    *Entry
	hits     *Text
	previous *Button
	next     *Button
	content  *fyne.Container
}

// NewSearchField returns a search bar.
func NewSearchField(placeholder string) *SearchField {
	s := &SearchField{hits: NewText("", theme.TextSmall, false, theme.ColorMuted)}
	s.entry = NewEntry()
	s.entry.SetPlaceHolder(placeholder)
	s.entry.OnChanged = func(text string) {
		if s.OnChanged != nil {
			s.OnChanged(text)
		}
	}
	s.entry.OnSubmitted = func(string) {
		if d, ok := fyne.CurrentApp().Driver().(desktop.Driver); ok && d.CurrentKeyModifiers()&fyne.KeyModifierShift != 0 {
			s.step(-1)
			return
		}
		s.step(1)
	}
	s.entry.OnKey = func(e *fyne.KeyEvent) bool {
		switch e.Name {
		case fyne.KeyEscape:
			s.close()
		case fyne.KeyDown:
			s.step(1)
		case fyne.KeyUp:
			s.step(-1)
		default:
			return false
		}
		return true
	}
	s.previous = NewIconButton("chevron-up", lang.L("Previous match"), func() { s.step(-1) })
	s.next = NewIconButton("chevron-down", lang.L("Next match"), func() { s.step(1) })
	shut := NewIconButton("close", lang.L("Close the search"), s.close)
	s.content = container.NewBorder(nil, nil, nil,
		container.NewHBox(container.NewCenter(s.hits), s.previous, s.next, shut), s.entry)
	s.ExtendBaseWidget(s)
	return s
}

// Entry returns the field, to give it the focus.
func (s *SearchField) Entry() *Entry { return s.entry }

// SetHits shows which hit of how many is selected; current counts from 1.
func (s *SearchField) SetHits(current, total int) {
	enabled := total > 0
	switch {
	case s.entry.Text == "":
		s.hits.SetText("")
	case total == 0:
		s.hits.SetText(lang.L("none"))
	default:
		s.hits.SetText(lang.F("%d of %d", current, total))
	}
	s.previous.SetEnabled(enabled, lang.L("Nothing matches."))
	s.next.SetEnabled(enabled, lang.L("Nothing matches."))
	s.Refresh()
}

func (s *SearchField) step(n int) {
	if s.OnStep != nil {
		s.OnStep(n)
	}
}

func (s *SearchField) close() {
	if s.OnClosed != nil {
		s.OnClosed()
	}
}

// CreateRenderer implements fyne.Widget.
func (s *SearchField) CreateRenderer() fyne.WidgetRenderer {
	return widget.NewSimpleRenderer(s.content)
}
