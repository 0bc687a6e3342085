package source

import (
	"bytes"
	"errors"
	"path/filepath"
	"testing"

	"guesthouse/hypervisor/hosttest"
)

// TestKinds: labs and submissions lie in one folder or repository and do not see each other; a file holds one kind.
func TestKinds(t *testing.T) {
	t.Setenv("DOCKER_CONFIG", t.TempDir())
	handedIn := Options{Type: SubmissionType}
	for name, place := range map[string]string{
		"folder": filepath.Join(t.TempDir(), "all") + "#", "file": filepath.Join(t.TempDir(), "one.lab"), "registry": hosttest.StartRegistry(t, "") + "/course/all",
	} {
		one, other := makeLab(t, 1, 1), makeLab(t, 9, 2)
		other.manifest = bytes.Replace(other.manifest, []byte(ArtifactType), []byte(SubmissionType), 1)
		target := openTo(t, place, Options{})
		one.put(t, target, "latest")
		if err := target.Finish(t.Context(), other.manifest, "x"); !errors.Is(err, ErrNoPackage) && name != "file" { // a file is finished once
			t.Errorf("%s: a submission among labs by mistake: %v", name, err)
		}
		target.Close()
		if _, err := OpenSource(t.Context(), parsed(t, place), handedIn); !errors.Is(err, ErrNoPackage) {
			t.Errorf("%s: a lab as a submission: %v", name, err)
		}
		target = openTo(t, place, handedIn)
		if name == "file" {
			for _, blob := range other.blobs {
				if err := target.Put(t.Context(), blob, other.reader(blob)); err != nil {
					t.Fatal(err)
				}
			}
			if err := target.Finish(t.Context(), other.manifest, "ada-1"); !errors.Is(err, ErrNoPackage) {
				t.Errorf("a submission into a file with a lab: %v", err)
			}
			target.Close()
			sameManifest(t, openFrom(t, place, Options{}), one)
			continue
		}
		other.put(t, target, "ada-1")
		if err := target.Close(); err != nil {
			t.Error(err)
		}
		sameManifest(t, openFrom(t, place, Options{}), one)
		sameManifest(t, openFrom(t, place, handedIn), other)
		if _, err := OpenSource(t.Context(), parsed(t, place), Options{Tag: "ada-1"}); !errors.Is(err, ErrNotFound) && !errors.Is(err, ErrNoPackage) {
			t.Errorf("%s: a submission as a lab: %v", name, err)
		}
	}
}
