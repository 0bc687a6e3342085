// Package doctor checks what the program needs from this computer.
package doctor

import "context"

// State is the outcome of one check.
type State string

// Outcomes. A warning leaves the program usable.
const (
	Pass State = "pass"
	Warn State = "warn"
	Fail State = "fail"
)

// Need is one checked need.
type Need struct {
	Name   string `json:"name"`
	State  State  `json:"state"`
	Detail string `json:"detail"` // what was found
	Fix    string `json:"fix"`    // what to do; empty when it passes
}

func Check(ctx context.Context, uri string) []Need { panic("later") }
