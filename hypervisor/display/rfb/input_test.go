package rfb_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"guesthouse/hypervisor/display"
	"guesthouse/hypervisor/display/rfb"
)

// listener is a server's ear: it turns what the client says into one line a message. Wake messages are "wake". A server with extended mouse
// buttons hears the longer pointer events.
func (s *server) listener() <-chan string {
	lines := make(chan string, 10000)
	go func() {
		defer close(lines)
		for {
			kind := s.hear(1)
			if len(kind) == 0 {
				return
			}
			length, known := map[byte]int{3: 9, 4: 7, 5: 5, 6: 7, 150: 9, 248: 8, 251: 7, 255: 11}[kind[0]]
			if !known {
				lines <- fmt.Sprintf("message %d?", kind[0])
				return
			}
			p := s.hear(length)
			if len(p) < length {
				return
			}
			u16, u32 := binary.BigEndian.Uint16, binary.BigEndian.Uint32
			switch {
			case kind[0] == 3:
				lines <- fmt.Sprintf("request %d %d,%d %dx%d", p[0], u16(p[1:]), u16(p[3:]), u16(p[5:]), u16(p[7:]))
			case kind[0] == 4:
				lines <- fmt.Sprintf("sym %x %d", u32(p[3:]), p[0])
			case kind[0] == 5 && p[0]&0x80 != 0:
				lines <- fmt.Sprintf("pointer %d,%d %d+%d", u16(p[1:]), u16(p[3:]), p[0]&0x7f, s.hear(1)[0])
			case kind[0] == 6 && p[3]&0x80 != 0:
				lines <- fmt.Sprintf("clip %x", s.hear(int(-int32(u32(p[3:])))))
			case kind[0] == 6:
				lines <- fmt.Sprintf("text %q", s.hear(int(u32(p[3:]))))
			case kind[0] == 150:
				lines <- fmt.Sprintf("flow %d %d,%d %dx%d", p[0], u16(p[1:]), u16(p[3:]), u16(p[5:]), u16(p[7:]))
			case kind[0] == 248:
				lines <- fmt.Sprintf("fence %x %q", u32(p[3:]), s.hear(int(p[7])))
			case kind[0] == 251:
				lines <- fmt.Sprintf("size %dx%d %x", u16(p[1:]), u16(p[3:]), s.hear(16*int(p[5])))
			case kind[0] == 5:
				lines <- fmt.Sprintf("pointer %d,%d %d", u16(p[1:]), u16(p[3:]), p[0])
			case p[0] == 0 && u16(p[1:]) == 0 && u32(p[3:]) == 0:
				lines <- fmt.Sprintf("wake %x", u32(p[7:]))
			default:
				lines <- fmt.Sprintf("key %x %x %d", u32(p[7:]), u32(p[3:]), u16(p[1:]))
			}
		}
	}()
	return lines
}

// next is the next line that does not begin with one of the prefixes.
func next(t testing.TB, lines <-chan string, without ...string) string {
	t.Helper()
	limit := time.After(patience)
	for {
		select {
		case s, ok := <-lines:
			if !ok {
				return "end"
			}
			if !slices.ContainsFunc(without, func(w string) bool { return strings.HasPrefix(s, w) }) {
				return s
			}
		case <-limit:
			t.Fatal("the client does not say it")
		}
	}
}

// talk starts a client with a server that greets and then listens; acks are sent first.
func talk(t *testing.T, o rfb.Options, acks ...[]any) (*running, *server, <-chan string) {
	t.Helper()
	ready := make(chan *server, 1)
	ears := make(chan (<-chan string), 1)
	r := dial(t, o, func(s *server) {
		s.greetLoud(100, 50)
		ears <- s.listener()
		if len(acks) > 0 {
			s.update(acks...)
		}
		ready <- s
	})
	s := <-ready
	if len(acks) > 0 {
		r.wait(t, "the acknowledgements", func(st state) bool { return st.frames == 1 })
	} else {
		waitFor(t, "the first request", func() bool { return r.Stats().RequestPending })
	}
	return r, s, <-ears
}

