package x11

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"image"
	"image/color"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/jezek/xgb"
	"github.com/jezek/xgb/xfixes"
	"github.com/jezek/xgb/xproto"
	"github.com/jezek/xgb/xtest"

	"guesthouse/hypervisor/hosttest"
)

const (
	screenWidth  = 1000
	screenHeight = 800
)

var surround = color.NRGBA{R: 0x0b, G: 0x0e, B: 0x11, A: 0xff}

// startServer runs an X server of this test's own.
func startServer(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	server := runServer(t, args...)
	if len(args) == 0 {
		return server
	}
	// The numbers of extensions are learnt from the first server: it must have all.
	odd := os.Getenv("DISPLAY")
	plain := runServer(t)
	x, err := connect(extTest)
	if err != nil {
		t.Fatal(err)
	}
	x.Close()
	_ = plain.Process.Kill()
	t.Setenv("DISPLAY", odd)
	return server
}

// The tests press keys and buttons.
const extTest = "XTEST"

func init() {
	extensions = append(extensions, extension{extTest, xtest.Init})
}

func runServer(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	answer, say, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Close()
	args = append([]string{"-displayfd", "3", "-nolisten", "tcp", "-noreset", "-screen", "0", fmt.Sprintf("%dx%dx24", screenWidth, screenHeight)}, args...)
	server := exec.Command(hosttest.Tool(t, "Xvfb"), args...)
	server.ExtraFiles = []*os.File{say}
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = server.Process.Kill()
		_ = server.Wait()
	})
	say.Close()
	number, err := bufio.NewReader(answer).ReadString('\n')
	if err != nil {
		t.Fatalf("Xvfb did not start: %v", err)
	}
	t.Setenv("DISPLAY", ":"+strings.TrimSpace(number))
	return server
}

// bench is a toplevel window as the toolkit would make it, with a view in it.
type bench struct {
	t       *testing.T
	server  *exec.Cmd
	toolkit *xgb.Conn
	root    xproto.Window
	top     xproto.Window
	conn    *Conn
	view    *View
	segment *Segment
	ended   chan error // results of both Run
	stop    context.CancelFunc
}

// topColour fills the toolkit's window, as what the toolkit paints would.
const topColour = 0xaa5500

// newBench opens a window at 100,50 of the screen and a view in it.
func newBench(t *testing.T) *bench {
	t.Helper()
	b := &bench{t: t, server: startServer(t), ended: make(chan error, 2)}
	var err error
	if b.toolkit, err = connect(extTest, extFixes); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.toolkit.Close)
	screen := xproto.Setup(b.toolkit).DefaultScreen(b.toolkit)
	b.root = screen.Root
	b.top, _ = xproto.NewWindowId(b.toolkit)
	xproto.CreateWindow(b.toolkit, screen.RootDepth, b.top, b.root, 100, 50, 800, 600, 0, xproto.WindowClassInputOutput, screen.RootVisual,
		xproto.CwBackPixel|xproto.CwEventMask, []uint32{topColour, xproto.EventMaskPointerMotion | xproto.EventMaskButtonPress | xproto.EventMaskKeyPress})
	if err := xproto.MapWindowChecked(b.toolkit, b.top).Check(); err != nil {
		t.Fatal(err)
	}
	if b.conn, err = Open(uintptr(b.top)); err != nil {
		t.Fatal(err)
	}
	if b.view, err = b.conn.NewView(surround); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	b.stop = stop
	t.Cleanup(stop)
	go func() { b.ended <- b.conn.Run(ctx) }()
	go func() { b.ended <- b.view.Run(ctx) }()
	return b
}

// show gives the view a picture of that size.
func (b *bench) show(w, h int) {
	b.t.Helper()
	s, err := NewSegment(w, h)
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(s.Close)
	for y := range h {
		for x := range w {
			b.set(s, x, y, uint32(x*7%256)<<16|uint32(y*3%256)<<8|uint32((x+y)%2*255))
		}
	}
	b.view.SetSegment(s)
	b.segment = s
}

