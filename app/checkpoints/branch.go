package checkpoints

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"guesthouse/app/jobs"
	"guesthouse/app/machines"
	"guesthouse/hypervisor"
	"guesthouse/hypervisor/diskimage"
	"guesthouse/vmconfig"
)

// Branch returns the checkpoint and all that were saved after it on the way from it, children before their parents, so it is the last. The list must be
// one of List. It only reads memory.
func Branch(list []Checkpoint, id string) []Checkpoint {
	inside := map[string]bool{id: true}
	var branch []Checkpoint
	for _, c := range list { // parents come first
		if inside[c.ID] || c.Parent != "" && inside[c.Parent] {
			inside[c.ID] = true
			branch = append(branch, c)
		}
	}
	slices.Reverse(branch)
	return branch
}

// Delete deletes checkpoints for good, in a job, those first that were saved after others; also those in the trash. The machine stays as it is now, and the checkpoints after a deleted one
// continue from the one before it. When it can be told that one of them cannot be deleted none is; when it fails or is cancelled, those are left whose turn had not
// come.
func (s *Service) Delete(id uuid.UUID, gone ...string) *jobs.Job {
	return s.deletePicked(id, len(gone), func(*target) []string { return gone })
}

// EmptyTrash is Delete for those of the checkpoints that are still in the trash.
func (s *Service) EmptyTrash(id uuid.UUID, gone ...string) *jobs.Job {
	return s.deletePicked(id, len(gone), func(t *target) []string {
		return slices.DeleteFunc(slices.Clone(gone), func(c string) bool {
			_, trashed := t.trash[c]
			return !trashed
		})
	})
}

// deletePicked deletes about n checkpoints that are picked when nobody else can change them any more.
func (s *Service) deletePicked(id uuid.UUID, n int, pick func(*target) []string) *jobs.Job {
	title, start := "Deleting checkpoints of "+s.machineName(id), s.p.Jobs.Start
	if n == 1 {
		title, start = "Deleting a checkpoint of "+s.machineName(id), s.p.Jobs.StartFixed
	}
	return start(title, id.String(), func(ctx context.Context, report func(jobs.Progress)) error {
		return s.operate(ctx, id, "deleting checkpoints", func() error {
			t, err := s.look(ctx, id)
			if err != nil {
				return err
			}
			gone := t.childrenFirst(pick(t))
			for i, checkpoint := range gone {
				if err := s.deletable(t, checkpoint, gone[:i]...); err != nil {
					return err
				}
			}
			for i, checkpoint := range gone {
				if err := ctx.Err(); err != nil {
					return err
				}
				if len(gone) > 1 {
					report(jobs.Progress{Fraction: float64(i) / float64(len(gone)), Text: fmt.Sprintf("%d of %d", i+1, len(gone))})
				}
				if t, err = s.delete(context.WithoutCancel(ctx), t, checkpoint); err != nil {
					return err
				}
			}
			return nil
		})
	})
}

// children are the names of the snapshots right after each one, as if those in without were gone. The roots come after "", and so is called the present state, which comes after the
// current one.
func (t *target) children(without []string) map[string][]string {
	gone := machines.PointTrash{}
	for _, id := range without {
		gone[id] = time.Time{}
	}
	after := map[string][]string{}
	add := func(name, parent string) {
		parent = gone.Visible(t.snapshots, parent)
		after[parent] = append(after[parent], name)
	}
	for _, s := range t.snapshots {
		if !slices.Contains(without, s.Name) {
			add(s.Name, s.Parent)
		}
		if s.Current {
			add("", s.Name)
		}
	}
	return after
}

// childrenFirst orders snapshots so that none is deleted before what was saved after it.
func (t *target) childrenFirst(ids []string) []string {
	ids = slices.Clone(ids)
	at := func(id string) int { // the list has parents first
		return slices.IndexFunc(t.snapshots, func(s hypervisor.Snapshot) bool { return s.Name == id })
	}
	slices.SortStableFunc(ids, func(a, b string) int { return cmp.Compare(at(b), at(a)) })
	return ids
}

// deletable says why a checkpoint cannot be deleted when others have been deleted before it.
func (s *Service) deletable(t *target, id string, before ...string) error {
	snapshot, ok := t.snapshot(id)
	if !ok {
		return noCheckpoint(id)
	}
	if t.mixed() {
		return errMixed
	}
	switch m := s.mechanismOf(t, snapshot).(type) {
	case external:
		return m.deletable(t, snapshot, before)
	case internal:
		if t.pflash() && t.domain.State.Active() {
			// QEMU refuses because of the firmware's variables, after libvirt has begun.
			return machinesRefused(t, "The machine has UEFI firmware. Shut it down to delete this checkpoint.")
		}
		if i := slices.IndexFunc(t.disks(), unfit); i >= 0 && t.domain.State.Active() && s.p.Conn.Host().Hypervisor == qemu {
			// So it does because of such a disk, and libvirt 9.0 does not hear it: the checkpoint would be in no list but still in the other disks.
			d := t.disks()[i]
			shown := vmconfig.Inert(cmp.Or(d.Path, d.Target), 200)
			return machinesRefused(t, fmt.Sprintf("The disk “%s” cannot hold checkpoints. Shut the machine down to delete this one.", shown))
		}
	}
	return nil
}

// unfit reports whether a disk cannot hold checkpoints.
func unfit(d vmconfig.Disk) bool { return d.Path == "" || d.Format != diskimage.FormatQcow2 }

// Describe gives a checkpoint another name and description, both as in SaveOptions; the name may not be empty. What another program has made
// keeps its name. Errors: vmconfig.Fault, ErrNoCheckpoint, those of the hypervisor.
func (s *Service) Describe(ctx context.Context, id uuid.UUID, checkpointID string, o SaveOptions) error {
	return s.operate(ctx, id, "renaming a checkpoint", func() error {
		t, err := s.look(ctx, id)
		if err != nil {
			return err
		}
		snapshot, err := t.find(checkpointID)
		if err != nil {
			return err
		}
		switch {
		case snapshot.External && !ours(snapshot.Name):
			return &Reason{Text: "Another program made this checkpoint outside the machine's disks; it stays as it is.", Err: hypervisor.ErrUnsupported}
		case strings.Contains(snapshot.XML, "<revertDisks>"):
			return &Reason{Text: "The machine goes on from this checkpoint, which lies outside its disks. libvirt would forget how; save another one, then rename this one.", Err: hypervisor.ErrUnsupported}
		}
		text, err := wordsFor(s.list(t), checkpointID, o)
		if err != nil || text == snapshot.Description {
			return err
		}
		xml, err := describedXML(snapshot.XML, text)
		if err != nil {
			return err
		}
		return s.p.Conn.CreateSnapshot(ctx, id, xml, hypervisor.SnapshotFlags{Redefine: true, Current: snapshot.Current})
	})
}

// wordsFor is the description that libvirt keeps for a checkpoint's name and description.
func wordsFor(list []Checkpoint, checkpointID string, o SaveOptions) (string, error) {
	var taken []string
	foreign := ""
	for _, c := range list {
		switch {
		case c.ID != checkpointID:
			taken = append(taken, c.Name)
		case c.Foreign:
			foreign = c.Name
		}
	}
	n, err := checkWords(o, taken, foreign)
	if err != nil {
		return "", err
	}
	if foreign != "" {
		if n.name != foreign {
			return "", vmconfig.Fault{Field: vmconfig.FieldName, Value: vmconfig.Inert(n.name, 80), Message: "Another program made this checkpoint; its name cannot be changed."}
		}
		return n.description, nil
	}
	return n.text(), nil
}
