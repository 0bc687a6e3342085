package source

import (
	"context"
	"fmt"
	"io"
	"net/url"
	"path"
	"path/filepath"

	"guesthouse/vmconfig/safefile"
)

// ReadDocument returns the bytes of a small file on this computer or a web server, at most limit. The reference is one of the kinds KindFolder and KindFile, which are both
// taken for the path of a file, and KindWeb; another kind is an error. Errors are those of OpenSource.
func ReadDocument(ctx context.Context, ref Ref, limit int64, o Options) ([]byte, error) {
	body, err := openDocument(ctx, ref, o)
	if err != nil {
		return nil, err
	}
	defer body.Close()
	data, err := io.ReadAll(io.LimitReader(body, limit+1))
	if err == nil && int64(len(data)) > limit {
		err = fail(ErrNoPackage, shownPath(ref.Location), "", "has more than %d bytes", limit)
	}
	return data, err
}

func openDocument(ctx context.Context, ref Ref, o Options) (io.ReadCloser, error) {
	place := shownPath(ref.Location)
	switch ref.Kind {
	case KindFolder, KindFile:
		file, _, err := safefile.Open(ref.Location)
		if err != nil {
			return nil, localFailure(place, err)
		}
		return file, nil
	case KindWeb:
		address, err := url.Parse(ref.Location)
		if err != nil {
			return nil, err
		}
		w := newWeb(place, o)
		auth, err := login(ref, address, o)
		if err != nil {
			return nil, err
		}
		body, err := w.fetch(ctx, address, span{size: -1, length: -1}, auth, false)
		if err != nil {
			_ = w.close()
			return nil, err
		}
		return &closing{body, w}, nil
	}
	return nil, fmt.Errorf("%q is no file and no web address", ref.String())
}

// closing closes the connections with the body.
type closing struct {
	io.ReadCloser
	web *web
}

// Close implements io.Closer.
func (c *closing) Close() error {
	err := c.ReadCloser.Close()
	_ = c.web.close()
	return err
}

// Beside returns the reference that a document means by another one, whose path is understood from the document's own place: a file or folder in the folder that holds the
// document, or below it, and nothing else of this computer or that server. Addresses, registries and names of the library stay as they are. The error is a sentence for the user.
func (r Ref) Beside(other Ref) (Ref, error) {
	if other.Kind != KindFolder && other.Kind != KindFile {
		return other, nil
	}
	if !filepath.IsLocal(other.Location) {
		return Ref{}, fmt.Errorf("%q is not in the folder of %s or below it", other.String(), shownPath(r.Location))
	}
	switch r.Kind {
	case KindFolder, KindFile:
		other.Location = filepath.Join(filepath.Dir(r.Location), other.Location)
	case KindWeb:
		address, err := url.Parse(r.Location)
		if err != nil {
			return Ref{}, err
		}
		address.Path, address.RawPath = path.Join(path.Dir(address.Path), other.Location), ""
		other.Kind, other.Location, other.user = KindWeb, address.String(), r.user
	default:
		return Ref{}, fmt.Errorf("%q is a path, and %s has no folder", other.String(), shownPath(r.Location))
	}
	return other, nil
}
