package source

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"golang.org/x/sys/unix"
)

// TestHostileIndex refuses what an index.json may say.
func TestHostileIndex(t *testing.T) {
	l := makeLab(t, 1, 1)
	entry := string(encode(t, manifestEntry(l.manifest)))
	right := describe("", l.manifest).Digest.Encoded()
	index := func(entries ...string) string {
		return `{"schemaVersion":2,"manifests":[` + strings.Join(entries, ",") + `]}`
	}
	changed := func(from, to string) string {
		if !strings.Contains(entry, from) {
			t.Fatalf("%s is not in %s", from, entry)
		}
		return strings.Replace(entry, from, to, 1)
	}
	size := fmt.Sprintf(`"size":%d`, len(l.manifest))
	tagged := func(entry string) string {
		return strings.Replace(entry, `"annotations":{`, `"annotations":{"org.opencontainers.image.ref.name":"1",`, 1)
	}
	for what, c := range map[string]struct {
		index string
		kind  error
	}{
		"empty":                       {"", ErrNoPackage},
		"no JSON":                     {"hello", ErrNoPackage},
		"a list":                      {"[]", ErrNoPackage},
		"nothing":                     {"null", ErrNoPackage},
		"another version":             {`{"schemaVersion":1,"manifests":[]}`, ErrNoPackage},
		"no manifests":                {index(), ErrNoPackage},
		"a web page":                  {"<html>", ErrNoPackage},
		"100 MB":                      {index() + strings.Repeat(" ", 100<<20), ErrNoPackage},
		"deep":                        {strings.Repeat(`{"manifests":[`, 1_000_00), ErrNoPackage},
		"many":                        {index(strings.Repeat(entry+",", maxManifests) + entry), ErrNoPackage},
		"negative size":               {index(changed(size, `"size":-1`)), ErrDamaged},
		"huge size":                   {index(changed(size, `"size":9223372036854775807`)), ErrDamaged},
		"size beyond 64 bits":         {index(changed(size, `"size":92233720368547758070`)), ErrNoPackage},
		"size as text":                {index(changed(size, `"size":"1"`)), ErrNoPackage},
		"a manifest of 5 MB":          {index(changed(size, `"size":5000000`)), ErrDamaged},
		"another size":                {index(changed(size, `"size":12`)), ErrDamaged},
		"digest with a path":          {index(changed("sha256:"+right, "sha256:../../../../etc/passwd")), ErrDamaged},
		"digest of another kind":      {index(changed("sha256:"+right, "../:"+right)), ErrDamaged},
		"sha512":                      {index(changed("sha256:"+right, "sha512:"+right+right)), ErrDamaged},
		"digest in capitals":          {index(changed("sha256:"+right, "sha256:"+strings.ToUpper(right))), ErrDamaged},
		"no digest":                   {index(changed("sha256:"+right, "")), ErrDamaged},
		"a manifest that is not here": {index(changed(right, strings.Repeat("0", 64))), ErrNotFound},
		"only images of others":       {index(changed(ArtifactType, "application/vnd.cncf.helm.chart")), ErrNoPackage},
		"only lists of images":        {index(changed(ocispec.MediaTypeImageManifest, ocispec.MediaTypeImageIndex)), ErrNoPackage},
		"one tag for two":             {index(tagged(entry), tagged(changed(right, strings.Repeat("0", 64)))), ErrDamaged},
	} {
		dir := l.folderOf(t)
		writeFile(t, []byte(c.index), dir, "index.json")
		_, err := OpenSource(t.Context(), parsed(t, dir), Options{})
		refused(t, what, err, c.kind)
		_, err = OpenTarget(t.Context(), parsed(t, dir), Options{})
		if err == nil && strings.Contains("negative size huge size digest with a path", what) {
			t.Errorf("%s: opened to write", what)
		}
	}
	// The one tag is there twice, and an entry of others is between them: nothing to complain of.
	dir := l.folderOf(t)
	writeFile(t, []byte(index(tagged(entry), changed(ArtifactType, "application/vnd.cncf.helm.chart"), tagged(entry))), dir, "index.json")
	l.check(t, openFrom(t, dir, Options{Tag: "1"}))
}

// TestHostileManifest refuses what is no lab. Whether a lab is a good one is looked at elsewhere.
func TestHostileManifest(t *testing.T) {
	for what, manifest := range map[string]string{
		"an image": `{"schemaVersion":2,"config":{"mediaType":"application/vnd.oci.image.config.v1+json"}}`,
		"no JSON":  "hello", "empty": "", "a web page": "<html>", "a list": "[]",
	} {
		l := makeLab(t, 1, 1)
		dir := l.folderOf(t)
		blob := describe(ocispec.MediaTypeImageManifest, []byte(manifest))
		writeFile(t, []byte(manifest), dir, blobName(blob.Digest))
		writeFile(t, encode(t, addToIndex(ocispec.Index{}, blob, nil)), dir, "index.json")
		_, err := OpenSource(t.Context(), parsed(t, dir), Options{})
		refused(t, what, err, ErrNoPackage)
	}
	l := makeLab(t, 1, 1)
	dir := l.folderOf(t)
	name := blobName(describe("", l.manifest).Digest)
	writeFile(t, bytes.Replace(l.manifest, []byte("1"), []byte("2"), 1), dir, name)
	_, err := OpenSource(t.Context(), parsed(t, dir), Options{})
	refused(t, "a manifest that was changed", err, ErrDamaged)
}

