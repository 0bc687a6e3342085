// Package keymap turns the keys of the host's keyboard into the key numbers that a guest's keyboard is fed with.
//
// The host says which key moved as a scan code, whatever its layout: an X11 key code, or an evdev code. QEMU takes a "qnum"; the guest then
// applies its own layout. Servers other than QEMU want X11 keysyms, for which this package assumes a US layout. All functions only read
// tables and may be called on any goroutine.
package keymap

// maxX11 is the largest key code of the X protocol.
const maxX11 = 255

// evdevOffset is what X servers on Linux add to an evdev code.
const evdevOffset = 8

// EvdevFromX11 turns an X11 key code into an evdev code; 0 for what is not a key code.
func EvdevFromX11(keycode int) uint16 {
	if keycode <= evdevOffset || keycode > maxX11 {
		return 0
	}
	return uint16(keycode - evdevOffset)
}

// QnumFromEvdev gives QEMU's number of a key. ok is false for a key that no QEMU keyboard has.
func QnumFromEvdev(evdev uint16) (qnum uint32, ok bool) {
	if int(evdev) >= len(qnums) || qnums[evdev] == 0 {
		return 0, false
	}
	return uint32(qnums[evdev]), true
}

// IsModifier reports whether the key acts only together with others (Shift, Ctrl, Alt, Super).
func IsModifier(evdev uint16) bool {
	switch evdev {
	case LeftShift, RightShift, LeftCtrl, RightCtrl, LeftAlt, RightAlt, LeftMeta, RightMeta:
		return true
	}
	return false
}
