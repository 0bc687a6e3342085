package lab

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"math/rand"
	"os/exec"
	"testing"

	"github.com/klauspost/compress/zstd"
)

// testChunks are chunks of several kinds: text, noise, short, one byte.
func testChunks() [][]byte {
	noise := make([]byte, ChunkSize)
	rand.New(rand.NewSource(1)).Read(noise)
	return [][]byte{bytes.Repeat([]byte("some text\n"), ChunkSize/10), noise, noise[:700], {7}, append(make([]byte, 300), 1), noise[5:]}
}

// packBytes is the whole pack in memory.
func packBytes(b *PackBuilder) []byte {
	data, err := io.ReadAll(b.Reader())
	if err != nil || int64(len(data)) != b.Size() || Sum(data) != b.Digest() {
		panic("a pack does not know itself")
	}
	return data
}

func testPack(t testing.TB) ([]byte, [][]byte) {
	t.Helper()
	var b PackBuilder
	chunks := testChunks()
	for _, chunk := range chunks {
		if !b.Add(ChunkDigest(chunk), Compress(chunk), len(chunk)) {
			t.Fatal("full")
		}
	}
	return packBytes(&b), chunks
}

func TestPackRoundTrip(t *testing.T) {
	data, chunks := testPack(t)
	again, _ := testPack(t)
	if !bytes.Equal(data, again) {
		t.Error("the same chunks give another pack")
	}
	r := bytes.NewReader(data)
	table, err := ReadTable(r, int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	if read := int64(len(data) - r.Len()); read != TableBytes(len(chunks)) {
		t.Errorf("read %d bytes", read)
	}
	for i, e := range table.Entries {
		stored := data[e.Offset : e.Offset+int64(e.Stored)]
		raw, err := e.Decompress(stored, nil)
		if err != nil || !bytes.Equal(raw, chunks[i]) {
			t.Errorf("chunk %d: %v", i, err)
		}
		buffer := make([]byte, 0, ChunkSize)
		if raw, err = e.Decompress(stored, buffer); err != nil || !bytes.Equal(raw, chunks[i]) {
			t.Errorf("chunk %d into a buffer: %v", i, err)
		}
		bad := bytes.Clone(stored)
		bad[len(bad)/2] ^= 1
		if _, err := e.Decompress(bad, nil); !errors.Is(err, ErrPack) {
			t.Errorf("chunk %d with a wrong bit: %v", i, err)
		}
		if _, err := e.Decompress(stored[1:], nil); !errors.Is(err, ErrPack) {
			t.Errorf("chunk %d cut: %v", i, err)
		}
	}
}

// TestCompressHoldsLittle guards the memory of who packs a disk that can be made much shorter.
func TestCompressHoldsLittle(t *testing.T) {
	chunk := bytes.Repeat([]byte("x"), ChunkSize)
	if stored := Compress(chunk); cap(stored) > 4096 {
		t.Errorf("%d bytes take %d", len(stored), cap(stored))
	}
}

func TestPackIsFull(t *testing.T) {
	var b PackBuilder
	for i := range MaxPackEntries {
		if !b.Add(Digest{byte(i), byte(i >> 8), 1}, []byte{1}, 1) {
			t.Fatalf("full after %d", i)
		}
	}
	if b.Add(Digest{0, 0, 2}, []byte{1}, 1) {
		t.Error("more than the most entries")
	}
	data := packBytes(&b)
	if table, err := ReadTable(bytes.NewReader(data), int64(len(data))); err != nil || len(table.Entries) != MaxPackEntries {
		t.Error(err)
	}
	b.Reset()
	n := 0
	for chunk := make([]byte, ChunkSize); b.Add(Digest{byte(n), 1}, chunk, ChunkSize); n++ {
	}
	if size := len(packBytes(&b)); n != 63 || size > MaxBlobBytes {
		t.Errorf("%d chunks, %d bytes", n, size)
	}
}

func TestTableRefuses(t *testing.T) {
	good, _ := testPack(t)
	le := binary.LittleEndian
	for name, change := range map[string]func([]byte) []byte{
		"magic":         func(b []byte) []byte { b[0]++; return b },
		"no entries":    func(b []byte) []byte { le.PutUint32(b[12:], 0); return b },
		"many entries":  func(b []byte) []byte { le.PutUint32(b[12:], 1<<31); return b },
		"version 0":     func(b []byte) []byte { le.PutUint32(b[8:], 0); return b },
		"twice":         func(b []byte) []byte { copy(b[packHead:packHead+32], b[packHead+packEntry:]); return b },
		"zeros":         func(b []byte) []byte { clear(b[packHead : packHead+32]); return b },
		"stored > raw":  func(b []byte) []byte { le.PutUint32(b[packHead+32:], 1<<20+1); return b },
		"stored 0":      func(b []byte) []byte { le.PutUint32(b[packHead+32:], 0); return b },
		"raw > chunk":   func(b []byte) []byte { le.PutUint32(b[packHead+36:], 1<<31); return b },
		"raw 0":         func(b []byte) []byte { le.PutUint32(b[packHead+36:], 0); return b },
		"longer":        func(b []byte) []byte { return append(b, 0) },
		"shorter":       func(b []byte) []byte { return b[:len(b)-1] },
		"cut table":     func(b []byte) []byte { return b[:packHead+10] },
		"cut head":      func(b []byte) []byte { return b[:5] },
		"beyond 64 MiB": func(b []byte) []byte { return append(b, make([]byte, MaxBlobBytes)...) },
	} {
		data := change(bytes.Clone(good))
		if _, err := ReadTable(bytes.NewReader(data), int64(len(data))); !errors.Is(err, ErrPack) {
			t.Errorf("%s: %v", name, err)
		}
	}
	newer := bytes.Clone(good)
	le.PutUint32(newer[8:], 2)
	if _, err := ReadTable(bytes.NewReader(newer), int64(len(newer))); !errors.Is(err, ErrNewer) {
		t.Error(err)
	}
}

// TestFrameRefuses gives frames with the right content that break a rule, and ones that are to exhaust memory.
func TestFrameRefuses(t *testing.T) {
	raw := bytes.Repeat([]byte("0123456789abcdef"), ChunkSize/16)
	entry := func(stored []byte) Entry {
		return Entry{Digest: Sum(raw), Stored: uint32(len(stored)), Raw: uint32(len(raw))}
	}
	good := Compress(raw)
	if _, err := entry(good).Decompress(good, nil); err != nil {
		t.Fatal(err)
	}
	encode := func(data []byte, options ...zstd.EOption) []byte {
		encoder, err := zstd.NewWriter(nil, options...)
		if err != nil {
			t.Fatal(err)
		}
		return encoder.EncodeAll(data, nil)
	}
	// RFC 8878: magic, descriptor (8-byte content size, window), window, content size, then a block of one repeated byte.
	bomb := func(window byte, size uint64) []byte {
		b := append([]byte{0x28, 0xb5, 0x2f, 0xfd, 0xc0}, window)
		b = binary.LittleEndian.AppendUint64(b, size)
		return append(b, 0x03, 0x00, 0x80, 'x') // last, repeated, 1 MiB
	}
	skip := append([]byte{0x50, 0x2a, 0x4d, 0x18, 4, 0, 0, 0}, "skip"...)
	half := raw[:len(raw)/2]
	var stream bytes.Buffer
	writer, _ := zstd.NewWriter(&stream)
	writer.Write(half)
	writer.Flush()
	writer.Write(half)
	writer.Close()
	for name, stored := range map[string][]byte{
		"skippable before":  append(bytes.Clone(skip), good...),
		"skippable after":   append(bytes.Clone(good), skip...),
		"skippable alone":   skip,
		"two frames":        append(encode(half), encode(half)...),
		"garbage after":     append(bytes.Clone(good), 0),
		"cut":               good[:len(good)-1],
		"without a size":    stream.Bytes(),
		"dictionary":        encode(raw, zstd.WithEncoderDictRaw(7, bytes.Repeat([]byte("0123456789abcdef"), 100))),
		"window of 2 GiB":   bomb(21<<3, ChunkSize),
		"says 2 GiB":        bomb(0, 2<<30),
		"gives another":     bomb(10<<3, ChunkSize),
		"nothing":           {},
		"no frame":          []byte("hello, this is nothing"),
		"other content":     Compress(bytes.Repeat([]byte("0123456789abcdeF"), ChunkSize/16)),
		"shorter content":   Compress(half),
		"wrong magic alone": {0x28, 0xb5, 0x2f, 0xfe},
	} {
		if _, err := entry(stored).Decompress(stored, nil); !errors.Is(err, ErrPack) {
			t.Errorf("%s: %v", name, err)
		}
	}
	// What another writer may do.
	for name, stored := range map[string][]byte{
		"checksum":        encode(raw, zstd.WithEncoderCRC(true)),
		"window of 8 MiB": encode(raw, zstd.WithSingleSegment(false), zstd.WithWindowSize(8<<20)),
		"fastest":         encode(raw, zstd.WithEncoderLevel(zstd.SpeedFastest)),
	} {
		if _, err := entry(stored).Decompress(stored, nil); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestZstdReadsFrames has the zstd program as a witness.
func TestZstdReadsFrames(t *testing.T) {
	program, err := exec.LookPath("zstd")
	if err != nil {
		t.Fatal("zstd is not installed: run packaging/setup test")
	}
	chunk := testChunks()[0]
	cmd := exec.Command(program, "-d", "-c")
	cmd.Stdin = bytes.NewReader(Compress(chunk))
	if out, err := cmd.Output(); err != nil || !bytes.Equal(out, chunk) {
		t.Errorf("%v, %d bytes", err, len(out))
	}
	cmd = exec.Command(program, "-19", "-c", "--stream-size=1048570")
	cmd.Stdin = bytes.NewReader(chunk)
	frame, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	e := Entry{Digest: Sum(chunk), Stored: uint32(len(frame)), Raw: uint32(len(chunk))}
	if _, err := e.Decompress(frame, nil); err != nil {
		t.Error(err)
	}
}

func FuzzPack(f *testing.F) {
	var b PackBuilder
	for _, chunk := range testChunks()[2:5] {
		b.Add(ChunkDigest(chunk), Compress(chunk), len(chunk))
	}
	f.Add(packBytes(&b))
	f.Fuzz(func(t *testing.T, data []byte) {
		table, err := ReadTable(bytes.NewReader(data), int64(len(data)))
		if err != nil {
			if !errors.Is(err, ErrPack) && !errors.Is(err, ErrNewer) {
				t.Fatal(err)
			}
			return
		}
		for _, e := range table.Entries {
			stored := data[e.Offset : e.Offset+int64(e.Stored)]
			raw, err := e.Decompress(stored, nil)
			if err == nil && (Sum(raw) != e.Digest || len(raw) != int(e.Raw)) {
				t.Fatal("wrong content")
			}
			if err != nil && !errors.Is(err, ErrPack) {
				t.Fatal(err)
			}
			// With the digest that it has, all that is left are the rules for frames.
			if e.Stored != e.Raw {
				if err := checkFrame(stored, e.Raw); err == nil {
					_, decoder := coder()
					decoder.DecodeAll(stored, make([]byte, 0, e.Raw))
				}
			}
		}
	})
}

// FuzzFrame is about the frames alone, which FuzzPack rarely reaches.
func FuzzFrame(f *testing.F) {
	for _, chunk := range testChunks()[2:5] {
		f.Add(Compress(chunk), uint32(len(chunk)))
	}
	f.Add(Compress(bytes.Repeat([]byte("some text\n"), 100)), uint32(1000))
	f.Fuzz(func(t *testing.T, stored []byte, raw uint32) {
		if raw == 0 || raw > ChunkSize || checkFrame(stored, raw) != nil {
			return
		}
		_, decoder := coder()
		buffer := make([]byte, 0, raw)
		if out, err := decoder.DecodeAll(stored, buffer); err == nil && len(out) > 0 && &out[0] != &buffer[:1][0] {
			t.Fatal("it was unpacked into other memory")
		}
	})
}

func BenchmarkCompress(b *testing.B) {
	chunk := testChunks()[0]
	b.SetBytes(int64(len(chunk)))
	for b.Loop() {
		Compress(chunk)
	}
}
