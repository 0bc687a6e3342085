package rfb_test

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"testing"

	"guesthouse/hypervisor/display"
	"guesthouse/hypervisor/display/rfb"
)

// extended is a ServerCutText of the extended clipboard: negative length, flags, body.
func extended(flags uint32, body ...any) []any {
	var b bytes.Buffer
	(&server{Conn: bufferConn{Buffer: &b}}).say(body...)
	return []any{3, 0, 0, 0, int32(-4 - b.Len()), flags, b.Bytes()}
}

// packedText is what follows the flags of a provided text: length and text in zlib.
func packedText(length uint32, text string) []byte {
	var b bytes.Buffer
	z := zlib.NewWriter(&b)
	binary.Write(z, binary.BigEndian, length)
	z.Write([]byte(text))
	z.Close()
	return b.Bytes()
}

// Flags of the extended clipboard.
const (
	text    = 1
	caps    = 1 << 24
	request = 1 << 25
	peek    = 1 << 26
	notify  = 1 << 27
	provide = 1 << 28
)

var serverCaps = extended(text|caps|request|peek|notify|provide, uint32(1<<20))

// heard checks what the client says next, besides asking for updates.
func heard(t *testing.T, lines <-chan string, want ...string) {
	t.Helper()
	for _, w := range want {
		if got := next(t, lines, "request", "wake"); got != w {
			t.Fatalf("the client said %q, want %q", got, w)
		}
	}
}

// mark makes the client say something harmless, to show that it has said nothing else before.
func mark(t *testing.T, r *running, lines <-chan string) {
	t.Helper()
	r.Key(1, 0xff1b, true)
	r.Key(1, 0xff1b, false)
	heard(t, lines, "sym ff1b 1", "sym ff1b 0")
}

// processed waits until the client has read everything that the server has said so far.
func processed(t *testing.T, r *running, s *server) {
	t.Helper()
	frames := r.state().frames
	s.update(rect(0, 0, 1, 1, 0, solid(1, 1)))
	r.wait(t, "the mark", func(st state) bool { return st.frames > frames })
}

// 135: as long as nobody shares the clipboard, nothing of it is sent, asked for or shown, whatever the server does.
func TestClipboardIsOffAtFirst(t *testing.T) {
	r, s, lines := talk(t, rfb.Options{})
	r.OfferClipboard("secret")
	s.say(serverCaps...)
	s.say(extended(text | notify)...)
	s.say(extended(text | request)...)
	s.say(extended(peek)...)
	s.say(extended(text|provide, packedText(4, "evil"))...)
	s.say(3, 0, 0, 0, uint32(4), "evil")
	processed(t, r, s)
	mark(t, r, lines)
	st := r.state()
	if len(st.texts) > 0 {
		t.Errorf("shown: %q", st.texts)
	}
	if !st.can.Clipboard {
		t.Error("the server's clipboard is not reported")
	}
	// One direction does not open the other.
	r.ShareClipboard(true, false)
	heard(t, lines, "clip 0700000100000000")
	s.say(extended(text | notify)...)
	s.say(extended(text|provide, packedText(4, "evil"))...)
	processed(t, r, s)
	mark(t, r, lines)
	r.ShareClipboard(false, true)
	heard(t, lines, "clip 1900000100000000")
	r.OfferClipboard("secret")
	s.say(extended(text | request)...)
	processed(t, r, s)
	mark(t, r, lines)
	if st := r.state(); len(st.texts) > 0 {
		t.Errorf("shown: %q", st.texts)
	}
	// And off is off again.
	r.ShareClipboard(false, false)
	s.say(extended(text | notify)...)
	s.say(serverCaps...)
	processed(t, r, s)
	mark(t, r, lines)
}

