package checkpoints

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/google/uuid"

	"guesthouse/app/jobs"
	"guesthouse/app/machines"
	"guesthouse/hypervisor"
	"guesthouse/vmconfig"
)

// TrashTime is how long a deleted checkpoint can be put back.
const TrashTime = 7 * 24 * time.Hour

// Trash puts checkpoints into the machine's trash: List does not have them any more, but they keep their room and can be put back for TrashTime. What was saved after
// them stays. Errors wrap ErrNoCheckpoint. External ones are refused where libvirt cannot delete them.
func (s *Service) Trash(id uuid.UUID, gone []Checkpoint) *jobs.Job {
	title, done := "Deleting checkpoints of "+s.machineName(id), fmt.Sprintf("%d checkpoints are in the trash", len(gone))
	if len(gone) == 1 {
		name := vmconfig.Inert(gone[0].Name, 60)
		title, done = fmt.Sprintf("Deleting “%s” of %s", name, s.machineName(id)), fmt.Sprintf("“%s” is in the trash", name)
	}
	return s.p.Jobs.StartFixed(title, id.String(), func(ctx context.Context, report func(jobs.Progress)) error {
		return s.operate(ctx, id, "deleting checkpoints", func() error {
			t, err := s.look(ctx, id)
			if err != nil {
				return err
			}
			now := time.Now().UTC()
			for _, c := range gone {
				snapshot, err := t.find(c.ID)
				if err != nil {
					return err
				}
				if snapshot.External && !(external{s}).able() {
					return errForeign
				}
				if t.mixed() {
					return errMixed
				}
				t.trash[c.ID] = now
			}
			report(jobs.Progress{Fraction: jobs.Unknown, Outcome: done})
			return t.trash.Write(t.dir)
		})
	})
}

var errMixed = &Reason{Text: mixedSentence, Err: hypervisor.ErrUnsupported}

var errForeign = &Reason{Text: "It lies outside the machine's disks, and this version of libvirt cannot delete such a checkpoint. Delete it with the program that made it.", Err: hypervisor.ErrUnsupported}

// PutBack takes checkpoints out of the trash.
func (s *Service) PutBack(id uuid.UUID, back []Checkpoint) *jobs.Job {
	title, done := "Putting back checkpoints of "+s.machineName(id), fmt.Sprintf("%d checkpoints are back", len(back))
	if len(back) == 1 {
		name := vmconfig.Inert(back[0].Name, 60)
		title, done = fmt.Sprintf("Putting back “%s” of %s", name, s.machineName(id)), fmt.Sprintf("“%s” is back", name)
	}
	return s.p.Jobs.StartFixed(title, id.String(), func(ctx context.Context, report func(jobs.Progress)) error {
		return s.operate(ctx, id, "putting back checkpoints", func() error {
			t, err := s.look(ctx, id)
			if err != nil {
				return err
			}
			list, trash := s.listAll(t)
			most := s.most(t)
			for _, c := range back {
				i := slices.IndexFunc(trash, func(known Checkpoint) bool { return known.ID == c.ID })
				if i < 0 {
					return noCheckpoint(c.ID)
				}
				if len(list) >= most {
					return machines.Refused(s.machineName(id), "The machine's lab allows no more checkpoints than there are. Delete others, then put this one back.")
				}
				c = trash[i]
				if slices.ContainsFunc(list, func(other Checkpoint) bool { return other.Name == c.Name }) {
					shown := vmconfig.Inert(c.Name, 60)
					return vmconfig.Fault{
						Field: vmconfig.FieldName, Value: shown, Err: vmconfig.ErrNameTaken,
						Message: fmt.Sprintf("Another checkpoint is called “%s” by now. Give that one another name first.", shown),
					}
				}
				delete(t.trash, c.ID)
				list = append(list, c)
			}
			report(jobs.Progress{Fraction: jobs.Unknown, Outcome: done})
			return t.trash.Write(t.dir)
		})
	})
}

// purge deletes for good what has been in the trash of the machine for TrashTime, and forgets what is there no longer. What cannot be deleted now stays
// for the next time.
func (s *Service) purge(ctx context.Context, t *target, now time.Time) error {
	var errs []error
	for id, deleted := range maps.Clone(t.trash) {
		_, there := t.snapshot(id)
		switch {
		case !there:
			delete(t.trash, id)
			errs = append(errs, t.trash.Write(t.dir))
		case now.Sub(deleted) >= TrashTime && s.deletable(t, id) == nil:
			after, err := s.delete(ctx, t, id)
			if err != nil {
				errs = append(errs, err)
				continue
			}
			*t = *after
		}
	}
	return errors.Join(errs...)
}
