package source

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"
)

// folder is an OCI image layout in a folder. Nothing outside it is opened, whatever links are in it: os.Root sees to that.
type folder struct {
	root  *os.Root
	place string
}

func openFolder(path, place string) (*folder, error) {
	root, err := os.OpenRoot(path)
	if err != nil {
		return nil, localFailure(place, err)
	}
	return &folder{root: root, place: place}, nil
}

func (f *folder) open(ctx context.Context, name string, s span) (io.ReadCloser, error) {
	file, size, err := f.file(name)
	if err != nil {
		return nil, err
	}
	if s.size < 0 {
		return readAt(ctx, f.place, file, 0, min(size, s.length), file.Close), nil
	}
	if size != s.size {
		file.Close()
		return nil, wrongSize(f.place, name, size, s.size)
	}
	return readAt(ctx, f.place, file, s.offset, s.length, file.Close), nil
}

// file opens an ordinary file of the folder. Opening never waits, and the type is that of what was opened.
func (f *folder) file(name string) (*os.File, int64, error) {
	file, err := f.root.OpenFile(name, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, 0, f.failure(name, err)
	}
	info, err := file.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fail(ErrNoPackage, f.place, "", "has something at %s that is no ordinary file", name)
	}
	if err != nil {
		file.Close()
		return nil, 0, f.failure(name, err)
	}
	return file, info.Size(), nil
}

func (f *folder) failure(name string, err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return missing(f.place, name).because(err)
	}
	if errno := unix.Errno(0); !errors.As(err, &errno) && !errors.As(err, new(*failure)) {
		return fail(ErrNoPackage, f.place, "", "has a link at %s that leads out of it", name).because(err)
	}
	return localFailure(f.place, err)
}

func (f *folder) retry(_ context.Context, read func() ([]byte, error)) ([]byte, error) {
	return read()
}

func (f *folder) close() error { return f.root.Close() }

// missing says that a place lacks one of its files. Without the first two it is no package at all.
func missing(place, name string) *failure {
	if name == "oci-layout" || name == "index.json" {
		return fail(ErrNoPackage, place, "Check that it is the right file, or the folder with the file index.json in it.", "holds no package: there is no %s in it", name)
	}
	return fail(ErrNotFound, place, "It was perhaps not copied completely: fetch it again from where it came from.", "lacks a part of the package: %s", name)
}

func wrongSize(place, name string, has, states int64) *failure {
	return fail(ErrDamaged, place, "Fetch it again from where it came from.", "holds %s with %d bytes instead of %d", name, has, states)
}
