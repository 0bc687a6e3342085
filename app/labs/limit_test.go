package labs

import (
	"errors"
	"testing"

	"guesthouse/app/checkpoints"
	"guesthouse/hypervisor"
	"guesthouse/vmconfig/lab"
)

// TestCheckpointLimit: what a lab says of checkpoints is kept in its machines, but not in a submission that the teacher has opened.
func TestCheckpointLimit(t *testing.T) {
	r := openRoom(t)
	digest := r.publish(t, numbered(2), func(s *Spec) { s.Config.Checkpoints = &lab.Checkpoints{Max: 1} })
	job, id := r.Launch(digest, LaunchOptions{})
	done(t, job)
	done(t, r.checkpoints.Save(id, checkpoints.SaveOptions{}))
	if err := r.checkpoints.Save(id, checkpoints.SaveOptions{}).Wait(within(t)); !errors.Is(err, hypervisor.ErrInvalidState) {
		t.Errorf("one too many: %v", err)
	}

	m := *r.machines.Snapshot().Get(id).Config
	wants := func(what string, most int, limited bool) {
		t.Helper()
		if n, yes := r.Library().CheckpointLimit(m); n != most || yes != limited {
			t.Errorf("%s: %d, %v", what, n, yes)
		}
	}
	wants("a student's", 1, true)
	group := m.Group
	m.Group = SubmissionsGroup + "/Firewalls"
	wants("an opened submission", 0, false)
	m.Group, m.Lab.ID = group, ""
	wants("no lab's", 0, false)
	m.Lab.ID = r.publish(t, numbered(1), func(s *Spec) { s.Config.Name = "networks/routers" }).String()
	wants("a lab without a limit", 0, false)
	m.Lab.ID = digest.String()
	done(t, r.Remove(digest))
	wants("a lab that is gone", 0, false)
}
