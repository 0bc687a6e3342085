package console

import (
	"image"
	"image/color"
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/driver/desktop"
	"fyne.io/fyne/v2/driver/software"
	"fyne.io/fyne/v2/test"
	"fyne.io/fyne/v2/widget"

	"guesthouse/hypervisor/display"
	"guesthouse/ui/dispatch"
)

// showDisplay puts a Display that shows a guest of 200×100 pixels into a window of 400×400 pixels: the picture is 400×200 at 0,100.
func showDisplay(t *testing.T) (*Display, *guestLog, fyne.Window, *dispatch.Queue) {
	t.Helper()
	a := test.NewApp()
	t.Cleanup(a.Quit)
	q := &dispatch.Queue{}
	d := newDisplay(q)
	other := widget.NewEntry()
	w := test.NewWindow(container.New(&besideLayout{}, d, other))
	w.SetPadded(false)
	w.Resize(fyne.NewSize(400, 450))
	guest := &guestLog{}
	d.SetInput(guest)
	if _, err := d.frames.Resize(200, 100); err != nil {
		t.Fatal(err)
	}
	d.frames.SetPointerMode(true)
	q.Drain()
	d.Focus()
	if want := image.Rect(0, 100, 400, 300); d.at.picture != want {
		t.Fatalf("the picture is at %v, want %v", d.at.picture, want)
	}
	return d, guest, w, q
}

// besideLayout gives the display 400×400 and what follows the rest below.
type besideLayout struct{}

func (*besideLayout) MinSize([]fyne.CanvasObject) fyne.Size { return fyne.NewSize(400, 450) }
func (*besideLayout) Layout(o []fyne.CanvasObject, _ fyne.Size) {
	o[0].Resize(fyne.NewSize(400, 400))
	o[1].Move(fyne.NewPos(0, 400))
	o[1].Resize(fyne.NewSize(400, 50))
}

func mouseEvent(x, y float32, b desktop.MouseButton) *desktop.MouseEvent {
	return &desktop.MouseEvent{PointEvent: fyne.PointEvent{Position: fyne.NewPos(x, y), AbsolutePosition: fyne.NewPos(x, y)}, Button: b}
}

func dragEvent(x, y float32) *fyne.DragEvent {
	return &fyne.DragEvent{PointEvent: fyne.PointEvent{Position: fyne.NewPos(x, y)}}
}

const (
	left   = desktop.MouseButtonPrimary
	right  = desktop.MouseButtonSecondary
	middle = desktop.MouseButtonTertiary
)

