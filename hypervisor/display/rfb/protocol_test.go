package rfb_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"image"
	"net"
	"slices"
	"strings"
	"testing"

	"guesthouse/hypervisor/display"
	"guesthouse/hypervisor/display/rfb"
)

// Every hostile server ends in a typed error, whatever it sent before; none gets memory for what it merely announces.
func TestHostileServers(t *testing.T) {
	full := func(f func(s *server)) func(*server) {
		return func(s *server) {
			s.greet(100, 100)
			f(s)
		}
	}
	update := func(rects ...[]any) func(*server) {
		return full(func(s *server) { s.update(rects...) })
	}
	before := func(parts ...any) func(*server) {
		return func(s *server) {
			s.mute()
			s.say(parts...)
		}
	}
	const banner = "RFB 003.008\n"
	cases := []struct {
		name   string
		script func(*server)
		want   error
		says   string
	}{
		// 123: what is not RFB
		{"123 another protocol", before("HTTP/1.1 400 Bad Request\r\n"), display.ErrProtocol, "not a VNC server"},
		{"123 version 999", before("RFB 999.999\n"), display.ErrProtocol, "999.999"},
		{"123 version 2", before("RFB 002.000\n"), display.ErrProtocol, "version"},
		{"123 version 3.2", before("RFB 003.002\n"), display.ErrProtocol, "version"},
		{"123 signed version", before("RFB +03.-08\n"), display.ErrProtocol, "version"},
		{"123 endless banner", func(s *server) {
			s.mute()
			for s.say("RFBRFBRFBRFBRFBRFB") {
			}
		}, display.ErrProtocol, "not a VNC server"},
		{"123 closes at once", func(s *server) { s.Close() }, display.ErrTransport, "ended"},
		{"123 closes in the banner", func(s *server) { s.say("RFB 003"); s.Close() }, display.ErrTransport, "ended"},

		// 124: security
		{"124 refuses with a reason", before(banner, 0, uint32(4), "busy"), display.ErrAuth, "busy"},
		{"124 refuses with 4 GiB of reason", before(banner, 0, uint32(0xffffffff)), display.ErrProtocol, "reason of 4294967295"},
		{"124 refuses with 5 KiB of reason", before(banner, 0, uint32(5<<10), make([]byte, 5<<10)), display.ErrProtocol, "reason"},
		{"124 only unknown security", before(banner, 3, 77, 78, 255), display.ErrAuth, "not supported"},
		{"124 security type 0 in the list", before(banner, 1, 0), display.ErrAuth, "not supported"},
		{"124 3.3 with no security type", before("RFB 003.003\n", uint32(0), uint32(4), "gone"), display.ErrAuth, "gone"},
		{"124 3.3 with an odd security type", before("RFB 003.003\n", uint32(0x10001)), display.ErrProtocol, "security type"},
		{"124 a password is wanted", before(banner, 1, 2, make([]byte, 16)), display.ErrPasswordNeeded, "password"},
		{"124 a result that is no", before(banner, 1, 1, uint32(1), uint32(2), "no"), display.ErrAuth, "no"},

		// 125: ServerInit
		{"125 65535 x 65535", before(banner, 1, 1, uint32(0), uint16(65535), uint16(65535), native, uint32(0)), display.ErrProtocol, "65535×65535"},
		{"125 16385 x 1", before(banner, 1, 1, uint32(0), uint16(16385), uint16(1), native, uint32(0)), display.ErrProtocol, "16385×1"},
		{"125 16384 x 16384 is too much together", before(banner, 1, 1, uint32(0), uint16(16384), uint16(16384), native, uint32(0)), display.ErrProtocol, "16384×16384"},
		{"125 name of 4 GiB", before(banner, 1, 1, uint32(0), uint16(1), uint16(1), native, uint32(0xffffffff)), display.ErrProtocol, "name of"},

		// 127: rectangles
		{"127 wide at the right edge", update(rect(65530, 0, 10, 1, 0)), display.ErrProtocol, "outside"},
		{"127 wrong by width, right by area", update(rect(0, 0, 200, 1, 0)), display.ErrProtocol, "outside"},
		{"127 one column too far", update(rect(1, 0, 100, 1, 0)), display.ErrProtocol, "outside"},
		{"127 one row too far", update(rect(0, 100, 1, 1, 0)), display.ErrProtocol, "outside"},
		{"127 everything at its largest", update(rect(65535, 65535, 65535, 65535, 0)), display.ErrProtocol, "outside"},
		{"127 empty but outside", update(rect(200, 0, 0, 0, 0)), display.ErrProtocol, "outside"},
		{"127 larger after the screen shrank", update(rect(0, 0, 10, 10, -223), rect(0, 0, 100, 100, 0)), display.ErrProtocol, "outside"},

		// 129
		{"129 copy from outside", update(rect(0, 0, 10, 10, 1, uint16(95), uint16(0))), display.ErrProtocol, "outside"},
		{"129 copy from far outside", update(rect(0, 0, 10, 10, 1, uint16(65535), uint16(65535))), display.ErrProtocol, "outside"},

		// 133
		{"133 cursor of 65535 squared", update(rect(0, 0, 65535, 65535, -239)), display.ErrProtocol, "cursor"},
		{"133 alpha cursor of 65535 squared", update(rect(0, 0, 65535, 65535, -314, uint32(0))), display.ErrProtocol, "cursor"},
		{"133 alpha cursor in another encoding", update(rect(0, 0, 1, 1, -314, uint32(7))), display.ErrProtocol, "encoding 7"},

		// 134
		{"134 the whole screen a hundred times in one update", full(func(s *server) {
			s.say(0, 0, uint16(65535))
			for s.say(append(rect(0, 0, 100, 100, 0), make([]byte, 40000))...) {
			}
		}), display.ErrProtocol, "more bytes"},
		{"134 a resize beyond the limit", update(rect(0, 0, 65535, 65535, -223)), display.ErrProtocol, "65535×65535"},
		{"134 the other resize beyond the limit", update(rect(0, 0, 65535, 65535, -308, 0, 0, 0, 0)), display.ErrProtocol, "65535×65535"},

		// 135
		{"135 clipboard of 4 GiB", full(func(s *server) { s.say(3, 0, 0, 0, uint32(0x7fffffff)) }), display.ErrProtocol, "more bytes"},
		{"135 clipboard of 17 MiB", full(func(s *server) { s.say(3, 0, 0, 0, uint32(17<<20)) }), display.ErrProtocol, "more bytes"},

		// 136
		{"136 unknown message", full(func(s *server) { s.say(200) }), display.ErrProtocol, "type 200"},
		{"136 audio nobody asked for", full(func(s *server) { s.say(255, 1, uint16(2), uint32(0xffffffff)) }), display.ErrProtocol, "type 255"},
		{"136 unknown encoding", update(rect(0, 0, 1, 1, 99)), display.ErrProtocol, "encoding 99"},
		{"136 long desktop name", update(rect(0, 0, 0, 0, -307, uint32(1<<31))), display.ErrProtocol, "name"},

		// 137
		{"137 closes between messages", func(s *server) { s.greet(100, 100); s.say(2); s.Close() }, display.ErrClosed, "closed"},
		{"137 closes after half a rectangle", func(s *server) {
			s.greet(100, 100)
			s.update(rect(0, 0, 100, 100, 0, make([]byte, 20000)))
			s.Close()
		}, display.ErrTransport, "middle"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := dial(t, rfb.Options{}, c.script)
			err := r.ended()
			if !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("ended with %q, want %q and %q in it", err, c.want, c.says)
			}
			if !r.intact() {
				t.Error("bytes beside the pixels were written")
			}
		})
	}
}

