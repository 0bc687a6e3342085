package dispatch

import (
	"context"
	"reflect"
	"sync"
	"time"

	"fyne.io/fyne/v2"
	"github.com/go-gl/glfw/v3.4/glfw"
	"golang.org/x/sys/unix"
)

// Fyne is the production dispatcher: the UI goroutine of the running Fyne app.
type Fyne struct{}

// Do implements Dispatcher.
func (Fyne) Do(f func()) { loop.do(f) }

// loop is Fyne's loop, of which a program has one.
var loop = &rester{
	queue: fyne.Do,
	wait:  func(d time.Duration) { glfw.WaitEventsTimeout(d.Seconds()) },
	post:  glfw.PostEmptyEvent,
}

const (
	// restTime bounds a wait: what Fyne does by itself, without Do and without an event, comes so much later at most. It is little: the end of a
	// double click's time, after which nothing of ours happens, and a scroll bar that narrows.
	restTime = 500 * time.Millisecond
	// eventTime is how long the loop stays awake after an event has ended a wait.
	eventTime = 600 * time.Millisecond
	// callTime is the same after a Do: Fyne paints in the next of its turns, of which there are 60 in a second, and may resize in the one after.
	callTime = 60 * time.Millisecond
	// turnTime is more than one turn.
	turnTime = 20 * time.Millisecond
)

// Rest lets the UI goroutine sleep while nothing happens, until ctx ends. Fyne's loop looks 60 times a second whether there is something to do, which costs
// more than everything else that a window does that shows nothing new. Meanwhile it is made to wait where the system wakes it: for the X server, or for
// Do. What comes is then dealt with at once instead of in the next turn. Where Fyne does not run on X11, or is not built as this knows it,
// the loop stays as it is. Call it on the UI goroutine once the app runs and has a window.
func Rest(ctx context.Context) {
	driver := fyne.CurrentApp().Driver()
	if glfw.GetPlatform() != glfw.PlatformX11 || !known(driver) {
		return
	}
	thread := unix.Gettid()
	loop.busy = func() bool { return unix.Gettid() != thread || moves(driver) || unpainted(driver) } // another thread: the loop has ended
	go loop.run(ctx)
}

// rester makes a loop wait.
type rester struct {
	queue func(f func())      // has f called by the loop
	wait  func(time.Duration) // waits for an event, in the loop
	post  func()              // ends a wait, or the next one; any goroutine
	busy  func() bool         // reports whether the loop has something to do of its own

	mu      sync.Mutex
	pending int  // calls of do that the loop has still to make
	calls   int  // counts those of do
	waiting bool // the loop is in wait
}

// do has f called by the loop, and wakes it.
func (r *rester) do(f func()) {
	r.mu.Lock()
	r.pending++
	r.calls++
	r.mu.Unlock()
	r.queue(func() {
		r.mu.Lock()
		r.pending--
		r.mu.Unlock()
		f()
	})
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.waiting { // and stays so until the lock is free: nobody is woken that has ended meanwhile
		r.post()
	}
}

// run has the loop rest whenever it may, until ctx ends.
func (r *rester) run(ctx context.Context) {
	woke := make(chan time.Duration, 1)
	sleep := time.NewTimer(eventTime)
	defer sleep.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-sleep.C:
		}
		r.queue(func() { woke <- r.rest() })
		select {
		case <-ctx.Done():
			return
		case awake := <-woke:
			sleep.Reset(awake)
		}
	}
}

// rest waits, in the loop, if there is nothing to do, and says how long the loop is to stay awake after it.
func (r *rester) rest() (awake time.Duration) {
	if r.busy() {
		return callTime
	}
	r.mu.Lock()
	calls := r.calls
	r.waiting = r.pending == 0
	waits := r.waiting
	r.mu.Unlock()
	if !waits {
		return callTime
	}
	before := time.Now()
	r.wait(restTime)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.waiting = false
	switch {
	case calls != r.calls:
		return callTime
	case time.Since(before) >= restTime:
		return turnTime
	default:
		return eventTime
	}
}

// painted is what a window's canvas can do; only Fyne's loop is meant to use it.
type painted interface {
	CheckDirtyAndClear() bool
	SetDirty()
}

// unpainted reports whether a window waits for being painted or resized. A hidden one does so for ever.
func unpainted(driver fyne.Driver) bool {
	for _, win := range driver.AllWindows() {
		if !field(win, "visible").Bool() {
			continue
		}
		if c := win.Canvas().(painted); c.CheckDirtyAndClear() {
			c.SetDirty()
			return true
		}
		if field(win, "shouldExpand").Bool() {
			return true
		}
	}
	return false
}

// moves reports whether an animation runs.
func moves(driver fyne.Driver) bool {
	return field(driver, "animation", "animations").Len()+field(driver, "animation", "pendingAnimations").Len() > 0
}

// known reports whether Fyne is built as moves and unpainted believe.
func known(driver fyne.Driver) bool {
	windows := driver.AllWindows()
	if len(windows) == 0 {
		return false
	}
	_, paints := windows[0].Canvas().(painted)
	return paints && field(windows[0], "visible").Kind() == reflect.Bool && field(windows[0], "shouldExpand").Kind() == reflect.Bool &&
		field(driver, "animation", "animations").Kind() == reflect.Slice && field(driver, "animation", "pendingAnimations").Kind() == reflect.Slice
}

// field returns a field of what v points to, or of a field of it; the zero Value if there is none. Fyne does not tell what Rest has to know, but
// it can be seen.
func field(v any, path ...string) reflect.Value {
	value := reflect.Indirect(reflect.ValueOf(v))
	for _, name := range path {
		if value.Kind() != reflect.Struct {
			return reflect.Value{}
		}
		value = value.FieldByName(name)
	}
	return value
}
