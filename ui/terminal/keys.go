package terminal

import (
	"bytes"
	"fmt"
	"strings"

	"fyne.io/fyne/v2"

	"guesthouse/hypervisor/vt"
)

// modifierNumber is xterm's parameter for a key pressed together with modifiers, 0 without any.
func modifierNumber(m fyne.KeyModifier) int {
	n := 0
	if m&fyne.KeyModifierShift != 0 {
		n |= 1
	}
	if m&fyne.KeyModifierAlt != 0 {
		n |= 2
	}
	if m&fyne.KeyModifierControl != 0 {
		n |= 4
	}
	if n == 0 {
		return 0
	}
	return n + 1
}

// cursorKeys end in a letter and have an application mode; f1To4 end in a letter too; tildeKeys have a number.
var (
	cursorKeys = map[fyne.KeyName]byte{
		fyne.KeyUp: 'A', fyne.KeyDown: 'B', fyne.KeyRight: 'C', fyne.KeyLeft: 'D', fyne.KeyHome: 'H', fyne.KeyEnd: 'F',
	}
	f1To4     = map[fyne.KeyName]byte{fyne.KeyF1: 'P', fyne.KeyF2: 'Q', fyne.KeyF3: 'R', fyne.KeyF4: 'S'}
	tildeKeys = map[fyne.KeyName]int{
		fyne.KeyInsert: 2, fyne.KeyDelete: 3, fyne.KeyPageUp: 5, fyne.KeyPageDown: 6,
		fyne.KeyF5: 15, fyne.KeyF6: 17, fyne.KeyF7: 18, fyne.KeyF8: 19, fyne.KeyF9: 20, fyne.KeyF10: 21, fyne.KeyF11: 23, fyne.KeyF12: 24,
	}
)

// specialKey returns what xterm sends for a key that stands for no character; nil when it does.
func specialKey(name fyne.KeyName, m fyne.KeyModifier, k vt.Keys) []byte {
	n := modifierNumber(m)
	if c, ok := cursorKeys[name]; ok {
		switch {
		case n > 0:
			return fmt.Appendf(nil, "\x1b[1;%d%c", n, c)
		case k.Cursor:
			return []byte{0x1b, 'O', c}
		}
		return []byte{0x1b, '[', c}
	}
	if c, ok := f1To4[name]; ok {
		if n > 0 {
			return fmt.Appendf(nil, "\x1b[1;%d%c", n, c)
		}
		return []byte{0x1b, 'O', c}
	}
	if number, ok := tildeKeys[name]; ok {
		if n > 0 {
			return fmt.Appendf(nil, "\x1b[%d;%d~", number, n)
		}
		return fmt.Appendf(nil, "\x1b[%d~", number)
	}
	var b []byte
	switch name {
	case fyne.KeyReturn, fyne.KeyEnter:
		b = []byte{'\r'}
	case fyne.KeyTab:
		if b = []byte{'\t'}; m&fyne.KeyModifierShift != 0 {
			return []byte("\x1b[Z")
		}
	case fyne.KeyBackspace:
		if b = []byte{0x7f}; m&fyne.KeyModifierControl != 0 {
			b = []byte{'\b'}
		}
	case fyne.KeyEscape:
		b = []byte{0x1b}
	default:
		return nil
	}
	return withAlt(b, m)
}

// withAlt puts ESC before what a key sends while Alt is held.
func withAlt(b []byte, m fyne.KeyModifier) []byte {
	if m&fyne.KeyModifierAlt != 0 && len(b) > 0 {
		return append([]byte{0x1b}, b...)
	}
	return b
}

// chord returns what Ctrl or Alt together with a character's key sends, nil for nothing.
func chord(name fyne.KeyName, m fyne.KeyModifier) []byte {
	if m&fyne.KeyModifierSuper != 0 {
		return nil
	}
	c := byte(' ')
	switch {
	case name == fyne.KeySpace:
	case len(name) == 1:
		c = name[0]
	default:
		return nil
	}
	if m&fyne.KeyModifierControl == 0 {
		if m&fyne.KeyModifierShift == 0 {
			c = bytes.ToLower([]byte{c})[0]
		}
		return withAlt([]byte{c}, m)
	}
	switch {
	case c >= 'A' && c <= 'Z':
		c &= 0x1f
	case c >= 'a' && c <= 'z':
		c &= 0x1f
	case c == ' ', c == '2', c == '@':
		c = 0
	case c >= '3' && c <= '7': // as on a VT220
		c = c - '3' + 0x1b
	case c == '8':
		c = 0x7f
	case c == '[', c == '\\', c == ']':
		c &= 0x1f
	case c == '/', c == '-', c == '_':
		c = 0x1f
	default:
		return nil
	}
	return withAlt([]byte{c}, m)
}

// maxPaste bounds what is pasted at once, bytes.
const maxPaste = 1 << 20

// pasted makes of a text what is sent to the guest: Enter between lines, no other control characters, and brackets when the program in the guest
// asked for them.
func pasted(text string, k vt.Keys) []byte {
	if len(text) > maxPaste {
		text = strings.ToValidUTF8(text[:maxPaste], "")
	}
	text = strings.ReplaceAll(strings.ReplaceAll(text, "\r\n", "\r"), "\n", "\r")
	text = strings.Map(func(r rune) rune {
		if r < ' ' && r != '\r' && r != '\t' || r >= 0x7f && r < 0xa0 {
			return -1
		}
		return r
	}, text)
	if k.Brackets && text != "" {
		text = "\x1b[200~" + text + "\x1b[201~"
	}
	return []byte(text)
}
