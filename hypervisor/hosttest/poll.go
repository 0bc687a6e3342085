package hosttest

import (
	"errors"
	"fmt"
	"time"
)

// pollEvery is the pause between two looks.
const pollEvery = 20 * time.Millisecond

// stopError ends Poll at once.
type stopError struct{ error }

func (s stopError) Unwrap() error { return s.error }

// Stop wraps an error that no further look can mend, so that Poll returns it at once.
func Stop(err error) error { return stopError{err} }

// Poll calls look until it returns nil, and returns look's last error when that did not happen within the
// deadline. It is how tests wait: no fixed sleeps, no wait longer than needed.
func Poll(deadline time.Duration, look func() error) error {
	end := time.Now().Add(deadline)
	for {
		err := look()
		if err == nil {
			return nil
		}
		var stop stopError
		if errors.As(err, &stop) {
			return stop.error
		}
		if time.Now().After(end) {
			return fmt.Errorf("not within %v: %w", deadline, err)
		}
		time.Sleep(pollEvery)
	}
}
