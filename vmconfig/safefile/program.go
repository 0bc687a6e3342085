package safefile

import (
	"os"
	"path/filepath"
)

// FindProgram returns the absolute path of the program of that name in the first of the folders that has it; empty: none has. Callers name folders and do not ask PATH: a file that another
// user can put there would run with the user's rights.
func FindProgram(folders []string, name string) string {
	for _, folder := range folders {
		path := filepath.Join(folder, name)
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0 {
			return path
		}
	}
	return ""
}
