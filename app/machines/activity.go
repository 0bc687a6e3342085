package machines

import (
	"context"
	"sync"
	"time"

	"github.com/google/uuid"

	"guesthouse/hypervisor"
)

const (
	// samplePeriod is the time between two questions for the counters of the running machines, samplePatience how long an answer may take.
	samplePeriod   = time.Second
	samplePatience = 5 * time.Second
)

// Sample is what the running machines' counters were at one moment.
type Sample struct {
	At time.Time
	// Machines has the running machines; it is nil when the hypervisor did not say.
	Machines map[uuid.UUID]hypervisor.Stats
}

// sampler asks for the counters of all running machines while at least one of its watchers wants to know, with one call for all.
type sampler struct {
	read             func(context.Context) ([]hypervisor.Stats, error)
	period, patience time.Duration

	mu       sync.Mutex
	watchers map[int]func(Sample)
	next     int
	stop     context.CancelFunc // nil while nobody watches
}

// WatchActivity calls f about once a second with the counters of the running machines, until cancel. All watchers share one question to the
// hypervisor; without any, none is asked. f runs on an inner goroutine and must not block. After cancel returned f may be under way for the
// last time.
func (s *Service) WatchActivity(f func(Sample)) (cancel func()) { return s.activity.watch(f) }

func (s *sampler) watch(f func(Sample)) (cancel func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.watchers == nil {
		s.watchers = map[int]func(Sample){}
	}
	s.next++
	key := s.next
	s.watchers[key] = f
	if s.stop == nil {
		var ctx context.Context
		ctx, s.stop = context.WithCancel(context.Background())
		go s.run(ctx)
	}
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.watchers, key)
		if len(s.watchers) == 0 && s.stop != nil {
			s.stop()
			s.stop = nil
		}
	}
}

func (s *sampler) run(ctx context.Context) {
	ticker := time.NewTicker(s.period)
	defer ticker.Stop()
	for {
		s.sample(ctx)
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// sample asks once and tells everybody.
func (s *sampler) sample(parent context.Context) {
	ctx, cancel := context.WithTimeout(parent, s.patience)
	defer cancel()
	list, err := s.read(ctx)
	if parent.Err() != nil {
		return
	}
	now := Sample{At: time.Now()}
	if err == nil {
		now.Machines = make(map[uuid.UUID]hypervisor.Stats, len(list))
		for _, m := range list {
			now.Machines[m.UUID] = m
		}
	}
	s.mu.Lock()
	watchers := make([]func(Sample), 0, len(s.watchers))
	for _, f := range s.watchers {
		watchers = append(watchers, f)
	}
	s.mu.Unlock()
	for _, f := range watchers {
		f(now)
	}
}
