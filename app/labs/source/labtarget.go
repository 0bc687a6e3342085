package source

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"guesthouse/app/atomicfile"
)

const (
	block = 512 // bytes of a tar's header, and what a file in it is filled up to
	// indexRoom is how much longer than the old one a new index.json may be, in bytes: some 40 tags. It stands before the blobs, whose number only Finish knows.
	indexRoom = 16 << 10
)

// fileTarget writes a .lab file: blobs as they come, into a file beside it that gets the name at the end.
type fileTarget struct {
	path, place string
	kind        string   // artifact type
	root        *os.Root // the folder that it is in
	old         *labFile // nil: there is none
	oldInfo     fs.FileInfo
	index       ocispec.Index // of the old one
	found       []candidate

	writing sync.Mutex // held while something is written; taken before mu
	temp    *os.File
	part    string // its name in root; empty once it has its own
	room    int64  // of index.json
	end     int64  // where the next blob goes
	closed  bool

	mu    sync.Mutex
	table map[string]member // what temp holds
}

// openFileTarget opens the old .lab file, if there is one, and makes the new one.
func openFileTarget(ctx context.Context, path, kind string) (_ Target, err error) {
	t := &fileTarget{path: path, place: shownPath(path), kind: kind, table: map[string]member{}}
	defer func() {
		if err != nil {
			_ = t.Close()
		}
	}()
	if t.root, err = os.OpenRoot(filepath.Dir(path)); err != nil {
		return nil, localFailure(shownPath(filepath.Dir(path)), err)
	}
	if t.oldInfo, err = os.Stat(path); err == nil {
		// A file that is no package is not replaced.
		if t.old, err = openFile(ctx, path, t.place); err != nil {
			return nil, err
		}
		if t.index, t.found, err = readIndex(ctx, t.old, t.place, t.kind); err != nil {
			return nil, err
		}
	} else if !errors.Is(err, fs.ErrNotExist) {
		return nil, localFailure(t.place, err)
	}
	base := filepath.Base(path)
	sweep(t.root, ".", func(name string) bool { return strings.HasPrefix(name, "."+base+".part") })
	if t.temp, t.part, err = createPart(t.root, base); err != nil {
		return nil, localFailure(t.place, err)
	}
	if err = t.begin(); err != nil {
		return nil, err
	}
	return t, nil
}

// begin writes the first file and leaves room for the index, as the first two files tell a package from other tars without reading on.
func (t *fileTarget) begin() error {
	if err := t.writeMember(0, ocispec.ImageLayoutFile, []byte(layoutFile)); err != nil {
		return err
	}
	old := int64(0)
	if t.old != nil {
		old = t.old.table[ocispec.ImageIndexFile].size
	}
	t.room = roundUp(old + indexRoom)
	t.end = t.indexAt() + block + t.room
	return nil
}

// indexAt is where the header of index.json stands: after oci-layout, which fits in one block.
func (t *fileTarget) indexAt() int64 { return 2 * block }

// writeMember writes a small file with its header at a place in the file.
func (t *fileTarget) writeMember(at int64, name string, data []byte) error {
	header, err := tarHeader(name, int64(len(data)))
	if err != nil {
		return err
	}
	filled := make([]byte, block+roundUp(int64(len(data))))
	copy(filled, header)
	copy(filled[block:], data)
	if _, err := t.temp.WriteAt(filled, at); err != nil {
		return localFailure(t.place, err)
	}
	return nil
}

// tarHeader is the header of a file in a tar. It says nothing that differs from one computer to the next.
func tarHeader(name string, size int64) ([]byte, error) {
	var header bytes.Buffer
	err := tar.NewWriter(&header).WriteHeader(&tar.Header{
		Typeflag: tar.TypeReg, Name: name, Size: size, Mode: 0o644, ModTime: time.Unix(0, 0), Format: tar.FormatUSTAR,
	})
	return header.Bytes(), err
}

func roundUp(n int64) int64 { return (n + block - 1) / block * block }

