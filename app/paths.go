package main

import (
	"os"
	"path/filepath"
)

// xdgDir returns our folder below one of the user's base folders (XDG Base Directory Specification 0.8):
// the environment variable if it holds an absolute path, else its default below the home folder.
func xdgDir(variable string, fallback ...string) string {
	base := os.Getenv(variable)
	if !filepath.IsAbs(base) {
		home, err := os.UserHomeDir()
		if err != nil {
			home = os.TempDir()
		}
		base = filepath.Join(append([]string{home}, fallback...)...)
	}
	return filepath.Join(base, "guesthouse")
}

// dataDir holds disks, checkpoints, trash and journal.
func dataDir() string { return xdgDir("XDG_DATA_HOME", ".local", "share") }

// stateDir holds the log.
func stateDir() string { return xdgDir("XDG_STATE_HOME", ".local", "state") }

// configDir holds the settings.
func configDir() string { return xdgDir("XDG_CONFIG_HOME", ".config") }