var keyAck, relativeAck = rect(0, 0, 0, 0, -258), rect(0, 0, 0, 0, -257)

func TestKeysGoAsKeysymsUntilTheServerTakesNumbers(t *testing.T) {
	r, s, lines := talk(t, rfb.Options{})
	r.Key(0x1e, 'a', true)
	r.Key(0x1e, 'a', false)
	r.Key(0x63, 0, true) // neither keysym nor numbers: cannot be said
	r.Key(0x63, 0, false)
	for _, want := range []string{"sym 61 1", "sym 61 0"} {
		if got := next(t, lines, "request"); got != want {
			t.Fatalf("got %q, want %q", got, want)
		}
	}
	s.update(keyAck)
	r.wait(t, "the acknowledgement", func(st state) bool { return st.frames == 1 })
	r.Key(0x9d, 0xffe4, true)
	r.Key(0x9d, 0xffe4, true)
	r.Key(0x9d, 0xffe4, false)
	r.Key(0x9d, 0xffe4, false) // one release too many is not sent
	r.Key(0x1f, 's', true)
	for _, want := range []string{"key 9d ffe4 1", "key 9d ffe4 1", "key 9d ffe4 0", "key 1f 73 1"} {
		if got := next(t, lines, "request", "wake"); got != want {
			t.Fatalf("got %q, want %q", got, want)
		}
	}
}

func TestPointerStaysOnTheScreenAndKnowsItsMode(t *testing.T) {
	r, s, lines := talk(t, rfb.Options{})
	say := func(want string) {
		t.Helper()
		if got := next(t, lines, "request", "wake"); got != want {
			t.Fatalf("got %q, want %q", got, want)
		}
	}
	r.Pointer(10, 20, 0)
	say("pointer 10,20 0")
	r.Pointer(-5, 1<<40, display.ButtonLeft|display.ButtonBack) // there is no Back in this protocol
	say("pointer 0,49 1")
	r.Relative(3, -9, display.ButtonLeft) // the guest has a tablet: distances become places
	say("pointer 3,40 1")
	s.update(relativeAck)
	r.wait(t, "relative mode", func(st state) bool { return st.modes == 1 })
	r.Relative(1, -1, display.ButtonLeft)
	say("pointer 32768,32766 1")
	r.Relative(-1<<40, 1<<40, display.ButtonLeft)
	say("pointer 0,65534 1")
	r.Pointer(77, 7, display.ButtonLeft|display.WheelUp) // a place means nothing, the wheel does
	say("pointer 32767,32767 9")
	r.ReleaseAll()
	say("pointer 32767,32767 0")
}

func TestReleaseAllLetsGoOfEverything(t *testing.T) {
	r, _, lines := talk(t, rfb.Options{}, keyAck)
	for _, q := range []uint32{0x1d, 0x38, 0xd3} {
		r.Key(q, 0, true)
	}
	r.Pointer(5, 6, display.ButtonRight)
	for range 4 {
		next(t, lines, "request", "wake")
	}
	r.ReleaseAll()
	got := []string{next(t, lines, "request", "wake 58"), next(t, lines, "request", "wake 58"), next(t, lines, "request", "wake 58")}
	slices.Sort(got)
	// A release without keysym looks like a wake message to the listener: it is the same message.
	if want := []string{"wake 1d", "wake 38", "wake d3"}; !slices.Equal(got, want) {
		t.Errorf("released %v", got)
	}
	if got := next(t, lines, "request", "wake"); got != "pointer 5,6 0" {
		t.Errorf("got %q", got)
	}
}

