package lab

import (
	"bytes"
	"encoding/binary"
	"errors"
	"slices"
	"testing"
)

func TestIndexRoundTrip(t *testing.T) {
	for _, size := range []int64{1, 512, ChunkSize - 1, ChunkSize, ChunkSize + 1, 5*ChunkSize + 512} {
		x := &Index{Bytes: size, Chunks: make([]Digest, Chunks(size))}
		for i := range x.Chunks {
			if i != 1 {
				x.Chunks[i] = Digest{byte(i + 1)}
			}
		}
		data := x.Encode()
		again, err := ParseIndex(data)
		if err != nil || again.Bytes != size || !slices.Equal(again.Chunks, x.Chunks) || int64(len(data)) != IndexBytes(size) {
			t.Errorf("%d: %v", size, err)
			continue
		}
		sum, data0 := int64(0), int64(0)
		for i := range x.Chunks {
			sum += int64(x.Len(i))
			if i != 1 {
				data0 += int64(x.Len(i))
			}
		}
		if sum != size || x.Data() != data0 {
			t.Errorf("%d: the chunks have %d bytes, data %d", size, sum, x.Data())
		}
	}
	if IndexBytes(MaxDiskBytes) > MaxBlobBytes || IndexBytes(MaxDiskBytes+1) <= MaxBlobBytes {
		t.Error("the largest disk is not the largest whose index fits")
	}
}

func TestChunkDigest(t *testing.T) {
	if !ChunkDigest(make([]byte, ChunkSize)).IsZero() || !ChunkDigest(make([]byte, 5)).IsZero() {
		t.Error("zeros have a digest")
	}
	one := make([]byte, ChunkSize)
	one[ChunkSize-1] = 1
	if ChunkDigest(one) != Sum(one) {
		t.Error("not the SHA-256")
	}
}

func TestIndexRefuses(t *testing.T) {
	good := (&Index{Bytes: 2*ChunkSize + 512, Chunks: []Digest{{1}, {}, {3}}}).Encode()
	le := binary.LittleEndian
	whole, last := Sum(make([]byte, ChunkSize)), Sum(make([]byte, 512))
	for name, change := range map[string]func([]byte) []byte{
		"magic":               func(b []byte) []byte { b[7]++; return b },
		"version 0":           func(b []byte) []byte { le.PutUint32(b[8:], 0); return b },
		"chunk size":          func(b []byte) []byte { le.PutUint32(b[12:], 4096); return b },
		"size 0":              func(b []byte) []byte { le.PutUint64(b[16:], 0); return b },
		"huge":                func(b []byte) []byte { le.PutUint64(b[16:], 1<<63); return b },
		"all ones":            func(b []byte) []byte { le.PutUint64(b[16:], ^uint64(0)); return b },
		"larger disk":         func(b []byte) []byte { le.PutUint64(b[16:], 3*ChunkSize+1); return b },
		"smaller disk":        func(b []byte) []byte { le.PutUint64(b[16:], 2*ChunkSize); return b },
		"one byte more":       func(b []byte) []byte { return append(b, 0) },
		"one chunk more":      func(b []byte) []byte { return append(b, make([]byte, 32)...) },
		"one chunk fewer":     func(b []byte) []byte { return b[:len(b)-32] },
		"cut head":            func(b []byte) []byte { return b[:23] },
		"empty":               func(b []byte) []byte { return nil },
		"SHA-256 of zeros":    func(b []byte) []byte { copy(b[24:], whole[:]); return b },
		"SHA-256 of the last": func(b []byte) []byte { copy(b[24+64:], last[:]); return b },
	} {
		if _, err := ParseIndex(change(bytes.Clone(good))); !errors.Is(err, ErrIndex) {
			t.Errorf("%s: %v", name, err)
		}
	}
	newer := bytes.Clone(good)
	le.PutUint32(newer[8:], 2)
	if _, err := ParseIndex(newer); !errors.Is(err, ErrNewer) {
		t.Error(err)
	}
}

func FuzzIndex(f *testing.F) {
	f.Add((&Index{Bytes: 2*ChunkSize + 512, Chunks: []Digest{{1}, {}, {3}}}).Encode())
	f.Fuzz(func(t *testing.T, data []byte) {
		x, err := ParseIndex(data)
		if err != nil {
			if !errors.Is(err, ErrIndex) && !errors.Is(err, ErrNewer) {
				t.Fatal(err)
			}
			return
		}
		if !bytes.Equal(x.Encode(), data) {
			t.Fatal("another text for the same index")
		}
	})
}

func FuzzDigest(f *testing.F) {
	f.Add(Sum(nil).String())
	f.Fuzz(func(t *testing.T, text string) {
		if d, err := ParseDigest(text); err == nil && d.String() != text {
			t.Fatal("another text for the same digest")
		}
	})
}
