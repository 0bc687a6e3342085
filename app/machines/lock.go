package machines

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sys/unix"
)

// lockPoll is how often a lock that another process holds is tried again.
const lockPoll = 50 * time.Millisecond

// locks lets one operation at a time work on a machine: within the process by a channel, between processes (a window
// and a command line) by flock, which the kernel releases when its holder dies.
type locks struct {
	dir string

	mu   sync.Mutex
	held map[uuid.UUID]chan struct{} // closed when the holder lets go
}

// lock waits for the machine until ctx ends.
func (l *locks) lock(ctx context.Context, id uuid.UUID) (unlock func(), err error) {
	mine := make(chan struct{})
	for {
		l.mu.Lock()
		other := l.held[id]
		if other == nil {
			if l.held == nil {
				l.held = map[uuid.UUID]chan struct{}{}
			}
			l.held[id] = mine
			l.mu.Unlock()
			break
		}
		l.mu.Unlock()
		select {
		case <-other:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	release := func() {
		l.mu.Lock()
		delete(l.held, id)
		l.mu.Unlock()
		close(mine)
	}
	file, err := lockFile(ctx, filepath.Join(l.dir, id.String()+".lock"))
	if err != nil {
		release()
		return nil, err
	}
	return func() {
		unlockFile(file)
		release()
	}, nil
}

// lockFile takes the flock of the file at path, which it makes when it is missing, until unlockFile.
func lockFile(ctx context.Context, path string) (*os.File, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, err
	}
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	for {
		err := unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if err == nil {
			return file, nil
		}
		if !errors.Is(err, unix.EWOULDBLOCK) && !errors.Is(err, unix.EINTR) {
			file.Close()
			return nil, fmt.Errorf("lock %s: %w", path, err)
		}
		select {
		case <-ctx.Done():
			file.Close()
			return nil, ctx.Err()
		case <-time.After(lockPoll):
		}
	}
}

// unlockFile gives the flock back. Closing the file would not be enough: a child process that is being started at that moment has the file open as well, until its
// program runs, and with it the lock.
func unlockFile(file *os.File) {
	_ = unix.Flock(int(file.Fd()), unix.LOCK_UN) // or the kernel does, when the last one has closed it
	file.Close()
}

// try takes the machine when nobody has it.
func (l *locks) try(id uuid.UUID) (unlock func(), ok bool) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel() // lock tries once before it looks at ctx
	unlock, err := l.lock(ctx, id)
	return unlock, err == nil
}
