package rfb_test

import (
	"context"
	"image"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"guesthouse/hypervisor/display"
	"guesthouse/hypervisor/display/rfb"
)

// patience is how long a test waits for something that must happen: long, as it only costs time when a test fails.
const patience = 60 * time.Second

// A screen is a presenter that keeps everything, for tests to look at.
type screen struct {
	fb     display.Framebuffer // the source's
	damage image.Rectangle     // of the update being received

	mu      sync.Mutex
	changed chan struct{} // closed and replaced at every change
	seen    state
}

// state is what a screen has been told.
type state struct {
	size     image.Point
	pix      []byte // B, G, R, X as of the last complete update
	damage   image.Rectangle
	frames   int
	resizes  int
	cursor   *display.Cursor
	cursors  int
	absolute bool
	modes    int
	leds     display.LEDs
	name     string
	bells    int
	can      display.Capabilities
	texts    []string // of the guest's clipboard
}

// pixel is the colour at x, y as 0xRRGGBB.
func (s state) pixel(x, y int) uint32 {
	p := s.pix[(y*s.size.X+x)*4:]
	return uint32(p[2])<<16 | uint32(p[1])<<8 | uint32(p[0])
}

func newScreen() *screen { return &screen{changed: make(chan struct{})} }

// change alters the state and wakes who waits.
func (s *screen) change(f func(*state)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f(&s.seen)
	close(s.changed)
	s.changed = make(chan struct{})
}

func (s *screen) Resize(w, h int) (display.Framebuffer, error) {
	s.damage = image.Rectangle{}
	// Rows are longer than they need be, and guarded: a source must keep to them.
	stride := w*4 + guard
	s.fb = display.Framebuffer{Pix: make([]byte, stride*h), Stride: stride, W: w, H: h}
	for y := range h {
		for i := range guard {
			s.fb.Pix[y*stride+w*4+i] = canary
		}
	}
	s.change(func(st *state) { st.size = image.Pt(w, h); st.pix = make([]byte, w*h*4); st.resizes++ })
	return s.fb, nil
}

const (
	guard  = 12
	canary = 0xa5
)

// intact reports whether nothing was written beside the pixels.
func (s *screen) intact() bool {
	for y := range s.fb.H {
		for _, b := range s.fb.Pix[y*s.fb.Stride+s.fb.W*4:][:guard] {
			if b != canary {
				return false
			}
		}
	}
	return true
}

func (s *screen) Damage(r image.Rectangle) { s.damage = s.damage.Union(r) }

func (s *screen) FrameDone() {
	d := s.damage
	s.damage = image.Rectangle{}
	s.change(func(st *state) {
		for y := d.Min.Y; y < d.Max.Y; y++ {
			copy(st.pix[(y*st.size.X+d.Min.X)*4:][:d.Dx()*4], s.fb.Pix[y*s.fb.Stride+d.Min.X*4:])
		}
		st.damage = d
		st.frames++
	})
}

func (s *screen) SetCursor(c *display.Cursor) {
	s.change(func(st *state) { st.cursor = c; st.cursors++ })
}

func (s *screen) SetCapabilities(c display.Capabilities) { s.change(func(st *state) { st.can = c }) }

func (s *screen) SetClipboard(text string) {
	s.change(func(st *state) { st.texts = append(st.texts, text) })
}

func (s *screen) SetPointerMode(abs bool) {
	s.change(func(st *state) { st.absolute = abs; st.modes++ })
}
func (s *screen) SetLEDs(l display.LEDs) { s.change(func(st *state) { st.leds = l }) }
func (s *screen) SetName(n string)       { s.change(func(st *state) { st.name = n }) }
func (s *screen) Bell()                  { s.change(func(st *state) { st.bells++ }) }

// state is what has been seen so far.
func (s *screen) state() state {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := s.seen
	st.pix, st.texts = slices.Clone(st.pix), slices.Clone(st.texts)
	return st
}

// wait blocks until the state is as wanted, and returns it.
func (s *screen) wait(t testing.TB, what string, ok func(state) bool) state {
	t.Helper()
	limit := time.NewTimer(patience)
	defer limit.Stop()
	for {
		s.mu.Lock()
		changed := s.changed
		s.mu.Unlock()
		if st := s.state(); ok(st) {
			return st
		}
		select {
		case <-changed:
		case <-limit.C:
			t.Fatalf("never happened: %s", what)
		}
	}
}

// A running client.
type running struct {
	*rfb.Client
	*screen
	t      testing.TB
	cancel context.CancelFunc
	err    chan error
}

// run starts a client on conn; the test's end stops it.
func run(t testing.TB, conn net.Conn, o rfb.Options) *running {
	ctx, cancel := context.WithCancel(context.Background())
	r := &running{Client: rfb.New(conn, o), screen: newScreen(), t: t, cancel: cancel, err: make(chan error, 1)}
	go func() { r.err <- r.Run(ctx, r.screen) }()
	t.Cleanup(func() {
		cancel()
		r.ended()
	})
	return r
}

// ended waits for Run's end and returns its error.
func (r *running) ended() error {
	r.t.Helper()
	select {
	case err := <-r.err:
		r.err <- err // for the next one who asks
		return err
	case <-time.After(patience):
		r.t.Fatal("Run does not end")
		return nil
	}
}
