package safefile

import (
	"os"
	"path/filepath"
	"testing"
)

func TestFindProgram(t *testing.T) {
	first, second := t.TempDir(), t.TempDir()
	for path, mode := range map[string]os.FileMode{first + "/data": 0o600, second + "/data": 0o700, second + "/tool": 0o700} {
		if err := os.WriteFile(path, nil, mode); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(first, "tool"), 0o700); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"data": second + "/data", "tool": second + "/tool", "none": ""} {
		if got := FindProgram([]string{first, second}, name); got != want {
			t.Errorf("%s is found at %q, want %q", name, got, want)
		}
	}
}
