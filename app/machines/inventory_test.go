package machines

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"guesthouse/hypervisor"
)

const plainXML = `<domain type='test'><name>%s</name><memory unit='MiB'>8</memory><vcpu>1</vcpu><os><type>hvm</type></os></domain>`

// TestInventoryFollowsOthers changes machines with virsh and looks at the list only.
func TestInventoryFollowsOthers(t *testing.T) {
	f := open(t, true)
	m, err := f.Snapshot().Find("test")
	if err != nil {
		t.Fatal(err)
	}
	if m.State != hypervisor.StateRunning {
		t.Errorf("the test driver's machine is %q", m.State)
	}
	if !m.Since.IsZero() {
		t.Errorf("nobody knows since when the machine runs, and it says %v", m.Since)
	}
	f.eventually(t, "the description of the machine", func(s *Snapshot) bool { return s.Get(m.UUID).Config != nil })

	steps := []struct {
		virsh []string
		holds func(*Snapshot) bool
	}{
		{[]string{"suspend", "test"}, func(s *Snapshot) bool {
			now := s.Get(m.UUID)
			return now.State == hypervisor.StatePaused && !now.Since.IsZero()
		}},
		{[]string{"resume", "test"}, func(s *Snapshot) bool { return s.Get(m.UUID).State == hypervisor.StateRunning }},
		{[]string{"destroy", "test"}, func(s *Snapshot) bool { return s.Get(m.UUID).State == hypervisor.StateOff }},
		{[]string{"domrename", "test", "other"}, func(s *Snapshot) bool { return s.Get(m.UUID).Name == "other" }},
		{[]string{"setmaxmem", "other", "4096", "--config"}, nil},
		{[]string{"undefine", "other"}, func(s *Snapshot) bool { return s.Get(m.UUID) == nil }},
	}
	for _, step := range steps {
		f.host.TestVirsh(t, step.virsh...)
		if step.holds != nil {
			f.eventually(t, fmt.Sprint(step.virsh), step.holds)
		}
	}
}

func TestCompareNames(t *testing.T) {
	sorted := []string{"", "a", "B", "vm", "vm1", "vm2", "vm10", "vm10a", "VM11", "zebra", "é"}
	for i, a := range sorted {
		for j, b := range sorted {
			got := CompareNames(a, b)
			if (i < j) != (got < 0) || (i == j) != (got == 0) {
				t.Errorf("CompareNames(%q, %q) = %d", a, b, got)
			}
		}
	}
}

// TestInventoryAfterReconnect kills the daemon: the list stays, greyed, and is read again from the next daemon, which knows more.
func TestInventoryAfterReconnect(t *testing.T) {
	f := open(t, false)
	j, id := f.Create(draft("stays"))
	done(t, j)
	f.host.KillDaemon(t)
	f.eventually(t, "the lost connection", func(s *Snapshot) bool { return !s.Connected && s.Err != nil })
	m := f.Snapshot().Get(id)
	if m == nil || !m.Offline {
		t.Fatalf("without a connection the list says %+v", m)
	}
	if ok, reason := m.Can(ActionStart); ok || reason == "" {
		t.Errorf("starting without a connection: %v %q", ok, reason)
	}
	f.host.StartDaemon(t)
	f.host.Virsh(t, "domrename", "stays", "renamed")
	f.eventually(t, "the new connection and name", func(s *Snapshot) bool {
		m := s.Get(id)
		return s.Connected && s.Err == nil && m != nil && !m.Offline && m.Name == "renamed"
	})
}

// TestInventoryOfThousand reads a thousand machines, and one that appears then.
func TestInventoryOfThousand(t *testing.T) {
	const count = 1000
	f := open(t, true)
	for i := range count {
		if _, err := f.conn.Define(within(t), fmt.Sprintf(plainXML, fmt.Sprintf("vm%d", i))); err != nil {
			t.Fatal(err)
		}
	}
	second := attach(t, f.host, true)
	if n := len(second.Snapshot().Machines); n != count+1 {
		t.Fatalf("the first list has %d machines", n)
	}
	second.eventually(t, "all descriptions", func(s *Snapshot) bool {
		for _, m := range s.Machines {
			if m.Config == nil {
				return false
			}
		}
		return true
	})
	if list := second.Snapshot().Machines; list[1].Name != "vm0" || list[count].Name != fmt.Sprintf("vm%d", count-1) {
		t.Errorf("the order is wrong: %s ... %s", list[1].Name, list[count].Name)
	}
	before := second.Snapshot()
	f.host.TestVirsh(t, "suspend", "test")
	second.eventually(t, "the change of one machine", func(s *Snapshot) bool {
		m, err := s.Find("test")
		return err == nil && m.State == hypervisor.StatePaused
	})
	// What did not change is shared between the snapshots, so that a window redraws one row.
	now, changed := second.Snapshot(), 0
	for _, m := range now.Machines {
		if before.Get(m.UUID) != m {
			changed++
		}
	}
	if changed != 1 {
		t.Errorf("%d of %d machines were made anew for one change", changed, len(now.Machines))
	}
}