// Closing at every single byte of a good conversation must end every time, without a panic and with a typed error.
func TestServerThatClosesAtAnyByte(t *testing.T) {
	talk := conversation()
	for n := range len(talk) {
		here, there := net.Pipe()
		go func() {
			go func() { // the client's words
				buf := make([]byte, 4096)
				for {
					if _, err := there.Read(buf); err != nil {
						return
					}
				}
			}()
			there.Write(talk[:n])
			there.Close()
		}()
		err := rfb.New(here, rfb.Options{}).Run(context.Background(), newScreen())
		if !errors.Is(err, display.ErrClosed) && !errors.Is(err, display.ErrTransport) {
			t.Fatalf("closed after %d bytes: %v", n, err)
		}
	}
}

// conversation is everything a well-behaved server with all extensions says.
func conversation() []byte {
	var b bytes.Buffer
	s := &server{Conn: bufferConn{Buffer: &b}}
	s.say("RFB 003.008\n", 1, 1, uint32(0), uint16(8), uint16(8), native, uint32(4), "test")
	s.update(rect(0, 0, 0, 0, -258), rect(1, 0, 0, 0, -257), rect(0, 0, 0, 0, -261, 5))
	s.update(
		rect(0, 0, 8, 8, 0, solid(64, 0x112233)),
		rect(2, 2, 4, 4, 1, uint16(0), uint16(0)),
		rect(1, 1, 9, 2, -239, solid(18, 0x445566), []byte{0xff, 0x80, 0, 0}),
		rect(1, 1, 2, 2, -314, uint32(0), solid(4, 0x80404040)),
		rect(0, 0, 0, 0, -307, uint32(3), "new"),
		rect(0, 0, 4, 4, -223),
		rect(0, 0, 4, 4, 0, solid(16, 0x778899)),
		rect(0, 0, 6, 6, -308, 1, 0, 0, 0, make([]byte, 16)),
		rect(0, 0, 0, 0, -224),
	)
	s.say(2, 1, 0, uint16(0), uint16(2), make([]byte, 12), 3, 0, 0, 0, uint32(5), "hello")
	s.say(150, 248, 0, 0, 0, uint32(0x80000003), 4, "mark")
	s.say(serverCaps...)
	s.say(extended(text | notify)...)
	s.say(extended(text|provide, packedText(5, "text\x00"))...)
	s.say(extended(text | request)...)
	s.update(rect(0, 0, 0, 0, -316), rect(1, 3, 6, 6, -308, 2, 0, 0, 0, make([]byte, 32)))
	return b.Bytes()
}

