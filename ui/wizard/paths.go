package wizard

import (
	"os"
	"path/filepath"
	"strings"
)

// expandHome replaces a leading ~/ by the user's home folder, as a shell does for a typed path. Nothing else is
// expanded: every other character of a path means itself.
func expandHome(path string) string {
	rest, ok := strings.CutPrefix(path, "~/")
	if !ok {
		return path
	}
	home, err := os.UserHomeDir()
	if err != nil || !filepath.IsAbs(home) {
		return path
	}
	return filepath.Join(home, rest)
}