// TestMouse plays what Fyne reports (its order and gaps were measured) and reads what the guest gets: x,y:buttons in guest pixels, where 1 is
// left, 2 middle, 4 right.
func TestMouse(t *testing.T) {
	for _, c := range []struct {
		name string
		play func(d *Display)
		want string
	}{
		{"moves and clicks", func(d *Display) {
			d.MouseIn(mouseEvent(0, 100, 0))
			d.MouseMoved(mouseEvent(399, 299, 0))
			d.MouseMoved(mouseEvent(399, 299, 0)) // nothing new
			d.MouseDown(mouseEvent(200, 200, left))
			d.MouseUp(mouseEvent(200, 200, left))
			d.MouseDown(mouseEvent(200, 200, right))
			d.MouseUp(mouseEvent(200, 200, right))
			d.MouseDown(mouseEvent(200, 200, middle))
			d.MouseUp(mouseEvent(200, 200, middle))
		}, "0,0:0 199,99:0 100,50:1 100,50:0 100,50:4 100,50:0 100,50:2 100,50:0"},
		{"beside the picture", func(d *Display) {
			d.MouseMoved(mouseEvent(100, 10, 0)) // reaches the nearest edge
			d.MouseDown(mouseEvent(100, 10, left))
			d.MouseUp(mouseEvent(100, 10, left))
		}, "50,0:0"},
		{"side buttons", func(d *Display) {
			d.MouseIn(mouseEvent(0, 100, 0))
			d.MouseDown(mouseEvent(0, 100, 0)) // Fyne's way to tell of a button that it does not know
			d.side(display.ButtonBack, true)
			d.MouseMoved(mouseEvent(200, 200, 0))
			d.MouseUp(mouseEvent(200, 200, 0))
			d.side(display.ButtonBack, false)
			d.MouseMoved(mouseEvent(200, 10, 0)) // beside the picture
			d.side(display.ButtonForward, true)
			d.MouseOut()
			d.side(display.ButtonForward, true)
		}, "0,0:0 0,0:128 100,50:128 100,50:0 100,0:0"},
		{"left dragged out and released outside", func(d *Display) {
			d.MouseDown(mouseEvent(200, 200, left))
			d.Dragged(dragEvent(900, -50))
			d.DragEnd()
		}, "100,50:1 199,0:1 199,0:0"},
		{"left dragged and released inside", func(d *Display) {
			d.MouseDown(mouseEvent(200, 200, left))
			d.Dragged(dragEvent(220, 200))
			d.MouseUp(mouseEvent(220, 200, left))
			d.DragEnd()
		}, "100,50:1 110,50:1 110,50:0"},
		{"right released while left drags", func(d *Display) {
			d.MouseDown(mouseEvent(200, 200, left))
			d.MouseDown(mouseEvent(200, 200, right))
			d.Dragged(dragEvent(220, 200))
			d.MouseUp(mouseEvent(220, 200, right))
			d.DragEnd()
			d.Dragged(dragEvent(240, 200))
			d.DragEnd()
		}, "100,50:1 100,50:5 110,50:5 110,50:1 120,50:1 120,50:0"},
		{"right released outside", func(d *Display) {
			d.MouseDown(mouseEvent(200, 200, right))
			d.MouseOut()
			d.MouseIn(mouseEvent(210, 200, 0))
		}, "100,50:4 100,50:0 105,50:0"},
		{"a release nobody told of", func(d *Display) {
			d.MouseDown(mouseEvent(200, 200, left))
			d.MouseMoved(mouseEvent(202, 200, left))
			d.MouseMoved(mouseEvent(204, 200, 0))
		}, "100,50:1 101,50:1 102,50:0"},
		{"focus lost while dragging", func(d *Display) {
			d.MouseDown(mouseEvent(200, 200, left))
			d.FocusLost()
			d.MouseMoved(mouseEvent(200, 200, left))
		}, "100,50:1"},
		{"wheel", func(d *Display) {
			d.MouseIn(mouseEvent(0, 100, 0))
			d.Scrolled(&fyne.ScrollEvent{Scrolled: fyne.NewDelta(0, 25)})
			d.Scrolled(&fyne.ScrollEvent{Scrolled: fyne.NewDelta(0, -50)})
			d.Scrolled(&fyne.ScrollEvent{Scrolled: fyne.NewDelta(0, 10)})
			d.Scrolled(&fyne.ScrollEvent{Scrolled: fyne.NewDelta(0, 15)})
			d.Scrolled(&fyne.ScrollEvent{Scrolled: fyne.NewDelta(25, 0)})
		}, "0,0:0 0,0:8 0,0:0 0,0:16 0,0:0 0,0:16 0,0:0 0,0:8 0,0:0 0,0:32 0,0:0"},
		{"wheel while a button is held", func(d *Display) {
			d.MouseDown(mouseEvent(200, 200, left))
			d.Scrolled(&fyne.ScrollEvent{Scrolled: fyne.NewDelta(0, 25)})
		}, "100,50:1 100,50:9 100,50:1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			d, guest, _, _ := showDisplay(t)
			c.play(d)
			expect(t, guest.take(), c.want)
		})
	}
}

