package console

import (
	"maps"
	"slices"
	"sync"

	"guesthouse/hypervisor/display"
	"guesthouse/hypervisor/keymap"
)

// keyInput is the part of a display.Source that takes keys.
type keyInput interface {
	Key(qnum, keysym uint32, down bool)
}

// A hostAct is what the host key asks of the window.
type hostAct struct {
	tapped  bool   // it was pressed and let go alone
	command uint16 // it was held while this key went down, which is one of the window's commands; 0: none
}

// keyboard turns presses of physical keys (evdev codes) into what the guest's keyboard reports. Each window has its own. Its methods may be
// called from any goroutine and never wait: keys come from the toolkit on the UI goroutine, and from the X server on another while it is
// captured.
//
// The host key (one to three keys held together) starts commands of the window: while it is held, keys that a command knows do not reach
// the guest. Together with any other key it goes to the guest like every key. Alone it does not reach the guest.
type keyboard struct {
	command func(code uint16) bool // reports whether the host key and this key are a command

	mu    sync.Mutex
	input keyInput // nil while there is nobody to take keys
	host  []uint16

	down map[uint16]bool // keys that the guest believes down
	held map[uint16]bool // of the host key: what is down on the host
	last uint16          // the key that auto-repeats, 0 when none
	// fresh is true between a press and the typed event that belongs to it: Fyne announces a press twice and a repeat once.
	fresh bool

	hostDown, hostUsed, hostSent bool

	// The guest's locks as last reported, or as our own presses must have left them. They go into keysyms: QEMU presses Num Lock or Caps
	// Lock itself when a keysym contradicts what it believes of them (do_key_event in ui/vnc.c).
	leds display.LEDs
}

func newKeyboard(host []uint16, command func(uint16) bool) *keyboard {
	return &keyboard{host: host, command: command, down: map[uint16]bool{}, held: map[uint16]bool{}}
}

// setInput says who takes keys from now on, nil for nobody. What is down in the guest that had it is released.
func (k *keyboard) setInput(in keyInput) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.letGo()
	k.input = in
}

// setHost changes the host key.
func (k *keyboard) setHost(keys []uint16) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if !slices.Equal(k.host, keys) {
		k.letGo()
		k.host = keys
	}
}

// setLEDs takes the guest's report of its locks.
func (k *keyboard) setLEDs(l display.LEDs) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.leds = l
}

// press handles a key that went down.
func (k *keyboard) press(code uint16) (act hostAct) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.fresh = true
	k.last = 0
	switch {
	case code == 0:
		return act
	case !k.hostDown && slices.Contains(k.host, code):
		k.held[code] = true
		if len(k.held) == len(k.host) {
			k.beginHost()
			return act
		}
	case k.hostDown && !k.hostSent:
		if k.command(code) {
			k.hostUsed = true
			return hostAct{command: code}
		}
		k.sendHost()
	}
	if !keymap.IsModifier(code) {
		k.last = code
	}
	k.send(code, true)
	return act
}

// beginHost takes the keys that made the host key complete away from the guest.
func (k *keyboard) beginHost() {
	k.hostDown, k.hostUsed, k.hostSent = true, false, false
	for _, code := range slices.Backward(k.host) {
		if k.down[code] {
			k.send(code, false)
		}
	}
}

// sendHost gives the guest the held host key.
func (k *keyboard) sendHost() {
	k.hostSent = true
	for _, code := range k.host {
		k.send(code, true)
	}
}

// typed handles Fyne's typed events: the one that follows each press, and those that mean auto-repeat. Guests with a PS/2 keyboard do not
// repeat by themselves, so the repeat is sent as a further press.
func (k *keyboard) typed() {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.fresh {
		k.fresh = false
		return
	}
	if k.last != 0 && k.down[k.last] {
		k.send(k.last, true)
	}
}

// repeat handles an auto-repeat of one key, as the X server reports it.
func (k *keyboard) repeat(code uint16) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if code == k.last && k.down[code] {
		k.send(code, true)
	}
}

// release handles a key that went up. Keys that are not down in the guest are ignored: GLFW makes up releases after the focus is gone.
func (k *keyboard) release(code uint16) (act hostAct) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if code == k.last {
		k.last = 0
	}
	if k.held[code] {
		delete(k.held, code)
		if k.hostDown {
			k.hostDown = false
			act.tapped = !k.hostUsed && !k.hostSent
		}
	}
	if k.down[code] {
		k.send(code, false)
	}
	return act
}

// touch notes that the host key serves another purpose, such as a click: letting it go is no tap then.
func (k *keyboard) touch() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.hostUsed = true
}

// idle reports whether no key is down, here or in the guest.
func (k *keyboard) idle() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return len(k.down) == 0 && len(k.held) == 0
}

// releaseAll lets go of everything, for a window that lost the keyboard.
func (k *keyboard) releaseAll() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.letGo()
}

func (k *keyboard) letGo() {
	for _, code := range slices.Sorted(maps.Keys(k.down)) {
		k.send(code, false)
	}
	clear(k.held)
	k.last, k.fresh = 0, false
	k.hostDown, k.hostUsed, k.hostSent = false, false, false
}

// chord presses the keys in order and releases them in reverse order. What was down in the guest is released before; the host key may stay
// held for a further command.
func (k *keyboard) chord(codes ...uint16) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, code := range slices.Sorted(maps.Keys(k.down)) {
		k.send(code, false)
	}
	k.last = 0
	for _, code := range codes {
		k.send(code, true)
	}
	for _, code := range slices.Backward(codes) {
		k.send(code, false)
	}
}

// chordOfHost types the host key itself.
func (k *keyboard) chordOfHost() {
	k.mu.Lock()
	host := k.host
	k.mu.Unlock()
	k.chord(host...)
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
	if k.input != nil {
		k.input.Key(qnum, k.keysym(code), down)
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
