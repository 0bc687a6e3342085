package checkpoints

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"guesthouse/app/machines"
	"guesthouse/hypervisor"
	"guesthouse/vmconfig"
)

// mayHave sets how many checkpoints a machine may have.
func (f *fixture) mayHave(most int) {
	f.p.Limit = func(vmconfig.Machine) (int, bool) { return most, true }
}

// kinds lists the machine's checkpoints by the first words of their names, sorted.
func (f *fixture) kinds(t *testing.T, id uuid.UUID) string {
	t.Helper()
	var names []string
	for _, c := range f.all(t, id) {
		name, _, _ := strings.Cut(c.Name, " ")
		names = append(names, name)
	}
	slices.Sort(names)
	return strings.Join(names, " ")
}

// TestLimit: a machine gets no more checkpoints than it may have. That is said before, and nothing is touched.
func TestLimit(t *testing.T) {
	f := open(t)
	id := f.create(t, "limited", vmconfig.FirmwareBIOS, false)
	f.mayHave(2)
	done(t, f.Save(id, SaveOptions{Name: "one"}))
	if ok, reason := f.canSave(t, id); !ok {
		t.Fatalf("the second: %s", reason)
	}
	done(t, f.Save(id, SaveOptions{Name: "two"}))
	if ok, reason := f.canSave(t, id); ok || !strings.Contains(reason, "Delete a checkpoint first") {
		t.Fatalf("the third: %v, %q", ok, reason)
	}
	look, err := f.look(within(t), id)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Save(id, SaveOptions{Name: "three"}).Wait(within(t)); !errors.Is(err, hypervisor.ErrInvalidState) || !strings.Contains(err.Error(), "Delete a checkpoint first") {
		t.Fatalf("the third: %v", err)
	}
	if inside := f.contents(look)[look.disks()[0].Path]; len(inside) != 2 || f.kinds(t, id) != "one two" {
		t.Errorf("after a refusal: %v inside, %s", inside, f.kinds(t, id))
	}

	one := f.only(t, id, "one")
	done(t, f.Trash(id, []Checkpoint{one}))
	done(t, f.Save(id, SaveOptions{Name: "three"}))
	if err := f.PutBack(id, []Checkpoint{one}).Wait(within(t)); !errors.Is(err, hypervisor.ErrInvalidState) {
		t.Errorf("back where there is no place: %v", err)
	}
	done(t, f.Delete(id, f.idOf(t, id, "two")))
	done(t, f.PutBack(id, []Checkpoint{one}))
	if got := f.kinds(t, id); got != "one three" {
		t.Errorf("in the end: %s", got)
	}

	f.mayHave(0)
	done(t, f.Delete(id, one.ID, f.idOf(t, id, "three")))
	if ok, reason := f.canSave(t, id); ok || !strings.Contains(reason, "does not allow") {
		t.Errorf("none is allowed: %v, %q", ok, reason)
	}
	if err := f.Save(id, SaveOptions{}).Wait(within(t)); !errors.Is(err, hypervisor.ErrInvalidState) {
		t.Errorf("none is allowed: %v", err)
	}
	done(t, f.SaveAutomatic(id, 2))
	if list := f.all(t, id); len(list) != 0 {
		t.Errorf("none is allowed, there are %+v", list)
	}
	f.p.Limit = func(vmconfig.Machine) (int, bool) { return 0, false }
	done(t, f.Save(id, SaveOptions{}))
}

// TestLimitOfAutomaticOnes: what is saved by itself takes the place of an older one, as long as there is one, and never of what the user saved.
func TestLimitOfAutomaticOnes(t *testing.T) {
	f := open(t)
	id := f.create(t, "limited", vmconfig.FirmwareBIOS, false)
	f.mayHave(2)
	done(t, f.Save(id, SaveOptions{Name: "Mine"}))
	f.do(t, machines.ActionStart, id)
	plan, now := Automatic{Every: time.Hour, Keep: 5}, time.Now()
	for i := range 3 {
		if err := f.automatic(within(t), id, plan, now.Add(time.Duration(2*i)*time.Hour)); err != nil {
			t.Fatal(err)
		}
		if got := f.kinds(t, id); got != "Automatic Mine" {
			t.Fatalf("after %d of them: %s", i+1, got)
		}
	}
	auto := automaticOnes(f.all(t, id))[0]
	o, err := f.Overview(within(t), id)
	if err != nil || o.Refusal == "" || o.AutomaticRefusal("") != "" || o.AutomaticRefusal(auto.ID) == "" {
		t.Errorf("%q, %q, %q, %v", o.Refusal, o.AutomaticRefusal(""), o.AutomaticRefusal(auto.ID), err)
	}

	if err := f.Describe(within(t), id, auto.ID, SaveOptions{Name: "Automatic 2001-01-01 00.00.00"}); err != nil { // the name decides between two of the same second
		t.Fatal(err)
	}
	// Going back to the only one that could make room leaves none that can.
	first := RestoreOptions{SaveFirst: true, Automatic: true}
	if err := f.Restore(id, auto.ID, first).Wait(within(t)); !errors.Is(err, hypervisor.ErrInvalidState) {
		t.Errorf("back to the only one: %v", err)
	}
	done(t, f.Restore(id, f.idOf(t, id, "Mine"), first))
	if list := automaticOnes(f.all(t, id)); len(list) != 1 || list[0].ID == auto.ID {
		t.Errorf("before going back to the user's own: %+v", list)
	}
	f.state(t, id, hypervisor.StateOff)

	done(t, f.Delete(id, automaticOnes(f.all(t, id))[0].ID))
	done(t, f.Save(id, SaveOptions{Name: "Too"}))
	f.do(t, machines.ActionStart, id)
	var reason *Reason
	if err := f.automatic(within(t), id, plan, now.Add(9*time.Hour)); !errors.As(err, &reason) {
		t.Errorf("beside the user's own: %v", err)
	}
	if err := f.SaveAutomatic(id, 5).Wait(within(t)); !errors.Is(err, hypervisor.ErrInvalidState) || f.kinds(t, id) != "Mine Too" {
		t.Errorf("beside the user's own: %v, %s", err, f.kinds(t, id))
	}
}
