package labs

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"guesthouse/vmconfig/lab"
)

func TestRemoveAndGC(t *testing.T) {
	teacher := newLibrary(t)
	shared := map[string][]byte{"disk0": noise(1, mib), "disk1": noise(2, mib)}
	two := testSpec("two")
	two.Config.Disks = append(two.Config.Disks, lab.Disk{ID: "disk1", Bus: "sata"})
	second := publish(t, teacher, two, shared)
	first := publish(t, teacher, testSpec("one"), map[string][]byte{"disk0": noise(1, mib)})
	disk0, disk1 := pathOf(t, teacher, second, "disk0"), pathOf(t, teacher, second, "disk1")
	if pathOf(t, teacher, first, "disk0") != disk0 {
		t.Fatal("the same content is there twice")
	}
	there := func(path string, want bool) {
		t.Helper()
		if got, err := exists(path); got != want || err != nil {
			t.Errorf("%s is there: %v, %v", path, got, err)
		}
	}
	gc := func(used ...string) int64 {
		t.Helper()
		freed, err := teacher.GC(t.Context(), func() ([]string, error) { return used, nil })
		if err != nil {
			t.Error(err)
		}
		return freed
	}
	if freed := gc(); freed != 0 {
		t.Errorf("%d bytes were freed of what labs use", freed)
	}
	there(disk0, true)
	there(disk1, true)
	if err := teacher.Remove(t.Context(), second); err != nil {
		t.Fatal(err)
	}
	if err := teacher.Remove(t.Context(), second); !errors.Is(err, ErrNoLab) {
		t.Error(err)
	}
	if _, err := teacher.Resolve("two"); !errors.Is(err, ErrNoLab) {
		t.Error(err)
	}
	if _, err := teacher.GC(t.Context(), func() ([]string, error) { return nil, unix.EIO }); !errors.Is(err, unix.EIO) {
		t.Error(err)
	}
	there(disk1, true)
	gc(disk1)
	there(disk1, true)
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(disk1, link); err != nil {
		t.Fatal(err)
	}
	gc(link)
	there(disk1, true)
	lock, err := teacher.lockBase(t.Context(), mustIndex(t, disk1), unix.LOCK_SH)
	if err != nil {
		t.Fatal(err)
	}
	gc()
	there(disk1, true)
	lock.Close()
	if freed := gc("/elsewhere"); freed < mib {
		t.Errorf("%d bytes were freed", freed)
	}
	there(filepath.Dir(disk1), false)
	there(disk0, true)
	wantContent(t, teacher, first, map[string][]byte{"disk0": noise(1, mib)})
	// A lab that cannot be read may name anything.
	if err := teacher.Remove(t.Context(), first); err != nil {
		t.Fatal(err)
	}
	third := publish(t, teacher, testSpec("three"), map[string][]byte{"disk0": noise(3, mib)})
	config := filepath.Join(teacher.imageDir(third), configFile)
	if err := os.WriteFile(config, []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := teacher.GC(t.Context(), func() ([]string, error) { return nil, nil }); !errors.Is(err, ErrChanged) {
		t.Error(err)
	}
	there(disk0, true)
}

func mustIndex(t *testing.T, path string) lab.Digest {
	t.Helper()
	d, err := lab.ParseDigest("sha256:" + filepath.Base(filepath.Dir(path)))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// TestGCSweeps removes what crashes and cancelled fetches left, when it is old.
func TestGCSweeps(t *testing.T) {
	l := newLibrary(t)
	staging, err := l.Staging()
	if err != nil {
		t.Fatal(err)
	}
	part := filepath.Join(l.baseDir(lab.Digest{1}), "base.raw.part")
	staged, hidden := filepath.Join(staging, "disk"), filepath.Join(l.images(), ".x.part", "config.json")
	for _, path := range []string{part, staged, hidden} {
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, noise(1, 5000), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	look := func(wantPart, wantStaged, wantHidden bool) {
		t.Helper()
		if _, err := l.GC(t.Context(), func() ([]string, error) { return nil, nil }); err != nil {
			t.Fatal(err)
		}
		for path, want := range map[string]bool{part: wantPart, staged: wantStaged, hidden: wantHidden} {
			if got, _ := exists(path); got != want {
				t.Errorf("%s is there: %v", path, got)
			}
		}
	}
	look(true, true, false)
	l.now = func() time.Time { return time.Now().Add(keepParts + time.Hour) }
	look(false, false, false)
}
