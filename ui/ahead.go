package ui

import (
	"time"

	"github.com/google/uuid"

	"guesthouse/app/machines"
	"guesthouse/hypervisor"
	"guesthouse/ui/console"
	"guesthouse/ui/dispatch"
)

// aheadTime is how long a window is kept for a click that does not come.
const aheadTime = 30 * time.Second

// ahead keeps the window of the machine that the user is about to ask for: made and connected, with a picture, but not on the screen. UI goroutine
// only.
type ahead struct {
	id     uuid.UUID
	window *console.Window // nil: none
	forget func()          // ends its time
}

// expectConsole prepares the window of a machine whose screen can be had without asking anybody anything.
func (w *windows) expectConsole(id uuid.UUID) {
	if w.consoles[id] != nil {
		return
	}
	if w.ahead.window == nil || w.ahead.id != id {
		m := w.p.Machines.Snapshot().Get(id)
		if m == nil || m.State != hypervisor.StateRunning || m.Config == nil || !machines.Shows(*m.Config) {
			return
		}
		w.ahead.drop()
		w.ahead = ahead{id: id, window: w.newConsole(id), forget: func() {}}
	}
	w.ahead.forget()
	w.ahead.forget = dispatch.After(w.dispatch, aheadTime, w.ahead.drop)
}

// take returns the machine's window if it is there, and gives up another's.
func (a *ahead) take(id uuid.UUID) *console.Window {
	c := a.window
	if c == nil || a.id != id {
		a.drop()
		return nil
	}
	a.closed(id)
	return c
}

// closed forgets a window that is gone, or no longer only prepared.
func (a *ahead) closed(id uuid.UUID) {
	if a.window != nil && a.id == id {
		a.forget()
		*a = ahead{}
	}
}

// drop gives the window up.
func (a *ahead) drop() {
	if c := a.window; c != nil {
		a.closed(a.id)
		c.Discard()
	}
}
