// Package atomicfile writes small files so that a crash at any moment leaves the old content or the new, never a mixture.
package atomicfile

import (
	"errors"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// part is in the name of a file that is being written.
const part = ".part"

// Unfinished reports whether a file of that name is one that Write had not finished when the program ended.
func Unfinished(name string) bool {
	return strings.HasPrefix(name, ".") && strings.Contains(name, part)
}

// UnfinishedName is a name for the file at path while it is neither there nor gone.
func UnfinishedName(path string) string {
	return filepath.Join(filepath.Dir(path), "."+filepath.Base(path)+part)
}

// Write replaces the file at path by data, readable by its owner only. The content is on the disk before the name points
// to it, and the name is before Write returns (write, fsync, rename, fsync of the folder). It makes the folder (0700) when it is missing.
func Write(path string, data []byte) (err error) {
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	file, err := os.CreateTemp(dir, "."+filepath.Base(path)+part+"*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			os.Remove(file.Name())
		}
	}()
	_, err = file.Write(data)
	if err == nil {
		err = file.Sync()
	}
	if closeErr := file.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return err
	}
	if err = os.Rename(file.Name(), path); err != nil {
		return err
	}
	return SyncDir(dir)
}

// SyncDir makes the names in a folder last over a power failure.
func SyncDir(dir string) error {
	folder, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer folder.Close()
	if err := folder.Sync(); err != nil && !errors.Is(err, unix.EINVAL) { // some network file systems cannot
		return err
	}
	return nil
}