// A server that takes nothing must not block the caller, nor make the queue grow without end; what was pressed is let go of once it takes
// things again.
func TestStuckServerBlocksNobodyAndLosesNoRelease(t *testing.T) {
	resume := make(chan struct{})
	heard := make(chan (<-chan string), 1)
	r := dial(t, rfb.Options{}, func(s *server) {
		s.greetLoud(100, 50)
		<-resume // nothing is read meanwhile
		heard <- s.listener()
	})
	waitFor(t, "the end of the handshake", func() bool { return r.Stats().Width == 100 })
	waitFor(t, "the first request", func() bool { return r.Stats().RequestPending })
	for i := range 100000 {
		r.Pointer(i%100, i%50, 0) // merged
	}
	for i := range 100000 {
		r.Pointer(i%100, i%50, display.ButtonMask(i%2)) // not merged, dropped when full
		r.Key(uint32(i%200+2), uint32(i%200+2), i%2 == 0)
	}
	r.Key(0x1e, 'z', true)
	r.ReleaseAll()
	if r.Stats().Dropped == 0 {
		t.Error("everything was queued for a server that takes nothing")
	}
	close(resume)
	lines := <-heard
	waitFor(t, "room for another key", func() bool {
		dropped := r.Stats().Dropped
		r.Key(0x99, 0x9999, true)
		return r.Stats().Dropped == dropped
	})
	held, buttons, n := map[string]bool{}, "0", 0
	for {
		f := strings.Fields(next(t, lines, "request"))
		n++
		if f[0] == "pointer" {
			buttons = f[2]
			continue
		}
		if f[1] == "9999" {
			break
		}
		held[f[1]] = f[2] == "1"
		if n > 10000 {
			t.Fatal("the queue has no bound")
		}
	}
	for sym, down := range held {
		if down {
			t.Errorf("key %s is left pressed", sym)
		}
	}
	if buttons != "0" {
		t.Error("buttons are left pressed:", buttons)
	}
	if n > 2*1024+200 {
		t.Errorf("%d events were queued", n)
	}
}

func TestMovesMergeButButtonsStayWhereTheyWere(t *testing.T) {
	resume := make(chan struct{})
	heard := make(chan (<-chan string), 1)
	r := dial(t, rfb.Options{}, func(s *server) {
		s.greetLoud(100, 50)
		s.hear(1) // the writer is in the middle of its first message
		<-resume
		s.hear(9)
		heard <- s.listener()
	})
	waitFor(t, "the writer to be busy", func() bool { return r.Stats().RequestPending })
	for i := range 10 {
		r.Pointer(i, i, 0)
	}
	r.Pointer(9, 9, display.ButtonLeft)
	for i := 10; i < 20; i++ {
		r.Pointer(i, i, display.ButtonLeft)
	}
	r.Pointer(19, 19, 0)
	for i := 20; i < 30; i++ {
		r.Pointer(i, i, 0)
	}
	close(resume)
	lines := <-heard
	for _, want := range []string{"pointer 9,9 0", "pointer 9,9 1", "pointer 19,19 1", "pointer 19,19 0", "pointer 29,29 0"} {
		if got := next(t, lines, "request"); got != want {
			t.Fatalf("got %q, want %q", got, want)
		}
	}
}

func TestNothingIsRequestedWhileHidden(t *testing.T) {
	r, s, lines := talk(t, rfb.Options{Heartbeat: true})
	pixel := rect(0, 0, 1, 1, 0, solid(1, 7))
	if got := next(t, lines, "wake"); got != "request 0 0,0 100x50" {
		t.Fatalf("got %q", got)
	}
	s.update(keyAck)
	if got := next(t, lines, "wake"); got != "request 1 0,0 100x50" {
		t.Fatalf("got %q", got)
	}
	s.update(pixel)
	if got := next(t, lines, "wake"); got != "request 1 0,0 100x50" {
		t.Fatalf("got %q", got)
	}
	r.SetVisible(false)
	s.update(pixel) // the answer to the last request
	r.wait(t, "that update", func(st state) bool { return st.frames == 3 })
	r.Key(0x1e, 'a', true) // marks the place: a request would come before it
	if got := next(t, lines, "wake"); got != "key 1e 61 1" {
		t.Fatalf("while hidden: %q", got)
	}
	r.SetVisible(true)
	r.SetVisible(true)
	if got := next(t, lines, "wake"); got != "request 1 0,0 100x50" {
		t.Fatalf("got %q", got)
	}
	r.Key(0x1e, 'b', false)
	if got := next(t, lines, "wake"); got != "key 1e 62 0" {
		t.Fatalf("one request too many: %q", got)
	}
}

