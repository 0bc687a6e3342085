package labs

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"guesthouse/vmconfig/lab"
)

// lockPoll is how often a lock that somebody else holds is tried again.
const lockPoll = 50 * time.Millisecond

// Three kinds of lock, all by flock, which the kernel releases when its holder dies. Each lock is a file opened anew, so that they also keep goroutines of one
// process apart. Order: a topology's, bases in the order of their digests (of a lab of several machines those of one lab after the other, all of them shared), then the library; only GC goes
// the other way, and it does not wait for a base.
//
//   - a topology's is held by who launches its machines (makeMissing);
//   - the library's is held shortly, for a change of images, names or courses;
//   - a base's is held exclusively by who fetches, repairs or removes it, and shared by who needs that it stays.

// lockLibrary waits for the library until ctx ends.
func (l *Library) lockLibrary(ctx context.Context) (unlock func(), err error) {
	file, err := lockFile(ctx, filepath.Join(l.p.Dir, "lock"), unix.LOCK_EX)
	if err != nil {
		return nil, err
	}
	return func() { file.Close() }, nil
}

// lockBase waits for a base until ctx ends; how is unix.LOCK_EX or unix.LOCK_SH. Closing the file ends it.
func (l *Library) lockBase(ctx context.Context, index lab.Digest, how int) (*os.File, error) {
	return lockFile(ctx, filepath.Join(l.p.Dir, "locks", index.Hex()), how)
}

// lockFile takes the flock of the file at path, which it makes when it is missing, and keeps it until the file is closed. It tries once even if ctx has ended.
func lockFile(ctx context.Context, path string, how int) (*os.File, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, err
	}
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	for {
		err := unix.Flock(int(file.Fd()), how|unix.LOCK_NB)
		if err == nil {
			return file, nil
		}
		if !errors.Is(err, unix.EWOULDBLOCK) && !errors.Is(err, unix.EINTR) {
			file.Close()
			return nil, fmt.Errorf("lock %s: %w", path, err)
		}
		if err := sleep(ctx, lockPoll); err != nil {
			file.Close()
			return nil, err
		}
	}
}

// ended is a context for trying a lock once.
func ended() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}
