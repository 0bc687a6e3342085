package labs

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"guesthouse/app/labs/source"
	"guesthouse/vmconfig/lab"
)

const mib = lab.ChunkSize

// newLibrary returns an empty library that does not wait before it asks a place again.
func newLibrary(t testing.TB) *Library {
	t.Helper()
	return libraryAt(t.TempDir())
}

func libraryAt(dir string) *Library {
	l := New(Params{Dir: filepath.Join(dir, "labs"), Keys: filepath.Join(dir, "keys")})
	l.sleep = func(ctx context.Context, d time.Duration) error {
		if d > lockPoll {
			d = 0
		}
		return sleep(ctx, d)
	}
	return l
}

// noise is random content that is the same for the same seed.
func noise(seed, length int) []byte {
	data := make([]byte, length)
	rand.New(rand.NewSource(int64(seed))).Read(data)
	return data
}

// testDisk is content of eight and a half chunks: noise, text, a hole of two, a repeated chunk, a short last one. The variant changes one chunk.
func testDisk(variant int) []byte {
	text := bytes.Repeat([]byte("some text that can be made shorter\n"), mib/35+1)[:mib]
	return slices.Concat(noise(1, mib), text, make([]byte, 2*mib), noise(2, mib), noise(1, mib), noise(3, mib), noise(100+variant, mib), noise(4, mib/2))
}

func testSpec(name string) Spec {
	return Spec{Config: lab.Config{
		Course: lab.Course{Name: "Networks 2026"}, Name: name, Title: "Routing", Language: "en", Text: "# Do it",
		Machine: lab.Machine{Arch: "x86_64", Chipset: "q35", Firmware: "uefi", CPUs: 1, MemoryMiB: 512, Video: "virtio"},
		Network: lab.Network{Mode: lab.NetworkIsolated}, Disks: []lab.Disk{{ID: "disk0", Bus: "virtio"}},
	}, Files: map[string]string{}}
}

