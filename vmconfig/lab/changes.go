package lab

import (
	"encoding/binary"
	"fmt"
	"slices"
)

const (
	changesMagic   = "GHLABCHG"
	changesVersion = 1
	changesHead    = 8 + 4 + 4
	changesEntry   = 4 + len(Digest{})
)

// Change says what a student's machine has in the place of one chunk of the lab.
type Change struct {
	Chunk  int    // its number in the disk, from 0
	Digest Digest // as an index has it: zero for a chunk of zeros
}

// Changes are the chunks of one part that differ from the lab's, in rising order. They are not to be changed once made; then any goroutine may read them.
type Changes struct{ Chunks []Change }

// ParseChanges reads changes that may be hostile, of a part of that many bytes: no chunk is beyond its end and none is there twice. Errors wrap ErrSubmission or ErrNewer.
func ParseChanges(data []byte, bytes int64) (*Changes, error) {
	if len(data) < changesHead || string(data[:8]) != changesMagic {
		return nil, fmt.Errorf("%w: its list of changes does not begin as one", ErrSubmission)
	}
	if version := binary.LittleEndian.Uint32(data[8:]); version > changesVersion {
		return nil, newerError{}
	} else if version != changesVersion {
		return nil, fmt.Errorf("%w: the version of its list of changes is %d", ErrSubmission, version)
	}
	if bytes < 1 || bytes > MaxDiskBytes {
		return nil, fmt.Errorf("%w: its changes are of a disk of %d bytes", ErrSubmission, bytes)
	}
	count, list := binary.LittleEndian.Uint32(data[12:]), data[changesHead:]
	if count == 0 || int64(count) > int64(Chunks(bytes)) {
		return nil, fmt.Errorf("%w: it has %d changes, and the disk has %d pieces", ErrSubmission, count, Chunks(bytes))
	}
	if len(list) != int(count)*changesEntry {
		return nil, fmt.Errorf("%w: its list of changes has %d bytes, and %d belong to it", ErrSubmission, len(list), int(count)*changesEntry)
	}
	c, last := &Changes{Chunks: make([]Change, 0, count)}, (&Index{Bytes: bytes}).Len(Chunks(bytes)-1)
	whole, short := Sum(zeros[:]), Sum(zeros[:last])
	next := int64(0) // the lowest number that may come
	for entry := range slices.Chunk(list, changesEntry) {
		number, digest := int64(binary.LittleEndian.Uint32(entry)), Digest(entry[4:])
		end := number == int64(Chunks(bytes))-1
		switch {
		case number < next:
			return nil, fmt.Errorf("%w: its list of changes has the piece %d after the piece %d", ErrSubmission, number, next-1)
		case number >= int64(Chunks(bytes)):
			return nil, fmt.Errorf("%w: it changes the piece %d of a disk with %d pieces", ErrSubmission, number, Chunks(bytes))
		case digest == whole && (!end || last == ChunkSize) || digest == short && end: // each content has one list, as it has one index
			return nil, fmt.Errorf("%w: it names the digest of zeros for the piece %d", ErrSubmission, number)
		}
		c.Chunks = append(c.Chunks, Change{Chunk: int(number), Digest: digest})
		next = number + 1
	}
	return c, nil
}

// Encode returns the bytes of the changes.
func (c *Changes) Encode() []byte {
	data := make([]byte, 0, changesHead+len(c.Chunks)*changesEntry)
	data = append(data, changesMagic...)
	data = binary.LittleEndian.AppendUint32(data, changesVersion)
	data = binary.LittleEndian.AppendUint32(data, uint32(len(c.Chunks)))
	for _, change := range c.Chunks {
		data = binary.LittleEndian.AppendUint32(data, uint32(change.Chunk))
		data = append(data, change.Digest[:]...)
	}
	return data
}

// Data returns how many bytes of the part, which has that many in all, were changed to something else than zeros: what counts as growth, and what packs have to bring.
func (c *Changes) Data(bytes int64) int64 {
	x, sum := &Index{Bytes: bytes}, int64(0)
	for _, change := range c.Chunks {
		if !change.Digest.IsZero() {
			sum += int64(x.Len(change.Chunk))
		}
	}
	return sum
}

// MaxChangesBytes returns how long the changes of a part of that many bytes can be.
func MaxChangesBytes(bytes int64) int64 {
	return min(changesHead+int64(Chunks(bytes))*int64(changesEntry), MaxBlobBytes)
}