type bufferConn struct {
	net.Conn
	*bytes.Buffer
}

func (b bufferConn) Write(p []byte) (int, error) { return b.Buffer.Write(p) }
func (b bufferConn) Read(p []byte) (int, error)  { return b.Buffer.Read(p) }

func TestVersionsAndSecurity(t *testing.T) {
	challenge := []byte("0123456789abcdef")
	// openssl enc -des-ecb -nopad -K cea6c64ea62e0000 (the bits of "secret", each byte reversed)
	secretResponse := []byte("\x75\x24\x40\xee\x2b\xfc\xc2\xa0\xd9\x01\x3f\xd2\x03\x71\xe2\x3b")
	for _, c := range []struct {
		banner, answer string
		kinds          []byte
		password       string
	}{
		{"RFB 003.003\n", "RFB 003.003\n", []byte{1}, ""},
		{"RFB 003.003\n", "RFB 003.003\n", []byte{2}, "secret"},
		{"RFB 003.005\n", "RFB 003.003\n", []byte{1}, ""},
		{"RFB 003.007\n", "RFB 003.007\n", []byte{1}, ""},
		{"RFB 003.007\n", "RFB 003.007\n", []byte{16, 2}, "secret"},
		{"RFB 003.008\n", "RFB 003.008\n", []byte{2, 1}, ""},
		{"RFB 003.008\n", "RFB 003.008\n", []byte{5, 2}, "secret"},
		{"RFB 003.889\n", "RFB 003.008\n", []byte{1}, ""},
		{"RFB 005.000\n", "RFB 003.008\n", []byte{1}, ""},
	} {
		t.Run(fmt.Sprintf("%s %v", c.banner[4:11], c.kinds), func(t *testing.T) {
			r := dial(t, rfb.Options{Password: c.password}, func(s *server) {
				s.say(c.banner)
				if got := string(s.hear(12)); got != c.answer {
					t.Errorf("answered %q", got)
				}
				kind := c.kinds[0]
				if c.answer == "RFB 003.003\n" {
					s.say(uint32(kind))
				} else {
					s.say(len(c.kinds), c.kinds)
					kind = s.hear(1)[0]
				}
				if kind == 2 {
					s.say(challenge)
					if got := s.hear(16); !bytes.Equal(got, secretResponse) {
						t.Errorf("response %x", got)
					}
				}
				if kind == 2 || c.answer == "RFB 003.008\n" {
					s.say(uint32(0))
				}
				if got := s.hear(1); !bytes.Equal(got, []byte{1}) {
					t.Errorf("ClientInit %v", got)
				}
				s.say(uint16(3), uint16(2), native, uint32(4), "test")
				s.mute()
				s.update(rect(0, 0, 3, 2, 0, solid(6, 0x123456)))
			})
			r.wait(t, "a picture", func(st state) bool { return st.frames == 1 && st.pixel(2, 1) == 0x123456 })
		})
	}
}

