package labs

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"guesthouse/app/machines"
)

// TestRemoveTheLabOfAMachine: a lab can be removed from under a machine, which keeps its disks; they go when the machine is gone for good.
func TestRemoveTheLabOfAMachine(t *testing.T) {
	r := openRoom(t)
	digest := r.publish(t, numbered(2), nil)
	if !r.Library().Teaches("Networks") || r.Library().Teaches("Another") {
		t.Error("it is not known whose courses are taught here")
	}
	job, id := r.Launch(digest, LaunchOptions{})
	done(t, job)
	if text, err := r.Text(id); err != nil || text != "# Task\n" {
		t.Errorf("the task is %q: %v", text, err)
	}
	bases, err := r.Library().Bases(digest)
	if err != nil {
		t.Fatal(err)
	}
	done(t, r.Remove(digest))
	if list, err := r.Library().Images(); err != nil || len(list) != 0 {
		t.Errorf("%d labs are left: %v", len(list), err)
	}
	if _, err := os.Stat(bases[0].Path); err != nil {
		t.Errorf("the machine has lost its disk: %v", err)
	}
	if _, err := r.Text(id); !errors.Is(err, ErrNoLab) {
		t.Errorf("the task of a lab that was removed: %v", err)
	}
	if err := r.Remove(digest).Wait(within(t)); !errors.Is(err, ErrNoLab) {
		t.Errorf("removed twice: %v", err)
	}

	other := r.publish(t, numbered(3), func(s *Spec) { s.Config.Name = "networks/routing" })
	unused, err := r.Library().Bases(other)
	if err != nil {
		t.Fatal(err)
	}
	done(t, r.Remove(other))
	if _, err := os.Stat(filepath.Dir(unused[0].Path)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the room of a lab that nobody uses was not freed: %v", err)
	}
	done(t, r.machines.Do(machines.ActionStart, id))
}
