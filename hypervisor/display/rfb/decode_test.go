package rfb_test

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"errors"
	"image"
	"image/color"
	"math"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"

	"guesthouse/hypervisor/display"
	"guesthouse/hypervisor/display/rfb"
)

// Pictures of all kinds arrive as they were, in rectangles of all sizes, over streams that last as long as the connection.
func TestPicturesArriveAsTheyAre(t *testing.T) {
	for name, encoding := range lossless {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for seed := range uint64(4) {
				rng := rand.New(rand.NewPCG(seed, uint64(encoding)))
				e := &encoder{rng: rng}
				w, h := 150+rng.IntN(100), 100+rng.IntN(100)
				want := picture{w, h, make([]uint32, w*h)}
				var updates [][]any
				for range 40 {
					x, y := rng.IntN(w), rng.IntN(h)
					part := draw(rng, 1+rng.IntN(w-x), 1+rng.IntN(h-y), []int{1, 2, 3, 4, 9, 16, 17, 100, 256, 5000}[rng.IntN(10)])
					for dy := range part.h {
						copy(want.pix[(y+dy)*w+x:], part.pix[dy*part.w:][:part.w])
					}
					updates = append(updates, rect(uint16(x), uint16(y), uint16(part.w), uint16(part.h), encoding, e.encode(encoding, part)))
				}
				c := dial(t, rfb.Options{}, func(s *server) {
					s.greet(uint16(w), uint16(h))
					s.update(updates[:20]...)
					for _, u := range updates[20:] {
						s.update(u)
					}
				})
				st := c.wait(t, "all updates", func(st state) bool { return st.frames == 21 })
				for i, colour := range want.pix {
					if got := st.pixel(i%w, i/w); got != colour {
						t.Fatalf("seed %d: pixel %d,%d is %06x, want %06x", seed, i%w, i/w, got, colour)
					}
				}
				if !c.intact() {
					t.Error("bytes beside the pixels were written")
				}
			}
		})
	}
}

// A rectangle without pixels has a body all the same.
func TestRectanglesWithoutPixels(t *testing.T) {
	var z stream
	c := dial(t, rfb.Options{}, func(s *server) {
		s.greet(20, 20)
		s.update(
			rect(3, 3, 0, 5, 5), rect(3, 3, 5, 0, 2, uint32(0), uint32(9)), rect(20, 20, 0, 0, 6, z.chunk32(nil)),
			rect(0, 0, 0, 4, 7, 0x20, []byte{}), rect(0, 0, 4, 0, 7, 0x60, 2), rect(1, 1, 0, 0, 7, 0x80, 1, 2, 3), rect(0, 0, 0, 9, 16, (&stream{}).chunk32(nil)),
			rect(0, 0, 20, 20, 6, z.chunk32(solid(400, 0x123456))),
		)
	})
	c.wait(t, "the picture", func(st state) bool { return st.frames == 1 && st.pixel(19, 19) == 0x123456 })
}

// JPEG loses a little, so the picture is smooth and the colours only have to be near.
func TestTightJPEG(t *testing.T) {
	const w, h = 75, 53
	smooth := image.NewRGBA(image.Rect(0, 0, w, h))
	grey := image.NewGray(smooth.Rect)
	for y := range h {
		for x := range w {
			smooth.Set(x, y, color.RGBA{byte(3 * x), byte(4 * y), byte(255 - 2*x), 255})
			grey.Set(x, y, color.Gray{byte(2*x + y)})
		}
	}
	for name, m := range map[string]image.Image{"colours": smooth, "grey": grey} {
		c := dial(t, rfb.Options{}, func(s *server) {
			s.greet(100, 100)
			s.update(rect(5, 7, w, h, 7, tightPicture(m)))
		})
		st := c.wait(t, "the picture", func(st state) bool { return st.frames == 1 })
		for y := range h {
			for x := range w {
				r, g, b, _ := m.At(x, y).RGBA()
				got := st.pixel(5+x, 7+y)
				for _, d := range []float64{
					float64(got>>16&255) - float64(r>>8), float64(got>>8&255) - float64(g>>8), float64(got&255) - float64(b>>8),
				} {
					if math.Abs(d) > 12 {
						t.Fatalf("%s: pixel %d,%d is %06x", name, x, y, got)
					}
				}
			}
		}
		if st.pixel(4, 7) != 0 || st.pixel(5+w, 7) != 0 || !c.intact() {
			t.Error("pixels beside the picture were written")
		}
	}
}

