package checkpoints

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"guesthouse/app/jobs"
	"guesthouse/app/machines"
	"guesthouse/hypervisor"
	"guesthouse/vmconfig"
)

// TestKeepsIdentity restores a machine that was renamed and described anew since its checkpoint: name and notes stay as they are now, for
// checkpoints with memory and without.
func TestKeepsIdentity(t *testing.T) {
	for _, firmware := range []vmconfig.Firmware{vmconfig.FirmwareBIOS, vmconfig.FirmwareUEFI} {
		t.Run(string(firmware), func(t *testing.T) {
			f := open(t)
			id := f.create(t, "old", firmware, false)
			done(t, f.Save(id, SaveOptions{Name: "off"}))
			f.do(t, machines.ActionStart, id)
			done(t, f.Save(id, SaveOptions{Name: "running"}))
			f.do(t, machines.ActionPowerOff, id)
			edit, err := f.machines.Edit(within(t), id)
			if err != nil {
				t.Fatal(err)
			}
			changed := edit.Machine
			changed.Name, changed.Notes, changed.CPUs = "new", "noted", 2
			if err := f.machines.Apply(within(t), id, edit, changed); err != nil {
				t.Fatal(err)
			}
			for _, name := range []string{"running", "off", "running"} {
				done(t, f.Restore(id, f.only(t, id, name).ID, RestoreOptions{}))
				want := hypervisor.State(name)
				f.state(t, id, want)
				if list := f.host.Virsh(t, "list", "--all", "--name"); list != "new" {
					t.Errorf("after restoring %q virsh lists %q", name, list)
				}
				config, err := f.config(within(t), id)
				if err != nil || config.Name != "new" || config.Notes != "noted" || config.CPUs != 1 {
					t.Errorf("after restoring %q the machine is called %q, noted %q, with %d CPUs (%v)", name, config.Name, config.Notes, config.CPUs, err)
				}
				if m := f.machines.Snapshot().Get(id); m.Checkpoint != name || m.Busy != "" || m.Name != "new" {
					t.Errorf("the list says %+v", m)
				}
			}
		})
	}
}

// TestBroken damages one part of a checkpoint after the other. A restore is refused before the running machine is touched.
func TestBroken(t *testing.T) {
	f := open(t)
	id := f.create(t, "broken", vmconfig.FirmwareUEFI, false)
	f.do(t, machines.ActionStart, id)
	done(t, f.Save(id, SaveOptions{Name: "one"}))
	c := f.only(t, id, "one")
	look, err := f.look(within(t), id)
	if err != nil {
		t.Fatal(err)
	}
	r := look.records[c.ID]
	pid := f.host.QEMUPID("broken")
	damage := map[string]func(path string) error{
		"missing":   os.Remove,
		"empty":     func(path string) error { return os.Truncate(path, 0) },
		"truncated": func(path string) error { return os.Truncate(path, 5000) },
		"garbage":   func(path string) error { return os.WriteFile(path, make([]byte, 200), 0o600) },
	}
	for _, path := range []string{r.memoryFile(look.dir), r.variablesFile(look.dir), r.recordFile(look.dir)} {
		for what, harm := range damage {
			if what == "missing" && path == r.recordFile(look.dir) {
				continue // without its record it is a checkpoint of the disks
			}
			whole := path + ".whole"
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if err := errors.Join(os.Rename(path, whole), os.WriteFile(path, text, 0o600), harm(path)); err != nil {
				t.Fatal(err)
			}
			if err := f.Restore(id, c.ID, RestoreOptions{SaveFirst: true}).Wait(within(t)); !errors.Is(err, ErrBroken) {
				t.Errorf("restoring with a %s %s: %v", what, filepath.Base(path), err)
			}
			if list, err := f.List(within(t), id); err != nil || len(list) != 1 || list[0].Problem == "" {
				t.Errorf("listing with a %s %s: %+v, %v", what, filepath.Base(path), list, err)
			}
			if err := os.Rename(whole, path); err != nil {
				t.Fatal(err)
			}
		}
	}
	f.state(t, id, hypervisor.StateRunning)
	if f.host.QEMUPID("broken") != pid {
		t.Error("the machine was restarted")
	}

	f.do(t, machines.ActionPowerOff, id)
	if err := f.images.DeleteSnapshot(within(t), r.Disks[0], c.ID); err != nil {
		t.Fatal(err)
	}
	if err := f.Restore(id, c.ID, RestoreOptions{}).Wait(within(t)); !errors.Is(err, ErrBroken) {
		t.Errorf("restoring without the data on the disk: %v", err)
	}
	done(t, f.Delete(id, c.ID))
	f.leftovers(t, id)
}

