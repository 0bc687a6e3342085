package diskimage

import "guesthouse/vmconfig"

// Backing returns the name of the image below the one at path (absolute), as written in its header; empty when it has none. It reads the
// header alone, without qemu-img, so that many images can be asked.
func Backing(path string) (string, error) {
	if err := vmconfig.CheckPath(path); err != nil {
		return "", err
	}
	head, err := inspectFile(path)
	return head.backing, err
}