func TestExtendedClipboardToTheGuest(t *testing.T) {
	r, s, lines := talk(t, rfb.Options{})
	s.say(serverCaps...)
	processed(t, r, s)
	r.ShareClipboard(true, false)
	heard(t, lines, "clip 0700000100000000")
	r.OfferClipboard("Grüße €\nzwei")
	heard(t, lines, "clip 08000001")
	r.OfferClipboard("Grüße €\nzwei") // no news
	s.say(extended(peek)...)
	heard(t, lines, "clip 08000001")
	s.say(extended(text | request)...)
	got := next(t, lines, "request")
	var message []byte
	if _, err := fmt.Sscanf(got, "clip %x", &message); err != nil {
		t.Fatal(got, err)
	}
	if flags := binary.BigEndian.Uint32(message); flags != text|provide {
		t.Fatalf("flags %x", flags)
	}
	z, err := zlib.NewReader(bytes.NewReader(message[4:]))
	if err != nil {
		t.Fatal(err)
	}
	var inside bytes.Buffer
	if _, err := inside.ReadFrom(z); err != nil {
		t.Fatal(err)
	}
	want := "Grüße €\r\nzwei\x00"
	if length := binary.BigEndian.Uint32(inside.Next(4)); int(length) != len(want) || inside.String() != want {
		t.Errorf("provided %d bytes %q", length, inside.String())
	}
	r.OfferClipboard(strings.Repeat("x", display.MaxClipboard+1)) // too long
	r.OfferClipboard("\xff")                                      // no text
	mark(t, r, lines)
	r.OfferClipboard("")
	heard(t, lines, "clip 08000000")
}

func TestExtendedClipboardFromTheGuest(t *testing.T) {
	r, s, lines := talk(t, rfb.Options{})
	r.ShareClipboard(true, true)
	s.say(serverCaps...)
	heard(t, lines, "clip 1f00000100000000")
	n := 0
	copied := func(body []byte, want string) {
		t.Helper()
		s.say(extended(text | notify)...)
		heard(t, lines, "clip 02000001")
		s.say(extended(text|provide, body)...)
		s.say(extended(text|provide, packedText(8, "unasked\x00"))...)
		processed(t, r, s)
		n++
		if st := r.state(); len(st.texts) != n || st.texts[n-1] != want {
			t.Fatalf("texts %q, want %q", st.texts, want)
		}
	}
	copied(packedText(14, "Grüße\r\nzwei\x00"), "Grüße\nzwei")
	copied(packedText(4, "ab\xff\x00"), "ab\ufffd")
	copied(packedText(6, "no end"), "no end")
	copied(packedText(2, "more follows"), "mo")
	// What came from there is not offered back, until the guest has copied something else.
	r.OfferClipboard("mo")
	mark(t, r, lines)
	s.say(extended(notify)...)
	processed(t, r, s)
	r.OfferClipboard("mo")
	heard(t, lines, "clip 08000001")
	// Too long to be brought.
	s.say(extended(text | notify)...)
	heard(t, lines, "clip 02000001")
	s.say(extended(text|provide, packedText(display.MaxClipboard+1, strings.Repeat("x", display.MaxClipboard+1)))...)
	processed(t, r, s)
	s.say(extended(text | notify)...)
	heard(t, lines, "clip 02000001")
	s.say(extended(text|provide, packedText(1<<30, ""))...)
	s.say(extended(text|provide, make([]byte, 2<<20))...)
	processed(t, r, s)
	if st := r.state(); len(st.texts) != n {
		t.Errorf("a text that is too long was brought: %d texts", len(st.texts))
	}
}

