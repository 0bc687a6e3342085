package widgets

import (
	"unicode/utf8"

	"fyne.io/fyne/v2"

	"guesthouse/vmconfig"
)

// TypedRune implements fyne.Focusable. A full field takes no more.
func (e *Entry) TypedRune(r rune) {
	if len(e.Text) < e.most() {
		e.Entry.TypedRune(r)
	}
}

func (e *Entry) most() int {
	if e.MostBytes > 0 {
		return e.MostBytes
	}
	return vmconfig.MaxTextBytes
}

// TypedShortcut implements fyne.Shortcutable. It cuts what is pasted to what a field takes: Fyne lays out a
// whole pasted text at once, and ten megabytes would stop every window.
func (e *Entry) TypedShortcut(s fyne.Shortcut) {
	if e.OnShortcut != nil && e.OnShortcut(s) {
		return
	}
	if c := fyne.CurrentApp().Driver().CanvasForObject(e); c != nil && dialogShortcut(c, s) {
		return
	}
	if paste, ok := s.(*fyne.ShortcutPaste); ok && paste.Clipboard != nil {
		room := max(0, e.most()-len(e.Text))
		s = &fyne.ShortcutPaste{Clipboard: cappedClipboard{paste.Clipboard, room}, Secondary: paste.Secondary}
	}
	e.Entry.TypedShortcut(s)
}

// cappedClipboard gives out at most room bytes, never half a character.
type cappedClipboard struct {
	fyne.Clipboard
	room int
}

// Content implements fyne.Clipboard.
func (c cappedClipboard) Content() string {
	text, end := c.Clipboard.Content(), c.room
	if len(text) <= end {
		return text
	}
	for end > 0 && !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:end]
}
