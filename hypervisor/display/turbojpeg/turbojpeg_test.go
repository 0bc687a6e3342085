package turbojpeg_test

import (
	"bytes"
	"errors"
	"image"
	"image/color"
	"image/jpeg"
	"testing"

	"guesthouse/hypervisor/display/turbojpeg"
)

func encoded(t testing.TB, m image.Image) []byte {
	var b bytes.Buffer
	if err := jpeg.Encode(&b, m, &jpeg.Options{Quality: 95}); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func slope(w, h int) *image.RGBA {
	m := image.NewRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			m.Set(x, y, color.RGBA{uint8(x * 255 / w), uint8(y * 255 / h), uint8((x + y) * 255 / (w + h)), 255})
		}
	}
	return m
}

// TestDecode compares a part of a larger framebuffer with what the standard library makes of the same picture, and what lies around it with what was there.
func TestDecode(t *testing.T) {
	const w, h, left, top, width, height, untouched = 61, 35, 7, 3, 100, 50, 0xaa
	grey := image.NewGray(image.Rect(0, 0, w, h))
	for i := range grey.Pix {
		grey.Pix[i] = uint8(i)
	}
	var d turbojpeg.Decoder
	defer d.Close()
	for _, m := range []image.Image{slope(w, h), grey} {
		data := encoded(t, m)
		want, err := jpeg.Decode(bytes.NewReader(data))
		if err != nil {
			t.Fatal(err)
		}
		pix := bytes.Repeat([]byte{untouched}, width*height*4)
		if gotW, gotH, err := d.Begin(data); gotW != w || gotH != h || err != nil {
			t.Fatal(gotW, gotH, err)
		}
		if err := d.Decode(pix[(top*width+left)*4:], width*4); err != nil {
			t.Fatal(err)
		}
		for y := range height {
			for x := range width {
				p := pix[(y*width+x)*4:][:4]
				if !image.Pt(x, y).In(image.Rect(left, top, left+w, top+h)) {
					if p[0] != untouched || p[1] != untouched || p[2] != untouched || p[3] != untouched {
						t.Fatalf("%d,%d outside the picture became %x", x, y, p)
					}
					continue
				}
				r, g, b, _ := want.At(x-left, y-top).RGBA()
				for i, v := range []uint32{b, g, r} {
					if diff := int(p[i]) - int(v>>8); diff < -8 || diff > 8 { // the standard library does not smooth the colours of the halved kind
						t.Fatalf("%T %d,%d: %v, want %d %d %d", m, x-left, y-top, p[:3], b>>8, g>>8, r>>8)
					}
				}
			}
		}
	}
}

func TestDamaged(t *testing.T) {
	whole := encoded(t, slope(64, 64))
	broken := bytes.Clone(whole)
	copy(broken[len(broken)/2:], []byte{0xff, 0xd8, 0xff, 0xc0, 0, 1})
	pix := make([]byte, 64*64*4)
	var d turbojpeg.Decoder
	defer d.Close()
	for name, data := range map[string][]byte{"nothing": nil, "one byte": whole[:1], "head": whole[:100], "cut": whole[:len(whole)/2], "broken": broken, "other": []byte("GIF89a")} {
		_, _, err := d.Begin(data)
		if err == nil {
			err = d.Decode(pix, 64*4)
		}
		if !errors.Is(err, turbojpeg.ErrDamaged) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := d.Decode(pix, 64*4); err == nil {
		t.Error("decoded what was never begun")
	}
	d.Close()
	for _, small := range []struct{ bytes, stride int }{{64*64*4 - 1, 64 * 4}, {64 * 64 * 4, 64*4 - 1}, {0, 0}} {
		if _, _, err := d.Begin(whole); err != nil { // again after Close, and after faults
			t.Fatal(err)
		}
		if err := d.Decode(pix[:small.bytes], small.stride); err == nil || errors.Is(err, turbojpeg.ErrDamaged) {
			t.Error(small, err)
		}
	}
	d.Begin(whole)
	if err := d.Decode(pix, 64*4); err != nil {
		t.Error(err)
	}
}
