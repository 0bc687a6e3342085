package jobs

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"
)

const patience = 30 * time.Second

func within(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}

func TestOutcomes(t *testing.T) {
	r := NewRunner()
	wrong := errors.New("wrong")
	ok := r.Start("ok", "m", func(_ context.Context, report func(Progress)) error {
		report(Progress{Fraction: 0.5, Text: "half"})
		return nil
	})
	failed := r.Start("failed", "", func(context.Context, func(Progress)) error { return wrong })
	panicked := r.Start("panicked", "", func(context.Context, func(Progress)) error {
		var none []int
		_ = none[len("x")]
		return nil
	})
	cancelled := r.Start("cancelled", "", func(ctx context.Context, _ func(Progress)) error {
		<-ctx.Done()
		return ctx.Err()
	})
	release := make(chan struct{})
	fixed := r.StartFixed("fixed", "", func(ctx context.Context, _ func(Progress)) error {
		<-release
		return ctx.Err()
	})
	cancelled.Cancel()
	fixed.Cancel()
	close(release)
	r.WaitIdle()
	for _, c := range []struct {
		job   *Job
		state State
		err   error
	}{
		{ok, Done, nil},
		{failed, Failed, wrong},
		{panicked, Failed, ErrPanic},
		{cancelled, Cancelled, context.Canceled},
		{fixed, Done, nil},
	} {
		s := c.job.Status()
		if s.State != c.state || !errors.Is(s.Err, c.err) || s.Finished.IsZero() || s.Cancellable {
			t.Errorf("%s ended as %+v", s.Title, s)
		}
		if err := c.job.Wait(within(t)); !errors.Is(err, c.err) {
			t.Errorf("%s: %v", s.Title, err)
		}
	}
	if n := len(r.List()); n != 5 {
		t.Errorf("%d jobs are listed", n)
	}
	r.Dismiss(ok.Status().ID)
	if n := len(r.List()); n != 4 {
		t.Errorf("after dismissing one, %d jobs are listed", n)
	}
}

func TestRunningCannotBeDismissed(t *testing.T) {
	r := NewRunner()
	release := make(chan struct{})
	j := r.Start("runs", "", func(context.Context, func(Progress)) error { <-release; return nil })
	r.Dismiss(j.Status().ID)
	if len(r.List()) != 1 {
		t.Error("a running job was dismissed")
	}
	close(release)
	r.WaitIdle()
}

func TestShutdown(t *testing.T) {
	r := NewRunner()
	j := r.Start("long", "", func(ctx context.Context, _ func(Progress)) error { <-ctx.Done(); return ctx.Err() })
	if err := r.Shutdown(within(t)); err != nil {
		t.Fatal(err)
	}
	if j.Status().State != Cancelled {
		t.Errorf("it is %s", j.Status().State)
	}
	if err := r.Start("late", "", func(context.Context, func(Progress)) error { return nil }).Wait(within(t)); !errors.Is(err, ErrShutdown) {
		t.Errorf("a job after the end: %v", err)
	}
}

// TestNotifications makes thousands of changes: subscribers hear of the last one, and not thousands of times.
func TestNotifications(t *testing.T) {
	r := NewRunner()
	var mu sync.Mutex
	calls, last := 0, Progress{}
	ended := make(chan struct{})
	var once sync.Once
	stop := r.Subscribe(func() {
		mu.Lock()
		defer mu.Unlock()
		calls++
		list := r.List()
		last = list[len(list)-1].Progress
		if list[len(list)-1].State == Done {
			once.Do(func() { close(ended) })
		}
	})
	defer stop()
	const changes = 5000
	r.Start("busy", "", func(_ context.Context, report func(Progress)) error {
		for i := range changes {
			report(Progress{Fraction: float64(i) / changes})
		}
		return nil
	})
	select {
	case <-ended:
	case <-time.After(patience):
		t.Fatal("the end was never told")
	}
	mu.Lock()
	defer mu.Unlock()
	if last.Fraction != 1 || calls > changes/10 {
		t.Errorf("%d calls, the last progress is %v", calls, last)
	}
}

// TestCancelThatLeavesSomething must not look like a clean cancel.
func TestCancelThatLeavesSomething(t *testing.T) {
	r := NewRunner()
	j := r.Start("left", "", func(ctx context.Context, _ func(Progress)) (err error) {
		var u Undo
		defer func() { err = u.Finish(ctx, err) }()
		u.Push(func(context.Context) error { return errors.New("busy") })
		<-ctx.Done()
		return ctx.Err()
	})
	j.Cancel()
	if err := j.Wait(within(t)); Undone(err) || j.Status().State != Failed {
		t.Errorf("it is %s: %v", j.Status().State, err)
	}
}

func TestUndo(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel() // undo works after a cancel
	var order []int
	var u Undo
	broken := errors.New("broken")
	for i := range 3 {
		u.Push(func(ctx context.Context) error {
			order = append(order, i)
			if ctx.Err() != nil {
				t.Error("an undo step got a dead context")
			}
			if i == 1 {
				return broken
			}
			return nil
		})
	}
	cause := errors.New("cause")
	err := u.Finish(ctx, cause)
	if !slices.Equal(order, []int{2, 1, 0}) || !errors.Is(err, cause) || !errors.Is(err, broken) || Undone(err) || !u.Failed() {
		t.Errorf("order %v, error %v", order, err)
	}
	u = Undo{}
	u.Push(func(context.Context) error { t.Error("undone after success"); return nil })
	if err := u.Finish(ctx, nil); err != nil {
		t.Error(err)
	}
}
