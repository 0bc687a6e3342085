package machines

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/google/uuid"

	"guesthouse/app/jobs"
	"guesthouse/hypervisor"
)

// parallel is how many machines a job works on at once; a daemon serves five requests of one client at a time.
const parallel = 3

// titles say what a job does, with one machine's name or the number of machines.
var titles = map[Action]string{
	ActionStart:        "Starting %s",
	ActionPause:        "Pausing %s",
	ActionResume:       "Resuming %s",
	ActionReset:        "Resetting %s",
	ActionShutdown:     "Shutting down %s",
	ActionPowerOff:     "Powering off %s",
	ActionSave:         "Saving the state of %s",
	ActionDiscardSaved: "Discarding the saved state of %s",
}

// Do starts a job that does a lifecycle action to all the machines. A machine that already is in the wanted state
// counts as done; the others go on when one fails. Cancel stops between machines and aborts a running save.
func (s *Service) Do(a Action, ids ...uuid.UUID) *jobs.Job {
	title, known := titles[a]
	subject := ""
	if len(ids) == 1 {
		subject = ids[0].String()
		title = fmt.Sprintf(title, s.name(ids[0]))
	} else {
		title = fmt.Sprintf(title, fmt.Sprintf("%d machines", len(ids)))
	}
	if !known {
		title = "Nothing to do"
	}
	return s.p.Jobs.Start(title, subject, func(ctx context.Context, report func(jobs.Progress)) error {
		if !known {
			return fmt.Errorf("%w: %q is not a lifecycle action", hypervisor.ErrUnsupported, a)
		}
		return s.each(ctx, ids, report, func(ctx context.Context, id uuid.UUID, report func(jobs.Progress)) error {
			return s.act(ctx, a, id, report)
		})
	})
}

// each calls do for every machine, a few at once, and joins the errors.
func (s *Service) each(ctx context.Context, ids []uuid.UUID, report func(jobs.Progress),
	do func(context.Context, uuid.UUID, func(jobs.Progress)) error,
) error {
	if len(ids) == 1 {
		return do(ctx, ids[0], report)
	}
	var (
		wait  sync.WaitGroup
		mu    sync.Mutex
		done  int
		slots = make(chan struct{}, parallel)
		errs  = make([]error, len(ids))
	)
	for i, id := range ids {
		wait.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			if errs[i] = ctx.Err(); errs[i] == nil {
				errs[i] = do(ctx, id, func(jobs.Progress) {})
			}
			mu.Lock()
			done++
			report(jobs.Progress{Fraction: float64(done) / float64(len(ids)), Text: fmt.Sprintf("%d of %d", done, len(ids))})
			mu.Unlock()
		})
	}
	wait.Wait()
	if err := ctx.Err(); err != nil {
		return err
	}
	return errors.Join(errs...)
}

// act does one action to one machine under its lock and leaves the inventory up to date.
func (s *Service) act(ctx context.Context, a Action, id uuid.UUID, report func(jobs.Progress)) error {
	unlock, err := s.locks.lock(ctx, id)
	if err != nil {
		return err
	}
	defer unlock()
	if a == ActionStart {
		if err := s.ready(ctx, id); err != nil {
			return err
		}
	}
	d, err := s.p.Conn.Domain(ctx, id)
	if err != nil {
		return s.named(id, err)
	}
	if reached(a, d) {
		return nil
	}
	if ok, reason := allowed(a, d); !ok {
		return Refused(d.Name, reason)
	}
	if a == ActionSave {
		if reason, err := Unsavable(ctx, s.p.Conn, d); err != nil || reason != "" {
			if err == nil {
				err = Refused(d.Name, reason)
			}
			return s.named(id, err)
		}
	}
	defer s.inv.refresh(context.WithoutCancel(ctx), id, false, false)
	if a == ActionSave {
		return s.named(id, s.saveState(ctx, id, report))
	}
	// The other calls are short and are not cut in half by Cancel.
	ctx = context.WithoutCancel(ctx)
	err = map[Action]func(context.Context, uuid.UUID) error{
		ActionStart:        s.p.Conn.Start,
		ActionPause:        s.p.Conn.Pause,
		ActionResume:       s.p.Conn.Resume,
		ActionReset:        s.p.Conn.Reset,
		ActionShutdown:     s.p.Conn.Shutdown,
		ActionPowerOff:     s.p.Conn.PowerOff,
		ActionDiscardSaved: s.p.Conn.DiscardSaved,
	}[a](ctx, id)
	if err != nil {
		// Another program may have been faster: what counts is the state now.
		if now, readErr := s.p.Conn.Domain(ctx, id); readErr == nil && reached(a, now) {
			return nil
		}
	}
	return s.named(id, err)
}

// saveState saves the machine's state and reports libvirt's progress. Cancelling ctx lets the machine run on.
func (s *Service) saveState(ctx context.Context, id uuid.UUID, report func(jobs.Progress)) error {
	s.inv.busy(ctx, id, "saving its state")
	defer s.inv.busy(context.WithoutCancel(ctx), id, "")
	defer FollowProgress(ctx, s.p.Conn, id, report)()
	return s.p.Conn.Save(ctx, id)
}

// progressPoll is how often the progress of a long operation is read.
const progressPoll = 250 * time.Millisecond

// FollowProgress reports the progress of the operation that runs on a machine until stop is called.
func FollowProgress(ctx context.Context, conn hypervisor.Connection, id uuid.UUID, report func(jobs.Progress)) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		began := time.Now()
		tick := time.NewTicker(progressPoll)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			p, running, err := conn.Progress(ctx, id)
			if err != nil || !running || p.TotalBytes <= 0 {
				continue
			}
			left := float64(p.TotalBytes-p.ProcessedBytes) / float64(max(p.ProcessedBytes, 1))
			report(jobs.Progress{
				Fraction: float64(p.ProcessedBytes) / float64(p.TotalBytes), Text: "Writing the memory",
				Done: p.ProcessedBytes, Total: p.TotalBytes, Rest: time.Duration(left * float64(time.Since(began))),
			})
		}
	}()
	return func() {
		cancel()
		<-ended
	}
}

// Refused returns the error of an action that is not possible in the machine's state. It wraps hypervisor.ErrInvalidState.
func Refused(name, reason string) error {
	return &RefusedError{Machine: name, Reason: reason}
}

// RefusedError says why an action was refused. It wraps hypervisor.ErrInvalidState.
type RefusedError struct {
	Machine string
	Reason  string // one sentence for the user
}

// Error implements error.
func (e *RefusedError) Error() string { return fmt.Sprintf("%s: %s", e.Machine, e.Reason) }

// Unwrap returns hypervisor.ErrInvalidState.
func (e *RefusedError) Unwrap() error { return hypervisor.ErrInvalidState }