func (b *bench) set(s *Segment, x, y int, c uint32) {
	i := (y*s.w + x) * 4
	s.pix[i], s.pix[i+1], s.pix[i+2], s.pix[i+3] = byte(c), byte(c>>8), byte(c>>16), byte(x) // the fourth byte is rubbish, as guests leave it
}

// at is a pixel of the guest's.
func (b *bench) at(x, y int) uint32 {
	i := (y*b.segment.w + x) * 4
	p := b.segment.pix[i:]
	return uint32(p[0]) | uint32(p[1])<<8 | uint32(p[2])<<16
}

// grab reads the toplevel window's part of the screen.
func (b *bench) grab() func(x, y int) uint32 {
	b.t.Helper()
	got, err := xproto.GetImage(b.toolkit, xproto.ImageFormatZPixmap, xproto.Drawable(b.root), 100, 50, 800, 600, 0xffffffff).Reply()
	if err != nil {
		b.t.Fatal(err)
	}
	return func(x, y int) uint32 {
		p := got.Data[(y*800+x)*4:]
		return uint32(p[0]) | uint32(p[1])<<8 | uint32(p[2])<<16
	}
}

// eventually waits until the screen is as the check wants it.
func (b *bench) eventually(what string, check func(pixel func(x, y int) uint32) error) {
	b.t.Helper()
	if err := hosttest.Poll(hosttest.Patience, func() error { return check(b.grab()) }); err != nil {
		b.t.Fatalf("%s: %v", what, err)
	}
}

const surroundColour = 0x0b0e11

// expect compares a part of the toplevel window with what each of its pixels should be.
func expect(area image.Rectangle, want func(x, y int) uint32) func(func(x, y int) uint32) error {
	return func(pixel func(x, y int) uint32) error {
		wrong := 0
		var first error
		for y := area.Min.Y; y < area.Max.Y; y++ {
			for x := area.Min.X; x < area.Max.X; x++ {
				if got, w := pixel(x, y), want(x, y); got != w {
					if wrong++; first == nil {
						first = fmt.Errorf("pixel %d,%d is %06x, not %06x", x, y, got, w)
					}
				}
			}
		}
		if wrong > 0 {
			return fmt.Errorf("%d of %d pixels are wrong; %w", wrong, area.Dx()*area.Dy(), first)
		}
		return nil
	}
}

func TestExactPixels(t *testing.T) {
	b := newBench(t)
	b.show(320, 200)
	area, at := image.Rect(20, 40, 780, 580), image.Pt(200, 150)
	b.view.SetLayout(Layout{Shown: true, Area: area, Picture: image.Rectangle{Min: at, Max: at.Add(image.Pt(320, 200))}})
	want := func(x, y int) uint32 {
		p := image.Pt(x, y)
		switch {
		case !p.In(area):
			return topColour
		case p.Sub(at).In(image.Rect(0, 0, 320, 200)):
			return b.at(x-at.X, y-at.Y)
		}
		return surroundColour
	}
	b.eventually("the picture", expect(image.Rect(0, 0, 800, 600), want))

	t.Log("what is damaged follows, what is not stays")
	for y := range 20 {
		for x := range 30 {
			b.set(b.segment, 50+x, 60+y, 0xff00ff)
		}
	}
	old := b.at(0, 0)
	b.set(b.segment, 0, 0, 0x123456)
	b.view.Damage([]image.Rectangle{image.Rect(50, 60, 80, 80)})
	b.eventually("the damage", expect(image.Rect(0, 0, 800, 600), func(x, y int) uint32 {
		if x == at.X && y == at.Y {
			return old
		}
		return want(x, y)
	}))
	b.view.Damage([]image.Rectangle{image.Rect(0, 0, 1, 1)})
	b.eventually("the pixel", expect(image.Rect(0, 0, 800, 600), want))
	b.stop()
	for range 2 {
		if err := <-b.ended; !errors.Is(err, context.Canceled) {
			t.Errorf("ended by %v", err)
		}
	}
}

// waitStill waits until the screen stays as it is and returns it.
func (b *bench) waitStill() func(x, y int) uint32 {
	b.t.Helper()
	b.settle()
	return b.grab()
}

