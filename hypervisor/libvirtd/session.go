package libvirtd

import (
	"context"
	"fmt"
	"sync"
	"time"

	libvirt "github.com/digitalocean/go-libvirt"

	"guesthouse/hypervisor"
)

const (
	keepIdle  = 2                // links kept for the next call
	idleLimit = 30 * time.Second // and for how long
)

// session is everything that lives as long as one main link: the link itself and those lent to single calls.
type session struct {
	dialer *dialer
	main   *link
	host   hypervisor.Host

	mu    sync.Mutex
	over  error
	links map[*link]bool // lent or idle
	idle  []*link
}

// setUp subscribes to events and reads the host at the same time.
func (s *session) setUp(ctx context.Context) error {
	subscribed := make(chan error, 1)
	go func() { subscribed <- s.subscribe(ctx) }()
	host, err := s.readHost(ctx)
	if e := <-subscribed; err == nil {
		err = e
	}
	s.host = host
	return err
}

// subscribe registers for events. A daemon too old for some of them still has those of the machines' lives.
func (s *session) subscribe(ctx context.Context) error {
	for _, id := range subscriptions {
		_, err := ask(ctx, s.main, readLimit, func(l *libvirt.Libvirt) (int32, error) {
			return l.ConnectDomainEventCallbackRegisterAny(int32(id), nil)
		})
		if err != nil && (id == libvirt.DomainEventIDLifecycle || !s.main.alive()) {
			return fmt.Errorf("%w: events: %w", hypervisor.ErrDisconnected, err)
		}
	}
	return nil
}

// close ends all links.
func (s *session) close(why error) {
	s.mu.Lock()
	if s.over == nil {
		s.over = why
	}
	links := s.links
	s.links, s.idle = nil, nil
	s.mu.Unlock()
	s.main.drop(why)
	for k := range links {
		k.drop(why)
	}
}

// lend returns a link that nobody else uses until giveBack.
func (s *session) lend(ctx context.Context) (*link, error) {
	if s.dialer.private() {
		return s.main, nil
	}
	s.mu.Lock()
	for len(s.idle) > 0 {
		k := s.idle[len(s.idle)-1]
		s.idle = s.idle[:len(s.idle)-1]
		if k.alive() {
			s.mu.Unlock()
			return k, nil
		}
		delete(s.links, k)
	}
	over := s.over
	s.mu.Unlock()
	if over != nil {
		return nil, fmt.Errorf("%w: %w", hypervisor.ErrDisconnected, over)
	}
	conn, err := s.dialer.dial(ctx, false)
	if err != nil {
		return nil, err
	}
	k, err := openLink(ctx, conn, s.dialer.name(), nil)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.over != nil {
		k.drop(s.over)
		return nil, fmt.Errorf("%w: %w", hypervisor.ErrDisconnected, s.over)
	}
	if s.links == nil {
		s.links = map[*link]bool{}
	}
	s.links[k] = true
	return k, nil
}

// giveBack ends a loan. A link whose call may still be running is not reusable.
func (s *session) giveBack(k *link, reusable bool) {
	if k == s.main {
		return
	}
	s.mu.Lock()
	keep := reusable && k.alive() && s.over == nil && len(s.idle) < keepIdle
	if keep {
		s.idle = append(s.idle, k)
	} else {
		delete(s.links, k)
	}
	s.mu.Unlock()
	if !keep {
		k.drop(errDone)
		return
	}
	time.AfterFunc(idleLimit, func() { s.retire(k) })
}

// retire closes a link if it is idle. One that was used meanwhile goes early; that costs a connect, not more.
func (s *session) retire(k *link) {
	s.mu.Lock()
	found := false
	for i, other := range s.idle {
		if other == k {
			s.idle = append(s.idle[:i:i], s.idle[i+1:]...)
			delete(s.links, k)
			found = true
			break
		}
	}
	s.mu.Unlock()
	if found {
		k.drop(errDone)
	}
}
