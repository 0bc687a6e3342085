package labs

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"golang.org/x/sys/unix"

	"guesthouse/app/labs/source"
	"guesthouse/vmconfig"
	"guesthouse/vmconfig/lab"
)

const (
	// connections is how many packs are read at once.
	connections = 4
	// usualTable is as much of a pack as most tables take, in bytes: 1600 chunks.
	usualTable = 64 << 10
	// maxGap is how many unwanted bytes are read and thrown away rather than asking for a new range.
	maxGap = 1 << 20
)

// spot is a place on this computer that wants a chunk.
type spot struct {
	b     *base
	file  *os.File // its part
	chunk int
}

// fetcher gathers chunks from wherever they are. What it writes has been checked against its digest, and a failure leaves what it has for the next time.
type fetcher struct {
	l     *Library
	place source.Source
	m     *meter
	data  int64 // bytes of all bases that are being made
	// few is true when most packs are likely to have nothing that is wanted, as with an update: then their tables are read first.
	few bool
	// noClone is true when the file system cannot share room between files. Only the goroutine that copies from bases uses it.
	noClone bool

	mu   sync.Mutex
	want map[lab.Digest][]spot
}

// wants reports whether a chunk is still missing.
func (f *fetcher) wants(d lab.Digest) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.want[d]) > 0
}

// left returns how many bytes are missing.
func (f *fetcher) left() (sum int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, spots := range f.want {
		for _, s := range spots {
			sum += int64(s.b.index.Len(s.chunk))
		}
	}
	return sum
}

// put writes a chunk, whose digest was checked, wherever it is wanted.
func (f *fetcher) put(d lab.Digest, raw []byte) error { return f.putFrom(d, raw, nil, 0) }

// putFrom is put for a chunk that is in a file as well: where the file system can, both then use the same room on the disk (FICLONERANGE,
// ioctl_ficlonerange(2)). That the file still had the same content at that moment shows when the whole is checked.
func (f *fetcher) putFrom(d lab.Digest, raw []byte, from *os.File, at int64) error {
	f.mu.Lock()
	spots := f.want[d]
	delete(f.want, d)
	f.mu.Unlock()
	for _, s := range spots {
		// The digest of a long chunk in the place of the short last one would let the file grow.
		if len(raw) != s.b.index.Len(s.chunk) {
			return fmt.Errorf("%w: chunk %d of %s has %d bytes", lab.ErrIndex, s.chunk, s.b.label, len(raw))
		}
		if !f.clone(s, from, at, len(raw)) {
			if _, err := s.file.WriteAt(raw, int64(s.chunk)*lab.ChunkSize); err != nil {
				return err
			}
		}
		f.m.add(int64(len(raw)))
	}
	return nil
}

// clone shares the room of a whole chunk, and reports whether it did.
func (f *fetcher) clone(s spot, from *os.File, at int64, length int) bool {
	if from == nil || length != lab.ChunkSize || f.noClone {
		return false
	}
	err := unix.IoctlFileCloneRange(int(s.file.Fd()), &unix.FileCloneRange{
		Src_fd: int64(from.Fd()), Src_offset: uint64(at), Src_length: uint64(length), Dest_offset: uint64(s.chunk) * lab.ChunkSize,
	})
	f.noClone = err != nil // most file systems cannot
	return err == nil
}

// where names a chunk that is missing, in words.
func (f *fetcher) where(d lab.Digest) string {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.want[d]) == 0 {
		return "a chunk"
	}
	s := f.want[d][0]
	return fmt.Sprintf("chunk %d of %s", s.chunk, s.b.label)
}

// packs reads what is wanted out of packs, several at a time.
func (f *fetcher) packs(ctx context.Context, packs []ocispec.Descriptor) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	queue := make(chan ocispec.Descriptor)
	var group sync.WaitGroup
	for range min(connections, len(packs)) {
		group.Go(func() {
			for pack := range queue {
				if err := f.pack(ctx, pack); err != nil {
					cancel(err)
				}
			}
		})
	}
	for _, pack := range packs {
		f.mu.Lock()
		left := len(f.want)
		f.mu.Unlock()
		if left == 0 || ctx.Err() != nil {
			break
		}
		select {
		case queue <- pack:
		case <-ctx.Done():
		}
	}
	close(queue)
	group.Wait()
	return context.Cause(ctx)
}

// packReader is what is known of one pack while it is read.
type packReader struct {
	f      *fetcher
	blob   ocispec.Descriptor
	table  *lab.Table
	faults map[lab.Digest]int // how often a chunk came damaged
}

// pack reads what is wanted out of one pack, and asks again where that can help.
func (f *fetcher) pack(ctx context.Context, blob ocispec.Descriptor) error {
	p := &packReader{f: f, blob: blob, faults: map[lab.Digest]int{}}
	err := f.l.retry(ctx, func() (bool, error) {
		f.mu.Lock()
		before := len(f.want)
		f.mu.Unlock()
		err := p.read(ctx)
		f.mu.Lock()
		after := len(f.want)
		f.mu.Unlock()
		for d, n := range p.faults {
			if n >= maxDamaged && f.wants(d) {
				return false, &damagedError{f.where(d), f.place.Name()}
			}
		}
		return after < before, err
	})
	var told *damagedError
	if errors.Is(err, lab.ErrPack) && !errors.As(err, &told) {
		err = fmt.Errorf("the pack %s at %s: %w. Fetch the lab from another place", blob.Digest, vmconfig.Inert(f.place.Name(), 300), err)
	}
	return err
}

// damagedError says that a place gives something else for a chunk, however often it is asked. It wraps source.ErrDamaged.
type damagedError struct{ chunk, place string }

