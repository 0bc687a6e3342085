package console

import (
	"maps"
	"slices"

	"guesthouse/hypervisor/display"
	"guesthouse/hypervisor/keymap"
)

// keyInput is the part of a display.Source that takes keys.
type keyInput interface {
	Key(qnum, keysym uint32, down bool)
}

// keyboard turns presses of physical keys (evdev codes) into what the guest's keyboard reports. Each window has its own. It belongs to the
// UI goroutine.
//
// The host key (Right Ctrl) starts commands of the window: while it is held, keys that command knows do not reach the guest. A tap on it
// alone, or together with any other key, goes to the guest as Right Ctrl, so no key is lost.
type keyboard struct {
	// input returns where keys go, nil while there is nobody to take them.
	input func() keyInput
	// command runs the window's command for host key plus key and reports whether there is one.
	command func(evdev uint16) bool

	down map[uint16]bool // keys that the guest believes down
	last uint16          // the key that auto-repeats, 0 when none
	// fresh is true between a press and the typed event that belongs to it: Fyne announces a press twice and a repeat once.
	fresh bool

	hostDown, hostUsed, hostSent bool

	// The guest's locks as last reported, or as our own presses must have left them. They go into keysyms: QEMU presses Num Lock or Caps
	// Lock itself when a keysym contradicts what it believes of them (do_key_event in ui/vnc.c).
	leds display.LEDs
}

func newKeyboard(input func() keyInput, command func(uint16) bool) *keyboard {
	return &keyboard{input: input, command: command, down: map[uint16]bool{}}
}

// press handles a key that went down.
func (k *keyboard) press(code uint16) {
	k.fresh = true
	k.last = 0
	switch {
	case code == 0:
		return
	case code == keymap.RightCtrl:
		k.hostDown, k.hostUsed, k.hostSent = true, false, false
		return
	case k.hostDown && !k.hostSent:
		if k.command(code) {
			k.hostUsed = true
			return
		}
		k.hostSent = true
		k.send(keymap.RightCtrl, true)
	}
	if !keymap.IsModifier(code) {
		k.last = code
	}
	k.send(code, true)
}

// typed handles Fyne's typed events: the one that follows each press, and those that mean auto-repeat. Guests with a PS/2 keyboard do not
// repeat by themselves, so the repeat is sent as a further press.
func (k *keyboard) typed() {
	if k.fresh {
		k.fresh = false
		return
	}
	if k.last != 0 && k.down[k.last] {
		k.send(k.last, true)
	}
}

// release handles a key that went up. Keys that are not down in the guest are ignored: GLFW makes up releases after the focus is gone.
func (k *keyboard) release(code uint16) {
	if code == k.last {
		k.last = 0
	}
	if code == keymap.RightCtrl && k.hostDown {
		k.hostDown = false
		if !k.hostSent {
			if k.hostUsed {
				return
			}
			k.send(code, true)
		}
	}
	if k.down[code] {
		k.send(code, false)
	}
}

// releaseAll lets go of everything, for a window that lost the keyboard.
func (k *keyboard) releaseAll() {
	for _, code := range slices.Sorted(maps.Keys(k.down)) {
		k.send(code, false)
	}
	k.last, k.fresh = 0, false
	k.hostDown, k.hostUsed, k.hostSent = false, false, false
}

// chord presses the keys in order and releases them in reverse order.
func (k *keyboard) chord(codes ...uint16) {
	k.releaseAll()
	for _, code := range codes {
		k.send(code, true)
	}
	for _, code := range slices.Backward(codes) {
		k.send(code, false)
	}
}

func (k *keyboard) send(code uint16, down bool) {
	qnum, ok := keymap.QnumFromEvdev(code)
	if !ok {
		return
	}
	repeated := k.down[code]
	if down {
		k.down[code] = true
	} else {
		delete(k.down, code)
	}
	if down && !repeated {
		k.predictLocks(code)
	}
	if in := k.input(); in != nil {
		in.Key(qnum, k.keysym(code), down)
	}
}

// predictLocks notes what the guest will make of a lock key until it says so itself.
func (k *keyboard) predictLocks(code uint16) {
	switch code {
	case keymap.CapsLock:
		k.leds.Caps = !k.leds.Caps
	case keymap.NumLock:
		k.leds.Num = !k.leds.Num
	case keymap.ScrollLock:
		k.leds.Scroll = !k.leds.Scroll
	}
}

// keysym gives the key's symbol on a US keyboard in the guest's present state of locks and Shift; 0 when it has none.
func (k *keyboard) keysym(code uint16) uint32 {
	shift := k.down[keymap.LeftShift] || k.down[keymap.RightShift]
	switch {
	case isKeypad(code):
		shift = !k.leds.Num
	case isLetter(code):
		shift = shift != k.leds.Caps
	}
	sym, _ := keymap.KeysymFromEvdev(code, shift)
	return sym
}

// isKeypad reports whether Num Lock changes the key's meaning.
func isKeypad(code uint16) bool {
	return code >= keymap.KP7 && code <= keymap.KPDot && code != keymap.KPMinus && code != keymap.KPPlus
}

// isLetter reports whether Caps Lock changes the key's meaning on a US keyboard.
func isLetter(code uint16) bool {
	return code >= keymap.Q && code <= keymap.P || code >= keymap.A && code <= keymap.L || code >= keymap.Z && code <= keymap.M
}