// 135: what is announced, is malformed or bursts ends the session; nothing gets memory beyond the limits.
func TestHostileClipboards(t *testing.T) {
	bomb := packedText(0xffffffff, strings.Repeat("\x00", 64<<20)) // 64 MiB in 64 KiB: only as long as it says, which is too long
	for _, c := range []struct {
		name  string
		parts []any
		want  error // nil: the session goes on
	}{
		{"too short for flags", []any{3, 0, 0, 0, int32(-3), []byte{0, 0, 0}}, display.ErrProtocol},
		{"no flags at all", []any{3, 0, 0, 0, int32(-1), 0}, display.ErrProtocol},
		{"2 GiB", []any{3, 0, 0, 0, uint32(0x80000000), uint32(0)}, display.ErrProtocol},
		{"17 MiB", []any{3, 0, 0, 0, int32(-17 << 20), uint32(text | provide)}, display.ErrProtocol},
		{"caps without sizes", extended(0xffff | caps), display.ErrProtocol},
		{"caps of everything", extended(0xff00ffff, make([]byte, 64)), nil},
		{"not zlib", extended(text|provide, "not zlib at all"), display.ErrProtocol},
		{"shorter than it says", extended(text|provide, packedText(100, "short")), display.ErrProtocol},
		{"shorter than its length", extended(text|provide, packedText(0, "")[:6]), display.ErrProtocol},
		{"bomb", extended(text|provide, bomb), nil},
		{"bomb of the largest size", extended(text|provide, packedText(2*display.MaxClipboard, strings.Repeat("\x01", 8<<20))), nil},
		{"no flags that mean anything", extended(0x00ff0000), nil},
		{"all flags", extended(0xfeffffff), nil},
		{"provides without text", extended(provide|2, packedText(3, "rtf")), nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, s, lines := talk(t, rfb.Options{})
			r.ShareClipboard(true, true)
			s.say(serverCaps...)
			heard(t, lines, "clip 1f00000100000000")
			s.say(extended(text | notify)...)
			heard(t, lines, "clip 02000001")
			go func() { // whatever the client has to say
				for range lines {
				}
			}()
			if s.say(c.parts...); c.want == nil {
				processed(t, r, s)
				return
			}
			if err := r.ended(); !errors.Is(err, c.want) {
				t.Errorf("ended with %v", err)
			}
		})
	}
}

// A server that announces its clipboard without end is asked once for each time it listens.
func TestClipboardFlood(t *testing.T) {
	r, s, lines := talk(t, rfb.Options{})
	r.ShareClipboard(true, true)
	s.say(serverCaps...)
	heard(t, lines, "clip 1f00000100000000")
	go func() {
		for range lines {
		}
	}()
	var flood bytes.Buffer
	b := &server{Conn: bufferConn{Buffer: &flood}}
	for range 10000 {
		b.say(extended(text | notify)...)
		b.say(extended(peek)...)
		b.say(serverCaps...)
	}
	s.Write(flood.Bytes())
	processed(t, r, s)
}

// A server that does not speak the extension gets and gives Latin-1, but not before it had its chance to say that it does.
func TestPlainClipboard(t *testing.T) {
	r, s, lines := talk(t, rfb.Options{})
	r.ShareClipboard(true, true)
	r.OfferClipboard("Grüße €")
	mark(t, r, lines)
	processed(t, r, s)
	heard(t, lines, `text "Gr\xfc\xdfe ?"`)
	s.say(3, 0, 0, 0, uint32(9), "caf\xe9\r\nbar")
	st := r.wait(t, "the text", func(st state) bool { return len(st.texts) == 1 })
	if st.texts[0] != "café\nbar" {
		t.Errorf("got %q", st.texts[0])
	}
	if !st.can.Clipboard {
		t.Error("the clipboard is not reported")
	}
	s.say(3, 0, 0, 0, uint32(display.MaxClipboard+1), make([]byte, display.MaxClipboard+1)) // too long
	processed(t, r, s)
	if st := r.state(); len(st.texts) != 1 {
		t.Error("a text that is too long was brought")
	}
}

func TestFences(t *testing.T) {
	_, s, lines := talk(t, rfb.Options{})
	s.say(248, 0, 0, 0, uint32(0xffffffff), 3, "abc")
	heard(t, lines, `fence 7 "abc"`)
	s.say(248, 0, 0, 0, uint32(1), 1, "x") // an answer to nothing
	s.say(248, 0, 0, 0, uint32(0x80000001), 0)
	heard(t, lines, `fence 1 ""`)
	s.say(248, 0, 0, 0, uint32(0x80000000), 64, make([]byte, 64))
	heard(t, lines, fmt.Sprintf("fence 0 %q", make([]byte, 64)))
}

