package checkpoints

import (
	"cmp"
	"context"
	"errors"
	"path/filepath"
	"regexp"
	"slices"
	"time"

	"github.com/google/uuid"

	"guesthouse/app/machines"
	"guesthouse/vmconfig"
)

// Automatic says how checkpoints of a machine are saved by themselves.
type Automatic struct {
	Every time.Duration // while it runs
	Keep  int           // how many of them are kept; those that the user gave another name do not count
}

// automaticName is what such a checkpoint is called, in local time. Whoever gives one another name keeps it.
const automaticName = "Automatic 2006-01-02 15.04.05"

var automaticNames = regexp.MustCompile(`^Automatic \d{4}-\d\d-\d\d \d\d\.\d\d\.\d\d$`)

// mostPercent is how much of the free room an automatic checkpoint may take at most.
const mostPercent = 20

// automaticTick is how often it is looked whether one is due.
const automaticTick = time.Minute

// RunAutomatic saves checkpoints by themselves as plan says for each machine, until ctx ends (it returns ctx's error). What stands in the way of one is logged, and it is tried
// again later.
func (s *Service) RunAutomatic(ctx context.Context, plan func() map[uuid.UUID]Automatic) error {
	tick := time.NewTicker(automaticTick)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case now := <-tick.C:
			for id, a := range plan() {
				if err := s.automatic(ctx, id, a, now); err != nil && ctx.Err() == nil {
					s.p.Log.Warn("no automatic checkpoint was saved", "machine", id, "error", err)
				}
			}
		}
	}
}

// automatic saves a checkpoint if one is due, and then deletes those that are too many.
func (s *Service) automatic(ctx context.Context, id uuid.UUID, a Automatic, now time.Time) error {
	m := s.p.Machines.Snapshot().Get(id)
	if m == nil || a.Every <= 0 {
		return nil
	}
	if ok, _ := m.Can(machines.ActionCheckpoint); !ok || !m.State.Active() {
		return nil
	}
	o, err := s.Overview(ctx, id)
	if err != nil {
		return err
	}
	old := automaticOnes(o.List)
	if len(old) > 0 && now.Sub(old[0].Created) < a.Every {
		return nil
	}
	if o.Refusal != "" {
		return &Reason{Text: o.Refusal}
	}
	if err := s.fits(ctx, id, o.SaveBytes); err != nil {
		return err
	}
	if err := s.Save(id, SaveOptions{Name: now.Local().Format(automaticName)}).Wait(ctx); err != nil {
		return err
	}
	var gone []string
	for _, c := range old[min(len(old), max(a.Keep, 1)-1):] { // one more is there now
		gone = append(gone, c.ID)
	}
	if len(gone) == 0 {
		return nil
	}
	return s.Delete(id, gone...).Wait(ctx)
}

// automaticOnes returns those that were saved by themselves, the youngest first.
func automaticOnes(list []Checkpoint) []Checkpoint {
	old := slices.DeleteFunc(slices.Clone(list), func(c Checkpoint) bool { return !automaticNames.MatchString(c.Name) })
	slices.SortStableFunc(old, func(a, b Checkpoint) int { return cmp.Or(b.Created.Compare(a.Created), cmp.Compare(b.Name, a.Name)) })
	return old
}

// fits says when a checkpoint of so many bytes would take too much of the free room.
func (s *Service) fits(ctx context.Context, id uuid.UUID, bytes int64) error {
	if !s.p.Conn.Host().Local {
		return nil
	}
	t, err := s.look(ctx, id)
	if err != nil {
		return err
	}
	dirs := []string{s.p.DataDir}
	for _, d := range t.disks() {
		dirs = append(dirs, filepath.Dir(d.Path))
	}
	var errs []error
	for _, dir := range dirs {
		if free, err := machines.FreeBytes(dir); err == nil && tooMuch(bytes, free) {
			errs = append(errs, &Reason{Text: "An automatic checkpoint would take more than a fifth of the free room in " + vmconfig.Inert(dir, 200) + "."})
		}
	}
	return errors.Join(errs...)
}

func tooMuch(bytes, free int64) bool { return bytes > free/100*mostPercent }