// bomb is 16 MiB of zeros, compressed.
var bomb = sync.OnceValue(func() []byte {
	var b bytes.Buffer
	z, _ := zlib.NewWriterLevel(&b, zlib.BestSpeed)
	z.Write(make([]byte, 16<<20))
	z.Flush()
	return b.Bytes()
})

func long(chunk []byte) []byte {
	return append(binary.BigEndian.AppendUint32(nil, uint32(len(chunk))), chunk...)
}

// Rows 128, 130 and 131 of what hostile servers send to decoders: each ends the connection with a reason, and leaves the rest of the memory
// alone.
func TestHostilePixels(t *testing.T) {
	z := func(data ...byte) []byte { return (&stream{}).chunk32(data) }
	ended := new(bytes.Buffer)
	closing := zlib.NewWriter(ended)
	closing.Write(make([]byte, 400))
	closing.Close()
	dictionary := new(bytes.Buffer)
	withDictionary, _ := zlib.NewWriterLevelDict(dictionary, 6, []byte("words"))
	withDictionary.Write(make([]byte, 400))
	withDictionary.Flush()
	large := tightPicture(image.NewGray(image.Rect(0, 0, 11, 10)))
	huge := bytes.Clone(tightPicture(image.NewGray(image.Rect(0, 0, 10, 10))))
	sof := bytes.Index(huge, []byte{0xff, 0xc0})
	binary.BigEndian.PutUint16(huge[sof+5:], 60000)
	binary.BigEndian.PutUint16(huge[sof+7:], 60000)
	progressive := bytes.Clone(tightPicture(image.NewGray(image.Rect(0, 0, 10, 10))))
	progressive[sof+1] = 0xc2
	// pictureOf is a rectangle of a JPEG picture with other bytes right behind its first two, or with its parts changed.
	sound := tightPicture(image.NewGray(image.Rect(0, 0, 10, 10)))[3:]
	pictureOf := func(before ...byte) []byte {
		return append([]byte{0x90}, compact(append(append(bytes.Clone(sound[:2]), before...), sound[2:]...))...)
	}
	colours := tightPicture(image.NewRGBA(image.Rect(0, 0, 10, 10)))
	scan := bytes.LastIndex(colours, []byte{0xff, 0xda})
	several := bytes.Clone(colours)
	several[scan+4] = 1 // of three components
	cut := tightPicture(image.NewGray(image.Rect(0, 0, 10, 10)))
	cut = append([]byte{0x90}, compact(cut[3:len(cut)-200])...)

	for _, c := range []struct {
		name     string
		encoding int32
		body     []any
		says     string
	}{
		{"RRE part outside", 2, []any{uint32(1), uint32(0), uint32(0), uint16(5), uint16(0), uint16(6), uint16(1)}, "outside"},
		{"RRE part far outside", 2, []any{uint32(1), uint32(0), uint32(0), uint16(65530), uint16(0), uint16(10), uint16(1)}, "outside"},
		{"RRE with 2^32-1 parts", 2, []any{uint32(math.MaxUint32), uint32(0)}, "parts"},
		{"RRE painted over and over", 2, []any{uint32(50), uint32(0), bytes.Repeat([]byte{0, 0, 0, 0, 0, 0, 0, 0, 0, 10, 0, 10}, 50)}, "over and over"},
		{"CoRRE part outside", 4, []any{uint32(1), uint32(0), uint32(0), 9, 9, 2, 1}, "outside"},
		{"hextile part too wide", 5, []any{0x0e, uint32(0), uint32(0), 1, 0x10, 0x90}, "outside"},
		{"hextile part too high", 5, []any{0x0e, uint32(0), uint32(0), 1, 0x05, 0x05}, "outside"},
		{"hextile coloured part outside", 5, []any{0x1a, uint32(0), 1, uint32(0), 0xff, 0xff}, "outside"},

		{"zlib of 4 GiB", 6, []any{uint32(math.MaxUint32)}, "4294967295 bytes"},
		{"zlib with too little", 6, []any{z(make([]byte, 399)...)}, "too few"},
		{"zlib with too much", 6, []any{z(make([]byte, 401)...)}, "too many"},
		{"zlib bomb", 6, []any{long(bomb())}, "too many"},
		{"zlib that is none", 6, []any{long([]byte("not compressed"))}, "zlib stream"},
		{"zlib with a dictionary", 6, []any{long(dictionary.Bytes())}, "zlib stream"},
		{"zlib with a large window", 6, []any{long([]byte{0x88, 0x1c, 0, 0})}, "zlib stream"},
		{"zlib that was cut", 6, []any{long(z(make([]byte, 400)...)[4:9])}, "too few"},
		{"zlib block of unknown kind", 6, []any{long([]byte{0x78, 0x9c, 7})}, "unknown kind"},
		{"zlib stored block with a wrong length", 6, []any{long([]byte{0x78, 0x9c, 0, 5, 0, 5, 0})}, "damaged"},
		{"zlib match before the beginning", 6, []any{long([]byte{0x78, 0x9c, 0x63, 0x00, 0x42, 0x00})}, ""},
		{"zlib after the stream's end", 6, []any{long(ended.Bytes()), rect(0, 0, 10, 10, 6), long(ended.Bytes())}, "few"},
		{"zlib with words after the end", 6, []any{long(append(bytes.Clone(ended.Bytes()), "more"...))}, "does not end"},

		{"ZRLE of 4 GiB", 16, []any{uint32(math.MaxUint32)}, "4294967295 bytes"},
		{"ZRLE bomb", 16, []any{long(bomb())}, "too many"},
		{"ZRLE palette of 17", 16, []any{z(append([]byte{17}, make([]byte, 500)...)...)}, "kind 17"},
		{"ZRLE palette of 127", 16, []any{z(append([]byte{127}, make([]byte, 5000)...)...)}, "kind 127"},
		{"ZRLE palette of before", 16, []any{z(append([]byte{129}, make([]byte, 500)...)...)}, "kind 129"},
		{"ZRLE run past the tile", 16, []any{z(128, 1, 2, 3, 100)}, "run of 101"},
		{"ZRLE endless run", 16, []any{z(append([]byte{128, 1, 2, 3}, bytes.Repeat([]byte{255}, 60000)...)...)}, "run of"},
		{"ZRLE palette run past the tile", 16, []any{z(130, 1, 2, 3, 4, 5, 6, 0x80, 255, 255, 255, 0)}, "run of"},
		{"ZRLE index outside its palette", 16, []any{z(append([]byte{3, 1, 2, 3, 1, 2, 3, 1, 2, 3}, bytes.Repeat([]byte{0xff}, 60)...)...)}, "palette"},
		{"ZRLE run of an index outside", 16, []any{z(130, 1, 2, 3, 4, 5, 6, 0x85, 99)}, "palette"},
		{"ZRLE tile that ends early", 16, []any{z(0, 1, 2, 3)}, "too early"},
		{"ZRLE without a tile", 16, []any{z()}, "too early"},
		{"ZRLE with half a palette", 16, []any{z(255, 1, 2)}, "too early"},

		{"TRLE palette of before without one", 15, []any{127, make([]byte, 50)}, "kind 127"},
		{"TRLE palette of before for runs without one", 15, []any{129, make([]byte, 200)}, "kind 129"},
		{"TRLE palette of 17", 15, []any{17, make([]byte, 500)}, "kind 17"},
		{"TRLE run past the tile", 15, []any{128, 1, 2, 3, 100}, "run of 101"},
		{"TRLE endless run", 15, []any{128, 1, 2, 3, bytes.Repeat([]byte{255}, 60000)}, "run of"},
		{"TRLE index outside its palette", 15, []any{3, 1, 2, 3, 1, 2, 3, 1, 2, 3, bytes.Repeat([]byte{0xff}, 60)}, "palette"},

		{"Tight kind 10", 7, []any{0xa0}, "kind 10"},
		{"Tight kind 15", 7, []any{0xf0}, "kind 15"},
		{"Tight filter 3", 7, []any{0x40, 3}, "filter 3"},
		{"Tight of 4 MiB", 7, []any{0, 0xff, 0xff, 0xff}, "bytes for"},
		{"Tight with too little", 7, []any{0, compact((&stream{}).chunk(make([]byte, 299)))}, "too few"},
		{"Tight with a row too many", 7, []any{0, compact((&stream{}).chunk(make([]byte, 330)))}, "too many"},
		{"Tight gradient with a row too many", 7, []any{0x40, 2, compact((&stream{}).chunk(make([]byte, 330)))}, "too many"},
		{"Tight bomb", 7, []any{0, compact(bomb())}, "too many"},
		{"Tight index outside its palette", 7, []any{0x40, 1, 2, make([]byte, 9), compact((&stream{}).chunk(bytes.Repeat([]byte{3}, 100)))}, "palette"},
		{"Tight second colour of a palette of one", 7, []any{0x40, 1, 0, make([]byte, 3), compact((&stream{}).chunk(bytes.Repeat([]byte{1}, 20)))}, "palette"},
		{"Tight JPEG larger than its rectangle", 7, []any{large}, "11×10 pixels for 10×10"},
		{"Tight JPEG of 60000 pixels square", 7, []any{huge}, "60000×60000 pixels"},
		{"Tight JPEG that is progressive", 7, []any{progressive}, "one piece"},
		{"Tight JPEG that hides its kind behind a marker without a length", 7, []any{pictureOf(0xff, 0x01)}, "one piece"},
		{"Tight JPEG that hides its kind behind a length of 0", 7, []any{pictureOf(0xff, 0xe1, 0, 0)}, "one piece"},
		{"Tight JPEG in several scans", 7, []any{several}, "one piece"},
		{"Tight JPEG of two frames", 7, []any{pictureOf(0xff, 0xc0, 0, 11, 8, 0, 10, 0, 10, 1, 1, 0x11, 0)}, "one piece"},
		{"Tight JPEG that is none", 7, []any{0x90, compact([]byte("GIF89a"))}, "JPEG"},
		{"Tight JPEG that was cut", 7, []any{cut}, "JPEG"},
		{"Tight JPEG of 4 MiB", 7, []any{0x90, 0xff, 0xff, 0xff}, "bytes for"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := dial(t, rfb.Options{}, func(s *server) {
				s.greet(30, 30)
				var parts []any
				for _, p := range c.body {
					if head, ok := p.([]any); ok {
						parts = append(parts, head...)
					} else {
						parts = append(parts, p)
					}
				}
				s.say(append(append([]any{0, 0, uint16(9)}, rect(10, 10, 10, 10, c.encoding)...), parts...)...)
				s.Close()
			})
			err := r.ended()
			if !errors.Is(err, display.ErrProtocol) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("ended with %q, want %q in it", err, c.says)
			}
			for y := range 30 {
				for x := range 30 {
					if p := r.fb.Pix[y*r.fb.Stride+4*x:][:4]; !image.Pt(x, y).In(image.Rect(10, 10, 20, 20)) && string(p) != "\x00\x00\x00\x00" {
						t.Fatalf("pixel %d,%d outside the rectangle was written", x, y)
					}
				}
			}
			if !r.intact() {
				t.Error("bytes beside the pixels were written")
			}
		})
	}
}

