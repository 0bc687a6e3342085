package labs

import (
	"context"
	"errors"
	"io/fs"
	"math/rand/v2"
	"time"

	"guesthouse/app/labs/source"
)

// How often and how long a place is asked again, after a failure without any success since the last one.
const (
	maxTries      = 10 // two minutes
	maxDamaged    = 3
	maxLocal      = 2 // a drive that was pulled out does not come back by itself
	firstPause    = 500 * time.Millisecond
	longestPause  = 30 * time.Second
	longestWished = 5 * time.Minute // what a server may ask for
)

// retry calls try until it succeeds, fails for good, or has failed often enough without getting on.
func (l *Library) retry(ctx context.Context, try func() (progress bool, err error)) error {
	failed, pause := 0, firstPause
	for {
		progress, err := try()
		if err == nil || ctx.Err() != nil {
			return errors.Join(err, ctx.Err())
		}
		if progress {
			failed, pause = 0, firstPause
		}
		failed++
		limit := maxTries
		var final *damagedError
		var local *fs.PathError
		switch {
		case errors.As(err, &final):
			return err
		case errors.Is(err, source.ErrDamaged):
			limit = maxDamaged
		case !errors.Is(err, source.ErrBusy) && !errors.Is(err, source.ErrUnreachable):
			return err
		case errors.As(err, &local):
			limit = maxLocal
		}
		if failed >= limit {
			return err
		}
		// Not all at once: a whole class asks the same server.
		wait := max(pause/2+rand.N(pause), min(source.RetryAfter(err), longestWished))
		l.p.Log.Info("a place is asked again", "after", wait, "because", err)
		if err := l.sleep(ctx, wait); err != nil {
			return err
		}
		pause = min(2*pause, longestPause)
	}
}
