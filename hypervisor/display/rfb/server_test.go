package rfb_test

import (
	"bytes"
	"encoding/binary"
	"io"
	"net"
	"sync"
	"testing"

	"guesthouse/hypervisor/display/rfb"
)

// A server is the scripted other end of a client: what it says is written by hand, what it hears is kept.
type server struct {
	net.Conn
	t testing.TB
}

// dial starts a client against a script, over an in-memory connection where every byte is handed over in person.
func dial(t testing.TB, o rfb.Options, script func(*server)) *running {
	here, there := net.Pipe()
	return dialOver(t, here, there, o, script)
}

// dialOver is dial for any connection with two ends.
func dialOver(t testing.TB, here, there net.Conn, o rfb.Options, script func(*server)) *running {
	var wg sync.WaitGroup
	wg.Go(func() {
		script(&server{there, t})
	})
	r := run(t, here, o)
	t.Cleanup(func() {
		r.cancel()
		there.Close()
		wg.Wait()
	})
	return r
}

// say writes bytes, given as int (one byte), uint16, uint32, int32, string or []byte, and reports whether the client was there to hear it.
func (s *server) say(parts ...any) bool {
	var b bytes.Buffer
	for _, p := range parts {
		switch p := p.(type) {
		case string:
			b.WriteString(p)
		case int:
			b.WriteByte(byte(p))
		default:
			if err := binary.Write(&b, binary.BigEndian, p); err != nil {
				panic(err)
			}
		}
	}
	_, err := s.Write(b.Bytes())
	return err == nil
}

// hear reads n bytes, or as many as come before the client hangs up.
func (s *server) hear(n int) []byte {
	p := make([]byte, n)
	got, _ := io.ReadFull(s, p)
	return p[:got]
}

// mute reads and forgets everything from now on.
func (s *server) mute() { go io.Copy(io.Discard, s) }

var native = []byte{32, 24, 0, 1, 0, 255, 0, 255, 0, 255, 16, 8, 0, 0, 0, 0}

// hearEncodings reads a SetEncodings and returns its list.
func (s *server) hearEncodings() (list []int32) {
	head := s.hear(4)
	if len(head) < 4 {
		return nil
	}
	p := s.hear(4 * int(binary.BigEndian.Uint16(head[2:])))
	for ; len(p) >= 4; p = p[4:] {
		list = append(list, int32(binary.BigEndian.Uint32(p)))
	}
	return list
}

// admit speaks version 3.8 and no security, and hears ClientInit: what is next is ServerInit.
func (s *server) admit() {
	s.say("RFB 003.008\n")
	s.hear(12)
	s.say(1, 1)
	s.hear(1)
	s.say(uint32(0))
	s.hear(1)
}

// greet speaks the whole handshake for a screen of this size in the client's own pixel format, and forgets what the client says afterwards.
func (s *server) greet(w, h uint16) {
	s.greetLoud(w, h)
	s.mute()
}

// greetLoud is greet for scripts that go on listening, after SetEncodings.
func (s *server) greetLoud(w, h uint16) {
	s.admit()
	s.say(w, h, native, uint32(4), "test")
	s.hearEncodings()
}

// rect is a rectangle's header.
func rect(x, y, w, h uint16, encoding int32, body ...any) []any {
	return append([]any{x, y, w, h, encoding}, body...)
}

// update says a FramebufferUpdate of these rectangles.
func (s *server) update(rects ...[]any) {
	parts := []any{0, 0, uint16(len(rects))}
	for _, r := range rects {
		parts = append(parts, r...)
	}
	s.say(parts...)
}

// solid is n pixels of one colour, as B, G, R, X.
func solid(n int, colour uint32) []byte {
	var p []byte
	for range n {
		p = binary.LittleEndian.AppendUint32(p, colour)
	}
	return p
}
