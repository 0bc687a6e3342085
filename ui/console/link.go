package console

import (
	"context"
	"errors"
	"sync"
	"time"

	"guesthouse/hypervisor"
	"guesthouse/hypervisor/display"
)

// linkPhase is where a link stands.
type linkPhase int

const (
	linkIdle       linkPhase = iota // the machine is off, or nobody wants a connection
	linkConnecting                  // no picture yet
	linkLive                        // pictures arrive
	linkLost                        // it broke; the next try is waited for
	linkRefused                     // trying again by itself would change nothing
)

// linkStatus is a link at one moment.
type linkStatus struct {
	Phase linkPhase
	Err   error // why it is lost or refused
	Tries int   // failed tries since the last picture
	Round int   // counts starts of the machine and requests to try again
}

// backoff is the time between tries; the last repeats.
var backoff = []time.Duration{200 * time.Millisecond, 500 * time.Millisecond, time.Second, 2 * time.Second, 5 * time.Second}

// link keeps one machine's display connected as long as it is wanted. It opens the display, runs its source, and when that ends starts
// again, ever more slowly. Its methods may be called from any goroutine and never wait.
type link struct {
	// open reaches the display, newSource speaks with it, presenter gets the pictures.
	open      func(context.Context) (hypervisor.GraphicsPath, error)
	newSource func(hypervisor.GraphicsPath) display.Source
	presenter display.Presenter
	// changed is called, on any goroutine, after the status or the source changed.
	changed func()
	// after is time.After; tests replace it.
	after func(time.Duration) <-chan time.Time

	mu      sync.Mutex
	wanted  bool
	epoch   int // counts starts of the machine and requests to try again
	visible bool
	status  linkStatus
	source  display.Source // nil unless live
	stop    context.CancelFunc
	poke    chan struct{} // holds at most one wake-up for run
}

func newLink(p display.Presenter) *link {
	return &link{presenter: p, changed: func() {}, after: time.After, visible: true, poke: make(chan struct{}, 1)}
}

// want says whether the machine has a display now. Turning it on, or retry, starts without delay.
func (l *link) want(on bool) {
	l.mu.Lock()
	same := l.wanted == on
	l.wanted = on
	if !same {
		l.epoch++
		if !on && l.stop != nil {
			l.stop()
		}
	}
	l.mu.Unlock()
	if !same {
		l.wake()
	}
}

// retry tries again at once. It does nothing while connected.
func (l *link) retry() {
	l.mu.Lock()
	busy := l.status.Phase == linkLive || l.status.Phase == linkConnecting && l.stop != nil
	if !busy {
		l.epoch++
	}
	l.mu.Unlock()
	if !busy {
		l.wake()
	}
}

// setVisible says whether updates of the picture are of use. The first one always comes.
func (l *link) setVisible(on bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.visible = on
	if l.source != nil {
		l.source.SetVisible(on) // never waits
	}
}

// get returns the status and, when pictures arrive, their source.
func (l *link) get() (linkStatus, display.Source) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.status, l.source
}

func (l *link) wake() {
	select {
	case l.poke <- struct{}{}:
	default:
	}
}

func (l *link) set(s linkStatus, source display.Source) {
	l.mu.Lock()
	l.status, l.source = s, source
	if source != nil && !l.visible {
		source.SetVisible(false)
	}
	l.mu.Unlock()
	l.changed()
}

// run connects and reconnects until ctx ends.
func (l *link) run(ctx context.Context) error {
	tries, epoch := 0, -1
	for ctx.Err() == nil {
		l.mu.Lock()
		wanted, now := l.wanted, l.epoch
		l.mu.Unlock()
		if !wanted {
			l.set(linkStatus{}, nil)
			l.wait(ctx, nil)
			continue
		}
		if now != epoch {
			epoch, tries = now, 0
			l.set(linkStatus{Phase: linkConnecting}, nil)
		}
		live, err := l.session(ctx)
		if ctx.Err() != nil {
			break
		}
		if l.over(epoch) {
			continue // the machine stopped, or someone wants a new try: the end was no loss
		}
		if live {
			tries = 0
		}
		tries++
		if final(err) {
			l.set(linkStatus{Phase: linkRefused, Err: err, Tries: tries, Round: epoch}, nil)
			l.waitFor(ctx, epoch, nil)
			continue
		}
		l.set(linkStatus{Phase: linkLost, Err: err, Tries: tries}, nil)
		l.waitFor(ctx, epoch, l.after(backoff[min(tries, len(backoff))-1]))
	}
	l.set(linkStatus{}, nil)
	return ctx.Err()
}

// session opens the display and runs its source to the end. live tells whether a picture came.
func (l *link) session(parent context.Context) (live bool, err error) {
	ctx, stop := context.WithCancel(parent)
	defer stop()
	l.mu.Lock()
	l.stop = stop
	wanted := l.wanted
	l.mu.Unlock()
	defer func() {
		l.mu.Lock()
		l.stop = nil
		l.mu.Unlock()
	}()
	if !wanted {
		return false, context.Canceled
	}
	path, err := l.open(ctx)
	if err != nil {
		return false, err
	}
	source := l.newSource(path)
	first := &firstFrame{Presenter: l.presenter, then: func() {
		live = true
		l.set(linkStatus{Phase: linkLive}, source)
	}}
	err = source.Run(ctx, first)
	if err == nil {
		err = display.ErrClosed
	}
	return live, err
}

// waitFor waits until the timer fires (nil: never), ctx ends, or the epoch is over.
func (l *link) waitFor(ctx context.Context, epoch int, timer <-chan time.Time) {
	for !l.over(epoch) && l.wait(ctx, timer) {
	}
}

// over reports whether the machine was stopped, started or retried since epoch.
func (l *link) over(epoch int) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.epoch != epoch
}

// wait returns true when it was woken by poke.
func (l *link) wait(ctx context.Context, timer <-chan time.Time) bool {
	select {
	case <-ctx.Done():
		return false
	case <-timer:
		return false
	case <-l.poke:
		return true
	}
}

// final reports whether trying again by itself makes no sense.
func final(err error) bool {
	return errors.Is(err, hypervisor.ErrNoGraphics) || errors.Is(err, hypervisor.ErrUnsupported) || errors.Is(err, hypervisor.ErrDenied) ||
		errors.Is(err, display.ErrAuth)
}

// firstFrame is a presenter that says when the first update is complete.
type firstFrame struct {
	display.Presenter
	then func()
}

// FrameDone implements display.Presenter.
func (f *firstFrame) FrameDone() {
	f.Presenter.FrameDone()
	if f.then != nil {
		f.then()
		f.then = nil
	}
}
