package checkpoints

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"guesthouse/vmconfig"
)

// TestListen: what another process has done to a machine's checkpoints is read and told, what this one does is told once.
func TestListen(t *testing.T) {
	f := open(t)
	id := f.create(t, "shared", vmconfig.FirmwareBIOS, false)
	told := make(chan uuid.UUID, 10)
	defer f.Subscribe(func(id uuid.UUID) { told <- id })()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- f.Listen(ctx) }()
	hears := func(what string) {
		t.Helper()
		select {
		case got := <-told:
			if got != id {
				t.Fatalf("%s: told of %s", what, got)
			}
		case <-time.After(patience):
			t.Fatalf("%s: nobody is told", what)
		}
	}
	done(t, f.Save(id, SaveOptions{Name: "Mine"}))
	hears("this process saves")
	// libvirt is told behind this program's back, as another process of it would.
	f.host.Virsh(t, "snapshot-create-as", id.String(), "theirs")
	if m := f.machines.Snapshot().Get(id); m.Checkpoint != "Mine" {
		t.Fatalf("libvirt has an event for snapshots by now: %q", m.Checkpoint)
	}
	mark := filepath.Join(f.marks(), id.String())
	for { // until the folder is watched
		if err := os.WriteFile(mark, []byte("1"), 0o600); err != nil {
			t.Fatal(err)
		}
		select {
		case <-told:
		case <-time.After(20 * time.Millisecond):
			continue
		}
		break
	}
	if m := f.machines.Snapshot().Get(id); m.Checkpoint != "theirs" {
		t.Errorf("the machine is at %q", m.Checkpoint)
	}
	if err := os.WriteFile(filepath.Join(f.marks(), "no machine"), []byte("1"), 0o600); err != nil {
		t.Fatal(err)
	}
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("ended by %v", err)
	}
}

func TestTreeOrder(t *testing.T) {
	names := func(list []Checkpoint) string {
		var all []string
		for _, c := range list {
			all = append(all, c.ID)
		}
		return strings.Join(all, " ")
	}
	list := []Checkpoint{{ID: "1"}, {ID: "a"}, {ID: "2", Parent: "1"}, {ID: "b", Parent: "a"}, {ID: "4", Parent: "1"}, {ID: "3", Parent: "2"}, {ID: "x", Parent: "gone"}}
	if got := names(inTreeOrder(list)); got != "1 2 3 4 a b x" {
		t.Errorf("in tree order: %s", got)
	}
	long := make([]Checkpoint, 1000)
	for i := range long {
		long[i].ID = strings.Repeat("x", i+1)
		if i > 0 {
			long[i].Parent = long[i-1].ID
		}
	}
	if got := inTreeOrder(slices.Clone(long)); len(got) != len(long) || got[999].ID != long[999].ID {
		t.Error("a long chain changes")
	}
	loop := []Checkpoint{{ID: "1", Parent: "2"}, {ID: "2", Parent: "1"}} // libvirt refuses it
	if got := inTreeOrder(loop); len(got) != 2 {
		t.Errorf("a loop: %v", got)
	}
}
