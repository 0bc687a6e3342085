package labs

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"aead.dev/minisign"
	"github.com/google/uuid"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"guesthouse/app/labs/source"
	"guesthouse/vmconfig/lab"
)

// forgedSubmission is a submission that is made by hand, by whoever has a key of any kind.
type forgedSubmission struct {
	lab.Submission
	key     minisign.PrivateKey
	changes map[string][]byte // by part, as bytes
	packs   [][]byte
	// What is written instead of what belongs there, if it is set.
	config, signature []byte
	manifest          func(*lab.SubmissionManifest)
}

// forge begins a submission to a lab of the library; without changes it is none yet.
func forge(t testing.TB, l *Library, id lab.Digest, name string) *forgedSubmission {
	t.Helper()
	public, key, err := minisign.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	_, config, err := l.readConfig(id)
	if err != nil {
		t.Fatal(err)
	}
	return &forgedSubmission{key: key, changes: map[string][]byte{}, Submission: lab.Submission{
		Format: lab.Format, ID: uuid.New(), Lab: id, Name: config.Name, Version: config.Version,
		Student: lab.Student{Name: name, Key: public.String()}, Sequence: 1, Created: time.Now().UTC().Truncate(time.Second), Machine: uuid.New(),
	}}
}

// chunk adds one changed chunk, with its pack.
func (f *forgedSubmission) chunk(part string, bytes int64, number int, content []byte) *forgedSubmission {
	return f.part(part, bytes, (&lab.Changes{Chunks: []lab.Change{{Chunk: number, Digest: lab.ChunkDigest(content)}}}).Encode()).pack(content)
}

// part adds a part with a list of changes.
func (f *forgedSubmission) part(part string, bytes int64, changes []byte) *forgedSubmission {
	f.changes[part] = changes
	f.Parts = append(f.Parts, lab.ChangedPart{ID: part, Bytes: bytes, Changes: lab.Sum(changes)})
	return f
}

// pack adds a pack of chunks.
func (f *forgedSubmission) pack(chunks ...[]byte) *forgedSubmission {
	var b lab.PackBuilder
	for _, chunk := range chunks {
		b.Add(lab.Sum(chunk), lab.Compress(chunk), len(chunk))
	}
	data, _ := io.ReadAll(b.Reader())
	f.packs = append(f.packs, data)
	return f
}

// next is another submission after this one, by the same student.
func (f *forgedSubmission) next(t testing.TB) *forgedSubmission {
	t.Helper()
	n := *f
	n.ID, n.Sequence, n.Previous = uuid.New(), f.Sequence+1, f.receipt(t)
	return &n
}

