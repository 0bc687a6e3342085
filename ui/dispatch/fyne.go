package dispatch

import (
	"context"
	"reflect"
	"sync/atomic"
	"time"

	"fyne.io/fyne/v2"
	"github.com/go-gl/glfw/v3.4/glfw"
	"golang.org/x/sys/unix"
)

// Fyne is the production dispatcher: the UI goroutine of the running Fyne app.
type Fyne struct{}

// Do implements Dispatcher.
func (Fyne) Do(f func()) {
	rest.called.Store(int64(time.Since(rest.began)))
	fyne.Do(f)
	if rest.waiting.Load() {
		glfw.PostEmptyEvent()
	}
}

// rest is what Do and Rest know of each other. Do notes the time first and looks at waiting last; the UI goroutine says that it waits first and looks at the time last.
// So either it sees that there is something to do, or Do sees that it has to be woken.
var rest = struct {
	began   time.Time
	called  atomic.Int64 // when Do was called last, ns after began
	waiting atomic.Bool  // the UI goroutine waits for events
}{began: time.Now()}

const (
	// restTime bounds a wait: what Fyne does by itself, without Do and without an event, comes so much later at most.
	restTime = 500 * time.Millisecond
	// eventTime is how long the loop stays awake after something came from the screen. Fyne's own times end in it: 300 ms for a double click, 500 ms for
	// a scroll bar that is left.
	eventTime = 600 * time.Millisecond
	// callTime is the same after a Do: Fyne paints in the next of its turns, of which there are 60 in a second, and may resize in the one after.
	callTime = 60 * time.Millisecond
	// turnTime is more than one turn.
	turnTime = 20 * time.Millisecond
)

// Rest lets the UI goroutine sleep while nothing happens, until ctx ends. Fyne's loop looks 60 times a second whether there is something to do, which costs
// more than everything else that a window does that shows nothing new. Meanwhile it is made to wait where the system wakes it: for the X server, or for
// Do. What comes is then dealt with at once instead of in the next turn. Where Fyne does not run on X11, or is not built as this knows it,
// the loop stays as it is. Call it on the UI goroutine once the app runs.
func Rest(ctx context.Context) {
	animations := runningAnimations(fyne.CurrentApp().Driver())
	if animations == nil || glfw.GetPlatform() != glfw.PlatformX11 {
		return
	}
	r := &rester{animations: animations, thread: unix.Gettid()}
	woke := make(chan time.Duration, 1)
	go func() {
		sleep := time.NewTimer(eventTime)
		defer sleep.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-sleep.C:
			}
			fyne.Do(func() { woke <- r.rest() })
			select {
			case <-ctx.Done():
				return
			case awake := <-woke:
				sleep.Reset(awake)
			}
		}
	}()
}

// rester is the part of Rest on the UI goroutine.
type rester struct {
	animations func() bool // reports whether some run
	thread     int         // the UI goroutine's
}

// rest waits if there is nothing to do, and says how long the loop is to stay awake after it.
func (r *rester) rest() (awake time.Duration) {
	if unix.Gettid() != r.thread { // the loop has ended
		return eventTime
	}
	rest.waiting.Store(true)
	defer rest.waiting.Store(false)
	called := rest.called.Load()
	if time.Since(rest.began)-time.Duration(called) < callTime || r.animations() || unpainted() {
		return callTime
	}
	before := time.Now()
	glfw.WaitEventsTimeout(restTime.Seconds())
	switch {
	case time.Since(before) >= restTime:
		return turnTime
	case rest.called.Load() != called:
		return callTime
	default:
		return eventTime
	}
}

// unpainted reports whether a window waits for being painted. A hidden one does so for ever.
func unpainted() bool {
	for _, win := range fyne.CurrentApp().Driver().AllWindows() {
		if visible := field(win, "visible"); visible.Kind() == reflect.Bool && !visible.Bool() {
			continue
		}
		c, ok := win.Canvas().(interface {
			CheckDirtyAndClear() bool
			SetDirty()
		})
		if ok && c.CheckDirtyAndClear() {
			c.SetDirty()
			return true
		}
	}
	return false
}

// runningAnimations returns what reports whether a driver moves something, nil if that cannot be told.
func runningAnimations(driver fyne.Driver) func() bool {
	now, next := field(driver, "animation", "animations"), field(driver, "animation", "pendingAnimations")
	if now.Kind() != reflect.Slice || next.Kind() != reflect.Slice {
		return nil
	}
	return func() bool { return now.Len()+next.Len() > 0 }
}

// field returns a field of what v points to, or of a field of it; the zero Value if there is none. Fyne does not tell what Rest has to know, but it can be seen.
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
