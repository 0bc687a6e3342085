package vmconfig

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Inert returns text that can be shown on one line without acting on what is around it: control
// characters, line breaks, bidirectional and other invisible characters and bytes that are no UTF-8 become
// visible, and the result has at most limit characters (an ellipsis marks a cut). Use it for every text
// that comes from a package, a guest or a host.
func Inert(text string, limit int) string { return inert(text, limit, false) }

// InertLines is Inert for texts of several lines: line feeds and tabs stay.
func InertLines(text string, limit int) string { return inert(text, limit, true) }

func inert(text string, limit int, lines bool) string {
	if limit <= 0 {
		return ""
	}
	var b strings.Builder
	n := 0
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRuneInString(text[i:])
		var shown string
		switch {
		case r == utf8.RuneError && size == 1:
			shown = fmt.Sprintf("\\x%02x", text[i])
		case lines && (r == '\n' || r == '\t'):
			shown = string(r)
		case r < 0x20:
			shown = string(0x2400 + r) // the "control pictures" block of Unicode
		case r == 0x7f:
			shown = "\u2421"
		case invisible(r):
			shown = fmt.Sprintf("<U+%04X>", r)
		default:
			shown = text[i : i+size]
		}
		width := utf8.RuneCountInString(shown)
		if n+width > limit || (n+width == limit && i+size < len(text)) {
			b.WriteRune('…')
			return b.String()
		}
		b.WriteString(shown)
		n += width
		i += size
	}
	return b.String()
}

// invisible reports characters that leave no mark on the screen or change the order of others. Blanks
// other than the ordinary one count, since they cannot be told from it.
func invisible(r rune) bool {
	if r == ' ' {
		return false
	}
	return !unicode.IsPrint(r) || unicode.Is(unicode.Other_Default_Ignorable_Code_Point, r) ||
		unicode.Is(unicode.Variation_Selector, r) || r == '\u2800' // the Braille pattern without dots
}
