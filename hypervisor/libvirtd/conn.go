// Package libvirtd implements hypervisor.Connection with go-libvirt over connections of our own, which check every message before
// the library sees it (guard), end when nothing answers, and come back by themselves.
//
// One connection to the daemon carries events, list reads and our pings; everything that may take long or changes something is
// made on another one that is lent to that one call, since a daemon serves few requests of one client at a time.
package libvirtd

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"time"

	libvirt "github.com/digitalocean/go-libvirt"

	"guesthouse/hypervisor"
)

// Options adjust a connection. The zero value is right for the program.
type Options struct {
	Log        *slog.Logger // nil: nothing is logged
	DaemonPath string       // program to start as the user's own daemon; empty: the installed one is found
	// Dial replaces the way to the daemon, for tests.
	Dial func(ctx context.Context) (net.Conn, error)

	pace pace // tests hurry
}

// pace is how long the connection waits for signs of life.
type pace struct {
	ping   time.Duration // silence after which we ask
	report time.Duration // without an answer: EventNotAnswering
	drop   time.Duration // without an answer: the connection is given up
}

var usualPace = pace{ping: 5 * time.Second, report: 10 * time.Second, drop: 30 * time.Second}

const (
	steadyAfter  = 10 * time.Second // a connection that lived so long starts the waits anew
	readPatience = 3 * time.Second  // a read whose connection broke waits this long for the next one
)

// reconnectWaits are the pauses before each attempt; the last one repeats.
var reconnectWaits = []time.Duration{
	200 * time.Millisecond, 500 * time.Millisecond, time.Second, 2 * time.Second, 5 * time.Second,
}

// Conn is a connection to one libvirt host. It implements hypervisor.Connection.
type Conn struct {
	dialer dialer
	log    *slog.Logger
	queue  *queue
	pace   pace
	full   fullDisks

	ctx    context.Context // ends with Close
	cancel context.CancelFunc
	over   sync.WaitGroup

	mu      sync.Mutex
	host    hypervisor.Host
	session *session      // nil while disconnected
	lost    error         // why it is nil
	changed chan struct{} // closed and replaced when session changes
}

var _ hypervisor.Connection = (*Conn)(nil)

// Open connects to the URI and starts the user's own daemon when it is not there. It returns when the connection works, or with
// the reason why not (ErrBadAddress, ErrCannotStart, ErrDenied, ErrDisconnected). Later losses are mended in the background.
// ctx limits the first attempt only.
func Open(ctx context.Context, uri string, options Options) (*Conn, error) {
	c, err := prepare(uri, options)
	if err != nil {
		return nil, err
	}
	s, err := c.connect(ctx)
	if err != nil {
		c.cancel()
		return nil, err
	}
	c.start(s)
	return c, nil
}

// OpenLater never fails and does not wait: EventConnected or EventDisconnected tells how it went, and it keeps trying.
func OpenLater(uri string, options Options) *Conn {
	c, err := prepare(uri, options)
	if err != nil {
		c.lost = err
		c.queue.put(hypervisor.Event{Kind: hypervisor.EventDisconnected, Err: err})
		c.over.Go(func() { c.queue.run(c.ctx.Done()) })
		return c
	}
	c.start(nil)
	return c
}

// prepare makes a Conn that is usable as a disconnected one even when it also returns an error.
func prepare(uri string, options Options) (*Conn, error) {
	c := &Conn{log: options.Log, queue: newQueue(), changed: make(chan struct{}), lost: hypervisor.ErrDisconnected, pace: options.pace}
	if c.pace == (pace{}) {
		c.pace = usualPace
	}
	if c.log == nil {
		c.log = slog.New(slog.DiscardHandler)
	}
	c.ctx, c.cancel = context.WithCancel(context.Background())
	a, err := parseAddress(uri)
	c.dialer = dialer{address: a, daemonPath: options.DaemonPath, custom: options.Dial, tunnel: &tunnel{address: a}}
	c.host = hypervisor.Host{URI: uri}
	return c, err
}

func (c *Conn) start(first *session) {
	c.over.Go(func() { c.queue.run(c.ctx.Done()) })
	if first != nil {
		c.use(first)
	}
	c.over.Go(func() { c.supervise(first) })
}

// supervise keeps the connection up until Close.
func (c *Conn) supervise(s *session) {
	attempt := 0
	told := ""
	for {
		if s == nil {
			var err error
			if s, err = c.connect(c.ctx); err != nil {
				if c.ctx.Err() != nil {
					return
				}
				if err.Error() != told { // the same reason again is no news
					told = err.Error()
					c.log.Warn("cannot connect", "uri", c.dialer.text, "error", err)
					c.use(nil, err)
				}
				select {
				case <-time.After(reconnectWaits[min(attempt, len(reconnectWaits)-1)]):
				case <-c.ctx.Done():
					return
				}
				attempt++
				continue
			}
			c.use(s)
		}
		told = ""
		since := time.Now()
		c.watch(s)
		err := s.main.lost()
		s.close(err)
		if c.ctx.Err() != nil {
			return
		}
		c.log.Warn("connection lost", "uri", c.dialer.text, "error", err)
		c.use(nil, err)
		s = nil
		if time.Since(since) > steadyAfter {
			attempt = 0
		}
		select {
		case <-time.After(reconnectWaits[min(attempt, len(reconnectWaits)-1)]):
		case <-c.ctx.Done():
			return
		}
		attempt++
	}
}

