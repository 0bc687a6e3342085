package source

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"guesthouse/hypervisor/hosttest"
)

// TestPlaces does the same to every kind of place that can be written.
func TestPlaces(t *testing.T) {
	t.Setenv("DOCKER_CONFIG", t.TempDir())
	for name, place := range map[string]func(*testing.T) string{
		"folder":   func(t *testing.T) string { return filepath.Join(t.TempDir(), "My labs #1") + "#" },
		"file":     func(t *testing.T) string { return filepath.Join(t.TempDir(), "web one.lab") },
		"registry": func(t *testing.T) string { return hosttest.StartRegistry(t, "") + "/course/web" },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ref := place(t)
			writesAndReads(t, ref)
			refusesWrongBlobs(t, ref)
		})
	}
}

func writesAndReads(t *testing.T, ref string) {
	one, two := makeLab(t, 1, 1, 2, 3), makeLab(t, 2, 1, 3, 4)
	target := openTo(t, ref, Options{})
	if _, err := target.Manifest(t.Context(), "latest"); !errors.Is(err, ErrNotFound) {
		t.Errorf("an empty place: %v", err)
	}
	if n := one.put(t, target, "1", "latest"); n != len(one.blobs) {
		t.Errorf("%d of %d blobs were new", n, len(one.blobs))
	}
	if err := target.Close(); err != nil {
		t.Error(err)
	}
	from := openFrom(t, ref, Options{})
	sameManifest(t, from, one)
	one.check(t, from)

	target = openTo(t, ref, Options{})
	if got, err := target.Manifest(t.Context(), "latest"); err != nil || !bytes.Equal(got, one.manifest) {
		t.Errorf("the previous version: %v", err)
	}
	one.check(t, target)
	if n := two.put(t, target, "2", "latest"); n != 2 { // the config and one pack
		t.Errorf("%d blobs of the second version were new", n)
	}
	if err := target.Close(); err != nil {
		t.Error(err)
	}
	for tag, want := range map[string]lab{"": two, "1": one, "2": two, "latest": two} {
		from := openFrom(t, ref, Options{Tag: tag})
		sameManifest(t, from, want)
		want.check(t, from)
	}
	byDigest := parsed(t, ref)
	byDigest.Digest = describe("", one.manifest).Digest
	source, err := OpenSource(t.Context(), byDigest, Options{Tag: "2"})
	if err != nil {
		t.Fatal(err)
	}
	defer source.Close()
	sameManifest(t, source, one)

	_, err = OpenSource(t.Context(), parsed(t, ref), Options{Tag: "3"})
	refused(t, "a tag that is not there", err, ErrNotFound)
	other := makeLab(t, 3, 9)
	_, err = read(t.Context(), source, other.blobs[0], 0, -1)
	refused(t, "a blob that is not there", err, ErrNotFound)
	wrong := one.blobs[1]
	wrong.Size++
	_, err = read(t.Context(), source, wrong, 0, -1)
	refused(t, "a blob of another size", err, ErrDamaged)
	for _, part := range [][2]int64{{-1, 1}, {0, wrong.Size}, {wrong.Size, 1}, {wrong.Size + 5, -1}, {1, 1<<63 - 1}, {1<<63 - 1, 1<<63 - 1}} {
		if body, err := source.Open(t.Context(), one.blobs[1], part[0], part[1]); err == nil {
			body.Close()
			t.Errorf("%v was given out of %d bytes", part, one.blobs[1].Size)
		}
	}
	ended, cancel := context.WithCancel(t.Context())
	body, err := source.Open(ended, one.blobs[1], 0, -1)
	if err != nil {
		t.Fatal(err)
	}
	defer body.Close()
	cancel()
	if _, err := io.Copy(io.Discard, body); !errors.Is(err, context.Canceled) {
		t.Errorf("a reader whose context has ended: %v", err)
	}
	if _, err := OpenSource(ended, parsed(t, ref), Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("opened with a context that has ended: %v", err)
	}
}

