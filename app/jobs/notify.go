package jobs

import (
	"sync"
	"time"
)

// notifyPause is the least time between two rounds of calls, short enough to look immediate (I1).
const notifyPause = 30 * time.Millisecond

// Notifier tells subscribers that something changed. Notify never blocks, and many Notify calls make few rounds of
// calls: one at once, then at most one every 30 ms. The zero value is ready; all methods may be called from any goroutine.
type Notifier struct {
	mu      sync.Mutex
	next    int
	subs    map[int]func()
	running bool
	again   bool
}

// Subscribe adds f, which must not block. cancel removes it; f may still be called once while cancel runs.
func (n *Notifier) Subscribe(f func()) (cancel func()) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.subs == nil {
		n.subs = map[int]func(){}
	}
	id := n.next
	n.next++
	n.subs[id] = f
	return func() {
		n.mu.Lock()
		defer n.mu.Unlock()
		delete(n.subs, id)
	}
}

// Notify has every subscriber called soon, on another goroutine.
func (n *Notifier) Notify() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.again = true
	if n.running {
		return
	}
	n.running = true
	go n.loop()
}

func (n *Notifier) loop() {
	for {
		n.mu.Lock()
		if !n.again {
			n.running = false
			n.mu.Unlock()
			return
		}
		n.again = false
		calls := make([]func(), 0, len(n.subs))
		for _, f := range n.subs {
			calls = append(calls, f)
		}
		n.mu.Unlock()
		for _, f := range calls {
			f()
		}
		time.Sleep(notifyPause)
	}
}
