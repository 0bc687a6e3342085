package lab

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
)

// ChunkSize is the length in bytes of every chunk of a disk but the last one. 1 MiB: an ordinary update of a system then changes a tenth of
// its chunks, while 10 GiB are ten thousand of them and not a hundred thousand.
const ChunkSize = 1 << 20

// MaxBlobBytes is the longest blob of a package, so that FAT32 can hold it and a broken transfer loses little.
const MaxBlobBytes = 64 << 20

const (
	indexMagic   = "GHLABIDX"
	indexVersion = 1
	indexHead    = 8 + 4 + 4 + 8
	maxChunks    = (MaxBlobBytes - indexHead) / len(Digest{})
)

// ErrIndex says that bytes are not an index; the error that wraps it says why.
var ErrIndex = errors.New("the lab's index of a disk is not valid")

// Index names the chunks of a disk. It is not to be changed once made; then any goroutine may read it.
type Index struct {
	Bytes  int64    // size of the disk
	Chunks []Digest // as many as Chunks(Bytes); the zero Digest for a chunk of zeros
}

// Chunks returns how many chunks a disk of that many bytes has.
func Chunks(size int64) int { return int((size + ChunkSize - 1) / ChunkSize) }

// zeros is a chunk of zeros. It is only read.
var zeros [ChunkSize]byte

// ChunkDigest returns what an index has for a chunk with these bytes, at most ChunkSize: the SHA-256, or the zero Digest if all are zero.
func ChunkDigest(chunk []byte) Digest {
	if bytes.Equal(chunk, zeros[:len(chunk)]) {
		return Digest{}
	}
	return Sum(chunk)
}

// Len returns the length in bytes of chunk i.
func (x *Index) Len(i int) int {
	return int(min(ChunkSize, x.Bytes-int64(i)*ChunkSize))
}

// Data returns how many bytes of the disk are in chunks that are not zeros: the room that the disk takes where nothing is written for those.
func (x *Index) Data() int64 {
	var sum int64
	for i, d := range x.Chunks {
		if !d.IsZero() {
			sum += int64(x.Len(i))
		}
	}
	return sum
}

// ParseIndex reads an index that may be hostile. Errors wrap ErrIndex or ErrNewer.
func ParseIndex(data []byte) (*Index, error) {
	if len(data) < indexHead || string(data[:8]) != indexMagic {
		return nil, fmt.Errorf("%w: it does not begin as one", ErrIndex)
	}
	if version := binary.LittleEndian.Uint32(data[8:]); version > indexVersion {
		return nil, ErrNewer
	} else if version != indexVersion {
		return nil, fmt.Errorf("%w: its version is %d", ErrIndex, version)
	}
	if size := binary.LittleEndian.Uint32(data[12:]); size != ChunkSize {
		return nil, fmt.Errorf("%w: its chunks have %d bytes", ErrIndex, size)
	}
	size := binary.LittleEndian.Uint64(data[16:])
	if size == 0 || size > uint64(MaxDiskBytes) {
		return nil, fmt.Errorf("%w: it is for a disk of %d bytes", ErrIndex, size)
	}
	x := &Index{Bytes: int64(size), Chunks: make([]Digest, 0, Chunks(int64(size)))}
	list := data[indexHead:]
	if want := cap(x.Chunks) * len(Digest{}); len(list) != want {
		return nil, fmt.Errorf("%w: it has %d bytes of digests, and %d belong to a disk of %d bytes", ErrIndex, len(list), want, size)
	}
	for digest := range slices.Chunk(list, len(Digest{})) {
		x.Chunks = append(x.Chunks, Digest(digest))
	}
	// Each content has one index: a chunk of zeros is never named by its SHA-256.
	whole, last := Sum(zeros[:]), Sum(zeros[:x.Len(len(x.Chunks)-1)])
	for i, d := range x.Chunks {
		if d == whole && x.Len(i) == ChunkSize || d == last && i == len(x.Chunks)-1 {
			return nil, fmt.Errorf("%w: it names the digest of zeros for chunk %d", ErrIndex, i)
		}
	}
	return x, nil
}

// Encode returns the index's bytes.
func (x *Index) Encode() []byte {
	data := make([]byte, 0, indexHead+len(x.Chunks)*len(Digest{}))
	data = append(data, indexMagic...)
	data = binary.LittleEndian.AppendUint32(data, indexVersion)
	data = binary.LittleEndian.AppendUint32(data, ChunkSize)
	data = binary.LittleEndian.AppendUint64(data, uint64(x.Bytes))
	for _, d := range x.Chunks {
		data = append(data, d[:]...)
	}
	return data
}

// IndexBytes returns how long the index of a disk of that many bytes is.
func IndexBytes(size int64) int64 { return indexHead + int64(Chunks(size)*len(Digest{})) }