// settle waits until the view has nothing left to do.
func (b *bench) settle() {
	b.t.Helper()
	done := make(chan struct{})
	b.view.mu.Lock()
	b.view.idle = func() { close(done) }
	b.view.mu.Unlock()
	b.view.poke()
	<-done
}

// smooth gives the view a picture without sharp edges.
func (b *bench) smooth(w, h int) {
	b.t.Helper()
	b.show(w, h)
	for y := range h {
		for x := range w {
			b.set(b.segment, x, y, uint32(255*x/w)<<16|uint32(255*y/h)<<8|uint32(255*(x+y)/(w+h)))
		}
	}
	b.view.Damage([]image.Rectangle{image.Rect(0, 0, w, h)})
}

func centred(area image.Rectangle, size image.Point) image.Rectangle {
	at := area.Min.Add(area.Size().Sub(size).Div(2))
	return image.Rectangle{Min: at, Max: at.Add(size)}
}

func TestWholeMultiplesAreExact(t *testing.T) {
	b := newBench(t)
	b.show(123, 77)
	area := image.Rect(0, 30, 800, 600)
	for n := 2; n <= 5; n++ {
		at := centred(area, image.Pt(123*n, 77*n))
		b.view.SetLayout(Layout{Shown: true, Area: area, Picture: at})
		b.eventually(fmt.Sprint(n, " times"), expect(area, func(x, y int) uint32 {
			if !image.Pt(x, y).In(at) {
				return surroundColour
			}
			return b.at((x-at.Min.X)/n, (y-at.Min.Y)/n)
		}))
	}
}

func TestFit(t *testing.T) {
	b := newBench(t)
	b.smooth(640, 480)
	area := image.Rect(0, 30, 800, 600)
	for _, size := range []image.Point{{760, 570}, {400, 300}, {333, 250}, {641, 481}, {97, 73}} {
		at := centred(area, size)
		b.view.SetLayout(Layout{Shown: true, Area: area, Picture: at})
		near := func(a, b uint32) bool {
			for shift := 0; shift < 24; shift += 8 {
				if d := int(a>>shift&255) - int(b>>shift&255); d > 2 || d < -2 {
					return false
				}
			}
			return true
		}
		b.eventually(fmt.Sprint(size), func(pixel func(x, y int) uint32) error {
			for y := area.Min.Y; y < area.Max.Y; y++ {
				for x := area.Min.X; x < area.Max.X; x++ {
					want := uint32(surroundColour)
					if p := image.Pt(x, y); p.In(at) {
						p = p.Sub(at.Min)
						want = b.at((2*p.X+1)*640/(2*size.X), (2*p.Y+1)*480/(2*size.Y))
					}
					if got := pixel(x, y); !near(got, want) {
						return fmt.Errorf("pixel %d,%d is %06x, not about %06x", x, y, got, want)
					}
				}
			}
			return nil
		})
	}
}

// TestPartsLookLikeTheWhole: a picture that was scaled part by part has no seams.
func TestPartsLookLikeTheWhole(t *testing.T) {
	b := newBench(t)
	b.show(640, 480)
	area := image.Rect(0, 30, 800, 600)
	for _, size := range []image.Point{{760, 570}, {333, 250}} {
		layout := Layout{Shown: true, Area: area, Picture: centred(area, size)}
		b.view.SetLayout(layout)
		b.settle()
		for i := range 40 {
			r := image.Rect(i*15, i*11, i*15+7+i, i*11+5)
			for y := r.Min.Y; y < r.Max.Y; y++ {
				for x := r.Min.X; x < r.Max.X; x++ {
					b.set(b.segment, x, y, uint32(0xffffff*(i%2)))
				}
			}
			b.view.Damage([]image.Rectangle{r})
			b.settle()
		}
		parts := b.waitStill()
		b.view.SetLayout(Layout{})
		b.settle()
		b.view.SetLayout(layout)
		b.eventually(fmt.Sprint(size), expect(area, parts))
	}
}

