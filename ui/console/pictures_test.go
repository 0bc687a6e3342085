package console

import (
	"errors"
	"image"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestPicturesFolder(t *testing.T) {
	for _, c := range []struct{ file, want string }{
		{"", "Pictures"},
		{"XDG_PICTURES_DIR=\"$HOME/Bilder\"\n", "Bilder"},
		{"# comment\nXDG_MUSIC_DIR=\"$HOME/Music\"\nXDG_PICTURES_DIR=\"$HOME/a b/c\"\n", "a b/c"},
		{"XDG_PICTURES_DIR=\"relative\"\n", "Pictures"},
	} {
		home := t.TempDir()
		if c.file != "" {
			os.Mkdir(filepath.Join(home, ".config"), 0o700)
			os.WriteFile(filepath.Join(home, ".config", "user-dirs.dirs"), []byte(c.file), 0o600)
		}
		env := func(name string) string { return map[string]string{"HOME": home}[name] }
		if got := picturesFolder(env); got != filepath.Join(home, c.want) {
			t.Errorf("%q: %s, want %s", c.file, got, c.want)
		}
	}
}

func TestSavePicture(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "new", "folder")
	now := time.Date(2026, 11, 23, 15, 4, 5, 0, time.Local)
	write := writePNG(image.NewRGBA(image.Rect(0, 0, 2, 2)))
	for _, want := range []string{"my-web 2026-11-23 15.04.05.png", "my-web 2026-11-23 15.04.05 (2).png"} {
		path, err := savePicture(folder, "my/../web", testID, now, write)
		if err != nil || path != filepath.Join(folder, want) {
			t.Errorf("%q, %v; want %s", path, err, want)
		}
	}
	full := errors.New("disk full")
	if _, err := savePicture(folder, "other", testID, now, func(io.Writer) error { return full }); !errors.Is(err, full) {
		t.Errorf("%v", err)
	}
	files, _ := os.ReadDir(folder)
	if len(files) != 2 {
		t.Errorf("%d files: half a picture is left", len(files))
	}
}
