package checkpoints

import (
	"cmp"
	"context"
	"errors"
	"slices"

	"github.com/google/uuid"
)

// Space is the room that the checkpoints of one machine take.
type Space struct {
	Machine uuid.UUID
	Name    string
	Count   int   // without those in the trash
	Bytes   int64 // room of all, the trash included; Unknown when it cannot be told
	// Trash are those that were deleted, and Frees is the room that deleting them for good gives back at least: what two of them share is not in it. Unknown when it
	// cannot be told.
	Trash []Checkpoint
	Frees int64
}

// Spaces says what the checkpoints of all machines take, the most first; machines without any are left out. It reads the tables of whole disks, which takes a moment.
// Machines that cannot be read are left out as well, and the error says why.
func (s *Service) Spaces(ctx context.Context) ([]Space, error) {
	var list []Space
	var errs []error
	for _, m := range s.p.Machines.Snapshot().Machines {
		t, err := s.look(ctx, m.UUID)
		switch {
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case err != nil:
			errs = append(errs, err)
			continue
		case len(t.snapshots) == 0:
			continue
		}
		present, trash := s.listAll(t)
		space := Space{Machine: m.UUID, Name: m.Name, Count: len(present), Bytes: s.measure(ctx, t, present, trash), Trash: trash}
		for _, c := range trash {
			if c.FreesBytes == Unknown {
				space.Frees = Unknown
				break
			}
			space.Frees += c.FreesBytes
		}
		list = append(list, space)
	}
	slices.SortStableFunc(list, func(a, b Space) int { return cmp.Compare(b.Bytes, a.Bytes) })
	return list, errors.Join(errs...)
}
