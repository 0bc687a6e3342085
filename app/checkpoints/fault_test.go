package checkpoints

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"guesthouse/app/journal"
	"guesthouse/app/machines"
	"guesthouse/hypervisor"
	"guesthouse/hypervisor/hosttest"
	"guesthouse/vmconfig"
)

// leftovers fails the test when disks, folder or journal hold anything of checkpoints other than the named ones.
func (f *fixture) leftovers(t *testing.T, id uuid.UUID, names ...string) {
	t.Helper()
	wanted := map[string]bool{}
	for _, name := range names {
		wanted[f.only(t, id, name).ID] = true
	}
	look, err := f.look(within(t), id)
	if err != nil {
		t.Fatal(err)
	}
	for path, inside := range f.contents(look) {
		for snapshot := range inside {
			if !wanted[snapshot] {
				t.Errorf("%s still holds %s", path, snapshot)
			}
		}
	}
	entries, _ := os.ReadDir(look.dir)
	for _, e := range entries {
		stem, _, _ := strings.Cut(e.Name(), ".")
		if e.Name() != "clean.json" && !wanted[stem] {
			t.Errorf("%s still holds %s", look.dir, e.Name())
		}
	}
	if entries, _ := os.ReadDir(filepath.Join(f.p.DataDir, "journal")); len(entries) != 0 {
		t.Errorf("the journal still holds %v", entries)
	}
}

// TestDaemonKilledInSave kills libvirt's daemon while a checkpoint is being saved. Whether the save came through or not, the machine runs and
// the list is true.
func TestDaemonKilledInSave(t *testing.T) {
	for _, firmware := range []vmconfig.Firmware{vmconfig.FirmwareBIOS, vmconfig.FirmwareUEFI} {
		t.Run(string(firmware), func(t *testing.T) {
			f := open(t)
			id := f.create(t, "killed", firmware, false)
			f.do(t, machines.ActionStart, id)
			done(t, f.Save(id, SaveOptions{Name: "early"}))
			pid := f.host.QEMUPID("killed")
			j := f.Save(id, SaveOptions{Name: "late"})
			// Stopped processors are the first sign of a save that anyone outside can see.
			if err := hosttest.Poll(patience, func() error {
				if d, err := f.conn.Domain(within(t), id); err != nil || d.State == hypervisor.StateRunning {
					return errStillRunning
				}
				return nil
			}); err != nil {
				t.Fatal(err)
			}
			f.host.KillDaemon(t)
			f.host.StartDaemon(t)
			err := j.Wait(within(t))
			t.Logf("the job says: %v", err)
			if _, err := f.Recover(within(t)); err != nil {
				t.Errorf("recovering: %v", err)
			}
			f.state(t, id, hypervisor.StateRunning)
			if f.host.QEMUPID("killed") != pid && firmware == vmconfig.FirmwareBIOS {
				t.Error("the machine is another process now")
			}
			names := []string{"early"}
			if err == nil {
				names = append(names, "late")
			}
			list, listErr := f.List(within(t), id)
			if listErr != nil || len(list) != len(names) {
				t.Errorf("the checkpoints afterwards: %+v, %v", list, listErr)
			}
			f.leftovers(t, id, names...)
			done(t, f.Restore(id, f.only(t, id, "early").ID, RestoreOptions{}))
			f.state(t, id, hypervisor.StateRunning)
		})
	}
}

var errStillRunning = errors.New("the machine still runs")

// TestProgramKilled finds a save of a UEFI machine as a killed program leaves it: at each of its steps.
func TestProgramKilled(t *testing.T) {
	for name, known := range map[string]bool{"libvirt's file": true, "file of our own": false} {
		t.Run(name, func(t *testing.T) { testProgramKilled(t, known) })
	}
}