// Manifest implements Target.
func (t *fileTarget) Manifest(ctx context.Context, tag string) ([]byte, error) {
	blob, err := tagged(t.place, t.found, tag)
	if err != nil {
		return nil, err
	}
	return readBlob(ctx, t.old, t.place, blob)
}

// Open implements Target.
func (t *fileTarget) Open(ctx context.Context, blob ocispec.Descriptor, offset, length int64) (io.ReadCloser, error) {
	s, err := blobSpan(t.place, blob, offset, length)
	if err != nil {
		return nil, err
	}
	name := blobName(blob.Digest)
	if m, ok := t.written(name); ok && m.size == s.size {
		return readAt(ctx, t.place, t.temp, m.offset+s.offset, s.length, nil), nil
	}
	if t.old == nil {
		return nil, missing(t.place, name)
	}
	return t.old.open(ctx, name, s)
}

func (t *fileTarget) written(name string) (member, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	m, ok := t.table[name]
	return m, ok
}

// Has implements Target. What the old file holds counts: Finish takes it over.
func (t *fileTarget) Has(_ context.Context, blob ocispec.Descriptor) (bool, error) {
	if err := checkBlob(t.place, blob); err != nil {
		return false, err
	}
	name := blobName(blob.Digest)
	if m, ok := t.written(name); ok {
		return m.size == blob.Size, nil
	}
	if t.old == nil {
		return false, nil
	}
	m, ok := t.old.table[name]
	return ok && m.size == blob.Size, nil
}

// Put implements Target. One blob is written at a time.
func (t *fileTarget) Put(ctx context.Context, blob ocispec.Descriptor, data io.Reader) error {
	held, err := t.Has(ctx, blob)
	if err != nil || held {
		return err
	}
	return t.add(ctx, blob, data)
}

// add writes a blob behind what is there. What fails leaves bytes behind the end, which the next one overwrites.
func (t *fileTarget) add(ctx context.Context, blob ocispec.Descriptor, data io.Reader) error {
	t.writing.Lock()
	defer t.writing.Unlock()
	name := blobName(blob.Digest)
	if _, ok := t.written(name); ok { // by another goroutine meanwhile
		return nil
	}
	if t.closed || t.part == "" {
		return fs.ErrClosed
	}
	header, err := tarHeader(name, blob.Size)
	if err != nil {
		return err
	}
	if _, err := t.temp.WriteAt(header, t.end); err != nil {
		return localFailure(t.place, err)
	}
	start := t.end + block
	if err := pour(ctx, t.place, io.NewOffsetWriter(t.temp, start), blob, data); err != nil {
		return err
	}
	// What an earlier, longer one left must not fill it up.
	if _, err := t.temp.WriteAt(make([]byte, roundUp(blob.Size)-blob.Size), start+blob.Size); err != nil {
		return localFailure(t.place, err)
	}
	t.mu.Lock()
	t.table[name] = member{offset: start, size: blob.Size}
	t.mu.Unlock()
	t.end = start + roundUp(blob.Size)
	return nil
}

// Finish implements Target. It may be called once.
func (t *fileTarget) Finish(ctx context.Context, manifest []byte, tags ...string) error {
	if t.closed || t.part == "" {
		return fs.ErrClosed
	}
	if err := checkFinish(t.place, t.kind, manifest, tags); err != nil {
		return err
	}
	m, err := readOutline(t.place, t.kind, manifest)
	if err != nil {
		return err
	}
	entry := manifestEntry(manifest)
	index := addToIndex(t.index, entry, tags)
	for _, blob := range m.blobs() {
		if err := t.takeOver(ctx, blob); err != nil {
			return err
		}
	}
	for _, other := range index.Manifests {
		if other.Digest != entry.Digest {
			if err := t.takeOverPackage(ctx, other); err != nil {
				return err
			}
		}
	}
	if err := t.add(ctx, entry, bytes.NewReader(manifest)); err != nil {
		return err
	}
	data, err := encodeIndex(t.place, index)
	if err != nil {
		return err
	}
	if int64(len(data)) > t.room {
		return fail(ErrNotFound, t.place, "Write it with fewer tags.", "has no room for so many tags at once")
	}
	data = append(data, bytes.Repeat([]byte{' '}, int(t.room)-len(data))...) // blanks after it mean nothing
	if err := t.writeMember(t.indexAt(), ocispec.ImageIndexFile, data); err != nil {
		return err
	}
	return t.replace()
}

