package console

import (
	"errors"
	"image"
	"image/color"
	"testing"
	"time"

	"guesthouse/hypervisor/display"
	"guesthouse/ui/console/x11"
	"guesthouse/ui/dispatch"
)

const patient = 20 * time.Second

// fill paints a rectangle of a framebuffer in one colour and leaves the fourth byte as rubbish, as guests do.
func fill(fb display.Framebuffer, r image.Rectangle, c color.RGBA) {
	for y := r.Min.Y; y < r.Max.Y; y++ {
		for x := r.Min.X; x < r.Max.X; x++ {
			i := y*fb.Stride + x*4
			fb.Pix[i], fb.Pix[i+1], fb.Pix[i+2], fb.Pix[i+3] = c.B, c.G, c.R, byte(x)
		}
	}
}

func TestConvert(t *testing.T) {
	for _, w := range []int{1, 2, 3, 7, 8, 33} {
		const h = 5
		stride := w*4 + 12
		src := display.Framebuffer{Pix: make([]byte, stride*h), Stride: stride, W: w, H: h}
		for i := range src.Pix {
			src.Pix[i] = byte(i * 7)
		}
		dst := image.NewRGBA(image.Rect(0, 0, w, h))
		r := image.Rect(w/3, 1, w, 4)
		convert(dst, src, r)
		for y := range h {
			for x := range w {
				i := y*stride + x*4
				want := color.RGBA{src.Pix[i+2], src.Pix[i+1], src.Pix[i], 255}
				if !image.Pt(x, y).In(r) {
					want = color.RGBA{}
				}
				if got := dst.RGBAAt(x, y); got != want {
					t.Fatalf("width %d, pixel %d,%d: %v, want %v", w, x, y, got, want)
				}
			}
		}
	}
}

// BenchmarkConvert measures what a full update of a 1920×1080 screen costs beside copying it.
func BenchmarkConvert(b *testing.B) {
	const w, h = 1920, 1080
	src := display.Framebuffer{Pix: make([]byte, w*h*4), Stride: w * 4, W: w, H: h}
	dst := image.NewRGBA(image.Rect(0, 0, w, h))
	b.Run("convert", func(b *testing.B) {
		b.SetBytes(w * h * 4)
		for b.Loop() {
			convert(dst, src, dst.Rect)
		}
	})
	b.Run("copy", func(b *testing.B) {
		b.SetBytes(w * h * 4)
		for b.Loop() {
			copy(dst.Pix, src.Pix)
		}
	})
}

func TestRegionStaysSmall(t *testing.T) {
	var g region
	for y := range 300 {
		for x := range 40 {
			g.add(image.Rect(x*16, y, x*16+16, y+1)) // as QEMU sends tiles
		}
	}
	if len(g.rects) > maxRegion {
		t.Errorf("%d rectangles", len(g.rects))
	}
	if g.bounds() != image.Rect(0, 0, 640, 300) {
		t.Errorf("bounds %v", g.bounds())
	}
	g.clear()
	for i := range 1000 { // nothing to join
		g.add(image.Rect(i*3, i*3, i*3+1, i*3+1))
	}
	if len(g.rects) > maxRegion || g.bounds() != image.Rect(0, 0, 2998, 2998) {
		t.Errorf("%d rectangles, bounds %v", len(g.rects), g.bounds())
	}
}

func TestFramesPaintWhatIsComplete(t *testing.T) {
	q := &dispatch.Queue{}
	f := newFrames(q)
	painted := 0
	f.onFrame = func() { painted++ }
	if f.paint() != nil {
		t.Error("a picture before the first one")
	}
	fb, err := f.Resize(8, 4)
	if err != nil {
		t.Fatal(err)
	}
	red := color.RGBA{200, 10, 20, 255}
	fill(fb, image.Rect(2, 1, 5, 3), red)
	f.Damage(image.Rect(2, 1, 5, 3))
	if got := f.paint().RGBAAt(3, 2); got != (color.RGBA{0, 0, 0, 255}) {
		t.Errorf("half an update is shown: %v", got)
	}
	f.FrameDone()
	q.Drain()
	img := f.paint()
	if painted != 1 || img.RGBAAt(3, 2) != red || img.RGBAAt(5, 2) != (color.RGBA{0, 0, 0, 255}) {
		t.Errorf("painted %d times: %v, %v", painted, img.RGBAAt(3, 2), img.RGBAAt(5, 2))
	}
}

// TestFramesQueueIsBounded: however many updates come, one call waits for the UI, and none when nothing changed.
func TestFramesQueueIsBounded(t *testing.T) {
	q := &dispatch.Queue{}
	f := newFrames(q)
	fb, _ := f.Resize(64, 64)
	q.Drain()
	for range 1000 {
		fill(fb, image.Rect(0, 0, 1, 1), color.RGBA{1, 2, 3, 255})
		f.Damage(image.Rect(0, 0, 1, 1))
		f.FrameDone()
	}
	if n := q.Drain(); n != 1 {
		t.Errorf("%d calls for 1000 updates before the first is painted", n)
	}
	f.Damage(image.Rect(0, 0, 1, 1))
	f.FrameDone()
	if n := q.Drain(); n != 0 {
		t.Errorf("%d calls while the window is not painted", n)
	}
	f.paint()
	f.FrameDone()
	if n := q.Drain(); n != 0 {
		t.Errorf("%d calls for an update without damage", n)
	}
	for range 100 {
		f.SetLEDs(display.LEDs{Num: true})
	}
	if n := q.Drain(); n != 1 {
		t.Errorf("%d calls for 100 reports", n)
	}
}

