package source

import (
	"bytes"
	"context"
	"errors"
	"io"
	"testing"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// memory is a .lab file in memory.
type memory []byte

func (m memory) part(ctx context.Context, offset, length int64) (io.ReadCloser, error) {
	if offset < 0 || length < 0 || offset+length > int64(len(m)) {
		return nil, errors.New("read outside the file")
	}
	return readAt(ctx, "memory", bytes.NewReader(m), offset, length, nil), nil
}

func (memory) retry(_ context.Context, read func() ([]byte, error)) ([]byte, error) { return read() }

func (m memory) size() int64 { return int64(len(m)) }
func (memory) close() error  { return nil }

// FuzzTable reads tables of .lab files: never a panic, and no file that lies where nothing or another one is.
func FuzzTable(f *testing.F) {
	l := makeLab(f, 1)
	good := tarOf(f, l.tarMembers(f)...)
	f.Add(good)
	f.Add(good[:len(good)-1024])
	f.Add(append(header("oci-layout", "\x80\x00\x00\x00\x7f\xff\xff\xff\xff\xff\xff\xff", '0'), make([]byte, 1024)...))
	f.Add(append(header("x", "00000000010\x00", 'x'), "8 path=a\n"...))
	f.Add(append(header("x", "00000000010\x00", 'L'), make([]byte, 2048)...))
	f.Fuzz(func(t *testing.T, data []byte) {
		data = bytes.Clone(data)
		for at := 0; at+512 <= len(data); at += 512 { // else hardly anything comes past the sums
			if bytes.HasPrefix(data[at+257:], []byte("ustar")) {
				sumUp(data[at : at+512])
			}
		}
		table, err := readTable(t.Context(), "memory", memory(data))
		if err != nil {
			if !errors.Is(err, ErrNoPackage) && !errors.Is(err, ErrDamaged) {
				t.Errorf("%v", err)
			}
			return
		}
		for name, m := range table {
			if !memberPattern.MatchString(name) || m.offset < 512 || m.size < 0 || m.offset+m.size > int64(len(data)) {
				t.Errorf("%s lies at %d, %d bytes", name, m.offset, m.size)
			}
			for other, o := range table {
				if other != name && m.offset < o.offset+o.size && o.offset < m.offset+m.size {
					t.Errorf("%s and %s overlap", name, other)
				}
			}
		}
	})
}

// FuzzIndex reads index.json: never a panic, and nothing that a path could be made of wrongly.
func FuzzIndex(f *testing.F) {
	l := makeLab(f, 1)
	f.Add(l.index(f))
	f.Add([]byte(`{"schemaVersion":2,"manifests":[{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"sha256:../x","size":-1}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		index, found, err := parseIndex("memory", ArtifactType, data)
		if err != nil {
			return
		}
		for _, c := range found {
			if blob := blobName(c.blob.Digest); !memberPattern.MatchString(blob) || c.blob.Size < 0 || c.blob.Size > MaxManifest || (c.tag != "" && !tagPattern.MatchString(c.tag)) {
				t.Errorf("%s: %+v", blob, c)
			}
		}
		look := func(ocispec.Descriptor) ([]byte, error) {
			return []byte(`{"annotations":{"org.opencontainers.image.version":"2"}}`), nil
		}
		if blob, err := choose("memory", ArtifactType, found, Ref{}, look); err == nil && !memberPattern.MatchString(blobName(blob.Digest)) {
			t.Errorf("%+v", blob)
		}
		// What is written back is read again.
		entry := manifestEntry(l.manifest)
		again, err := encodeIndex("memory", addToIndex(index, entry, []string{"new"}))
		if err != nil {
			return
		}
		_, found, err = parseIndex("memory", ArtifactType, again)
		if err != nil {
			t.Fatalf("%v of %s", err, again)
		}
		if blob, err := tagged("memory", found, "new"); err != nil || blob.Digest != entry.Digest {
			t.Errorf("%v, %v", blob, err)
		}
	})
}
