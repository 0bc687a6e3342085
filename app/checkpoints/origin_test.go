package checkpoints

import (
	"errors"
	"os"
	"strings"
	"testing"

	"guesthouse/app/machines"
	"guesthouse/hypervisor"
	"guesthouse/vmconfig"
)

func TestJudgeMemory(t *testing.T) {
	host := hypervisor.Host{Version: "7.2.22", CPU: "EPYC-Rome", MachineTypes: []string{"pc", "pc-q35-7.2"}}
	here := origin{QEMU: "7.2.22", CPU: "EPYC-Rome"}
	for name, c := range map[string]struct {
		from        origin
		chipset     string
		passthrough bool
		problem     string
		caution     string
	}{
		"here":                     {from: here, chipset: "pc-q35-7.2", passthrough: true},
		"nothing known":            {passthrough: true},
		"a newer machine type":     {here, "pc-q35-9.0", false, "pc-q35-9.0", ""},
		"a newer QEMU":             {origin{QEMU: "8.0.1"}, "pc-q35-7.2", false, "", "8.0.1"},
		"a mended QEMU":            {origin{QEMU: "7.2.30"}, "pc", false, "", ""},
		"an older QEMU":            {origin{QEMU: "6.2.0"}, "pc", false, "", ""},
		"another processor":        {origin{QEMU: "7.2.22", CPU: "Haswell"}, "pc", true, "", "Haswell"},
		"another one, not visible": {origin{QEMU: "7.2.22", CPU: "Haswell"}, "pc", false, "", ""},
		"nonsense":                 {origin{QEMU: "new", CPU: ""}, "pc", true, "", ""},
	} {
		problem, caution := judge(host, c.from, &vmconfig.Machine{Chipset: c.chipset}, c.passthrough)
		is := func(text, want string) bool { return (text == "") == (want == "") && strings.Contains(text, want) }
		if !is(problem, c.problem) || !is(caution, c.caution) {
			t.Errorf("%s: problem %q, caution %q", name, problem, caution)
		}
	}
	if problem, caution := judge(hypervisor.Host{}, here, nil, true); problem+caution != "" {
		t.Errorf("a host that says nothing: %q, %q", problem, caution)
	}
}

// TestOrigin: it is kept with the checkpoint of a running machine, says that it may not run here, and goes with it.
func TestOrigin(t *testing.T) {
	f := open(t)
	host := f.conn.Host()
	if host.CPU == "" || len(host.MachineTypes) == 0 {
		t.Fatalf("the host says nothing of itself: %q, %v", host.CPU, host.MachineTypes)
	}
	for _, firmware := range []vmconfig.Firmware{vmconfig.FirmwareBIOS, vmconfig.FirmwareUEFI} {
		id := f.create(t, "from-"+string(firmware), firmware, false)
		done(t, f.Save(id, SaveOptions{}))
		f.do(t, machines.ActionStart, id)
		done(t, f.Save(id, SaveOptions{}))
		list := f.all(t, id)
		dir := f.machines.CheckpointDir(id)
		if _, err := os.Stat(originFile(dir, list[0].ID)); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s: one of a machine that was off has an origin: %v", firmware, err)
		}
		c := list[1]
		if got := readOrigin(dir, c.ID); got != (origin{QEMU: host.Version, CPU: host.CPU}) || c.Caution != "" || c.Problem != "" {
			t.Fatalf("%s: %+v, %+v", firmware, got, c)
		}
		if err := os.WriteFile(originFile(dir, c.ID), []byte(`{"qemu":"99.1.0"}`), 0o600); err != nil {
			t.Fatal(err)
		}
		if c = f.all(t, id)[1]; !strings.Contains(c.Caution, "99.1.0") || c.Problem != "" || !c.DisksUsable {
			t.Errorf("%s, from a newer QEMU: %+v", firmware, c)
		}
		done(t, f.Restore(id, c.ID, RestoreOptions{})) // the user may try
		done(t, f.Delete(id, c.ID))
		if _, err := os.Stat(originFile(dir, c.ID)); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s: the origin of a deleted checkpoint: %v", firmware, err)
		}
	}
}