// takeOver copies a blob from the old file.
func (t *fileTarget) takeOver(ctx context.Context, blob ocispec.Descriptor) error {
	name := blobName(blob.Digest)
	if m, ok := t.written(name); ok && m.size == blob.Size {
		return nil
	}
	held, err := t.Has(ctx, blob)
	if err != nil {
		return err
	}
	if !held {
		return missing(t.place, name)
	}
	data, err := t.old.open(ctx, name, span{size: blob.Size, length: blob.Size})
	if err != nil {
		return err
	}
	defer data.Close()
	return t.add(ctx, blob, data)
}

// takeOverPackage copies a package that stays, with all that belongs to it.
func (t *fileTarget) takeOverPackage(ctx context.Context, blob ocispec.Descriptor) error {
	if blob.MediaType != ocispec.MediaTypeImageManifest || blob.ArtifactType != "" && blob.ArtifactType != t.kind {
		return fail(ErrNoPackage, t.place, "Write to a new file.", "holds other things than a %s, which would be lost", noun(t.kind))
	}
	if err := checkManifestBlob(t.place, blob); err != nil {
		return err
	}
	manifest, err := readBlob(ctx, t.old, t.place, blob)
	if err != nil {
		return err
	}
	m, err := readOutline(t.place, t.kind, manifest)
	if err != nil {
		return err
	}
	for _, part := range append(m.blobs(), blob) {
		if err := t.takeOver(ctx, part); err != nil {
			return err
		}
	}
	return nil
}

// replace ends the new file and puts it in the place of the old one.
func (t *fileTarget) replace() error {
	t.writing.Lock()
	defer t.writing.Unlock()
	// Two blocks of zeros end a tar.
	err := t.temp.Truncate(t.end)
	if err == nil {
		err = t.temp.Truncate(t.end + 2*block)
	}
	if err == nil {
		err = t.temp.Sync()
	}
	if err != nil {
		return localFailure(t.place, err)
	}
	if now, err := os.Stat(t.path); t.changed(now, err) {
		return fail(ErrBusy, t.place, "Try again: then what is there now is kept.", "was changed by another program meanwhile")
	}
	if err := t.root.Rename(t.part, filepath.Base(t.path)); err != nil {
		return localFailure(t.place, err)
	}
	t.part = ""
	if err := atomicfile.SyncDir(filepath.Dir(t.path)); err != nil {
		return localFailure(t.place, err)
	}
	return nil
}

// changed reports whether what is at the path now is something else than what was there at first.
func (t *fileTarget) changed(now fs.FileInfo, err error) bool {
	if t.oldInfo == nil {
		return !errors.Is(err, fs.ErrNotExist)
	}
	return err != nil || !os.SameFile(now, t.oldInfo) || !now.ModTime().Equal(t.oldInfo.ModTime()) || now.Size() != t.oldInfo.Size()
}

// Name implements Target.
func (t *fileTarget) Name() string { return t.place }

// Close implements Target.
func (t *fileTarget) Close() error {
	t.writing.Lock()
	defer t.writing.Unlock()
	if t.closed {
		return nil
	}
	t.closed = true
	var errs []error
	if t.temp != nil {
		if t.part != "" {
			errs = append(errs, t.root.Remove(t.part))
		}
		errs = append(errs, t.temp.Close())
	}
	if t.old != nil {
		errs = append(errs, t.old.close())
	}
	if t.root != nil {
		errs = append(errs, t.root.Close())
	}
	return errors.Join(errs...)
}