func (f *forgedSubmission) raw(t testing.TB) []byte {
	t.Helper()
	if f.config != nil {
		return f.config
	}
	raw, err := f.Encode()
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func (f *forgedSubmission) receipt(t testing.TB) lab.Digest { t.Helper(); return lab.Sum(f.raw(t)) }

// write writes it to a place, whatever is wrong with it.
func (f *forgedSubmission) write(t testing.TB, to source.Target, tags ...string) {
	t.Helper()
	raw := f.raw(t)
	m := &lab.SubmissionManifest{}
	put := func(mediaType string, data []byte) ocispec.Descriptor {
		d := lab.Blob(mediaType, lab.Sum(data), int64(len(data)))
		if err := to.Put(t.Context(), d, bytes.NewReader(data)); err != nil {
			t.Fatal(err)
		}
		return d
	}
	m.Config = put(lab.MediaTypeSubmission, raw)
	signature := f.signature
	if signature == nil {
		signature = f.Sign(f.key, raw)
	}
	m.Signature = put(lab.MediaTypeSigned, signature)
	for _, part := range f.Parts {
		if f.changes[part.ID] != nil {
			m.Changes = append(m.Changes, put(lab.MediaTypeChanges, f.changes[part.ID]))
		}
	}
	for _, data := range f.packs {
		m.Packs = append(m.Packs, put(lab.MediaTypePack, data))
	}
	if f.manifest != nil {
		f.manifest(m)
	}
	data, err := m.Encode()
	if len(data) == 0 {
		t.Fatal(err)
	}
	if err := to.Finish(t.Context(), data, tags...); err != nil {
		t.Fatal(err)
	}
	if err := to.Close(); err != nil {
		t.Fatal(err)
	}
}

// file writes it to a file of a folder.
func (f *forgedSubmission) file(t testing.TB, dir, name string) string {
	t.Helper()
	path := filepath.Join(dir, name+SubmissionSuffix)
	target, err := source.OpenTarget(t.Context(), source.Ref{Kind: source.KindFile, Location: path}, source.Options{Type: source.SubmissionType})
	if err != nil {
		t.Fatal(err)
	}
	f.write(t, target)
	return path
}

// small is a lab of four chunks, and one chunk that is none of its.
func small(t testing.TB, l *Library) (id lab.Digest, size int64, other []byte) {
	t.Helper()
	spec := testSpec("small")
	spec.Config.Machine.Firmware = "bios"
	return publish(t, l, spec, map[string][]byte{"disk0": numbered(4)}), 4 * mib, noise(77, mib)
}

// listed is the list by file name without the ending.
func listed(t testing.TB, l *Library, dir string) map[string]Received {
	t.Helper()
	list, err := l.Submissions(t.Context(), dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	by := map[string]Received{}
	for _, f := range list {
		by[strings.TrimSuffix(f.File, SubmissionSuffix)] = f
	}
	return by
}

// TestHostileSubmissions: whatever is in the folder, each is listed for what it is, none hides another, and the good one is still good.
func TestHostileSubmissions(t *testing.T) {
	l, dir := newLibrary(t), t.TempDir()
	id, size, other := small(t, l)
	good := func() *forgedSubmission { return forge(t, l, id, "Mallory").chunk("disk0", size, 2, other) }
	name := func(f *forgedSubmission, as string) *forgedSubmission { f.Student.Name = as; return f }
	changes := func(list ...lab.Change) []byte { return (&lab.Changes{Chunks: list}).Encode() }
	one := lab.Change{Chunk: 1, Digest: lab.Sum(other)}

	forge(t, l, id, "Ada").chunk("disk0", size, 2, other).file(t, dir, "good")
	bad := map[string]error{}
	add := func(file string, f *forgedSubmission, is error) { f.file(t, dir, file); bad[file] = is }
	add("chunk twice", name(forge(t, l, id, ""), "M1").part("disk0", size, changes(one, one)).pack(other), lab.ErrSubmission)
	add("chunks back", name(forge(t, l, id, ""), "M2").part("disk0", size, changes(lab.Change{Chunk: 3, Digest: lab.Sum(other)}, one)).pack(other), lab.ErrSubmission)
	add("beyond the disk", name(forge(t, l, id, ""), "M3").part("disk0", size, changes(lab.Change{Chunk: 4, Digest: lab.Sum(other)})).pack(other), lab.ErrSubmission)
	add("far beyond", name(forge(t, l, id, ""), "M4").part("disk0", size, changes(lab.Change{Chunk: 1<<32 - 1, Digest: lab.Sum(other)})).pack(other), lab.ErrSubmission)
	add("larger disk", name(forge(t, l, id, ""), "M5").chunk("disk0", size+512, 2, other), lab.ErrSubmission)
	add("no such disk", name(forge(t, l, id, ""), "M6").chunk("disk7", size, 2, other), lab.ErrSubmission)
	add("variables of a BIOS", name(forge(t, l, id, ""), "M7").chunk(lab.VariablesID, 4096, 0, other[:4096]), lab.ErrSubmission)
	wrong := good()
	wrong.signature = good().Sign(good().key, []byte("something else"))
	add("other signature", wrong, lab.ErrSubmissionSignature)
	wrong = good()
	wrong.config = bytes.Replace(wrong.raw(t), []byte("Mallory"), []byte("Ada"), 1)
	wrong.signature = wrong.Sign(wrong.key, bytes.Replace(wrong.config, []byte("Ada"), []byte("Mallory"), 1))
	add("changed after signing", wrong, lab.ErrSubmissionSignature)
	wrong = good()
	wrong.config = bytes.Replace(wrong.raw(t), []byte(`"format"`), []byte(`"run": "curl x | sh", "format"`), 1)
	add("more fields", wrong, lab.ErrSubmission)
	wrong = good()
	wrong.Version = 7
	add("other version", wrong, lab.ErrSubmission)
	wrong = good()
	wrong.changes["disk0"] = changes(one) // of another digest than the config says
	add("other changes", wrong, lab.ErrSubmission)
	wrong = good()
	wrong.pack(noise(1, 5*mib)[:mib], noise(2, mib))
	add("more packs than changes", wrong, ErrGrowth)
	path := func(name string) string { bad[name] = nil; return filepath.Join(dir, name+SubmissionSuffix) }
	write := func(name string, data []byte) {
		if err := os.WriteFile(path(name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	whole, err := os.ReadFile(filepath.Join(dir, "good"+SubmissionSuffix))
	if err != nil {
		t.Fatal(err)
	}
	qcow2 := append([]byte("QFI\xfb\x00\x00\x00\x03\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x00\x0b"), make([]byte, 4096)...) // with a backing file
	copy(qcow2[256:], "/etc/passwd")
	write("stripped qcow2", qcow2)
	write("web page", []byte("<!DOCTYPE html><title>Log in</title>"))
	write("empty", nil)
	write("zeros", make([]byte, 1<<20))
	write("gzip", []byte("\x1f\x8b\x08\x00rest"))
	write("cut", whole[:len(whole)/2])
	write("cut at the end", whole[:len(whole)-1024])
	flipped := bytes.Clone(whole)
	flipped[bytes.Index(flipped, []byte(`"Ada"`))+1] = 'B'
	write("one letter", flipped)
	if err := syscall.Mkfifo(path("pipe"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("/dev/zero", path("endless")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("nowhere", path("dangling")); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(path("folder"), 0o700); err != nil {
		t.Fatal(err)
	}
	place, err := source.OpenTarget(t.Context(), source.Ref{Kind: source.KindFile, Location: path("a lab")}, source.Options{})
	if err != nil {
		t.Fatal(err)
	}
	push(t, l, id, place)
	place.Close()
	for _, other := range []string{"notes.txt", ".hidden" + SubmissionSuffix, "x.lab"} {
		if err := os.WriteFile(filepath.Join(dir, other), whole, 0o600); err != nil {
			t.Fatal(err)
		}
	}

	list := listed(t, l, dir)
	if len(list) != len(bad)+1 {
		t.Errorf("%d are listed of %d", len(list), len(bad)+1)
	}
	if f := list["good"]; f.State != SubmissionNew || f.Err != nil || f.Changed != mib {
		t.Errorf("the good one: %+v", f)
	}
	for file, is := range bad {
		f := list[file]
		if f.State != SubmissionDamaged || f.Err == nil || f.Reason == "" || is != nil && !errors.Is(f.Err, is) {
			t.Errorf("%s is %s: %s", file, f.State, f.Reason)
		}
	}
	if reason := list["stripped qcow2"].Reason; !strings.Contains(reason, "disk image") {
		t.Errorf("a disk image: %s", reason)
	}
	if f := listed(t, l, dir)["good"]; f.State != SubmissionVerified {
		t.Errorf("the second time: %+v", f)
	}
}

// TestTooLargeSubmission: 500 GB of random data are refused when the list of changes was read, before anything of them is fetched, in little memory.
func TestTooLargeSubmission(t *testing.T) {
	l := newLibrary(t)
	staging, err := l.Staging()
	if err != nil {
		t.Fatal(err)
	}
	const size = int64(512) << 30
	spec := testSpec("large")
	spec.Files["disk0"] = filepath.Join(staging, "large.raw")
	if err := os.WriteFile(spec.Files["disk0"], nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(spec.Files["disk0"], size); err != nil {
		t.Skip(err) // a file system without such files
	}
	id, err := l.Publish(t.Context(), spec, nil)
	if err != nil {
		t.Fatal(err)
	}
	c := &lab.Changes{}
	for i := range 500_000 {
		c.Chunks = append(c.Chunks, lab.Change{Chunk: i, Digest: lab.Sum([]byte{byte(i), byte(i >> 8), byte(i >> 16)})})
	}
	f := forge(t, l, id, "Ada").part("disk0", size, c.Encode())
	f.manifest = func(m *lab.SubmissionManifest) {
		for i := range 8000 { // packs that are as large as they may be
			m.Packs = append(m.Packs, lab.Blob(lab.MediaTypePack, lab.Sum(fmt.Append(nil, "pack", i)), lab.MaxBlobBytes))
		}
	}
	place := newMemory()
	f.write(t, place, latestTag)
	place.opened, place.bytes = 0, 0
	place.read = func(blob ocispec.Descriptor) error {
		if blob.MediaType == lab.MediaTypePack {
			t.Error("a pack was asked for")
		}
		return nil
	}
	r, err := l.receive(t.Context(), place.source(), func(blob ocispec.Descriptor) ([]byte, error) { return readOnce(t.Context(), place.source(), blob) })
	if !errors.Is(err, ErrGrowth) || !strings.Contains(err.Error(), "488 GiB") && !strings.Contains(err.Error(), "489 GiB") || r.changed != 500_000*mib {
		t.Fatalf("%v", err)
	}
	// A list that claims to be as long as any may be, for a disk that is not: refused by its length.
	small, bytes, _ := small(t, l)
	f = forge(t, l, small, "Bob").part("disk0", bytes, c.Encode())
	place = newMemory()
	f.write(t, place, latestTag)
	place.read = func(blob ocispec.Descriptor) error {
		if blob.MediaType == lab.MediaTypeChanges {
			t.Error("the list was read")
		}
		return nil
	}
	if _, err := l.receive(t.Context(), place.source(), func(blob ocispec.Descriptor) ([]byte, error) { return readOnce(t.Context(), place.source(), blob) }); !errors.Is(err, lab.ErrSubmission) {
		t.Error(err)
	}
}

// TestManySubmissions: 200 at once, a quarter of them damaged, in bounded memory.
func TestManySubmissions(t *testing.T) {
	l, dir := newLibrary(t), t.TempDir()
	id, size, other := small(t, l)
	const many = 200
	for i := range many {
		file := forge(t, l, id, fmt.Sprintf("Student %d", i)).chunk("disk0", size, i%4, other).file(t, dir, fmt.Sprint(i))
		if i%4 == 0 {
			if err := os.Truncate(file, 3000); err != nil {
				t.Fatal(err)
			}
		}
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	start := time.Now()
	list, err := l.Submissions(t.Context(), dir, nil)
	took := time.Since(start)
	runtime.ReadMemStats(&after)
	if err != nil || len(list) != many {
		t.Fatalf("%d, %v", len(list), err)
	}
	states := map[SubmissionState]int{}
	for _, f := range list {
		states[f.State]++
	}
	if states[SubmissionNew] != many*3/4 || states[SubmissionDamaged] != many/4 {
		t.Errorf("%v", states)
	}
	t.Logf("%d submissions in %v, %d KiB allocated for each", many, took, (after.TotalAlloc-before.TotalAlloc)>>10/many)
	for i := range maxReceived {
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprint("more", i, SubmissionSuffix)), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := l.Submissions(t.Context(), dir, nil); !errors.Is(err, ErrManySubmissions) {
		t.Errorf("more than are listed: %v", err)
	}
}

// TestSubmissionChain: old ones that are handed in again, numbers that come twice or late, and breaks in the chain are told apart from what is in order.
func TestSubmissionChain(t *testing.T) {
	l, dir := newLibrary(t), t.TempDir()
	id, size, other := small(t, l)
	first := forge(t, l, id, "Ada").chunk("disk0", size, 2, other)
	second := first.next(t)
	third := second.next(t)
	expect := func(what string, want map[string]SubmissionState) {
		t.Helper()
		list := listed(t, l, dir)
		for file, state := range want {
			if list[file].State != state {
				t.Errorf("%s: %s is %q (%s), want %q", what, file, list[file].State, list[file].Reason, state)
			}
		}
		if len(list) != len(want) {
			t.Errorf("%s: %d are listed", what, len(list))
		}
	}
	first.file(t, dir, "a1")
	expect("the first", map[string]SubmissionState{"a1": SubmissionNew})
	second.file(t, dir, "a2")
	expect("the second", map[string]SubmissionState{"a1": SubmissionOlder, "a2": SubmissionVerified})
	first.file(t, dir, "a4") // under the name of a new one
	expect("an old one again", map[string]SubmissionState{"a1": SubmissionOlder, "a2": SubmissionVerified, "a4": SubmissionReplay})
	if err := os.Remove(filepath.Join(dir, "a4"+SubmissionSuffix)); err != nil {
		t.Fatal(err)
	}
	another := *second
	another.ID = uuid.New()
	another.file(t, dir, "a2b")
	expect("another second", map[string]SubmissionState{"a1": SubmissionOlder, "a2": SubmissionVerified, "a2b": SubmissionReplay})
	branch := another.next(t)
	branch.file(t, dir, "a3b")
	expect("what follows on it", map[string]SubmissionState{"a1": SubmissionOlder, "a2": SubmissionOlder, "a2b": SubmissionReplay, "a3b": SubmissionVerified})
	// In a folder of its own, the third does not fit what was seen: the one that follows on the other second was seen first.
	dir = t.TempDir()
	third.file(t, dir, "a3")
	expect("the third, late", map[string]SubmissionState{"a3": SubmissionReplay})
	dir = t.TempDir()
	second.file(t, dir, "again") // which was seen, and is known to be old
	expect("the second in another folder", map[string]SubmissionState{"again": SubmissionOlder})
	dir = t.TempDir()
	broken := *third
	broken.ID, broken.Sequence, broken.Previous = uuid.New(), 3, lab.Sum(nil)
	broken.file(t, dir, "broken")
	expect("a break", map[string]SubmissionState{"broken": SubmissionReplay})
	// Where a number is missing there is nothing to compare with.
	dir = t.TempDir()
	bob := forge(t, l, id, "Bob").chunk("disk0", size, 2, other)
	bob.next(t).next(t).file(t, dir, "b3")
	expect("a gap", map[string]SubmissionState{"b3": SubmissionNew})
	bob.file(t, dir, "b1")
	expect("a late one", map[string]SubmissionState{"b1": SubmissionReplay, "b3": SubmissionVerified})
	// Another lab counts by itself.
	dir = t.TempDir()
	bob.Lab = publish(t, l, testSpec("other"), map[string][]byte{"disk0": numbered(4)})
	_, config, err := l.readConfig(bob.Lab)
	if err != nil {
		t.Fatal(err)
	}
	bob.Name = config.Name
	bob.file(t, dir, "b1")
	expect("another lab", map[string]SubmissionState{"b1": SubmissionVerified})
}

// TestSubmissionNames: what a student can write into name and clock does no harm, neither in the list nor in a spreadsheet.
func TestSubmissionNames(t *testing.T) {
	l, dir := newLibrary(t), t.TempDir()
	id, size, other := small(t, l)
	names := []string{"../../.config/autostart/x", "=HYPERLINK(\"http://x\",\"y\")", "@SUM(A1)", "-1+1", "\u202egpj.exe", "a,b;\"c\"", "O'Hara", "李明", strings.Repeat("ü", 64)}
	for i, name := range names {
		f := forge(t, l, id, name).chunk("disk0", size, 2, other)
		if i == 0 {
			f.Created = time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)
		}
		f.file(t, dir, fmt.Sprint(i))
	}
	list, err := l.Submissions(t.Context(), dir, nil)
	if err != nil || len(list) != len(names) {
		t.Fatal(err)
	}
	for _, f := range list {
		if f.State != SubmissionNew || f.Future != (f.Submission.Student.Name == names[0]) {
			t.Errorf("%+v", f)
		}
		r := &received{submission: f.Submission, receipt: f.Receipt}
		name := submissionName(r, &lab.Config{Title: "A title / with: much, more than a name can have, and then some more"})
		if len(name) > 60 || strings.ContainsAny(name, `/\:,"<>|?*%`) || strings.Contains(name, "\u202e") {
			t.Errorf("%q becomes the machine %q", f.Submission.Student.Name, name)
		}
		if part := plain(f.Submission.Student.Name); strings.Trim(part, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" || len(part) > 61 {
			t.Errorf("%q becomes the file %q", f.Submission.Student.Name, part)
		}
	}
	var text bytes.Buffer
	if err := WriteSubmissions(&text, list, nil); err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(&text).ReadAll()
	if err != nil || len(rows) != len(names)+1 {
		t.Fatalf("%v\n%s", err, text.String())
	}
	for _, row := range rows {
		for _, cell := range row {
			if strings.ContainsAny(firstOf(cell), "=+-@\t\r") || strings.Contains(cell, "\u202e") {
				t.Errorf("a cell says %q", cell)
			}
		}
	}
}
