package console

import (
	"context"
	"errors"
	"io"
	"sync"
	"time"

	"guesthouse/hypervisor"
	"guesthouse/ui/dispatch"
)

// textPhase is where a text console's connection stands.
type textPhase int

const (
	textIdle       textPhase = iota // the machine is off
	textConnecting                  // asked for, no answer yet
	textLive                        // connected
	textLost                        // it broke; the next try is waited for
	textInUse                       // somebody else has it
	textRefused                     // trying again by itself would change nothing
	textReleased                    // the user let go of it
)

// textStatus is a text console's connection at one moment.
type textStatus struct {
	Phase textPhase
	Err   error
}

// maxTyped bounds what waits to be taken by a guest that does not listen, bytes.
const maxTyped = 2 << 20

// textLink keeps one text console of a machine connected as long as it is wanted. Its methods may be called from any goroutine and never wait.
type textLink struct {
	dispatch dispatch.Dispatcher
	open     func(ctx context.Context, force bool) (io.ReadWriteCloser, error)
	// out takes what the guest says; again is called before the first word of a connection that follows another one.
	out   io.Writer
	again func()
	// changed is called after the status changed.
	changed func()
	after   func(time.Duration) <-chan time.Time

	mu       sync.Mutex
	wanted   bool // the machine has the console now
	released bool // the user does not want it
	force    bool // the next try throws out who is there
	epoch    int  // counts reasons to begin anew
	status   textStatus
	stop     context.CancelFunc
	typed    []byte
	poke     chan struct{} // holds at most one wake-up for run
	keys     chan struct{} // the same for the writer
}

func newTextLink(d dispatch.Dispatcher) *textLink {
	return &textLink{
		dispatch: d, again: func() {}, changed: func() {}, after: time.After,
		poke: make(chan struct{}, 1), keys: make(chan struct{}, 1),
	}
}

func wake(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// want says whether the machine has the console now.
func (l *textLink) want(on bool) {
	l.begin(func() bool {
		same := l.wanted == on
		l.wanted = on
		return !same
	})
}

// release lets others have the console.
func (l *textLink) release() {
	l.begin(func() bool {
		l.released = true
		return true
	})
}

// connect tries at once; force throws out who has the console.
func (l *textLink) connect(force bool) {
	l.begin(func() bool {
		if l.status.Phase == textLive && !l.released {
			return false
		}
		l.released, l.force = false, force
		return true
	})
}

// begin changes what is wanted and has run look at it.
func (l *textLink) begin(change func() bool) {
	l.mu.Lock()
	changed := change()
	if changed {
		l.epoch++
		if l.stop != nil {
			l.stop()
		}
	}
	l.mu.Unlock()
	if changed {
		wake(l.poke)
	}
}

// send types bytes. Without a connection they are lost: what was typed into the dark helps nobody later.
func (l *textLink) send(b []byte) {
	l.mu.Lock()
	if l.status.Phase == textLive && len(l.typed)+len(b) <= maxTyped {
		l.typed = append(l.typed, b...)
	}
	l.mu.Unlock()
	wake(l.keys)
}

func (l *textLink) get() textStatus {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.status
}

func (l *textLink) set(s textStatus) {
	l.mu.Lock()
	l.status, l.typed = s, nil
	l.mu.Unlock()
	l.changed()
}

// ownTries is how often a console that this window has had is asked for again before somebody else is said to have it.
const ownTries = 3

// run connects and reconnects until ctx ends.
func (l *textLink) run(ctx context.Context) error {
	tries, epoch, before := 0, -1, false
	for ctx.Err() == nil {
		l.mu.Lock()
		wanted, released, force, now := l.wanted, l.released, l.force, l.epoch
		l.force = false
		l.mu.Unlock()
		if !wanted || released {
			if epoch = now; released && wanted {
				l.set(textStatus{Phase: textReleased})
			} else {
				l.set(textStatus{})
			}
			l.wait(ctx, epoch, nil)
			continue
		}
		if now != epoch {
			epoch, tries = now, 0
			l.set(textStatus{Phase: textConnecting})
		}
		live, err := l.session(ctx, epoch, force, before)
		before = before || live
		if live {
			tries = 0
		}
		if ctx.Err() != nil || l.over(epoch) {
			continue
		}
		tries++
		switch {
		// The one who has it may be this window before the machine was restarted: libvirt lets go a moment later.
		case errors.Is(err, hypervisor.ErrInUse) && !(before && tries <= ownTries):
			l.set(textStatus{textInUse, err})
			l.wait(ctx, epoch, nil)
		case errors.Is(err, hypervisor.ErrNoConsole), errors.Is(err, hypervisor.ErrUnsupported), errors.Is(err, hypervisor.ErrDenied):
			l.set(textStatus{textRefused, err})
			l.wait(ctx, epoch, nil)
		default:
			l.set(textStatus{textLost, err})
			l.wait(ctx, epoch, l.after(backoff[min(tries, len(backoff))-1]))
		}
	}
	l.set(textStatus{})
	return ctx.Err()
}

// wait returns when the timer fires (nil: never), ctx ends, or the epoch is over.
func (l *textLink) wait(ctx context.Context, epoch int, timer <-chan time.Time) {
	for !l.over(epoch) {
		select {
		case <-ctx.Done():
			return
		case <-timer:
			return
		case <-l.poke:
		}
	}
}

func (l *textLink) over(epoch int) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.epoch != epoch
}

// session opens the console and takes what it says until its end. live tells whether it was open.
func (l *textLink) session(parent context.Context, epoch int, force, before bool) (live bool, err error) {
	ctx, stop := context.WithCancel(parent)
	defer stop()
	l.mu.Lock()
	stale := l.epoch != epoch
	l.stop = stop
	l.mu.Unlock()
	defer func() {
		l.mu.Lock()
		l.stop = nil
		l.mu.Unlock()
	}()
	if stale {
		return false, context.Canceled
	}
	console, err := l.open(ctx, force)
	if err != nil {
		return false, err
	}
	defer context.AfterFunc(ctx, func() { console.Close() })()
	defer console.Close()
	if before {
		l.again()
	}
	l.set(textStatus{Phase: textLive})
	dispatch.Run(l.dispatch, func(context.Context) error { return l.write(ctx, console) }, nil)
	buffer := make([]byte, 32<<10)
	for {
		n, err := console.Read(buffer)
		_, _ = l.out.Write(buffer[:n]) // a screen takes everything
		if err != nil {
			return true, err
		}
	}
}

// write sends what is typed until ctx ends or the console does. ctx ends before the next connection begins: what is typed then, and the wake-up
// that says so, belong to the next one's writer.
func (l *textLink) write(ctx context.Context, console io.Writer) error {
	defer wake(l.keys)
	for {
		l.mu.Lock()
		if ctx.Err() != nil {
			l.mu.Unlock()
			return ctx.Err()
		}
		b := l.typed
		l.typed = nil
		l.mu.Unlock()
		if len(b) > 0 {
			if _, err := console.Write(b); err != nil {
				return err
			}
			continue
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-l.keys:
		}
	}
}
