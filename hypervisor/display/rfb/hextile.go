package rfb

import (
	"image"
	"math/bits"
)

// Bits of a hextile tile's first byte (RFC 6143, 7.7.4).
const (
	hextileRaw        = 1 << iota
	hextileBackground // a new background colour follows
	hextileForeground // and a foreground colour
	hextileParts      // and a number of parts
	hextileColoured   // which have colours of their own
)

const (
	hextileSide = 16
	hextileMax  = 1 + 4 + 4 + 1 + 255*6 // bytes of the longest tile
)

// A hextileTile is the tile being decoded.
type hextileTile struct {
	background, foreground uint32
	pixels                 [hextileSide * hextileRow]byte // B, G, R, X; 16 pixels a row however wide the tile is
}

const hextileRow = 4 * hextileSide // bytes

// hextile reads tiles of 16×16 pixels, each a background with parts on it, or raw.
func (s *session) hextile(r image.Rectangle) error {
	t := &s.codecs.hextile
	t.background, t.foreground = 0, 0 // servers say them in the first tile
	var p []byte
	used := 0
	for y := r.Min.Y; y < r.Max.Y; y += hextileSide {
		h := min(hextileSide, r.Max.Y-y)
		for x := r.Min.X; x < r.Max.X; x += hextileSide {
			w := min(hextileSide, r.Max.X-x)
			if len(p)-used < hextileMax {
				if err := s.wire.drop(used); err != nil {
					return err
				}
				var err error
				if p, err = s.peekTile(w * h); err != nil {
					return err
				}
				used = 0
			}
			n, err := s.hextileTile(t, p[used:], image.Rect(x, y, x+w, y+h))
			if err != nil {
				return err
			}
			used += n
		}
	}
	return s.wire.drop(used)
}

// peekTile shows at least the whole next tile, and waits for no byte behind it.
func (s *session) peekTile(pixels int) ([]byte, error) {
	for n := 1; ; {
		p, err := s.wire.peek(n)
		if err != nil {
			return nil, err
		}
		if n = hextileLength(p, pixels); n <= len(p) {
			return p, nil
		}
	}
}

// hextileLength is how many bytes a tile has as far as p tells, of which p holds at least one.
func hextileLength(p []byte, pixels int) int {
	kind := p[0]
	if kind&hextileRaw != 0 {
		return 1 + 4*pixels
	}
	n := 1
	if kind&hextileBackground != 0 {
		n += 4
	}
	if kind&hextileForeground != 0 {
		n += 4
	}
	if kind&hextileParts == 0 {
		return n
	}
	n++
	if n > len(p) {
		return n
	}
	part := 2
	if kind&hextileColoured != 0 {
		part = 6
	}
	return n + part*int(p[n-1])
}

// hextileTile decodes the tile at the beginning of p, which holds all of it, and returns its length.
func (s *session) hextileTile(t *hextileTile, p []byte, r image.Rectangle) (int, error) {
	kind, n := p[0], 1
	w, h := r.Dx(), r.Dy()
	if kind&hextileRaw != 0 {
		for y := range h {
			row, from := s.row(r.Min.X, r.Min.Y+y, w), p[n:n+4*w]
			if w == hextileSide {
				*(*[hextileRow]byte)(row) = *(*[hextileRow]byte)(from)
			} else {
				copy(row, from)
			}
			n += 4 * w
		}
		return n, nil
	}
	if kind&hextileBackground != 0 {
		t.background = le.Uint32(p[n:])
		n += 4
	}
	if kind&hextileForeground != 0 {
		t.foreground = le.Uint32(p[n:])
		n += 4
	}
	if kind&hextileParts == 0 {
		s.fill(r, t.background)
		return n, nil
	}
	count := int(p[n])
	n++
	t.clear()
	ok := true
	if kind&hextileColoured == 0 {
		ok = t.parts(p[n:n+2*count], uint8(w), uint8(h))
		n += 2 * count
	} else {
		ok = t.colouredParts(p[n:n+6*count], uint8(w), uint8(h))
		n += 6 * count
	}
	if !ok {
		return 0, protocol("a part of a tile of %d×%d pixels that is outside", w, h)
	}
	t.show(s, r)
	return n, nil
}

// clear makes the whole tile background.
func (t *hextileTile) clear() {
	paint(t.pixels[:hextileRow], t.background)
	for n := hextileRow; n < len(t.pixels); n *= 2 {
		copy(t.pixels[n:], t.pixels[:n])
	}
}

// show copies the tile to the screen.
func (t *hextileTile) show(s *session, r image.Rectangle) {
	w := r.Dx()
	for y := range r.Dy() {
		row, from := s.row(r.Min.X, r.Min.Y+y, w), t.pixels[hextileRow*(y&15):]
		if w == hextileSide { // of known length, and so without a call
			*(*[hextileRow]byte)(row) = *(*[hextileRow]byte)(from)
		} else {
			copy(row, from)
		}
	}
}

// set paints a pixel, whose number is 16*y+x.
func (t *hextileTile) set(i uint8, colour uint32) {
	at := int(i) * 4
	le.PutUint32(t.pixels[at:at+4], colour)
}

// parts paints parts in the foreground colour: two bytes each, x and y, width-1 and height-1. It reports whether all are inside.
func (t *hextileTile) parts(p []byte, w, h uint8) bool {
	colour := t.foreground
	for len(p) >= 2 {
		at, size := p[0], p[1]
		p = p[2:]
		if at>>4+size>>4 >= w || at&15+size&15 >= h {
			return false
		}
		i := bits.RotateLeft8(at, 4) // y, x
		t.set(i, colour)
		if size != 0 {
			t.part(i, size, colour)
		}
	}
	return true
}

// colouredParts is parts for parts of 6 bytes, which begin with their colour.
func (t *hextileTile) colouredParts(p []byte, w, h uint8) bool {
	for len(p) >= 6 {
		colour, at, size := le.Uint32(p), p[4], p[5]
		p = p[6:]
		if at>>4+size>>4 >= w || at&15+size&15 >= h {
			return false
		}
		t.part(bits.RotateLeft8(at, 4), size, colour)
	}
	return true
}

// part paints one part, whose first pixel is i.
func (t *hextileTile) part(i, size uint8, colour uint32) {
	w, h := size>>4, size&15
	for {
		for x := i; ; x++ {
			t.set(x, colour)
			if x == i+w {
				break
			}
		}
		if h == 0 {
			return
		}
		h--
		i += hextileSide
	}
}