func TestHostileFences(t *testing.T) {
	for name, script := range map[string]func(*server){
		"65 bytes": func(s *server) {
			s.greet(1, 1)
			s.say(248, 0, 0, 0, uint32(1<<31), 65, make([]byte, 65))
		},
		"answers are not taken": func(s *server) {
			s.greetLoud(1, 1)
			for s.say(248, 0, 0, 0, uint32(1<<31), 64, make([]byte, 64)) {
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := dial(t, rfb.Options{}, script)
			if err := r.ended(); !errors.Is(err, display.ErrProtocol) || !strings.Contains(err.Error(), "fence") {
				t.Errorf("ended with %v", err)
			}
		})
	}
}

// A server that offers continuous updates is asked for one picture, then sends without being asked; not while hidden, and for every size.
func TestContinuousUpdates(t *testing.T) {
	r, s, lines := talk(t, rfb.Options{})
	say := func(want ...string) {
		t.Helper()
		for _, w := range want {
			if got := next(t, lines); got != w {
				t.Fatalf("the client said %q, want %q", got, w)
			}
		}
	}
	say("request 0 0,0 100x50")
	s.say(150)
	say("flow 1 0,0 100x50")
	pixel := rect(0, 0, 1, 1, 0, solid(1, 7))
	for range 3 {
		s.update(pixel)
	}
	s.update(rect(0, 0, 30, 20, -308, 0, 0, 0, 0))
	say("flow 1 0,0 30x20")
	r.SetVisible(false)
	say("flow 0 0,0 30x20")
	s.say(150)
	r.SetVisible(true)
	say("request 1 0,0 30x20", "flow 1 0,0 30x20")
	s.update(pixel)
	s.update(rect(0, 0, 40, 20, -223)) // of DesktopSize the picture has to be asked for
	say("request 0 0,0 40x20", "flow 1 0,0 40x20")
	s.update(pixel)
	r.wait(t, "all updates", func(st state) bool { return st.frames == 7 })
	mark(t, r, lines)
	// The server stops by itself: back to asking, for good.
	s.say(150)
	say("request 1 0,0 40x20")
	s.say(150)
	s.update(pixel)
	say("request 1 0,0 40x20")
}

// A flood of ends is no conversation.
func TestContinuousUpdatesFlood(t *testing.T) {
	r := dial(t, rfb.Options{}, func(s *server) {
		s.greet(1, 1)
		s.Write(bytes.Repeat([]byte{150}, 1e6))
		s.update(rect(0, 0, 1, 1, 0, solid(1, 1)))
	})
	r.wait(t, "the picture", func(st state) bool { return st.frames == 1 })
	if out := r.Stats().BytesOut; out > 10000 {
		t.Errorf("the client said %d bytes", out)
	}
}

func TestSideButtonsNeedTheirExtension(t *testing.T) {
	r, s, lines := talk(t, rfb.Options{})
	r.Pointer(1, 2, display.ButtonBack|display.ButtonLeft)
	heard(t, lines, "pointer 1,2 1")
	r.Pointer(1, 2, display.WheelRight)
	heard(t, lines, "pointer 1,2 64")
	r.Pointer(1, 2, 0)
	heard(t, lines, "pointer 1,2 0")
	s.update(rect(0, 0, 0, 0, -316))
	r.wait(t, "the capability", func(st state) bool { return st.can.SideButtons })
	r.Pointer(1, 2, display.ButtonBack|display.ButtonLeft)
	heard(t, lines, "pointer 1,2 1+1")
	r.Pointer(3, 2, display.ButtonForward)
	heard(t, lines, "pointer 3,2 0+2")
	r.ReleaseAll()
	heard(t, lines, "pointer 3,2 0")
}