// TestForeignSnapshots shows what virsh made, continues internal ones, and leaves external ones to virsh where libvirt cannot go back to them.
func TestForeignSnapshots(t *testing.T) {
	f := open(t)
	id := f.create(t, "foreign", vmconfig.FirmwareBIOS, false)
	f.host.Virsh(t, "snapshot-create-as", "foreign", "theirs", "made elsewhere")
	c := f.only(t, id, "theirs")
	if !c.Foreign || c.Description != "made elsewhere" || !c.Current {
		t.Errorf("it is shown as %+v", c)
	}
	done(t, f.Save(id, SaveOptions{Name: "ours"}))
	if c := f.only(t, id, "ours"); c.Foreign || c.Parent != "theirs" {
		t.Errorf("ours is %+v", c)
	}
	done(t, f.Restore(id, "theirs", RestoreOptions{}))
	if out := f.host.Virsh(t, "snapshot-current", "foreign", "--name"); out != "theirs" {
		t.Errorf("virsh says that %q is current", out)
	}
	done(t, f.Delete(id, "theirs"))
	if c := f.only(t, id, "ours"); c.Parent != "" {
		t.Errorf("after deleting its parent: %+v", c)
	}
	done(t, f.Delete(id, f.only(t, id, "ours").ID))

	f.host.Virsh(t, "snapshot-create-as", "foreign", "outside", "--disk-only")
	if (external{f.Service}).able() {
		return // TestExternal goes on
	}
	list, err := f.List(within(t), id)
	if err != nil || len(list) != 1 || list[0].Problem == "" {
		t.Errorf("an external snapshot is shown as %+v, %v", list, err)
	}
	if ok, reason := f.canSave(t, id); ok || reason == "" {
		t.Error("a checkpoint may be mixed with an external snapshot")
	}
	if err := f.Save(id, SaveOptions{}).Wait(within(t)); !errors.Is(err, hypervisor.ErrInvalidState) {
		t.Errorf("saving beside an external snapshot: %v", err)
	}
	if err := f.Restore(id, "outside", RestoreOptions{}).Wait(within(t)); !errors.Is(err, ErrBroken) {
		t.Errorf("restoring an external snapshot: %v", err)
	}
	if err := f.Delete(id, "outside").Wait(within(t)); !errors.Is(err, hypervisor.ErrUnsupported) {
		t.Errorf("deleting an external snapshot: %v", err)
	}
}

