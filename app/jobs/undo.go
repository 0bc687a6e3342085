package jobs

import (
	"context"
	"errors"
	"time"
)

// undoTime is how long one undo step may take. Undo must also work after the job's context was cancelled.
const undoTime = 2 * time.Minute

// NotUndoneError is part of the error of a task that failed or was cancelled and could not be taken back wholly: the user has to know.
type NotUndoneError struct{ Err error }

// Error implements error.
func (e *NotUndoneError) Error() string { return "not everything could be undone: " + e.Err.Error() }

// Unwrap returns why.
func (e *NotUndoneError) Unwrap() error { return e.Err }

// Undone reports whether what a task did before it ended with err was taken back wholly, as far as err says.
func Undone(err error) bool {
	var left *NotUndoneError
	return !errors.As(err, &left)
}

// Undo collects the steps that take back what a task did. Use it so:
//
//	var undo jobs.Undo
//	defer func() { err = undo.Finish(ctx, err) }()
//	... make a file ...
//	undo.Push(func(ctx context.Context) error { return os.Remove(file) })
//
// It is not safe for use by several goroutines.
type Undo struct {
	steps  []func(context.Context) error
	failed bool
}

// Push adds a step; steps run last first.
func (u *Undo) Push(step func(context.Context) error) { u.steps = append(u.steps, step) }

// Keep forgets all steps: what was done stays.
func (u *Undo) Keep() { u.steps = nil }

// Finish takes everything back when err is not nil, and returns err joined with what could not be taken back.
// The steps run to their end even when ctx was cancelled.
func (u *Undo) Finish(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	for i := len(u.steps) - 1; i >= 0; i-- {
		stepCtx, cancel := context.WithTimeout(context.WithoutCancel(ctx), undoTime)
		if failed := u.steps[i](stepCtx); failed != nil {
			err = errors.Join(err, &NotUndoneError{failed})
			u.failed = true
		}
		cancel()
	}
	u.steps = nil
	return err
}

// Failed reports whether Finish could not take something back.
func (u *Undo) Failed() bool { return u.failed }