func TestAreaCutsThePictureOff(t *testing.T) {
	b := newBench(t)
	b.show(1200, 900)
	area := image.Rect(50, 60, 450, 360)
	for _, offset := range []image.Point{{0, 0}, {300, 200}, {301, 200}, {800, 600}, {5, 0}} {
		at := area.Min.Sub(offset)
		b.view.SetLayout(Layout{Shown: true, Area: area, Picture: image.Rectangle{Min: at, Max: at.Add(image.Pt(1200, 900))}})
		b.eventually(fmt.Sprint("scrolled by ", offset), expect(image.Rect(0, 0, 800, 600), func(x, y int) uint32 {
			if !image.Pt(x, y).In(area) {
				return topColour
			}
			return b.at(x-at.X, y-at.Y)
		}))
	}
}

func TestHolesAndHiding(t *testing.T) {
	b := newBench(t)
	b.show(600, 400)
	area := image.Rect(0, 0, 800, 600)
	at := centred(area, image.Pt(600, 400))
	everything := func(holes ...image.Rectangle) func(x, y int) uint32 {
		return func(x, y int) uint32 {
			p := image.Pt(x, y)
			for _, h := range holes {
				if p.In(h) {
					return topColour
				}
			}
			if p.In(at) {
				return b.at(x-at.Min.X, y-at.Min.Y)
			}
			return surroundColour
		}
	}
	bar, tip := image.Rect(0, 0, 800, 64), image.Rect(120, 50, 400, 130)
	for _, holes := range [][]image.Rectangle{nil, {bar}, {bar, tip}, {tip}, {image.Rect(0, 0, 800, 32)}, {image.Rect(-5, -5, 900, 3)}, {}} {
		b.view.SetLayout(Layout{Shown: true, Area: area, Picture: at, Holes: holes})
		b.eventually(fmt.Sprint("holes ", holes), expect(area, everything(holes...)))
	}
	b.view.SetLayout(Layout{Area: area, Picture: at})
	b.eventually("hidden", expect(area, everything(area)))
	b.set(b.segment, 5, 5, 0x123456)
	b.view.Damage([]image.Rectangle{image.Rect(5, 5, 6, 6)}) // nobody sees it, and it is there later
	b.view.SetLayout(Layout{Shown: true, Area: area, Picture: at})
	b.eventually("shown again", expect(area, everything()))
}

// TestStorm changes everything at once, many times: what was asked for last is what is shown.
func TestStorm(t *testing.T) {
	b := newBench(t)
	area := image.Rect(0, 30, 800, 600)
	for i := range 300 {
		if i%7 == 0 {
			old := b.segment
			b.show(200+i%50*8, 150+i%30*6)
			if old != nil {
				old.Close()
			}
		}
		size := image.Pt(100+i*2, 80+i)
		b.view.SetLayout(Layout{Shown: i%11 != 0, Area: area.Inset(i % 20), Picture: centred(area, size), Holes: []image.Rectangle{image.Rect(i, i, i+50, i+40)}})
		b.view.Damage([]image.Rectangle{image.Rect(i%100, i%100, i%100+20, i%100+30)})
	}
	b.show(320, 200)
	at := centred(area, image.Pt(320, 200))
	b.view.SetLayout(Layout{Shown: true, Area: area, Picture: at})
	b.eventually("the last one", expect(image.Rect(0, 0, 800, 600), func(x, y int) uint32 {
		switch p := image.Pt(x, y); {
		case !p.In(area):
			return topColour
		case p.In(at):
			return b.at(x-at.Min.X, y-at.Min.Y)
		}
		return surroundColour
	}))
	select {
	case err := <-b.ended:
		t.Errorf("ended by %v", err)
	default:
	}
}

// TestInputGoesToTheToolkit: what happens over the picture is the toplevel window's, at its place in there.
func TestInputGoesToTheToolkit(t *testing.T) {
	b := newBench(t)
	b.show(320, 200)
	b.view.SetLayout(Layout{Shown: true, Area: image.Rect(0, 0, 800, 600), Picture: image.Rect(200, 150, 520, 350)})
	b.settle()
	xtest.FakeInput(b.toolkit, xproto.MotionNotify, 0, 0, b.root, 100+300, 50+200, 0)
	xtest.FakeInput(b.toolkit, xproto.ButtonPress, 1, 0, b.root, 0, 0, 0)
	for {
		e, fault := b.toolkit.WaitForEvent()
		if e == nil && fault == nil {
			t.Fatal("no event")
		}
		if press, ok := e.(xproto.ButtonPressEvent); ok {
			if press.Event != b.top || press.EventX != 300 || press.EventY != 200 {
				t.Errorf("the press went to %v", press)
			}
			return
		}
	}
}

