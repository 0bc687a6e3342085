package checkpoints

import (
	"cmp"
	"context"
	"time"

	"github.com/google/uuid"

	"guesthouse/app/machines"
	"guesthouse/hypervisor/diskimage"
	"guesthouse/vmconfig"
)

// Measure adds to an overview of a machine what each checkpoint and all together take. It reads the tables of whole disks, which can take a moment.
func (s *Service) Measure(ctx context.Context, id uuid.UUID, o *Overview) error {
	t, err := s.look(ctx, id)
	if err != nil {
		return err
	}
	o.Bytes = s.measure(ctx, t, o.List, o.Trash)
	return ctx.Err()
}

// measure finds out what deleting each checkpoint would free, and returns the room that all take.
func (s *Service) measure(ctx context.Context, t *target, lists ...[]Checkpoint) (total int64) {
	if !s.p.Conn.Host().Local || s.p.Conn.Host().Hypervisor != qemu {
		return Unknown
	}
	used := map[string]diskimage.SnapshotUsage{}
	for _, snapshot := range t.snapshots {
		if snapshot.External {
			continue // what its overlays share with the present state cannot be told
		}
		for _, path := range t.snapshotPaths(snapshot) {
			if _, known := used[path]; known {
				continue
			}
			usage, err := diskimage.MeasureSnapshots(ctx, path)
			if err != nil {
				return Unknown
			}
			used[path] = usage
			total += usage.Bytes
		}
	}
	for _, list := range lists {
		for i := range list {
			c := &list[i]
			c.FreesBytes = 0
			if snapshot, _ := t.snapshot(c.ID); snapshot.MemoryFile != "" {
				c.FreesBytes = machines.DiskUsage(snapshot.MemoryFile)
			}
			if r := t.records[c.ID]; r != nil {
				c.FreesBytes += r.bytes(t.dir)
			}
			total += c.FreesBytes
			for _, usage := range used {
				c.FreesBytes += usage.Frees[c.ID]
			}
		}
	}
	return total
}

// usualRate is how many bytes of memory a save writes in a second, as long as none was measured.
const usualRate = 300e6

// estimate says about what saving a checkpoint now would take: what of the memory was ever used is on this computer's hands already.
func (s *Service) estimate(ctx context.Context, t *target) (bytes int64, took time.Duration) {
	if !t.domain.State.Active() {
		return 0, 0
	}
	all, err := s.p.Conn.AllStats(ctx)
	if err != nil {
		return 0, 0
	}
	for _, stats := range all {
		if stats.UUID == t.domain.UUID && stats.ResidentBytes > 0 {
			bytes = min(stats.ResidentBytes, t.config.MemoryBytes)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return bytes, time.Duration(float64(bytes) / cmp.Or(s.rate, usualRate) * float64(time.Second))
}

// noteRate remembers how quick a save was. Small ones say nothing.
func (s *Service) noteRate(bytes int64, took time.Duration) {
	const telling = 32 * vmconfig.MiB
	if bytes < telling || took <= 0 {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rate = float64(bytes) / took.Seconds()
}
