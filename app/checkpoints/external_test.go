package checkpoints

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/uuid"

	"guesthouse/app/machines"
	"guesthouse/hypervisor"
	"guesthouse/hypervisor/diskimage"
	"guesthouse/hypervisor/hosttest"
	"guesthouse/vmconfig"
)

// needsExternal skips a test where libvirt cannot go back to external snapshots.
func (f *fixture) needsExternal(t *testing.T) {
	t.Helper()
	if !(external{f.Service}).able() {
		t.Skipf("libvirt %s cannot restore external snapshots", f.conn.Host().Libvirt)
	}
}

// noOverlays fails the test when a disk of the machine is an overlay, or files of external snapshots lie beside it.
func (f *fixture) noOverlays(t *testing.T, target *target) {
	t.Helper()
	for _, d := range target.disks() {
		if below, err := diskimage.Below(d.Path); err != nil || below != "" {
			t.Errorf("%s lies over %q, %v", d.Path, below, err)
		}
		for _, name := range f.filesBeside(t, d.Path) {
			if strings.Contains(name, machines.SnapshotPrefix) {
				t.Errorf("%s is left beside %s", name, d.Path)
			}
		}
	}
}

func (f *fixture) filesBeside(t *testing.T, disk string) []string {
	t.Helper()
	entries, err := os.ReadDir(filepath.Dir(disk))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// fill writes a pattern to the first MiBs of each disk of a machine that is off.
func (f *fixture) fill(t *testing.T, id uuid.UUID, pattern string) {
	t.Helper()
	f.onDisks(t, id, "-c", "write -P "+pattern+" 1M 2M")
}

// filled fails the test when the disks of a machine that is off have another pattern.
func (f *fixture) filled(t *testing.T, id uuid.UUID, pattern string) {
	t.Helper()
	f.onDisks(t, id, "-r", "-c", "read -P "+pattern+" 1M 2M")
}

func (f *fixture) onDisks(t *testing.T, id uuid.UUID, args ...string) {
	t.Helper()
	look, err := f.look(within(t), id)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range look.disks() {
		if out := hosttest.Run(t, "qemu-io", append(append([]string{"-f", d.Format}, args...), d.Path)...); strings.Contains(out, "failed") {
			t.Errorf("%s: %s", d.Path, out)
		}
	}
}

// TestExternal does with external checkpoints what can be done with the others, on a machine with a raw disk, which can hold none inside: saves, off and running, goes back, branches,
// renames, copies, deletes leaf, middle, branch and root, and leaves nothing behind.
func TestExternal(t *testing.T) {
	f := open(t)
	f.needsExternal(t)
	id := f.create(t, "outside", vmconfig.FirmwareBIOS, false)
	raw := f.addDisk(t, "outside", "raw", false)
	before, err := f.look(within(t), id)
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range []string{"1", "2", "3"} {
		f.fill(t, id, step)
		done(t, f.Save(id, SaveOptions{Name: step, Description: "pattern " + step}))
	}
	c := f.only(t, id, "2")
	if c.State != hypervisor.StateOff || c.Parent != f.idOf(t, id, "1") || c.Foreign || c.Description != "pattern 2" {
		t.Errorf("%+v", c)
	}
	if lost, err := f.wouldLose(t, id); err != nil || lost {
		t.Errorf("right after saving something would be lost: %v", err)
	}
	f.fill(t, id, "9")
	if lost, err := f.wouldLose(t, id); err != nil || !lost {
		t.Errorf("nothing would be lost: %v", err)
	}
	o, err := f.Overview(within(t), id)
	if err != nil || len(vmconfig.Compare(*c.Settings, *o.Settings)) != 0 {
		t.Errorf("overlays show as changed settings: %+v, %v", vmconfig.Compare(*c.Settings, *o.Settings), err)
	}
	if err := f.Measure(within(t), id, &o); err != nil || o.Bytes == Unknown {
		t.Errorf("%d, %v", o.Bytes, err)
	}

	done(t, f.Restore(id, c.ID, RestoreOptions{}))
	f.filled(t, id, "2")
	if !f.only(t, id, "2").Current {
		t.Error("the restored one is not the current one")
	}
	f.fill(t, id, "4")
	f.do(t, machines.ActionStart, id)
	done(t, f.Save(id, SaveOptions{Name: "4"})) // of a running machine, on another branch
	f.state(t, id, hypervisor.StateRunning)
	if c := f.only(t, id, "4"); c.SizeBytes == 0 || c.State != hypervisor.StateRunning {
		t.Errorf("%+v", c)
	}
	four := f.idOf(t, id, "4")
	if err := f.Describe(within(t), id, four, SaveOptions{Name: "four"}); err != nil {
		t.Fatal(err)
	}
	j, copied := f.Copy(id, f.idOf(t, id, "3"), "copied", false)
	done(t, j)
	f.filled(t, copied, "3")
	done(t, f.Restore(id, f.idOf(t, id, "3"), RestoreOptions{SaveFirst: true, SaveName: "5"}))
	f.filled(t, id, "3")
	done(t, f.Restore(id, four, RestoreOptions{}))
	f.state(t, id, hypervisor.StateRunning)
	if err := f.Describe(within(t), id, four, SaveOptions{Name: "4"}); !errors.Is(err, hypervisor.ErrUnsupported) {
		t.Errorf("renaming the one that the machine goes on from: %v", err)
	}

	for _, kept := range []string{"1", "2", "four"} { // libvirt refuses them, or dies of it
		if err := f.Delete(id, f.idOf(t, id, kept)).Wait(within(t)); !errors.Is(err, hypervisor.ErrInvalidState) {
			t.Errorf("deleting %s: %v", kept, err)
		}
	}
	f.do(t, machines.ActionSave, id)
	if err := f.Delete(id, f.idOf(t, id, "5")).Wait(within(t)); !errors.Is(err, hypervisor.ErrInvalidState) {
		t.Errorf("deleting below a saved state: %v", err)
	}
	f.do(t, machines.ActionStart, id)
	if err := f.Restore(id, four, RestoreOptions{DisksOnly: true}).Wait(within(t)); !errors.Is(err, hypervisor.ErrUnsupported) {
		t.Errorf("restoring only the disks: %v", err)
	}
	done(t, f.Delete(id, f.idOf(t, id, "1"), f.idOf(t, id, "2"), f.idOf(t, id, "3"), f.idOf(t, id, "5"))) // in an order that works
	f.state(t, id, hypervisor.StateRunning)
	f.do(t, machines.ActionPowerOff, id)
	f.filled(t, id, "4")
	done(t, f.Restore(id, four, RestoreOptions{}))
	f.do(t, machines.ActionPowerOff, id)
	f.filled(t, id, "4")
	done(t, f.Delete(id, four))
	f.filled(t, id, "4")
	f.intact(t, id)
	after, err := f.look(within(t), id)
	if err != nil || after.config.Disks[0] != before.config.Disks[0] || after.disks()[1].Path != raw || after.disks()[1].Format != "raw" {
		t.Errorf("%+v, %v", after.config.Disks, err)
	}
	f.noOverlays(t, after)
	f.leftovers(t, id)
}

// TestMixedKinds: what has checkpoints inside its disks and outside is left alone, but for copies, as going back and deleting have cost people their disks.
func TestMixedKinds(t *testing.T) {
	f := open(t)
	id := f.create(t, "mixed", vmconfig.FirmwareBIOS, false)
	f.fill(t, id, "1")
	done(t, f.Save(id, SaveOptions{Name: "inside"}))
	f.host.Virsh(t, "snapshot-create-as", "mixed", "outside", "--disk-only")
	f.fill(t, id, "2")
	list, err := f.List(within(t), id)
	if err != nil || len(list) != 2 {
		t.Fatalf("%+v, %v", list, err)
	}
	if ok, reason := f.canSave(t, id); ok {
		t.Errorf("a third one may be saved: %s", reason)
	}
	for _, c := range list {
		if c.Problem == "" || c.DisksUsable {
			t.Errorf("%s can be restored: %+v", c.Name, c)
		}
		if err := f.Restore(id, c.ID, RestoreOptions{}).Wait(within(t)); !errors.Is(err, ErrBroken) {
			t.Errorf("restoring %s: %v", c.Name, err)
		}
		if err := f.Delete(id, c.ID).Wait(within(t)); !errors.Is(err, hypervisor.ErrUnsupported) {
			t.Errorf("deleting %s: %v", c.Name, err)
		}
	}
	if err := f.Trash(id, list[:1]).Wait(within(t)); !errors.Is(err, hypervisor.ErrUnsupported) {
		t.Errorf("into the trash: %v", err)
	}
	f.filled(t, id, "2")
	j, copied := f.Copy(id, f.idOf(t, id, "inside"), "copied", false)
	done(t, j)
	f.filled(t, copied, "1")
}

// TestExternalLosses: what is missing shows before the click, and nothing is touched.
func TestExternalLosses(t *testing.T) {
	f := open(t)
	f.needsExternal(t)
	id := f.create(t, "outside", vmconfig.FirmwareUEFI, false)
	f.host.Virsh(t, "snapshot-create-as", "outside", "theirs", "--disk-only")
	f.do(t, machines.ActionStart, id)
	done(t, f.Save(id, SaveOptions{Name: "one"}))
	look, err := f.look(within(t), id)
	if err != nil {
		t.Fatal(err)
	}
	c := f.only(t, id, "one")
	snapshot, _ := look.snapshot(c.ID)
	pid := f.host.QEMUPID("outside")
	files := append(look.snapshotPaths(snapshot), snapshot.MemoryFile, look.records[c.ID].variablesFile(look.dir))
	for _, path := range files {
		if err := os.Rename(path, path+".away"); err != nil {
			t.Fatal(err)
		}
		if err := f.Restore(id, c.ID, RestoreOptions{}).Wait(within(t)); !errors.Is(err, ErrBroken) {
			t.Errorf("without %s: %v", path, err)
		}
		if err := os.Rename(path+".away", path); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Truncate(snapshot.MemoryFile, 20); err != nil {
		t.Fatal(err)
	}
	if err := f.Restore(id, c.ID, RestoreOptions{}).Wait(within(t)); !errors.Is(err, ErrBroken) {
		t.Errorf("with a cut memory: %v", err)
	}
	if f.host.QEMUPID("outside") != pid {
		t.Error("the machine was restarted")
	}

	// The machine goes, and all that belongs to it.
	f.do(t, machines.ActionPowerOff, id)
	disk := look.disks()[0].Path
	plan, err := f.machines.DeletePlan(within(t), id)
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range files[:2] {
		found := false
		for _, file := range plan.Files {
			found = found || file.Path == path && file.Trash
		}
		if !found {
			t.Errorf("%s is not among %+v", path, plan.Files)
		}
	}
	done(t, f.machines.Delete(id, false))
	if left := f.filesBeside(t, disk); len(left) > 0 {
		t.Errorf("beside the disk are left %q", left)
	}
}
