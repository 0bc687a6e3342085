// Package userdirs finds the user's folders for downloads, pictures and the like, which are named in the user's language.
package userdirs

import (
	"os"
	"path/filepath"
	"strings"
)

// Folder returns one of the user's folders as xdg-user-dirs(5) says: by its key in user-dirs.dirs ("XDG_DOWNLOAD_DIR"), else its usual name in
// the home folder. It need not exist. The environment is passed in; a file is read.
func Folder(getenv func(string) string, key, usual string) string {
	home := getenv("HOME")
	config := getenv("XDG_CONFIG_HOME")
	if config == "" {
		config = filepath.Join(home, ".config")
	}
	fallback := filepath.Join(home, usual)
	text, err := os.ReadFile(filepath.Join(config, "user-dirs.dirs"))
	if err != nil {
		return fallback
	}
	for line := range strings.Lines(string(text)) {
		value, found := strings.CutPrefix(strings.TrimSpace(line), key+"=")
		if !found {
			continue
		}
		value = strings.Trim(value, `"`)
		if rest, ok := strings.CutPrefix(value, "$HOME"); ok {
			value = filepath.Join(home, rest)
		}
		if filepath.IsAbs(value) {
			return filepath.Clean(value)
		}
	}
	return fallback
}
