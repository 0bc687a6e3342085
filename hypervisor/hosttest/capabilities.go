package hosttest

import (
	"os"
	"path/filepath"
	"testing"
)

// A fresh session daemon asks every QEMU binary what it can do, which takes seconds. libvirt keeps the
// answers in its cache folder and checks them against the binary's time stamps, so tests may share them.

const capabilitiesPath = "libvirt/qemu/cache/capabilities"

// CacheDir is where test support keeps what is costly to make, between runs and shared by all test
// processes of this user: GUESTHOUSE_TEST_CACHE, or a folder in the user's cache.
func CacheDir(t testing.TB) string {
	t.Helper()
	dir, err := cacheDir()
	if err != nil {
		t.Fatalf("hosttest: %v", err)
	}
	return dir
}

func cacheDir() (string, error) {
	dir := os.Getenv("GUESTHOUSE_TEST_CACHE")
	if dir == "" {
		user, err := os.UserCacheDir()
		if err != nil {
			return "", err
		}
		dir = filepath.Join(user, "guesthouse-test")
	}
	return dir, os.MkdirAll(dir, 0o755)
}

func shareCapabilities(t testing.TB, h *Host) {
	t.Helper()
	copyMissing(filepath.Join(CacheDir(t), "capabilities"), filepath.Join(h.CacheDir, capabilitiesPath))
}

func keepCapabilities(h *Host) {
	if dir, err := cacheDir(); err == nil {
		copyMissing(filepath.Join(h.CacheDir, capabilitiesPath), filepath.Join(dir, "capabilities"))
	}
}

// copyMissing copies the files of one flat folder that the other lacks or has older. Losing one only costs
// time, so errors do not matter; a reader never sees half a file.
func copyMissing(from, to string) {
	entries, err := os.ReadDir(from)
	if err != nil {
		return
	}
	if os.MkdirAll(to, 0o700) != nil {
		return
	}
	for _, entry := range entries {
		source, target := filepath.Join(from, entry.Name()), filepath.Join(to, entry.Name())
		old, err := os.Stat(target)
		if info, infoErr := entry.Info(); infoErr != nil || !info.Mode().IsRegular() || err == nil && !old.ModTime().Before(info.ModTime()) {
			continue
		}
		text, err := os.ReadFile(source)
		if err != nil {
			continue
		}
		part, err := os.CreateTemp(to, ".part")
		if err != nil {
			return
		}
		_, err = part.Write(text)
		if closeErr := part.Close(); err == nil && closeErr == nil {
			err = os.Rename(part.Name(), target)
		}
		if err != nil {
			os.Remove(part.Name())
		}
	}
}
