package widgets

import (
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/driver/desktop"
	"fyne.io/fyne/v2/test"
)

// TestDialogKeepsItsFocus: Fyne takes the focus away for a click on an empty spot, in a dialog or beside it.
func TestDialogKeepsItsFocus(t *testing.T) {
	w, q := window(t, container.NewVBox())
	heard := 0
	w.Canvas().SetOnTypedKey(func(*fyne.KeyEvent) { heard++ })
	pressed := 0
	no, yes := NewButton("", "No", StylePlain, nil), NewButton("", "Yes", StylePrimary, func() { pressed++ })
	field := NewEntry()
	m := NewModal(w, "", "", "Question", field, 200, no, yes).FocusOn(field).Show()
	c := w.Canvas()
	for _, f := range []fyne.Focusable{field, no, yes} {
		c.Focus(f)
		c.Unfocus() // what a click does
		q.Settle(patience)
		if c.Focused() != f {
			t.Errorf("after a click on nothing the focus is at %v", c.Focused())
		}
	}
	c.Focus(field)
	c.Unfocus()
	c.Focus(no) // the click was on this
	q.Settle(patience)
	if c.Focused() != no {
		t.Errorf("after a click on a button the focus is at %v", c.Focused())
	}
	no.Disable("Not now.")
	c.Focus(yes)
	c.Unfocus()
	test.Tap(no)
	q.Settle(patience)
	if c.Focused() != yes {
		t.Errorf("after a click on a disabled button the focus is at %v", c.Focused())
	}
	c.Unfocus() // and a key before the focus is back
	c.OnTypedKey()(&fyne.KeyEvent{Name: fyne.KeyReturn})
	if pressed != 1 {
		t.Errorf("Return pressed %d times", pressed)
	}
	c.Unfocus()
	c.OnTypedKey()(&fyne.KeyEvent{Name: fyne.KeyEscape})
	if !m.Closed() || heard != 0 {
		t.Error("Escape was not heard")
	}
	c.OnTypedKey()(&fyne.KeyEvent{Name: fyne.KeyEscape})
	if heard != 1 {
		t.Error("the window does not hear its keys again")
	}
}

// TestKeyboardInALongField: Tab leaves it, and Ctrl+Return presses the primary button from everywhere in the dialog.
func TestKeyboardInALongField(t *testing.T) {
	w, _ := window(t, container.NewVBox())
	pressed := 0
	text := NewMultiLineEntry(3)
	if text.AcceptsTab() {
		t.Error("Tab writes a tab")
	}
	other := NewButton("", "Cancel", StylePlain, nil)
	save := NewButton("", "Save", StylePrimary, func() { pressed++ })
	m := NewModal(w, "", "", "Words", text, 200, other, save).FocusOn(text).Show()
	defer m.Close()
	press := &desktop.CustomShortcut{KeyName: fyne.KeyReturn, Modifier: fyne.KeyModifierControl}
	text.TypedShortcut(press)
	dialogShortcut(w.Canvas(), press) // what the window does with it while something else has the focus
	if pressed != 2 || text.Text != "" {
		t.Errorf("Ctrl+Return pressed %d times and wrote %q", pressed, text.Text)
	}
	save.Disable("One moment.")
	text.TypedShortcut(press)
	if pressed != 2 {
		t.Error("Ctrl+Return presses what is disabled")
	}
}
