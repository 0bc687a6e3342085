package source

import (
	"context"
	"fmt"
	"hash"
	"io"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// span is the part of a file that is wanted.
type span struct {
	size   int64 // of the whole file in bytes, which must be so; -1: not known, then the whole file is wanted
	offset int64
	length int64
}

// checkBlob checks a descriptor that comes from a package, before a path or an address is made of it.
func checkBlob(place string, blob ocispec.Descriptor) error {
	if blob.Digest.Validate() != nil || blob.Digest.Algorithm() != digest.SHA256 {
		return fail(ErrDamaged, place, "", "names a blob by something other than a SHA-256 digest")
	}
	if blob.Size < 0 || blob.Size > MaxBlob {
		return fail(ErrDamaged, place, "", "names a blob of %d bytes, which no lab has", blob.Size)
	}
	return nil
}

// blobSpan checks a descriptor and the part of it that a caller wants.
func blobSpan(place string, blob ocispec.Descriptor, offset, length int64) (span, error) {
	if err := checkBlob(place, blob); err != nil {
		return span{}, err
	}
	if offset < 0 || offset > blob.Size || (length >= 0 && length > blob.Size-offset) {
		return span{}, fmt.Errorf("%d bytes from %d on were asked of a blob of %d bytes", length, offset, blob.Size)
	}
	if length < 0 {
		length = blob.Size - offset
	}
	return span{size: blob.Size, offset: offset, length: length}, nil
}

// blobName is the path of a blob in an OCI image layout. The digest was checked.
func blobName(d digest.Digest) string { return "blobs/sha256/" + d.Encoded() }

// exact reads so many bytes of what lies below, or ends with an error that says of which place.
type exact struct {
	io.ReadCloser
	ctx   context.Context
	place string
	left  int64
	wrong func(error) error // turns an error of what lies below into one of the place
}

// Read implements io.Reader.
func (e *exact) Read(p []byte) (int, error) {
	if e.left <= 0 {
		return 0, io.EOF
	}
	if err := e.ctx.Err(); err != nil {
		return 0, stopped(e.ctx, e.place)
	}
	n, err := e.ReadCloser.Read(p[:min(int64(len(p)), e.left)])
	e.left -= int64(n)
	switch {
	case err == nil || (err == io.EOF && e.left <= 0):
		return n, nil
	case err == io.EOF:
		return n, fail(ErrDamaged, e.place, "Fetch it again from where it came from.", "ends %d bytes early", e.left).because(io.ErrUnexpectedEOF)
	}
	return n, e.wrong(err)
}

// checked passes on exactly the bytes that a descriptor states, and ends with ErrDamaged when they are others.
type checked struct {
	data  io.Reader
	blob  ocispec.Descriptor
	place string
	sum   hash.Hash
	n     int64
	bad   error // what was wrong, as the writer above may hide it
}

func newChecked(place string, blob ocispec.Descriptor, data io.Reader) *checked {
	return &checked{data: data, blob: blob, place: place, sum: digest.SHA256.Hash()}
}

// Read implements io.Reader. io.EOF means that all was right.
func (c *checked) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	n, err := c.data.Read(p)
	c.n += int64(n)
	c.sum.Write(p[:n])
	if c.n == c.blob.Size && err == nil { // whether that is all is seen before the last of them are passed on
		err = c.atEnd()
	}
	switch {
	case c.n > c.blob.Size:
		err = fail(ErrDamaged, c.place, "", "was given more than the %d bytes of blob %s", c.blob.Size, c.blob.Digest)
	case c.n == c.blob.Size && digest.NewDigest(digest.SHA256, c.sum) != c.blob.Digest: // not only at the end, which not all look for
		err = fail(ErrDamaged, c.place, "", "was given other bytes than those of blob %s", c.blob.Digest)
	case err == io.EOF && c.n < c.blob.Size:
		err = fail(ErrDamaged, c.place, "", "was given %d of the %d bytes of blob %s", c.n, c.blob.Size, c.blob.Digest)
	}
	if err != nil && err != io.EOF {
		c.bad = err
		return 0, err
	}
	return n, err
}

// atEnd reads on where nothing should be any more.
func (c *checked) atEnd() error {
	extra, err := io.ReadFull(c.data, make([]byte, 1))
	c.n += int64(extra)
	return err
}

// describe is the descriptor of bytes.
func describe(mediaType string, data []byte) ocispec.Descriptor {
	return ocispec.Descriptor{MediaType: mediaType, Digest: digest.FromBytes(data), Size: int64(len(data))}
}

// readBlob reads a whole small blob and checks its digest.
func readBlob(ctx context.Context, files members, place string, blob ocispec.Descriptor) ([]byte, error) {
	s, err := blobSpan(place, blob, 0, -1)
	if err != nil {
		return nil, err
	}
	data, err := readAll(ctx, files, blobName(blob.Digest), s)
	if err != nil {
		return nil, err
	}
	if digest.FromBytes(data) != blob.Digest {
		return nil, fail(ErrDamaged, place, "Fetch it again from where it came from.", "holds a manifest that was changed or damaged: its digest is not %s", blob.Digest)
	}
	return data, nil
}

// readAll reads a whole small file into memory.
func readAll(ctx context.Context, files members, name string, s span) ([]byte, error) {
	return files.retry(ctx, func() ([]byte, error) {
		body, err := files.open(ctx, name, s)
		if err != nil {
			return nil, err
		}
		defer body.Close()
		return io.ReadAll(io.LimitReader(body, s.length))
	})
}

// readSmall reads a whole file of at most limit bytes, whose size is not known before.
func readSmall(ctx context.Context, files members, place, name string, limit int64) ([]byte, error) {
	data, err := readAll(ctx, files, name, span{size: -1, length: limit + 1})
	if err != nil {
		return nil, err
	}
	if looksLikePage(data) {
		return nil, webPage(place)
	}
	if int64(len(data)) > limit {
		return nil, fail(ErrNoPackage, place, "", "has a file %s of more than %d bytes, which no package of a lab has", name, limit)
	}
	return data, nil
}

// stopped is the error of a call whose context has ended.
func stopped(ctx context.Context, place string) error {
	return fmt.Errorf("reading or writing %s was stopped: %w", place, ctx.Err())
}