// TestRefusals says before the click why a checkpoint cannot be saved, and refuses bad names.
func TestRefusals(t *testing.T) {
	f := open(t)
	id := f.create(t, "plain", vmconfig.FirmwareBIOS, false)
	done(t, f.Save(id, SaveOptions{Name: "taken"}))
	for _, bad := range []string{"a\nb", "-x", strings.Repeat("n", 300), "a/b", "taken", "TAKEN", "\u202eevil", "."} {
		var fault vmconfig.Fault
		if err := f.Save(id, SaveOptions{Name: bad}).Wait(within(t)); !errors.As(err, &fault) {
			t.Errorf("a checkpoint called %q: %v", bad, err)
		}
	}
	for _, good := range []string{"a&b<c>", "$(id)", " trimmed ", "次"} {
		if strings.ContainsAny(good, "<>") {
			continue // the one rule for names excludes them
		}
		done(t, f.Save(id, SaveOptions{Name: good, Description: "<b>&\"' ]]>"}))
		if c := f.only(t, id, strings.TrimSpace(good)); c.Description != "<b>&\"' ]]>" {
			t.Errorf("the description became %q", c.Description)
		}
	}
	if err := f.Save(id, SaveOptions{Name: "x", Description: "\x00"}).Wait(within(t)); err == nil {
		t.Error("a NUL was taken")
	}

	look, err := f.look(within(t), id)
	if err != nil {
		t.Fatal(err)
	}
	disk := look.disks()[0].Path
	if err := os.Rename(disk, disk+".away"); err != nil {
		t.Fatal(err)
	}
	if ok, reason := f.canSave(t, id); ok || !strings.Contains(reason, disk) {
		t.Errorf("with its disk gone: %v %q", ok, reason)
	}
	if err := f.Restore(id, f.idOf(t, id, "taken"), RestoreOptions{}).Wait(within(t)); !errors.Is(err, ErrBroken) {
		t.Errorf("restoring with the disk gone: %v", err)
	}
	if err := os.Rename(disk+".away", disk); err != nil {
		t.Fatal(err)
	}

	f.addDisk(t, "plain", "raw", false)
	if ok, reason := f.canSave(t, id); ok || !strings.Contains(reason, "raw") {
		t.Errorf("with a raw disk: %v %q", ok, reason)
	}
	if err := f.Restore(id, "guesthouse-ffffffff", RestoreOptions{}).Wait(within(t)); !errors.Is(err, ErrNoCheckpoint) {
		t.Errorf("restoring what does not exist: %v", err)
	}
}

// TestSavedStateGoesFirst restores while the machine has a saved state: it must not be resumed on the restored disks.
func TestSavedStateGoesFirst(t *testing.T) {
	f := open(t)
	id := f.create(t, "saved", vmconfig.FirmwareBIOS, false)
	done(t, f.Save(id, SaveOptions{Name: "off"}))
	f.do(t, machines.ActionStart, id)
	f.do(t, machines.ActionSave, id)
	f.state(t, id, hypervisor.StateSaved)
	if lose, err := f.wouldLose(t, id); err != nil || !lose {
		t.Errorf("a saved state would not be lost: %v, %v", lose, err)
	}
	done(t, f.Restore(id, f.only(t, id, "off").ID, RestoreOptions{}))
	f.state(t, id, hypervisor.StateOff)
}

// TestOnTestDriver runs the list against libvirt's own fake hypervisor, which has snapshots without disks.
func TestOnTestDriver(t *testing.T) {
	host := open(t).host
	f := attach(t, host, host.TestURI())
	m, err := f.machines.Snapshot().Find("test")
	if err != nil {
		t.Fatal(err)
	}
	done(t, f.Save(m.UUID, SaveOptions{Name: "one"}))
	f.do(t, machines.ActionPause, m.UUID)
	done(t, f.Save(m.UUID, SaveOptions{}))
	done(t, f.Restore(m.UUID, f.only(t, m.UUID, "one").ID, RestoreOptions{SaveFirst: true, SaveName: "two"}))
	f.state(t, m.UUID, hypervisor.StateRunning)
	if two := f.only(t, m.UUID, "two"); two.Parent != f.only(t, m.UUID, "Checkpoint 1").ID || two.State != hypervisor.StatePaused {
		t.Errorf("saved before the restore: %+v", two)
	}
	done(t, f.Delete(m.UUID, f.only(t, m.UUID, "one").ID))
}

// TestNextName counts on from the highest number.
func TestNextName(t *testing.T) {
	s := &Service{}
	list := []Checkpoint{{Name: "Checkpoint 2"}, {Name: "Checkpoint 10"}, {Name: "Checkpoint x"}, {Name: "checkpoint 99"}}
	if name := s.NextName(list); name != "Checkpoint 11" {
		t.Error(name)
	}
	if name := s.NextName(nil); name != "Checkpoint 1" {
		t.Error(name)
	}
	list = []Checkpoint{{ID: "a", Name: "x"}, {ID: "b", Name: "x"}, {ID: "x2", Name: "a"}}
	if c, err := s.Resolve(list, "a"); err != nil || c.ID != "a" {
		t.Errorf("an ID goes before a name: %+v %v", c, err)
	}
	if _, err := s.Resolve(list, "x"); !errors.Is(err, ErrAmbiguous) {
		t.Error(err)
	}
	if _, err := s.Resolve(list, "y"); !errors.Is(err, ErrNoCheckpoint) {
		t.Error(err)
	}
}

