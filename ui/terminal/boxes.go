package terminal

// Lines and blocks are drawn by hand, so that they meet at the edges of the cells whatever the font does.

// The arms of a line character: left, right, up, down.
const (
	armNone = iota
	armLight
	armHeavy
	armDouble
)

// lines has the arms of U+2500 to U+257F, one character for each arm as given above. Dashed lines are drawn whole, round corners square, and
// diagonals are left to the font ("....").
var lines = [128]string{
	"1100", "2200", "0011", "0022", "1100", "2200", "0011", "0022", "1100", "2200", "0011", "0022", // ─ ━ │ ┃, dashed
	"0101", "0201", "0102", "0202", "1001", "2001", "1002", "2002", // ┌ ┐
	"0110", "0210", "0120", "0220", "1010", "2010", "1020", "2020", // └ ┘
	"0111", "0211", "0121", "0112", "0122", "0221", "0212", "0222", // ├
	"1011", "2011", "1021", "1012", "1022", "2021", "2012", "2022", // ┤
	"1101", "2101", "1201", "2201", "1102", "2102", "1202", "2202", // ┬
	"1110", "2110", "1210", "2210", "1120", "2120", "1220", "2220", // ┴
	"1111", "2111", "1211", "2211", "1121", "1112", "1122", "2121", "1221", "2112", "1212", "2221", "2212", "2122", "1222", "2222", // ┼
	"1100", "2200", "0011", "0022", // dashed
	"3300", "0033", // ═ ║
	"0301", "0103", "0303", "3001", "1003", "3003", "0310", "0130", "0330", "3010", "1030", "3030", // ╒ to ╝
	"0311", "0133", "0333", "3011", "1033", "3033", "3301", "1103", "3303", "3310", "1130", "3330", "3311", "1133", "3333", // ╞ to ╬
	"0101", "1001", "1010", "0110", // round corners
	"....", "....", "....", // diagonals
	"1000", "0010", "0100", "0001", "2000", "0020", "0200", "0002", "1200", "0012", "2100", "0021", // ends
}

// drawBox draws a line or block character and reports whether r is one.
func drawBox(p *glyph, height int, r rune) bool {
	switch {
	case r >= 0x2500 && r <= 0x257f && lines[r-0x2500] != "....":
		drawLines(p, height, lines[r-0x2500])
	case r >= 0x2580 && r <= 0x259f:
		drawBlock(p, height, r)
	default:
		return false
	}
	return true
}

func drawLines(p *glyph, height int, arms string) {
	light := max(1, (height+8)/16)
	cx, cy := p.width/2, height/2
	for i, arm := range arms {
		w := light
		switch arm {
		case '0':
			continue
		case '2':
			w = 2*light + 1
		}
		parts := []int{-w / 2}
		if arm == '3' {
			parts = []int{-light - light/2, light - light/2}
			if light == 1 {
				parts = []int{-1, 1}
			}
		}
		for _, at := range parts {
			reach := w - w/2 // beyond the middle, so that corners are closed
			if arm == '3' {
				reach = light + 1
			}
			switch i {
			case 0:
				p.fill(0, cy+at, cx+reach, cy+at+w, height, 255)
			case 1:
				p.fill(cx-reach+1, cy+at, p.width, cy+at+w, height, 255)
			case 2:
				p.fill(cx+at, 0, cx+at+w, cy+reach, height, 255)
			case 3:
				p.fill(cx+at, cy-reach+1, cx+at+w, height, height, 255)
			}
		}
	}
	if arms == "0303" || arms == "3003" || arms == "0330" || arms == "3030" || arms == "0333" || arms == "3033" || arms == "3303" || arms == "3330" || arms == "3333" {
		p.fill(cx, cy, cx+light, cy+light, height, 0) // double lines leave their middle open
	}
}

// drawBlock draws U+2580 to U+259F.
func drawBlock(p *glyph, height int, r rune) {
	w, h := p.width, height
	eighthsUp := func(n int) { p.fill(0, h-(h*n+4)/8, w, h, h, 255) }
	eighthsLeft := func(n int) { p.fill(0, 0, (w*n+4)/8, h, h, 255) }
	switch {
	case r == 0x2580:
		p.fill(0, 0, w, h/2, h, 255)
	case r <= 0x2588:
		eighthsUp(int(r - 0x2580))
	case r <= 0x258f:
		eighthsLeft(int(0x2590 - r))
	case r == 0x2590:
		p.fill(w/2, 0, w, h, h, 255)
	case r <= 0x2593:
		p.fill(0, 0, w, h, h, uint8(64*int(r-0x2590)))
	case r == 0x2594:
		p.fill(0, 0, w, max(1, h/8), h, 255)
	case r == 0x2595:
		p.fill(w-max(1, w/8), 0, w, h, h, 255)
	default: // quadrants: upper left, upper right, lower left, lower right
		quarters := [...]uint8{0b0010, 0b0001, 0b1000, 0b1011, 0b1001, 0b1110, 0b1101, 0b0100, 0b0110, 0b0111}[r-0x2596]
		for i, at := range [4][4]int{{0, 0, w / 2, h / 2}, {w / 2, 0, w, h / 2}, {0, h / 2, w / 2, h}, {w / 2, h / 2, w, h}} {
			if quarters&(8>>i) != 0 {
				p.fill(at[0], at[1], at[2], at[3], h, 255)
			}
		}
	}
}