// use makes s the session that calls run on, or none for the given reason, and tells the consumer of events.
func (c *Conn) use(s *session, why ...error) {
	c.mu.Lock()
	c.session = s
	event := hypervisor.Event{Kind: hypervisor.EventConnected}
	if s != nil {
		c.host = s.host
	} else {
		c.lost = why[0]
		event = hypervisor.Event{Kind: hypervisor.EventDisconnected, Err: why[0]}
	}
	close(c.changed)
	c.changed = make(chan struct{})
	c.mu.Unlock()
	c.queue.put(event)
}

// connect makes a session: reaches the daemon, subscribes to events and reads what the host is.
func (c *Conn) connect(ctx context.Context) (*session, error) {
	conn, err := c.dialer.dial(ctx, true)
	if err != nil {
		return nil, err
	}
	d := newDecoder(func(e hypervisor.Event) {
		c.full.note(e)
		c.queue.put(e)
	})
	main, err := openLink(ctx, conn, c.dialer.name(), d.message)
	if err != nil {
		return nil, err
	}
	s := &session{dialer: &c.dialer, main: main}
	if err := s.setUp(ctx); err != nil {
		s.close(err)
		return nil, err
	}
	return s, nil
}

// watch returns when the session's main link has ended. It pings the daemon when it has been silent for a while.
func (c *Conn) watch(s *session) {
	tick := time.NewTicker(c.pace.ping)
	defer tick.Stop()
	for {
		select {
		case <-s.main.done():
			return
		case <-c.ctx.Done():
			s.main.drop(net.ErrClosed)
			return
		case <-tick.C:
			if time.Since(s.main.g.lastHeard()) >= c.pace.ping {
				c.ping(s.main)
			}
		}
	}
}

// ping asks the daemon for something cheap and drops the link when no answer comes.
func (c *Conn) ping(k *link) {
	late := time.AfterFunc(c.pace.report, func() {
		c.queue.put(hypervisor.Event{Kind: hypervisor.EventNotAnswering})
	})
	_, err := ask(c.ctx, k, c.pace.drop, (*libvirt.Libvirt).ConnectGetLibVersion)
	if !late.Stop() && err == nil {
		c.queue.put(hypervisor.Event{Kind: hypervisor.EventAnswering})
	}
}

// Host implements hypervisor.Connection.
func (c *Conn) Host() hypervisor.Host {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.host
}

// Events implements hypervisor.Connection.
func (c *Conn) Events() <-chan hypervisor.Event { return c.queue.out }

// Close implements hypervisor.Connection. Calls that wait return ErrDisconnected. Machines run on.
func (c *Conn) Close() error {
	c.cancel()
	c.mu.Lock()
	s := c.session
	c.session, c.lost = nil, hypervisor.ErrDisconnected
	c.mu.Unlock()
	if s != nil {
		s.close(net.ErrClosed)
	}
	c.over.Wait()
	c.dialer.tunnel.close()
	return nil
}

// current returns the session to use, or why there is none.
func (c *Conn) current() (*session, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.session != nil {
		return c.session, nil
	}
	if errors.Is(c.lost, hypervisor.ErrDisconnected) || errors.Is(c.lost, hypervisor.ErrBadAddress) {
		return nil, c.lost
	}
	return nil, fmt.Errorf("%w: %w", hypervisor.ErrDisconnected, c.lost)
}

// next waits for another session than old, at most as long as a read has patience.
func (c *Conn) next(ctx context.Context, old *session) *session {
	limit := time.After(readPatience)
	for {
		c.mu.Lock()
		s, changed := c.session, c.changed
		c.mu.Unlock()
		if s != nil && s != old {
			return s
		}
		select {
		case <-changed:
		case <-limit:
			return nil
		case <-ctx.Done():
			return nil
		case <-c.ctx.Done():
			return nil
		}
	}
}

// read makes a call that changes nothing, on the main link. A broken connection is tried once more.
func read[T any](ctx context.Context, c *Conn, op string, call func(*libvirt.Libvirt) (T, error)) (T, error) {
	return readWithin(ctx, c, op, readLimit, call)
}

// readWithin is read for many questions in a row, which a slow network makes long.
func readWithin[T any](ctx context.Context, c *Conn, op string, limit time.Duration, call func(*libvirt.Libvirt) (T, error)) (T, error) {
	var none T
	s, err := c.current()
	if err != nil {
		return none, err
	}
	value, err := ask(ctx, s.main, limit, call)
	if errors.Is(err, hypervisor.ErrDisconnected) && !errors.Is(err, hypervisor.ErrTimeout) {
		if s = c.next(ctx, s); s != nil {
			value, err = ask(ctx, s.main, limit, call)
		}
	}
	return value, named(op, err)
}

// write makes a call that changes something, once, on a link lent to it. When ctx ends first the daemon may still do it.
func write[T any](ctx context.Context, c *Conn, op string, limit time.Duration, call func(*libvirt.Libvirt) (T, error)) (T, error) {
	var none T
	s, err := c.current()
	if err != nil {
		return none, err
	}
	k, err := s.lend(ctx)
	if err != nil {
		return none, err
	}
	value, err := ask(ctx, k, limit, call)
	s.giveBack(k, ctx.Err() == nil)
	return value, named(op, err)
}

// change is write for calls without a result.
func change(ctx context.Context, c *Conn, op string, limit time.Duration, call func(*libvirt.Libvirt) error) error {
	_, err := write(ctx, c, op, limit, func(l *libvirt.Libvirt) (struct{}, error) { return struct{}{}, call(l) })
	return err
}
