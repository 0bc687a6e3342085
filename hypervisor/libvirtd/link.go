package libvirtd

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	libvirt "github.com/digitalocean/go-libvirt"
	"github.com/digitalocean/go-libvirt/socket/dialers"

	"guesthouse/hypervisor"
)

// Deadlines of calls. Whatever exceeds its own ends the link it runs on.
const (
	openLimit  = 20 * time.Second // connecting, including libvirt's own start of a driver
	readLimit  = 20 * time.Second
	manyLimit  = 3 * time.Minute  // reads of one thing after the other
	writeLimit = 90 * time.Second // libvirt itself waits up to 30 s for a busy machine
	startLimit = 3 * time.Minute
	longLimit  = 2 * time.Hour // saving many GiB to a slow disk
)

// link is one RPC connection to the daemon: a guard and the library over it.
type link struct {
	g *guard
	l *libvirt.Libvirt
}

// openLink talks libvirt on conn and opens name (a URI as the daemon knows it). conn is closed when it fails.
func openLink(ctx context.Context, conn net.Conn, name string, onEvent func(uint32, []byte)) (*link, error) {
	g := newGuard(conn, onEvent)
	k := &link{g: g, l: libvirt.NewWithDialer(dialers.NewAlreadyConnected(g))}
	ctx, cancel := context.WithTimeout(ctx, openLimit)
	defer cancel()
	stop := context.AfterFunc(ctx, func() { g.fail(fmt.Errorf("%w: %w", hypervisor.ErrTimeout, ctx.Err())) })
	defer stop()
	err := k.l.ConnectToURI(libvirt.ConnectURI(name))
	if err != nil {
		_ = g.Close()
		if reason := g.reason(); reason != nil && !errors.Is(reason, net.ErrClosed) {
			err = reason
		}
		if e := ctx.Err(); e != nil && !errors.Is(err, hypervisor.ErrTimeout) {
			err = e
		}
		if !errors.Is(err, hypervisor.ErrTimeout) {
			err = translate(err)
		}
		return nil, fmt.Errorf("%w: %w", hypervisor.ErrDisconnected, err)
	}
	close(g.opened)
	return k, nil
}

func (k *link) done() <-chan struct{} { return k.g.done }

func (k *link) drop(err error) { k.g.fail(err) }

func (k *link) alive() bool {
	select {
	case <-k.g.done:
		return false
	default:
		return true
	}
}

// lost is the error of a call whose link ended.
func (k *link) lost() error {
	reason := k.g.reason()
	if reason == nil {
		reason = errors.New("connection closed")
	}
	return fmt.Errorf("%w: %w", hypervisor.ErrDisconnected, reason)
}

// ask makes one call on a link. It returns early when ctx ends; the answer is then thrown away when it comes. When no answer
// comes within limit the link is dropped, because the library cannot give up a single call.
func ask[T any](ctx context.Context, k *link, limit time.Duration, call func(*libvirt.Libvirt) (T, error)) (T, error) {
	type answer struct {
		value T
		err   error
	}
	var none T
	if err := ctx.Err(); err != nil {
		return none, err
	}
	if !k.alive() {
		return none, k.lost()
	}
	answers := make(chan answer, 1)
	watchdog := time.AfterFunc(limit, func() {
		k.drop(fmt.Errorf("%w (waited %v)", hypervisor.ErrTimeout, limit))
	})
	go func() {
		var a answer
		defer func() {
			watchdog.Stop()
			if p := recover(); p != nil { // the library decodes by reflection
				a.err = fmt.Errorf("%w: %v", errNonsense, p)
				k.drop(a.err)
			}
			answers <- a
		}()
		a.value, a.err = call(k.l)
	}()
	select {
	case a := <-answers:
		if a.err == nil {
			return a.value, nil
		}
		if !k.alive() && !errors.As(a.err, new(libvirt.Error)) {
			return none, k.lost()
		}
		return none, translate(a.err)
	case <-ctx.Done():
		return none, ctx.Err()
	}
}

// do is ask for calls without a result.
func do(ctx context.Context, k *link, limit time.Duration, call func(*libvirt.Libvirt) error) error {
	_, err := ask(ctx, k, limit, func(l *libvirt.Libvirt) (struct{}, error) { return struct{}{}, call(l) })
	return err
}
