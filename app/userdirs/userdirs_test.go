package userdirs

import (
	"os"
	"path/filepath"
	"testing"
)

func TestFolder(t *testing.T) {
	home := t.TempDir()
	config := filepath.Join(home, ".config")
	if err := os.Mkdir(config, 0o700); err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]string{
		"":                                  filepath.Join(home, "Downloads"),
		"XDG_DOWNLOAD_DIR=\"$HOME/Lädt\"\n": filepath.Join(home, "Lädt"),
		"# XDG_DOWNLOAD_DIR=\"/no\"\nXDG_MUSIC_DIR=\"/music\"\nXDG_DOWNLOAD_DIR=\"/data/new/\"\n": "/data/new",
		"XDG_DOWNLOAD_DIR=\"relative\"\n": filepath.Join(home, "Downloads"),
		"XDG_DOWNLOAD_DIR=\"$HOME/\"\n":   home,
	} {
		if err := os.WriteFile(filepath.Join(config, "user-dirs.dirs"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		getenv := func(key string) string { return map[string]string{"HOME": home}[key] }
		if got := Folder(getenv, "XDG_DOWNLOAD_DIR", "Downloads"); got != want {
			t.Errorf("%q: %q, not %q", text, got, want)
		}
		elsewhere := func(key string) string { return map[string]string{"HOME": "/", "XDG_CONFIG_HOME": config}[key] }
		if got := Folder(elsewhere, "XDG_MUSIC_DIR", "Music"); got != "/Music" && got != "/music" {
			t.Errorf("%q: %q", text, got)
		}
	}
}
