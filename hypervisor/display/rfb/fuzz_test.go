package rfb_test

import (
	"bytes"
	"context"
	"errors"
	"image"
	"io"
	"math/rand/v2"
	"net"
	"testing"
	"time"
	"unicode/utf8"

	"guesthouse/hypervisor/display"
	"guesthouse/hypervisor/display/rfb"
)

// A replay is a connection on which a server says exactly these bytes, and takes everything.
type replay struct {
	net.Conn
	in io.Reader
}

func (r *replay) Read(p []byte) (int, error)       { return r.in.Read(p) }
func (r *replay) Write(p []byte) (int, error)      { return len(p), nil }
func (r *replay) Close() error                     { return nil }
func (r *replay) SetReadDeadline(time.Time) error  { return nil }
func (r *replay) SetWriteDeadline(time.Time) error { return nil }

// survive runs a client on these bytes and checks what must hold whatever they are: it ends, with a typed error, having written nothing
// beside the pixels and having got no more memory than the limits allow.
func survive(t *testing.T, talk []byte) *screen {
	show := &frugal{screen: newScreen()}
	client := rfb.New(&replay{in: bytes.NewReader(talk)}, rfb.Options{Password: "secret", Username: "eva", Heartbeat: true})
	client.ShareClipboard(true, true)
	client.OfferClipboard("a text of the host")
	client.RequestSize(640, 480)
	err := client.Run(context.Background(), show)
	switch {
	case errors.Is(err, display.ErrClosed), errors.Is(err, display.ErrTransport), errors.Is(err, display.ErrProtocol),
		errors.Is(err, display.ErrAuth), errors.Is(err, errFrugal):
	default:
		t.Errorf("ended with %v", err)
	}
	if !show.intact() {
		t.Error("bytes beside the pixels were written")
	}
	if st := show.state(); st.cursor != nil {
		b := st.cursor.Image.Rect
		if b.Dx() > display.MaxCursor || b.Dy() > display.MaxCursor || len(st.cursor.Image.Pix) != 4*b.Dx()*b.Dy() {
			t.Error("an impossible cursor:", b)
		}
	}
	for _, text := range show.state().texts {
		if len(text) > display.MaxClipboard || !utf8.ValidString(text) {
			t.Errorf("an impossible clipboard: %.100q", text)
		}
	}
	return show.screen
}

// A frugal screen refuses what would make a fuzzer slow, after checking that it keeps to the limits.
type frugal struct{ *screen }

var errFrugal = errors.New("too large for a fuzzer")

func (f *frugal) Resize(w, h int) (display.Framebuffer, error) {
	if w < 0 || h < 0 || w > display.MaxSide || h > display.MaxSide || w*h*4 > display.MaxFramebuffer || (w == 0) != (h == 0) {
		panic("a size that should have been refused")
	}
	if w*h > 1<<18 {
		return display.Framebuffer{}, errFrugal
	}
	return f.screen.Resize(w, h)
}

// greeting is a good handshake for a screen of 64×48.
func greeting() []byte {
	var b bytes.Buffer
	(&server{Conn: bufferConn{Buffer: &b}}).say("RFB 003.008\n", 1, 1, uint32(0), uint16(64), uint16(48), native, uint32(4), "test")
	return b.Bytes()
}

// FuzzSession plays a whole connection.
func FuzzSession(f *testing.F) {
	f.Add(conversation())
	f.Add(greeting())
	f.Add([]byte("RFB 003.003\n\x00\x00\x00\x02 0123456789abcdef\x00\x00\x00\x01"))
	f.Add([]byte("RFB 003.007\n\x02\x02\x01"))
	f.Add([]byte("RFB 003.008\n\x00\x00\x00\x00\x04busy"))
	for _, talk := range recordedSessions(f) {
		f.Add(talk[:min(len(talk), 20_000)])
	}
	f.Fuzz(func(t *testing.T, talk []byte) { survive(t, talk) })
}

// FuzzClipboard plays the clipboard's messages, those of the extension after the guest's text was asked for.
func FuzzClipboard(f *testing.F) {
	f.Add(uint32(text|provide), packedText(5, "text\x00"))
	f.Add(uint32(text|provide), packedText(9, "a\r\nb\xff\x00"))
	f.Add(uint32(text|provide), packedText(1<<30, "bomb"))
	f.Add(uint32(0xffff|caps), make([]byte, 64))
	f.Add(uint32(text|request), []byte{})
	f.Add(uint32(0), []byte("Latin-1 \xe9"))
	f.Fuzz(func(t *testing.T, flags uint32, body []byte) {
		var b bytes.Buffer
		b.Write(greeting())
		s := &server{Conn: bufferConn{Buffer: &b}}
		s.say(serverCaps...)
		s.say(extended(text | notify)...)
		s.say(extended(flags, body)...)
		s.say(3, 0, 0, 0, uint32(len(body)), body)
		survive(t, b.Bytes())
	})
}

// FuzzVeNCrypt plays the agreement on encryption, and what comes instead of TLS.
func FuzzVeNCrypt(f *testing.F) {
	f.Add([]byte{0, 2, 0, 1, 0, 0, 1, 4, 1, 22, 3, 3, 0, 4, 2, 0, 0, 0})
	f.Add([]byte{0, 2, 0, 2, 0, 0, 1, 1, 0, 0, 1, 6, 1, 21, 3, 3, 0, 2, 2, 40})
	f.Add([]byte{0, 1})
	f.Fuzz(func(t *testing.T, talk []byte) {
		survive(t, append([]byte("RFB 003.008\n\x01\x13"), talk...))
	})
}

