package source

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"

	"guesthouse/vmconfig/safefile"
)

// localFailure is the error of a path on this computer, by what the file system said.
func localFailure(place string, err error) error {
	var f *failure
	if errors.As(err, &f) {
		return err
	}
	errno := unix.Errno(0)
	errors.As(err, &errno)
	switch {
	case errors.Is(err, safefile.ErrNotRegular):
		return fail(ErrNoPackage, place, "", "is no package, or has something in it that is no ordinary file").because(err)
	case errors.Is(err, fs.ErrNotExist), errno == unix.ENOTDIR:
		return fail(ErrNotFound, place, "Check the path, and that the drive is connected.", "is not there").because(err)
	case errors.Is(err, fs.ErrPermission):
		return fail(ErrAuth, place, "Change its permissions, or copy it to a folder of your own.", "may not be opened by you").because(err)
	}
	switch errno {
	case unix.EIO, unix.ENODEV, unix.ENXIO, unix.ESTALE, unix.EREMOTEIO, unix.ENOTCONN, unix.EHOSTDOWN, unix.ETIMEDOUT, unix.ENOMEDIUM:
		return fail(ErrUnreachable, place, "Connect the drive again, or use a copy on another.", "cannot be read: the drive was removed or is broken").because(err)
	case unix.ENOSPC, unix.EDQUOT:
		return placeError(place, "has no room left. Free some, or write to another drive", err)
	case unix.EFBIG:
		return placeError(place, "may not grow further: this drive cannot hold files over 4 GiB. Write the package as a folder instead of a .lab file", err)
	case unix.EROFS:
		return placeError(place, "is on a drive that cannot be written to", err)
	}
	return placeError(place, "cannot be used", err)
}

// placeError is an error of a file system that has no sentinel here.
func placeError(place, reason string, err error) error {
	return &failure{kind: err, place: place, reason: reason + ": " + plainText(err)}
}

// plainText is an error of the os package without the path, which the sentence has already.
func plainText(err error) string {
	var pathErr *fs.PathError
	if errors.As(err, &pathErr) {
		return pathErr.Err.Error()
	}
	var linkErr *os.LinkError
	if errors.As(err, &linkErr) {
		return linkErr.Err.Error()
	}
	return err.Error()
}

// readAt is a part of an open file as a reader; close gives back what belongs to it.
func readAt(ctx context.Context, place string, file io.ReaderAt, offset, length int64, close func() error) io.ReadCloser {
	body := struct {
		io.Reader
		io.Closer
	}{io.NewSectionReader(file, offset, length), closer(close)}
	return &exact{ReadCloser: body, ctx: ctx, place: place, left: length, wrong: func(err error) error { return localFailure(place, err) }}
}

type closer func() error

// Close implements io.Closer.
func (c closer) Close() error {
	if c == nil {
		return nil
	}
	return c()
}
