package rfb

import (
	"encoding/binary"
	"image"

	"guesthouse/hypervisor/display"
	"guesthouse/hypervisor/display/turbojpeg"
)

// codecs is what the decoders keep for as long as the connection lasts: the compressed streams, and memory.
type codecs struct {
	zlib, zrle inflater
	tight      [4]inflater
	palette    palette
	hextile    hextileTile
	runs       zrleTile
	rows       []byte // of Tight's gradient: the row before, and the row
	jpeg       turbojpeg.Decoder
	jpegData   []byte // the compressed picture
}

// maxCompressed is how many bytes a compressed rectangle may have: more than its pixels only by what a compressor adds to what it cannot
// compress, and what a picture's format has around it.
func maxCompressed(r image.Rectangle) int64 {
	raw := int64(r.Dx()) * int64(r.Dy()) * display.BytesPerPixel
	return raw + raw/8 + 64<<10
}

// compressed opens the chunk of n bytes that holds the pixels of r.
func (s *session) compressed(z *inflater, r image.Rectangle, n int64) error {
	if n > maxCompressed(r) {
		return protocol("a compressed rectangle of %d bytes for %d×%d pixels", n, r.Dx(), r.Dy())
	}
	return z.begin(s.wire, int(n))
}

// zlib reads raw pixels out of a compressed stream (rfbproto.rst, Zlib Encoding).
func (s *session) zlib(r image.Rectangle) error {
	n, err := s.wire.u32()
	if err != nil {
		return err
	}
	z := &s.codecs.zlib
	if err := s.compressed(z, r, int64(n)); err != nil {
		return err
	}
	for y := r.Min.Y; y < r.Max.Y; y++ {
		row := s.row(r.Min.X, y, r.Dx())
		p, err := z.next(len(row))
		if err != nil {
			return err
		}
		copy(row, p)
	}
	return z.finish()
}

// rre reads a background and rectangles on it (RFC 6143, 7.7.3).
func (s *session) rre(r image.Rectangle) error { return s.subrectangles(r, 2) }

// coRRE is rre with numbers of one byte (rfbproto.rst, CoRRE Encoding).
func (s *session) coRRE(r image.Rectangle) error { return s.subrectangles(r, 1) }

// overpaint is how often a rectangle may be painted over by its parts. Servers do it hardly once; without a limit twelve bytes would cost
// as much as a whole screen.
const overpaint = 8

func (s *session) subrectangles(r image.Rectangle, numberSize int) error {
	head, err := s.wire.head(8)
	if err != nil {
		return err
	}
	count, background := int64(binary.BigEndian.Uint32(head)), le.Uint32(head[4:])
	area := int64(r.Dx()) * int64(r.Dy())
	if count > area {
		return protocol("%d parts of a rectangle of %d×%d pixels", count, r.Dx(), r.Dy())
	}
	s.fill(r, background)
	size := 4 + 4*numberSize
	ink := overpaint * area
	for count > 0 {
		p, err := s.wire.peek(size)
		if err != nil {
			return err
		}
		n := min(count, int64(len(p)/size))
		for i := range n {
			part, err := subrectangle(r, p[int(i)*size:][:size])
			if err != nil {
				return err
			}
			if ink -= int64(part.Dx()) * int64(part.Dy()); ink < 0 {
				return protocol("a rectangle of %d×%d pixels that is painted over and over", r.Dx(), r.Dy())
			}
			s.fill(part, le.Uint32(p[int(i)*size:]))
		}
		if err := s.wire.drop(int(n) * size); err != nil {
			return err
		}
		count -= n
	}
	return nil
}

// subrectangle reads where a part of r is: four numbers of one or two bytes, after the colour.
func subrectangle(r image.Rectangle, p []byte) (image.Rectangle, error) {
	var v [4]int64
	for i := range v {
		if len(p) == 8 {
			v[i] = int64(p[4+i])
		} else {
			v[i] = int64(binary.BigEndian.Uint16(p[4+2*i:]))
		}
	}
	return inside(r, int64(r.Min.X)+v[0], int64(r.Min.Y)+v[1], v[2], v[3])
}
