package dispatch

import (
	"context"
	"sync/atomic"
	"testing"
	"time"
)

// fakeLoop runs what is queued, one after the other, as Fyne's loop does. Its wait ends only when it is posted: whoever is not woken hangs.
type fakeLoop struct {
	*rester
	queued chan func()
	events chan struct{}
	waits  atomic.Int32
	work   atomic.Bool // something to do of its own
}

func newFakeLoop(t *testing.T) *fakeLoop {
	l := &fakeLoop{queued: make(chan func(), 1000), events: make(chan struct{}, 1000)}
	l.rester = &rester{
		queue: func(f func()) { l.queued <- f },
		wait: func(time.Duration) {
			l.waits.Add(1)
			<-l.events
		},
		post: func() { l.events <- struct{}{} },
		busy: l.work.Load,
	}
	stop, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for {
			select {
			case f := <-l.queued:
				f()
			case <-stop:
				return
			}
		}
	}()
	t.Cleanup(func() {
		close(stop)
		l.post() // it may wait
		<-ended
	})
	return l
}

func (l *fakeLoop) until(t *testing.T, what string, cond func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !cond(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("never: " + what)
		}
	}
}

// TestDoWakesARestingLoop calls it while it waits, before, and while it is busy with something else for long.
func TestDoWakesARestingLoop(t *testing.T) {
	l := newFakeLoop(t)
	answered := make(chan time.Duration, 10)
	rest := func() { l.queue(func() { answered <- l.rest() }) }
	called := make(chan struct{}, 10)
	call := func() { l.do(func() { called <- struct{}{} }) }

	rest()
	l.until(t, "a wait", func() bool { return l.waits.Load() == 1 })
	call()
	<-called
	if awake := <-answered; awake != callTime {
		t.Errorf("after a call the loop stays awake for %v", awake)
	}

	// The loop is busy; rest is queued before the call, and comes first.
	free := make(chan struct{})
	l.queue(func() { <-free })
	rest()
	call()
	close(free)
	<-called
	if awake := <-answered; awake != callTime {
		t.Errorf("with a call behind it, it stays awake for %v", awake)
	}

	l.work.Store(true)
	rest()
	if awake := <-answered; awake != callTime {
		t.Errorf("with work of its own it stays awake for %v", awake)
	}
	if n := l.waits.Load(); n != 1 {
		t.Errorf("it waited %d times, want once", n)
	}
	l.work.Store(false)
	rest()
	l.until(t, "a wait", func() bool { return l.waits.Load() == 2 })
	l.post() // an event
	if awake := <-answered; awake != eventTime {
		t.Errorf("after an event it stays awake for %v", awake)
	}
}

// TestLoopUnderLoad calls from several goroutines while the loop rests all the time.
func TestLoopUnderLoad(t *testing.T) {
	l := newFakeLoop(t)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	rested := make(chan struct{})
	go func() {
		defer close(rested)
		for ctx.Err() == nil {
			done := make(chan struct{})
			l.queue(func() {
				l.rest()
				close(done)
			})
			<-done
		}
	}()
	finished := make(chan struct{})
	for range 4 {
		go func() {
			for range 500 {
				done := make(chan struct{})
				l.do(func() { close(done) })
				<-done
			}
			finished <- struct{}{}
		}()
	}
	for range 4 {
		select {
		case <-finished:
		case <-time.After(time.Minute):
			t.Fatal("a call was never made")
		}
	}
	cancel()
	l.post()
	<-rested
}

// TestRunRests lets run do it until its context ends.
func TestRunRests(t *testing.T) {
	l := newFakeLoop(t)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		l.run(ctx)
	}()
	l.until(t, "a wait", func() bool { return l.waits.Load() > 0 })
	cancel()
	<-ended
}