func refusesWrongBlobs(t *testing.T, ref string) {
	target := openTo(t, ref, quick(Options{}))
	l := makeLab(t, 5, 50, 51)
	blob, right := l.blobs[1], l.bytes[l.blobs[1].Digest.String()]
	wrong := bytes.Clone(right)
	wrong[len(wrong)-1]++
	for what, data := range map[string][]byte{"short": right[1:], "long": append(bytes.Clone(right), 0), "changed": wrong, "empty": nil} {
		refused(t, what, target.Put(t.Context(), blob, bytes.NewReader(data)), ErrDamaged)
	}
	broken := errors.New("the disk of the teacher broke")
	if err := target.Put(t.Context(), blob, io.MultiReader(bytes.NewReader(right[:5000]), failing{broken})); !errors.Is(err, broken) {
		t.Error(err)
	}
	if held, err := target.Has(t.Context(), blob); held || err != nil {
		t.Errorf("a blob that failed is there: %v, %v", held, err)
	}
	if err := target.Finish(t.Context(), l.manifest, "5"); err == nil {
		t.Error("a package without its blobs was finished")
	}
	for _, tag := range []string{"", "a b", "../x", "-"} {
		if target.Finish(t.Context(), l.manifest, tag) == nil {
			t.Errorf("tag %q was written", tag)
		}
	}
	refused(t, "an image", target.Finish(t.Context(), []byte(`{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json"}`), "5"), ErrNoPackage)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := target.Put(ended, blob, bytes.NewReader(right)); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	var all sync.WaitGroup
	for range 2 { // the same ones twice
		for _, blob := range l.blobs {
			all.Go(func() {
				if err := target.Put(t.Context(), blob, l.reader(blob)); err != nil {
					t.Error(err)
				}
			})
		}
	}
	all.Wait()
	if err := target.Finish(t.Context(), l.manifest, "5"); err != nil {
		t.Fatal(err)
	}
	from := openFrom(t, ref, Options{})
	sameManifest(t, from, l)
	l.check(t, from)
	one := openFrom(t, ref, Options{Tag: "1"})
	makeLab(t, 1, 1, 2, 3).check(t, one)
	if err := target.Close(); err != nil {
		t.Error(err)
	}
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

// TestShare reads what was written to a folder and to a file from a plain web server.
func TestShare(t *testing.T) {
	l := makeLab(t, 1, 1, 2)
	dir := l.folderOf(t, "1")
	file := filepath.Join(filepath.Dir(dir), "web.lab")
	target := openTo(t, file, Options{})
	l.put(t, target, "1")
	server := httptest.NewServer(http.FileServer(http.Dir(filepath.Dir(dir))))
	defer server.Close()
	for _, ref := range []string{"/package", "/package/", "/package/index.json", "/package#1", "/web.lab", "/web.lab#1"} {
		from := openFrom(t, server.URL+ref, Options{})
		sameManifest(t, from, l)
		l.check(t, from)
		_, err := read(t.Context(), from, makeLab(t, 2).blobs[0], 0, -1)
		refused(t, ref, err, ErrNotFound)
	}
	for ref, kind := range map[string]error{"/": ErrNotFound, "/none": ErrNotFound, "/none.lab": ErrNotFound, "/package#7": ErrNotFound} {
		_, err := OpenSource(t.Context(), parsed(t, server.URL+ref), quick(Options{}))
		refused(t, ref, err, kind)
	}
	if _, err := OpenTarget(t.Context(), parsed(t, server.URL+"/package"), Options{}); err == nil {
		t.Error("a web share was opened to be written")
	}
}

// TestTarOfOthers reads a package that tar and not this program has put together.
func TestTarOfOthers(t *testing.T) {
	l := makeLab(t, 1, 1, 2)
	dir := l.folderOf(t, "1")
	for _, format := range []string{"gnu", "ustar", "pax"} {
		file := filepath.Join(t.TempDir(), "web.lab")
		if out, err := exec.Command("tar", "--format", format, "-cf", file, "-C", dir, ".").CombinedOutput(); err != nil {
			t.Fatal(err, string(out))
		}
		from := openFrom(t, file, Options{})
		sameManifest(t, from, l)
		l.check(t, from)
		// And the other way round.
		listed, err := exec.Command("tar", "-tf", file).Output()
		if err != nil || !strings.Contains(string(listed), "./index.json") {
			t.Error(err, string(listed))
		}
	}
	file := filepath.Join(t.TempDir(), "web.lab")
	l.put(t, openTo(t, file, Options{}), "1")
	listed, err := exec.Command("tar", "-tf", file).CombinedOutput()
	if lines := strings.Fields(string(listed)); err != nil || len(lines) != len(l.blobs)+3 || lines[0] != "oci-layout" || lines[1] != "index.json" {
		t.Error(err, string(listed))
	}
	out := t.TempDir()
	if text, err := exec.Command("tar", "-xf", file, "-C", out).CombinedOutput(); err != nil {
		t.Fatal(err, string(text))
	}
	l.check(t, openFrom(t, out, Options{}))
}

// TestFileIsReplacedWhenWhole writes to a .lab file that is there, and gives up.
func TestFileIsReplacedWhenWhole(t *testing.T) {
	file := filepath.Join(t.TempDir(), "web.lab")
	one, two := makeLab(t, 1, 1, 2), makeLab(t, 2, 2, 3)
	target := openTo(t, file, Options{})
	if _, err := os.Stat(file); err == nil {
		t.Error("the file has its name before it is whole")
	}
	one.put(t, target, "latest")
	if target.Finish(t.Context(), one.manifest, "again") == nil {
		t.Error("finished twice")
	}
	target.Close()
	before, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	target = openTo(t, file, Options{})
	for _, blob := range two.blobs {
		if err := target.Put(t.Context(), blob, two.reader(blob)); err != nil {
			t.Fatal(err)
		}
	}
	if err := target.Close(); err != nil {
		t.Error(err)
	}
	after, err := os.ReadFile(file)
	if err != nil || !bytes.Equal(before, after) {
		t.Error("the file was changed by a try that was given up", err)
	}
	if entries, _ := os.ReadDir(filepath.Dir(file)); len(entries) != 1 {
		t.Errorf("left behind: %v", entries)
	}
	// A tag that moves on takes what no tag needs any more with it.
	target = openTo(t, file, Options{})
	two.put(t, target, "latest")
	target.Close()
	from := openFrom(t, file, Options{})
	two.check(t, from)
	_, err = read(t.Context(), from, one.blobs[1], 0, -1)
	refused(t, "a pack of the old version", err, ErrNotFound)
	// Somebody else is faster.
	mine, other := openTo(t, file, Options{}), openTo(t, file, Options{})
	one.put(t, other, "1")
	for _, blob := range one.blobs {
		if err := mine.Put(t.Context(), blob, one.reader(blob)); err != nil {
			t.Fatal(err)
		}
	}
	refused(t, "a file that changed meanwhile", mine.Finish(t.Context(), one.manifest, "mine"), ErrBusy)
}

// TestDamagedOldFile takes nothing over from a file without looking at it.
func TestDamagedOldFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "web.lab")
	one := makeLab(t, 1, 1)
	one.put(t, openTo(t, file, Options{}), "1")
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	at := bytes.Index(data, one.bytes[one.blobs[1].Digest.String()])
	data[at]++
	writeFile(t, data, file)
	target := openTo(t, file, Options{})
	two := makeLab(t, 2, 2)
	for _, blob := range two.blobs {
		if err := target.Put(t.Context(), blob, two.reader(blob)); err != nil {
			t.Fatal(err)
		}
	}
	refused(t, "a pack that was damaged", target.Finish(t.Context(), two.manifest, "2"), ErrDamaged)
	target.Close()
	if now, err := os.ReadFile(file); err != nil || !bytes.Equal(now, data) {
		t.Error("the old file was touched", err)
	}
}

