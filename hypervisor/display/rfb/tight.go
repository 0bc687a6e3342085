package rfb

import (
	"image"
)

// The kinds of a Tight rectangle, in the upper half of its first byte; below 8 it is compressed pixels (rfbproto.rst, Tight Encoding).
const (
	tightFill = 8
	tightJPEG = 9

	tightFilter = 4 // of compressed pixels: the filter follows; otherwise it is copy

	filterCopy     = 0
	filterPalette  = 1
	filterGradient = 2

	tightUncompressed = 12 // bytes; less than that is not worth compressing
)

// tight reads a rectangle that is one colour, a JPEG picture, or pixels in one of four compressed streams after one of three filters.
func (s *session) tight(r image.Rectangle) error {
	control, err := s.wire.u8()
	if err != nil {
		return err
	}
	for i := range s.codecs.tight {
		if control>>i&1 != 0 {
			s.codecs.tight[i].reset()
		}
	}
	switch kind := control >> 4; {
	case kind == tightFill:
		p, err := s.wire.head(3)
		if err != nil {
			return err
		}
		s.fill(r, rgb(p))
		return nil
	case kind == tightJPEG:
		return s.tightJPEG(r)
	case kind > tightJPEG:
		return protocol("a Tight rectangle of unknown kind %d", kind)
	default:
		filter := uint8(filterCopy)
		if kind&tightFilter != 0 {
			if filter, err = s.wire.u8(); err != nil {
				return err
			}
		}
		return s.tightPixels(&s.codecs.tight[kind&3], filter, r)
	}
}

// tightPixels reads filtered pixels.
func (s *session) tightPixels(z *inflater, filter uint8, r image.Rectangle) error {
	w := r.Dx()
	bits := 24
	switch filter {
	case filterCopy:
	case filterPalette:
		last, err := s.wire.u8()
		if err != nil {
			return err
		}
		if bits, err = s.tightPalette(int(last) + 1); err != nil {
			return err
		}
	case filterGradient:
		if n := 3 * w; cap(s.codecs.rows) < n {
			s.codecs.rows = make([]byte, n)
		}
		clear(s.codecs.rows[:3*w])
	default:
		return protocol("a Tight rectangle of unknown filter %d", filter)
	}
	size := (w*bits + 7) / 8
	plain := int64(size)*int64(r.Dy()) < tightUncompressed
	if !plain {
		n, err := s.compactLength()
		if err != nil {
			return err
		}
		if err := s.compressed(z, r, n); err != nil {
			return err
		}
	}
	for y := r.Min.Y; y < r.Max.Y; y++ {
		var from []byte
		var err error
		if plain {
			from, err = s.wire.head(size)
		} else {
			from, err = z.next(size)
		}
		if err != nil {
			return err
		}
		row := s.row(r.Min.X, y, w)
		switch filter {
		case filterCopy:
			widenRGB(row, from)
		case filterPalette:
			if !s.codecs.palette.paint(row, from, bits) {
				return errPalette
			}
		case filterGradient:
			gradient(row, from, s.codecs.rows[:3*w])
		}
	}
	if plain {
		return nil
	}
	return z.finish()
}

// tightPalette reads a palette of n colours, and returns how many bits its indices have.
func (s *session) tightPalette(n int) (bits int, err error) {
	p, err := s.wire.peek(3 * n)
	if err != nil {
		return 0, err
	}
	for i := range n {
		s.codecs.palette[i] = rgb(p[3*i:])
	}
	bits = 8
	if n <= 2 {
		bits = 1
	}
	s.codecs.palette.end(n, bits)
	return bits, s.wire.drop(3 * n)
}

// gradient undoes the filter that says how each colour differs from what the pixels to the left, above, and above to the left let expect.
// above is the row before, as R, G, B, and becomes this row.
func gradient(row, from, above []byte) {
	var r, g, b, cornerR, cornerG, cornerB int
	for len(row) >= 4 && len(from) >= 3 && len(above) >= 3 {
		upR, upG, upB := int(above[0]), int(above[1]), int(above[2])
		r = (max(0, min(r+upR-cornerR, 255)) + int(from[0])) & 255
		g = (max(0, min(g+upG-cornerG, 255)) + int(from[1])) & 255
		b = (max(0, min(b+upB-cornerB, 255)) + int(from[2])) & 255
		above[0], above[1], above[2] = byte(r), byte(g), byte(b)
		le.PutUint32(row, uint32(r)<<16|uint32(g)<<8|uint32(b))
		cornerR, cornerG, cornerB = upR, upG, upB
		row, from, above = row[4:], from[3:], above[3:]
	}
}

// compactLength reads a length of one to three bytes: seven bits of each, and whether more follow; eight of the third.
func (s *session) compactLength() (int64, error) {
	n := int64(0)
	for shift := range 3 {
		b, err := s.wire.u8()
		if err != nil {
			return 0, err
		}
		if shift == 2 || b&0x80 == 0 {
			return n | int64(b)<<(7*shift), nil
		}
		n |= int64(b&0x7f) << (7 * shift)
	}
	return n, nil
}