// Of wishes that come fast the last is sent, with the server's own number for its screen, after the button is let go of; a refusal changes
// nothing, and nothing is sent to who has not said that it takes wishes.
func TestRequestSize(t *testing.T) {
	r, s, lines := talk(t, rfb.Options{})
	r.RequestSize(1, 1)
	mark(t, r, lines)
	screens := []byte("\x11\x22\x33\x44\x00\x00\x00\x00\x00\x64\x00\x32\xaa\xbb\xcc\xdd" + "another screen..")
	s.update(rect(0, 0, 100, 50, -308, 2, 0, 0, 0, screens))
	heard(t, lines, "size 1x1 11223344000000000001"+"0001aabbccdd")
	s.update(rect(1, 3, 1, 1, -308, 1, 0, 0, 0, screens[:16]))
	processed(t, r, s)
	if st := r.state(); st.size.X != 100 || !st.can.Resize {
		t.Errorf("after a refusal: %v, %+v", st.size, st.can)
	}
	r.Pointer(5, 5, display.ButtonLeft)
	heard(t, lines, "pointer 5,5 1")
	for i := range 1000 {
		r.RequestSize(200+i, 300)
	}
	r.Pointer(6, 6, display.ButtonLeft)
	heard(t, lines, "pointer 6,6 1")
	r.Pointer(6, 6, 0)
	heard(t, lines, "pointer 6,6 0", "size 1199x300 112233440000000004af012caabbccdd")
	s.update(rect(1, 0, 1199, 300, -308, 1, 0, 0, 0, screens[:16]))
	r.wait(t, "the new size", func(st state) bool { return st.size.X == 1199 && st.size.Y == 300 })
	r.RequestSize(1199, 300) // it has that
	r.RequestSize(0, 300)
	r.RequestSize(-1, 1<<20)
	s.update(rect(1, 1, 0, 0, -308, 0, 0, 0, 0)) // prohibited from now on
	r.wait(t, "the capability's end", func(st state) bool { return !st.can.Resize })
	r.RequestSize(640, 480)
	mark(t, r, lines)
}

// Sizes are never answered with a request for the whole screen, which servers answer with a size.
func TestSizesMakeNoLoop(t *testing.T) {
	_, s, lines := talk(t, rfb.Options{})
	if got := next(t, lines); got != "request 0 0,0 100x50" {
		t.Fatal(got)
	}
	for i := range 100 {
		s.update(rect(0, 0, uint16(10+i), 10, -308, 255, 0, 0, 0, make([]byte, 16*255)))
		if got, want := next(t, lines), fmt.Sprintf("request 1 0,0 %dx10", 10+i); got != want {
			t.Fatalf("got %q, want %q", got, want)
		}
	}
}

// The lists say what is best for the way to the server; lossy pictures come only when allowed.
func TestEncodingLists(t *testing.T) {
	list := func(o rfb.Options) []int32 {
		lists := make(chan []int32, 1)
		dial(t, o, func(s *server) {
			s.admit()
			s.say(uint16(1), uint16(1), native, uint32(0))
			lists <- s.hearEncodings()
			s.mute()
		})
		return <-lists
	}
	count := func(list []int32, low, high int32) (n int) {
		for _, e := range list {
			if e >= low && e <= high {
				n++
			}
		}
		return n
	}
	local, remote := list(rfb.Options{Local: true}), list(rfb.Options{})
	if local[0] != 0 || count(local, 2, 1000) != 0 || count(local, -256, -247) != 0 {
		t.Errorf("local: %v", local)
	}
	if count(remote, 0, 0) != 1 || count(remote, -255, -254) != 1 || count(remote, -32, -23) != 0 {
		t.Errorf("remote: %v", remote)
	}
	if lossy := list(rfb.Options{Quality: 8}); count(lossy, -25, -25) != 1 {
		t.Errorf("lossy: %v", lossy)
	}
	if own := list(rfb.Options{Encodings: []int32{1, 12345, 0}, Local: true}); own[0] != 1 || own[1] != 0 || count(own, 2, 99999) != 0 {
		t.Errorf("chosen: %v", own)
	}
}
