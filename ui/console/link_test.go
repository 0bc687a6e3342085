package console

import (
	"context"
	"errors"
	"fmt"
	"image"
	"slices"
	"testing"
	"time"

	"guesthouse/hypervisor"
	"guesthouse/hypervisor/display"
	"guesthouse/ui/dispatch"
)

// linkRig runs a link whose tries and waits the test steps through.
type linkRig struct {
	*link
	t      *testing.T
	opens  chan error         // what the next open returns
	opened chan *fakeSource   // sources in the order of their start
	waits  chan time.Duration // the pauses it asked for
	expire chan time.Time
	stop   context.CancelFunc
	ended  chan struct{}
}

func newLinkRig(t *testing.T) *linkRig {
	r := &linkRig{
		link: newLink(newFrames(&dispatch.Queue{})), t: t, opens: make(chan error), opened: make(chan *fakeSource, 10),
		waits: make(chan time.Duration, 10), expire: make(chan time.Time), ended: make(chan struct{}),
	}
	r.open = func(ctx context.Context) (hypervisor.GraphicsPath, error) {
		select {
		case err := <-r.opens:
			return hypervisor.GraphicsPath{}, err
		case <-ctx.Done():
			return hypervisor.GraphicsPath{}, ctx.Err()
		}
	}
	r.newSource = func(hypervisor.GraphicsPath) display.Source {
		s := &fakeSource{size: image.Pt(8, 8), hangUp: make(chan error, 1)}
		r.opened <- s
		return s
	}
	r.after = func(d time.Duration) <-chan time.Time {
		r.waits <- d
		return r.expire
	}
	ctx, stop := context.WithCancel(context.Background())
	r.stop = stop
	go func() {
		defer close(r.ended)
		r.run(ctx)
	}()
	t.Cleanup(func() {
		stop()
		receive(t, r.ended)
	})
	return r
}

// receive takes a value that must come.
func receive[T any](t *testing.T, c <-chan T) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(patient):
		t.Fatal("nothing came")
		panic("unreachable")
	}
}

// answer gives the next open its result.
func (r *linkRig) answer(err error) {
	r.t.Helper()
	select {
	case r.opens <- err:
	case <-time.After(patient):
		r.t.Fatal("the display is not opened")
	}
}

// phase waits until the link is there.
func (r *linkRig) phase(want linkPhase) linkStatus {
	r.t.Helper()
	for end := time.Now().Add(patient); ; time.Sleep(time.Millisecond) {
		s, source := r.get()
		if s.Phase == want {
			if (source != nil) != (want == linkLive) {
				r.t.Errorf("phase %d with source %v", want, source)
			}
			return s
		}
		if time.Now().After(end) {
			r.t.Fatalf("the link is in phase %d (%v), want %d", s.Phase, s.Err, want)
		}
	}
}

var errGone = fmt.Errorf("gone: %w", display.ErrClosed)

func TestLinkReconnectsEverMoreSlowly(t *testing.T) {
	r := newLinkRig(t)
	r.want(true)
	for _, want := range []int{200, 500, 1000, 2000, 5000, 5000} {
		r.answer(errGone)
		if got := receive(t, r.waits); got != time.Duration(want)*time.Millisecond {
			t.Errorf("pause %v, want %d ms", got, want)
		}
		r.expire <- time.Time{}
	}
	r.answer(nil)
	first := receive(t, r.opened)
	r.phase(linkLive)
	first.hangUp <- errGone
	if got := receive(t, r.waits); got != backoff[0] {
		t.Errorf("after a picture the pause is %v", got)
	}
	if s := r.phase(linkLost); !errors.Is(s.Err, display.ErrClosed) || s.Tries != 1 {
		t.Errorf("%+v", s)
	}
	r.expire <- time.Time{}
	r.answer(nil)
	receive(t, r.opened)
	r.phase(linkLive)
}

func TestLinkStopsWithTheMachine(t *testing.T) {
	r := newLinkRig(t)
	r.want(true)
	r.answer(nil)
	receive(t, r.opened)
	r.phase(linkLive)
	r.want(false)
	r.phase(linkIdle)
	r.want(true) // starts again without a pause
	r.answer(errGone)
	receive(t, r.waits)
	r.want(false) // while it waits
	r.phase(linkIdle)
	if len(r.waits) > 0 {
		t.Error("it goes on although nobody wants it")
	}
}

func TestLinkDoesNotInsist(t *testing.T) {
	for _, err := range []error{hypervisor.ErrNoGraphics, display.ErrAuth, hypervisor.ErrDenied, hypervisor.ErrUnsupported} {
		r := newLinkRig(t)
		r.want(true)
		r.answer(fmt.Errorf("x: %w", err))
		if s := r.phase(linkRefused); !errors.Is(s.Err, err) || len(r.waits) > 0 {
			t.Errorf("%+v", s)
		}
		r.retry()
		r.answer(nil)
		receive(t, r.opened)
		r.phase(linkLive)
	}
}

func TestLinkRetriesAtOnce(t *testing.T) {
	r := newLinkRig(t)
	r.want(true)
	r.answer(errGone)
	receive(t, r.waits)
	r.retry() // the timer never fires
	r.answer(nil)
	s := receive(t, r.opened)
	r.phase(linkLive)
	r.retry() // connected: nothing to do
	s.hangUp <- errGone
	receive(t, r.waits)
	r.phase(linkLost)
}

func TestLinkVisibility(t *testing.T) {
	r := newLinkRig(t)
	r.setVisible(false)
	r.want(true)
	r.answer(nil)
	s := receive(t, r.opened)
	r.phase(linkLive)
	r.setVisible(true)
	r.stop()
	receive(t, r.ended)
	if !slices.Equal(s.visible, []bool{false, true}) {
		t.Errorf("the source was told %v", s.visible)
	}
}
