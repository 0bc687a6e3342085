// Package safefile opens files that a user or a package names, without being caught by what is no file: a pipe that never
// answers, a device without end, a folder.
package safefile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"
)

// ErrNotRegular says that a path names something other than an ordinary file.
var ErrNotRegular = errors.New("not an ordinary file")

// Open opens an ordinary file for reading. The check is made on the open descriptor, so that nothing can be swapped in
// between, and opening never waits. Errors are those of os.Open, or wrap ErrNotRegular and say what it is.
func Open(path string) (*os.File, fs.FileInfo, error) {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err == unix.ENXIO {
		return nil, nil, fmt.Errorf("%w: it is a socket or a device", ErrNotRegular)
	}
	if err != nil {
		return nil, nil, &fs.PathError{Op: "open", Path: path, Err: err}
	}
	// The type is looked at before os.NewFile, which would hand a pipe to the poller.
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		unix.Close(fd)
		return nil, nil, &fs.PathError{Op: "stat", Path: path, Err: err}
	}
	if kind := st.Mode & unix.S_IFMT; kind != unix.S_IFREG {
		unix.Close(fd)
		return nil, nil, fmt.Errorf("%w: it is %s", ErrNotRegular, kindName(kind))
	}
	file := os.NewFile(uintptr(fd), path)
	info, err := file.Stat()
	if err != nil {
		file.Close()
		return nil, nil, err
	}
	return file, info, nil
}

func kindName(kind uint32) string {
	switch kind {
	case unix.S_IFDIR:
		return "a folder"
	case unix.S_IFIFO:
		return "a pipe"
	case unix.S_IFBLK, unix.S_IFCHR:
		return "a device"
	case unix.S_IFSOCK:
		return "a socket"
	}
	return "something else"
}
