package source

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"guesthouse/vmconfig"
)

// Options say how a place is opened. The zero value is right for most.
type Options struct {
	// Tag chooses a package where the reference names none. OpenTarget does not look at it.
	Tag string
	// Type is the artifact type of the packages that are meant, ArtifactType or SubmissionType; others that lie there are not seen. Empty: ArtifactType.
	Type string
	// PlainHTTP allows what others on the network can read and change: a registry without TLS, and a password over http. On loopback addresses plain http
	// is always used for a registry.
	PlainHTTP bool
	// User and Password are for a web server or a registry. Without them, those in a web address are taken, and for a registry those of the user's
	// Docker configuration.
	User, Password string
	// Stall is for how long nothing may come from the network before it is given up; 0 is 30 seconds. How long the whole takes is not limited.
	Stall time.Duration

	transport *http.Transport     // tests only
	pause     func(time.Duration) // tests only
}

// kind is the artifact type that is meant.
func (o Options) kind() string { return cmp.Or(o.Type, ArtifactType) }

const defaultStall = 30 * time.Second

func (o Options) stall() time.Duration {
	if o.Stall > 0 {
		return o.Stall
	}
	return defaultStall
}

// OpenSource opens the package that a reference names, and reads its manifest. Where the reference and the options choose none of several packages, it is
// the one whose manifest states the highest version (annotation org.opencontainers.image.version); if several state the same, the error wraps ErrNotFound and
// names their tags. A KindName is an error: only the library knows it. Close the source.
func OpenSource(ctx context.Context, ref Ref, o Options) (Source, error) {
	if ref.Tag == "" && ref.Digest == "" {
		ref.Tag = o.Tag
	}
	switch ref.Kind {
	case KindFolder, KindFile:
		files, place, err := openPath(ctx, ref.Location)
		if err != nil {
			return nil, err
		}
		return newLayout(ctx, files, place, o.kind(), ref)
	case KindWeb:
		files, place, err := openShare(ctx, ref, o)
		if err != nil {
			return nil, err
		}
		return newLayout(ctx, files, place, o.kind(), ref)
	case KindRegistry:
		return openRegistry(ctx, ref, o)
	}
	return nil, fmt.Errorf("%q is a name in the library and no place that a package can be read from", ref.String())
}

// OpenTarget opens a place to write a package to. A folder or .lab file is made when it is missing, in a folder that is there; one that holds a package keeps it
// until Finish adds the new one. A web share cannot be written: the error says so. The reference's tag and digest are not looked at. Close the target.
func OpenTarget(ctx context.Context, ref Ref, o Options) (Target, error) {
	switch ref.Kind {
	case KindFolder, KindFile:
		path, err := filepath.Abs(ref.Location)
		if err != nil {
			return nil, err
		}
		info, err := os.Stat(path)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, localFailure(shownPath(path), err)
		}
		// What is there counts more than how it is called.
		if (err == nil && info.IsDir()) || (err != nil && ref.Kind == KindFolder) {
			return openFolderTarget(ctx, path, o.kind())
		}
		if err == nil { // a link stays, and what it leads to is replaced
			if path, err = filepath.EvalSymlinks(path); err != nil {
				return nil, localFailure(shownPath(path), err)
			}
		}
		return openFileTarget(ctx, path, o.kind())
	case KindWeb:
		return nil, fmt.Errorf("%s is on a web server, which can only be read: write the package to a folder and copy that to the server", ref.String())
	case KindRegistry:
		return openRegistryTarget(ref, o)
	}
	return nil, fmt.Errorf("%q is a name in the library and no place that a package can be written to", ref.String())
}

// openPath opens the folder or .lab file at a path, whichever is there.
func openPath(ctx context.Context, path string) (members, string, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, "", err
	}
	place := shownPath(path)
	info, err := os.Stat(path)
	if err != nil {
		return nil, "", localFailure(place, err)
	}
	if info.IsDir() {
		files, err := openFolder(path, place)
		return files, place, err
	}
	files, err := openFile(ctx, path, place)
	return files, place, err
}

// shownPath is a path, or another text from outside, for the user.
func shownPath(path string) string { return vmconfig.Inert(path, 300) }
