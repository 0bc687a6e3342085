package dispatch

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"
)

const patience = 10 * time.Second

func TestBackgroundDeliversOnTheDrainingGoroutine(t *testing.T) {
	q := &Queue{}
	var got int
	Background(q, func(context.Context) (int, error) { return 42, nil }, func(v int, err error) {
		if err != nil {
			t.Error(err)
		}
		got = v // the race detector objects if this is not our goroutine
	})
	if !q.Settle(patience) || got != 42 {
		t.Fatalf("got %d, want 42", got)
	}
}

func TestBackgroundTurnsAPanicIntoAnError(t *testing.T) {
	q := &Queue{}
	var got error
	Run(q, func(context.Context) error { panic("torn packet") }, func(err error) { got = err })
	if !q.Settle(patience) || got == nil || !strings.Contains(got.Error(), "torn packet") {
		t.Fatalf("error %v, want the panic's text", got)
	}
}

func TestCancelReachesTheWork(t *testing.T) {
	q := &Queue{}
	var got error
	cancel := Run(q, func(ctx context.Context) error {
		<-ctx.Done()
		return ctx.Err()
	}, func(err error) { got = err })
	cancel()
	if !q.Settle(patience) || !errors.Is(got, context.Canceled) {
		t.Fatalf("error %v, want context.Canceled", got)
	}
}

func TestCoalesceQueuesOnce(t *testing.T) {
	q := &Queue{}
	calls := 0
	trigger := Coalesce(q, func() { calls++ })
	for range 100 {
		trigger()
	}
	q.Drain()
	if calls != 1 {
		t.Fatalf("%d calls after a burst, want 1", calls)
	}
	trigger()
	q.Drain()
	if calls != 2 {
		t.Fatalf("%d calls after another event, want 2", calls)
	}
}

func TestEveryStops(t *testing.T) {
	q := &Queue{}
	calls := 0
	stop := Every(q, time.Millisecond, func() { calls++ })
	if !q.DrainUntil(func() bool { return calls >= 3 }, patience) {
		t.Fatal("no calls")
	}
	stop()
	seen := calls
	q.Drain()
	if calls != seen {
		t.Fatal("called after stop")
	}
}

func TestSettleReportsWorkThatDoesNotEnd(t *testing.T) {
	q := &Queue{}
	cancel := Run(q, func(ctx context.Context) error { <-ctx.Done(); return nil }, nil)
	if q.Settle(time.Millisecond) {
		t.Fatal("settled while work was under way")
	}
	cancel()
	if !q.Settle(patience) {
		t.Fatal("did not settle")
	}
}
