package rfb

import (
	"bytes"
	"compress/flate"
	"compress/zlib"
	"io"
	"math/rand/v2"
	"net"
	"testing"
	"testing/iotest"
)

// memory is a connection out of which bytes can be read.
type memory struct {
	net.Conn
	io.Reader
}

func (m memory) Read(p []byte) (int, error) { return m.Reader.Read(p) }

func wireOf(r io.Reader) *wire {
	w := newWire(memory{Reader: r}, limits{})
	w.budget = 1 << 40
	return w
}

// samples are contents that use every kind of block, code and match.
func samples(rng *rand.Rand) map[string][]byte {
	noise := make([]byte, 150_000)
	for i := range noise {
		noise[i] = byte(rng.Uint32())
	}
	text := bytes.Repeat([]byte("a machine of its own, with a screen of its own; "), 6000)
	for i := 0; i < len(text); i += 97 {
		text[i] = byte(rng.Uint32())
	}
	skewed := make([]byte, 100_000) // codes of every length
	for i := range skewed {
		b := 0
		for b < 200 && rng.IntN(2) == 0 {
			b++
		}
		skewed[i] = byte(b)
	}
	short := make([]byte, 0, 100_000) // matches at every small distance
	for len(short) < 100_000 {
		short = append(short, noise[len(short):][:1+rng.IntN(20)]...)
		d := 1 + rng.IntN(min(40, len(short)))
		for range rng.IntN(400) {
			short = append(short, short[len(short)-d])
		}
	}
	return map[string][]byte{"noise": noise, "text": text, "skewed": skewed, "short": short, "zeros": make([]byte, 500_000), "empty": nil}
}

// Whatever is compressed in chunks comes out again, chunk for chunk, and takes exactly its bytes off the wire; however the bytes arrive.
func TestInflateChunks(t *testing.T) {
	for seed := range uint64(2) {
		rng := rand.New(rand.NewPCG(seed, 1))
		for name, data := range samples(rng) {
			for _, level := range []int{0, 1, 6, 9, flate.HuffmanOnly} {
				var chunks [][]byte
				var wants [][]byte
				var b bytes.Buffer
				c, err := zlib.NewWriterLevel(&b, level)
				if err != nil {
					t.Fatal(err)
				}
				for rest := data; ; {
					n := min(len(rest), 1+rng.IntN(1<<rng.IntN(18)))
					c.Write(rest[:n])
					c.Flush()
					chunks = append(chunks, bytes.Clone(b.Bytes()))
					wants = append(wants, rest[:n])
					b.Reset()
					if rest = rest[n:]; len(rest) == 0 {
						break
					}
				}
				talk := bytes.Join(chunks, []byte("|"))
				readers := map[string]io.Reader{"whole": bytes.NewReader(talk), "halves": iotest.HalfReader(bytes.NewReader(talk))}
				if seed == 0 {
					readers["bytes"] = iotest.OneByteReader(bytes.NewReader(talk))
				}
				for how, r := range readers {
					w := wireOf(r)
					z := new(inflater)
					for i, chunk := range chunks {
						if err := z.begin(w, len(chunk)); err != nil {
							t.Fatal(err)
						}
						for want := wants[i]; len(want) > 0; {
							n := min(len(want), 1+rng.IntN(windowRoom))
							p, err := z.next(n)
							if err != nil {
								t.Fatalf("seed %d, %s %s level %d, chunk %d of %d: %v", seed, name, how, level, i, len(chunks), err)
							}
							if !bytes.Equal(p, want[:n]) {
								t.Fatalf("seed %d, %s %s level %d, chunk %d: wrong bytes", seed, name, how, level, i)
							}
							want = want[n:]
						}
						if err := z.finish(); err != nil {
							t.Fatalf("seed %d, %s %s level %d, chunk %d: %v", seed, name, how, level, i, err)
						}
						if i < len(chunks)-1 {
							if b, err := w.u8(); err != nil || b != '|' {
								t.Fatalf("%s level %d, chunk %d of %d bytes: then %q, %v", name, level, i, len(chunk), b, err)
							}
						}
					}
				}
			}
		}
	}
}

// FuzzInflate compares with compress/flate: what one of them makes of any bytes, the other does, too.
func FuzzInflate(f *testing.F) {
	rng := rand.New(rand.NewPCG(1, 1))
	for _, data := range samples(rng) {
		for _, level := range []int{0, 1, 9, flate.HuffmanOnly} {
			var b bytes.Buffer
			c, _ := flate.NewWriter(&b, level)
			c.Write(data[:min(len(data), 3000)])
			c.Flush()
			f.Add(b.Bytes())
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		const limit = 200_000
		want, failure := io.ReadAll(io.LimitReader(flate.NewReader(bytes.NewReader(data)), limit))
		w := wireOf(io.MultiReader(bytes.NewReader([]byte{0x78, 0x9c}), bytes.NewReader(data)))
		z := new(inflater)
		z.begin(w, 2+len(data))
		var got []byte
		var err error
		for err == nil && len(got) < limit {
			var p []byte
			if p, err = z.ahead(1); len(p) == 0 {
				break
			}
			got = append(got, p...)
			z.skip(len(p))
		}
		got = got[:min(len(got), limit)]
		// Damage is noticed earlier or later, but what comes before it is the same; and what is whole has no damage.
		n := min(len(got), len(want))
		if !bytes.Equal(got[:n], want[:n]) {
			t.Fatal("other bytes than compress/flate")
		}
		if failure == nil && (err != nil || len(got) != len(want)) {
			t.Fatalf("%d bytes and %v instead of %d bytes", len(got), err, len(want))
		}
		if err == nil && failure != nil && failure != io.ErrUnexpectedEOF {
			t.Fatalf("accepted what compress/flate refuses: %v", failure)
		}
	})
}