// TestHostileBlobs asks for blobs as a manifest of somebody may name them.
func TestHostileBlobs(t *testing.T) {
	l := makeLab(t, 1, 1)
	dir := l.folderOf(t)
	file := filepath.Join(t.TempDir(), "x.lab")
	l.put(t, openTo(t, file, Options{}), "1")
	for _, ref := range []string{dir, file} {
		from, target := openFrom(t, ref, Options{}), openTo(t, ref, Options{})
		for _, blob := range []ocispec.Descriptor{
			{Digest: "sha256:../../../../../etc/passwd", Size: 1},
			{Digest: "../x:" + digest.Digest(strings.Repeat("0", 64)), Size: 1},
			{Digest: "sha512:" + digest.Digest(strings.Repeat("0", 128)), Size: 1},
			{Digest: "", Size: 0},
			{Digest: l.blobs[1].Digest, Size: -1},
			{Digest: l.blobs[1].Digest, Size: 1 << 62},
			{Digest: l.blobs[1].Digest, Size: l.blobs[1].Size - 1},
		} {
			_, err := read(t.Context(), from, blob, 0, -1)
			refused(t, string(blob.Digest), err, ErrDamaged)
			if held, err := target.Has(t.Context(), blob); held {
				t.Errorf("%v is there: %v", blob, err)
			}
			if target.Put(t.Context(), blob, strings.NewReader("x")) == nil {
				t.Errorf("%v was written", blob)
			}
		}
	}
}

// TestHostileFolder opens nothing that is no file of the folder.
func TestHostileFolder(t *testing.T) {
	secret := writeFile(t, []byte("secret"), t.TempDir(), "secret")
	for what, c := range map[string]struct {
		kind error
		make func(path string) error
	}{
		"a link out by an absolute path": {ErrNoPackage, func(path string) error { return os.Symlink(secret, path) }},
		"a link out by a relative path":  {ErrNoPackage, func(path string) error { return os.Symlink("../../../../../../../../../../../.."+secret, path) }},
		"a link to itself":               {nil, func(path string) error { return os.Symlink(filepath.Base(path), path) }},
		"a pipe":                         {ErrNoPackage, func(path string) error { return unix.Mkfifo(path, 0o600) }},
		"a folder":                       {ErrNoPackage, func(path string) error { return os.Mkdir(path, 0o700) }},
		"a socket":                       {nil, socket},
		"nothing":                        {ErrNotFound, func(string) error { return nil }},
	} {
		l := makeLab(t, 1, 1)
		for _, name := range []string{"oci-layout", "index.json", blobName(l.blobs[1].Digest)} {
			dir := l.folderOf(t)
			from := openFrom(t, dir, Options{})
			path := filepath.Join(dir, name)
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
			if err := c.make(path); err != nil {
				t.Fatal(err)
			}
			_, err := read(t.Context(), from, l.blobs[1], 0, -1)
			if !strings.HasPrefix(name, "blobs") {
				_, err = OpenSource(t.Context(), parsed(t, dir), Options{})
				if c.kind == ErrNotFound { //nolint:errorlint // it is the very one
					c.kind = ErrNoPackage
				}
			} else if what == "nothing" {
				c.kind = ErrNotFound
			}
			if c.kind == nil && err == nil {
				t.Errorf("%s as %s was opened", what, name)
			} else if c.kind != nil {
				refused(t, what+" as "+name, err, c.kind)
			}
			if target, err := OpenTarget(t.Context(), parsed(t, dir), Options{}); err == nil {
				if held, err := target.Has(t.Context(), l.blobs[1]); held && strings.HasPrefix(name, "blobs") {
					t.Errorf("%s as %s counts as the blob: %v", what, name, err)
				}
				_ = target.Close()
			}
		}
	}
	if data, err := os.ReadFile(secret); err != nil || string(data) != "secret" {
		t.Error("it was written to", err)
	}
	// The folder of blobs leads elsewhere.
	l := makeLab(t, 1, 1)
	dir, elsewhere := l.folderOf(t), t.TempDir()
	if err := errors.Join(os.Rename(filepath.Join(dir, "blobs"), filepath.Join(elsewhere, "blobs")), os.Symlink(filepath.Join(elsewhere, "blobs"), filepath.Join(dir, "blobs"))); err != nil {
		t.Fatal(err)
	}
	_, err := OpenSource(t.Context(), parsed(t, dir), Options{})
	refused(t, "a folder that is a link", err, ErrNoPackage)
	if _, err := OpenTarget(t.Context(), parsed(t, dir), Options{}); err == nil {
		t.Error("a folder that is a link was opened to write")
	}
}

