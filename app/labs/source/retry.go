package source

import (
	"context"
	"errors"
	"time"
)

const (
	tries       = 3
	firstPause  = time.Second
	longestWait = 10 * time.Second // however long a server wants it: the caller decides about more
)

// again does something small over the net up to three times, as long as trying again may help.
func again[T any](ctx context.Context, w *web, do func() (T, error)) (T, error) {
	pause := firstPause
	for try := 1; ; try++ {
		result, err := do()
		if err == nil || try == tries || !passing(err) || ctx.Err() != nil {
			return result, err
		}
		wait := max(pause, RetryAfter(err))
		if wait > longestWait {
			return result, err
		}
		if w.pause(ctx, wait) != nil {
			return result, stopped(ctx, w.place)
		}
		pause *= 2
	}
}

// passing reports whether an error may be gone in a moment.
func passing(err error) bool {
	var f *failure
	return errors.As(err, &f) && !f.stays && (f.kind == ErrBusy || f.kind == ErrUnreachable) //nolint:errorlint // the kind is one of the sentinels itself
}

// sleep waits, unless ctx ends before.
func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
