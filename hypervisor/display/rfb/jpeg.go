package rfb

import (
	"bytes"
	"image"
	"image/jpeg"
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
	if int64(cap(s.codecs.jpeg)) < n {
		s.codecs.jpeg = make([]byte, n)
	}
	data := s.codecs.jpeg[:n]
	if err := s.wire.read(data); err != nil {
		return err
	}
	// A progressive picture needs memory beyond its pixels, and no server sends one. Its marker cannot be among the data of another.
	if bytes.Contains(data, []byte{0xff, 0xc2}) {
		return protocol("a progressive JPEG picture")
	}
	c, err := jpeg.DecodeConfig(bytes.NewReader(data))
	if err != nil {
		return protocol("a JPEG picture that is none: %v", err)
	}
	if c.Width != r.Dx() || c.Height != r.Dy() {
		return protocol("a JPEG picture of %d×%d pixels for %d×%d", c.Width, c.Height, r.Dx(), r.Dy())
	}
	picture, err := jpeg.Decode(bytes.NewReader(data))
	if err != nil {
		return protocol("a damaged JPEG picture: %v", err)
	}
	switch picture := picture.(type) {
	case *image.YCbCr:
		for y := range r.Dy() {
			s.ycbcrRow(s.row(r.Min.X, r.Min.Y+y, r.Dx()), picture, y)
		}
	case *image.Gray:
		for y := range r.Dy() {
			row := s.row(r.Min.X, r.Min.Y+y, r.Dx())
			for x, v := range picture.Pix[y*picture.Stride:][:r.Dx()] {
				le.PutUint32(row[4*x:], uint32(v)*0x010101)
			}
		}
	default:
		return protocol("a JPEG picture of %T", picture)
	}
	return nil
}

// ycbcrRow converts a row of a picture (JFIF, section 7), with 16 bits behind the point.
func (s *session) ycbcrRow(row []byte, p *image.YCbCr, y int) {
	luma := p.Y[y*p.YStride:][:len(row)/4]
	at := p.COffset(p.Rect.Min.X, p.Rect.Min.Y+y)
	cb, cr := p.Cb[at:], p.Cr[at:]
	shift := 1
	switch p.SubsampleRatio {
	case image.YCbCrSubsampleRatio444, image.YCbCrSubsampleRatio440:
		shift = 0
	case image.YCbCrSubsampleRatio411, image.YCbCrSubsampleRatio410:
		shift = 2
	}
	for x, v := range luma {
		b, r := int32(cb[x>>shift])-128, int32(cr[x>>shift])-128
		bright := int32(v)<<16 + 1<<15
		red, green, blue := bright+91881*r, bright-22554*b-46802*r, bright+116130*b
		le.PutUint32(row[4*x:], uint32(clampByte(red))<<16|uint32(clampByte(green))<<8|uint32(clampByte(blue)))
	}
}

// clampByte is v>>16, as a byte: 0 or 255 when it is less or more.
func clampByte(v int32) uint8 {
	if uint32(v)>>24 != 0 {
		return ^uint8(v >> 31)
	}
	return uint8(v >> 16)
}