// publish makes a lab out of contents by part.
func publish(t testing.TB, l *Library, s Spec, contents map[string][]byte) lab.Digest {
	t.Helper()
	staging, err := l.Staging()
	if err != nil {
		t.Fatal(err)
	}
	for id, data := range contents {
		s.Files[id] = writeSparse(t, filepath.Join(staging, id+fmt.Sprint(rand.Int())), data)
	}
	id, err := l.Publish(t.Context(), s, nil)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// writeSparse writes content with its zeros as holes.
func writeSparse(t testing.TB, path string, data []byte) string {
	t.Helper()
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if err := file.Truncate(int64(len(data))); err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(data); i += mib {
		if chunk := data[i:min(i+mib, len(data))]; !lab.ChunkDigest(chunk).IsZero() {
			if _, err := file.WriteAt(chunk, int64(i)); err != nil {
				t.Fatal(err)
			}
		}
	}
	return path
}

// push writes a lab to a place with short packs.
func push(t testing.TB, l *Library, id lab.Digest, to source.Target) *Pushed {
	t.Helper()
	l.packBytes = 3 * mib
	p, err := l.Push(t.Context(), id, to, PushOptions{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func yes(context.Context, Question) (bool, error) { return true, nil }

// add adds what a place has under a tag.
func add(t testing.TB, l *Library, from source.Source) lab.Digest {
	t.Helper()
	id, err := l.Add(t.Context(), from, AddOptions{Trust: yes}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// wantContent compares every byte.
func wantContent(t testing.TB, l *Library, id lab.Digest, contents map[string][]byte) {
	t.Helper()
	bases, err := l.Bases(id)
	if err != nil || len(bases) != len(contents) {
		t.Fatalf("%d bases, %v", len(bases), err)
	}
	for _, b := range bases {
		data, err := os.ReadFile(b.Path)
		if err != nil || !bytes.Equal(data, contents[b.Part.ID]) {
			t.Errorf("%s has another content: %v", b.Part.ID, err)
		}
		if info, err := os.Lstat(b.Path); err != nil || info.Mode() != 0o444 {
			t.Errorf("%v %v", info.Mode(), err)
		}
	}
	if wrong, err := l.Verify(t.Context(), id, nil); wrong != nil || err != nil {
		t.Errorf("Verify says %v, %v", wrong, err)
	}
	if err := l.QuickCheck(t.Context(), id); err != nil {
		t.Error(err)
	}
}

// memory is a place in memory, as a source (of one tag) and as a target, with hooks for what can go wrong.
type memory struct {
	mu    sync.Mutex
	blobs map[string][]byte
	tags  map[string][]byte
	tag   string // that it is a source of

	opened, asked, bytes, puts int64                                            // requests, bytes asked for, bytes read, blobs written
	read                       func(blob ocispec.Descriptor) error              // before a blob is read
	change                     func(d string, offset int64, data []byte) []byte // what comes instead
	write                      func(blob ocispec.Descriptor) error              // before a blob is written
}

func newMemory() *memory {
	return &memory{blobs: map[string][]byte{}, tags: map[string][]byte{}, tag: latestTag}
}

// clone is a place with the same content.
func (m *memory) clone() *memory {
	c := newMemory()
	maps.Copy(c.blobs, m.blobs)
	maps.Copy(c.tags, m.tags)
	return c
}

// at is the place as a source of another tag.
func (m *memory) at(tag string) *memory {
	c := m.clone()
	c.tag = tag
	return c
}

type memorySource struct{ *memory }

func (m memorySource) Manifest(ctx context.Context) ([]byte, error) {
	return m.memory.Manifest(ctx, m.tag)
}

func (m *memory) source() source.Source { return memorySource{m} }

func (m *memory) Name() string { return "memory" }

func (m *memory) Close() error { return nil }

func (m *memory) Manifest(ctx context.Context, tag string) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.tags[tag] == nil {
		return nil, source.ErrNotFound
	}
	return m.tags[tag], ctx.Err()
}

func (m *memory) Open(ctx context.Context, blob ocispec.Descriptor, offset, length int64) (io.ReadCloser, error) {
	m.mu.Lock()
	read, change := m.read, m.change
	data, ok := m.blobs[string(blob.Digest)]
	m.opened++
	m.mu.Unlock()
	if read != nil {
		if err := read(blob); err != nil {
			return nil, err
		}
	}
	if !ok {
		return nil, source.ErrNotFound
	}
	end := int64(len(data))
	if length >= 0 {
		end = offset + length
	}
	if offset < 0 || end < offset || end > int64(len(data)) {
		return nil, fmt.Errorf("a range of %d to %d in %d bytes", offset, end, len(data))
	}
	data = data[offset:end]
	m.mu.Lock()
	m.asked += int64(len(data))
	m.mu.Unlock()
	if change != nil {
		data = change(string(blob.Digest), offset, bytes.Clone(data))
	}
	return &memoryReader{ctx: ctx, m: m, data: data}, ctx.Err()
}

type memoryReader struct {
	ctx  context.Context
	m    *memory
	data []byte
}

func (r *memoryReader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	if len(r.data) == 0 {
		return 0, io.EOF
	}
	n := copy(p, r.data)
	r.data = r.data[n:]
	r.m.mu.Lock()
	r.m.bytes += int64(n)
	r.m.mu.Unlock()
	return n, nil
}

func (r *memoryReader) Close() error { return nil }

func (m *memory) Has(ctx context.Context, blob ocispec.Descriptor) (bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.blobs[string(blob.Digest)] != nil, ctx.Err()
}

func (m *memory) Put(ctx context.Context, blob ocispec.Descriptor, data io.Reader) error {
	if m.write != nil {
		if err := m.write(blob); err != nil {
			return err
		}
	}
	text, err := io.ReadAll(data)
	if err != nil {
		return err
	}
	if lab.Sum(text).OCI() != blob.Digest || int64(len(text)) != blob.Size {
		return errors.New("not what the descriptor says")
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.blobs[string(blob.Digest)] = text
	m.puts++
	return ctx.Err()
}

func (m *memory) Finish(ctx context.Context, manifest []byte, tags ...string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, tag := range tags {
		m.tags[tag] = manifest
	}
	return ctx.Err()
}

// published is a place with one lab, made once for many tests, and its contents.
var published = sync.OnceValues(func() (*memory, map[string][]byte) {
	dir, err := os.MkdirTemp("", "labs")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	l := libraryAt(dir)
	staging, err := l.Staging()
	if err != nil {
		panic(err)
	}
	contents := map[string][]byte{"disk0": testDisk(0), lab.VariablesID: noise(9, 300<<10)}
	s := testSpec("networks/lab-1")
	for id, data := range contents {
		s.Files[id] = filepath.Join(staging, id)
		if err := os.WriteFile(s.Files[id], data, 0o600); err != nil {
			panic(err)
		}
	}
	ctx := context.Background()
	id, err := l.Publish(ctx, s, nil)
	if err != nil {
		panic(err)
	}
	m := newMemory()
	l.packBytes = 3 * mib
	if _, err := l.Push(ctx, id, m, PushOptions{}, nil); err != nil {
		panic(err)
	}
	return m, contents
})
