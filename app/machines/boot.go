package machines

import (
	"context"

	"github.com/google/uuid"

	"guesthouse/vmconfig"
)

// NothingToBoot reports whether the machine surely has nothing to start from: no disc or floppy is in a drive, nothing has ever been written
// to any of its disks, and it starts neither from the network nor from anything else. When that is not known it is false. It reads the
// disks' files, also while the machine runs.
func (s *Service) NothingToBoot(ctx context.Context, id uuid.UUID) (bool, error) {
	m := s.Snapshot().Get(id)
	if m == nil || m.Config == nil || m.Config.BootsElsewhere || s.p.Images == nil || !s.p.Conn.Host().Local {
		return false, nil
	}
	for _, d := range m.Config.Disks {
		if d.Path == "" && d.Source == "" {
			continue // an empty drive
		}
		if d.Device != vmconfig.DeviceDisk || d.Path == "" {
			return false, nil
		}
		blank, err := s.p.Images.Blank(ctx, d.Path, d.Format)
		if err != nil || !blank {
			return false, err
		}
	}
	return true, nil
}
