package keymap

import "testing"

// What QEMU makes of every number is tested against a real QEMU in guest_test.go and in display/rfb.

func TestEvdevFromX11(t *testing.T) {
	for _, c := range []struct {
		keycode int
		want    uint16
	}{{38, A}, {23, Tab}, {79, KP7}, {133, LeftMeta}, {255, 247}, {8, 0}, {0, 0}, {-1, 0}, {256, 0}, {1 << 40, 0}} {
		if got := EvdevFromX11(c.keycode); got != c.want {
			t.Errorf("key code %d: %d, want %d", c.keycode, got, c.want)
		}
	}
}

func TestNoTwoKeysShareANumber(t *testing.T) {
	owner := map[uint32]uint16{}
	for evdev := range uint16(1024) {
		qnum, ok := QnumFromEvdev(evdev)
		if !ok || evdev == ZenkakuHankaku {
			continue
		}
		if qnum == 0 || qnum > 0xff || qnum == 0x80 {
			t.Errorf("evdev %d: number %#x", evdev, qnum)
		}
		if other, taken := owner[qnum]; taken {
			t.Errorf("evdev %d and %d both have number %#x", other, evdev, qnum)
		}
		owner[qnum] = evdev
	}
	if len(owner) < 140 {
		t.Errorf("only %d keys", len(owner))
	}
}

// In the part of the keyboard that the original PC had, evdev codes are scan codes of set 1.
func TestOriginalKeysKeepTheirScanCode(t *testing.T) {
	for evdev := uint16(Esc); evdev <= KPDot; evdev++ {
		if qnum, ok := QnumFromEvdev(evdev); !ok || qnum != uint32(evdev) {
			t.Errorf("evdev %d: number %#x, %v", evdev, qnum, ok)
		}
	}
}

func TestUnknownKeysHaveNoNumber(t *testing.T) {
	for _, evdev := range []uint16{0, 84, 240, 0x110, 0xffff} {
		if qnum, ok := QnumFromEvdev(evdev); ok || qnum != 0 {
			t.Errorf("evdev %d: number %#x", evdev, qnum)
		}
		if sym, ok := KeysymFromEvdev(evdev, true); ok || sym != 0 {
			t.Errorf("evdev %d: keysym %#x", evdev, sym)
		}
	}
}

func TestKeysyms(t *testing.T) {
	for _, c := range []struct {
		evdev uint16
		shift bool
		want  uint32
	}{
		{A, false, 'a'},
		{A, true, 'A'},
		{Key2, true, '@'},
		{Enter, true, 0xff0d},
		{F12, false, 0xffc9},
		{KP5, false, 0xffb5},
		{RightAlt, false, 0xffea},
		{Delete, false, 0xffff},
	} {
		if got, ok := KeysymFromEvdev(c.evdev, c.shift); !ok || got != c.want {
			t.Errorf("evdev %d, shift %v: keysym %#x, want %#x", c.evdev, c.shift, got, c.want)
		}
	}
}

// Every printable ASCII character can be typed, and the key that types it has it as its keysym.
func TestEveryASCIICharacterHasAKey(t *testing.T) {
	for r := rune(' '); r <= '~'; r++ {
		evdev, shift, ok := EvdevFromRune(r)
		if !ok {
			t.Errorf("no key for %q", r)
			continue
		}
		if sym, ok := KeysymFromEvdev(evdev, shift); !ok || sym != uint32(r) {
			t.Errorf("%q: evdev %d types %#x", r, evdev, sym)
		}
	}
	for _, r := range []rune{0, 'é', 0x7f, 0x10000 + 'a', -1} {
		if _, _, ok := EvdevFromRune(r); ok {
			t.Errorf("a key for %q", r)
		}
	}
}

func TestModifiers(t *testing.T) {
	if !IsModifier(LeftCtrl) || !IsModifier(RightAlt) || IsModifier(CapsLock) || IsModifier(A) {
		t.Error("wrong")
	}
}