// TestBrokenDescription shows a machine whose description cannot be read as a row with its reason.
func TestBrokenDescription(t *testing.T) {
	inv := newInventory(broken{}, nil)
	id := uuid.New()
	inv.apply(result{full: true, domains: []hypervisor.Domain{{UUID: id, Name: "odd", State: hypervisor.StateOff, Persistent: true}}})
	results := make(chan result, 4)
	r := reader{conn: broken{}, results: results}
	if err := r.configs(within(t), work{configs: map[uuid.UUID]bool{id: true}}, nil); err != nil {
		t.Fatal(err)
	}
	inv.apply(<-results)
	m := inv.current.Load().Get(id)
	if m == nil || m.Problem == nil || m.Config != nil {
		t.Fatalf("the row is %+v", m)
	}
	if ok, _ := m.Can(ActionEdit); ok {
		t.Error("it can be edited")
	}
	if ok, reason := m.Can(ActionDelete); !ok {
		t.Errorf("it cannot be removed: %s", reason)
	}
}

// broken is a hypervisor whose descriptions are garbage.
type broken struct{ hypervisor.Connection }

func (broken) Host() hypervisor.Host { return hypervisor.Host{} }

func (broken) DomainXML(context.Context, uuid.UUID, bool) (string, error) {
	return "<domain><name>", nil
}

// TestInventoryDropsOldReads gets the end of a read that began before the connection was lost.
func TestInventoryDropsOldReads(t *testing.T) {
	inv := newInventory(broken{}, nil)
	list := []hypervisor.Domain{{UUID: uuid.New(), Name: "one", State: hypervisor.StateRunning}}
	inv.apply(result{full: true, domains: list})
	if s := inv.current.Load(); !s.Connected || len(s.Machines) != 1 {
		t.Fatalf("the list is %+v", s)
	}
	inv.event(hypervisor.Event{Kind: hypervisor.EventDisconnected, Err: hypervisor.ErrDisconnected})
	inv.apply(result{full: true, domains: list})
	if s := inv.current.Load(); s.Connected || !s.Machines[0].Offline {
		t.Errorf("an old read made the connection good again: %+v", s)
	}
}

// TestInventoryRetries reads again after a read that failed for no reason of the connection's.
func TestInventoryRetries(t *testing.T) {
	conn := &moody{events: make(chan hypervisor.Event)}
	inv := newInventory(conn, nil)
	inv.retry = time.Millisecond
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		inv.run(ctx)
	}()
	defer func() {
		cancel()
		<-ended
	}()
	good := make(chan struct{})
	var once sync.Once
	defer inv.changes.Subscribe(func() {
		if inv.current.Load().Connected {
			once.Do(func() { close(good) })
		}
	})()
	conn.events <- hypervisor.Event{Kind: hypervisor.EventConnected}
	select {
	case <-good:
	case <-time.After(patience):
		t.Error("the list was never read again")
	}
}

// moody is a hypervisor that fails once to list its machines.
type moody struct {
	hypervisor.Connection
	events chan hypervisor.Event
	asked  atomic.Int32
}

func (*moody) Host() hypervisor.Host { return hypervisor.Host{} }

func (m *moody) Events() <-chan hypervisor.Event { return m.events }

func (m *moody) Domains(context.Context) ([]hypervisor.Domain, error) {
	if m.asked.Add(1) == 1 {
		return nil, hypervisor.ErrDenied
	}
	return nil, nil
}

func (*moody) CurrentSnapshots(context.Context) (map[uuid.UUID]string, error) { return nil, nil }

// TestInventoryShowsCurrentCheckpoint follows a revert that virsh makes.
func TestInventoryShowsCurrentCheckpoint(t *testing.T) {
	f := open(t, true)
	m, err := f.Snapshot().Find("test")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"one", "two"} {
		f.host.TestVirsh(t, "snapshot-create-as", "test", name)
	}
	f.Refresh(within(t), m.UUID) // making a snapshot has no event
	if now := f.Snapshot().Get(m.UUID); now.Checkpoint != "two" {
		t.Errorf("the current checkpoint is %q", now.Checkpoint)
	}
	f.host.TestVirsh(t, "snapshot-revert", "test", "one")
	f.eventually(t, "the revert", func(s *Snapshot) bool { return s.Get(m.UUID).Checkpoint == "one" })
	again := attach(t, f.host, true)
	again.eventually(t, "the checkpoint in a new list", func(s *Snapshot) bool { return s.Get(m.UUID).Checkpoint == "one" })
	for _, name := range []string{"one", "two"} {
		f.host.TestVirsh(t, "snapshot-delete", "test", name)
	}
	f.Refresh(within(t), m.UUID)
	if now := f.Snapshot().Get(m.UUID); now.Checkpoint != "" {
		t.Errorf("after deleting all the current checkpoint is %q", now.Checkpoint)
	}
}