// TestOpenBesideOthers opens windows' connections while another hears events: the tables that all share must not change any more.
func TestOpenBesideOthers(t *testing.T) {
	b := newBench(t)
	for i := range 5 {
		for step := range 10 {
			xproto.WarpPointer(b.toolkit, 0, b.top, 0, 0, 0, 0, int16(100+i), int16(100+step))
		}
		c, err := Open(uintptr(b.top))
		if err != nil {
			t.Fatal(err)
		}
		c.Close()
	}
}

func TestCursor(t *testing.T) {
	b := newBench(t)
	b.show(320, 200)
	b.view.SetLayout(Layout{Shown: true, Area: image.Rect(0, 0, 800, 600), Picture: image.Rect(200, 150, 520, 350)})
	if _, err := xfixes.QueryVersion(b.toolkit, 4, 0).Reply(); err != nil {
		t.Fatal(err)
	}
	xproto.WarpPointer(b.toolkit, 0, b.top, 0, 0, 0, 0, 300, 200)
	shape := image.NewRGBA(image.Rect(0, 0, 200, 100)) // more than one request
	for i := range shape.Pix {
		shape.Pix[i] = byte(i * 7)
		if i%4 == 3 {
			shape.Pix[i] = 255
		}
	}
	look := func(w, h, x, y uint16, check func([]uint32) bool) func(func(x, y int) uint32) error {
		return func(func(x, y int) uint32) error {
			got, err := xfixes.GetCursorImage(b.toolkit).Reply()
			if err != nil {
				return hosttest.Stop(err)
			}
			if got.Width != w || got.Height != h || got.Xhot != x || got.Yhot != y || !check(got.CursorImage) {
				return fmt.Errorf("a cursor of %d×%d at %d,%d", got.Width, got.Height, got.Xhot, got.Yhot)
			}
			return nil
		}
	}
	b.view.SetCursor(&Cursor{Image: shape, HotX: 150, HotY: 7})
	b.eventually("the guest's pointer", look(200, 100, 150, 7, func(px []uint32) bool {
		for i, c := range px {
			if p := shape.Pix[4*i:]; c != 0xff000000|uint32(p[0])<<16|uint32(p[1])<<8|uint32(p[2]) {
				return false
			}
		}
		return true
	}))
	b.view.SetCursor(Hidden)
	b.eventually("no pointer", look(1, 1, 0, 0, func(px []uint32) bool { return px[0] == 0 }))
	b.view.SetCursor(&Cursor{Image: shape, HotX: 1000, HotY: -3})
	b.eventually("a hot spot outside", look(200, 100, 199, 0, func([]uint32) bool { return true }))
}

func TestLostServer(t *testing.T) {
	b := newBench(t)
	b.show(320, 200)
	b.view.SetLayout(Layout{Shown: true, Area: image.Rect(0, 0, 800, 600), Picture: image.Rect(200, 150, 520, 350)})
	b.settle()
	_ = b.server.Process.Kill()
	if err := <-b.ended; !errors.Is(err, ErrLost) {
		t.Errorf("ended by %v", err)
	}
	b.view.Damage([]image.Rectangle{image.Rect(0, 0, 320, 200)})
	if err := <-b.ended; !errors.Is(err, ErrLost) {
		t.Errorf("ended by %v", err)
	}
	b.set(b.segment, 1, 1, 0xffffff) // the memory stays
}

