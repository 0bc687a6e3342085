package console

import (
	"strings"

	"guesthouse/hypervisor/keymap"
	"guesthouse/ui/lang"
)

// keyNames are what is written on the keys of a US keyboard, by evdev code; letters and digits are named after their position there.
var keyNames = map[uint16]string{
	keymap.Esc: lang.Key("Esc"), keymap.Backspace: lang.Key("Backspace"), keymap.Tab: lang.Key("Tab"), keymap.Enter: lang.Key("Enter"),
	keymap.LeftCtrl: lang.Key("Ctrl"), keymap.RightCtrl: lang.Key("Right Ctrl"), keymap.LeftShift: lang.Key("Shift"),
	keymap.RightShift: lang.Key("Right Shift"), keymap.LeftAlt: lang.Key("Alt"), keymap.RightAlt: lang.Key("AltGr"),
	keymap.LeftMeta: lang.Key("Super"), keymap.RightMeta: lang.Key("Right Super"), keymap.Menu: lang.Key("Menu"),
	keymap.Space: lang.Key("Space"), keymap.CapsLock: lang.Key("Caps Lock"), keymap.NumLock: lang.Key("Num Lock"),
	keymap.ScrollLock: lang.Key("Scroll Lock"), keymap.SysRq: lang.Key("Print Screen"), keymap.Pause: lang.Key("Pause"),
	keymap.Home: lang.Key("Home"), keymap.End: lang.Key("End"), keymap.PageUp: lang.Key("Page Up"), keymap.PageDown: lang.Key("Page Down"),
	keymap.Insert: lang.Key("Insert"), keymap.Delete: lang.Key("Del"), keymap.Up: lang.Key("Up"), keymap.Down: lang.Key("Down"),
	keymap.Left: lang.Key("Left"), keymap.Right: lang.Key("Right"), keymap.KPEnter: lang.Key("Keypad Enter"),
	keymap.KPPlus: lang.Key("Keypad +"), keymap.KPMinus: lang.Key("Keypad -"), keymap.KPAsterisk: lang.Key("Keypad *"),
	keymap.KPSlash: lang.Key("Keypad /"), keymap.KPDot: lang.Key("Keypad ."), keymap.Key102nd: lang.Key("the key beside left Shift"),
}

// keyName names a key for the user.
func keyName(code uint16) string {
	if name, ok := keyNames[code]; ok {
		return lang.L(name)
	}
	switch {
	case code >= keymap.F1 && code <= keymap.F10:
		return lang.F("F%d", code-keymap.F1+1)
	case code == keymap.F11 || code == keymap.F12:
		return lang.F("F%d", code-keymap.F11+11)
	case code >= keymap.F13 && code <= keymap.F24:
		return lang.F("F%d", code-keymap.F13+13)
	case isKeypad(code):
		if sym, ok := keymap.KeysymFromEvdev(code, false); ok {
			const keypadZero = 0xffb0 // XK_KP_0
			return lang.F("Keypad %d", sym-keypadZero)
		}
	}
	if sym, ok := keymap.KeysymFromEvdev(code, false); ok && sym > ' ' && sym <= '~' {
		return strings.ToUpper(string(rune(sym)))
	}
	return lang.F("Key %d", code)
}

// chordName names keys that are pressed together.
func chordName(codes []uint16) string {
	names := make([]string, len(codes))
	for i, code := range codes {
		names[i] = keyName(code)
	}
	return strings.Join(names, "+")
}