// FuzzUpdate plays messages after a good handshake.
func FuzzUpdate(f *testing.F) {
	talk := func(rects ...[]any) []byte {
		var b bytes.Buffer
		(&server{Conn: bufferConn{Buffer: &b}}).update(rects...)
		return b.Bytes()
	}
	f.Add(conversation()[len(greeting()):])
	f.Add(talk(rect(0, 0, 2, 2, 0, solid(4, 1)), rect(1, 1, 2, 2, 1, uint16(0), uint16(0))))
	f.Add(talk(rect(3, 3, 9, 3, -239, solid(27, 1), make([]byte, 6)), rect(9, 9, 2, 2, -314, uint32(0), solid(4, 2))))
	f.Add(talk(rect(0, 0, 100, 90, -223), rect(0, 0, 0, 0, -223), rect(0, 0, 5, 5, -308, 1, 0, 0, 0, make([]byte, 16))))
	f.Add(talk(rect(65530, 0, 10, 1, 0), rect(0, 0, 0, 0, -224)))
	f.Add([]byte{2, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 1, 'x', 200})
	f.Fuzz(func(t *testing.T, talk []byte) {
		survive(t, append(greeting(), talk...))
	})
}

// fuzzPixels plays rectangles of one encoding: data is the body of the first, and of whatever follows it. Beside what survive checks, no pixel
// outside the rectangle may change.
func fuzzPixels(f *testing.F, name string) {
	encoding := lossless[name]
	rng := rand.New(rand.NewPCG(1, uint64(encoding)))
	for _, colours := range []int{1, 2, 4, 16, 100, 5000} {
		for range 4 {
			e := &encoder{rng: rng}
			f.Add(uint8(0), uint8(0), uint8(30), uint8(20), e.encode(encoding, draw(rng, 30, 20, colours)))
			f.Add(uint8(3), uint8(1), uint8(61), uint8(47), e.encode(encoding, draw(rng, 61, 47, colours)))
		}
	}
	f.Add(uint8(64), uint8(48), uint8(0), uint8(0), []byte{})
	f.Fuzz(func(t *testing.T, x, y, w, h uint8, data []byte) {
		r := image.Rect(int(x%64), int(y%48), int(x%64)+int(w), int(y%48)+int(h)).Intersect(image.Rect(0, 0, 64, 48))
		var b bytes.Buffer
		s := &server{Conn: bufferConn{Buffer: &b}}
		s.update(rect(uint16(r.Min.X), uint16(r.Min.Y), uint16(r.Dx()), uint16(r.Dy()), encoding, data))
		show := survive(t, append(greeting(), b.Bytes()...))
		if show.state().frames > 1 {
			return // what follows may be another update
		}
		for py := range show.fb.H {
			for px := range show.fb.W {
				if p := show.fb.Pix[py*show.fb.Stride+4*px:][:4]; !image.Pt(px, py).In(r) && string(p) != "\x00\x00\x00\x00" {
					t.Fatalf("pixel %d,%d outside %v was written", px, py, r)
				}
			}
		}
	})
}

func FuzzRRE(f *testing.F)     { fuzzPixels(f, "rre") }
func FuzzCoRRE(f *testing.F)   { fuzzPixels(f, "corre") }
func FuzzHextile(f *testing.F) { fuzzPixels(f, "hextile") }
func FuzzZlib(f *testing.F)    { fuzzPixels(f, "zlib") }
func FuzzTRLE(f *testing.F)    { fuzzPixels(f, "trle") }
func FuzzZRLE(f *testing.F)    { fuzzPixels(f, "zrle") }

func FuzzTight(f *testing.F) {
	f.Add(uint8(1), uint8(2), uint8(9), uint8(7), tightPicture(image.NewGray(image.Rect(0, 0, 9, 7))))
	f.Add(uint8(1), uint8(2), uint8(20), uint8(17), tightPicture(image.NewYCbCr(image.Rect(0, 0, 20, 17), image.YCbCrSubsampleRatio420)))
	fuzzPixels(f, "tight")
}

// The fuzzers' properties on a few thousand mutations, so that every run of the tests tries them.
func TestMutatedSessions(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	rng := rand.New(rand.NewPCG(seed, 0))
	whole, from := conversation(), len(greeting())
	for range 3000 {
		talk := bytes.Clone(whole)
		for range 1 + rng.IntN(6) {
			at := rng.IntN(len(talk))
			if rng.IntN(3) > 0 {
				at = min(from, len(talk)-1) + rng.IntN(max(1, len(talk)-from))
			}
			at = min(at, len(talk)-1)
			switch rng.IntN(4) {
			case 0:
				talk[at] = byte(rng.Uint32())
			case 1:
				talk[at] = []byte{0, 1, 0x7f, 0x80, 0xff}[rng.IntN(5)]
			case 2:
				talk[at] ^= 1 << rng.IntN(8)
			case 3:
				talk = append(talk[:at], talk[min(len(talk), at+1+rng.IntN(4)):]...)
				if len(talk) == 0 {
					talk = []byte{0}
				}
			}
		}
		survive(t, talk)
		if t.Failed() {
			t.Fatalf("seed %d, bytes %q", seed, talk)
		}
	}
}
