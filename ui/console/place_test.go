package console

import (
	"fmt"
	"image"
	"testing"

	"fyne.io/fyne/v2"
)

// TestPlaceExact: at every scale of the desktop, "exact size" covers one host pixel per guest pixel, lies on whole pixels, and every host
// pixel of the picture leads to its own guest pixel.
func TestPlaceExact(t *testing.T) {
	for _, scale := range []float64{1, 1.3, 1.5, 2} {
		t.Run(fmt.Sprint(scale), func(t *testing.T) {
			guest := image.Pt(641, 401)
			p := place(image.Pt(1000, 700), guest, ScaleToOnes, scale)
			if p.picture.Size() != guest || !p.exact() {
				t.Fatalf("picture %v for a guest of %v", p.picture, guest)
			}
			pos, size := p.bounds()
			for _, v := range []struct {
				units float32
				want  int
			}{{pos.X, p.picture.Min.X}, {pos.Y, p.picture.Min.Y}, {size.Width, 641}, {size.Height, 401}} {
				if got := float64(v.units) * scale; got < float64(v.want)-0.01 || got > float64(v.want)+0.01 {
					t.Errorf("%v units are %v pixels, want %d", v.units, got, v.want)
				}
			}
			for x := range guest.X {
				hostX, hostY := p.picture.Min.X+x, p.picture.Min.Y+x%guest.Y
				at := fyne.NewPos(float32(hostX)/float32(scale), float32(hostY)/float32(scale)) // as Fyne makes positions
				if gx, gy, inside := p.toGuest(at); gx != x || gy != x%guest.Y || !inside {
					t.Fatalf("host pixel %d,%d is guest pixel %d,%d (inside %v), want %d,%d", hostX, hostY, gx, gy, inside, x, x%guest.Y)
				}
			}
		})
	}
}

func TestPlaceFit(t *testing.T) {
	for _, c := range []struct {
		area, guest image.Point
		want        image.Rectangle
		exact       bool
	}{
		{image.Pt(800, 600), image.Pt(800, 600), image.Rect(0, 0, 800, 600), true},
		{image.Pt(801, 601), image.Pt(800, 600), image.Rect(0, 0, 800, 600), true},     // a pixel of rounding keeps it sharp
		{image.Pt(799, 600), image.Pt(800, 600), image.Rect(0, 0, 800, 600), true},     // also when it is missing
		{image.Pt(1600, 1200), image.Pt(800, 600), image.Rect(0, 0, 1600, 1200), true}, // whole multiples stay sharp
		{image.Pt(1600, 600), image.Pt(800, 600), image.Rect(400, 0, 1200, 600), true}, // centred
		{image.Pt(400, 400), image.Pt(800, 600), image.Rect(0, 50, 400, 350), false},   // shape kept
		{image.Pt(1000, 600), image.Pt(640, 400), image.Rect(20, 0, 980, 600), false},
		{image.Pt(0, 600), image.Pt(640, 400), image.Rectangle{}, false},
		{image.Pt(800, 600), image.Pt(0, 0), image.Rectangle{}, false},
	} {
		p := place(c.area, c.guest, ScaleToFit, 1)
		if p.picture != c.want || p.exact() != c.exact {
			t.Errorf("place(%v, %v): %v exact %v, want %v exact %v", c.area, c.guest, p.picture, p.exact(), c.want, c.exact)
		}
	}
}

// TestToGuestCorners: scaled, the first and last host pixel reach the first and last guest pixel, and positions beside the picture stay in it.
func TestToGuestCorners(t *testing.T) {
	for _, scale := range []float64{1, 1.3, 1.5, 2} {
		p := place(image.Pt(1000, 600), image.Pt(640, 400), ScaleToFit, scale)
		at := func(x, y int) fyne.Position { return fyne.NewPos(float32(x)/float32(scale), float32(y)/float32(scale)) }
		for _, c := range []struct {
			x, y   int
			gx, gy int
			inside bool
		}{
			{20, 0, 0, 0, true},
			{979, 599, 639, 399, true},
			{19, 0, 0, 0, false},
			{980, 599, 639, 399, false},
			{-500, -500, 0, 0, false},
			{5000, 5000, 639, 399, false},
			{500, 300, 320, 200, true},
		} {
			gx, gy, inside := p.toGuest(at(c.x, c.y))
			if gx != c.gx || gy != c.gy || inside != c.inside {
				t.Errorf("scale %v: host %d,%d is guest %d,%d inside %v, want %d,%d %v", scale, c.x, c.y, gx, gy, inside, c.gx, c.gy, c.inside)
			}
		}
	}
}

func TestToGuestWithoutPicture(t *testing.T) {
	if _, _, inside := place(image.Pt(10, 10), image.Point{}, ScaleToFit, 1).toGuest(fyne.NewPos(5, 5)); inside {
		t.Error("a position is inside a picture that does not exist")
	}
}
