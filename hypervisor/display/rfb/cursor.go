package rfb

import (
	"image"

	"guesthouse/hypervisor/display"
)

// richCursor reads a cursor in the framebuffer's pixel format, followed by a bit mask of what is opaque, rows padded to bytes.
func (s *session) richCursor(h header) error {
	w, hgt := int64(h.w), int64(h.h)
	maskRow := (w + 7) / 8
	if w > maxCursor || hgt > maxCursor {
		return s.oddCursor(w*hgt*display.BytesPerPixel + maskRow*hgt)
	}
	pixels := make([]byte, w*hgt*display.BytesPerPixel)
	if err := s.wire.read(pixels); err != nil {
		return err
	}
	mask := make([]byte, maskRow*hgt)
	if err := s.wire.read(mask); err != nil {
		return err
	}
	for i := range w * hgt {
		p := pixels[4*i : 4*i+4 : 4*i+4]
		x, y := i%w, i/w
		if mask[y*maskRow+x/8]&(0x80>>(x%8)) == 0 {
			p[0], p[1], p[2], p[3] = 0, 0, 0, 0
		} else {
			p[0], p[2], p[3] = p[2], p[0], 255
		}
	}
	s.setCursor(h, pixels)
	return nil
}

// alphaCursor reads a cursor with premultiplied alpha. The bytes are R, G, B, A by the protocol, but B, G, R, A from QEMU, which sends its
// own memory (ui/vnc.c, vnc_cursor_define).
func (s *session) alphaCursor(h header) error {
	encoding, err := s.wire.u32()
	if err != nil {
		return err
	}
	if int32(encoding) != encRaw {
		return protocol("a cursor of encoding %d", int32(encoding))
	}
	n := int64(h.w) * int64(h.h) * display.BytesPerPixel
	if h.w > maxCursor || h.h > maxCursor {
		return s.oddCursor(n)
	}
	pixels := make([]byte, n)
	if err := s.wire.read(pixels); err != nil {
		return err
	}
	for i := 0; i+4 <= len(pixels); i += 4 {
		p := pixels[i : i+4 : i+4]
		if s.qemu {
			p[0], p[2] = p[2], p[0]
		}
		// Guests have been seen to send colours that are not premultiplied; an image must not hold them.
		p[0], p[1], p[2] = min(p[0], p[3]), min(p[1], p[3]), min(p[2], p[3])
	}
	s.setCursor(h, pixels)
	return nil
}

// oddCursor drops a cursor that is too large to be one, and leaves the old one. A guest can make such a cursor, so it is no reason to lose its
// display, unless it is larger than a message may be.
func (s *session) oddCursor(bytes int64) error {
	if bytes > messageBudget {
		return protocol("a cursor of %d bytes", bytes)
	}
	return s.wire.skip(bytes)
}

// setCursor shows RGBA pixels; a cursor without pixels is a hidden one.
func (s *session) setCursor(h header, pixels []byte) {
	if h.w == 0 || h.h == 0 {
		s.show.SetCursor(nil)
		return
	}
	w, hgt := int(h.w), int(h.h)
	s.show.SetCursor(&display.Cursor{
		Image: &image.RGBA{Pix: pixels, Stride: w * display.BytesPerPixel, Rect: image.Rect(0, 0, w, hgt)},
		HotX:  min(int(h.x), w-1),
		HotY:  min(int(h.y), hgt-1),
	})
}
