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
	if !singleScan(data) {
		return protocol("a JPEG picture that does not come in one piece")
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

// singleScan reports whether a JPEG picture is a sequential one that comes in a single scan, as those of all servers do. Others, progressive ones
// among them, need memory beyond their pixels, and time for each of as many scans as there are. Markers are as in ITU T.81, B.1 and B.2: what this does
// not know is no such picture.
func singleScan(data []byte) bool {
	const (
		startOfImage, baseline, sequential, startOfScan = 0xd8, 0xc0, 0xc1, 0xda
		tables, restartInterval, application, comment   = 0xdb, 0xdd, 0xe0, 0xfe
		huffman                                         = 0xc4
	)
	if len(data) < 2 || data[0] != 0xff || data[1] != startOfImage {
		return false
	}
	components := -1
	for data = data[2:]; len(data) >= 4 && data[0] == 0xff; {
		marker, length := data[1], int(binary.BigEndian.Uint16(data[2:]))
		if length < 2 || len(data) < 2+length {
			return false
		}
		segment := data[4 : 2+length]
		data = data[2+length:]
		switch {
		case (marker == baseline || marker == sequential) && components < 0 && len(segment) >= 6:
			components = int(segment[5])
		case marker == startOfScan:
			return components > 0 && len(segment) >= 1 && int(segment[0]) == components
		case marker == tables, marker == huffman, marker == restartInterval, marker == comment, marker&0xf0 == application:
		default:
			return false
		}
	}
	return false
}
