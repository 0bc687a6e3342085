package vt

import "unicode/utf8"

// decoder joins the bytes of a UTF-8 character. A byte that belongs to none gives U+FFFD and never swallows what follows it.
type decoder struct {
	bytes [utf8.UTFMax]byte
	n     int
}

// next takes a byte. r is 0 while a character is not complete; again means that the byte was not taken and comes once more.
func (d *decoder) next(b byte) (r rune, again bool) {
	d.bytes[d.n] = b
	d.n++
	switch seen := d.bytes[:d.n]; {
	case !utf8.FullRune(seen):
		return 0, false
	default:
		r, size := utf8.DecodeRune(seen)
		again = size < d.n && d.n > 1
		d.n = 0
		return r, again
	}
}
