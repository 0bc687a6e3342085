package keymap

// A sym is the keysym of a key without and with Shift on a US keyboard; shifted 0: the same.
type sym struct{ plain, shifted uint16 }

// syms holds X11 keysyms (X11/keysymdef.h, XF86keysym.h) of a US keyboard by evdev code. Printable ASCII characters are their own keysyms.
var syms = [...]sym{
	Key1: {'1', '!'}, Key2: {'2', '@'}, Key3: {'3', '#'}, Key4: {'4', '$'}, Key5: {'5', '%'},
	Key6: {'6', '^'}, Key7: {'7', '&'}, Key8: {'8', '*'}, Key9: {'9', '('}, Key0: {'0', ')'},
	Minus: {'-', '_'}, Equal: {'=', '+'}, LeftBrace: {'[', '{'}, RightBrace: {']', '}'}, Backslash: {'\\', '|'},
	Semicolon: {';', ':'}, Apostrophe: {'\'', '"'}, Grave: {'`', '~'}, Comma: {',', '<'}, Dot: {'.', '>'}, Slash: {'/', '?'},
	Space: {' ', 0}, Key102nd: {'<', '>'},

	A: {'a', 'A'}, B: {'b', 'B'}, C: {'c', 'C'}, D: {'d', 'D'}, E: {'e', 'E'}, F: {'f', 'F'}, G: {'g', 'G'},
	H: {'h', 'H'}, I: {'i', 'I'}, J: {'j', 'J'}, K: {'k', 'K'}, L: {'l', 'L'}, M: {'m', 'M'}, N: {'n', 'N'},
	O: {'o', 'O'}, P: {'p', 'P'}, Q: {'q', 'Q'}, R: {'r', 'R'}, S: {'s', 'S'}, T: {'t', 'T'}, U: {'u', 'U'},
	V: {'v', 'V'}, W: {'w', 'W'}, X: {'x', 'X'}, Y: {'y', 'Y'}, Z: {'z', 'Z'},

	Backspace: {0xff08, 0}, Tab: {0xff09, 0xfe20}, Enter: {0xff0d, 0}, Pause: {0xff13, 0}, ScrollLock: {0xff14, 0},
	SysRq: {0xff61, 0}, Esc: {0xff1b, 0}, Delete: {0xffff, 0}, Insert: {0xff63, 0}, Menu: {0xff67, 0}, NumLock: {0xff7f, 0},
	Home: {0xff50, 0}, Left: {0xff51, 0}, Up: {0xff52, 0}, Right: {0xff53, 0}, Down: {0xff54, 0},
	PageUp: {0xff55, 0}, PageDown: {0xff56, 0}, End: {0xff57, 0}, Help: {0xff6a, 0}, Undo: {0xff65, 0}, Again: {0xff66, 0},
	LeftShift: {0xffe1, 0}, RightShift: {0xffe2, 0}, LeftCtrl: {0xffe3, 0}, RightCtrl: {0xffe4, 0}, CapsLock: {0xffe5, 0},
	LeftAlt: {0xffe9, 0}, RightAlt: {0xffea, 0}, LeftMeta: {0xffeb, 0}, RightMeta: {0xffec, 0},

	F1: {0xffbe, 0}, F2: {0xffbf, 0}, F3: {0xffc0, 0}, F4: {0xffc1, 0}, F5: {0xffc2, 0}, F6: {0xffc3, 0},
	F7: {0xffc4, 0}, F8: {0xffc5, 0}, F9: {0xffc6, 0}, F10: {0xffc7, 0}, F11: {0xffc8, 0}, F12: {0xffc9, 0},
	F13: {0xffca, 0}, F14: {0xffcb, 0}, F15: {0xffcc, 0}, F16: {0xffcd, 0}, F17: {0xffce, 0}, F18: {0xffcf, 0},
	F19: {0xffd0, 0}, F20: {0xffd1, 0}, F21: {0xffd2, 0}, F22: {0xffd3, 0}, F23: {0xffd4, 0}, F24: {0xffd5, 0},

	// The keypad as with Num Lock on, which is what a user who presses a digit means.
	KP0: {0xffb0, 0xff9e}, KP1: {0xffb1, 0xff9c}, KP2: {0xffb2, 0xff99}, KP3: {0xffb3, 0xff9b}, KP4: {0xffb4, 0xff96},
	KP5: {0xffb5, 0xff9d}, KP6: {0xffb6, 0xff98}, KP7: {0xffb7, 0xff95}, KP8: {0xffb8, 0xff97}, KP9: {0xffb9, 0xff9a},
	KPDot: {0xffae, 0xff9f}, KPEnter: {0xff8d, 0}, KPPlus: {0xffab, 0}, KPMinus: {0xffad, 0}, KPAsterisk: {0xffaa, 0},
	KPSlash: {0xffaf, 0}, KPEqual: {0xffbd, 0}, KPComma: {0xffac, 0}, KPJPComma: {0xffac, 0},

	Muhenkan: {0xff22, 0}, Henkan: {0xff23, 0}, Hiragana: {0xff25, 0}, Katakana: {0xff26, 0}, KatakanaHiragana: {0xff27, 0},
	ZenkakuHankaku: {0xff2a, 0}, Hangul: {0xff31, 0}, Hanja: {0xff34, 0}, Yen: {'\\', '|'}, Ro: {'\\', '_'},
}

// KeysymFromEvdev gives the X11 keysym that a key has on a US keyboard, for servers that take no key numbers. shift says whether a Shift
// key is down. ok is false for a key without a keysym here.
func KeysymFromEvdev(evdev uint16, shift bool) (keysym uint32, ok bool) {
	if int(evdev) >= len(syms) || syms[evdev].plain == 0 {
		return 0, false
	}
	s := syms[evdev]
	if shift && s.shifted != 0 {
		return uint32(s.shifted), true
	}
	return uint32(s.plain), true
}

// EvdevFromRune gives the key, and whether it needs Shift, that types r on a US keyboard: the way back, for typing text into a guest.
func EvdevFromRune(r rune) (evdev uint16, shift, ok bool) {
	switch r {
	case '\n', '\r':
		return Enter, false, true
	case '\t':
		return Tab, false, true
	case '\b':
		return Backspace, false, true
	}
	if r < ' ' || r > '~' {
		return 0, false, false
	}
	for _, code := range typing {
		switch s := syms[code]; uint16(r) {
		case s.plain:
			return code, false, true
		case s.shifted:
			return code, true, true
		}
	}
	return 0, false, false
}

// typing lists the keys of a US keyboard that type a character.
var typing = []uint16{
	Key1, Key2, Key3, Key4, Key5, Key6, Key7, Key8, Key9, Key0, Minus, Equal, Q, W, E, R, T, Y, U, I, O, P, LeftBrace, RightBrace,
	A, S, D, F, G, H, J, K, L, Semicolon, Apostrophe, Grave, Backslash, Z, X, C, V, B, N, M, Comma, Dot, Slash, Space,
}
