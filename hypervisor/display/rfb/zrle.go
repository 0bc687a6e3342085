package rfb

import (
	"image"
)

const (
	zrleSide = 64
	zrleMax  = 1 + zrleSide*zrleSide*4 // bytes of the longest tile: runs of one pixel each
)

// zrle reads tiles of 64×64 pixels out of a compressed stream (RFC 6143, 7.7.6).
func (s *session) zrle(r image.Rectangle) error {
	n, err := s.wire.u32()
	if err != nil {
		return err
	}
	z := &s.codecs.zrle
	if err := s.compressed(z, r, int64(n)); err != nil {
		return err
	}
	for y := r.Min.Y; y < r.Max.Y; y += zrleSide {
		for x := r.Min.X; x < r.Max.X; x += zrleSide {
			p, err := z.ahead(zrleMax)
			if err != nil {
				return err
			}
			n, err := s.zrleTile(p, image.Rect(x, y, min(x+zrleSide, r.Max.X), min(y+zrleSide, r.Max.Y)), 0)
			if err != nil {
				return err
			}
			z.skip(n)
		}
	}
	return z.finish()
}

var errTile = protocol("a ZRLE tile that ends too early")

// zrleTile decodes the tile at the beginning of p and returns its length. again is how many colours the palette has that it may use again, 0
// for none.
func (s *session) zrleTile(p []byte, r image.Rectangle, again int) (int, error) {
	if len(p) == 0 {
		return 0, errTile
	}
	kind := int(p[0])
	palette := 3 * (kind & 127) // its bytes
	switch {
	case kind == 127 && again > 0 && again <= 16:
		kind, palette = again, 0
	case kind == 129 && again > 0:
		kind, palette = 128+again, 0
	}
	w, h := r.Dx(), r.Dy()
	n := 1
	switch {
	case kind == 0: // raw
		if len(p) < n+3*w*h {
			return 0, errTile
		}
		for y := r.Min.Y; y < r.Max.Y; y++ {
			widenBGR(s.row(r.Min.X, y, w), p[n:n+3*w])
			n += 3 * w
		}
		return n, nil
	case kind == 1: // one colour
		if len(p) < n+3 {
			return 0, errTile
		}
		s.fill(r, bgr(p[n:]))
		return n + 3, nil
	case kind <= 16: // packed palette
		bits := 4
		if kind == 2 {
			bits = 1
		} else if kind <= 4 {
			bits = 2
		}
		row := (w*bits + 7) / 8
		if len(p) < n+palette+row*h {
			return 0, errTile
		}
		s.zrlePalette(p[n:n+palette], kind, bits)
		n += palette
		for y := r.Min.Y; y < r.Max.Y; y++ {
			if !s.codecs.palette.paint(s.row(r.Min.X, y, w), p[n:n+row], bits) {
				return 0, errPalette
			}
			n += row
		}
		return n, nil
	case kind == 128:
		m, err := s.zrleRuns(p[n:], r, nil)
		return n + m, err
	case kind >= 130:
		if len(p) < n+palette {
			return 0, errTile
		}
		s.zrlePalette(p[n:n+palette], kind-128, 7)
		n += palette
		m, err := s.zrleRuns(p[n:], r, &s.codecs.palette)
		return n + m, err
	}
	return 0, protocol("a ZRLE tile of unknown kind %d", kind)
}

// zrlePalette reads the colours of p, if any, of a palette of n.
func (s *session) zrlePalette(p []byte, n, bits int) {
	for i := range len(p) / 3 {
		s.codecs.palette[i] = bgr(p[3*i:])
	}
	s.codecs.palette.end(n, bits)
}

// A zrleTile is a tile in the making that consists of runs, row after row, with room for what a short run is written too far.
type zrleTile [4*zrleSide*zrleSide + 4*zrleShort]byte

// zrleShort is how many pixels are always written, as most runs are shorter.
const zrleShort = 4

// zrleRuns decodes runs of pixels, which go on from row to row: of colours, or of the indices of a palette. It returns how many bytes they
// took.
func (s *session) zrleRuns(p []byte, r image.Rectangle, colours *palette) (int, error) {
	w, h := r.Dx(), r.Dy()
	t := &s.codecs.runs
	at, end := 0, 4*w*h
	seen := uint32(0)
	i := 0
	for at < end {
		var colour uint32
		run := 4
		if colours != nil {
			if i >= len(p) {
				return 0, errTile
			}
			index := p[i]
			colour = colours[index&127]
			seen |= colour
			i++
			if index < 128 {
				le.PutUint32(t[at:], colour)
				at += 4
				continue
			}
		} else {
			if i+4 > len(p) { // the length's first byte, too
				return 0, errTile
			}
			colour = le.Uint32(p[i:]) & 0xffffff
			i += 3
		}
		for more := byte(255); more == 255 && run <= end-at; i++ {
			if i >= len(p) {
				return 0, errTile
			}
			more = p[i]
			run += 4 * int(more)
		}
		if run > end-at {
			return 0, protocol("a run of %d pixels in a ZRLE tile that has %d left", run/4, (end-at)/4)
		}
		paint(t[at:at+4*zrleShort], colour)
		if run > 4*zrleShort {
			paint(t[at+4*zrleShort:at+run], colour)
		}
		at += run
	}
	if seen >= outside {
		return 0, errPalette
	}
	for y := range h {
		copy(s.row(r.Min.X, r.Min.Y+y, w), t[4*w*y:])
	}
	return i, nil
}