func TestWrongPasswordIsAnAuthError(t *testing.T) {
	for _, banner := range []string{"RFB 003.003\n", "RFB 003.007\n", "RFB 003.008\n"} {
		r := dial(t, rfb.Options{Password: "wrong"}, func(s *server) {
			s.say(banner)
			s.hear(12)
			if banner == "RFB 003.003\n" {
				s.say(uint32(2))
			} else {
				s.say(1, 2)
				s.hear(1)
			}
			s.say(make([]byte, 16))
			s.hear(16)
			s.say(uint32(1))
			if banner == "RFB 003.008\n" {
				s.say(uint32(6), "denied")
			}
			s.Close()
		})
		if err := r.ended(); !errors.Is(err, display.ErrAuth) || errors.Is(err, display.ErrPasswordNeeded) {
			t.Errorf("%q: %v", banner, err)
		}
	}
}

// 126: whatever the server's own format is, we name ours, and nothing of the server's is used.
func TestPixelFormatIsAlwaysOurs(t *testing.T) {
	change := func(at int, to byte) []byte {
		f := slices.Clone(native)
		f[at] = to
		return f
	}
	for i, format := range [][]byte{
		make([]byte, 16), change(0, 7), change(0, 16), change(1, 30), change(2, 1), change(3, 0), change(5, 0), change(10, 255),
		bytes.Repeat([]byte{255}, 16),
	} {
		r := dial(t, rfb.Options{}, func(s *server) {
			s.admit()
			s.say(uint16(1), uint16(1), format, uint32(0))
			if got := s.hear(20); !bytes.Equal(got[:17], append([]byte{0, 0, 0, 0}, native[:13]...)) {
				t.Errorf("format %d: the client said %v", i, got)
			}
			s.mute()
			s.update(rect(0, 0, 1, 1, 0, solid(1, 0xabcdef)))
		})
		r.wait(t, "the pixel", func(st state) bool { return st.frames == 1 && st.pixel(0, 0) == 0xabcdef })
	}
}

// 125: an empty screen waits for its size.
func TestEmptyScreenWaitsForAResize(t *testing.T) {
	for _, size := range [][2]uint16{{0, 0}, {0, 100}, {100, 0}} {
		r := dial(t, rfb.Options{}, func(s *server) {
			s.greet(size[0], size[1])
			s.update(rect(0, 0, 2, 2, -223))
			s.update(rect(0, 0, 2, 2, 0, solid(4, 0x010203)))
		})
		r.wait(t, "the picture", func(st state) bool {
			return st.size == image.Pt(2, 2) && st.frames >= 2 && st.pixel(1, 1) == 0x010203
		})
	}
}

