package atomicfile

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
)

func TestWrite(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a", "b")
	for _, text := range []string{"one", "", "three"} {
		if err := Write(path, []byte(text)); err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(path); err != nil || string(got) != text {
			t.Errorf("read back %q, %v", got, err)
		}
	}
	if err := os.Mkdir(filepath.Join(filepath.Dir(path), "folder"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := Write(filepath.Join(filepath.Dir(path), "folder"), nil); err == nil {
		t.Error("a folder was replaced")
	}
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(entries) != 2 {
		t.Errorf("left behind: %v, %v", entries, err)
	}
}

func TestSetAside(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "settings.json")
	for i, kept := range []string{"settings.json.damaged", "settings.json.damaged-2", "settings.json.damaged-3"} {
		if err := os.WriteFile(path, []byte{byte(i)}, 0o600); err != nil {
			t.Fatal(err)
		}
		if e := SetAside(path, io.ErrUnexpectedEOF); e.Kept != filepath.Join(dir, kept) || e.Path != path || !errors.Is(e, io.ErrUnexpectedEOF) {
			t.Errorf("%+v", e)
		}
	}
	for i, kept := range []string{"settings.json.damaged", "settings.json.damaged-2", "settings.json.damaged-3"} {
		if got, err := os.ReadFile(filepath.Join(dir, kept)); err != nil || len(got) != 1 || got[0] != byte(i) {
			t.Errorf("%s holds %v, %v", kept, got, err)
		}
	}
	if e := SetAside(path, io.EOF); e.Kept != "" || !errors.Is(e, os.ErrNotExist) || !errors.Is(e, io.EOF) {
		t.Errorf("nothing to keep: %+v", e)
	}
}
