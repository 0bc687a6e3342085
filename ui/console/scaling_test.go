package console

import (
	"fmt"
	"image"
	"image/color"
	"strings"
	"testing"

	"fyne.io/fyne/v2"

	"guesthouse/hypervisor"
	"guesthouse/hypervisor/display"
	"guesthouse/ui/dispatch"
)

func TestPlaceWholeMultiples(t *testing.T) {
	for _, c := range []struct {
		area image.Point
		want image.Rectangle
	}{
		{image.Pt(800, 600), image.Rect(0, 0, 800, 600)},
		{image.Pt(1599, 1300), image.Rect(399, 350, 1199, 950)},
		{image.Pt(1600, 1200), image.Rect(0, 0, 1600, 1200)},
		{image.Pt(2500, 1900), image.Rect(50, 50, 2450, 1850)},
		{image.Pt(500, 400), image.Rect(0, 0, 800, 600)}, // scrolled
	} {
		if p := place(c.area, image.Pt(800, 600), ScaleWhole, 1.3); p.picture != c.want || !p.exact() {
			t.Errorf("place(%v): %v, want %v", c.area, p.picture, c.want)
		}
	}
}

// TestPlaceFollowing: a guest that followed as well as it can is shown pixel for pixel, any other fits.
func TestPlaceFollowing(t *testing.T) {
	area := image.Pt(1003, 701)
	for guest, exact := range map[image.Point]bool{{X: 1003, Y: 701}: true, {X: 1000, Y: 700}: true, {X: 992, Y: 700}: true, {X: 800, Y: 600}: false, {X: 1024, Y: 768}: false} {
		if p := place(area, guest, ScaleGuest, 1); (p.picture.Size() == guest) != exact {
			t.Errorf("a guest of %v is shown at %v", guest, p.picture)
		}
	}
}

// TestScrollBarsHideNothing: a screen that is larger than the window gets room for the bars beside it, one that just fits does not.
func TestScrollBarsHideNothing(t *testing.T) {
	d, _, _, q := showDisplay(t)
	d.SetScaling(ScaleToOnes)
	bar := d.Theme().Size("scrollBar")
	for _, c := range []struct {
		guest      image.Point
		wide, high float32 // room beside the picture, for the bars
	}{
		{image.Pt(400, 300), 0, 0},
		{image.Pt(401, 100), 0, bar},
		{image.Pt(401, 300), bar, bar}, // the one bar makes the other necessary
		{image.Pt(100, 301), bar, 0},
		{image.Pt(400, 301), bar, bar},
		{image.Pt(900, 900), bar, bar},
	} {
		d.viewport = func() fyne.Size { return fyne.NewSize(400, 300) }
		if _, err := d.frames.Resize(c.guest.X, c.guest.Y); err != nil {
			t.Fatal(err)
		}
		q.Drain()
		if want := fyne.NewSize(float32(c.guest.X)+c.wide, float32(c.guest.Y)+c.high); d.MinSize() != want {
			t.Errorf("guest %v: the widget wants %v, not %v", c.guest, d.MinSize(), want)
		}
		d.Resize(d.MinSize().Max(fyne.NewSize(400, 300)))
		if d.at.picture.Size() != c.guest || (c.wide+c.high > 0 && c.guest.X > 400 && d.at.picture.Min.X != 0) {
			t.Errorf("guest %v is at %v", c.guest, d.at.picture)
		}
	}
}

func TestScalingIsRememberedPerMachine(t *testing.T) {
	f := newWorld(t, hypervisor.StateRunning)
	w := f.open()
	f.live(w, 0)
	menu := w.viewMenu()
	if !menu.Items[0].Checked || menu.Items[1].Checked {
		t.Error("the menu does not show that the screen fits")
	}
	for i, name := range []string{"fit", "exact", "integer", "guest"} {
		w.viewMenu().Items[i].Action()
		f.until(name+" is remembered", func() bool { return f.get().Consoles[w.p.ID].Scaling == name })
		if !w.viewMenu().Items[i].Checked || w.display.Scaling() != Scaling(i) {
			t.Errorf("%s is not shown as chosen", name)
		}
	}
	w.shut()
	f.queue.Drain()
	if w = f.open(); w.display.Scaling() != ScaleGuest {
		t.Errorf("opened again the mode is %v", w.display.Scaling())
	}
}

