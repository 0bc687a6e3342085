package source

import (
	"context"
	"encoding/json"
	"io"
	"slices"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// members are the files of an OCI image layout, wherever it lies.
type members interface {
	// open opens a file by its path in the layout. Of a file whose size is not known (span.size < 0) the reader gives all, but no more than
	// span.length bytes; else exactly what the span says. The error wraps ErrNotFound where there is none.
	open(ctx context.Context, name string, s span) (io.ReadCloser, error)
	// retry reads something small, several times where that may help: from the network, not from a disk.
	retry(ctx context.Context, read func() ([]byte, error)) ([]byte, error)
	close() error
}

// layout is the package that one manifest names in an OCI image layout.
type layout struct {
	files    members
	place    string
	manifest []byte
}

// newLayout reads what says which packages are there, and the manifest of the one that is meant. It closes files where that fails.
func newLayout(ctx context.Context, files members, place, kind string, ref Ref) (Source, error) {
	manifest, err := readLayout(ctx, files, place, kind, ref)
	if err != nil {
		_ = files.close()
		return nil, err
	}
	return &layout{files: files, place: place, manifest: manifest}, nil
}

func readLayout(ctx context.Context, files members, place, kind string, ref Ref) ([]byte, error) {
	_, found, err := readIndex(ctx, files, place, kind)
	if err != nil {
		return nil, err
	}
	look := func(blob ocispec.Descriptor) ([]byte, error) { return readBlob(ctx, files, place, blob) }
	blob, err := choose(place, kind, found, ref, look)
	if err != nil {
		return nil, err
	}
	manifest, err := look(blob)
	if err != nil {
		return nil, err
	}
	_, err = readOutline(place, kind, manifest)
	return manifest, err
}

// readIndex reads the two files that every layout has.
func readIndex(ctx context.Context, files members, place, kind string) (ocispec.Index, []candidate, error) {
	data, err := readSmall(ctx, files, place, ocispec.ImageLayoutFile, 4096)
	if err != nil {
		return ocispec.Index{}, nil, err
	}
	var head ocispec.ImageLayout
	if json.Unmarshal(data, &head) != nil || head.Version != ocispec.ImageLayoutVersion {
		return ocispec.Index{}, nil, fail(ErrNoPackage, place, "", "is no package, or one of a kind that this version does not know: its oci-layout is not version %s", ocispec.ImageLayoutVersion)
	}
	if data, err = readSmall(ctx, files, place, ocispec.ImageIndexFile, MaxIndex); err != nil {
		return ocispec.Index{}, nil, err
	}
	return parseIndex(place, kind, data)
}

// Manifest implements Source.
func (l *layout) Manifest(context.Context) ([]byte, error) { return slices.Clone(l.manifest), nil }

// Open implements Source.
func (l *layout) Open(ctx context.Context, blob ocispec.Descriptor, offset, length int64) (io.ReadCloser, error) {
	return openBlob(ctx, l.files, l.place, blob, offset, length)
}

// Name implements Source.
func (l *layout) Name() string { return l.place }

// Close implements Source.
func (l *layout) Close() error { return l.files.close() }

// openBlob opens a part of a blob of a layout.
func openBlob(ctx context.Context, files members, place string, blob ocispec.Descriptor, offset, length int64) (io.ReadCloser, error) {
	s, err := blobSpan(place, blob, offset, length)
	if err != nil {
		return nil, err
	}
	if ctx.Err() != nil {
		return nil, stopped(ctx, place)
	}
	return files.open(ctx, blobName(blob.Digest), s)
}