func TestMouseRelative(t *testing.T) {
	d, guest, _, q := showDisplay(t)
	d.frames.SetPointerMode(false)
	q.Drain()
	d.MouseIn(mouseEvent(200, 200, 0))
	d.MouseMoved(mouseEvent(220, 190, 0))
	d.MouseDown(mouseEvent(220, 190, left))
	d.MouseUp(mouseEvent(220, 190, left))
	d.Scrolled(&fyne.ScrollEvent{Scrolled: fyne.NewDelta(0, -25)})
	expect(t, guest.take(), "~0,0:0 ~10,-5:0 ~0,0:1 ~0,0:0 ~0,0:16 ~0,0:0")
}

// TestKeysByPlace: the scan code decides, not the name that the host's layout gives the key.
func TestKeysByPlace(t *testing.T) {
	d, guest, w, _ := showDisplay(t)
	key := func(name fyne.KeyName, scan int) *fyne.KeyEvent {
		return &fyne.KeyEvent{Name: name, Physical: fyne.HardwareKey{ScanCode: scan}}
	}
	for _, c := range []struct {
		name fyne.KeyName
		scan int // X11
		want string
	}{
		{fyne.KeyA, 38, "+1e -1e"},
		{fyne.KeyQ, 38, "+1e -1e"}, // the same key on a French keyboard
		{"", 133, "+db -db"},       // Super, which Fyne cannot name
		{fyne.KeyTab, 23, "+f -f"},
		{fyne.Key7, 79, "+47 -47"}, // keypad
		{desktop.KeyShiftLeft, 50, "+2a -2a"},
		{"", 94, "+56 -56"}, // the key beside left Shift that US keyboards lack
		{"", 0, ""},
		{"", 7, ""},
		{"", 100000, ""},
	} {
		d.KeyDown(key(c.name, c.scan))
		d.TypedKey(key(c.name, c.scan))
		d.KeyUp(key(c.name, c.scan))
		if got := guest.take(); got != c.want {
			t.Errorf("scan code %d (%q): the guest got %q, want %q", c.scan, c.name, got, c.want)
		}
	}
	if !d.AcceptsTab() || w.Canvas().Focused() != fyne.Focusable(d) {
		t.Error("Tab leaves the guest")
	}

	d.KeyDown(key(desktop.KeyControlLeft, 37))
	d.TypedKey(key(desktop.KeyControlLeft, 37))
	d.KeyDown(key(fyne.KeyC, 54))
	d.TypedShortcut(&fyne.ShortcutCopy{}) // comes in place of TypedKey
	d.TypedShortcut(&fyne.ShortcutCopy{}) // a repeat
	d.KeyUp(key(fyne.KeyC, 54))
	d.KeyUp(key(desktop.KeyControlLeft, 37))
	expect(t, guest.take(), "+1d +2e +2e -2e -1d")
}

func TestScanCodesOfWayland(t *testing.T) {
	b := scanBase{known: true, raw: true}
	for scan, want := range map[int]uint16{30: 30, 1: 1, 0: 0, -1: 0, 1 << 20: 0} {
		if got := b.evdev(nil, scan); got != want {
			t.Errorf("scan code %d is %d, want %d", scan, got, want)
		}
	}
}

// TestFocusLossReleases: by another widget of the window, and what GLFW makes up afterwards is ignored.
func TestFocusLossReleases(t *testing.T) {
	d, guest, w, _ := showDisplay(t)
	d.KeyDown(&fyne.KeyEvent{Physical: fyne.HardwareKey{ScanCode: 37}})
	d.KeyDown(&fyne.KeyEvent{Physical: fyne.HardwareKey{ScanCode: 38}})
	guest.take()
	w.Canvas().Focus(w.Canvas().Content().(*fyne.Container).Objects[1].(*widget.Entry))
	expect(t, guest.take(), "-1d -1e")
	d.KeyUp(&fyne.KeyEvent{Physical: fyne.HardwareKey{ScanCode: 38}})
	expect(t, guest.take(), "")

	d.MouseDown(mouseEvent(200, 200, left))
	if w.Canvas().Focused() != fyne.Focusable(d) {
		t.Error("a click does not bring the keyboard back")
	}
	w.Canvas().Unfocus() // as Fyne does when a drag ends outside
	d.DragEnd()
	if w.Canvas().Focused() != fyne.Focusable(d) {
		t.Error("the keyboard is gone after a drag that ended outside")
	}
}

