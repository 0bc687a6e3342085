package labs

import (
	"errors"
	"os"
	"slices"
	"testing"

	"guesthouse/app/labs/source"
	"guesthouse/vmconfig/lab"
)

// pathOf is the file of a part.
func pathOf(t testing.TB, l *Library, id lab.Digest, part string) string {
	t.Helper()
	bases, err := l.Bases(id)
	if err != nil {
		t.Fatal(err)
	}
	return bases[slices.IndexFunc(bases, func(b Base) bool { return b.Part.ID == part })].Path
}

// hurt writes into a chunk, as a fault of the disk or a curious person does. A sly one puts mode and time back.
func hurt(t testing.TB, l *Library, id lab.Digest, part string, chunk int, sly bool) {
	t.Helper()
	path := pathOf(t, l, id, part)
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	file, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := file.WriteAt([]byte("hurt"), int64(chunk)*mib+5); err != nil {
		t.Fatal(err)
	}
	file.Close()
	if sly {
		if err := errors.Join(os.Chmod(path, 0o444), os.Chtimes(path, info.ModTime(), info.ModTime())); err != nil {
			t.Fatal(err)
		}
	}
}

func TestVerifyAndRepair(t *testing.T) {
	place, contents := published()
	for name, test := range map[string]struct {
		damage func(t *testing.T, l *Library, id lab.Digest)
		wrong  []Wrong
		reads  int64 // at most so many MiB are fetched
		quick  bool  // the quick check must find it
	}{
		"two chunks": {func(t *testing.T, l *Library, id lab.Digest) {
			hurt(t, l, id, "disk0", 4, false)
			hurt(t, l, id, "disk0", 2, false) // a hole
		}, []Wrong{{"disk0", false, []int{2, 4}}}, 3, true},
		"sly": {func(t *testing.T, l *Library, id lab.Digest) {
			hurt(t, l, id, "disk0", 8, true)
		}, []Wrong{{"disk0", false, []int{8}}}, 3, true}, // fewer chunks than it reads
		"variables": {func(t *testing.T, l *Library, id lab.Digest) {
			hurt(t, l, id, lab.VariablesID, 0, false)
		}, []Wrong{{lab.VariablesID, false, []int{0}}}, 3, true},
		"deleted": {func(t *testing.T, l *Library, id lab.Digest) {
			os.Remove(pathOf(t, l, id, "disk0"))
		}, []Wrong{{"disk0", true, nil}}, 100, true},
		"cut": {func(t *testing.T, l *Library, id lab.Digest) {
			path := pathOf(t, l, id, "disk0")
			if err := errors.Join(os.Chmod(path, 0o600), os.Truncate(path, 3*mib)); err != nil {
				t.Fatal(err)
			}
		}, []Wrong{{"disk0", true, nil}}, 7, true},
		"a link": {func(t *testing.T, l *Library, id lab.Digest) {
			path := pathOf(t, l, id, "disk0")
			elsewhere := t.TempDir() + "/file"
			if err := errors.Join(os.Rename(path, elsewhere), os.Symlink(elsewhere, path)); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() {
				if data, err := os.ReadFile(elsewhere); err != nil || len(data) != len(contents["disk0"]) {
					t.Errorf("what the link pointed to was touched: %v", err)
				}
			})
		}, []Wrong{{"disk0", true, nil}}, 100, true},
		"touched": {func(t *testing.T, l *Library, id lab.Digest) {
			if err := os.Chmod(pathOf(t, l, id, "disk0"), 0o644); err != nil {
				t.Fatal(err)
			}
		}, nil, 0, true},
		"nothing": {func(*testing.T, *Library, lab.Digest) {}, nil, 0, false},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLibrary(t)
			id := add(t, l, place.clone().source())
			test.damage(t, l, id)
			if err := l.QuickCheck(t.Context(), id); test.quick != errors.Is(err, ErrChanged) {
				t.Errorf("the quick check says %v", err)
			}
			used := false
			if err := l.Using(t.Context(), id, func(*lab.Config, []Base) error { used = true; return nil }); used == test.quick || (err == nil) == test.quick {
				t.Errorf("used: %v, %v", used, err)
			}
			wrong, err := l.Verify(t.Context(), id, nil)
			if err != nil || !slices.EqualFunc(wrong, test.wrong, func(a, b Wrong) bool {
				return a.Part == b.Part && a.Missing == b.Missing && slices.Equal(a.Chunks, b.Chunks)
			}) {
				t.Errorf("%+v, %v", wrong, err)
			}
			from := place.clone()
			if err := l.Repair(t.Context(), id, from.source(), nil); err != nil {
				t.Fatal(err)
			}
			if from.bytes > test.reads*mib {
				t.Errorf("%d bytes were fetched", from.bytes)
			}
			wantContent(t, l, id, contents)
		})
	}
}

// TestAddRepairs adds a lab whose base is damaged.
func TestAddRepairs(t *testing.T) {
	place, contents := published()
	l := newLibrary(t)
	id := add(t, l, place.clone().source())
	hurt(t, l, id, "disk0", 0, false)
	if add(t, l, place.clone().source()) != id {
		t.Error("another lab")
	}
	wantContent(t, l, id, contents)
	// The lab's own files.
	for _, name := range []string{configFile, signatureFile, "disk0" + indexSuffix} {
		if err := os.WriteFile(l.imageDir(id)+"/"+name, []byte("hurt"), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := l.Verify(t.Context(), id, nil); err == nil {
			t.Errorf("%s: not seen", name)
		}
		if name == configFile {
			if list, err := l.Images(); err != nil || len(list) != 1 || !errors.Is(list[0].Err, ErrChanged) {
				t.Errorf("%+v, %v", list, err)
			}
		}
		if add(t, l, place.clone().source()) != id {
			t.Error("another lab")
		}
		wantContent(t, l, id, contents)
	}
}

// TestRepairFails keeps what is right.
func TestRepairFails(t *testing.T) {
	place, contents := published()
	l := newLibrary(t)
	id := add(t, l, place.clone().source())
	hurt(t, l, id, "disk0", 0, false)
	empty := place.clone()
	for key := range empty.blobs {
		delete(empty.blobs, key)
	}
	if err := l.Repair(t.Context(), id, empty.source(), nil); !errors.Is(err, source.ErrNotFound) {
		t.Error(err)
	}
	if err := l.QuickCheck(t.Context(), id); !errors.Is(err, ErrChanged) {
		t.Errorf("it passes: %v", err)
	}
	if list, err := l.Images(); err != nil || list[0].Ready {
		t.Errorf("%+v, %v", list, err)
	}
	from := place.clone()
	if err := l.Repair(t.Context(), id, from.source(), nil); err != nil {
		t.Fatal(err)
	}
	if from.bytes > 3*mib {
		t.Errorf("%d bytes were fetched", from.bytes)
	}
	wantContent(t, l, id, contents)
}
