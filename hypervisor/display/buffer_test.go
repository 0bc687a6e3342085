package display

import (
	"image"
	"image/color"
	"math/rand/v2"
	"sync"
	"testing"
)

// fill writes one colour into a rectangle of a framebuffer, as a source would.
func fill(fb Framebuffer, r image.Rectangle, red, green, blue byte) {
	for y := r.Min.Y; y < r.Max.Y; y++ {
		for x := r.Min.X; x < r.Max.X; x++ {
			copy(fb.Pix[y*fb.Stride+x*BytesPerPixel:], []byte{blue, green, red, 0x5a})
		}
	}
}

func TestToRGBATurnsEveryPixelOfTheRectangleAndNoOther(t *testing.T) {
	for _, r := range []image.Rectangle{image.Rect(0, 0, 7, 5), image.Rect(1, 1, 2, 4), image.Rect(3, 2, 6, 3), image.Rect(-4, -4, 99, 99), {}} {
		fb := Framebuffer{Pix: make([]byte, 5*32), Stride: 32, W: 7, H: 5}
		for i := range fb.Pix {
			fb.Pix[i] = byte(i)
		}
		dst := image.NewRGBA(fb.Bounds())
		ToRGBA(dst, fb, r)
		for y := range 5 {
			for x := range 7 {
				want := color.RGBA{}
				if image.Pt(x, y).In(r) {
					p := fb.Pix[y*32+x*4:]
					want = color.RGBA{p[2], p[1], p[0], 255}
				}
				if got := dst.RGBAAt(x, y); got != want {
					t.Fatalf("%v: pixel %d,%d is %v, want %v", r, x, y, got, want)
				}
			}
		}
	}
}

func TestFramebufferThatIsTooSmallIsNotValid(t *testing.T) {
	for _, c := range []struct {
		fb   Framebuffer
		want bool
	}{
		{Framebuffer{}, true},
		{Framebuffer{Pix: make([]byte, 24), Stride: 12, W: 3, H: 2}, true},
		{Framebuffer{Pix: make([]byte, 28), Stride: 16, W: 3, H: 2}, true}, // the last row needs no padding
		{Framebuffer{Pix: make([]byte, 23), Stride: 12, W: 3, H: 2}, false},
		{Framebuffer{Pix: make([]byte, 24), Stride: 8, W: 3, H: 2}, false},
		{Framebuffer{Pix: make([]byte, 24), Stride: 12, W: -3, H: 2}, false},
		{Framebuffer{Pix: make([]byte, 24), Stride: -12, W: 3, H: 2}, false},
		{Framebuffer{W: MaxSide + 1, H: 1}, false},
	} {
		if got := c.fb.Valid(); got != c.want {
			t.Errorf("%d×%d, stride %d, %d bytes: valid=%v", c.fb.W, c.fb.H, c.fb.Stride, len(c.fb.Pix), got)
		}
	}
}

func TestBufferRefusesAScreenBeyondTheLimits(t *testing.T) {
	var b Buffer
	for _, s := range [][2]int{{-1, 1}, {MaxSide + 1, 1}, {1, MaxSide + 1}, {MaxSide, MaxSide}, {65535, 65535}} {
		if _, err := b.Resize(s[0], s[1]); err == nil {
			t.Errorf("%v accepted", s)
		}
	}
	if _, err := b.Resize(0, 0); err != nil {
		t.Error("an empty screen is allowed:", err)
	}
	b.FrameDone()
	if img, _ := b.Take(); img != nil && !img.Rect.Empty() {
		t.Error("an empty screen has a picture")
	}
}

// The picture must equal the framebuffer after every Take, whatever was damaged and however many updates went by in between.
func TestBufferPictureFollowsTheFramebuffer(t *testing.T) {
	var b Buffer
	changes := 0
	b.Changed = func() { changes++ }
	rng := rand.New(rand.NewPCG(1, 2))
	fb, _ := b.Resize(40, 30)
	for step := range 400 {
		if step%97 == 96 {
			fb, _ = b.Resize(20+rng.IntN(40), 20+rng.IntN(40))
		}
		for range rng.IntN(3) {
			x, y := rng.IntN(fb.W), rng.IntN(fb.H)
			r := image.Rect(x, y, x+1+rng.IntN(9), y+1+rng.IntN(9)).Intersect(fb.Bounds())
			fill(fb, r, byte(step), byte(step>>4), byte(rng.Uint32()))
			b.Damage(r)
		}
		b.FrameDone()
		if rng.IntN(2) == 0 {
			continue
		}
		img, _ := b.Take()
		want := image.NewRGBA(fb.Bounds())
		ToRGBA(want, fb, fb.Bounds())
		if img.Rect != want.Rect || string(img.Pix) != string(want.Pix) {
			t.Fatalf("step %d: the picture is not the framebuffer", step)
		}
	}
	if changes == 0 {
		t.Error("Changed was never called")
	}
	if _, r := b.Take(); !r.Empty() {
		b.Take()
	}
	changes = 0
	b.FrameDone()
	if _, r := b.Take(); changes != 0 || !r.Empty() {
		t.Error("an update without damage counts as a change")
	}
}

// Run under -race: a source and a drawer that know nothing of each other.
func TestBufferIsSafeBetweenSourceAndDrawer(t *testing.T) {
	var b Buffer
	var wg sync.WaitGroup
	done := make(chan struct{})
	wg.Go(func() {
		defer close(done)
		for i := range 300 {
			fb, err := b.Resize(64+i%3, 48)
			if err != nil {
				t.Error(err)
				return
			}
			fill(fb, fb.Bounds(), byte(i), byte(i), byte(i))
			b.Damage(fb.Bounds())
			b.FrameDone()
		}
	})
	wg.Go(func() {
		for {
			img, _ := b.Take()
			if img != nil {
				first := img.RGBAAt(0, 0)
				for i := 0; i < len(img.Pix); i += 4 {
					if img.Pix[i] != first.R {
						t.Error("a torn picture")
						return
					}
				}
			}
			select {
			case <-done:
				return
			default:
				b.Size()
			}
		}
	})
	wg.Wait()
}

func BenchmarkToRGBA1080p(b *testing.B) {
	fb := Framebuffer{Pix: make([]byte, 1920*1080*4), Stride: 1920 * 4, W: 1920, H: 1080}
	dst := image.NewRGBA(fb.Bounds())
	b.Run("convert", func(b *testing.B) {
		b.SetBytes(int64(len(fb.Pix)))
		for b.Loop() {
			ToRGBA(dst, fb, fb.Bounds())
		}
	})
	b.Run("memcpy", func(b *testing.B) {
		b.SetBytes(int64(len(fb.Pix)))
		for b.Loop() {
			copy(dst.Pix, fb.Pix)
		}
	})
}
