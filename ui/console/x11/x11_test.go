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
	"github.com/jezek/xgb/xproto"

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
	if b.toolkit, err = xgb.NewConn(); err != nil {
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
