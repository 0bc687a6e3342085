package checkpoints

import (
	"context"

	"guesthouse/app/machines"
	"guesthouse/hypervisor/diskimage"
)

// measure finds out what deleting each checkpoint would free, and returns the room that all take.
func (s *Service) measure(ctx context.Context, t *target, lists ...[]Checkpoint) (total int64) {
	if !s.p.Conn.Host().Local || s.p.Conn.Host().Hypervisor != qemu {
		return Unknown
	}
	used := map[string]diskimage.SnapshotUsage{}
	for _, snapshot := range t.snapshots {
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
			if r := t.records[c.ID]; r != nil {
				for _, file := range []string{r.memoryFile(t.dir), r.variablesFile(t.dir), r.tpmFile(t.dir)} {
					c.FreesBytes += machines.DiskUsage(file)
				}
				total += c.FreesBytes
			}
			for _, usage := range used {
				c.FreesBytes += usage.Frees[c.ID]
			}
		}
	}
	return total
}
