package rfb_test

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"image"
	"image/jpeg"
	"math/rand/v2"
	"slices"
)

// A picture is what an encoder of these tests encodes: pixels as 0xRRGGBB.
type picture struct {
	w, h int
	pix  []uint32
}

// draw makes a picture of this many colours in patches and single pixels, so that every way to encode a tile is of use somewhere.
func draw(rng *rand.Rand, w, h, colours int) picture {
	p := picture{w, h, make([]uint32, w*h)}
	set := make([]uint32, colours)
	for i := range set {
		set[i] = rng.Uint32() >> 8
	}
	for range 1 + w*h/300 {
		x, y, c := rng.IntN(w), rng.IntN(h), set[rng.IntN(colours)]
		for dy := range rng.IntN(min(h-y, 40)) + 1 {
			for dx := range rng.IntN(min(w-x, 60)) + 1 {
				p.pix[(y+dy)*w+x+dx] = c
			}
		}
	}
	for range w * h / 100 {
		p.pix[rng.IntN(w*h)] = set[rng.IntN(colours)]
	}
	return p
}

func (p picture) sub(r image.Rectangle) picture {
	q := picture{r.Dx(), r.Dy(), nil}
	for y := r.Min.Y; y < r.Max.Y; y++ {
		q.pix = append(q.pix, p.pix[y*p.w+r.Min.X:][:q.w]...)
	}
	return q
}

// tiles cuts a picture into tiles, row by row.
func (p picture) tiles(side int) (t []picture) {
	for y := 0; y < p.h; y += side {
		for x := 0; x < p.w; x += side {
			t = append(t, p.sub(image.Rect(x, y, min(x+side, p.w), min(y+side, p.h))))
		}
	}
	return t
}

func (p picture) colours() []uint32 {
	c := slices.Clone(p.pix)
	slices.Sort(c)
	return slices.Compact(c)
}

// raw is the pixels as B, G, R, X.
func (p picture) raw() []byte {
	var b []byte
	for _, c := range p.pix {
		b = binary.LittleEndian.AppendUint32(b, c)
	}
	return b
}

func bgr(c uint32) []byte { return []byte{byte(c), byte(c >> 8), byte(c >> 16)} }
func rgb(c uint32) []byte { return []byte{byte(c >> 16), byte(c >> 8), byte(c)} }

// A stream is a compressed stream of a server.
type stream struct {
	b bytes.Buffer
	z *zlib.Writer
}

// chunk compresses data as the next chunk of the stream.
func (s *stream) chunk(data []byte) []byte {
	if s.z == nil {
		s.z = zlib.NewWriter(&s.b)
	}
	s.z.Write(data)
	s.z.Flush()
	defer s.b.Reset()
	return bytes.Clone(s.b.Bytes())
}

// chunk32 is a chunk after its length in four bytes.
func (s *stream) chunk32(data []byte) []byte {
	c := s.chunk(data)
	return append(binary.BigEndian.AppendUint32(nil, uint32(len(c))), c...)
}

// compact is data after its length as Tight has it.
func compact(data []byte) []byte {
	n := len(data)
	switch {
	case n < 1<<7:
		return append([]byte{byte(n)}, data...)
	case n < 1<<14:
		return append([]byte{byte(n) | 0x80, byte(n >> 7)}, data...)
	}
	return append([]byte{byte(n) | 0x80, byte(n>>7) | 0x80, byte(n >> 14)}, data...)
}

// An encoder is a server's half of an encoding, for one connection. It takes its choices by chance.
type encoder struct {
	rng        *rand.Rand
	zlib, zrle stream
	tight      [4]stream
}

// parts are rectangles that together make a picture out of a background: runs of pixels within a row, some joined downwards.
func (e *encoder) parts(p picture, background uint32) (parts []image.Rectangle) {
	seen := make([]bool, len(p.pix))
	for i, c := range p.pix {
		if c == background || seen[i] {
			continue
		}
		x, y := i%p.w, i/p.w
		w, h := 1, 1
		for x+w < p.w && p.pix[i+w] == c && !seen[i+w] && w < 255 {
			w++
		}
	down:
		for y+h < p.h && h < 255 {
			for j := range w {
				if k := i + h*p.w + j; p.pix[k] != c || seen[k] {
					break down
				}
			}
			h++
		}
		for dy := range h {
			for dx := range w {
				seen[i+dy*p.w+dx] = true
			}
		}
		parts = append(parts, image.Rect(x, y, x+w, y+h))
	}
	return parts
}

