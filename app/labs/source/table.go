package source

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"io"
	"path"
	"regexp"
	"strings"

	"guesthouse/vmconfig"
)

// maxMembers is how many files and folders a .lab file may have: a manifest has at most 20 000 layers, and most packages hold one manifest.
const maxMembers = 32768

// memberPattern is what a file in a .lab file may be called.
var memberPattern = regexp.MustCompile(`^(oci-layout|index\.json|blobs/sha256/[0-9a-f]{64})$`)

// member is where a file's bytes lie in a .lab file.
type member struct{ offset, size int64 }

// storage is the bytes of a .lab file, wherever it lies.
type storage interface {
	// part reads length bytes from offset on, both of which are inside.
	part(ctx context.Context, offset, length int64) (io.ReadCloser, error)
	// retry reads something small, several times where that may help.
	retry(ctx context.Context, read func() ([]byte, error)) ([]byte, error)
	size() int64
	close() error
}

// readTable reads the headers of a .lab file, and nothing between them. Whatever is unusual in one is refused: what cannot be said cannot deceive.
func readTable(ctx context.Context, place string, data storage) (map[string]member, error) {
	refuse := func(reason string, args ...any) (map[string]member, error) {
		return nil, fail(ErrNoPackage, place, "", reason, args...)
	}
	reader := &headers{ctx: ctx, data: data}
	if err := refuseOther(place, reader); err != nil {
		return nil, err
	}
	archive := tar.NewReader(reader)
	table := map[string]member{}
	for count := 0; ; count++ {
		header, err := archive.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, reader.failure(place, err, len(table) == 0)
		}
		if count >= maxMembers {
			return refuse("has more than %d files in it, which no lab has", maxMembers)
		}
		name := path.Clean(strings.TrimPrefix(header.Name, "./"))
		shown := vmconfig.Inert(header.Name, 120)
		switch {
		case !path.IsAbs(header.Name) && header.Typeflag == tar.TypeDir && (name == "." || name == "blobs" || name == "blobs/sha256"):
			continue
		case path.IsAbs(header.Name) || strings.HasPrefix(name, ".."):
			return refuse("names a file outside the package: %q", shown)
		case header.Typeflag != tar.TypeReg:
			return refuse("has something in it that is no ordinary file: %q", shown)
		case sparse(header):
			return refuse("has a file with holes in it: %q. Pack it again without them", shown)
		case !memberPattern.MatchString(name):
			return refuse("has a file in it that belongs to no package: %q", shown)
		}
		if _, twice := table[name]; twice {
			return refuse("has a file twice: %q", shown)
		}
		if header.Size < 0 || header.Size > data.size()-reader.at {
			return nil, cutShort(place)
		}
		table[name] = member{offset: reader.at, size: header.Size}
	}
	if reader.ended { // the archive has no end of its own
		return nil, cutShort(place)
	}
	return table, nil
}

// sparse reports whether a member says that its bytes are not simply there, in one of the ways in which tar can say so.
func sparse(header *tar.Header) bool {
	for key := range header.PAXRecords {
		if strings.HasPrefix(key, "GNU.sparse.") {
			return true
		}
	}
	return header.Typeflag == tar.TypeGNUSparse
}

func cutShort(place string) *failure {
	return fail(ErrDamaged, place, "Fetch it again from where it came from.", "is cut short")
}

// others are the beginnings of files that people take for a .lab file.
var others = []struct{ magic, what string }{
	{"\x1f\x8b", "is packed with gzip. Unpack it first"},
	{"BZh", "is packed with bzip2. Unpack it first"},
	{"\xfd7zXZ\x00", "is packed with xz. Unpack it first"},
	{"\x28\xb5\x2f\xfd", "is packed with zstd. Unpack it first"},
	{"PK\x03\x04", "is a zip file. Unpack it, and use the folder"},
	{"7z\xbc\xaf\x27\x1c", "is a 7z file. Unpack it, and use the folder"},
	{"QFI\xfb", "is a disk image and no package of a lab"},
}

// refuseOther says what a file is that is no tar.
func refuseOther(place string, reader *headers) error {
	if reader.data.size() == 0 {
		return fail(ErrNoPackage, place, "", "is empty")
	}
	begin := make([]byte, min(512, reader.data.size()))
	if _, err := io.ReadFull(reader, begin); err != nil {
		return reader.failure(place, err, true)
	}
	reader.at = 0
	for _, other := range others {
		if bytes.HasPrefix(begin, []byte(other.magic)) {
			return fail(ErrNoPackage, place, "", "%s", other.what)
		}
	}
	if looksLikePage(begin) {
		return webPage(place)
	}
	return nil
}

// headers reads a .lab file in the small steps in which its headers lie. What it skips it does not read.
type headers struct {
	ctx    context.Context
	data   storage
	at     int64
	window []byte // bytes from begin on
	begin  int64
	ended  bool  // somebody read where nothing is any more
	err    error // of the storage
}

const headerWindow = 4096 // bytes that are read at once: a header, and what is beside it

// Read implements io.Reader.
func (h *headers) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	if h.at >= h.data.size() {
		h.ended = true
		return 0, io.EOF
	}
	if h.at < h.begin || h.at >= h.begin+int64(len(h.window)) {
		if err := h.load(); err != nil {
			h.err = err
			return 0, err
		}
	}
	n := copy(p, h.window[h.at-h.begin:])
	h.at += int64(n)
	return n, nil
}

func (h *headers) load() error {
	if h.ctx.Err() != nil {
		return stopped(h.ctx, "the package")
	}
	length := min(headerWindow, h.data.size()-h.at)
	window, err := h.data.retry(h.ctx, func() ([]byte, error) {
		body, err := h.data.part(h.ctx, h.at, length)
		if err != nil {
			return nil, err
		}
		defer body.Close()
		return io.ReadAll(body)
	})
	if err == nil {
		h.begin, h.window = h.at, window
	}
	return err
}

// Seek implements io.Seeker, as archive/tar skips with it. It may go where nothing is; reading tells.
func (h *headers) Seek(offset int64, whence int) (int64, error) {
	if whence != io.SeekCurrent || offset < 0 || h.at+offset < h.at {
		return 0, errors.New("headers are read forward")
	}
	h.at += offset
	return h.at, nil
}

// failure is what an error of archive/tar means; none is whether no file was found before it.
func (h *headers) failure(place string, err error, none bool) error {
	switch {
	case h.err != nil:
		return h.err
	case none:
		return fail(ErrNoPackage, place, "", "is no package of a lab").because(err)
	case h.ended || errors.Is(err, io.ErrUnexpectedEOF):
		return cutShort(place).because(err)
	}
	return fail(ErrDamaged, place, "Fetch it again from where it came from.", "is damaged: a header in it makes no sense").because(err)
}