// TestChoice takes the newest, and asks where there is none.
func TestChoice(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "p")
	target := openTo(t, dir, Options{})
	nine, ten := makeLab(t, 9, 1), makeLab(t, 10, 2)
	ten.put(t, target, "10")
	nine.put(t, target, "9")
	sameManifest(t, openFrom(t, dir, Options{}), ten)
	// The version is in the manifest even where the index says nothing.
	index, _, err := target.(*folderTarget).index(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for i := range index.Manifests {
		delete(index.Manifests[i].Annotations, ocispec.AnnotationVersion)
	}
	writeFile(t, encode(t, index), dir, "index.json")
	sameManifest(t, openFrom(t, dir, Options{}), ten)
	twin := makeLab(t, 10, 3)
	twin.put(t, target, "twin")
	_, err = OpenSource(t.Context(), parsed(t, dir), Options{})
	refused(t, "two of one version", err, ErrNotFound)
	if err != nil && !strings.Contains(err.Error(), "twin") {
		t.Error(err)
	}
	sameManifest(t, openFrom(t, dir+"#twin", Options{}), twin)
}

// TestFoldersAtOnce adds tags from several writers, none of which may be lost.
func TestFoldersAtOnce(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "p")
	t.Run("writers", func(t *testing.T) {
		for i := range 8 {
			t.Run("", func(t *testing.T) {
				t.Parallel()
				makeLab(t, i, uint64(i)).put(t, openTo(t, dir, Options{}), string(rune('a'+i)))
			})
		}
	})
	for i := range 8 {
		sameManifest(t, openFrom(t, dir, Options{Tag: string(rune('a' + i))}), makeLab(t, i, uint64(i)))
	}
}
