package terminal

import (
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/driver/desktop"

	"guesthouse/ui/theme"
)

func (f *fixture) mouse(column, row int, b desktop.MouseButton, m fyne.KeyModifier) *desktop.MouseEvent {
	return &desktop.MouseEvent{PointEvent: fyne.PointEvent{Position: f.at(column, row)}, Button: b, Modifier: m}
}

func (f *fixture) wheelAt(column, row int, dy float32) *fyne.ScrollEvent {
	return &fyne.ScrollEvent{PointEvent: fyne.PointEvent{Position: f.at(column, row)}, Scrolled: fyne.NewDelta(0, dy)}
}

// A program in the guest that asks for the mouse gets it, in the form that it asks for.
func TestMouseReports(t *testing.T) {
	f := newFixture(t, theme.Dark)
	drag := func(column, row int) {
		f.Dragged(&fyne.DragEvent{PointEvent: fyne.PointEvent{Position: f.at(column, row)}})
	}
	expect := func(what, want string) {
		t.Helper()
		if got := f.typed(); got != want {
			t.Errorf("%s: %q, want %q", what, got, want)
		}
	}
	const left, right, middle = desktop.MouseButtonPrimary, desktop.MouseButtonSecondary, desktop.MouseButtonTertiary
	f.say("some text\x1b[?1000;1006h")
	f.MouseDown(f.mouse(4, 2, left, 0))
	expect("press", "\x1b[<0;5;3M")
	drag(6, 2)
	expect("drag that nobody wants", "")
	f.MouseUp(f.mouse(6, 2, left, 0))
	expect("release", "\x1b[<0;7;3m")
	f.MouseDown(f.mouse(0, 0, right, fyne.KeyModifierControl))
	f.MouseUp(f.mouse(0, 0, right, 0))
	expect("right with Ctrl", "\x1b[<18;1;1M\x1b[<2;1;1m")
	f.MouseDown(f.mouse(0, 0, middle, fyne.KeyModifierAlt))
	f.MouseUp(f.mouse(0, 0, middle, 0))
	expect("middle with Alt", "\x1b[<9;1;1M\x1b[<1;1;1m")
	f.Scrolled(f.wheelAt(1, 1, 10))
	f.Scrolled(f.wheelAt(1, 1, -20))
	expect("wheel", "\x1b[<64;2;2M\x1b[<65;2;2M\x1b[<65;2;2M")
	if f.selecting.on {
		t.Error("the guest's mouse selects")
	}

	f.say("\x1b[?1002h")
	f.MouseMoved(f.mouse(3, 3, 0, 0))
	expect("a move without a button", "")
	f.MouseDown(f.mouse(4, 2, left, 0))
	drag(4, 2)
	drag(5, 2)
	drag(5, 2)
	drag(6, 3)
	f.MouseUp(f.mouse(6, 3, left, 0))
	f.DragEnd()
	expect("drag", "\x1b[<0;5;3M\x1b[<32;6;3M\x1b[<32;7;4M\x1b[<0;7;4m")

	f.say("\x1b[?1003h")
	f.MouseMoved(f.mouse(3, 3, 0, 0))
	f.MouseMoved(f.mouse(3, 3, 0, 0))
	expect("move", "\x1b[<35;4;4M")

	f.MouseDown(f.mouse(0, 0, left, fyne.KeyModifierShift))
	drag(4, 0)
	f.MouseUp(f.mouse(4, 0, left, fyne.KeyModifierShift))
	f.DragEnd()
	expect("Shift and drag", "")
	if got := f.Selected(); got != "some" {
		t.Errorf("Shift and drag select %q", got)
	}

	f.say("\x1b[?1006l\x1b[?1000h")
	f.MouseDown(f.mouse(4, 2, middle, 0))
	f.MouseUp(f.mouse(4, 2, middle, 0))
	expect("the older form", "\x1b[M\x21\x25\x23\x1b[M\x23\x25\x23")
	if b := mouseReport(buttonLeft, mousePlace{column: 230}, false, false); b != nil {
		t.Errorf("a place without room is reported as %q", b)
	}

	f.say("\x1b[?1000l")
	f.MouseDown(f.mouse(0, 0, left, 0))
	f.MouseUp(f.mouse(0, 0, left, 0))
	expect("after it was given back", "")
}
