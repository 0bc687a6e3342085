package dispatch

import (
	"sync"
	"time"
)

// Queue is a Dispatcher for tests: the goroutine that drains it is the UI goroutine.
// The zero value is ready for use.
type Queue struct {
	mu      sync.Mutex
	pending []func()
	working int
	changed chan struct{}
}

// Do implements Dispatcher.
func (q *Queue) Do(f func()) {
	q.mu.Lock()
	q.pending = append(q.pending, f)
	q.signal()
	q.mu.Unlock()
}

// Drain runs what is queued, also what that queues in turn, and returns how many functions ran.
func (q *Queue) Drain() int {
	for n := 0; ; n++ {
		q.mu.Lock()
		if len(q.pending) == 0 {
			q.mu.Unlock()
			return n
		}
		f := q.pending[0]
		q.pending = q.pending[1:]
		q.mu.Unlock()
		f()
	}
}

// DrainUntil drains until cond, called on this goroutine, is true; it reports false when that takes
// longer than timeout.
func (q *Queue) DrainUntil(cond func() bool, timeout time.Duration) bool {
	deadline := time.NewTimer(timeout)
	defer deadline.Stop()
	for {
		changed := q.watch()
		q.Drain()
		if cond() {
			return true
		}
		select {
		case <-changed:
		case <-deadline.C:
			return false
		}
	}
}

// Settle drains until nothing is queued and no Background work is under way; it reports false when
// that takes longer than timeout.
func (q *Queue) Settle(timeout time.Duration) bool {
	return q.DrainUntil(func() bool {
		q.mu.Lock()
		defer q.mu.Unlock()
		return q.working == 0 && len(q.pending) == 0
	}, timeout)
}

func (q *Queue) begin() {
	q.mu.Lock()
	q.working++
	q.mu.Unlock()
}

func (q *Queue) end() {
	q.mu.Lock()
	q.working--
	q.signal()
	q.mu.Unlock()
}

// watch returns a channel that is closed at the next change.
func (q *Queue) watch() <-chan struct{} {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.changed == nil {
		q.changed = make(chan struct{})
	}
	return q.changed
}

func (q *Queue) signal() {
	if q.changed != nil {
		close(q.changed)
		q.changed = nil
	}
}
