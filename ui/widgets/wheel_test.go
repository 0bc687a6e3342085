package widgets

import (
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/test"
)

// TestWheelOverFields: the mouse's wheel moves a form also while the pointer is over one of its fields of one line; one of several lines scrolls itself first.
func TestWheelOverFields(t *testing.T) {
	test.NewTempApp(t)
	one, several := NewEntry(), NewMultiLineEntry(3)
	form := container.NewVBox(one, several)
	for range 20 {
		form.Add(NewFormField("A field", NewEntry(), "and its hint"))
	}
	behind := NewScroll(longText())
	s := NewScroll(form)
	w := test.NewTempWindow(t, container.NewStack(behind, s))
	w.Resize(fyne.NewSize(300, 300))
	over := func(o fyne.CanvasObject) fyne.Position {
		return fyne.CurrentApp().Driver().AbsolutePositionForObject(o).Add(fyne.NewPos(20, 10))
	}
	test.Scroll(w.Canvas(), over(one), 0, -5)
	if s.Offset.Y != 5 || behind.Offset.Y != 0 {
		t.Errorf("over a field the form scrolled to %v, what is behind it to %v", s.Offset, behind.Offset)
	}
	test.Scroll(w.Canvas(), over(several), 0, -10)
	if s.Offset.Y != 15 {
		t.Errorf("over a field of several lines that shows all the form scrolled to %v", s.Offset)
	}
	several.SetText("1\n2\n3\n4\n5\n6\n7\n8\n9")
	test.Scroll(w.Canvas(), over(several), 0, -10)
	if s.Offset.Y != 15 {
		t.Errorf("over a field of several lines the form scrolled to %v", s.Offset)
	}
	for range 50 {
		test.Scroll(w.Canvas(), over(several), 0, -10)
	}
	if s.Offset.Y <= 15 {
		t.Errorf("over one that has come to its end the form scrolled to %v", s.Offset)
	}
	s.Hide()
	if found := scrollAt(one, over(behind)); found == s {
		t.Error("a form that does not show was found")
	}
}

// longText is something that could scroll.
func longText() fyne.CanvasObject {
	box := container.NewVBox()
	for range 40 {
		box.Add(NewEntry())
	}
	return box
}
