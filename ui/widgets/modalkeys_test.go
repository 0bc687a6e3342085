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
	no.SetTip("what it does")
	c.Focus(yes)
	c.Focus(no)
	if TipText(no) == "" {
		t.Error("the keyboard gets no tooltip")
	}
	c.Unfocus()
	q.Settle(patience)
	if TipText(no) != "" || c.Focused() != no {
		t.Error("a tooltip comes back with the focus")
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

// TestLongMenu: a menu that is higher than the window scrolls after the keyboard, and Return takes what is to be seen.
func TestLongMenu(t *testing.T) {
	w, _ := window(t, container.NewVBox())
	chosen := -1
	menu := fyne.NewMenu("")
	for i := range 40 {
		item := MenuItem("", "Checkpoint", i != 38, "It is gone.", func() { chosen = i })
		item.Checked = i == 3
		menu.Items = append(menu.Items, item)
	}
	open := func() *longMenu {
		t.Helper()
		ShowMenuAt(w.Canvas(), menu, fyne.NewPos(500, 60))
		m, ok := w.Canvas().Overlays().Top().(*longMenu)
		if !ok || w.Canvas().Focused() != m {
			t.Fatal("the menu does not have the keyboard")
		}
		return m
	}
	m := open()
	if end := m.panel.Position().AddXY(m.panel.Size().Width, m.panel.Size().Height); end.X > 640 || end.Y > 480 {
		t.Errorf("it reaches to %v", end)
	}
	seen := func() {
		t.Helper()
		row := m.rows[m.active]
		if top := row.Position().Y - m.scroll.Offset.Y; top < 0 || top+row.Size().Height > m.scroll.Size().Height+0.5 {
			t.Errorf("row %d is at %v of %v", m.active, top, m.scroll.Size().Height)
		}
	}
	for _, step := range []struct {
		key  fyne.KeyName
		want int
	}{{fyne.KeyDown, 0}, {fyne.KeyEnd, 39}, {fyne.KeyDown, 39}, {fyne.KeyUp, 38}, {fyne.KeyHome, 0}, {fyne.KeyUp, 0}} {
		key(m, step.key)
		if m.active != step.want {
			t.Errorf("%s: row %d", step.key, m.active)
		}
		seen()
	}
	for range 30 {
		key(m, fyne.KeyDown)
		seen()
	}
	key(m, fyne.KeyPageDown)
	key(m, fyne.KeyPageUp)
	seen()
	key(m, fyne.KeyEscape)
	if w.Canvas().Overlays().Top() != nil || chosen != -1 {
		t.Error("Escape does not close it")
	}
	m = open()
	key(m, fyne.KeyUp)
	key(m, fyne.KeyUp)
	key(m, fyne.KeyReturn)
	if chosen != -1 || w.Canvas().Overlays().Top() != m {
		t.Error("what is greyed was chosen")
	}
	key(m, fyne.KeyDown)
	key(m, fyne.KeyReturn)
	if chosen != 39 || w.Canvas().Overlays().Top() != nil {
		t.Errorf("Return chose %d", chosen)
	}
	test.Tap(open())
	if w.Canvas().Overlays().Top() != nil {
		t.Error("a click beside it does not close it")
	}
}

// TestGreyedItem: Fyne's menu lets the keyboard choose it.
func TestGreyedItem(t *testing.T) {
	w, _ := window(t, container.NewVBox())
	chosen := false
	ShowMenuAt(w.Canvas(), fyne.NewMenu("", MenuItem("", "Restore", false, "It is gone.", func() { chosen = true })), fyne.NewPos(10, 10))
	key(w.Canvas().Focused(), fyne.KeyDown)
	key(w.Canvas().Focused(), fyne.KeyReturn)
	if chosen {
		t.Error("Return chose what is greyed")
	}
}

// TestWindowUsedAgain: a dialog that was open when its window was emptied is in nobody's way.
func TestWindowUsedAgain(t *testing.T) {
	b := NewIconButton("more", "what it does", nil)
	w, _ := window(t, container.NewVBox(b))
	NewModal(w, "", "", "Question", Paragraphs("Yes?"), 200).Show()
	w.Canvas().Overlays().Remove(w.Canvas().Overlays().Top())
	DropDialogs(w.Canvas())
	w.Canvas().Focus(b)
	if TipText(b) == "" {
		t.Error("there are no tooltips any more")
	}
	w.Canvas().SetOnTypedKey(nil)
	m := NewModal(w, "", "", "Question", Paragraphs("Yes?"), 200, NewButton("", "Yes", StylePrimary, nil)).Show()
	w.Canvas().Unfocus()
	w.Canvas().OnTypedKey()(&fyne.KeyEvent{Name: fyne.KeyEscape})
	if !m.Closed() {
		t.Error("the next dialog hears no keys")
	}
}
