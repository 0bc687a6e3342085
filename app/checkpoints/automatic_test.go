package checkpoints

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"guesthouse/app/machines"
	"guesthouse/vmconfig"
)

// TestAutomatic saves checkpoints by themselves when one is due, and keeps the last two and those with a name of the user's.
func TestAutomatic(t *testing.T) {
	f := open(t)
	id := f.create(t, "auto", vmconfig.FirmwareBIOS, false)
	plan := Automatic{Every: time.Hour, Keep: 2}
	now := time.Now()
	after := func(d time.Duration, want string) {
		t.Helper()
		if err := f.automatic(within(t), id, plan, now.Add(d)); err != nil {
			t.Fatal(err)
		}
		list, err := f.List(within(t), id)
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, c := range list {
			name, _, _ := strings.Cut(c.Name, " ")
			names = append(names, name)
		}
		if got := strings.Join(names, " "); got != want {
			t.Fatalf("after %v there are %q, want %q", d, got, want)
		}
	}
	after(0, "") // it is off
	f.do(t, machines.ActionStart, id)
	after(0, "Automatic")
	after(time.Minute, "Automatic")
	o, err := f.Overview(within(t), id)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Measure(within(t), id, &o); err != nil || o.List[0].FreesBytes < o.List[0].SizeBytes/2 || o.Bytes < o.List[0].FreesBytes {
		t.Errorf("of a running machine's checkpoint deleting frees %d of %d bytes, all take %d, %v", o.List[0].FreesBytes, o.List[0].SizeBytes, o.Bytes, err)
	}
	done(t, f.Save(id, SaveOptions{Name: "Mine"}))
	after(2*time.Hour, "Automatic Mine Automatic")
	first := automaticOnes(f.all(t, id))[1]
	after(3*time.Hour, "Mine Automatic Automatic")
	if _, err := f.Resolve(f.all(t, id), first.ID); !errors.Is(err, ErrNoCheckpoint) {
		t.Errorf("the oldest one: %v", err)
	}
	kept := automaticOnes(f.all(t, id))[1]
	if err := f.Describe(within(t), id, kept.ID, SaveOptions{Name: "Kept"}); err != nil {
		t.Fatal(err)
	}
	after(5*time.Hour, "Mine Kept Automatic Automatic")
	plan.Every = 0
	after(9*time.Hour, "Mine Kept Automatic Automatic")
	if err := f.automatic(within(t), uuid.New(), plan, now); err != nil {
		t.Errorf("a machine that is gone: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := f.RunAutomatic(ctx, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("ended by %v", err)
	}
	if !tooMuch(21, 100) || tooMuch(20, 100) {
		t.Error("a fifth of the free room is not the limit")
	}
}

// TestSaveAutomatic: one before something that cannot be undone is saved when there is anything to keep, and the oldest of them go.
func TestSaveAutomatic(t *testing.T) {
	f := open(t)
	id := f.create(t, "careful", vmconfig.FirmwareBIOS, false)
	want := func(what string, n int) {
		t.Helper()
		if list := automaticOnes(f.all(t, id)); len(list) != n {
			t.Fatalf("%s: %d of them, want %d", what, len(list), n)
		}
	}
	done(t, f.SaveAutomatic(id, 2))
	want("nothing was kept before", 1)
	done(t, f.SaveAutomatic(id, 2))
	want("nothing changed", 1)
	edit, err := f.machines.Edit(within(t), id)
	if err != nil {
		t.Fatal(err)
	}
	changed := edit.Machine
	changed.CPUs++
	if err := f.machines.Apply(within(t), id, edit, changed); err != nil {
		t.Fatal(err)
	}
	done(t, f.SaveAutomatic(id, 2))
	want("the settings changed", 2)
	first := automaticOnes(f.all(t, id))[1]
	f.do(t, machines.ActionStart, id)
	done(t, f.Restore(id, first.ID, RestoreOptions{SaveFirst: true, Automatic: true}))
	want("before a restore", 3)
	done(t, f.SaveAutomatic(id, 1)) // the machine is off again and as in the first one
	want("all but the last and the one that it continues from are too many", 2)
	spaces, err := f.Spaces(within(t))
	if err != nil || len(spaces) != 1 || spaces[0].Machine != id || spaces[0].Count != 2 || spaces[0].Bytes <= 0 || spaces[0].Frees != 0 {
		t.Errorf("room: %+v, %v", spaces, err)
	}
	done(t, f.Trash(id, f.all(t, id)[1:]))
	if spaces, err = f.Spaces(within(t)); err != nil || spaces[0].Count != 1 || len(spaces[0].Trash) != 1 || spaces[0].Frees <= 0 {
		t.Errorf("room with a trash: %+v, %v", spaces, err)
	}
}

// all lists the machine's checkpoints.
func (f *fixture) all(t *testing.T, id uuid.UUID) []Checkpoint {
	t.Helper()
	list, err := f.List(within(t), id)
	if err != nil {
		t.Fatal(err)
	}
	return list
}
