package console

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/driver/desktop"

	"guesthouse/hypervisor/display"
)

// notch is how far Fyne's Scrolled says a wheel turned by one click (scrollSpeed of its GLFW driver).
const notch = 25

// mouse is what the guest knows of the pointer.
type mouse struct {
	x, y    int // guest pixels
	buttons display.ButtonMask
	seen    bool // x and y are where the pointer really was
	over    bool // the pointer is over the picture
	// upSeen is true between a release that was delivered and the DragEnd that follows it.
	upSeen bool
	// wheelX and wheelY hold what is left of a turn that is not a whole notch.
	wheelX, wheelY float32
}

// sideButtons are those that Fyne does not know; x11.Handlers.Side tells of them.
const sideButtons = display.ButtonBack | display.ButtonForward

// buttonOf maps Fyne's buttons to the guest's. Fyne has three; others arrive as 0.
func buttonOf(b desktop.MouseButton) display.ButtonMask {
	var mask display.ButtonMask
	if b&desktop.MouseButtonPrimary != 0 {
		mask |= display.ButtonLeft
	}
	if b&desktop.MouseButtonSecondary != 0 {
		mask |= display.ButtonRight
	}
	if b&desktop.MouseButtonTertiary != 0 {
		mask |= display.ButtonMiddle
	}
	return mask
}

// point moves the guest's pointer to a position in the widget with these buttons down.
func (d *Display) point(pos fyne.Position, buttons display.ButtonMask) {
	x, y, _ := d.at.toGuest(pos)
	if d.at.picture.Empty() {
		return
	}
	dx, dy := x-d.mouse.x, y-d.mouse.y
	if !d.mouse.seen {
		dx, dy = 0, 0
	}
	moved := dx != 0 || dy != 0 || !d.mouse.seen
	pressed := buttons != d.mouse.buttons
	d.mouse.x, d.mouse.y, d.mouse.seen, d.mouse.buttons = x, y, true, buttons
	if d.input == nil || !moved && !pressed || d.onlySteered() {
		return
	}
	if d.screen.absolute {
		d.input.Pointer(x, y, buttons)
	} else {
		d.input.Relative(dx, dy, buttons)
	}
}

// setButtons changes only what is held.
func (d *Display) setButtons(buttons display.ButtonMask) {
	if buttons == d.mouse.buttons {
		return
	}
	d.mouse.buttons = buttons
	if d.input == nil || d.onlySteered() {
		return
	}
	if d.screen.absolute {
		d.input.Pointer(d.mouse.x, d.mouse.y, buttons)
	} else {
		d.input.Relative(0, 0, buttons)
	}
}

// onlySteered reports whether the guest gets movements only while the pointer is captured.
func (d *Display) onlySteered() bool { return !d.screen.absolute && d.steered != nil && d.steered() }

// MouseDown implements desktop.Mouseable. A click beside the picture is not the guest's, but it brings the keyboard. One that captures the
// pointer is not the guest's either: nobody aimed it.
func (d *Display) MouseDown(e *desktop.MouseEvent) {
	d.Focus()
	d.keyboard.touch()
	d.mouse.upSeen = false
	if _, _, inside := d.at.toGuest(e.Position); !inside {
		return
	}
	if d.input != nil && d.onlySteered() {
		d.OnCapture()
		return
	}
	d.point(e.Position, d.mouse.buttons|buttonOf(e.Button))
}

// MouseUp implements desktop.Mouseable.
func (d *Display) MouseUp(e *desktop.MouseEvent) {
	d.mouse.upSeen = true
	d.point(e.Position, d.mouse.buttons&^buttonOf(e.Button))
}

// MouseIn implements desktop.Hoverable.
func (d *Display) MouseIn(e *desktop.MouseEvent) { d.MouseMoved(e) }

// MouseMoved implements desktop.Hoverable. Its Button is the mask of what is held: a button that was released where nobody told us is
// missing in it.
func (d *Display) MouseMoved(e *desktop.MouseEvent) {
	d.OnPointer(e.AbsolutePosition)
	_, _, d.mouse.over = d.at.toGuest(e.Position)
	d.point(e.Position, d.mouse.buttons&(buttonOf(e.Button)|sideButtons))
}

// MouseOut implements desktop.Hoverable. The release of a right button outside is never reported, so it is released now. While the left or
// middle one drags, MouseOut does not come.
func (d *Display) MouseOut() {
	d.mouse.over = false
	d.setButtons(0)
}

// side presses or releases a side button. One that is pressed beside the picture is not the guest's.
func (d *Display) side(button display.ButtonMask, down bool) {
	if !down {
		d.setButtons(d.mouse.buttons &^ button)
	} else if d.mouse.over {
		d.setButtons(d.mouse.buttons | button)
	}
}

// Dragged implements fyne.Draggable: motion while the left or middle button is held, also outside the widget (toGuest keeps it inside the
// screen).
func (d *Display) Dragged(e *fyne.DragEvent) {
	d.mouse.upSeen = false
	d.point(e.Position, d.mouse.buttons)
}

// DragEnd implements fyne.Draggable. It is all that reports a left or middle release outside the widget; a release inside was reported by
// MouseUp just before. A release outside also took the keyboard away.
func (d *Display) DragEnd() {
	if !d.mouse.upSeen {
		d.setButtons(d.mouse.buttons &^ (display.ButtonLeft | display.ButtonMiddle))
	}
	d.mouse.upSeen = false
	d.Focus()
}

// Scrolled implements fyne.Scrollable: each notch is a press and a release of a wheel button.
func (d *Display) Scrolled(e *fyne.ScrollEvent) {
	d.mouse.wheelY = d.turn(d.mouse.wheelY+e.Scrolled.DY, display.WheelUp, display.WheelDown)
	d.mouse.wheelX = d.turn(d.mouse.wheelX+e.Scrolled.DX, display.WheelLeft, display.WheelRight)
}

// turn sends the whole notches of a turn and returns the rest.
func (d *Display) turn(amount float32, up, down display.ButtonMask) (rest float32) {
	for ; amount >= notch; amount -= notch {
		d.click(up)
	}
	for ; amount <= -notch; amount += notch {
		d.click(down)
	}
	return amount
}

func (d *Display) click(wheel display.ButtonMask) {
	held := d.mouse.buttons
	d.setButtons(held | wheel)
	d.setButtons(held)
}

// Cursor implements desktop.Cursorable: over a live picture the guest's own pointer, elsewhere the host's. A guest that never said what its
// pointer looks like draws it itself; the host's pointer stays then, or nobody could see where it is in a guest without one.
func (d *Display) Cursor() desktop.Cursor {
	switch {
	case d.input == nil, d.ownPointer:
		return desktop.DefaultCursor
	case d.screen.hidden:
		return desktop.HiddenCursor
	case d.screen.cursor != nil:
		return d.screen.cursor
	}
	return desktop.DefaultCursor
}
