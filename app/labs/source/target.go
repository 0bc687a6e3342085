package source

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"time"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"golang.org/x/sys/unix"

	"guesthouse/app/atomicfile"
)

// layoutFile is the content of oci-layout.
const layoutFile = `{"imageLayoutVersion":"` + ocispec.ImageLayoutVersion + `"}`

// checkFinish refuses what must not be written anywhere.
func checkFinish(place, kind string, manifest []byte, tags []string) error {
	if len(manifest) > MaxManifest {
		return fail(ErrDamaged, place, "", "was given a manifest of more than %d bytes", MaxManifest)
	}
	m, err := readOutline(place, kind, manifest)
	if err != nil {
		return err
	}
	for _, blob := range m.blobs() {
		if err := checkBlob(place, blob); err != nil {
			return err
		}
	}
	for _, tag := range tags {
		if _, err := parseTag(tag, tag); err != nil {
			return err
		}
	}
	return nil
}

// manifestEntry is the descriptor of a manifest, which was checked, as an index.json has it.
func manifestEntry(manifest []byte) ocispec.Descriptor {
	blob := describe(ocispec.MediaTypeImageManifest, manifest)
	var m outline
	if json.Unmarshal(manifest, &m) == nil {
		blob.ArtifactType = m.ArtifactType
	}
	if version := statedVersion(manifest); version != "" {
		blob.Annotations = map[string]string{ocispec.AnnotationVersion: version}
	}
	return blob
}

// encodeIndex is the content of an index.json.
func encodeIndex(place string, index ocispec.Index) ([]byte, error) {
	data, err := json.Marshal(index)
	if err == nil && (len(data) > MaxIndex || len(index.Manifests) > maxManifests) {
		return nil, fail(ErrNotFound, place, "Write to a new one.", "holds too many packages already")
	}
	return data, err
}

// tagged finds the manifest that has a tag.
func tagged(place string, found []candidate, tag string) (ocispec.Descriptor, error) {
	if _, err := parseTag(tag, tag); err != nil {
		return ocispec.Descriptor{}, err
	}
	for _, c := range found {
		if c.tag == tag {
			return c.blob, nil
		}
	}
	return ocispec.Descriptor{}, fail(ErrNotFound, place, "", "holds no package %s", tag)
}

// cancellable ends with the context's error when ctx ends.
type cancellable struct {
	io.Reader
	ctx   context.Context
	place string
}

// Read implements io.Reader.
func (c *cancellable) Read(p []byte) (int, error) {
	if c.ctx.Err() != nil {
		return 0, stopped(c.ctx, c.place)
	}
	return c.Reader.Read(p)
}

// pour writes a blob and checks it. An error of data is returned as it is.
func pour(ctx context.Context, place string, to io.Writer, blob ocispec.Descriptor, data io.Reader) error {
	body := newChecked(place, blob, &cancellable{Reader: data, ctx: ctx, place: place})
	if _, err := io.CopyBuffer(struct{ io.Writer }{to}, body, make([]byte, 1<<20)); err != nil {
		if body.bad != nil {
			return body.bad
		}
		return localFailure(place, err)
	}
	return nil
}

// sweep removes files in a folder that writers left unfinished. A writer that is alive holds a lock on its own.
func sweep(root *os.Root, dir string, ours func(name string) bool) {
	folder, err := root.Open(dir)
	if err != nil {
		return
	}
	defer folder.Close()
	entries, _ := folder.ReadDir(maxMembers)
	for _, entry := range entries {
		// A writer needs a moment between making a file and locking it.
		info, err := entry.Info()
		if err != nil || !entry.Type().IsRegular() || !atomicfile.Unfinished(entry.Name()) || !ours(entry.Name()) || time.Since(info.ModTime()) < time.Minute {
			continue
		}
		name := path.Join(dir, entry.Name())
		file, err := root.OpenFile(name, os.O_RDONLY|unix.O_NONBLOCK, 0)
		if err != nil {
			continue
		}
		if unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB) == nil {
			_ = root.Remove(name)
		}
		file.Close()
	}
}

// createPart makes a file that is to get the name of path in the same folder, and locks it for sweep.
func createPart(root *os.Root, name string) (*os.File, string, error) {
	for range 100 {
		part := path.Join(path.Dir(name), "."+path.Base(name)+".part"+rand.Text()[:12])
		file, err := root.OpenFile(part, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o644)
		if err == nil {
			_ = unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB) // some file systems have none; then sweep does nothing either
			return file, part, nil
		}
		if !os.IsExist(err) {
			return nil, "", err
		}
	}
	return nil, "", fs.ErrExist
}

// syncDir makes the names in a folder of root last over a power failure.
func syncDir(root *os.Root, dir string) error {
	folder, err := root.Open(dir)
	if err != nil {
		return err
	}
	defer folder.Close()
	if err := folder.Sync(); err != nil && !errors.Is(err, unix.EINVAL) { // some network file systems cannot
		return err
	}
	return nil
}
