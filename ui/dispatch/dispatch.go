// Package dispatch is the one way in and out of the UI goroutine: feature packages never call fyne.Do
// and never start a goroutine themselves, so that a test can run everything they do step by step.
package dispatch

import (
	"context"
	"fmt"
	"runtime/debug"
	"sync/atomic"
	"time"
)

// Dispatcher runs functions on the UI goroutine.
type Dispatcher interface {
	// Do queues f for the UI goroutine and returns at once. It may be called from any goroutine.
	Do(f func())
}

// tracker is implemented by dispatchers that want to know about work that is still going on.
type tracker interface {
	begin()
	end()
}

// Background runs work on a goroutine of its own and hands its result to done on the UI goroutine.
// The returned function cancels the context that work received; done is called all the same, so the
// caller can tell a cancelled result by the context's error. A panic in work becomes an error.
// Background may be called from any goroutine; done may be nil.
func Background[T any](d Dispatcher, work func(context.Context) (T, error), done func(T, error)) (cancel func()) {
	ctx, stop := context.WithCancel(context.Background())
	t, tracked := d.(tracker)
	if tracked {
		t.begin()
	}
	go func() {
		value, err := guarded(ctx, work)
		d.Do(func() {
			stop()
			if done != nil {
				done(value, err)
			}
			if tracked {
				t.end()
			}
		})
	}()
	return stop
}

// Run is Background for work that has no value to return.
func Run(d Dispatcher, work func(context.Context) error, done func(error)) (cancel func()) {
	return Background(d, func(ctx context.Context) (struct{}, error) {
		return struct{}{}, work(ctx)
	}, func(_ struct{}, err error) {
		if done != nil {
			done(err)
		}
	})
}

func guarded[T any](ctx context.Context, work func(context.Context) (T, error)) (value T, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("internal error: %v\n%s", r, debug.Stack())
		}
	}()
	return work(ctx)
}

// Coalesce returns a function, safe for any goroutine, that queues f for the UI goroutine unless f is
// queued already. It keeps a burst of events from filling the UI goroutine's unbounded queue.
func Coalesce(d Dispatcher, f func()) func() {
	var queued atomic.Bool
	return func() {
		if queued.CompareAndSwap(false, true) {
			d.Do(func() {
				queued.Store(false)
				f()
			})
		}
	}
}

// Every calls f on the UI goroutine once in each period until stop is called. A call is skipped while
// the one before is still queued. Stop may be called from any goroutine, more than once.
func Every(d Dispatcher, period time.Duration, f func()) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	tick := Coalesce(d, func() {
		if ctx.Err() == nil {
			f()
		}
	})
	go func() {
		ticker := time.NewTicker(period)
		defer ticker.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
				tick()
			}
		}
	}()
	return cancel
}

// After calls f on the UI goroutine once delay has passed, unless cancel is called on the UI goroutine first.
func After(d Dispatcher, delay time.Duration, f func()) (cancel func()) {
	cancelled := false // only read and written on the UI goroutine
	timer := time.AfterFunc(delay, func() {
		d.Do(func() {
			if !cancelled {
				f()
			}
		})
	})
	return func() {
		cancelled = true
		timer.Stop()
	}
}