func socket(path string) error {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	here, err := os.Getwd()
	if err != nil {
		return err
	}
	defer func() { _ = os.Chdir(here) }() // the path of a socket has at most 107 bytes
	if err := os.Chdir(filepath.Dir(path)); err != nil {
		return err
	}
	return unix.Bind(fd, &unix.SockaddrUnix{Name: filepath.Base(path)})
}

// TestOtherFolders are not written to.
func TestOtherFolders(t *testing.T) {
	dir := t.TempDir()
	thesis := writeFile(t, []byte("x"), dir, "thesis.txt")
	_, err := OpenTarget(t.Context(), parsed(t, dir), Options{})
	refused(t, "a folder of other things", err, ErrNoPackage)
	_, err = OpenSource(t.Context(), parsed(t, dir), Options{})
	refused(t, "a folder of other things", err, ErrNoPackage)
	_, err = OpenTarget(t.Context(), parsed(t, thesis), Options{})
	refused(t, "a file", err, ErrNoPackage)
	_, err = OpenTarget(t.Context(), parsed(t, filepath.Join(dir, "none", "deeper")), Options{})
	refused(t, "a folder in one that is not there", err, ErrNotFound)
	_, err = OpenTarget(t.Context(), parsed(t, filepath.Join(dir, "none", "x.lab")), Options{})
	refused(t, "a file in a folder that is not there", err, ErrNotFound)
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 1 {
		t.Error(entries, err)
	}
	if _, err := OpenSource(t.Context(), parsed(t, "course/web"), Options{}); err == nil {
		t.Error("a name was opened")
	}
	if _, err := OpenTarget(t.Context(), parsed(t, "course/web"), Options{}); err == nil {
		t.Error("a name was opened to write")
	}
}

// TestLeftovers removes what a writer left that is no more, and nothing else.
func TestLeftovers(t *testing.T) {
	l := makeLab(t, 1, 1)
	dir := l.folderOf(t)
	file := filepath.Join(filepath.Dir(dir), "web.lab")
	long := time.Now().Add(-time.Hour)
	old := func(path string) string {
		writeFile(t, []byte("x"), path)
		if err := os.Chtimes(path, long, long); err != nil {
			t.Fatal(err)
		}
		return path
	}
	gone := []string{old(filepath.Dir(file) + "/.web.lab.part123"), old(dir + "/.index.json.part1"), old(dir + "/blobs/sha256/.aa.part1")}
	stay := []string{old(filepath.Dir(file) + "/.other.lab.part123"), old(filepath.Dir(file) + "/.config"), old(dir + "/blobs/sha256/aa"), writeFile(t, nil, dir, ".new.part1")}
	alive, err := os.Open(old(dir + "/blobs/sha256/.bb.part1"))
	if err != nil {
		t.Fatal(err)
	}
	defer alive.Close()
	if err := unix.Flock(int(alive.Fd()), unix.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	openTo(t, file, Options{})
	openTo(t, dir, Options{})
	for _, path := range gone {
		if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s is still there: %v", path, err)
		}
	}
	for _, path := range append(stay, alive.Name()) {
		if _, err := os.Lstat(path); err != nil {
			t.Error(err)
		}
	}
}

// TestLocalFailures finds words for what a file system says.
func TestLocalFailures(t *testing.T) {
	for errno, kind := range map[syscall.Errno]error{
		unix.ENOENT: ErrNotFound, unix.ENOTDIR: ErrNotFound, unix.EACCES: ErrAuth, unix.EPERM: ErrAuth, unix.EIO: ErrUnreachable, unix.ENODEV: ErrUnreachable,
		unix.ESTALE: ErrUnreachable, unix.ENOSPC: unix.ENOSPC, unix.EFBIG: unix.EFBIG, unix.EROFS: fs.ErrInvalid, unix.EMFILE: unix.EMFILE,
	} {
		if errno == unix.EROFS {
			kind = unix.EROFS
		}
		err := localFailure("place", &fs.PathError{Op: "write", Path: "/somewhere", Err: errno})
		refused(t, errno.Error(), err, kind)
		if strings.Contains(err.Error(), "somewhere") {
			t.Error(err)
		}
	}
}

// TestFull tells that a drive is full, by one that always is.
func TestFull(t *testing.T) {
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer full.Close()
	l := makeLab(t, 1, 1)
	if err := pour(t.Context(), "place", full, l.blobs[1], l.reader(l.blobs[1])); !errors.Is(err, unix.ENOSPC) || !strings.Contains(err.Error(), "no room") {
		t.Error(err)
	}
}
