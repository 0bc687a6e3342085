package wizard

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/driver/desktop"
)

// keys is what the wizard's keys do wherever the focus is. Fyne gives a typed key to the focused widget only, so
// every focusable widget of the wizard asks here first.
type keys struct {
	next    func() // Enter
	cancel  func() // Escape
	back    func() // Alt+Left
	forward func() // Alt+Right
}

// typed reports whether the key was one of the wizard's own.
func (k *keys) typed(ev *fyne.KeyEvent) bool {
	switch ev.Name {
	case fyne.KeyReturn, fyne.KeyEnter:
		k.next()
	case fyne.KeyEscape:
		k.cancel()
	default:
		return false
	}
	return true
}

// escape is typed for widgets that use Enter themselves.
func (k *keys) escape(ev *fyne.KeyEvent) bool {
	return ev.Name == fyne.KeyEscape && k.typed(ev)
}

// shortcuts are the wizard's combinations with Alt.
func (k *keys) shortcuts() map[fyne.KeyName]func() {
	return map[fyne.KeyName]func(){fyne.KeyLeft: k.back, fyne.KeyRight: k.forward}
}

// shortcut reports whether the shortcut was one of the wizard's own.
func (k *keys) shortcut(s fyne.Shortcut) bool {
	c, ok := s.(*desktop.CustomShortcut)
	if !ok || c.Modifier != fyne.KeyModifierAlt {
		return false
	}
	act := k.shortcuts()[c.KeyName]
	if act == nil {
		return false
	}
	act()
	return true
}

// install listens on the canvas for keys and shortcuts that no widget takes.
func (k *keys) install(c fyne.Canvas) {
	c.SetOnTypedKey(func(ev *fyne.KeyEvent) { k.typed(ev) })
	for name, act := range k.shortcuts() {
		c.AddShortcut(&desktop.CustomShortcut{KeyName: name, Modifier: fyne.KeyModifierAlt}, func(fyne.Shortcut) { act() })
	}
}