// 129: a copy onto itself must look as if the source had been taken away first.
func TestCopyRectOverlaps(t *testing.T) {
	const side = 16
	for _, d := range []image.Point{{3, 0}, {-3, 0}, {0, 3}, {0, -3}, {2, 2}, {-2, -2}, {2, -2}, {-2, 2}, {0, 0}} {
		source := image.Rect(4, 4, 12, 12)
		var pixels []byte
		for i := range side * side {
			pixels = binary.LittleEndian.AppendUint32(pixels, uint32(i)*0x010307)
		}
		r := dial(t, rfb.Options{}, func(s *server) {
			s.greet(side, side)
			to := source.Add(d)
			s.update(rect(0, 0, side, side, 0, pixels),
				rect(uint16(to.Min.X), uint16(to.Min.Y), 8, 8, 1, uint16(source.Min.X), uint16(source.Min.Y)))
		})
		st := r.wait(t, "the picture", func(st state) bool { return st.frames == 1 })
		for y := range side {
			for x := range side {
				i := y*side + x
				if p := image.Pt(x, y).Sub(d); image.Pt(x, y).In(source.Add(d)) {
					i = p.Y*side + p.X
				}
				if got, want := st.pixel(x, y), uint32(i)*0x010307&0xffffff; got != want {
					t.Fatalf("moved by %v: pixel %d,%d is %06x, want %06x", d, x, y, got, want)
				}
			}
		}
	}
}

func TestRectanglesAndDamage(t *testing.T) {
	r := dial(t, rfb.Options{}, func(s *server) {
		s.greet(40, 30)
		s.update(rect(0, 0, 40, 30, 0, solid(1200, 0xffffff)))
		s.update(rect(3, 4, 5, 6, 0, solid(30, 0xff0000)), rect(39, 29, 1, 1, 0, solid(1, 0x00ff00)), rect(40, 30, 0, 0, 0))
	})
	st := r.wait(t, "both updates", func(st state) bool { return st.frames == 2 })
	if st.damage != image.Rect(3, 4, 40, 30) {
		t.Errorf("damage %v", st.damage)
	}
	for y := range 30 {
		for x := range 40 {
			want := uint32(0xffffff)
			if image.Pt(x, y).In(image.Rect(3, 4, 8, 10)) {
				want = 0xff0000
			} else if x == 39 && y == 29 {
				want = 0x00ff00
			}
			if got := st.pixel(x, y); got != want {
				t.Fatalf("pixel %d,%d is %06x, want %06x", x, y, got, want)
			}
		}
	}
	if !r.intact() {
		t.Error("bytes beside the pixels were written")
	}
}

func TestPseudoEncodings(t *testing.T) {
	r := dial(t, rfb.Options{}, func(s *server) {
		s.greet(8, 8)
		s.update(rect(0, 0, 0, 0, -261, 6), rect(0, 0, 0, 0, -307, uint32(5), "Büro"), rect(0, 0, 0, 0, -257), rect(0, 0, 0, 0, -258))
		s.say(2, 2, 2)                                                                       // a bell that is not let ring three times
		s.say(1, 0, uint16(65535), uint16(1), make([]byte, 6), 3, 0, 0, 0, uint32(3), "abc") // colour map and clipboard: dropped
		s.update(rect(0, 0, 9, 7, -308, 255, 0, 0, 0, make([]byte, 255*16)))
		s.update(rect(1, 3, 99, 99, -308, 1, 0, 0, 0, make([]byte, 16))) // "your resize was refused"
		s.update(rect(0, 0, 9, 7, 0, solid(63, 0x336699)))
	})
	st := r.wait(t, "the picture", func(st state) bool { return st.frames == 4 })
	if st.size != image.Pt(9, 7) || st.pixel(8, 6) != 0x336699 {
		t.Errorf("size %v", st.size)
	}
	if st.leds != (display.LEDs{Num: true, Caps: true}) || st.name != "Büro" || st.absolute || st.modes != 1 || st.bells != 1 {
		t.Errorf("%+v", st)
	}
	if s := r.Stats(); !s.ExtendedKeys || s.AbsolutePoint || s.Width != 9 || s.Height != 7 {
		t.Errorf("%+v", s)
	}
}

func TestLastRectEndsAnUpdate(t *testing.T) {
	r := dial(t, rfb.Options{}, func(s *server) {
		s.greet(4, 4)
		s.say(0, 0, uint16(65535))
		s.say(rect(0, 0, 4, 4, 0, solid(16, 0x111111))...)
		s.say(rect(0, 0, 0, 0, -224)...)
		s.update(rect(0, 0, 1, 1, 0, solid(1, 0x222222)))
	})
	r.wait(t, "two updates", func(st state) bool { return st.frames == 2 && st.pixel(0, 0) == 0x222222 })
}