// TestCancelled cancels saves at different moments. The machine runs on and nothing is left, or the checkpoint is there wholly.
func TestCancelled(t *testing.T) {
	for _, firmware := range []vmconfig.Firmware{vmconfig.FirmwareBIOS, vmconfig.FirmwareUEFI} {
		t.Run(string(firmware), func(t *testing.T) {
			f := open(t)
			id := f.create(t, "cancelled", firmware, false)
			f.do(t, machines.ActionStart, id)
			for _, stage := range []string{"", "Saving", "Writing the memory", "Keeping the disks"} {
				j := f.Save(id, SaveOptions{})
				for stage != "" && j.Status().State == jobs.Running && j.Status().Progress.Text != stage {
					time.Sleep(time.Millisecond)
				}
				j.Cancel()
				err := j.Wait(within(t))
				var names []string
				switch j.Status().State {
				case jobs.Cancelled:
				case jobs.Done: // it was faster
					names = []string{"Checkpoint 1"}
				default:
					t.Errorf("cancelled at %q it ended with %v", stage, err)
				}
				f.state(t, id, hypervisor.StateRunning)
				if list, err := f.List(within(t), id); err != nil || len(list) != len(names) {
					t.Errorf("cancelled at %q the list is %+v, %v", stage, list, err)
				}
				if len(names) > 0 {
					done(t, f.Delete(id, f.only(t, id, names[0]).ID))
				}
			}
			f.do(t, machines.ActionPowerOff, id)
			if _, err := f.Recover(within(t)); err != nil {
				t.Error(err)
			}
			f.leftovers(t, id)
		})
	}
}

// TestTwoSavesAtOnce lets them run one after the other; then the machine is deleted, checkpoints and all.
func TestTwoSavesAtOnce(t *testing.T) {
	f := open(t)
	id := f.create(t, "twice", vmconfig.FirmwareUEFI, false)
	one, two := f.Save(id, SaveOptions{}), f.Save(id, SaveOptions{})
	done(t, one)
	done(t, two)
	f.leftovers(t, id, "Checkpoint 1", "Checkpoint 2")
	dir := f.machines.CheckpointDir(id)
	if _, err := os.Stat(dir); err != nil {
		t.Fatal(err)
	}
	done(t, f.machines.Delete(id, false))
	if list := f.host.Virsh(t, "list", "--all", "--name"); list != "" {
		t.Errorf("virsh lists %q", list)
	}
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the checkpoints' folder: %v", err)
	}
}

// TestFirmwareVariables brings back the variables of that moment, also that there were none.
func TestFirmwareVariables(t *testing.T) {
	f := open(t)
	id := f.create(t, "vars", vmconfig.FirmwareUEFI, false)
	config, err := f.config(within(t), id)
	if err != nil {
		t.Fatal(err)
	}
	done(t, f.Save(id, SaveOptions{Name: "none"}))
	if err := os.WriteFile(config.NVRAM, []byte("first"), 0o600); err != nil {
		t.Fatal(err)
	}
	done(t, f.Save(id, SaveOptions{Name: "first"}))
	if err := os.WriteFile(config.NVRAM, []byte("second"), 0o600); err != nil {
		t.Fatal(err)
	}
	done(t, f.Restore(id, f.only(t, id, "first").ID, RestoreOptions{}))
	if text, err := os.ReadFile(config.NVRAM); err != nil || string(text) != "first" {
		t.Errorf("the variables are %q, %v", text, err)
	}
	done(t, f.Restore(id, f.only(t, id, "none").ID, RestoreOptions{}))
	if _, err := os.Stat(config.NVRAM); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a machine that never ran has variables: %v", err)
	}
}