// rre encodes with numbers of size bytes.
func (e *encoder) rre(p picture, size int) []byte {
	background := p.pix[0]
	parts := e.parts(p, background)
	b := binary.BigEndian.AppendUint32(nil, uint32(len(parts)))
	b = binary.LittleEndian.AppendUint32(b, background)
	for _, r := range parts {
		b = binary.LittleEndian.AppendUint32(b, p.pix[r.Min.Y*p.w+r.Min.X])
		for _, v := range []int{r.Min.X, r.Min.Y, r.Dx(), r.Dy()} {
			if size == 2 {
				b = append(b, byte(v>>8))
			}
			b = append(b, byte(v))
		}
	}
	return b
}

func (e *encoder) hextile(p picture) (b []byte) {
	var background, foreground uint32
	known := false
	for _, t := range p.tiles(16) {
		colours := t.colours()
		parts := e.parts(t, t.pix[0])
		if len(parts) > 255 || e.rng.IntN(10) == 0 {
			b = append(append(b, 1), t.raw()...)
			known = false // a raw tile leaves the colours undefined
			continue
		}
		at := len(b)
		b = append(b, 0)
		if !known || background != t.pix[0] {
			b[at] |= 2
			background, known = t.pix[0], true
			b = binary.LittleEndian.AppendUint32(b, background)
			foreground = 1 << 31 // none yet
		}
		if len(parts) == 0 {
			continue
		}
		b[at] |= 8
		coloured := len(colours) > 2 || e.rng.IntN(3) == 0
		if coloured {
			b[at] |= 16
			foreground = 1 << 31
		} else if c := t.pix[parts[0].Min.Y*t.w+parts[0].Min.X]; c != foreground {
			b[at] |= 4
			foreground = c
			b = binary.LittleEndian.AppendUint32(b, c)
		}
		b = append(b, byte(len(parts)))
		for _, r := range parts {
			if coloured {
				b = binary.LittleEndian.AppendUint32(b, t.pix[r.Min.Y*t.w+r.Min.X])
			}
			b = append(b, byte(r.Min.X<<4|r.Min.Y), byte((r.Dx()-1)<<4|(r.Dy()-1)))
		}
	}
	return b
}

// packed are a row's indices, with the first pixel in the highest bits.
func packed(p picture, colours []uint32, bits int) (b []byte) {
	for y := range p.h {
		row := make([]byte, (p.w*bits+7)/8)
		for x, c := range p.pix[y*p.w:][:p.w] {
			i, _ := slices.BinarySearch(colours, c)
			row[x*bits/8] |= byte(i << (8 - bits - x*bits%8))
		}
		b = append(b, row...)
	}
	return b
}

// runs are a tile's runs, each begun by first.
func runs(p picture, first func(c uint32, single bool) []byte, short bool) (b []byte) {
	for i := 0; i < len(p.pix); {
		n := 1
		for i+n < len(p.pix) && p.pix[i+n] == p.pix[i] {
			n++
		}
		b = append(b, first(p.pix[i], n == 1)...)
		i += n
		if short && n == 1 {
			continue
		}
		for n--; n >= 255; n -= 255 {
			b = append(b, 255)
		}
		b = append(b, byte(n))
	}
	return b
}

