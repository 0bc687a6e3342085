package machines

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"guesthouse/hypervisor"
)

// TestDamagedSavedState never starts a machine afresh in silence when its saved state is broken, as libvirt does.
func TestDamagedSavedState(t *testing.T) {
	f := open(t, false)
	d := draft("saved")
	d.Start = true
	j, id := f.Create(d)
	done(t, j)
	done(t, f.Do(ActionSave, id))
	file := filepath.Join(f.host.ConfigDir, "libvirt", "qemu", "save", "saved.save")
	whole, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for what, content := range map[string][]byte{"empty": nil, "truncated": whole[:1000], "garbage": make([]byte, 1<<20)} {
		if err := os.WriteFile(file, content, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := f.Do(ActionStart, id).Wait(within(t)); !errors.Is(err, hypervisor.ErrSavedDamaged) {
			t.Errorf("starting from an %s saved state: %v", what, err)
		}
		if state := f.host.Virsh(t, "domstate", "saved"); state != "shut off" {
			t.Errorf("with an %s saved state it is %q", what, state)
		}
	}
	if err := os.WriteFile(file, whole, 0o600); err != nil {
		t.Fatal(err)
	}
	done(t, f.Do(ActionStart, id))
	done(t, f.Do(ActionSave, id))
	if err := os.Truncate(file, 0); err != nil {
		t.Fatal(err)
	}
	done(t, f.Do(ActionDiscardSaved, id))
	done(t, f.Do(ActionStart, id))
	if now, err := f.conn.Domain(within(t), id); err != nil || now.State != hypervisor.StateRunning {
		t.Errorf("after discarding it is %s, %v", now.State, err)
	}
}
