package keymap

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// A Stroke is one key of a layout with the modifiers that it needs.
type Stroke struct {
	Key          uint16 // evdev code
	Shift, AltGr bool
}

// A Layout knows which keys type a character on a keyboard of some language. It is read-only and may be used by any goroutine.
type Layout struct {
	keys map[rune]Stroke
	dead map[rune]Stroke // by the combining character that the dead key adds
}

// Limits of a layout's file. QEMU's have up to 1100 lines and 30 KB.
const (
	layoutSize  = 256 << 10 // bytes
	layoutLines = 10000
)

// ErrLayout says that a text is no keyboard layout.
var ErrLayout = errors.New("this is not a keyboard layout")

// combining are the combining characters of dead keys (Unicode, Combining Diacritical Marks).
var combining = map[string]rune{
	"dead_grave": 0x300, "dead_acute": 0x301, "dead_circumflex": 0x302, "dead_tilde": 0x303, "dead_macron": 0x304, "dead_breve": 0x306,
	"dead_abovedot": 0x307, "dead_diaeresis": 0x308, "dead_hook": 0x309, "dead_abovering": 0x30a, "dead_doubleacute": 0x30b,
	"dead_caron": 0x30c, "dead_horn": 0x31b, "dead_belowdot": 0x323, "dead_belowcomma": 0x326, "dead_cedilla": 0x327, "dead_ogonek": 0x328,
	"dead_belowmacron": 0x331,
}

// spacing are the characters that dead keys type together with the space bar.
var spacing = map[rune]rune{'`': 0x300, '´': 0x301, '^': 0x302, '~': 0x303, '¯': 0x304, '˘': 0x306, '˙': 0x307, '¨': 0x308, '˚': 0x30a, '˝': 0x30b, 'ˇ': 0x30c, '¸': 0x327, '˛': 0x328}

// ParseLayout reads a keyboard layout in the format of QEMU's keymap files: lines of an X11 keysym, a key number, and modifiers. Lines that
// it does not know are skipped. Errors wrap ErrLayout.
func ParseLayout(from io.Reader) (*Layout, error) {
	limited := &io.LimitedReader{R: from, N: layoutSize + 1}
	lines := bufio.NewScanner(limited)
	l := &Layout{keys: map[rune]Stroke{}, dead: map[rune]Stroke{}}
	symbols := keysyms()
	for n := 0; lines.Scan(); n++ {
		if n >= layoutLines {
			return nil, fmt.Errorf("%w: too many lines", ErrLayout)
		}
		l.line(strings.Fields(lines.Text()), symbols)
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrLayout, err)
	}
	if limited.N == 0 {
		return nil, fmt.Errorf("%w: too long", ErrLayout)
	}
	if len(l.keys) == 0 {
		return nil, fmt.Errorf("%w: it has no keys", ErrLayout)
	}
	return l, nil
}

// line takes one line: "at 0x10 altgr".
func (l *Layout) line(fields []string, symbols map[string]rune) {
	if len(fields) < 2 || strings.HasPrefix(fields[0], "#") {
		return
	}
	number, err := strconv.ParseUint(fields[1], 0, 8)
	if err != nil {
		return
	}
	key := EvdevFromQnum(uint32(number))
	if key == 0 {
		return
	}
	stroke, upper := Stroke{Key: key}, false
	for _, modifier := range fields[2:] {
		switch modifier {
		case "shift":
			stroke.Shift = true
		case "altgr":
			stroke.AltGr = true
		case "addupper":
			upper = true
		case "localstate", "inhibit":
		default:
			return // depends on a lock
		}
	}
	if mark, ok := combining[fields[0]]; ok {
		add(l.dead, mark, stroke)
		return
	}
	r := character(fields[0], symbols)
	if r == 0 {
		return
	}
	add(l.keys, r, stroke)
	if capital := []rune(strings.ToUpper(string(r))); upper && len(capital) == 1 {
		stroke.Shift = true
		add(l.keys, capital[0], stroke)
	}
}

// add keeps the stroke with the fewest modifiers.
func add(to map[rune]Stroke, r rune, s Stroke) {
	if old, ok := to[r]; !ok || s.cost() < old.cost() {
		to[r] = s
	}
}

func (s Stroke) cost() (n int) {
	if s.Shift {
		n++
	}
	if s.AltGr {
		n += 2
	}
	return n
}

// character is what a keysym types, 0 for none. Keysyms beyond the named ones are Unicode (X11 protocol, appendix A).
func character(name string, symbols map[string]rune) rune {
	if r, size := utf8.DecodeRuneInString(name); size == len(name) && r > ' ' && r != utf8.RuneError {
		return r
	}
	if r, ok := symbols[name]; ok {
		return r
	}
	const unicodeKeysym = 0x01000000
	var number uint64
	var err error
	switch {
	case strings.HasPrefix(name, "U") && len(name) >= 5:
		number, err = strconv.ParseUint(name[1:], 16, 32)
	case strings.HasPrefix(name, "0x"):
		number, err = strconv.ParseUint(name[2:], 16, 32)
		number -= unicodeKeysym
	default:
		return 0
	}
	if err != nil || number <= ' ' || number > utf8.MaxRune || !utf8.ValidRune(rune(number)) {
		return 0
	}
	return rune(number)
}

// keysyms returns names as a table.
func keysyms() map[string]rune {
	table := map[string]rune{}
	for _, entry := range strings.Fields(names) {
		name, code, _ := strings.Cut(entry, "=")
		number, err := strconv.ParseUint(code, 16, 32)
		if err == nil {
			table[name] = rune(number)
		}
	}
	return table
}

// Strokes returns the keys that type a character one after the other: one, or a dead key and the one it changes. nil: this layout has no way
// to type it. Line breaks are Enter; a carriage return types nothing of its own and is not to be asked for.
func (l *Layout) Strokes(r rune) []Stroke {
	switch r {
	case '\n':
		return []Stroke{{Key: Enter}}
	case '\t':
		return []Stroke{{Key: Tab}}
	case ' ':
		return []Stroke{{Key: Space}}
	}
	if s, ok := l.keys[r]; ok {
		return []Stroke{s}
	}
	if mark, ok := spacing[r]; ok {
		if s, ok := l.dead[mark]; ok {
			return []Stroke{s, {Key: Space}}
		}
	}
	parts := []rune(norm.NFD.String(string(r)))
	if len(parts) != 2 {
		return nil
	}
	base, ok := l.keys[parts[0]]
	if !ok {
		return nil
	}
	if dead, ok := l.dead[parts[1]]; ok {
		return []Stroke{dead, base}
	}
	return nil
}

// Characters returns what the layout types with a single key, in order.
func (l *Layout) Characters() []rune { return slices.Sorted(maps.Keys(l.keys)) }

// EvdevFromQnum is the way back from QEMU's number of a key; 0 for none.
func EvdevFromQnum(qnum uint32) uint16 {
	for evdev, n := range qnums {
		if n != 0 && uint32(n) == qnum && evdev != ZenkakuHankaku {
			return uint16(evdev)
		}
	}
	return 0
}
