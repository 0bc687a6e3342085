package console

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"guesthouse/app/settings"
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

func testKeyboard(host ...uint16) (*keyboard, *keyLog) {
	guest := &keyLog{}
	if host == nil {
		host = []uint16{keymap.RightCtrl}
	}
	k := newKeyboard(host, isHostCommand)
	k.setInput(guest)
	return k, guest
}

// tapped stands for a tap on the host key among the commands.
const tapped = 0xffff

// acts notes what the host key asked for.
type acts []uint16

func (a *acts) note(act hostAct) {
	switch {
	case act.tapped:
		*a = append(*a, tapped)
	case act.command != 0:
		*a = append(*a, act.command)
	}
}

func (a *acts) tap(k *keyboard, code uint16) {
	a.note(k.press(code))
	k.typed()
	a.note(k.release(code))
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
	k, guest := testKeyboard()
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
	k, guest := testKeyboard()
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
	k, guest := testKeyboard()
	k.release(keymap.A)
	k.press(0) // a key that has no code
	k.typed()
	k.release(0)
	expect(t, guest.take(), "")
}

func TestKeyboardReleasesAll(t *testing.T) {
	k, guest := testKeyboard()
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
	const host, ctrl, alt = keymap.RightCtrl, keymap.LeftCtrl, keymap.LeftAlt
	one, two := []uint16{host}, []uint16{ctrl, alt}
	for _, c := range []struct {
		name  string
		keys  []uint16
		play  func(k *keyboard, a *acts)
		guest string
		acts  acts
	}{
		{"a tap does not reach the guest", one, func(k *keyboard, a *acts) { a.tap(k, host) }, "", acts{tapped}},
		{"a command does not either", one, func(k *keyboard, a *acts) {
			a.note(k.press(host))
			a.tap(k, keymap.F)
			a.note(k.release(host))
		}, "", acts{keymap.F}},
		{"any other key takes it along", one, func(k *keyboard, a *acts) {
			a.note(k.press(host))
			a.tap(k, keymap.Z)
			a.tap(k, keymap.F) // the guest holds Right Ctrl already
			a.note(k.release(host))
		}, "+9d +2c -2c +21 -21 -9d", nil},
		{"two commands in one hold", one, func(k *keyboard, a *acts) {
			a.note(k.press(host))
			a.tap(k, keymap.E)
			a.tap(k, keymap.P)
			a.note(k.release(host))
		}, "", acts{keymap.E, keymap.P}},
		{"focus lost in between", one, func(k *keyboard, a *acts) {
			a.note(k.press(host))
			k.releaseAll()
			a.note(k.release(host))
			a.tap(k, keymap.F)
		}, "+21 -21", nil},
		{"a click is no tap", one, func(k *keyboard, a *acts) {
			a.note(k.press(host))
			k.touch()
			a.note(k.release(host))
		}, "", nil},
		{"one of two keys is a key like others", two, func(k *keyboard, a *acts) {
			a.tap(k, ctrl)
			a.note(k.press(alt))
			a.tap(k, keymap.F)
			a.note(k.release(alt))
		}, "+1d -1d +38 +21 -21 -38", nil},
		{"both are the host key", two, func(k *keyboard, a *acts) {
			a.note(k.press(alt))
			a.note(k.press(ctrl))
			a.tap(k, keymap.F)
			a.note(k.release(alt))
			a.note(k.release(ctrl))
		}, "+38 -38", acts{keymap.F}},
		{"both alone are a tap", two, func(k *keyboard, a *acts) {
			a.note(k.press(ctrl))
			a.note(k.press(alt))
			a.note(k.release(ctrl))
			a.note(k.release(alt))
			a.tap(k, keymap.F)
		}, "+1d -1d +21 -21", acts{tapped}},
		{"both with another key", two, func(k *keyboard, a *acts) {
			a.note(k.press(ctrl))
			a.note(k.press(alt))
			a.tap(k, keymap.Z)
			a.note(k.release(alt))
			a.note(k.release(ctrl))
		}, "+1d -1d +1d +38 +2c -2c -38 -1d", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			k, guest := testKeyboard(c.keys...)
			var a acts
			c.play(k, &a)
			expect(t, guest.take(), c.guest)
			if !slices.Equal(a, c.acts) {
				t.Errorf("asked for %v, want %v", a, c.acts)
			}
			if !k.idle() {
				t.Error("something is still down")
			}
		})
	}
}

// TestHostKeyCommandsAreComplete: every combination that users of VirtualBox know and this window has a function for.
func TestHostKeyCommandsAreComplete(t *testing.T) {
	for _, code := range []uint16{
		keymap.F, keymap.C, keymap.A, keymap.T, keymap.R, keymap.P, keymap.H, keymap.Q, keymap.E, keymap.M, keymap.Home, keymap.Insert,
		keymap.Delete, keymap.Backspace, keymap.F1, keymap.F10, keymap.F11, keymap.F12,
	} {
		if !isHostCommand(code) {
			t.Errorf("the host key with %s does nothing", keyName(code))
		}
	}
	for _, code := range []uint16{keymap.Z, keymap.Up, keymap.LeftShift, keymap.F13} {
		if isHostCommand(code) {
			t.Errorf("the host key with %s is a command", keyName(code))
		}
	}
	k, guest := testKeyboard(keymap.LeftCtrl, keymap.LeftAlt)
	k.chordOfHost()
	expect(t, guest.take(), "+1d +38 -38 -1d")
}

func TestChord(t *testing.T) {
	k, guest := testKeyboard()
	k.press(keymap.A)
	guest.take()
	k.chord(ctrlAltDel...)
	expect(t, guest.take(), "-1e +1d +38 +d3 -d3 -38 -1d")
	k.chord(ctrlAltF(12)...)
	expect(t, guest.take(), "+1d +38 +58 -58 -38 -1d")
}

// TestCombosAreExact: each entry of the menu has keys that exist, all different, so it arrives as exactly that combination.
func TestCombosAreExact(t *testing.T) {
	usual := combos(settings.Settings{})
	for _, c := range usual {
		if !sendable(c.Keys) || c.Label == "" {
			t.Errorf("%q has keys %v", c.Label, c.Keys)
		}
	}
	if usual[0].Label != "Ctrl+Alt+Del" || len(usual) < 15 {
		t.Errorf("begins with %q, %d entries", usual[0].Label, len(usual))
	}
	own := settings.Settings{Combos: []settings.Combo{
		{Label: "mine", Keys: []uint16{keymap.LeftMeta, keymap.E}},
		{Label: "twice", Keys: []uint16{keymap.E, keymap.E}},
		{Label: "no key", Keys: []uint16{4000}},
		{Label: "none"},
		{Label: "a hand has fewer", Keys: []uint16{1, 2, 3, 4, 5, 6, 7, 8, 9}},
	}}
	if got := combos(own); len(got) != 1 || got[0].Label != "mine" {
		t.Errorf("the menu is %+v", got)
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
		k, guest := testKeyboard()
		k.setLEDs(c.leds)
		if c.shift {
			k.press(keymap.LeftShift)
		}
		guest.take()
		k.press(c.code)
		if got := strings.Join(guest.syms, " "); got != c.want {
			t.Errorf("%+v shift %v key %d: keysym %s, want %s", c.leds, c.shift, c.code, got, c.want)
		}
	}
	k, guest := testKeyboard()
	tap(k, keymap.CapsLock)
	guest.take()
	k.press(keymap.B)
	if got := strings.Join(guest.syms, " "); got != "+42" {
		t.Errorf("after Caps Lock, before the guest reported it: keysym %s, want +42", got)
	}
}
