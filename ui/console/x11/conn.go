package x11

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"strings"
	"sync"

	"github.com/jezek/xgb"
	"github.com/jezek/xgb/render"
	"github.com/jezek/xgb/shm"
	"github.com/jezek/xgb/xproto"
)

// ErrUnavailable says that this X server (or none) cannot show pictures from shared memory: another computer's, one without the extensions,
// or one with an unusual pixel format.
var ErrUnavailable = errors.New("no shared memory with the X server")

// ErrLost says that the connection to the X server ended or the server refused a request.
var ErrLost = errors.New("the connection to the X server is lost")

func init() { xgb.Logger = log.New(io.Discard, "", 0) } // it tells of every closed connection on standard error

// A Conn is one connection to the X server for one toplevel window of the toolkit. Methods may be called on any goroutine unless they say
// otherwise.
type Conn struct {
	x      *xgb.Conn
	top    xproto.Window // the toolkit's window
	root   xproto.Window
	format format

	mu       sync.Mutex
	handlers []func(xgb.Event)
}

// Open connects to the X server of the environment for a toplevel window with this id, and proves that shared memory works. It waits for the
// server, so it is not for the UI goroutine. Errors wrap ErrUnavailable.
func Open(window uintptr) (*Conn, error) {
	c, err := open(window)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	return c, nil
}

func open(window uintptr) (*Conn, error) {
	if !local(os.Getenv("DISPLAY")) {
		return nil, errors.New("no X server on this computer")
	}
	if window == 0 {
		return nil, errors.New("not a window of X")
	}
	x, err := connect(extSHM, extRender, extShape)
	if err != nil {
		return nil, err
	}
	c := &Conn{x: x, top: xproto.Window(window)}
	if err := c.prepare(); err != nil {
		x.Close()
		return nil, err
	}
	return c, nil
}

// local reports whether a DISPLAY names a server that is reached by a socket of this computer's file system. A forwarded display
// ("localhost:10") is not: its server is elsewhere.
func local(display string) bool {
	host, _, found := strings.Cut(display, ":")
	return found && (host == "" || host == "unix" || strings.HasPrefix(host, "/"))
}

// prepare asks for everything that a view needs and tries shared memory.
func (c *Conn) prepare() error {
	// RENDER and SHM want to know the client's version before anything else (protocol documents, QueryVersion).
	if _, err := render.QueryVersion(c.x, 0, 11).Reply(); err != nil {
		return err
	}
	if _, err := shm.QueryVersion(c.x).Reply(); err != nil {
		return err
	}
	where, err := xproto.GetGeometry(c.x, xproto.Drawable(c.top)).Reply()
	if err != nil {
		return err
	}
	c.root = where.Root
	if c.format, err = findFormat(c.x, c.root); err != nil {
		return err
	}
	return c.proveSharing()
}

// Handle has f called with every event of this connection, on Run's goroutine: it must not wait.
func (c *Conn) Handle(f func(xgb.Event)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.handlers = append(c.handlers, f)
}

// Run hands out events until ctx ends (it returns ctx's error) or the connection is lost (ErrLost), also by an error of the server that no
// one waits for. The connection is closed when it returns.
func (c *Conn) Run(ctx context.Context) error {
	return receive(ctx, c.x, func(event xgb.Event) {
		c.mu.Lock()
		handlers := c.handlers
		c.mu.Unlock()
		for _, f := range handlers {
			f(event)
		}
	})
}

// receive hands out the events of a connection as Conn.Run and Input.Run say.
func receive(ctx context.Context, x *xgb.Conn, handle func(xgb.Event)) error {
	defer x.Close()
	defer context.AfterFunc(ctx, x.Close)()
	for {
		event, fault := x.WaitForEvent()
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case fault != nil:
			return fmt.Errorf("%w: %s", ErrLost, fault.Error())
		case event == nil:
			return ErrLost
		}
		handle(event)
	}
}

// Close ends the connection; what it made in the server is gone with it. Run closes by itself.
func (c *Conn) Close() { c.x.Close() }