// The next request goes out when an update's first pixels arrive, not when it is complete.
func TestRequestComesAtTheFirstPixelsOfAnUpdate(t *testing.T) {
	_, s, lines := talk(t, rfb.Options{})
	next(t, lines)
	s.say(0, 0, uint16(2))
	s.say(rect(0, 0, 2, 1, 0, solid(1, 0))...) // half of a rectangle
	if got := next(t, lines); got != "request 1 0,0 100x50" {
		t.Fatalf("got %q", got)
	}
}

// After a resize QEMU repaints by itself; others are asked once.
func TestRepaintAfterAResize(t *testing.T) {
	_, s, lines := talk(t, rfb.Options{})
	next(t, lines)
	s.update(rect(0, 0, 30, 20, -223))
	if got := next(t, lines); got != "request 0 0,0 30x20" {
		t.Errorf("got %q", got)
	}
	s.update(rect(0, 0, 30, 20, -308, 0, 0, 0, 0)) // the same size again, as servers answer such a request
	if got := next(t, lines); got != "request 1 0,0 30x20" {
		t.Errorf("got %q", got)
	}
	s.update(keyAck)
	next(t, lines)
	s.update(rect(0, 0, 40, 20, -308, 0, 0, 0, 0))
	if got := next(t, lines); got != "request 1 0,0 40x20" {
		t.Errorf("got %q", got)
	}
}

func TestWakesUseAKeyThatIsNotHeld(t *testing.T) {
	r, _, lines := talk(t, rfb.Options{Heartbeat: true}, keyAck, rect(1, 0, 0, 0, -257))
	for range 3 {
		if got := next(t, lines, "request"); got != "wake 58" {
			t.Fatalf("got %q", got)
		}
	}
	r.Key(0x58, 0, true) // F12 itself
	for got := next(t, lines, "request"); got != "key 58 0 1"; got = next(t, lines, "request") {
	}
	for range 3 {
		if got := next(t, lines, "request"); got != "wake 57" {
			t.Fatalf("got %q", got)
		}
	}
}

func TestServerThatIsTooSlowIsGivenUp(t *testing.T) {
	for _, c := range []struct {
		name   string
		script func(*server)
	}{
		{"silent", func(s *server) {}},
		{"a banner byte now and then", func(s *server) { trickle(s, "RFB 003.008\n") }},
		{"silent after the banner", func(s *server) { s.say("RFB 003.008\n"); s.hear(12) }},
		{"never reads our answer", func(s *server) { s.say("RFB 003.008\n") }},
		{"stops within a rectangle", func(s *server) {
			s.greet(10, 10)
			s.update(rect(0, 0, 10, 10, 0, make([]byte, 100)))
		}},
		{"a pixel now and then", func(s *server) {
			s.greet(1000, 1000)
			s.update(rect(0, 0, 1000, 1000, 0))
			trickle(s, strings.Repeat("x", 1<<20))
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			here, there := net.Pipe()
			defer there.Close()
			go c.script(&server{there, t})
			client := rfb.New(here, rfb.Options{})
			client.Hurry(100*time.Millisecond, 100*time.Millisecond)
			if err := client.Run(context.Background(), newScreen()); !errors.Is(err, display.ErrTransport) {
				t.Errorf("ended with %v", err)
			}
		})
	}
}

