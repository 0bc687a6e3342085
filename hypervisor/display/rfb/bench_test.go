package rfb_test

import (
	"bytes"
	"context"
	"image"
	"net"
	"os"
	"syscall"
	"testing"

	"guesthouse/hypervisor/display"
	"guesthouse/hypervisor/display/rfb"
)

// BenchmarkRaw1080p is one full update of 1920×1080 pixels: out of memory (what decoding costs), through a unix socket (with the kernel's two
// copies), and a plain copy of the same bytes for comparison in the same run.
func BenchmarkRaw1080p(b *testing.B) {
	const w, h = 1920, 1080
	var hello, message bytes.Buffer
	(&server{Conn: bufferConn{Buffer: &hello}}).say("RFB 003.008\n", 1, 1, uint32(0), uint16(w), uint16(h), native, uint32(0))
	(&server{Conn: bufferConn{Buffer: &message}}).update(rect(0, 0, w, h, 0, make([]byte, w*h*4)))

	b.Run("memory", func(b *testing.B) {
		b.SetBytes(w * h * 4)
		show := &flat{}
		talk := &endless{first: hello.Bytes(), again: message.Bytes(), count: b.N}
		b.ResetTimer()
		if err := rfb.New(&replay{in: talk}, rfb.Options{}).Run(context.Background(), show); show.frames != b.N {
			b.Fatal(show.frames, b.N, err)
		}
	})
	b.Run("socket", func(b *testing.B) {
		b.SetBytes(w * h * 4)
		here, there := socketPair(b)
		go func() {
			go func() {
				for p := make([]byte, 4096); ; {
					if _, err := there.Read(p); err != nil {
						return
					}
				}
			}()
			there.Write(hello.Bytes())
			for range b.N {
				there.Write(message.Bytes())
			}
			there.Close()
		}()
		show := &flat{}
		b.ResetTimer()
		if err := rfb.New(here, rfb.Options{}).Run(context.Background(), show); show.frames != b.N {
			b.Fatal(show.frames, b.N, err)
		}
	})
	b.Run("memcpy", func(b *testing.B) {
		b.SetBytes(w * h * 4)
		to, from := make([]byte, w*h*4), message.Bytes()[16:]
		for b.Loop() {
			copy(to, from)
		}
	})
}

// frames is how many updates have come, without a copy of the picture.
func (s *screen) frames() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.seen.frames
}

// flat is a presenter that only has memory.
type flat struct{ frames int }

func (f *flat) Resize(w, h int) (display.Framebuffer, error) {
	return display.Framebuffer{Pix: make([]byte, w*h*4), Stride: w * 4, W: w, H: h}, nil
}
func (*flat) Damage(r image.Rectangle)             {}
func (f *flat) FrameDone()                         { f.frames++ }
func (*flat) SetCursor(*display.Cursor)            {}
func (*flat) SetPointerMode(bool)                  {}
func (*flat) SetCapabilities(display.Capabilities) {}
func (*flat) SetClipboard(string)                  {}
func (*flat) SetLEDs(display.LEDs)                 {}
func (*flat) SetName(string)                       {}
func (*flat) Bell()                                {}

// endless says first, and then the same thing count times.
type endless struct {
	first, again []byte
	rest         []byte
	count        int
}

func (e *endless) Read(p []byte) (int, error) {
	if len(e.first) > 0 {
		n := copy(p, e.first)
		e.first = e.first[n:]
		return n, nil
	}
	if len(e.rest) == 0 {
		if e.count == 0 {
			return 0, net.ErrClosed
		}
		e.count--
		e.rest = e.again
	}
	n := copy(p, e.rest)
	e.rest = e.rest[n:]
	return n, nil
}

// socketPair makes two connected unix sockets.
func socketPair(b testing.TB) (net.Conn, net.Conn) {
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	if err != nil {
		b.Fatal(err)
	}
	var conns [2]net.Conn
	for i, fd := range fds {
		f := os.NewFile(uintptr(fd), "pair")
		if conns[i], err = net.FileConn(f); err != nil {
			b.Fatal(err)
		}
		f.Close()
	}
	return conns[0], conns[1]
}
