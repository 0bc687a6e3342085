package ui

import (
	"slices"
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/test"
	"fyne.io/fyne/v2/widget"

	"guesthouse/ui/dispatch"
)

// TestSpareWindow keeps one window for the next machine, empty, and none when the program is about to end.
func TestSpareWindow(t *testing.T) {
	app := test.NewTempApp(t)
	queue := &dispatch.Queue{}
	there := func(win fyne.Window) bool { return slices.Contains(app.Driver().AllWindows(), win) }
	var s spare
	first, second, third := s.take(app), s.take(app), s.take(app)
	if first == second {
		t.Fatal("two consoles share a window")
	}
	first.SetContent(widget.NewLabel("old"))
	widget.ShowPopUp(widget.NewLabel("menu"), first.Canvas())
	s.put(queue, first, true, true)
	s.put(queue, second, true, true)
	if !there(first) || there(second) {
		t.Errorf("kept: first %v, second %v", there(first), there(second))
	}
	if first.Canvas().Overlays().Top() != nil || first.Canvas().Content().MinSize().Width > 1 {
		t.Error("the spare window still shows the last machine's")
	}
	if again := s.take(app); again != first {
		t.Error("the spare window was not used")
	}
	if s.take(app) == first {
		t.Error("the spare window was used twice")
	}
	s.put(queue, first, true, false)
	if there(first) {
		t.Error("a window is kept without need")
	}
	s.put(queue, third, true, true)
	s.drop()
	s.drop()
	if there(third) {
		t.Error("the spare window did not close")
	}
	// A window that was never shown comes next.
	fourth := s.take(app)
	s.put(queue, fourth, false, true)
	if s.take(app) != fourth || s.unmade != nil {
		t.Error("a window that was never shown is not used")
	}
}
