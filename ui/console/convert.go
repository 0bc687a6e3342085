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

// convertRow swaps red and blue of every pixel and makes it opaque, two pixels at a time. Both slices have the same length, a multiple of 4.
func convertRow(dst, src []byte) {
	for len(src) >= 8 && len(dst) >= 8 {
		v := binary.LittleEndian.Uint64(src)
		v = v&maskGreen | v>>16&maskBlue | v&maskBlue<<16 | opaque
		binary.LittleEndian.PutUint64(dst, v)
		src, dst = src[8:], dst[8:]
	}
	if len(src) >= 4 && len(dst) >= 4 {
		dst[0], dst[1], dst[2], dst[3] = src[2], src[1], src[0], 0xff
	}
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
