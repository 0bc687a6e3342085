package terminal

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/driver/desktop"
)

func modifiers() fyne.KeyModifier {
	if d, ok := fyne.CurrentApp().Driver().(desktop.Driver); ok {
		return d.CurrentKeyModifiers()
	}
	return 0
}

// FocusGained implements fyne.Focusable.
func (t *Terminal) FocusGained() {
	t.focused = true
	t.cursor.place()
}

// FocusLost implements fyne.Focusable.
func (t *Terminal) FocusLost() {
	t.focused, t.swallow = false, false
	t.cursor.place()
	if t.o.FocusLost != nil {
		t.o.FocusLost()
	}
}

// AcceptsTab implements fyne.Tabbable: Tab belongs to the guest.
func (t *Terminal) AcceptsTab() bool { return true }

// KeyDown implements desktop.Keyable. What the key means comes with TypedKey, TypedRune or TypedShortcut.
func (t *Terminal) KeyDown(e *fyne.KeyEvent) {
	t.swallow = t.o.Intercept != nil && t.o.Intercept(e, true)
}

// KeyUp implements desktop.Keyable.
func (t *Terminal) KeyUp(e *fyne.KeyEvent) {
	if t.o.Intercept != nil {
		t.o.Intercept(e, false)
	}
}

// TypedRune implements fyne.Focusable: the keyboard's layout, dead keys and all, has made a character.
func (t *Terminal) TypedRune(r rune) {
	if !t.swallow {
		t.send([]byte(string(r)))
	}
}

// TypedKey implements fyne.Focusable.
func (t *Terminal) TypedKey(e *fyne.KeyEvent) {
	if t.swallow {
		return
	}
	t.typed(e.Name, modifiers())
}

func (t *Terminal) typed(name fyne.KeyName, m fyne.KeyModifier) {
	if m == fyne.KeyModifierShift && t.scrollKey(name) {
		return
	}
	t.send(specialKey(name, m, t.screen.Keys()))
}

// scrollKey scrolls, unless a program has the whole screen and has its own use for the key.
func (t *Terminal) scrollKey(name fyne.KeyName) bool {
	if t.frame.Alternate {
		return false
	}
	page := max(1, t.frame.Rows-1)
	switch name {
	case fyne.KeyPageUp:
		t.scrollBy(-page)
	case fyne.KeyPageDown:
		t.scrollBy(page)
	case fyne.KeyHome:
		t.ScrollTo(t.frame.First)
	case fyne.KeyEnd:
		t.ScrollTo(-1)
	default:
		return false
	}
	return true
}

// TypedShortcut implements fyne.Shortcutable. Fyne makes shortcuts of all keys that are pressed with Ctrl, Alt or Super.
func (t *Terminal) TypedShortcut(s fyne.Shortcut) {
	if t.swallow {
		return
	}
	const ctrl, shift = fyne.KeyModifierControl, fyne.KeyModifierShift
	switch s := s.(type) {
	case *fyne.ShortcutCopy:
		if s.Secondary {
			t.Copy()
			return
		}
		t.press(fyne.KeyC, ctrl)
	case *fyne.ShortcutPaste:
		if s.Secondary {
			t.Paste()
			return
		}
		t.press(fyne.KeyV, ctrl)
	case *fyne.ShortcutCut:
		if s.Secondary {
			t.press(fyne.KeyDelete, shift)
			return
		}
		t.press(fyne.KeyX, ctrl)
	case *fyne.ShortcutSelectAll:
		t.press(fyne.KeyA, ctrl)
	case *fyne.ShortcutUndo:
		t.press(fyne.KeyZ, ctrl)
	case *fyne.ShortcutRedo:
		t.press(fyne.KeyY, ctrl)
	case *desktop.CustomShortcut:
		if !t.ownShortcut(s.KeyName, s.Modifier) {
			t.press(s.KeyName, s.Modifier)
		}
	}
}

// ownShortcut runs what the terminal does itself: clipboard and size of the text.
func (t *Terminal) ownShortcut(name fyne.KeyName, m fyne.KeyModifier) bool {
	const ctrl, shift = fyne.KeyModifierControl, fyne.KeyModifierShift
	if m&^shift != ctrl {
		return false
	}
	switch name {
	case fyne.KeyC:
		if m&shift == 0 {
			return false
		}
		t.Copy()
	case fyne.KeyV:
		if m&shift == 0 {
			return false
		}
		t.Paste()
	case fyne.KeyPlus, fyne.KeyEqual:
		t.SetTextSize(t.size + 1)
	case fyne.KeyMinus:
		t.SetTextSize(t.size - 1)
	case fyne.Key0:
		t.SetTextSize(0)
	default:
		return false
	}
	return true
}

func (t *Terminal) press(name fyne.KeyName, m fyne.KeyModifier) {
	b := specialKey(name, m, t.screen.Keys())
	if b == nil {
		b = chord(name, m)
	}
	t.send(b)
}

// Copy puts the selected text into the host's clipboard.
func (t *Terminal) Copy() {
	if text := t.Selected(); text != "" && t.o.Clipboard != nil {
		t.o.Clipboard.SetContent(text)
	}
}

// Paste types the host's clipboard.
func (t *Terminal) Paste() {
	switch {
	case t.o.ReadClipboard != nil && !t.pasting:
		t.pasting = true
		t.o.ReadClipboard(func(text string) {
			later := t.typedOn
			t.pasting, t.typedOn = false, nil
			t.send(pasted(text, t.screen.Keys()))
			t.send(later)
		})
	case t.o.ReadClipboard == nil && t.o.Clipboard != nil:
		t.send(pasted(t.o.Clipboard.Content(), t.screen.Keys()))
	}
}