func TestGuestFollows(t *testing.T) {
	f := newWorld(t, hypervisor.StateRunning)
	w := f.open()
	source := f.live(w, 0)
	sizes := func() (all []string) {
		for _, e := range strings.Split(source.take(), "size ")[1:] {
			all = append(all, strings.Fields(e)[0])
		}
		return all
	}
	w.setScaling(ScaleGuest)
	if got := sizes(); len(got) > 0 {
		t.Errorf("a server that takes no wishes was asked for %v", got)
	}
	if !strings.Contains(w.whyScaled(), "does not follow") {
		t.Errorf("the window says %q", w.whyScaled())
	}
	w.display.frames.SetCapabilities(display.Capabilities{Resize: true})
	f.queue.Drain()
	area := w.scroll.Size()
	want := fmt.Sprintf("%dx%d", int(area.Width)&^7, int(area.Height)&^1)
	if got := sizes(); len(got) != 1 || got[0] != want {
		t.Errorf("asked for %v, want %s", got, want)
	}
	w.showScreen()
	if got := sizes(); len(got) > 0 {
		t.Errorf("asked again for %v", got)
	}
	w.win.Resize(fyne.NewSize(900, 700))
	f.queue.Drain()
	if got := sizes(); len(got) != 1 {
		t.Errorf("after the window was resized: %v", got)
	}
	w.setScaling(ScaleToFit)
	w.win.Resize(fyne.NewSize(1000, 700))
	if got := sizes(); len(got) > 0 {
		t.Errorf("fitted, and asked for %v", got)
	}
}

// TestPainterRests: while another shows the picture the painter has none, gets no work, and takes over with the newest pixels.
func TestPainterRests(t *testing.T) {
	q := &dispatch.Queue{}
	f := newFrames(q)
	painted := 0
	f.onFrame = func() { painted++ }
	fb, err := f.Resize(64, 48)
	if err != nil {
		t.Fatal(err)
	}
	red, blue := color.RGBA{R: 255, A: 255}, color.RGBA{B: 255, A: 255}
	f.setPainted(false)
	fill(fb, fb.Bounds(), red)
	f.Damage(fb.Bounds())
	f.FrameDone()
	q.Drain()
	if painted != 0 || f.paint() != nil || f.back != nil || f.front != nil {
		t.Errorf("%d pictures painted; painter's memory is kept: %v", painted, f.back != nil || f.front != nil)
	}
	if img := f.snapshot(); img == nil || img.RGBAAt(63, 47) != red {
		t.Error("a screenshot needs the painter")
	}
	f.setPainted(true)
	if img := f.paint(); img == nil || img.RGBAAt(63, 47) != red {
		t.Error("the painter does not have the newest picture")
	}
	fill(fb, image.Rect(10, 10, 20, 20), blue)
	f.Damage(image.Rect(10, 10, 20, 20))
	f.FrameDone()
	q.Drain()
	if img := f.paint(); painted != 1 || img.RGBAAt(15, 15) != blue || img.RGBAAt(5, 5) != red {
		t.Error("the painter does not go on")
	}
	f.close()
	if f.snapshot() != nil || f.paint() != nil {
		t.Error("a closed window has a picture")
	}
}

// TestPainterAllocatesNothing: neither an update nor painting it leaves garbage behind.
func TestPainterAllocatesNothing(t *testing.T) {
	f := newFrames(nowhere{})
	fb, err := f.Resize(640, 480)
	if err != nil {
		t.Fatal(err)
	}
	f.paint()
	if n := testing.AllocsPerRun(50, func() {
		for y := 0; y < 480; y += 40 {
			f.Damage(image.Rect(y, y/2, y+40, y/2+8))
		}
		f.FrameDone()
		f.paint()
		f.Damage(fb.Bounds())
		f.FrameDone()
		f.paint()
	}); n > 0 {
		t.Errorf("%v allocations for two updates", n)
	}
}

// nowhere is a dispatcher whose UI goroutine never comes round.
type nowhere struct{}

func (nowhere) Do(func()) {}

// TestSharedFramebuffer: memory for an X server is used like any other, and given back.
func TestSharedFramebuffer(t *testing.T) {
	f := newFrames(&dispatch.Queue{})
	f.share = true
	for _, size := range []image.Point{{640, 480}, {0, 0}, {800, 600}, {800, 600}, {320, 200}} {
		fb, err := f.Resize(size.X, size.Y)
		if err != nil || !fb.Valid() || fb.Bounds().Size() != size {
			t.Fatalf("%v: %v, valid %v, %v", size, fb.Bounds(), fb.Valid(), err)
		}
		if f.shared() != (size.X > 0) {
			t.Errorf("%v: shared %v", size, f.shared())
		}
		fill(fb, fb.Bounds(), color.RGBA{G: 200, A: 255})
		f.Damage(fb.Bounds())
		f.FrameDone()
		if img := f.paint(); size.X > 0 && img.RGBAAt(size.X-1, size.Y-1) != (color.RGBA{G: 200, A: 255}) {
			t.Errorf("%v: painted %v", size, img.RGBAAt(size.X-1, size.Y-1))
		}
	}
	f.forget()
	if f.shared() || f.snapshot() != nil {
		t.Error("a forgotten picture is there")
	}
	f.close()
}
