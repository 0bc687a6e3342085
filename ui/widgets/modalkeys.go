package widgets

import (
	"slices"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/driver/desktop"
)

// strayKeys holds, for each canvas with a dialog, what heard of the keys that nothing had the focus for before it opened.
var strayKeys = map[fyne.Canvas]func(*fyne.KeyEvent){}

// pressPrimary are the shortcuts that press a dialog's primary button.
var pressPrimary = []*desktop.CustomShortcut{
	{KeyName: fyne.KeyReturn, Modifier: fyne.KeyModifierControl}, {KeyName: fyne.KeyEnter, Modifier: fyne.KeyModifierControl},
}

// watchKeys gives a dialog the keys that nothing has the focus for.
func watchKeys(c fyne.Canvas) {
	if _, watched := strayKeys[c]; watched {
		return
	}
	strayKeys[c] = c.OnTypedKey()
	c.SetOnTypedKey(func(e *fyne.KeyEvent) {
		if m := modalOn(c); m != nil {
			m.strayKey(e)
		}
	})
	for _, s := range pressPrimary {
		c.AddShortcut(s, func(s fyne.Shortcut) { dialogShortcut(c, s) })
	}
}

func unwatchKeys(c fyne.Canvas) {
	if before, watched := strayKeys[c]; watched {
		c.SetOnTypedKey(before)
		delete(strayKeys, c)
		for _, s := range pressPrimary {
			c.RemoveShortcut(s)
		}
	}
}

// DropDialogs forgets the dialogs over a window that is emptied to be used again. They hear nothing of it.
func DropDialogs(c fyne.Canvas) {
	openModals = slices.DeleteFunc(openModals, func(m *Modal) bool {
		m.closed = m.closed || m.window.Canvas() == c
		return m.closed
	})
	unwatchKeys(c)
}

// strayKey is a key that nothing has the focus for.
func (m *Modal) strayKey(e *fyne.KeyEvent) {
	if e.Name == fyne.KeyEscape {
		m.Close()
		return
	}
	m.refocus()
	if f := m.window.Canvas().Focused(); f != nil {
		f.TypedKey(e)
	}
}

var refocusing bool

// refocus gives the focus back to what had it last, or at first where that is gone.
func (m *Modal) refocus() {
	refocusing = true // nobody moved there, so its tooltip would only be in the way
	defer func() { refocusing = false }()
	c := m.window.Canvas()
	for _, f := range []fyne.Focusable{m.last, m.focus} {
		if o, ok := f.(fyne.CanvasObject); ok && c.Focused() == nil && fyne.CurrentApp().Driver().CanvasForObject(o) == c {
			c.Focus(f)
		}
	}
}

// focusGained is told by what stands in windows that it has got the focus.
func focusGained(f fyne.Focusable) {
	if m := modalAround(f); m != nil {
		m.last = f
	}
}

// focusLost is told by what stands in windows that it has lost the focus. Fyne takes it away for a click on anything that cannot have it; in a dialog it
// comes back then, for without it Escape and Return would not be heard and nobody could see where the keyboard is.
func focusLost(f fyne.Focusable) {
	m := modalAround(f)
	if m == nil || m.tips == nil {
		return
	}
	m.tips.dispatch.Do(func() { // the click may give it to something else first
		if !m.closed && modalOn(m.window.Canvas()) == m {
			m.refocus()
		}
	})
}

func modalAround(f fyne.Focusable) *Modal {
	o, ok := f.(fyne.CanvasObject)
	if !ok || len(openModals) == 0 {
		return nil
	}
	if c := fyne.CurrentApp().Driver().CanvasForObject(o); c != nil {
		return modalOn(c)
	}
	return nil
}

// dialogShortcut reports whether a shortcut was for the dialog that is in front on a canvas.
func dialogShortcut(c fyne.Canvas, s fyne.Shortcut) bool {
	m := modalOn(c)
	if m == nil || m.main == nil || !m.InFront() { // a menu can be over it
		return false
	}
	for _, own := range pressPrimary {
		if s.ShortcutName() == own.ShortcutName() {
			m.main.Tapped(nil)
			return true
		}
	}
	return false
}
