package checkpoints

import (
	"cmp"
	"context"
	"errors"
	"regexp"
	"slices"
	"time"

	"github.com/google/uuid"

	"guesthouse/app/jobs"
	"guesthouse/app/machines"
	"guesthouse/hypervisor"
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

// RunAutomatic saves checkpoints by themselves as plan says for each machine, and empties the trash of what is too old, until ctx ends (it returns ctx's error). What stands in
// the way of one is logged, and it is tried again when the next one would be due. One process at a time.
func (s *Service) RunAutomatic(ctx context.Context, plan func() map[uuid.UUID]Automatic) error {
	tick := time.NewTicker(automaticTick)
	defer tick.Stop()
	notBefore := map[uuid.UUID]time.Time{} // of machines where it failed
	swept := time.Now()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case now := <-tick.C:
			for id, a := range plan() {
				if now.Before(notBefore[id]) {
					continue
				}
				if err := s.automatic(ctx, id, a, now); err != nil && ctx.Err() == nil {
					notBefore[id] = now.Add(a.Every)
					s.p.Log.Warn("no automatic checkpoint was saved", "machine", id, "error", err)
				}
			}
			if now.Sub(swept) > time.Hour {
				swept = now
				if err := s.sweepAll(ctx); err != nil {
					s.p.Log.Warn("the trash of checkpoints was not emptied", "error", err)
				}
			}
		}
	}
}

// automatic saves a checkpoint if one is due, and then deletes those that are too many.
func (s *Service) automatic(ctx context.Context, id uuid.UUID, a Automatic, now time.Time) error {
	m := s.p.Machines.Snapshot().Get(id)
	if m == nil || a.Every <= 0 || m.State != hypervisor.StateRunning { // one that stands still stays the same
		return nil
	}
	if ok, _ := m.Can(machines.ActionCheckpoint); !ok {
		return nil
	}
	o, err := s.Overview(ctx, id)
	if err != nil {
		return err
	}
	if old := automaticOnes(o.List); len(old) > 0 && now.Sub(old[0].Created) < a.Every {
		return nil
	}
	if reason := o.AutomaticRefusal(""); reason != "" {
		return &Reason{Text: reason}
	}
	if err := s.fits(o); err != nil {
		return err
	}
	if err := s.Save(id, SaveOptions{Name: now.Local().Format(automaticName), automatic: true}).Wait(ctx); err != nil {
		return err
	}
	return s.thinOut(ctx, id, a.Keep)
}

// UsualKeep is how many checkpoints that were saved by themselves are kept as long as nobody says otherwise.
const UsualKeep = 5

// SaveAutomatic saves a checkpoint in a job, as those that are saved by themselves, and deletes those that are more than keep. When the machine is off and both its state
// and its settings are in a checkpoint already, or it may not have any, it does nothing. Errors are those of Save.
func (s *Service) SaveAutomatic(id uuid.UUID, keep int) *jobs.Job {
	return s.p.Jobs.Start("Saving a checkpoint of "+s.machineName(id), id.String(), func(ctx context.Context, report func(jobs.Progress)) error {
		err := s.operate(ctx, id, "saving a checkpoint", func() error {
			t, err := s.look(ctx, id)
			if err != nil || s.kept(t) || s.most(t) == 0 {
				return err
			}
			return s.save(ctx, id, SaveOptions{Name: automaticNow(s.list(t)), automatic: true}, report)
		})
		if err != nil {
			return err
		}
		return s.thinOut(ctx, id, keep)
	})
}

// automaticNow is a name for one that is saved now. The list's own names are taken.
func automaticNow(list []Checkpoint) string {
	for now := time.Now(); ; now = now.Add(time.Second) {
		name := now.Format(automaticName)
		if !slices.ContainsFunc(list, func(c Checkpoint) bool { return c.Name == name }) {
			return name
		}
	}
}

// kept reports whether the machine's present state and settings are in a checkpoint.
func (s *Service) kept(t *target) bool {
	snapshot, ok := t.snapshot(s.clean(t))
	settings := t.settingsOf(snapshot)
	return ok && settings != nil && len(vmconfig.Compare(*settings, t.config)) == 0
}

// thinOut deletes the oldest of those that were saved by themselves, so that keep are left and the machine has no more checkpoints than it may. The youngest of them and the one that
// the machine continues from stay.
func (s *Service) thinOut(ctx context.Context, id uuid.UUID, keep int) error {
	tooMany := func(t *target) (gone []string) {
		list, most := s.list(t), s.most(t)
		for i, c := range slices.Backward(automaticOnes(list)) {
			if i > 0 && !c.Current && (i >= keep || len(list)-len(gone) > most) && s.deletable(t, c.ID, gone...) == nil {
				gone = append(gone, c.ID)
			}
		}
		return gone
	}
	t, err := s.look(ctx, id)
	if err != nil || len(tooMany(t)) == 0 {
		return err
	}
	return s.deletePicked(id, 1, tooMany).Wait(ctx)
}

// automaticOnes returns those that were saved by themselves and can be restored, the youngest first.
func automaticOnes(list []Checkpoint) []Checkpoint {
	old := slices.DeleteFunc(slices.Clone(list), func(c Checkpoint) bool { return c.Foreign || c.Problem != "" || !automaticNames.MatchString(c.Name) })
	slices.SortStableFunc(old, func(a, b Checkpoint) int { return cmp.Or(b.Created.Compare(a.Created), cmp.Compare(b.Name, a.Name)) })
	return old
}

// fits says when a checkpoint of the machine would take too much of the free room.
func (s *Service) fits(o Overview) error {
	if !s.p.Conn.Host().Local {
		return nil
	}
	bytes := cmp.Or(o.SaveBytes, o.Settings.MemoryBytes)
	var errs []error
	for _, dir := range s.folders(writable(o.Settings.Disks)) {
		if free, err := machines.FreeBytes(dir); err == nil && tooMuch(bytes, free) {
			errs = append(errs, &Reason{Text: "An automatic checkpoint would take more than a fifth of the free room in " + vmconfig.Inert(dir, 200) + "."})
		}
	}
	return errors.Join(errs...)
}

func tooMuch(bytes, free int64) bool { return bytes > free/100*mostPercent }
