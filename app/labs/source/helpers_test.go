package source

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// lab is a package in memory.
type lab struct {
	manifest []byte
	blobs    []ocispec.Descriptor
	bytes    map[string][]byte // by digest
}

// makeLab makes a package of one version. Its packs are the same for the same seeds.
func makeLab(t testing.TB, version int, seeds ...uint64) lab {
	t.Helper()
	l := lab{bytes: map[string][]byte{}}
	add := func(kind string, data []byte) ocispec.Descriptor {
		blob := describe("application/vnd.guesthouse.lab."+kind, data)
		l.blobs = append(l.blobs, blob)
		l.bytes[blob.Digest.String()] = data
		return blob
	}
	m := ocispec.Manifest{
		Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageManifest, ArtifactType: ArtifactType,
		Config:      add("config.v1+json", fmt.Appendf(nil, `{"format":1,"version":%d}`, version)),
		Annotations: map[string]string{ocispec.AnnotationVersion: fmt.Sprint(version)},
	}
	for _, seed := range seeds {
		data := make([]byte, 100_000+seed)
		r := rand.New(rand.NewPCG(seed, 1))
		for i := range data {
			data[i] = byte(r.Uint32())
		}
		m.Layers = append(m.Layers, add("pack.v1", data))
	}
	m.Layers = append(m.Layers, add("index.v1", nil)) // even an empty one is passed on
	l.manifest = encode(t, m)
	return l
}

func encode(t testing.TB, v any) []byte {
	t.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func (l lab) reader(blob ocispec.Descriptor) io.Reader {
	return bytes.NewReader(l.bytes[blob.Digest.String()])
}

// put writes a package, and returns how many blobs were not there before.
func (l lab) put(t testing.TB, target Target, tags ...string) int {
	t.Helper()
	written := 0
	for _, blob := range l.blobs {
		held, err := target.Has(t.Context(), blob)
		if err != nil {
			t.Fatal(err)
		}
		if !held {
			written++
		}
		if err := target.Put(t.Context(), blob, l.reader(blob)); err != nil {
			t.Fatal(err)
		}
	}
	if err := target.Finish(t.Context(), l.manifest, tags...); err != nil {
		t.Fatal(err)
	}
	return written
}

// check reads a whole package, and parts of it, and compares.
func (l lab) check(t testing.TB, from interface {
	Open(context.Context, ocispec.Descriptor, int64, int64) (io.ReadCloser, error)
},
) {
	t.Helper()
	for _, blob := range l.blobs {
		want := l.bytes[blob.Digest.String()]
		for _, part := range [][2]int64{{0, -1}, {0, blob.Size}, {blob.Size / 3, blob.Size / 2}, {blob.Size, 0}, {blob.Size, -1}, {max(0, blob.Size-1), -1}, {0, min(1, blob.Size)}} {
			got, err := read(t.Context(), from, blob, part[0], part[1])
			end := part[0] + part[1]
			if part[1] < 0 {
				end = blob.Size
			}
			if err != nil || !bytes.Equal(got, want[part[0]:end]) {
				t.Errorf("%s, %v: %d bytes, %v", blob.Digest, part, len(got), err)
			}
		}
	}
}

func read(ctx context.Context, from interface {
	Open(context.Context, ocispec.Descriptor, int64, int64) (io.ReadCloser, error)
}, blob ocispec.Descriptor, offset, length int64,
) ([]byte, error) {
	body, err := from.Open(ctx, blob, offset, length)
	if err != nil {
		return nil, err
	}
	defer body.Close()
	return io.ReadAll(body)
}

// folderOf writes a package to a new folder.
func (l lab) folderOf(t testing.TB, tags ...string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "package")
	target := openTo(t, dir, Options{})
	l.put(t, target, tags...)
	return dir
}

func openTo(t testing.TB, ref string, o Options) Target {
	t.Helper()
	target, err := OpenTarget(t.Context(), parsed(t, ref), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = target.Close() })
	return target
}

func openFrom(t testing.TB, ref string, o Options) Source {
	t.Helper()
	from, err := OpenSource(t.Context(), parsed(t, ref), quick(o))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = from.Close() })
	return from
}

// quick are options for tests: nothing waits before it tries again.
func quick(o Options) Options {
	if o.pause == nil {
		o.pause = func(time.Duration) {}
	}
	return o
}

func parsed(t testing.TB, ref string) Ref {
	t.Helper()
	r, err := Parse(ref)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func sameManifest(t testing.TB, from Source, want lab) {
	t.Helper()
	if got, err := from.Manifest(t.Context()); err != nil || !bytes.Equal(got, want.manifest) {
		t.Errorf("%s: manifest %s, %v", from.Name(), got, err)
	}
}

// refused checks that an error is of a kind, and a sentence.
func refused(t testing.TB, what string, err, kind error) {
	t.Helper()
	if !errors.Is(err, kind) {
		t.Errorf("%s: %v; want %v", what, err, kind)
		return
	}
	if text := err.Error(); len(text) > 1000 || strings.ContainsAny(text, "\n\x1b\x00") || strings.Contains(text, "%!") {
		t.Errorf("%s: no good sentence: %q", what, text)
	}
}

// tarMember is a member of a tar that a test writes.
type tarMember struct {
	tar.Header
	data []byte
}

// tarOf writes a tar of members, with their sizes filled in where they have none.
func tarOf(t testing.TB, members ...tarMember) []byte {
	t.Helper()
	var buffer bytes.Buffer
	w := tar.NewWriter(&buffer)
	for _, m := range members {
		m.Size = int64(len(m.data))
		if err := w.WriteHeader(&m.Header); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(m.data); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return buffer.Bytes()
}

func plain(name string, data []byte) tarMember {
	return tarMember{tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o644}, data}
}

// tarMembers are the members of a good package.
func (l lab) tarMembers(t testing.TB) []tarMember {
	t.Helper()
	members := []tarMember{plain("oci-layout", []byte(layoutFile)), plain("index.json", l.index(t))}
	for _, blob := range append(l.blobs, describe("", l.manifest)) {
		data, ok := l.bytes[blob.Digest.String()]
		if !ok {
			data = l.manifest
		}
		members = append(members, plain(blobName(blob.Digest), data))
	}
	return members
}

func (l lab) index(t testing.TB) []byte {
	t.Helper()
	return encode(t, addToIndex(ocispec.Index{}, manifestEntry(l.manifest), []string{"latest"}))
}

func writeFile(t testing.TB, data []byte, name ...string) string {
	t.Helper()
	path := filepath.Join(name...)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
