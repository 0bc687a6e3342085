package labs

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"golang.org/x/sys/unix"

	"guesthouse/app/jobs"
	"guesthouse/app/labs/source"
	"guesthouse/vmconfig/lab"
)

// TestPublishPushAdd goes all the way, by way of a folder.
func TestPublishPushAdd(t *testing.T) {
	teacher, student := newLibrary(t), newLibrary(t)
	contents := map[string][]byte{"disk0": testDisk(0), "disk1": noise(7, 512), "disk2": testDisk(0), lab.VariablesID: noise(8, 100)}
	s := testSpec("networks/lab-1")
	s.Config.Disks = append(s.Config.Disks, lab.Disk{ID: "disk1", Bus: "sata"}, lab.Disk{ID: "disk2", Bus: "virtio"})
	s.Picture = testPicture(t)
	id := publish(t, teacher, s, contents)
	wantContent(t, teacher, id, contents)
	if left, _ := os.ReadDir(filepath.Join(teacher.p.Dir, "staging")); len(left) > 0 {
		t.Errorf("left in staging: %v", left)
	}
	ref := source.Ref{Kind: source.KindFolder, Location: filepath.Join(t.TempDir(), "stick")}
	target, err := source.OpenTarget(t.Context(), ref, source.Options{})
	if err != nil {
		t.Fatal(err)
	}
	pushed := push(t, teacher, id, target)
	if err := target.Close(); err != nil {
		t.Fatal(err)
	}
	from, err := source.OpenSource(t.Context(), ref, source.Options{Tag: "1"})
	if err != nil {
		t.Fatal(err)
	}
	defer from.Close()
	var mu sync.Mutex
	var last jobs.Progress
	got, err := student.Add(t.Context(), from, AddOptions{Trust: yes}, func(p jobs.Progress) {
		if !mu.TryLock() {
			t.Error("reported from two goroutines at once")
			return
		}
		defer mu.Unlock()
		if p.Fraction < last.Fraction && p.Fraction != 0 || p.Done > p.Total {
			t.Errorf("%+v after %+v", p, last)
		}
		last = p
	})
	if err != nil || got != id {
		t.Fatalf("%v, %v", got, err)
	}
	if last.Fraction != 1 {
		t.Errorf("the end is %+v", last)
	}
	wantContent(t, student, id, contents)
	list, err := student.Images()
	if err != nil || len(list) != 1 || !slices.Equal(list[0].Names, []string{"networks/lab-1:1", "networks/lab-1:latest"}) || !list[0].Ready || list[0].Err != nil {
		t.Fatalf("%+v, %v", list, err)
	}
	if picture, err := os.ReadFile(filepath.Join(list[0].Dir, "picture.png")); err != nil || !bytes.Equal(picture, s.Picture) {
		t.Error(err)
	}
	for _, name := range []string{"networks/lab-1", "networks/lab-1:1", id.String(), id.Hex()[:8]} {
		if image, err := student.Resolve(name); err != nil || image.ID != id {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := student.Resolve("networks/lab-1:2"); !errors.Is(err, ErrNoLab) {
		t.Error(err)
	}
	if at, err := student.Checked(id); err != nil || at.IsZero() {
		t.Error(at, err)
	}
	// The holes are holes.
	var st unix.Stat_t
	bases, _ := student.Bases(id)
	if err := unix.Stat(bases[0].Path, &st); err != nil || st.Blocks*512 > 7*mib {
		t.Errorf("%d of %d bytes on the disk, %v", st.Blocks*512, st.Size, err)
	}
	t.Logf("8.5 MiB, of which 2 are zeros and 1 twice, became %d bytes", pushed.NewBytes)
	// Who has it can pack it again, in other packs, and the signature holds.
	place := newMemory()
	student.packBytes = 2 * mib
	if _, err := student.Push(t.Context(), id, place, PushOptions{}, nil); err != nil {
		t.Fatal(err)
	}
	third := newLibrary(t)
	if add(t, third, place.source()) != id {
		t.Error("another lab")
	}
	wantContent(t, third, id, contents)
}

// TestAddAgainFetchesNothing adds what is there.
func TestAddAgainFetchesNothing(t *testing.T) {
	place, contents := published()
	l := newLibrary(t)
	id := add(t, l, place.clone().source())
	again := place.clone()
	again.read = func(blob ocispec.Descriptor) error {
		if blob.MediaType == lab.MediaTypePack {
			t.Error("a pack is read")
		}
		return nil
	}
	if add(t, l, again.source()) != id {
		t.Error("another lab")
	}
	wantContent(t, l, id, contents)
}

// TestResume cancels in the middle, more than once; each byte is fetched about once.
func TestResume(t *testing.T) {
	place, contents := published()
	l := newLibrary(t)
	var packs int64
	for _, data := range place.blobs {
		packs += int64(len(data))
	}
	var read int64
	for n := range 2 {
		from := place.clone()
		ctx, cancel := context.WithCancel(t.Context())
		asked := 0
		from.read = func(blob ocispec.Descriptor) error {
			from.mu.Lock()
			defer from.mu.Unlock()
			if blob.MediaType == lab.MediaTypePack {
				if asked++; asked > n {
					cancel()
				}
			}
			return nil
		}
		_, err := l.Add(ctx, from.source(), AddOptions{Trust: yes}, nil)
		if !errors.Is(err, context.Canceled) {
			t.Fatalf("%d: %v", n, err)
		}
		read += from.bytes
		noBase(t, l)
		cancel()
	}
	from := place.clone()
	id := add(t, l, from.source())
	read += from.bytes
	wantContent(t, l, id, contents)
	t.Logf("%d bytes were read in three tries, the package has %d", read, packs)
	if read > packs+packs/2 {
		t.Error("what was there was fetched again")
	}
}

// noBase fails if anything in the library looks finished.
func noBase(t testing.TB, l *Library) {
	t.Helper()
	found, _ := filepath.Glob(filepath.Join(l.bases(), "*", "base.raw"))
	images, _ := filepath.Glob(filepath.Join(l.images(), "*"))
	if len(found)+len(images) > 0 {
		t.Errorf("there are %v, %v", found, images)
	}
}

// TestPartIsNotBelieved puts rubbish into what a try left.
func TestPartIsNotBelieved(t *testing.T) {
	place, contents := published()
	l := newLibrary(t)
	from := place.clone()
	from.read = func(blob ocispec.Descriptor) error {
		if blob.MediaType == lab.MediaTypePack {
			return fs.ErrPermission
		}
		return nil
	}
	if _, err := l.Add(t.Context(), from.source(), AddOptions{Trust: yes}, nil); !errors.Is(err, fs.ErrPermission) {
		t.Fatal(err)
	}
	parts, _ := filepath.Glob(filepath.Join(l.bases(), "*", "base.raw.part"))
	if len(parts) != 2 {
		t.Fatal(parts)
	}
	for _, part := range parts {
		// Longer than it may be, no zeros where they belong, and nobody may write to it, as when the program is killed just before the end.
		if err := errors.Join(os.WriteFile(part, noise(77, 9*mib), 0o600), os.Chmod(part, 0o444)); err != nil {
			t.Fatal(err)
		}
	}
	id := add(t, l, place.clone().source())
	wantContent(t, l, id, contents)
}

// TestTroubles are places that fail now and then.
func TestTroubles(t *testing.T) {
	place, contents := published()
	for name, trouble := range map[string]func(m *memory){
		"unreachable": func(m *memory) {
			n := 0
			m.read = func(ocispec.Descriptor) error {
				m.mu.Lock()
				defer m.mu.Unlock()
				if n++; n%3 != 0 {
					return source.ErrUnreachable
				}
				return nil
			}
		},
		"busy": func(m *memory) {
			n := 0
			m.read = func(ocispec.Descriptor) error {
				m.mu.Lock()
				defer m.mu.Unlock()
				if n++; n%2 == 0 {
					return source.ErrBusy
				}
				return nil
			}
		},
		"cut": func(m *memory) {
			n := 0
			m.change = func(_ string, _ int64, data []byte) []byte {
				m.mu.Lock()
				defer m.mu.Unlock()
				if n++; n%2 == 0 && len(data) > 1<<20 {
					return data[:len(data)/2]
				}
				return data
			}
		},
		"wrong now and then": func(m *memory) {
			n := 0
			m.change = func(_ string, _ int64, data []byte) []byte {
				m.mu.Lock()
				defer m.mu.Unlock()
				if n++; n%2 == 0 {
					data[len(data)/2] ^= 1
				}
				return data
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			l, m := newLibrary(t), place.clone()
			trouble(m)
			id := add(t, l, m.source())
			wantContent(t, l, id, contents)
		})
	}
}

// TestDamagedPackages are places that never give the right thing: nothing may look finished, and the error says what and where.
func TestDamagedPackages(t *testing.T) {
	place, _ := published()
	data, err := place.Manifest(t.Context(), latestTag)
	if err != nil {
		t.Fatal(err)
	}
	manifest, err := lab.ParseManifest(data)
	if err != nil {
		t.Fatal(err)
	}
	table := func(m *memory, i int) (string, []byte, *lab.Table) {
		key := string(manifest.Packs[i].Digest)
		blob := bytes.Clone(m.blobs[key])
		table, err := lab.ReadTable(bytes.NewReader(blob), int64(len(blob)))
		if err != nil {
			t.Fatal(err)
		}
		return key, blob, table
	}
	without := func(m *memory, change func(*lab.Manifest)) {
		copied := *manifest
		copied.Packs, copied.Indexes = slices.Clone(manifest.Packs), slices.Clone(manifest.Indexes)
		change(&copied)
		text, err := copied.Encode()
		if err != nil {
			t.Fatal(err)
		}
		m.tags[latestTag] = text
	}
	for name, test := range map[string]struct {
		damage func(m *memory)
		err    error
		says   string
	}{
		"wrong bit in a chunk": {func(m *memory) {
			key, blob, table := table(m, 0)
			blob[table.Entries[0].Offset+9] ^= 1
			m.blobs[key] = blob
		}, source.ErrDamaged, "chunk 0 of disk0"},
		"two chunks swapped": {func(m *memory) {
			key, blob, _ := table(m, 1)
			a, b := blob[16:16+40], blob[16+40:16+80]
			first := bytes.Clone(a[:32])
			copy(a[:32], b[:32])
			copy(b[:32], first)
			m.blobs[key] = blob
		}, source.ErrDamaged, "chunk "},
		"table of rubbish": {func(m *memory) {
			key, blob, _ := table(m, 0)
			copy(blob[12:], noise(3, 50))
			m.blobs[key] = blob
		}, nil, "pack"},
		"a pack of zeros": {func(m *memory) {
			key, blob, _ := table(m, 0)
			m.blobs[key] = make([]byte, len(blob))
		}, source.ErrDamaged, "memory"},
		"pack missing": {func(m *memory) { delete(m.blobs, string(manifest.Packs[1].Digest)) }, source.ErrNotFound, ""},
		"pack not named": {func(m *memory) {
			without(m, func(m *lab.Manifest) { m.Packs = m.Packs[1:] })
		}, ErrIncomplete, "chunk "},
		"index not named": {func(m *memory) {
			without(m, func(m *lab.Manifest) { m.Indexes = m.Indexes[:1] })
		}, ErrIncomplete, "index"},
		"index of another size": {func(m *memory) {
			without(m, func(m *lab.Manifest) { m.Indexes[0].Size++ })
		}, lab.ErrIndex, ""},
		"index damaged":     {func(m *memory) { m.blobs[string(manifest.Indexes[0].Digest)][40] ^= 1 }, source.ErrDamaged, "memory"},
		"config damaged":    {func(m *memory) { m.blobs[string(manifest.Config.Digest)][40] ^= 1 }, source.ErrDamaged, "memory"},
		"signature damaged": {func(m *memory) { m.blobs[string(manifest.Signature.Digest)][80] ^= 1 }, source.ErrDamaged, "memory"},
		"signature of another": {func(m *memory) {
			without(m, func(x *lab.Manifest) {
				text := m.blobs[string(x.Config.Digest)]
				key, err := newLibrary(t).privateKey(t.Context(), "x", nil)
				if err != nil {
					t.Fatal(err)
				}
				signature := lab.Sign(key, text, "x")
				x.Signature = lab.Blob(lab.MediaTypeSignature, lab.Sum(signature), int64(len(signature)))
				m.blobs[string(x.Signature.Digest)] = signature
			})
		}, lab.ErrSignature, ""},
		"config changed": {func(m *memory) {
			without(m, func(x *lab.Manifest) {
				text := bytes.Replace(m.blobs[string(x.Config.Digest)], []byte(`"isolated"`), []byte(`"internet"`), 1)
				x.Config = lab.Blob(lab.MediaTypeConfig, lab.Sum(text), int64(len(text)))
				m.blobs[string(x.Config.Digest)] = text
			})
		}, lab.ErrSignature, ""},
		"config against the rules": {func(m *memory) {
			without(m, func(x *lab.Manifest) {
				text := bytes.Replace(m.blobs[string(x.Config.Digest)], []byte(`"memoryMiB": 512`), []byte(`"memoryMiB": 1099511627776`), 1)
				x.Config = lab.Blob(lab.MediaTypeConfig, lab.Sum(text), int64(len(text)))
				m.blobs[string(x.Config.Digest)] = text
			})
		}, lab.ErrConfig, "machine.memoryMiB"},
		"not a lab":   {func(m *memory) { m.tags[latestTag] = []byte(`{"schemaVersion":2}`) }, lab.ErrNoLab, ""},
		"nothing":     {func(m *memory) { m.tags[latestTag] = nil }, source.ErrNotFound, ""},
		"unreachable": {func(m *memory) { m.read = func(ocispec.Descriptor) error { return source.ErrUnreachable } }, source.ErrUnreachable, ""},
	} {
		t.Run(name, func(t *testing.T) {
			l, m := newLibrary(t), place.clone()
			for key, blob := range m.blobs {
				m.blobs[key] = bytes.Clone(blob)
			}
			test.damage(m)
			_, err := l.Add(t.Context(), m.source(), AddOptions{Trust: yes}, nil)
			if err == nil || test.err != nil && !errors.Is(err, test.err) || !strings.Contains(err.Error(), test.says) {
				t.Errorf("%v", err)
			}
			if images, _ := l.Images(); len(images) > 0 {
				t.Error("there is an image")
			}
			bases, _ := filepath.Glob(filepath.Join(l.bases(), "*", "base.raw"))
			for _, path := range bases { // the other one may be whole
				if info, err := os.Stat(path); err != nil || info.Size() != 300<<10 {
					t.Errorf("%s looks finished", path)
				}
			}
		})
	}
}

// TestDiskFault changes what was written while the rest is fetched: reading all of it again finds that, and fetches it again, once.
func TestDiskFault(t *testing.T) {
	place, contents := published()
	for _, always := range []bool{false, true} {
		l, m := newLibrary(t), place.clone()
		done := false
		var mu sync.Mutex // several packs are read at once
		m.read = func(blob ocispec.Descriptor) error {
			mu.Lock()
			defer mu.Unlock()
			parts, _ := filepath.Glob(filepath.Join(l.bases(), "*", "base.raw.part"))
			for _, part := range parts {
				// What was there before the first read of it is not wanted, so only a hole can be hurt unnoticed.
				if info, err := os.Stat(part); err != nil || info.Size() < 3*mib || done {
					continue
				}
				file, err := os.OpenFile(part, os.O_WRONLY, 0)
				if err != nil {
					return err
				}
				_, err = file.WriteAt([]byte("fault"), 2*mib+9)
				file.Close()
				done = !always
				return err
			}
			return nil
		}
		var report Report
		if always { // after every chunk that is written
			m.read = nil
			var ticks atomic.Int64
			l.now = func() time.Time { return time.Unix(1e9+ticks.Add(1), 0) }
			report = func(jobs.Progress) { hurtParts(l) }
		}
		id, err := l.Add(t.Context(), m.source(), AddOptions{Trust: yes}, report)
		if always {
			if !errors.Is(err, ErrChanged) {
				t.Errorf("a disk that always fails: %v", err)
			}
			if found, _ := filepath.Glob(filepath.Join(l.bases(), "*", "base.raw")); len(found) > 1 {
				t.Error("it looks finished")
			}
			continue
		}
		if err != nil || !done {
			t.Fatal(done, err)
		}
		wantContent(t, l, id, contents)
	}
}

// hurtParts writes into what is not finished.
func hurtParts(l *Library) {
	parts, _ := filepath.Glob(filepath.Join(l.bases(), "*", "base.raw.part"))
	for _, part := range parts {
		if info, err := os.Stat(part); err == nil && info.Size() > 3*mib {
			if file, err := os.OpenFile(part, os.O_WRONLY, 0); err == nil {
				file.WriteAt([]byte("fault"), 8*mib+mib/2-5) // the end, which is read last
				file.Close()
			}
		}
	}
}

// TestNoRoom asks for more than there is.
func TestNoRoom(t *testing.T) {
	l := newLibrary(t)
	x := &lab.Index{Bytes: 64 << 30 << 3, Chunks: make([]lab.Digest, 64<<13)}
	for i := range x.Chunks {
		x.Chunks[i] = lab.Digest{1, byte(i), byte(i >> 8), byte(i >> 16)}
	}
	b := &base{dir: l.baseDir(lab.Digest{1}), digest: lab.Digest{1}, index: x, label: "disk0"}
	if err := l.complete(t.Context(), []*base{b}, newMemory().source(), nil, nil); !errors.Is(err, ErrNoRoom) {
		t.Error(err)
	}
}

// TestAtOnce adds the same lab from several goroutines with libraries of their own, which share nothing but the folder.
func TestAtOnce(t *testing.T) {
	place, contents := published()
	dir := t.TempDir()
	var group sync.WaitGroup
	var id lab.Digest
	shared := place.clone()
	for i := range 4 {
		group.Go(func() {
			got, err := libraryAt(dir).Add(t.Context(), shared.source(), AddOptions{Trust: yes}, nil)
			if err != nil {
				t.Error(err)
			} else if i == 0 {
				id = got
			}
		})
	}
	group.Wait()
	var all int64
	for _, data := range place.blobs {
		all += int64(len(data))
	}
	if shared.bytes > all*3/2 {
		t.Errorf("%d bytes were read of %d: it was fetched more than once", shared.bytes, all)
	}
	wantContent(t, libraryAt(dir), id, contents)
}
