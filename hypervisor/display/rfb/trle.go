package rfb

import "image"

const trleSide = 16

// trle reads ZRLE's tiles, of 16×16 pixels and uncompressed, which may use the palette of a tile before once more (RFC 6143, 7.7.5).
func (s *session) trle(r image.Rectangle) error {
	palette := 0
	for y := r.Min.Y; y < r.Max.Y; y += trleSide {
		for x := r.Min.X; x < r.Max.X; x += trleSide {
			kind, err := s.trleTile(image.Rect(x, y, min(x+trleSide, r.Max.X), min(y+trleSide, r.Max.Y)), palette)
			if err != nil {
				return err
			}
			if n := int(kind & 127); kind > 129 || kind > 1 && kind <= 16 {
				palette = n
			}
		}
	}
	return nil
}

// trleTile reads a tile and returns its first byte. A tile does not say how long it is: when what has come is too short, it is decoded anew
// with what comes next.
func (s *session) trleTile(r image.Rectangle, palette int) (kind byte, err error) {
	for n := 1; ; {
		p, err := s.wire.peek(n)
		if err != nil {
			return 0, err
		}
		used, err := s.zrleTile(p, r, palette)
		switch err {
		case nil:
			return p[0], s.wire.drop(used)
		case errTile:
			n = len(p) + 1
		default:
			return 0, err
		}
	}
}
