package rfb

import (
	"encoding/binary"
	"image"
)

// tightJPEG reads a rectangle that is a JPEG picture.
func (s *session) tightJPEG(r image.Rectangle) error {
	n, err := s.compactLength()
	if err != nil {
		return err
	}
	if n > maxCompressed(r) {
		return protocol("a JPEG picture of %d bytes for %d×%d pixels", n, r.Dx(), r.Dy())
	}
	if int64(cap(s.codecs.jpegData)) < n {
		s.codecs.jpegData = make([]byte, n)
	}
	data := s.codecs.jpegData[:n]
	if err := s.wire.read(data); err != nil {
		return err
	}
	if progressive(data) {
		return protocol("a progressive JPEG picture")
	}
	w, h, err := s.codecs.jpeg.Begin(data)
	if err != nil {
		return protocol("a JPEG picture that is none: %v", err)
	}
	if w != r.Dx() || h != r.Dy() {
		return protocol("a JPEG picture of %d×%d pixels for %d×%d", w, h, r.Dx(), r.Dy())
	}
	if err := s.codecs.jpeg.Decode(s.area(r), s.fb.Stride); err != nil {
		return protocol("a damaged JPEG picture: %v", err)
	}
	return nil
}

// progressive reports whether a JPEG picture comes in several passes: decoding that takes memory beyond its pixels, and no server sends it. The
// kind of the picture is told by the first marker that begins a frame (ITU T.81, B.1.1.3); a second one is an error to the decoder.
func progressive(data []byte) bool {
	for at := 2; at+4 <= len(data) && data[at] == 0xff; {
		marker := data[at+1]
		switch {
		case marker == 0xff: // a filler before a marker
			at++
			continue
		case marker >= 0xc0 && marker <= 0xcf && marker != 0xc4 && marker != 0xc8 && marker != 0xcc: // not tables, which have numbers between
			return marker&3 == 2
		}
		at += 2 + int(binary.BigEndian.Uint16(data[at+2:]))
	}
	return false
}