// Error implements error.
func (e *damagedError) Error() string {
	return fmt.Sprintf("%s is damaged at %s: it was read %d times and was never what the teacher signed. Fetch the lab from another place",
		e.chunk, vmconfig.Inert(e.place, 300), maxDamaged)
}

// Unwrap returns the sentinel.
func (e *damagedError) Unwrap() error { return source.ErrDamaged }

// read reads the pack's table, if it is not known yet, and then the wanted chunks in as few requests as make sense.
func (p *packReader) read(ctx context.Context) error {
	var err error
	if p.table == nil {
		if err = p.begin(ctx); p.table == nil {
			return err
		}
	}
	for err == nil {
		run := p.next(0, -1)
		if len(run) == 0 {
			break
		}
		err = p.run(ctx, run)
	}
	return err
}

// errChunk marks the error of a chunk that arrived whole and is not the right one.
var errChunk = fmt.Errorf("%w: a chunk has another content than its digest", source.ErrDamaged)

// begin reads the table, and goes on with what follows if much is likely to be wanted. Otherwise it asks for no more than a table: a server that was
// asked for all has sent megabytes before it learns that nobody listens.
func (p *packReader) begin(ctx context.Context) error {
	if p.f.few && p.blob.Size > usualTable {
		if err := p.readTable(ctx, usualTable); err == nil || !errors.Is(err, lab.ErrPack) {
			return err
		}
		return p.readTable(ctx, min(p.blob.Size, lab.TableBytes(lab.MaxPackEntries)))
	}
	stream, err := p.f.place.Open(ctx, p.blob, 0, -1)
	if err != nil {
		return err
	}
	defer stream.Close()
	r := bufio.NewReaderSize(stream, 256<<10)
	if err := p.parse(r); err != nil {
		return err
	}
	begin := lab.TableBytes(len(p.table.Entries))
	return p.entries(r, begin, p.next(begin, maxGap))
}

// readTable reads the table out of the first bytes of the pack.
func (p *packReader) readTable(ctx context.Context, length int64) error {
	stream, err := p.f.place.Open(ctx, p.blob, 0, length)
	if err != nil {
		return err
	}
	defer stream.Close()
	return p.parse(stream)
}

// parse reads the table.
func (p *packReader) parse(r io.Reader) error {
	table, err := lab.ReadTable(r, p.blob.Size)
	if errors.Is(err, lab.ErrPack) {
		err = fmt.Errorf("%w: %w", source.ErrDamaged, err)
	}
	p.table = table
	return err
}

// next returns the first wanted entries of the table that are near each other, nil if nothing is wanted. If gap is not negative, the first one must be
// near the position.
func (p *packReader) next(position, gap int64) (run []lab.Entry) {
	for _, e := range p.table.Entries {
		if e.Offset < position || p.faults[e.Digest] >= maxDamaged || !p.f.wants(e.Digest) {
			continue
		}
		if (len(run) > 0 && e.Offset-position > maxGap) || (len(run) == 0 && gap >= 0 && e.Offset-position > gap) {
			break
		}
		run = append(run, e)
		position = e.Offset + int64(e.Stored)
	}
	return run
}

// run reads entries with one request.
func (p *packReader) run(ctx context.Context, entries []lab.Entry) error {
	first, last := entries[0], entries[len(entries)-1]
	stream, err := p.f.place.Open(ctx, p.blob, first.Offset, last.Offset+int64(last.Stored)-first.Offset)
	if err != nil {
		return err
	}
	defer stream.Close()
	return p.entries(bufio.NewReaderSize(stream, 256<<10), first.Offset, entries)
}

// entries reads entries out of a stream that is at the position. It goes on after a damaged one, and returns errChunk at the end.
func (p *packReader) entries(r *bufio.Reader, position int64, entries []lab.Entry) error {
	var fault error
	var raw []byte
	stored := make([]byte, lab.ChunkSize)
	for _, e := range entries {
		if _, err := r.Discard(int(e.Offset - position)); err != nil {
			return cut(err)
		}
		if _, err := io.ReadFull(r, stored[:e.Stored]); err != nil {
			return cut(err)
		}
		position = e.Offset + int64(e.Stored)
		chunk, err := e.Decompress(stored[:e.Stored], raw)
		if err != nil {
			p.faults[e.Digest]++
			fault = fmt.Errorf("%w: %w", errChunk, err)
			continue
		}
		if err := p.f.put(e.Digest, chunk); err != nil {
			return err
		}
		if e.Stored != e.Raw {
			raw = chunk // its memory
		}
	}
	return fault
}

// cut makes the end of a stream in the middle of a chunk a damage.
func cut(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("%w: a pack ends too early", source.ErrDamaged)
	}
	return err
}

// readBlob reads a small blob and checks it. Errors wrap those of the place.
func (l *Library) readBlob(ctx context.Context, place source.Source, blob ocispec.Descriptor) (data []byte, err error) {
	err = l.retry(ctx, func() (bool, error) {
		stream, err := place.Open(ctx, blob, 0, -1)
		if err != nil {
			return false, err
		}
		defer stream.Close()
		data, err = io.ReadAll(io.LimitReader(stream, blob.Size+1))
		if err == nil && (int64(len(data)) != blob.Size || lab.Sum(data).OCI() != blob.Digest) {
			err = fmt.Errorf("%w: %s holds something else under %s. Fetch the lab from another place", source.ErrDamaged, vmconfig.Inert(place.Name(), 300), blob.Digest)
		}
		return false, err
	})
	if err != nil {
		return nil, err
	}
	return data, nil
}
