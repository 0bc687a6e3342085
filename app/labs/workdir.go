package labs

import (
	"context"
	"errors"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// workPrefix marks the folders of submissions that are being made or opened, among what callers put into the staging folder.
const workPrefix = "submission-"

// workDir makes a folder in the staging folder. Its lock lives as long as the process, so that what a killed one left is removed when the next one is made.
func (l *Library) workDir(ctx context.Context) (dir string, remove func() error, err error) {
	staging, err := l.Staging()
	if err != nil {
		return "", nil, err
	}
	unlock, err := l.lockLibrary(ctx)
	if err != nil {
		return "", nil, err
	}
	defer unlock()
	old, err := filepath.Glob(filepath.Join(staging, workPrefix+"*"))
	if err != nil {
		return "", nil, err
	}
	for _, path := range old {
		if lock, err := lockDir(path); err == nil {
			_ = os.RemoveAll(path)
			lock.Close()
		}
	}
	if dir, err = os.MkdirTemp(staging, workPrefix); err != nil {
		return "", nil, err
	}
	lock, err := lockDir(dir)
	if err != nil {
		return "", nil, errors.Join(err, os.Remove(dir))
	}
	return dir, func() error { return errors.Join(os.RemoveAll(dir), lock.Close()) }, nil
}

// lockDir takes the lock of a folder that nobody holds.
func lockDir(path string) (*os.File, error) {
	folder, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(folder.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		folder.Close()
		return nil, err
	}
	return folder, nil
}
