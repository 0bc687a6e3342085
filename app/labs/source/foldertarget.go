package source

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"
	"time"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"golang.org/x/sys/unix"

	"guesthouse/app/atomicfile"
)

// lockPause is how long it takes to look again whether another writer is done.
const lockPause = 50 * time.Millisecond

// folderTarget writes an OCI image layout in a folder. Blobs that no manifest names stay: they are what a later try goes on with.
type folderTarget struct {
	*folder
	kind string // artifact type
}

// openFolderTarget opens a folder that is empty or holds a package, or makes it.
func openFolderTarget(ctx context.Context, path, kind string) (Target, error) {
	place := shownPath(path)
	if err := os.Mkdir(path, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, localFailure(place, err)
	}
	files, err := openFolder(path, place)
	if err != nil {
		return nil, err
	}
	t := &folderTarget{files, kind}
	err = t.prepare(ctx)
	if err != nil {
		_ = t.close()
		return nil, err
	}
	return t, nil
}

// prepare refuses a folder of other things, and makes the folders of the layout.
func (t *folderTarget) prepare(ctx context.Context) error {
	if err := t.onlyBlobs(); err != nil {
		// Looked at in this order, so that another writer may be at work on the same folder.
		if _, none := t.root.Lstat(ocispec.ImageLayoutFile); none != nil {
			return err
		}
		if _, _, err := t.index(ctx); err != nil {
			return err
		}
	}
	if err := t.root.MkdirAll("blobs/sha256", 0o755); err != nil {
		return t.failure("blobs/sha256", err)
	}
	for _, dir := range []string{".", "blobs/sha256"} {
		sweep(t.root, dir, func(string) bool { return true })
	}
	return nil
}

// onlyBlobs refuses a folder that has something else in it than what an interrupted try leaves.
func (t *folderTarget) onlyBlobs() error {
	folder, err := t.root.Open(".")
	if err != nil {
		return localFailure(t.place, err)
	}
	defer folder.Close()
	entries, err := folder.ReadDir(100)
	if err != nil && err != io.EOF {
		return localFailure(t.place, err)
	}
	for _, entry := range entries {
		if entry.Name() != "blobs" && !atomicfile.Unfinished(entry.Name()) {
			return fail(ErrNoPackage, t.place, "Choose an empty folder, or a new one.", "has other things in it: %s", shownPath(entry.Name()))
		}
	}
	return nil
}

// index reads which packages are there. None is no error.
func (t *folderTarget) index(ctx context.Context) (ocispec.Index, []candidate, error) {
	index, found, err := readIndex(ctx, t.folder, t.place, t.kind)
	if errors.Is(err, fs.ErrNotExist) {
		return ocispec.Index{}, nil, nil
	}
	return index, found, err
}

// Manifest implements Target.
func (t *folderTarget) Manifest(ctx context.Context, tag string) ([]byte, error) {
	_, found, err := t.index(ctx)
	if err != nil {
		return nil, err
	}
	blob, err := tagged(t.place, found, tag)
	if err != nil {
		return nil, err
	}
	return readBlob(ctx, t.folder, t.place, blob)
}

// Open implements Target.
func (t *folderTarget) Open(ctx context.Context, blob ocispec.Descriptor, offset, length int64) (io.ReadCloser, error) {
	return openBlob(ctx, t.folder, t.place, blob, offset, length)
}

// Has implements Target.
func (t *folderTarget) Has(_ context.Context, blob ocispec.Descriptor) (bool, error) {
	if err := checkBlob(t.place, blob); err != nil {
		return false, err
	}
	file, size, err := t.file(blobName(blob.Digest))
	if errors.Is(err, ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return size == blob.Size, file.Close()
}

// Put implements Target.
func (t *folderTarget) Put(ctx context.Context, blob ocispec.Descriptor, data io.Reader) error {
	held, err := t.Has(ctx, blob)
	if err != nil || held {
		return err
	}
	return t.write(ctx, blobName(blob.Digest), blob, data)
}

// write makes a file that is whole and on the disk before it has its name.
func (t *folderTarget) write(ctx context.Context, name string, blob ocispec.Descriptor, data io.Reader) error {
	file, part, err := createPart(t.root, name)
	if err != nil {
		return localFailure(t.place, err)
	}
	defer file.Close()
	if err = pour(ctx, t.place, file, blob, data); err == nil {
		if err = t.keep(file, part, name); err == nil {
			return nil
		}
	}
	_ = t.root.Remove(part)
	return err
}

// keep gives a file its name once it is on the disk.
func (t *folderTarget) keep(file *os.File, part, name string) error {
	err := file.Sync()
	if err == nil {
		err = t.root.Rename(part, name)
	}
	if err != nil {
		return localFailure(t.place, err)
	}
	return nil
}

// Finish implements Target. Other writers of the same folder wait, so that none of the tags is lost.
func (t *folderTarget) Finish(ctx context.Context, manifest []byte, tags ...string) error {
	if err := checkFinish(t.place, t.kind, manifest, tags); err != nil {
		return err
	}
	m, err := readOutline(t.place, t.kind, manifest)
	if err != nil {
		return err
	}
	for _, blob := range m.blobs() {
		held, err := t.Has(ctx, blob)
		if err != nil {
			return err
		}
		if !held {
			return missing(t.place, blobName(blob.Digest))
		}
	}
	entry := manifestEntry(manifest)
	if err := t.Put(ctx, entry, bytes.NewReader(manifest)); err != nil {
		return err
	}
	unlock, err := t.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	index, _, err := t.index(ctx)
	if err != nil {
		return err
	}
	data, err := encodeIndex(t.place, addToIndex(index, entry, tags))
	if err != nil {
		return err
	}
	// The names of the blobs are on the disk before the index that counts on them. oci-layout comes first: by it the folder is known as one of ours.
	for _, dir := range []string{"blobs/sha256", "blobs"} {
		if err := syncDir(t.root, dir); err != nil {
			return localFailure(t.place, err)
		}
	}
	for _, file := range []struct{ name, text string }{{ocispec.ImageLayoutFile, layoutFile}, {ocispec.ImageIndexFile, string(data)}} {
		blob := ocispec.Descriptor{Digest: digest.FromString(file.text), Size: int64(len(file.text))}
		if err := t.write(ctx, file.name, blob, strings.NewReader(file.text)); err != nil {
			return err
		}
	}
	if err := syncDir(t.root, "."); err != nil {
		return localFailure(t.place, err)
	}
	if err := atomicfile.SyncDir(path.Dir(t.root.Name())); err != nil && !errors.Is(err, fs.ErrPermission) {
		return localFailure(t.place, err)
	}
	return nil
}

// lock keeps other writers away. Where a file system has no locks, it does nothing.
func (t *folderTarget) lock(ctx context.Context) (unlock func(), err error) {
	folder, err := t.root.Open(".")
	if err != nil {
		return nil, localFailure(t.place, err)
	}
	for {
		err := unix.Flock(int(folder.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if err != unix.EWOULDBLOCK {
			return func() { folder.Close() }, nil
		}
		if sleep(ctx, lockPause) != nil {
			folder.Close()
			return nil, stopped(ctx, t.place)
		}
	}
}

// Name implements Target.
func (t *folderTarget) Name() string { return t.place }

// Close implements Target.
func (t *folderTarget) Close() error { return t.close() }