func TestInputChangesHands(t *testing.T) {
	d, first, _, _ := showDisplay(t)
	d.KeyDown(&fyne.KeyEvent{Physical: fyne.HardwareKey{ScanCode: 38}})
	first.take()
	d.SetInput(nil)
	expect(t, first.take(), "-1e")
	d.KeyDown(&fyne.KeyEvent{Physical: fyne.HardwareKey{ScanCode: 39}})
	d.MouseMoved(mouseEvent(200, 200, 0))
	second := &guestLog{}
	d.SetInput(second)
	d.KeyUp(&fyne.KeyEvent{Physical: fyne.HardwareKey{ScanCode: 38}})
	d.KeyUp(&fyne.KeyEvent{Physical: fyne.HardwareKey{ScanCode: 39}})
	expect(t, first.take()+second.take(), "")
}

func TestCursor(t *testing.T) {
	d, _, _, q := showDisplay(t)
	if d.Cursor() != desktop.DefaultCursor {
		t.Error("a guest that never named a pointer hides the host's")
	}
	shape := image.NewRGBA(image.Rect(0, 0, 16, 16))
	d.frames.SetCursor(&display.Cursor{Image: shape, HotX: 3, HotY: 4})
	q.Drain()
	first := d.Cursor()
	img, x, y := first.Image()
	if img != image.Image(shape) || x != 3 || y != 4 {
		t.Errorf("cursor %v at %d,%d", img, x, y)
	}
	if first != d.Cursor() {
		t.Error("the same cursor is another one each time")
	}
	d.frames.SetCursor(nil)
	q.Drain()
	if d.Cursor() != desktop.HiddenCursor {
		t.Error("the guest hides its pointer and it is shown")
	}
	d.SetInput(nil)
	if d.Cursor() != desktop.DefaultCursor {
		t.Error("no pointer over a picture that is not live")
	}
}

// TestDisplayPaintsExactly compares what is painted with the guest's pixels at each scale of the desktop.
func TestDisplayPaintsExactly(t *testing.T) {
	for _, scale := range []float32{1, 1.3, 1.5, 2} {
		d, _, w, q := showDisplay(t)
		w.Canvas().(software.WindowlessCanvas).SetScale(scale)
		fb, _ := d.frames.Resize(201, 103)
		for y := range 103 {
			for x := range 201 {
				fill(fb, image.Rect(x, y, x+1, y+1), color.RGBA{byte(x), byte(y), byte(255 * ((x + y) % 2)), 255})
			}
		}
		d.frames.Damage(fb.Bounds())
		d.frames.FrameDone()
		d.SetScaling(ScaleToOnes)
		q.Drain()
		d.Refresh()
		if d.raster.ScaleMode != canvas.ImageScalePixels {
			t.Errorf("scale %v: the picture is filtered", scale)
		}
		painted := w.Canvas().Capture()
		wrong := 0
		for y := range 103 {
			for x := range 201 {
				got := color.RGBAModel.Convert(painted.At(d.at.picture.Min.X+x, d.at.picture.Min.Y+y)).(color.RGBA)
				if got != (color.RGBA{byte(x), byte(y), byte(255 * ((x + y) % 2)), 255}) {
					wrong++
				}
			}
		}
		if wrong > 0 {
			t.Errorf("scale %v: %d of %d pixels are wrong", scale, wrong, 201*103)
		}
	}
}
