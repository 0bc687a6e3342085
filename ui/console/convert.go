package console

import (
	"encoding/binary"
	"image"

	"guesthouse/hypervisor/display"
)

// The bytes of two pixels in a 64-bit word, least significant first: blue, green, red, undefined.
const (
	maskGreen = 0x0000ff00_0000ff00
	maskBlue  = 0x000000ff_000000ff
	opaque    = 0xff000000_ff000000
)

// convert writes the pixels of r from the guest's BGRX framebuffer into dst, which has the framebuffer's size. The painter blends what
// it shows, so alpha has to be 255: the fourth byte of a guest's pixel is undefined and mostly 0.
func convert(dst *image.RGBA, src display.Framebuffer, r image.Rectangle) {
	r = r.Intersect(src.Bounds()).Intersect(dst.Rect)
	if r.Empty() {
		return
	}
	n := r.Dx() * display.BytesPerPixel
	for y := r.Min.Y; y < r.Max.Y; y++ {
		from := y*src.Stride + r.Min.X*display.BytesPerPixel
		to := dst.PixOffset(r.Min.X, y)
		convertRow(dst.Pix[to:to+n], src.Pix[from:from+n])
	}
}

// convertRow swaps red and blue of every pixel and makes it opaque. Both slices have the same length, a multiple of 4. It goes eight pixels
// at a time: the compiler checks the bounds once for each eight then, which makes it about twice as fast.
func convertRow(dst, src []byte) {
	dst = dst[:len(src)]
	i := 0
	for ; i+32 <= len(src); i += 32 {
		s, d := src[i:i+32:i+32], dst[i:i+32:i+32]
		swap(d[0:8], s[0:8])
		swap(d[8:16], s[8:16])
		swap(d[16:24], s[16:24])
		swap(d[24:32], s[24:32])
	}
	for ; i+4 <= len(src); i += 4 {
		dst[i], dst[i+1], dst[i+2], dst[i+3] = src[i+2], src[i+1], src[i], 0xff
	}
}

// swap converts two pixels.
func swap(dst, src []byte) {
	v := binary.LittleEndian.Uint64(src)
	binary.LittleEndian.PutUint64(dst, v&maskGreen|v>>16&maskBlue|v&maskBlue<<16|opaque)
}

// copyRect copies the pixels of r between two pictures of the same size.
func copyRect(dst, src *image.RGBA, r image.Rectangle) {
	r = r.Intersect(dst.Rect).Intersect(src.Rect)
	if r.Empty() {
		return
	}
	n := r.Dx() * 4
	for y := r.Min.Y; y < r.Max.Y; y++ {
		to, from := dst.PixOffset(r.Min.X, y), src.PixOffset(r.Min.X, y)
		copy(dst.Pix[to:to+n], src.Pix[from:from+n])
	}
}
