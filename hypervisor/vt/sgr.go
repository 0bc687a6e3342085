package vt

import "github.com/charmbracelet/x/ansi"

// sgr sets colours and attributes.
func (t *Terminal) sgr(params ansi.Params) {
	if len(params) == 0 {
		t.pen = Cell{}
		return
	}
	for i := 0; i < len(params); {
		n := params[i].Param(0)
		// Sub-parameters belong to the parameter before them: 4:3, 38:2::255:0:0.
		end := i + 1
		for end < len(params) && params[end-1].HasMore() {
			end++
		}
		switch {
		case n == 38 || n == 48 || n == 58:
			var c Color
			var ok bool
			if end > i+1 {
				c, ok = subColor(params[i+1 : end])
			} else {
				var used int
				c, used, ok = listColor(params[i+1:])
				end += used
			}
			if ok && n == 38 {
				t.pen.FG = c
			} else if ok && n == 48 {
				t.pen.BG = c
			}
		case n == 4 && end > i+1:
			t.setAttr(Underline, params[i+1].Param(1) != 0)
		default:
			t.attribute(n)
		}
		i = end
	}
}

// listColor reads 5;n or 2;r;g;b.
func listColor(p ansi.Params) (c Color, used int, ok bool) {
	kind, _, _ := p.Param(0, 0)
	switch {
	case kind == 5 && len(p) >= 2:
		return Indexed(part(p, 1)), 2, true
	case kind == 2 && len(p) >= 4:
		return RGB(part(p, 1), part(p, 2), part(p, 3)), 4, true
	}
	return 0, min(1, len(p)), false
}

// subColor reads 5:n, 2:r:g:b, or 2:space:r:g:b.
func subColor(p ansi.Params) (Color, bool) {
	kind, _, _ := p.Param(0, 0)
	switch {
	case kind == 5 && len(p) >= 2:
		return Indexed(part(p, 1)), true
	case kind == 2 && len(p) >= 5:
		return RGB(part(p, 2), part(p, 3), part(p, 4)), true
	case kind == 2 && len(p) == 4:
		return RGB(part(p, 1), part(p, 2), part(p, 3)), true
	}
	return 0, false
}

func part(p ansi.Params, i int) uint8 {
	n, _, _ := p.Param(i, 0)
	return uint8(max(0, min(n, 255)))
}

func (t *Terminal) setAttr(a Attr, on bool) {
	if on {
		t.pen.Attr |= a
	} else {
		t.pen.Attr &^= a
	}
}

func (t *Terminal) attribute(n int) {
	switch {
	case n == 0:
		t.pen = Cell{}
	case n == 1:
		t.setAttr(Bold, true)
	case n == 2:
		t.setAttr(Faint, true)
	case n == 3:
		t.setAttr(Italic, true)
	case n == 4, n == 21:
		t.setAttr(Underline, true)
	case n == 5, n == 6:
		t.setAttr(Blink, true)
	case n == 7:
		t.setAttr(Reverse, true)
	case n == 8:
		t.setAttr(Conceal, true)
	case n == 9:
		t.setAttr(Strike, true)
	case n == 22:
		t.setAttr(Bold|Faint, false)
	case n == 23:
		t.setAttr(Italic, false)
	case n == 24:
		t.setAttr(Underline, false)
	case n == 25:
		t.setAttr(Blink, false)
	case n == 27:
		t.setAttr(Reverse, false)
	case n == 28:
		t.setAttr(Conceal, false)
	case n == 29:
		t.setAttr(Strike, false)
	case n >= 30 && n <= 37:
		t.pen.FG = Indexed(uint8(n - 30))
	case n == 39:
		t.pen.FG = DefaultColor
	case n >= 40 && n <= 47:
		t.pen.BG = Indexed(uint8(n - 40))
	case n == 49:
		t.pen.BG = DefaultColor
	case n >= 90 && n <= 97:
		t.pen.FG = Indexed(uint8(n - 90 + 8))
	case n >= 100 && n <= 107:
		t.pen.BG = Indexed(uint8(n - 100 + 8))
	}
}
