package source

import (
	"context"
	"io"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// Source is one package in a place that it is read from. OpenSource makes it. Its methods may be called from several goroutines at once, and wait for
// the disk or the network. Errors wrap one of the sentinels of this package, or the context's error.
type Source interface {
	// Manifest returns the bytes of the manifest that the reference names (at most MaxManifest), checked against its descriptor. Asked again, it
	// returns the same bytes.
	Manifest(ctx context.Context) ([]byte, error)
	// Open reads a blob from offset (in bytes) to its end, or for length bytes (length < 0: to the end). The descriptor's digest and size are what the
	// place is asked for; a place that holds another size is refused with ErrDamaged, but only the caller, who checks the digest of what it reads,
	// learns whether the bytes are the right ones. A range that is not inside the blob is a mistake of the caller and an error. The reader ends
	// with ErrDamaged where the bytes end early, with ErrUnreachable where the network breaks off or goes silent or a drive is removed, and with the
	// context's error when ctx ends; it returns as many bytes as were asked for, or an error. Close it; that may be done before its end.
	Open(ctx context.Context, blob ocispec.Descriptor, offset, length int64) (io.ReadCloser, error)
	// Name is the place in words for the user, without a password, and inert (vmconfig.Inert).
	Name() string
	// Close gives back what the source holds open. A reader that Open returned and that is still open may end with an error.
	Close() error
}

// Target is a place that a package is written to. OpenTarget makes it. A package appears there with Finish, and not before; what Put wrote may be
// used by a later try. Manifest, Open, Has, Put and Name may be called from several goroutines at once; Finish and Close only when no other call is
// under way. Errors wrap one of the sentinels of this package, or the context's error, or are those of the file system.
type Target interface {
	// Manifest returns the bytes of the manifest that the place holds under a tag (at most MaxManifest), checked against its descriptor. The error wraps
	// ErrNotFound if there is none.
	Manifest(ctx context.Context, tag string) ([]byte, error)
	// Open reads a blob that the place holds, as Source.Open does.
	Open(ctx context.Context, blob ocispec.Descriptor, offset, length int64) (io.ReadCloser, error)
	// Has reports whether the place holds a blob of that digest and size.
	Has(ctx context.Context, blob ocispec.Descriptor) (bool, error)
	// Put writes a blob, which is in place only when data gave exactly the bytes that the descriptor states; else the error wraps ErrDamaged. A blob
	// that is there already is not written again, and data is then not read.
	Put(ctx context.Context, blob ocispec.Descriptor, data io.Reader) error
	// Finish writes the manifest, whose blobs must all be there, and points the tags to it; other tags of the place stay as they are. When it returns, the
	// package is on the disk, or the registry has confirmed it. It is called once, or again when it has failed.
	Finish(ctx context.Context, manifest []byte, tags ...string) error
	// Name is the place in words for the user, without a password.
	Name() string
	// Close gives back what the target holds open. Without Finish before it, the place still holds what it held.
	Close() error
}