// TestDestroyedWindow: the toplevel window goes and takes the view with it.
func TestDestroyedWindow(t *testing.T) {
	b := newBench(t)
	b.show(320, 200)
	layout := Layout{Shown: true, Area: image.Rect(0, 0, 800, 600), Picture: image.Rect(200, 150, 520, 350)}
	b.view.SetLayout(layout)
	b.settle()
	if err := xproto.DestroyWindowChecked(b.toolkit, b.top).Check(); err != nil {
		t.Fatal(err)
	}
	b.view.Damage([]image.Rectangle{image.Rect(0, 0, 320, 200)})
	if err := <-b.ended; !errors.Is(err, ErrLost) {
		t.Errorf("ended by %v", err)
	}
}

func TestUnavailable(t *testing.T) {
	unavailable := func(t *testing.T, window uintptr) {
		t.Helper()
		if _, err := Open(window); !errors.Is(err, ErrUnavailable) {
			t.Errorf("got %v", err)
		}
	}
	t.Run("another computer", func(t *testing.T) {
		t.Setenv("DISPLAY", "localhost:10.0")
		unavailable(t, 1)
	})
	t.Run("none", func(t *testing.T) {
		t.Setenv("DISPLAY", "")
		unavailable(t, 1)
	})
	for name, args := range map[string][]string{
		"no shared memory": {"-extension", "MIT-SHM"},
		"no render":        {"-extension", "RENDER"},
		"16 bits":          {"-screen", "0", "640x480x16"},
	} {
		t.Run(name, func(t *testing.T) {
			startServer(t, args...)
			x, err := connect()
			if err != nil {
				t.Fatal(err)
			}
			defer x.Close()
			unavailable(t, uintptr(xproto.Setup(x).DefaultScreen(x).Root))
		})
	}
	t.Run("not a window", func(t *testing.T) {
		startServer(t)
		unavailable(t, 0x7777777)
		unavailable(t, 0)
	})
}

// segments lists the identifiers of all System V segments.
func segments(t *testing.T) map[string]bool {
	t.Helper()
	text, err := os.ReadFile("/proc/sysvipc/shm")
	if err != nil {
		t.Fatal(err)
	}
	ids := map[string]bool{}
	for line := range strings.Lines(string(text)) {
		if f := strings.Fields(line); len(f) > 2 {
			ids[f[1]] = true
		}
	}
	return ids
}

// TestNoSegmentIsLeft: neither after Close nor after a program that is killed.
func TestNoSegmentIsLeft(t *testing.T) {
	if os.Getenv("X11_TEST_HOLD") != "" {
		s, err := NewSegment(100, 100)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Printf("segment %d\n", s.id)
		select {}
	}
	s, err := NewSegment(10, 10)
	if err != nil {
		t.Fatal(err)
	}
	id := fmt.Sprint(s.id)
	if !segments(t)[id] {
		t.Fatal("the segment is not there while it is used")
	}
	s.Close()
	s.Close()
	if segments(t)[id] {
		t.Error("a closed segment is left")
	}

	holder := exec.Command(os.Args[0], "-test.run", "^TestNoSegmentIsLeft$")
	holder.Env = append(os.Environ(), "X11_TEST_HOLD=1")
	out, err := holder.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := holder.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	_ = holder.Process.Kill()
	_ = holder.Wait()
	if err != nil {
		t.Fatal(err)
	}
	id = strings.TrimSpace(strings.TrimPrefix(line, "segment "))
	if segments(t)[id] {
		t.Errorf("a killed program leaves segment %s", id)
	}
}

func TestWithout(t *testing.T) {
	area := image.Rect(0, 0, 10, 10)
	for _, holes := range [][]image.Rectangle{
		nil, {area}, {image.Rect(2, 2, 5, 5)}, {image.Rect(-3, -3, 4, 4), image.Rect(3, 3, 12, 6)}, {image.Rect(20, 20, 30, 30)}, {image.Rect(0, 3, 10, 4)}, {{}},
	} {
		parts := without(area, holes)
		for y := range 10 {
			for x := range 10 {
				p, want, got := image.Pt(x, y), 1, 0
				for _, h := range holes {
					if p.In(h) {
						want = 0
					}
				}
				for _, r := range parts {
					if p.In(r) {
						got++
					}
				}
				if got != want {
					t.Errorf("holes %v: pixel %v is in %d parts", holes, p, got)
				}
			}
		}
	}
}