// trickle says a byte every now and then.
func trickle(s *server, text string) {
	for i := range len(text) {
		if !s.say(text[i : i+1]) {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// The limit of one message's time ends while nothing comes: by itself, and in the middle of a TLS connection.
func TestSilenceBetweenMessagesIsNoFault(t *testing.T) {
	id := issue(t, "desk.example")
	for name, o := range map[string]rfb.Options{
		"plain": {},
		"TLS":   {TLS: rfb.TLS{Host: "desk.example", Authorities: id.authorities(t)}, RequireTLS: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			const limit = time.Second
			here, there := socketPair(t)
			defer there.Close()
			s := &server{there, t}
			go func() {
				if o.RequireTLS {
					s = s.veNCrypt(id, 260)
					s.say(uint32(0))
					s.hear(1)
					s.say(uint16(10), uint16(10), native, uint32(4), "test")
					s.mute()
				} else {
					s.greet(10, 10)
				}
				for colour := range uint32(3) {
					time.Sleep(limit * 3 / 2)
					s.update(rect(0, 0, 10, 10, 0, solid(100, colour)))
				}
			}()
			client, show := rfb.New(here, o), newScreen()
			client.Hurry(time.Minute, limit)
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			ended := make(chan error, 1)
			go func() { ended <- client.Run(ctx, show) }()
			show.wait(t, "the last picture", func(st state) bool { return st.frames == 3 && st.pixel(9, 9) == 2 })
			cancel()
			if err := <-ended; !errors.Is(err, context.Canceled) {
				t.Errorf("ended with %v", err)
			}
		})
	}
}

func TestRunEndsWithItsContextAtAnyStage(t *testing.T) {
	for name, script := range map[string]func(*server){
		"handshake": func(*server) {},
		"running":   func(s *server) { s.greet(10, 10) },
		"rectangle": func(s *server) { s.greet(10, 10); s.update(rect(0, 0, 10, 10, 0, make([]byte, 8))) },
		"not read":  func(s *server) { s.greetLoud(10, 10) },
	} {
		t.Run(name, func(t *testing.T) {
			r := dial(t, rfb.Options{}, script)
			r.Key(1, 1, true) // before there is anyone
			r.cancel()
			if err := r.ended(); !errors.Is(err, context.Canceled) {
				t.Errorf("ended with %v", err)
			}
			r.Key(1, 1, true) // and when there is nobody any more
			r.Pointer(1, 1, display.ButtonLeft)
			r.Relative(1, 1, 0)
			r.ReleaseAll()
			r.SetVisible(false)
			r.Stats()
		})
	}
}

// A presenter that has no memory, or gives too little, ends the session instead of being written beyond.
func TestPresenterThatGivesTooLittle(t *testing.T) {
	for _, fb := range []display.Framebuffer{
		{},
		{Pix: make([]byte, 400), Stride: 40, W: 10, H: 9},
		{Pix: make([]byte, 399), Stride: 40, W: 10, H: 10},
		{Pix: make([]byte, 400), Stride: 39, W: 10, H: 10},
	} {
		here, there := net.Pipe()
		go func() { (&server{there, t}).greet(10, 10) }()
		err := rfb.New(here, rfb.Options{}).Run(context.Background(), &mean{newScreen(), fb})
		if err == nil || errors.Is(err, display.ErrProtocol) {
			t.Errorf("ended with %v", err)
		}
		there.Close()
	}
}

type mean struct {
	*screen
	fb display.Framebuffer
}

func (m *mean) Resize(int, int) (display.Framebuffer, error) { return m.fb, nil }

// A flood of beeps is neither a flood for the presenter nor a reason to stop.
func TestBellFlood(t *testing.T) {
	r := dial(t, rfb.Options{}, func(s *server) {
		s.greet(1, 1)
		s.Write(bytes.Repeat([]byte{2}, 1e6))
		s.update(rect(0, 0, 1, 1, 0, solid(1, 1)))
	})
	st := r.wait(t, "the picture after a million bells", func(st state) bool { return st.frames == 1 })
	if st.bells == 0 || st.bells > 1000 {
		t.Errorf("%d bells reached the presenter", st.bells)
	}
}
