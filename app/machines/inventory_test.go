package machines

import (
	"fmt"
	"testing"

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
	f.eventually(t, "the description of the machine", func(s *Snapshot) bool { return s.Get(m.UUID).Config != nil })

	steps := []struct {
		virsh []string
		holds func(*Snapshot) bool
	}{
		{[]string{"suspend", "test"}, func(s *Snapshot) bool { return s.Get(m.UUID).State == hypervisor.StatePaused }},
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
