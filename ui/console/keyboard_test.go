package console

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"guesthouse/hypervisor/display"
	"guesthouse/hypervisor/keymap"
)

// keyLog is a guest's keyboard that writes down what it gets: "+1e" is a press of QEMU key 0x1e, "-1e" its release.
type keyLog struct{ events, syms []string }

func (l *keyLog) Key(qnum, keysym uint32, down bool) {
	sign := "-"
	if down {
		sign = "+"
	}
	l.events = append(l.events, fmt.Sprintf("%s%x", sign, qnum))
	l.syms = append(l.syms, fmt.Sprintf("%s%x", sign, keysym))
}

func (l *keyLog) take() string {
	s := strings.Join(l.events, " ")
	l.events, l.syms = nil, nil
	return s
}

func testKeyboard() (*keyboard, *keyLog, *[]uint16) {
	guest, commands := &keyLog{}, &[]uint16{}
	k := newKeyboard(func() keyInput { return guest }, func(code uint16) bool {
		if hostCommands[code] == cmdNone {
			return false
		}
		*commands = append(*commands, code)
		return true
	})
	return k, guest, commands
}

func expect(t *testing.T, got, want string) {
	t.Helper()
	if got != want {
		t.Errorf("the guest got %q, want %q", got, want)
	}
}

// tap presses and releases as Fyne reports it: down, typed, up.
func tap(k *keyboard, code uint16) {
	k.press(code)
	k.typed()
	k.release(code)
}

func TestKeyboardEveryKey(t *testing.T) {
	k, guest, _ := testKeyboard()
	sent := 0
	for code := uint16(1); code < 256; code++ {
		qnum, ok := keymap.QnumFromEvdev(code)
		if !ok || code == keymap.RightCtrl {
			continue
		}
		tap(k, code)
		expect(t, guest.take(), fmt.Sprintf("+%x -%x", qnum, qnum))
		sent++
	}
	if sent < 100 {
		t.Errorf("only %d keys reach the guest", sent)
	}
}

func TestKeyboardRepeats(t *testing.T) {
	k, guest, _ := testKeyboard()
	k.press(keymap.A)
	k.typed() // belongs to the press
	k.typed() // these two are repeats
	k.typed()
	k.release(keymap.A)
	expect(t, guest.take(), "+1e +1e +1e -1e")

	k.press(keymap.LeftShift)
	k.typed()
	k.typed() // a modifier does not repeat
	k.release(keymap.LeftShift)
	expect(t, guest.take(), "+2a -2a")
}

func TestKeyboardIgnoresStrangeReleases(t *testing.T) {
	k, guest, _ := testKeyboard()
	k.release(keymap.A)
	k.press(0) // a key that has no code
	k.typed()
	k.release(0)
	expect(t, guest.take(), "")
}

func TestKeyboardReleasesAll(t *testing.T) {
	k, guest, _ := testKeyboard()
	k.press(keymap.LeftCtrl)
	k.press(keymap.LeftAlt)
	k.press(keymap.A)
	guest.take()
	k.releaseAll()
	expect(t, guest.take(), "-1d -1e -38")
	k.release(keymap.A) // GLFW's own release comes later
	k.typed()
	expect(t, guest.take(), "")
}

func TestHostKey(t *testing.T) {
	for _, c := range []struct {
		name     string
		play     func(k *keyboard)
		guest    string
		commands []uint16
	}{
		{"a tap goes to the guest", func(k *keyboard) { tap(k, keymap.RightCtrl) }, "+9d -9d", nil},
		{"a command does not", func(k *keyboard) {
			k.press(keymap.RightCtrl)
			tap(k, keymap.F)
			k.release(keymap.RightCtrl)
		}, "", []uint16{keymap.F}},
		{"any other key takes it along", func(k *keyboard) {
			k.press(keymap.RightCtrl)
			tap(k, keymap.Z)
			tap(k, keymap.F) // the guest holds Right Ctrl already
			k.release(keymap.RightCtrl)
		}, "+9d +2c -2c +21 -21 -9d", nil},
		{"two commands in one hold", func(k *keyboard) {
			k.press(keymap.RightCtrl)
			tap(k, keymap.E)
			tap(k, keymap.P)
			k.release(keymap.RightCtrl)
		}, "", []uint16{keymap.E, keymap.P}},
		{"focus lost in between", func(k *keyboard) {
			k.press(keymap.RightCtrl)
			k.releaseAll()
			k.release(keymap.RightCtrl)
			tap(k, keymap.F)
		}, "+21 -21", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			k, guest, commands := testKeyboard()
			c.play(k)
			expect(t, guest.take(), c.guest)
			if !slices.Equal(*commands, c.commands) {
				t.Errorf("commands %v, want %v", *commands, c.commands)
			}
		})
	}
}

func TestChord(t *testing.T) {
	k, guest, _ := testKeyboard()
	k.press(keymap.A)
	guest.take()
	k.chord(ctrlAltDel...)
	expect(t, guest.take(), "-1e +1d +38 +d3 -d3 -38 -1d")
	k.chord(ctrlAltF(12)...)
	expect(t, guest.take(), "+1d +38 +58 -58 -38 -1d")
}

// TestCombosAreExact: each entry of the menu has keys that exist, all different, so it arrives as exactly that combination.
func TestCombosAreExact(t *testing.T) {
	for _, c := range combos() {
		seen := map[uint16]bool{}
		for _, code := range c.keys {
			if _, ok := keymap.QnumFromEvdev(code); !ok || seen[code] {
				t.Errorf("%s: key %d", c.label, code)
			}
			seen[code] = true
		}
		if (c.label == "") != (c.keys == nil) {
			t.Errorf("%q has keys %v", c.label, c.keys)
		}
	}
}

// TestKeysymsFollowLocks: keysyms agree with the guest's locks, or QEMU would press Num Lock and Caps Lock to make them agree.
func TestKeysymsFollowLocks(t *testing.T) {
	for _, c := range []struct {
		leds  display.LEDs
		shift bool
		code  uint16
		want  string
	}{
		{display.LEDs{}, false, keymap.A, "+61"},
		{display.LEDs{}, true, keymap.A, "+41"},
		{display.LEDs{Caps: true}, false, keymap.A, "+41"},
		{display.LEDs{Caps: true}, true, keymap.A, "+61"},
		{display.LEDs{Caps: true}, false, keymap.Key1, "+31"},
		{display.LEDs{Num: true}, false, keymap.KP7, "+ffb7"},
		{display.LEDs{}, false, keymap.KP7, "+ff95"},
		{display.LEDs{Num: true}, false, keymap.KPPlus, "+ffab"},
	} {
		k, guest, _ := testKeyboard()
		k.leds = c.leds
		if c.shift {
			k.press(keymap.LeftShift)
		}
		guest.take()
		k.press(c.code)
		if got := strings.Join(guest.syms, " "); got != c.want {
			t.Errorf("%+v shift %v key %d: keysym %s, want %s", c.leds, c.shift, c.code, got, c.want)
		}
	}
	k, guest, _ := testKeyboard()
	tap(k, keymap.CapsLock)
	guest.take()
	k.press(keymap.B)
	if got := strings.Join(guest.syms, " "); got != "+42" {
		t.Errorf("after Caps Lock, before the guest reported it: keysym %s, want +42", got)
	}
}
