package console

import (
	"sync"

	"guesthouse/app/machines"
	"guesthouse/hypervisor"
)

// activity watches what the machine's devices do, while somebody can see it.
type activity struct {
	source Machines
	show   func() // on any goroutine: there is a new sample

	cancel func() // nil while it does not watch
	meter  meter

	mu     sync.Mutex
	newest machines.Sample
}

// watch begins or ends watching.
func (a *activity) watch(on bool) {
	switch {
	case on && a.cancel == nil:
		a.cancel = a.source.WatchActivity(a.take)
	case !on && a.cancel != nil:
		a.cancel()
		a.cancel = nil
	}
}

// take keeps the newest sample. Any goroutine.
func (a *activity) take(s machines.Sample) {
	a.mu.Lock()
	a.newest = s
	a.mu.Unlock()
	a.show()
}

func (a *activity) sample() machines.Sample {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.newest
}

// refreshDevices shows the devices of a running machine and watches them while the window is to be seen.
func (w *Window) refreshDevices() {
	m := w.machine
	if m == nil || !m.State.Active() || m.Config == nil {
		w.activity.watch(false)
		w.activity.meter.forget()
		w.status.setDevices(nil)
		return
	}
	w.status.setDevices(m.Config)
	running := m.State == hypervisor.StateRunning && !m.Offline && !w.unseen && !w.ahead && !w.closed
	w.activity.watch(running)
	if !running || !w.activity.meter.seen {
		w.activity.meter.forget()
		w.status.setReading(w.activity.meter.read(m.Config, m.UUID, machines.Sample{}))
	}
}

// showActivity shows the newest sample.
func (w *Window) showActivity() {
	m := w.machine
	if w.closed || m == nil || m.Config == nil || w.activity.cancel == nil {
		return
	}
	w.status.setReading(w.activity.meter.read(m.Config, m.UUID, w.activity.sample()))
}
