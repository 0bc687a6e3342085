package rfb

import (
	"encoding/binary"
	"image"
	"math/bits"

	"guesthouse/hypervisor/display"
)

// Decoders write a whole row or a part of one at a time, out of rectangles that within or inside has let pass. Pixels are B, G, R, X in
// memory, and so 0xXXRRGGBB as little-endian numbers, whatever the machine.

var le = binary.LittleEndian

// row is the memory of w pixels from x, y on.
func (s *session) row(x, y, w int) []byte {
	at := y*s.fb.Stride + x*display.BytesPerPixel
	return s.fb.Pix[at : at+w*display.BytesPerPixel : at+w*display.BytesPerPixel]
}

// area is the memory from the first pixel of r, which is not empty, to its last.
func (s *session) area(r image.Rectangle) []byte {
	at := r.Min.Y*s.fb.Stride + r.Min.X*display.BytesPerPixel
	end := (r.Max.Y-1)*s.fb.Stride + r.Max.X*display.BytesPerPixel
	return s.fb.Pix[at:end:end]
}

// fill paints a rectangle in one colour.
func (s *session) fill(r image.Rectangle, colour uint32) {
	if r.Empty() {
		return
	}
	first := s.row(r.Min.X, r.Min.Y, r.Dx())
	paint(first, colour)
	for y := r.Min.Y + 1; y < r.Max.Y; y++ {
		copy(s.row(r.Min.X, y, r.Dx()), first)
	}
}

// paint makes all pixels of a row the same.
func paint(row []byte, colour uint32) {
	two := uint64(colour)<<32 | uint64(colour)
	for len(row) >= 8 {
		le.PutUint64(row, two)
		row = row[8:]
	}
	if len(row) >= 4 {
		le.PutUint32(row, colour)
	}
}

// widenBGR makes pixels of 4 bytes of those of 3 in the same order: ZRLE's CPIXEL. from holds as many pixels as row.
func widenBGR(row, from []byte) {
	for len(row) >= 8 && len(from) >= 8 {
		le.PutUint64(row, uint64(le.Uint32(from)&0xffffff)|uint64(le.Uint32(from[3:])&0xffffff)<<32)
		row, from = row[8:], from[6:]
	}
	for len(row) >= 4 && len(from) >= 3 {
		le.PutUint32(row, bgr(from))
		row, from = row[4:], from[3:]
	}
}

// widenRGB is widenBGR for pixels whose first byte is red: Tight's TPIXEL.
func widenRGB(row, from []byte) {
	for len(row) >= 8 && len(from) >= 8 {
		a, b := bits.ReverseBytes32(le.Uint32(from))>>8, bits.ReverseBytes32(le.Uint32(from[3:]))>>8
		le.PutUint64(row, uint64(a)|uint64(b)<<32)
		row, from = row[8:], from[6:]
	}
	for len(row) >= 4 && len(from) >= 3 {
		le.PutUint32(row, rgb(from))
		row, from = row[4:], from[3:]
	}
}

func bgr(p []byte) uint32 { return uint32(p[2])<<16 | uint32(p[1])<<8 | uint32(p[0]) }
func rgb(p []byte) uint32 { return uint32(p[0])<<16 | uint32(p[1])<<8 | uint32(p[2]) }

// A palette holds the colours of a rectangle or tile. Those that it does not have are outside, so that decoders need not check every index.
type palette [256]uint32

// outside marks a colour that is not in the palette: no colour has its bits.
const outside = 0xff000000

// end makes the colours from n on those outside, up to what indices of so many bits can reach.
func (p *palette) end(n, bits int) {
	for i := n; i < 1<<bits; i++ {
		p[i] = outside
	}
}

// paint writes a row of pixels out of their packed indices, whose first pixel is in the highest bits of a byte, and reports whether all of
// them are in the palette. bits are 1, 2, 4 or 8 a pixel.
func (p *palette) paint(row, from []byte, bits int) bool {
	seen := uint32(0)
	switch bits {
	case 8:
		for len(row) >= 8 && len(from) >= 2 {
			a, b := p[from[0]], p[from[1]]
			seen |= a | b
			le.PutUint64(row, uint64(a)|uint64(b)<<32)
			row, from = row[8:], from[2:]
		}
	case 4:
		for len(row) >= 8 && len(from) >= 1 {
			a, b := p[from[0]>>4], p[from[0]&15]
			seen |= a | b
			le.PutUint64(row, uint64(a)|uint64(b)<<32)
			row, from = row[8:], from[1:]
		}
	case 2:
		for len(row) >= 16 && len(from) >= 1 {
			i := from[0]
			a, b, c, d := p[i>>6], p[i>>4&3], p[i>>2&3], p[i&3]
			seen |= a | b | c | d
			le.PutUint64(row, uint64(a)|uint64(b)<<32)
			le.PutUint64(row[8:], uint64(c)|uint64(d)<<32)
			row, from = row[16:], from[1:]
		}
	case 1:
		for len(row) >= 32 && len(from) >= 1 {
			i := from[0]
			if i != 0 { // of a palette of one colour, only the first is there
				seen |= p[1]
			}
			le.PutUint64(row, uint64(p[i>>7])|uint64(p[i>>6&1])<<32)
			le.PutUint64(row[8:], uint64(p[i>>5&1])|uint64(p[i>>4&1])<<32)
			le.PutUint64(row[16:], uint64(p[i>>3&1])|uint64(p[i>>2&1])<<32)
			le.PutUint64(row[24:], uint64(p[i>>1&1])|uint64(p[i&1])<<32)
			row, from = row[32:], from[1:]
		}
	}
	for at := 0; len(row) >= 4 && len(from) > at/8; at += bits {
		colour := p[from[at/8]>>(8-bits-at%8)&(1<<bits-1)]
		seen |= colour
		le.PutUint32(row, colour)
		row = row[4:]
	}
	return seen < outside
}

var errPalette = protocol("a pixel that its palette does not have")
