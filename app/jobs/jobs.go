// Package jobs runs long work: each job has a title, progress, a Cancel that works and an end that
// can be waited for. What a job made is undone by the task itself, with the help of Undo.
package jobs

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"slices"
	"sync"
	"time"
)

// Progress is how far a job is.
type Progress struct {
	Fraction float64 // 0 to 1; below 0 when it is unknown
	Text     string  // what is being done now, one short phrase
	// Done and Total are bytes, and Rest is how long the rest will take at the present rate; 0 where it is not known.
	Done, Total int64
	Rest        time.Duration
	// Outcome is what came of a job that is done, one short sentence without a full stop; empty: nothing that its title does not say.
	Outcome string
}

// Unknown is the Fraction of work whose length cannot be told.
const Unknown = -1

// Task is the work of a job. It must return soon after ctx ends and must undo what it did when it fails or is cancelled.
// report may be called from any goroutine and never blocks.
type Task func(ctx context.Context, report func(Progress)) error

// State is where a job is in its life.
type State string

// The states of a job. A job starts as running and ends in one of the other three.
const (
	Running   State = "running"
	Done      State = "done"
	Failed    State = "failed"
	Cancelled State = "cancelled"
)

// Status is a job at one moment.
type Status struct {
	ID       int
	Title    string // what the user reads: "Creating web server"
	Subject  string // UUID of the machine that the job works on, or empty
	State    State
	Progress Progress
	// Err is why the job failed; it wraps context.Canceled when the job was cancelled. A cancelled job that could not undo all it did
	// counts as failed.
	Err         error
	Started     time.Time
	Finished    time.Time // zero while it runs
	Cancellable bool      // Cancel would be heard
}

// ErrPanic is wrapped by the error of a job whose task panicked.
var ErrPanic = errors.New("internal fault")

// Job is one piece of work. All methods may be called from any goroutine.
type Job struct {
	runner *Runner
	cancel context.CancelFunc
	done   chan struct{}

	mu     sync.Mutex
	status Status
}

// Status returns the job as it is now. It only reads memory.
func (j *Job) Status() Status {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.status
}

// Done is closed when the task has returned and the status is final.
func (j *Job) Done() <-chan struct{} { return j.done }

// Cancel asks the task to stop and undo. It does not wait. A job that was started with StartFixed, or has ended, ignores it.
func (j *Job) Cancel() {
	if j.Status().Cancellable {
		j.cancel()
	}
}