// Tiles of TRLE do not say how long they are: each is shown when its last byte has come, and palettes are used again as they were.
func TestTRLEByteByByte(t *testing.T) {
	body := []byte{
		3, 1, 0, 0, 2, 0, 0, 3, 0, 0, // a palette of 3, of which the first tile's pixels are the second
	}
	body = append(body, bytes.Repeat([]byte{0x55}, 64)...)
	body = append(body, 1, 9, 0, 0)        // one colour
	body = append(body, 129, 0x82, 254, 0) // the palette again: a run of the third, and the first
	body = append(body, 127)               // and again
	body = append(body, bytes.Repeat([]byte{0xaa}, 16)...)
	c := dial(t, rfb.Options{}, func(s *server) {
		s.greet(52, 16)
		s.update(rect(0, 0, 52, 16, 15))
		for i := range body {
			s.say(body[i : i+1])
		}
	})
	st := c.wait(t, "the picture", func(st state) bool { return st.frames == 1 })
	for _, want := range []struct {
		x      int
		colour uint32
	}{{0, 2}, {15, 2}, {16, 9}, {31, 9}, {32, 3}, {47, 1}, {48, 3}, {51, 3}} {
		if got := st.pixel(want.x, 15); got != want.colour {
			t.Errorf("pixel %d,15 is %06x, want %06x", want.x, got, want.colour)
		}
	}
}

// Tight's four streams are apart, and begin anew when told to.
func TestTightStreams(t *testing.T) {
	row := func(i byte) []byte { return bytes.Repeat([]byte{i, i + 1, i + 2}, 10) }
	var rects [][]any
	streams := [4]stream{}
	for i := range 24 {
		control := byte(i%4) << 4
		if i == 13 || i == 18 {
			control |= 0x0f
			streams = [4]stream{}
		}
		rects = append(rects, rect(0, uint16(i), 10, 1, 7, int(control), compact(streams[i%4].chunk(row(byte(i))))))
	}
	c := dial(t, rfb.Options{}, func(s *server) {
		s.greet(10, 24)
		s.update(rects...)
	})
	st := c.wait(t, "the picture", func(st state) bool { return st.frames == 1 })
	for y := range 24 {
		if got, want := st.pixel(9, y), uint32(y)<<16|uint32(y+1)<<8|uint32(y+2); got != want {
			t.Errorf("row %d is %06x, want %06x", y, got, want)
		}
	}
}
