package lab

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

const (
	packMagic   = "GHLABPAK"
	packVersion = 1
	packHead    = 8 + 4 + 4
	packEntry   = len(Digest{}) + 4 + 4
)

// MaxPackEntries is how many chunks a pack has at most.
const MaxPackEntries = 8192

// ErrPack says that bytes are not a pack or not what its table says; the error that wraps it says why.
var ErrPack = errors.New("the lab's package is damaged")

// Entry is one chunk of a pack.
type Entry struct {
	Digest Digest
	Stored uint32 // length in the pack, in bytes; at most Raw
	Raw    uint32 // length of the chunk, 1 to ChunkSize
	Offset int64  // where in the pack the stored chunk begins
}

// Table lists the chunks of a pack in their order. Any goroutine may read it.
type Table struct{ Entries []Entry }

// TableBytes returns how long the beginning of a pack is, with its table, that has this many entries.
func TableBytes(entries int) int64 { return int64(packHead + entries*packEntry) }

// ReadTable reads the beginning of a pack, which is size bytes long in all, and checks it: the lengths add up to the size, so that no chunk lies
// outside or overlaps another. It reads exactly TableBytes, so that the stored chunks can be read next. Errors wrap ErrPack or ErrNewer, or are those
// of r.
func ReadTable(r io.Reader, size int64) (*Table, error) {
	if size > MaxBlobBytes {
		return nil, fmt.Errorf("%w: a pack has %d bytes", ErrPack, size)
	}
	var head [packHead]byte
	if err := readFull(r, head[:]); err != nil {
		return nil, err
	}
	if string(head[:8]) != packMagic {
		return nil, fmt.Errorf("%w: a pack does not begin as one", ErrPack)
	}
	if version := binary.LittleEndian.Uint32(head[8:]); version > packVersion {
		return nil, ErrNewer
	} else if version != packVersion {
		return nil, fmt.Errorf("%w: a pack's version is %d", ErrPack, version)
	}
	count := binary.LittleEndian.Uint32(head[12:])
	if count == 0 || count > MaxPackEntries {
		return nil, fmt.Errorf("%w: a pack has %d chunks", ErrPack, count)
	}
	list := make([]byte, int(count)*packEntry)
	if err := readFull(r, list); err != nil {
		return nil, err
	}
	t := &Table{Entries: make([]Entry, count)}
	offset, seen := TableBytes(int(count)), make(map[Digest]bool, count)
	for i := range t.Entries {
		text := list[i*packEntry:]
		e := Entry{
			Digest: Digest(text[:32]), Offset: offset,
			Stored: binary.LittleEndian.Uint32(text[32:]), Raw: binary.LittleEndian.Uint32(text[36:]),
		}
		switch {
		case e.Raw == 0 || e.Raw > ChunkSize || e.Stored == 0 || e.Stored > e.Raw:
			return nil, fmt.Errorf("%w: a chunk of %d bytes takes %d", ErrPack, e.Raw, e.Stored)
		case seen[e.Digest] || e.Digest.IsZero():
			return nil, fmt.Errorf("%w: a pack has a chunk twice, or one of zeros", ErrPack)
		}
		seen[e.Digest] = true
		offset += int64(e.Stored)
		t.Entries[i] = e
	}
	if offset != size {
		return nil, fmt.Errorf("%w: a pack has %d bytes, and its table is for %d", ErrPack, size, offset)
	}
	return t, nil
}

// readFull is io.ReadFull, and a pack that ends too early is a damaged one.
func readFull(r io.Reader, into []byte) error {
	_, err := io.ReadFull(r, into)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("%w: a pack ends too early", ErrPack)
	}
	return err
}

// PackBuilder gathers chunks for a pack. The zero value is an empty one. It belongs to one goroutine.
type PackBuilder struct {
	// Limit is the longest pack, in bytes, if it is to be shorter than MaxBlobBytes; 0 else.
	Limit int64

	entries []Entry
	stored  [][]byte
	bytes   int64
}

// Add takes a chunk in its stored form (Compress), which must not be changed any more, and the length of the raw one. It returns false and takes nothing when
// the pack is full; the caller then takes the pack, calls Reset and adds the chunk again. Each chunk may be added once.
func (b *PackBuilder) Add(digest Digest, stored []byte, raw int) bool {
	limit := int64(MaxBlobBytes)
	if b.Limit > 0 {
		limit = min(limit, b.Limit)
	}
	if len(b.entries) == MaxPackEntries || TableBytes(len(b.entries)+1)+b.bytes+int64(len(stored)) > limit {
		return false
	}
	b.entries = append(b.entries, Entry{Digest: digest, Stored: uint32(len(stored)), Raw: uint32(raw)})
	b.stored = append(b.stored, stored)
	b.bytes += int64(len(stored))
	return true
}

// Empty reports whether nothing was added.
func (b *PackBuilder) Empty() bool { return len(b.entries) == 0 }

// Size returns how long the pack is, in bytes.
func (b *PackBuilder) Size() int64 { return TableBytes(len(b.entries)) + b.bytes }

// Digest returns the SHA-256 of the pack.
func (b *PackBuilder) Digest() Digest {
	h := sha256.New()
	io.Copy(h, b.Reader()) //nolint:errcheck // memory on both sides
	return Digest(h.Sum(nil))
}

// Reader reads the pack. It is good until Reset, and there may be several.
func (b *PackBuilder) Reader() io.Reader {
	head := make([]byte, 0, TableBytes(len(b.entries)))
	head = append(head, packMagic...)
	head = binary.LittleEndian.AppendUint32(head, packVersion)
	head = binary.LittleEndian.AppendUint32(head, uint32(len(b.entries)))
	for _, e := range b.entries {
		head = append(head, e.Digest[:]...)
		head = binary.LittleEndian.AppendUint32(head, e.Stored)
		head = binary.LittleEndian.AppendUint32(head, e.Raw)
	}
	readers := make([]io.Reader, 1, 1+len(b.stored))
	readers[0] = bytes.NewReader(head)
	for _, stored := range b.stored {
		readers = append(readers, bytes.NewReader(stored))
	}
	return io.MultiReader(readers...)
}

// Reset empties it.
func (b *PackBuilder) Reset() { *b = PackBuilder{Limit: b.Limit} }
