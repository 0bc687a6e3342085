package libvirtd

import (
	"sync"
	"time"

	"github.com/google/uuid"

	"guesthouse/hypervisor"
)

const (
	eventPause  = 100 * time.Millisecond // between two deliveries, so that a flood costs little
	maxPending  = 20000                  // machines; libvirt itself lists at most 16,384
	maxNameKept = 1 << 10
)

// queue holds what the consumer of events has not taken yet. Events of one machine and one kind are one event, so its size
// is bounded by the number of machines; when there are too many to be true, it forgets all and asks for a re-read.
type queue struct {
	out  chan hypervisor.Event
	wake chan struct{}

	mu           sync.Mutex
	order        []uuid.UUID
	pending      map[uuid.UUID]*pendingMachine
	disconnected *hypervisor.Event
	connected    bool
	slowness     hypervisor.EventKind // EventNotAnswering or EventAnswering, 0 for none
}

type pendingMachine struct {
	name  string
	kinds uint32 // bit per EventKind
	pause hypervisor.PauseReason
}

func newQueue() *queue {
	return &queue{
		out: make(chan hypervisor.Event), wake: make(chan struct{}, 1),
		pending: map[uuid.UUID]*pendingMachine{},
	}
}

// put adds an event. It never blocks.
func (q *queue) put(e hypervisor.Event) {
	q.mu.Lock()
	switch e.Kind {
	case hypervisor.EventConnected:
		q.forget()
		q.connected, q.slowness = true, 0
	case hypervisor.EventDisconnected:
		q.forget()
		q.connected, q.disconnected, q.slowness = false, &e, 0
	case hypervisor.EventNotAnswering, hypervisor.EventAnswering:
		q.slowness = e.Kind
	default:
		q.add(e)
	}
	q.mu.Unlock()
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

func (q *queue) forget() { q.order, q.pending = nil, map[uuid.UUID]*pendingMachine{} }

func (q *queue) add(e hypervisor.Event) {
	p := q.pending[e.Machine]
	if p == nil {
		if len(q.order) >= maxPending {
			q.forget()
			q.connected = true
			return
		}
		p = new(pendingMachine)
		q.pending[e.Machine] = p
		q.order = append(q.order, e.Machine)
	}
	switch e.Kind { // of these two the last one is the truth
	case hypervisor.EventDefined:
		p.kinds &^= 1 << hypervisor.EventUndefined
	case hypervisor.EventUndefined:
		p.kinds &^= 1 << hypervisor.EventDefined
	}
	p.kinds |= 1 << e.Kind
	p.name = e.Name
	if e.Pause != hypervisor.PauseNone {
		p.pause = e.Pause
	}
}

// take empties the queue.
func (q *queue) take() []hypervisor.Event {
	q.mu.Lock()
	defer q.mu.Unlock()
	var list []hypervisor.Event
	if q.disconnected != nil {
		list = append(list, *q.disconnected)
	}
	if q.connected {
		list = append(list, hypervisor.Event{Kind: hypervisor.EventConnected})
	}
	if q.slowness != 0 {
		list = append(list, hypervisor.Event{Kind: q.slowness})
	}
	for _, id := range q.order {
		p := q.pending[id]
		for kind := hypervisor.EventDefined; kind <= hypervisor.EventViewer; kind++ {
			if p.kinds&(1<<kind) == 0 {
				continue
			}
			e := hypervisor.Event{Kind: kind, Machine: id, Name: p.name}
			if kind == hypervisor.EventIOError {
				e.Pause = p.pause
			}
			list = append(list, e)
		}
	}
	q.forget()
	q.disconnected, q.connected, q.slowness = nil, false, 0
	return list
}

// run delivers until stop is closed, then closes out.
func (q *queue) run(stop <-chan struct{}) {
	defer close(q.out)
	for {
		select {
		case <-q.wake:
		case <-stop:
			return
		}
		for _, e := range q.take() {
			select {
			case q.out <- e:
			case <-stop:
				return
			}
		}
		select {
		case <-time.After(eventPause):
		case <-stop:
			return
		}
	}
}
