package labs

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
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

// TestSeveralLabsAtAPlace: which labs a folder holds can be asked, and each can be fetched.
func TestSeveralLabsAtAPlace(t *testing.T) {
	r := openRoom(t)
	dir := t.TempDir()
	titles := []string{"Exam", "First steps"}
	for _, title := range append(titles, "Exam") { // of which there are two versions
		id := r.publish(t, numbered(1), func(s *Spec) {
			s.Config.Name, s.Config.Title = "networks/"+strings.ReplaceAll(strings.ToLower(title), " ", "-"), title
			if image, err := r.Library().Resolve(s.Config.Name); err == nil {
				s.Config.ID = image.Config.ID
			}
		})
		done(t, r.Send(id, dir, SendOptions{}))
	}
	err := r.Fetch(dir, FetchOptions{}).Wait(within(t))
	var several *source.SeveralError
	if !errors.As(err, &several) || len(several.Choices) != 2 {
		t.Fatalf("%v, %+v", err, several)
	}
	for i, want := range []struct{ title, version string }{{"Exam", "2"}, {"First steps", "1"}} {
		one := several.Choices[i]
		var id lab.Digest
		ref := source.Ref{Kind: source.KindFolder, Location: dir, Digest: one.Digest}
		done(t, r.Fetch(ref.String(), FetchOptions{Done: func(d lab.Digest) { id = d }}))
		image, err := r.Library().Resolve(id.String())
		if one.Title != want.title || one.Version != want.version || err != nil || image.Config.Title != want.title || fmt.Sprint(image.Config.Version) != want.version {
			t.Errorf("%+v is %+v, %v", one, image.Config, err)
		}
	}
}