// zrleBody encodes tiles. Those of TRLE may have the palette of a tile before.
func (e *encoder) zrleBody(p picture, side int, trle bool) (b []byte) {
	var before []uint32
	for _, t := range p.tiles(side) {
		colours := t.colours()
		again := trle && before != nil && !slices.ContainsFunc(colours, func(c uint32) bool { return !slices.Contains(before, c) })
		if again && e.rng.IntN(4) > 0 {
			colours = before
		} else {
			again = false
		}
		n := len(colours)
		palette := func(kind, kindAgain byte) {
			if again {
				b = append(b, kindAgain)
				return
			}
			b = append(b, kind)
			for _, c := range colours {
				b = append(b, bgr(c)...)
			}
			before = colours
		}
		switch choice := e.rng.IntN(4); {
		case n == 1 && choice > 0:
			b = append(append(b, 1), bgr(colours[0])...)
		case n >= 2 && n <= 16 && choice <= 1:
			palette(byte(n), 127)
			bits := 4
			if n == 2 {
				bits = 1
			} else if n <= 4 {
				bits = 2
			}
			b = append(b, packed(t, colours, bits)...)
		case n >= 2 && n <= 127 && choice <= 2:
			palette(byte(128+n), 129)
			b = append(b, runs(t, func(c uint32, single bool) []byte {
				i, _ := slices.BinarySearch(colours, c)
				if !single {
					i |= 128
				}
				return []byte{byte(i)}
			}, true)...)
		case choice <= 2:
			b = append(b, 128)
			b = append(b, runs(t, func(c uint32, _ bool) []byte { return bgr(c) }, false)...)
		default:
			b = append(b, 0)
			for _, c := range t.pix {
				b = append(b, bgr(c)...)
			}
		}
	}
	return b
}

func (e *encoder) tightBody(p picture) []byte {
	colours := p.colours()
	if len(colours) == 1 && e.rng.IntN(2) == 0 {
		return append([]byte{0x80}, rgb(colours[0])...)
	}
	id := e.rng.IntN(4)
	control := byte(id << 4)
	if e.rng.IntN(5) == 0 {
		control |= 1 << id
		e.tight[id] = stream{}
	}
	var b, data []byte
	switch choice := e.rng.IntN(3); {
	case len(colours) <= 256 && choice == 0:
		b = append(b, control|0x40, 1, byte(len(colours)-1))
		for _, c := range colours {
			b = append(b, rgb(c)...)
		}
		bits := 8
		if len(colours) <= 2 {
			bits = 1
		}
		data = packed(p, colours, bits)
	case choice == 1:
		b = append(b, control|0x40, 2)
		at := func(x, y, shift int) int {
			if x < 0 || y < 0 {
				return 0
			}
			return int(p.pix[y*p.w+x] >> shift & 255)
		}
		for i := range p.pix {
			x, y := i%p.w, i/p.w
			for _, shift := range []int{16, 8, 0} {
				expected := at(x-1, y, shift) + at(x, y-1, shift) - at(x-1, y-1, shift)
				data = append(data, byte(at(x, y, shift)-max(0, min(expected, 255))))
			}
		}
	default:
		if b = append(b, control); e.rng.IntN(2) == 0 {
			b = []byte{control | 0x40, 0}
		}
		for _, c := range p.pix {
			data = append(data, rgb(c)...)
		}
	}
	if len(data) < 12 {
		return append(b, data...)
	}
	return append(b, compact(e.tight[id].chunk(data))...)
}

// encode is the body of a rectangle in this encoding.
func (e *encoder) encode(encoding int32, p picture) []byte {
	switch encoding {
	case 0:
		return p.raw()
	case 2:
		return e.rre(p, 2)
	case 4:
		return e.rre(p, 1)
	case 5:
		return e.hextile(p)
	case 6:
		return e.zlib.chunk32(p.raw())
	case 7:
		return e.tightBody(p)
	case 15:
		return e.zrleBody(p, 16, true)
	case 16:
		return e.zrle.chunk32(e.zrleBody(p, 64, false))
	}
	panic(encoding)
}

// lossless are the encodings that bring every pixel as it is.
var lossless = map[string]int32{"raw": 0, "rre": 2, "corre": 4, "hextile": 5, "zlib": 6, "tight": 7, "trle": 15, "zrle": 16}

// tightPicture is a Tight rectangle that is a JPEG picture.
func tightPicture(m image.Image) []byte {
	var b bytes.Buffer
	if err := jpeg.Encode(&b, m, &jpeg.Options{Quality: 95}); err != nil {
		panic(err)
	}
	return append([]byte{0x90}, compact(b.Bytes())...)
}
