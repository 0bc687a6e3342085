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

// maxChain bounds how far a chain of images is followed.
const maxChain = 64

// Chain returns the image at path and those that it lies upon, the lowest last, as far as they can be read; err says why that was not to the end.
func Chain(path string) (images []string, err error) {
	for len(images) <= maxChain {
		images = append(images, path)
		below, err := Below(path)
		if err != nil || below == "" {
			return images, err
		}
		path = below
	}
	return images, nil
}

// Below is Backing as an absolute path: QEMU takes a name that is none as relative to the image's folder.
func Below(path string) (string, error) {
	below, err := Backing(path)
	if err != nil || below == "" || filepath.IsAbs(below) {
		return below, err
	}
	return filepath.Join(filepath.Dir(path), below), nil
}
