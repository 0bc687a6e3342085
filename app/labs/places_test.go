package labs

import (
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"testing"

	"guesthouse/app/labs/source"
	"guesthouse/vmconfig/lab"
)

// TestPlaces writes two versions to a folder and to a .lab file, and reads them there and from a web server that has both.
func TestPlaces(t *testing.T) {
	dir := t.TempDir()
	server := httptest.NewServer(http.FileServer(http.Dir(dir)))
	defer server.Close()
	teacher := newLibrary(t)
	first := publish(t, teacher, testSpec("a"), map[string][]byte{"disk0": testDisk(0)})
	image, err := teacher.Resolve("a")
	if err != nil {
		t.Fatal(err)
	}
	s := testSpec("a")
	s.Config.ID = image.Config.ID
	second := publish(t, teacher, s, map[string][]byte{"disk0": testDisk(1)})
	for _, name := range []string{"folder", "file.lab"} {
		path := filepath.Join(dir, name)
		for i, id := range []lab.Digest{first, second} {
			target, err := source.OpenTarget(t.Context(), parse(t, path), source.Options{})
			if err != nil {
				t.Fatal(err)
			}
			p := push(t, teacher, id, target)
			if err := target.Close(); err != nil {
				t.Fatal(err)
			}
			if i == 1 && (p.NewBytes > mib+1000 || p.KeptBytes == 0) || !slices.Contains(p.Tags, latestTag) {
				t.Errorf("%s: %+v", name, p)
			}
		}
		for _, ref := range []string{path, server.URL + "/" + name} {
			for want, suffix := range map[lab.Digest]string{first: "#1", second: ""} {
				place, err := source.OpenSource(t.Context(), parse(t, ref+suffix), source.Options{})
				if err != nil {
					t.Fatal(ref, err)
				}
				l := newLibrary(t)
				if got := add(t, l, place); got != want {
					t.Errorf("%s%s gives another lab", ref, suffix)
				}
				if wrong, err := l.Verify(t.Context(), want, nil); wrong != nil || err != nil {
					t.Error(wrong, err)
				}
				if err := place.Close(); err != nil {
					t.Error(err)
				}
			}
		}
	}
}

func parse(t *testing.T, text string) source.Ref {
	t.Helper()
	ref, err := source.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return ref
}
