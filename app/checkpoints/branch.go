package checkpoints

import (
	"context"
	"fmt"
	"slices"

	"github.com/google/uuid"

	"guesthouse/app/jobs"
	"guesthouse/hypervisor"
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

// DeleteBranch deletes the checkpoints that Branch returned, in a job. The machine stays as it is now. When it is cancelled or fails, what is left is a tree
// as before with fewer leaves. When another checkpoint belongs to the branch by now, which the user was not told of, or one cannot be deleted, none is.
func (s *Service) DeleteBranch(id uuid.UUID, agreed []Checkpoint) *jobs.Job {
	title := "Deleting checkpoints of " + s.machineName(id)
	return s.p.Jobs.Start(title, id.String(), func(ctx context.Context, report func(jobs.Progress)) error {
		return s.operate(ctx, id, "deleting checkpoints", func() error {
			t, err := s.look(ctx, id)
			if err != nil {
				return err
			}
			if len(agreed) == 0 {
				return ErrNoCheckpoint
			}
			root := agreed[len(agreed)-1].ID
			if _, err := t.find(root); err != nil {
				return err
			}
			branch := Branch(s.list(ctx, t), root)
			for _, c := range branch {
				if !slices.ContainsFunc(agreed, func(a Checkpoint) bool { return a.ID == c.ID }) {
					return &Reason{Text: "Another checkpoint was saved there meanwhile. Nothing was deleted."}
				}
				snapshot, _ := t.snapshot(c.ID)
				switch s.mechanismOf(t, snapshot).(type) {
				case foreign:
					return &Reason{Text: "Another program made one of these checkpoints outside the machine's disks. Nothing was deleted.", Err: hypervisor.ErrUnsupported}
				case internal:
					if t.pflash() && t.domain.State.Active() {
						return machinesRefused(t, "The machine has UEFI firmware. Shut it down to delete these checkpoints.")
					}
				}
			}
			for i, c := range branch {
				if err := ctx.Err(); err != nil {
					return err
				}
				report(jobs.Progress{Fraction: float64(i) / float64(len(branch)), Text: fmt.Sprintf("%d of %d", i+1, len(branch))})
				if t, err = s.delete(context.WithoutCancel(ctx), t, c.ID); err != nil {
					return err
				}
			}
			return nil
		})
	})
}

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
		if snapshot.External {
			return &Reason{Text: "Another program made this checkpoint outside the machine's disks; it stays as it is.", Err: hypervisor.ErrUnsupported}
		}
		text, err := describe(s.list(ctx, t), checkpointID, o)
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

// describe is the description that libvirt keeps for a checkpoint's name and description.
func describe(list []Checkpoint, checkpointID string, o SaveOptions) (string, error) {
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
