package x11

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/jezek/xgb/xproto"

	"guesthouse/hypervisor/hosttest"
)

// TestWatch covers a window wholly and in part, takes it off the screen, and changes its size.
func TestWatch(t *testing.T) {
	b := newBench(t)
	conn, err := Open(uintptr(b.top))
	if err != nil {
		t.Fatal(err)
	}
	seen := make(chan bool, 10)
	resized := make(chan bool, 10)
	left := make(chan bool, 10)
	if err := conn.Watch(func(on bool) { seen <- on }, func() { resized <- true }, func() { left <- true }); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	go conn.Run(ctx)
	cover, err := xproto.NewWindowId(b.toolkit)
	if err != nil {
		t.Fatal(err)
	}
	screen := xproto.Setup(b.toolkit).DefaultScreen(b.toolkit)
	xproto.CreateWindow(b.toolkit, screen.RootDepth, cover, b.root, 0, 0, screenWidth, screenHeight, 0, xproto.WindowClassInputOutput, screen.RootVisual,
		xproto.CwBackPixel, []uint32{0})
	last := true
	for _, step := range []struct {
		what string
		do   func()
		want bool
	}{
		{"covered", func() { xproto.MapWindow(b.toolkit, cover) }, false},
		{"covered in part", func() { xproto.ConfigureWindow(b.toolkit, cover, xproto.ConfigWindowWidth, []uint32{300}) }, true},
		{"minimised", func() { xproto.UnmapWindow(b.toolkit, b.top) }, false},
		{"back", func() { xproto.MapWindow(b.toolkit, b.top) }, true},
	} {
		step.do()
		for end := time.After(hosttest.Patience); last != step.want; {
			select {
			case last = <-seen:
			case <-end:
				t.Fatalf("%s: it never says %v", step.what, step.want)
			}
		}
	}
	xproto.ConfigureWindow(b.toolkit, b.top, xproto.ConfigWindowHeight, []uint32{500})
	select {
	case <-resized:
	case <-time.After(hosttest.Patience):
		t.Error("another size is not told")
	}
	xproto.WarpPointer(b.toolkit, 0, b.top, 0, 0, 0, 0, 10, 10)
	xproto.WarpPointer(b.toolkit, 0, b.root, 0, 0, 0, 0, screenWidth-1, screenHeight-1)
	select {
	case <-left:
	case <-time.After(hosttest.Patience):
		t.Error("the pointer that leaves is not told")
	}
}

// TestWatchLeave moves the pointer out of a window, and ends the watch.
func TestWatchLeave(t *testing.T) {
	b := newBench(t)
	ctx, stop := context.WithCancel(context.Background())
	left, ended := make(chan bool, 100), make(chan error, 1)
	go func() { ended <- WatchLeave(ctx, uintptr(b.top), func() { left <- true }) }()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for end, seen := time.After(hosttest.Patience), false; !seen; {
		select {
		case <-left:
			seen = true
		case <-tick.C: // again and again: nobody says when the watch has begun
			xproto.WarpPointer(b.toolkit, 0, b.top, 0, 0, 0, 0, 10, 10)
			xproto.WarpPointer(b.toolkit, 0, b.root, 0, 0, 0, 0, screenWidth-1, screenHeight-1)
		case <-end:
			t.Fatal("the pointer that leaves is not told")
		}
	}
	stop()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("it ended with %v", err)
	}
	if err := WatchLeave(context.Background(), 1, func() {}); !errors.Is(err, ErrLost) {
		t.Errorf("of no window: %v", err)
	}
}
