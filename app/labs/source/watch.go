package source

import (
	"context"
	"errors"
	"io"
	"time"
)

// errStalled ends a request on which nothing moves any more.
var errStalled = errors.New("nothing came for too long")

// watch ends a request when nothing moves for a while. How long the whole takes does not matter: a slow network is no fault. While the caller is busy
// with what came, the time does not run.
type watch struct {
	ctx   context.Context // that of the request
	limit time.Duration
	timer *time.Timer
	end   context.CancelCauseFunc
}

// newWatch starts the time. It ends the request also when ctx or life ends. Stop must be called.
func newWatch(ctx, life context.Context, limit time.Duration) *watch {
	w := &watch{limit: limit}
	inner, cancel := context.WithCancelCause(ctx)
	unhook := context.AfterFunc(life, func() { cancel(context.Cause(life)) })
	w.ctx = inner
	w.end = func(cause error) {
		unhook()
		cancel(cause)
	}
	w.timer = time.AfterFunc(limit, func() { cancel(errStalled) })
	return w
}

// wait starts the time anew.
func (w *watch) wait() { w.timer.Reset(w.limit) }

// pause stops the time.
func (w *watch) pause() { w.timer.Stop() }

// stop ends the request.
func (w *watch) stop() {
	w.timer.Stop()
	w.end(context.Canceled)
}

// failure is why a request ended: what ended it, else err.
func (w *watch) failure(err error) error {
	if cause := context.Cause(w.ctx); cause != nil {
		return cause
	}
	return err
}

// watched is a body that a watch looks at.
type watched struct {
	io.ReadCloser
	watch *watch
}

// Read implements io.Reader.
func (b *watched) Read(p []byte) (int, error) {
	b.watch.wait()
	n, err := b.ReadCloser.Read(p)
	b.watch.pause()
	if err != nil && err != io.EOF {
		err = b.watch.failure(err)
	}
	return n, err
}

// Close implements io.Closer.
func (b *watched) Close() error {
	b.watch.stop()
	return b.ReadCloser.Close()
}
