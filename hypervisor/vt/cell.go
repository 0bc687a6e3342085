package vt

// Color is the colour of a cell: the terminal's own, one of 256, or any.
type Color uint32

const (
	colorIndexed Color = 1 << 24
	colorRGB     Color = 2 << 24
)

// DefaultColor is the terminal's own foreground or background.
const DefaultColor Color = 0

// Indexed returns colour n of xterm's 256.
func Indexed(n uint8) Color { return colorIndexed | Color(n) }

// RGB returns a true colour.
func RGB(r, g, b uint8) Color { return colorRGB | Color(r)<<16 | Color(g)<<8 | Color(b) }

// Index returns the number of an indexed colour.
func (c Color) Index() (n uint8, ok bool) { return uint8(c), c&^0xffffff == colorIndexed }

// RGB returns the parts of a true colour.
func (c Color) RGB() (r, g, b uint8, ok bool) {
	return uint8(c >> 16), uint8(c >> 8), uint8(c), c&^0xffffff == colorRGB
}

// Attr is a set of what SGR does to a cell besides its colours.
type Attr uint8

// The attributes.
const (
	Bold Attr = 1 << iota
	Faint
	Italic
	Underline
	Reverse
	Conceal
	Strike
	Blink
)

// Span says how a cell takes part in a wide character.
type Span uint8

// A cell stands alone, or holds a character that is two cells wide, or lies below the second half of one.
const (
	Single Span = iota
	Wide
	Tail
)

// Cell is one place of the grid. The zero Cell is blank.
type Cell struct {
	Rune   rune // 0: blank
	FG, BG Color
	Attr   Attr
	Span   Span
}

// blank reports whether nothing is to be seen at a cell.
func (c Cell) blank() bool {
	return c.Span == Single && (c.Rune == 0 || c.Rune == ' ') && c.BG == 0 && c.Attr&(Underline|Reverse|Strike) == 0
}
