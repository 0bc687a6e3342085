package labs

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"testing"
	"time"

	"guesthouse/app/labs/source"
)

// TestRetry counts how often a place is asked, and how long it is left alone.
func TestRetry(t *testing.T) {
	for _, test := range []struct {
		err   error
		tries int
	}{
		{source.ErrBusy, maxTries},
		{source.ErrUnreachable, maxTries},
		{fmt.Errorf("%w: %w", source.ErrUnreachable, &fs.PathError{Op: "read", Path: "x", Err: fs.ErrInvalid}), maxLocal},
		{source.ErrDamaged, maxDamaged},
		{&damagedError{}, 1},
		{source.ErrNotFound, 1},
		{source.ErrAuth, 1},
		{source.ErrNoPackage, 1},
		{errors.New("any"), 1},
		{nil, 1},
	} {
		l := newLibrary(t)
		var waited time.Duration
		l.sleep = func(_ context.Context, d time.Duration) error {
			if d < firstPause/2 || d > 2*longestPause {
				t.Errorf("%v: a pause of %v", test.err, d)
			}
			waited += d
			return nil
		}
		tries := 0
		err := l.retry(t.Context(), func() (bool, error) { tries++; return false, test.err })
		if tries != test.tries || !errors.Is(err, test.err) {
			t.Errorf("%v: %d tries, %v", test.err, tries, err)
		}
		if test.tries == maxTries && (waited < 40*time.Second || waited > 5*time.Minute) {
			t.Errorf("%v: given up after %v", test.err, waited)
		}
	}
	l := newLibrary(t)
	tries := 0
	if err := l.retry(t.Context(), func() (bool, error) {
		if tries++; tries == 100 {
			return true, nil
		}
		return true, source.ErrUnreachable
	}); err != nil || tries != 100 {
		t.Errorf("gets on and is given up: %d, %v", tries, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	l.sleep = sleep
	err := l.retry(ctx, func() (bool, error) { cancel(); return false, source.ErrBusy })
	if !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}
