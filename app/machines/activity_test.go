package machines

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"guesthouse/hypervisor"
)

// TestSamplerAsksOnceForAll: two watchers share each question; when the last has gone, the question under way is given up, and a new
// watcher starts again.
func TestSamplerAsksOnceForAll(t *testing.T) {
	var asked, told atomic.Int64
	var hold atomic.Bool
	held, ended := make(chan struct{}, 1), make(chan struct{}, 1)
	id := uuid.New()
	s := &sampler{period: time.Millisecond, patience: time.Hour, read: func(ctx context.Context) ([]hypervisor.Stats, error) {
		n := asked.Add(1)
		if hold.Load() {
			held <- struct{}{}
			<-ctx.Done()
			ended <- struct{}{}
			return nil, ctx.Err()
		}
		return []hypervisor.Stats{{UUID: id, DiskReadBytes: n}}, nil
	}}
	watch := func() (<-chan Sample, func()) {
		seen := make(chan Sample, 1)
		return seen, s.watch(func(now Sample) {
			told.Add(1)
			select {
			case seen <- now:
			default:
			}
		})
	}
	first, endFirst := watch()
	if now := <-first; now.Machines[id].DiskReadBytes == 0 || now.At.IsZero() {
		t.Errorf("the first sample is %+v", now)
	}
	second, endSecond := watch()
	if now := <-second; len(now.Machines) != 1 {
		t.Errorf("the second watcher got %+v", now)
	}
	if asked.Load()*2 < told.Load() {
		t.Errorf("%d questions for %d answers", asked.Load(), told.Load())
	}
	hold.Store(true)
	<-held
	endSecond()
	endFirst()
	<-ended // nothing else ends it: its deadline is made for the hypervisor
	hold.Store(false)
	third, endThird := watch()
	defer endThird()
	<-third
}