// TestFramesAcrossThreads: a source on its own goroutine paints and resizes while the UI paints; with -race. Every picture is of one update.
func TestFramesAcrossThreads(t *testing.T) {
	q := &dispatch.Queue{}
	f := newFrames(q)
	const updates = 400
	done := make(chan struct{})
	go func() {
		defer close(done)
		var fb display.Framebuffer
		for i := range updates {
			if i%100 == 0 {
				fb, _ = f.Resize(64+i, 48)
			}
			c := color.RGBA{byte(i), byte(i), byte(i), 255}
			for y := range fb.H {
				fill(fb, image.Rect(0, y, fb.W, y+1), c)
				f.Damage(image.Rect(0, y, fb.W, y+1))
			}
			f.FrameDone()
			f.SetCursor(&display.Cursor{Image: image.NewRGBA(image.Rect(0, 0, 4, 4))})
			f.SetPointerMode(i%2 == 0)
		}
	}()
	torn := 0
	f.onFrame = func() {
		if img := f.paint(); img != nil {
			first, last := img.RGBAAt(0, 0), img.RGBAAt(img.Rect.Max.X-1, img.Rect.Max.Y-1)
			if first != last {
				torn++
			}
		}
	}
	f.onScreen = func() { _ = f.screen().cursor }
	finished := q.DrainUntil(func() bool {
		select {
		case <-done:
			return true
		default:
			q.Do(func() {}) // look again
			return false
		}
	}, patient)
	q.Drain()
	f.paint()
	if !finished || torn > 0 {
		t.Errorf("finished %v, %d torn pictures", finished, torn)
	}
	if got, want := f.snapshot().RGBAAt(5, 5), byte((updates-1)%256); got.R != want {
		t.Errorf("the last picture is %v, want %d", got, want)
	}
}

func TestFramesRefuseHugeScreens(t *testing.T) {
	f := newFrames(&dispatch.Queue{})
	for _, s := range []image.Point{{-1, 5}, {5, -1}, {20000, 10}, {16384, 16384}} {
		if _, err := f.Resize(s.X, s.Y); !errors.Is(err, errTooLarge) {
			t.Errorf("%v: %v", s, err)
		}
	}
	if fb, err := f.Resize(0, 0); err != nil || f.paint() != nil || !fb.Valid() {
		t.Errorf("an empty screen: %v", err)
	}
}

// TestFirstPictureNeedsNoWindowLoop: the first complete picture is shown once, whichever of picture and view comes first, and only while the
// window waits for it.
func TestFirstPictureNeedsNoWindowLoop(t *testing.T) {
	picture := func(f *frames) {
		fb, err := f.Resize(32, 16)
		if err != nil {
			t.Fatal(err)
		}
		f.Damage(fb.Bounds())
		f.FrameDone()
	}
	view := func(f *frames) { f.setView(&x11.View{}) }
	waiting := func(asked *[]image.Point) func(*frames) {
		return func(f *frames) {
			f.setEarly(func(guest image.Point) x11.Layout {
				*asked = append(*asked, guest)
				return x11.Layout{Shown: true}
			})
		}
	}
	decided := func(f *frames) { f.setEarly(nil) }
	sizeOnly := func(f *frames) { _, _ = f.Resize(32, 16) }
	for name, test := range map[string]struct {
		steps func(wait func(*frames)) []func(*frames)
		shown int
	}{
		"picture, then view":  {func(wait func(*frames)) []func(*frames) { return []func(*frames){wait, picture, view, picture} }, 1},
		"view, then picture":  {func(wait func(*frames)) []func(*frames) { return []func(*frames){wait, view, picture, picture} }, 1},
		"both, then wait":     {func(wait func(*frames)) []func(*frames) { return []func(*frames){view, picture, wait} }, 1},
		"decided before":      {func(wait func(*frames)) []func(*frames) { return []func(*frames){wait, view, decided, picture} }, 0},
		"no complete picture": {func(wait func(*frames)) []func(*frames) { return []func(*frames){wait, view, sizeOnly} }, 0},
		"the screen went": {func(wait func(*frames)) []func(*frames) {
			return []func(*frames){picture, (*frames).forget, wait, view}
		}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFrames(&dispatch.Queue{})
			f.share = true
			var asked []image.Point
			for _, step := range test.steps(waiting(&asked)) {
				step(f)
			}
			if len(asked) != test.shown {
				t.Errorf("it was shown %d times", len(asked))
			}
			for _, size := range asked {
				if size != image.Pt(32, 16) {
					t.Errorf("it was placed for a screen of %v", size)
				}
			}
			f.setView(nil)
			f.close()
		})
	}
}