// testProgramKilled works with libvirt's file of the saved state or, where that is not known, with one of our own.
func testProgramKilled(t *testing.T, known bool) {
	f := open(t)
	if !known {
		t.Setenv("XDG_CONFIG_HOME", t.TempDir())
	}
	id := f.create(t, "uefi", vmconfig.FirmwareUEFI, false)
	f.do(t, machines.ActionStart, id)
	done(t, f.Save(id, SaveOptions{Name: "early"}))
	m := savedMemory{f.Service}
	for steps := range 6 {
		target, err := f.look(within(t), id)
		if err != nil {
			t.Fatal(err)
		}
		n, err := f.newCheckpoint(target, SaveOptions{Name: "late"})
		if err != nil {
			t.Fatal(err)
		}
		r := &record{Version: recordVersion, ID: n.id, Machine: id, Name: "uefi", State: hypervisor.StateRunning, Disks: []string{target.disks()[0].Path}}
		entry := saveRecord{Checkpoint: n.id, Name: n.name, Mechanism: savedMemoryName, Running: true, Disks: r.Disks}
		if !known {
			entry.ResumeFrom = r.memoryFile(target.dir)
		}
		if _, err := f.journal.Begin(saveKind, f.conn.Host().URI, id, entry); err != nil {
			t.Fatal(err)
		}
		for i, step := range []func() error{
			func() error { return m.capture(within(t), target, r, quiet) },
			func() error { return copyVariables(target, r) },
			func() error { return f.images.CreateSnapshot(within(t), r.Disks[0], n.id) },
			func() error { return r.write(target.dir) },
			func() error {
				return f.conn.CreateSnapshot(within(t), id, redefinitionXML(target, n, "shutoff", "no"),
					hypervisor.SnapshotFlags{Redefine: true, Current: true})
			},
		} {
			if i >= steps {
				break
			}
			if err := step(); err != nil {
				t.Fatalf("step %d: %v", i, err)
			}
		}
		told, err := f.Recover(within(t))
		if err != nil || len(told) != 1 {
			t.Errorf("killed after %d steps: %q, %v", steps, told, err)
		}
		f.state(t, id, hypervisor.StateRunning)
		names := []string{"early"}
		if steps == 5 {
			names = append(names, "late")
		}
		if list, err := f.List(within(t), id); err != nil || len(list) != len(names) {
			t.Errorf("killed after %d steps: the list is %+v, %v", steps, list, err)
		}
		if known { // else the machine runs already when its disks could be tidied up
			f.leftovers(t, id, names...)
		}
	}
	done(t, f.Restore(id, f.only(t, id, "late").ID, RestoreOptions{}))
	f.state(t, id, hypervisor.StateRunning)
	f.do(t, machines.ActionPowerOff, id)
	if _, err := f.Recover(within(t)); err != nil {
		t.Error(err)
	}
	f.leftovers(t, id, "early", "late")
}

// TestRestoreInterrupted repeats a restore that was cut off, unless the machine was used since.
func TestRestoreInterrupted(t *testing.T) {
	f := open(t)
	id := f.create(t, "cut", vmconfig.FirmwareBIOS, false)
	done(t, f.Save(id, SaveOptions{Name: "one"}))
	done(t, f.Save(id, SaveOptions{Name: "two"}))
	begin := func() *journal.Record {
		t.Helper()
		r, err := f.journal.Begin(restoreKind, f.conn.Host().URI, id, restoreRecord{Checkpoint: f.only(t, id, "one").ID})
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	begin()
	if told, err := f.Recover(within(t)); err != nil || len(told) != 1 || !f.only(t, id, "one").Current {
		t.Errorf("%q, %v", told, err)
	}
	done(t, f.Restore(id, f.only(t, id, "two").ID, RestoreOptions{}))
	begin()
	look, err := f.look(within(t), id)
	if err != nil {
		t.Fatal(err)
	}
	later := time.Now().Add(2 * restoreGrace)
	if err := os.Chtimes(look.disks()[0].Path, later, later); err != nil {
		t.Fatal(err)
	}
	if told, err := f.Recover(within(t)); err != nil || len(told) != 1 || !f.only(t, id, "two").Current {
		t.Errorf("after use: %q, %v", told, err)
	}
	f.leftovers(t, id, "one", "two")
}
