package diskimage

import (
	"path/filepath"

	"guesthouse/vmconfig"
)

// Backing returns the name of the image below the one at path (absolute), as written in its header; empty when it has none. It reads the
// header alone, without qemu-img, so that many images can be asked.
func Backing(path string) (string, error) {
	if err := vmconfig.CheckPath(path); err != nil {
		return "", err
	}
	head, err := inspectFile(path)
	return head.backing, err
}

// Below is Backing as an absolute path: QEMU takes a name that is none as relative to the image's folder.
func Below(path string) (string, error) {
	below, err := Backing(path)
	if err != nil || below == "" || filepath.IsAbs(below) {
		return below, err
	}
	return filepath.Join(filepath.Dir(path), below), nil
}
