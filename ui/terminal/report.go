package terminal

import (
	"fmt"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/driver/desktop"

	"guesthouse/hypervisor/vt"
)

// Buttons as xterm numbers them ("Mouse Tracking" in its control sequences).
const (
	buttonLeft, buttonMiddle, buttonRight, buttonNone = 0, 1, 2, 3
	buttonWheelUp, buttonWheelDown                    = 64, 65

	mouseAlt, mouseCtrl, mouseMotion = 8, 16, 32 // added to the button
)

// mousePlace is a cell of the screen.
type mousePlace struct{ column, row int }

// mouseReport returns what xterm sends for the mouse, nil where the older form has no room for the place.
func mouseReport(button int, at mousePlace, released, sgr bool) []byte {
	if sgr {
		end := 'M'
		if released {
			end = 'm'
		}
		return fmt.Appendf(nil, "\x1b[<%d;%d;%d%c", button, at.column+1, at.row+1, end)
	}
	const most = 255 - 33
	if at.column > most || at.row > most {
		return nil
	}
	if released {
		button |= buttonNone
	}
	return []byte{0x1b, '[', 'M', byte(32 + button), byte(33 + at.column), byte(33 + at.row)}
}

// reports tells whether the mouse belongs to the program in the guest. With Shift, and in the scroll-back, it is the window's own.
func (t *Terminal) reports(m fyne.KeyModifier) bool {
	return m&fyne.KeyModifierShift == 0 && t.top < 0 && t.screen.Mouse().Reports != vt.MouseNothing
}

// onScreen returns the cell at a point, the nearest one where there is none.
func (t *Terminal) onScreen(p fyne.Position) mousePlace {
	at := t.place(p, 0)
	return mousePlace{min(at.Column, t.frame.Columns-1), max(0, at.Line-t.frame.Screen)}
}

// report tells the guest of the mouse.
func (t *Terminal) report(button int, at mousePlace, released bool, m fyne.KeyModifier) {
	if m&fyne.KeyModifierAlt != 0 {
		button |= mouseAlt
	}
	if m&fyne.KeyModifierControl != 0 {
		button |= mouseCtrl
	}
	t.mouseAt = at
	t.send(mouseReport(button, at, released, t.screen.Mouse().SGR))
}

// reportPress reports a button and keeps the mouse for the guest until it is released.
func (t *Terminal) reportPress(e *desktop.MouseEvent) {
	t.drag = dragReport
	switch e.Button {
	case desktop.MouseButtonTertiary:
		t.button = buttonMiddle
	case desktop.MouseButtonSecondary:
		t.button = buttonRight
	default:
		t.button = buttonLeft
	}
	t.report(t.button, t.onScreen(e.Position), false, e.Modifier)
}

// reportRelease ends reportPress.
func (t *Terminal) reportRelease(e *desktop.MouseEvent) {
	if t.screen.Mouse().Reports != vt.MouseNothing {
		t.report(t.button, t.onScreen(e.Position), true, e.Modifier)
	}
}

// reportMove reports that the mouse came to another cell, if the guest wants to know.
func (t *Terminal) reportMove(p fyne.Position) {
	button, wanted := buttonNone, vt.MouseMoves
	if t.drag == dragReport {
		button, wanted = t.button, vt.MouseDrags
	}
	m := modifiers()
	if t.screen.Mouse().Reports < wanted || t.drag != dragReport && !t.reports(m) {
		return
	}
	if at := t.onScreen(p); at != t.mouseAt {
		t.report(button|mouseMotion, at, false, m)
	}
}

// reportWheel reports whole notches of the wheel.
func (t *Terminal) reportWheel(e *fyne.ScrollEvent, m fyne.KeyModifier) {
	t.wheel += e.Scrolled.DY / wheelNotch
	notches := int(t.wheel)
	t.wheel -= float32(notches)
	button := buttonWheelUp
	if notches < 0 {
		button, notches = buttonWheelDown, -notches
	}
	for range min(notches, 10) {
		t.report(button, t.onScreen(e.Position), false, m)
	}
}
