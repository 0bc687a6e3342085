package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"guesthouse/app/jobs"
)

// waitJob waits for a job. On a terminal it shows the progress; Ctrl+C cancels the job, which then undoes itself.
func waitJob(ctx context.Context, o *options, job *jobs.Job) error {
	show := isTerminal(o.err) && !o.json
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	if !show {
		tick.Stop()
	}
	cancelled := ctx.Done()
	for {
		select {
		case <-job.Done():
			if show {
				fmt.Fprint(o.err, "\r\x1b[K")
			}
			return job.Status().Err
		case <-cancelled:
			job.Cancel()
			cancelled = nil // the job still has to put things back
		case <-tick.C:
			if o.asking.Load() {
				continue
			}
			s := job.Status()
			line := s.Title
			if s.Progress.Fraction >= 0 {
				line += fmt.Sprintf(" %3.0f %%", s.Progress.Fraction*100)
			}
			if s.Progress.Text != "" {
				line += "  " + s.Progress.Text
			}
			fmt.Fprintf(o.err, "\r\x1b[K%s", line)
		}
	}
}

func isTerminal(w any) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