// 134: as many rectangles as there can be, and sizes that change faster than anyone can look.
func TestManyRectanglesAndResizes(t *testing.T) {
	const resizes = 1000
	r := dial(t, rfb.Options{}, func(s *server) {
		s.greet(256, 256)
		var all bytes.Buffer
		b := &server{Conn: bufferConn{Buffer: &all}}
		b.say(0, 0, uint16(65535))
		for i := range 65535 {
			b.say(rect(uint16(i%256), uint16(i/256), 1, 1, 0, solid(1, uint32(i)))...)
		}
		s.Write(all.Bytes())
		var sizes [][]any
		for i := range resizes {
			sizes = append(sizes, rect(0, 0, uint16(1+i), uint16(1+i), -223))
		}
		s.update(sizes...)
		s.update(rect(0, 0, 1, 1, 0, solid(1, 0xfedcba)))
	})
	st := r.wait(t, "everything", func(st state) bool { return st.frames == 3 })
	if st.size != image.Pt(resizes, resizes) || st.resizes != 2 {
		t.Errorf("size %v after %d resizes; of the sizes in one update only the last counts", st.size, st.resizes)
	}
	if st.pixel(0, 0) != 0xfedcba {
		t.Error("wrong picture")
	}
}

func TestCursors(t *testing.T) {
	red, half := []byte{0, 0, 255, 0}, []byte{10, 20, 30, 128} // B, G, R, A
	for _, c := range []struct {
		name     string
		rects    [][]any
		want     []byte // R, G, B, A of the first pixel; nil: hidden
		hotX     int
		unchange bool
	}{
		{"rich, opaque", [][]any{rect(1, 0, 2, 1, -239, red, red, 0xc0)}, []byte{255, 0, 0, 255}, 1, false},
		{"rich, transparent", [][]any{rect(0, 0, 2, 1, -239, red, red, 0x40)}, []byte{0, 0, 0, 0}, 0, false},
		{"alpha of another server", [][]any{rect(0, 0, 1, 1, -314, uint32(0), half)}, []byte{10, 20, 30, 128}, 0, false},
		{"alpha of QEMU", [][]any{rect(1, 0, 0, 0, -257), rect(0, 0, 1, 1, -314, uint32(0), half)}, []byte{30, 20, 10, 128}, 0, false},
		{"colour above alpha", [][]any{rect(0, 0, 1, 1, -314, uint32(0), []byte{200, 100, 0, 100})}, []byte{100, 100, 0, 100}, 0, false},
		{"hot spot outside", [][]any{rect(65535, 65535, 1, 1, -314, uint32(0), half)}, []byte{10, 20, 30, 128}, 0, false},
		{"none", [][]any{rect(5, 5, 0, 0, -314, uint32(0))}, nil, 0, false},
		{"none, rich", [][]any{rect(5, 5, 0, 9, -239)}, nil, 0, false},
		{"too large to be one", [][]any{rect(0, 0, 300, 300, -314, uint32(0), make([]byte, 4*300*300))}, nil, 0, true},
		{"too large to be one, rich", [][]any{rect(0, 0, 257, 1, -239, make([]byte, 4*257), make([]byte, 33))}, nil, 0, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := dial(t, rfb.Options{}, func(s *server) {
				s.greet(1, 1)
				s.update(c.rects...)
				s.update(rect(0, 0, 1, 1, 0, solid(1, 1)))
			})
			st := r.wait(t, "the update after", func(st state) bool { return st.frames == 2 })
			if c.unchange {
				if st.cursors != 0 {
					t.Error("the cursor changed")
				}
				return
			}
			if c.want == nil {
				if st.cursor != nil || st.cursors != 1 {
					t.Errorf("%+v", st.cursor)
				}
				return
			}
			if got := st.cursor.Image.Pix[:4]; !bytes.Equal(got, c.want) {
				t.Errorf("pixel %v, want %v", got, c.want)
			}
			if st.cursor.HotX != c.hotX || !image.Pt(st.cursor.HotX, st.cursor.HotY).In(st.cursor.Image.Rect) {
				t.Errorf("hot spot %d,%d", st.cursor.HotX, st.cursor.HotY)
			}
		})
	}
}