// Wait waits until the job has ended and returns its error, or ctx's error when ctx ends first (the job runs on then).
func (j *Job) Wait(ctx context.Context) error {
	select {
	case <-j.done:
		return j.Status().Err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Runner starts jobs and knows them all. All methods may be called from any goroutine.
type Runner struct {
	mu      sync.Mutex
	idle    *sync.Cond
	lastID  int
	running int
	jobs    []*Job // in the order of their start
	closed  bool
	changes Notifier
}

// NewRunner returns a runner without jobs.
func NewRunner() *Runner {
	r := &Runner{}
	r.idle = sync.NewCond(&r.mu)
	return r
}

// ErrShutdown is the error of a job that was started after Shutdown.
var ErrShutdown = errors.New("the program is closing")

// Start runs task on a goroutine of its own. title is what the user reads, subject the UUID of the machine or empty.
func (r *Runner) Start(title, subject string, task Task) *Job {
	return r.start(title, subject, task, true)
}

// StartFixed is Start for a job that cannot be cancelled half-way.
func (r *Runner) StartFixed(title, subject string, task Task) *Job {
	return r.start(title, subject, task, false)
}

func (r *Runner) start(title, subject string, task Task, cancellable bool) *Job {
	ctx, cancel := context.WithCancel(context.Background())
	j := &Job{runner: r, cancel: cancel, done: make(chan struct{})}
	j.status = Status{
		Title: title, Subject: subject, State: Running, Progress: Progress{Fraction: Unknown},
		Started: time.Now(), Cancellable: cancellable,
	}
	r.mu.Lock()
	r.lastID++
	j.status.ID = r.lastID
	r.jobs = append(r.jobs, j)
	r.running++
	closed := r.closed
	r.mu.Unlock()
	if closed {
		task = func(context.Context, func(Progress)) error { return ErrShutdown }
	}
	r.changes.Notify()
	go func() {
		defer cancel()
		err := run(ctx, task, j.report)
		j.finish(ctx, err)
		r.mu.Lock()
		r.running--
		r.mu.Unlock()
		close(j.done)
		r.idle.Broadcast()
		r.changes.Notify()
	}()
	return j
}

// run calls task and turns a panic into an error, so that a fault in one job never ends the program (promise I10).
func run(ctx context.Context, task Task, report func(Progress)) (err error) {
	defer func() {
		if v := recover(); v != nil {
			slog.Error("a job panicked", "panic", v, "stack", string(debug.Stack()))
			err = fmt.Errorf("%w: %v", ErrPanic, v)
		}
	}()
	return task(ctx, report)
}

func (j *Job) report(p Progress) {
	p.Fraction = min(p.Fraction, 1)
	j.mu.Lock()
	changed := j.status.State == Running && j.status.Progress != p
	if changed {
		j.status.Progress = p
	}
	j.mu.Unlock()
	if changed {
		j.runner.changes.Notify()
	}
}

func (j *Job) finish(ctx context.Context, err error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.status.Finished = time.Now()
	j.status.Cancellable = false
	j.status.Err = err
	switch {
	case err == nil:
		j.status.State = Done
		j.status.Progress = Progress{Fraction: 1, Text: j.status.Progress.Text, Outcome: j.status.Progress.Outcome}
	case ctx.Err() != nil && errors.Is(err, context.Canceled) && Undone(err):
		j.status.State = Cancelled
	default:
		j.status.State = Failed
	}
}

// List returns the running jobs and those that ended and were not dismissed, oldest first. It only reads memory.
func (r *Runner) List() []Status {
	r.mu.Lock()
	jobs := slices.Clone(r.jobs)
	r.mu.Unlock()
	list := make([]Status, len(jobs))
	for i, j := range jobs {
		list[i] = j.Status()
	}
	return list
}

// Subscribe calls f after jobs changed. Many changes make few calls; f runs on a goroutine of the runner and must not block.
func (r *Runner) Subscribe(f func()) (cancel func()) { return r.changes.Subscribe(f) }

// Dismiss forgets an ended job. A running one stays.
func (r *Runner) Dismiss(id int) {
	r.mu.Lock()
	before := len(r.jobs)
	r.jobs = slices.DeleteFunc(r.jobs, func(j *Job) bool {
		s := j.Status()
		return s.ID == id && s.State != Running
	})
	changed := len(r.jobs) != before
	r.mu.Unlock()
	if changed {
		r.changes.Notify()
	}
}

// Cancel cancels the job with this number, if there is one.
func (r *Runner) Cancel(id int) {
	r.mu.Lock()
	i := slices.IndexFunc(r.jobs, func(j *Job) bool { return j.Status().ID == id })
	var j *Job
	if i >= 0 {
		j = r.jobs[i]
	}
	r.mu.Unlock()
	if j != nil {
		j.Cancel()
	}
}

// WaitIdle waits until no job runs.
func (r *Runner) WaitIdle() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for r.running > 0 {
		r.idle.Wait()
	}
}

// Shutdown refuses new jobs, cancels those that can be cancelled and waits for all until ctx ends.
func (r *Runner) Shutdown(ctx context.Context) error {
	r.mu.Lock()
	r.closed = true
	jobs := slices.Clone(r.jobs)
	r.mu.Unlock()
	for _, j := range jobs {
		j.Cancel()
	}
	for _, j := range jobs {
		select {
		case <-j.Done():
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}
