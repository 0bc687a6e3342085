package machines

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

	"guesthouse/app/jobs"
	"guesthouse/hypervisor"
	"guesthouse/vmconfig"
	"guesthouse/vmconfig/guestos"
)

// draft is a small machine that any host can have.
func draft(name string) Draft {
	return Draft{Name: name, MemoryBytes: 64 * vmconfig.MiB, CPUs: 1, DiskMode: DiskCreate, DiskBytes: 16 * vmconfig.MiB}
}

// files lists all files under the program's data folder, without its locks.
func (f *fixture) files(t *testing.T) []string {
	t.Helper()
	var found []string
	err := filepath.WalkDir(f.data, func(path string, e os.DirEntry, err error) error {
		if err == nil && !e.IsDir() && filepath.Base(filepath.Dir(path)) != "locks" {
			rel, _ := filepath.Rel(f.data, path)
			found = append(found, rel)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// TestCreateAndDelete makes a machine with UEFI firmware, starts it, and deletes it into the trash and, a week later, from there.
func TestCreateAndDelete(t *testing.T) {
	f := open(t, false)
	d := draft("web server")
	d.Firmware, d.Start, d.Notes, d.Group = vmconfig.FirmwareUEFI, true, "<b>&\"'", "lab/one"
	d.MemoryBytes = 128 * vmconfig.MiB
	j, id := f.Create(d)
	done(t, j)
	if state := f.host.Virsh(t, "domstate", "web server"); state != "running" {
		t.Errorf("virsh calls it %q", state)
	}
	m := f.Snapshot().Get(id)
	if m == nil || m.Config == nil || m.Config.Notes != d.Notes || m.Config.Group != d.Group || m.Config.Firmware != vmconfig.FirmwareUEFI {
		t.Fatalf("the list says %+v", m)
	}
	disk := m.Config.Disks[0].Path
	if base := filepath.Base(disk); base != "web-server-"+id.String()[:8]+".qcow2" {
		t.Errorf("the disk is called %s", base)
	}
	if info, err := os.Stat(disk); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the disk: %v, %v", info, err)
	}
	if _, err := f.DeletePlan(within(t), id); !errors.Is(err, hypervisor.ErrInvalidState) {
		t.Errorf("planning to delete a running machine: %v", err)
	}
	if err := f.Delete(id, false).Wait(within(t)); !errors.Is(err, hypervisor.ErrInvalidState) {
		t.Errorf("deleting a running machine: %v", err)
	}
	done(t, f.Do(ActionPowerOff, id))
	plan, err := f.DeletePlan(within(t), id)
	if err != nil {
		t.Fatal(err)
	}
	kinds := map[string]bool{}
	for _, file := range plan.Files {
		kinds[file.Kind] = file.Trash
	}
	if !kinds[KindDisk] || !kinds[KindVariables] {
		t.Errorf("the plan is %+v", plan.Files)
	}
	done(t, f.Delete(id, false))
	if list := f.host.Virsh(t, "list", "--all", "--name"); list != "" {
		t.Errorf("virsh still lists %q", list)
	}
	if f.Snapshot().Get(id) != nil {
		t.Error("the list still has it")
	}
	left := strings.Join(f.files(t), "\n")
	for _, want := range []string{manifestName, definitionName, ".qcow2", "_VARS.fd"} {
		if strings.Count(left, want) != 1 {
			t.Errorf("%s is not in the trash once:\n%s", want, left)
		}
	}
	for _, path := range f.files(t) {
		if !strings.HasPrefix(path, "trash/") {
			t.Errorf("%s was left behind", path)
		}
	}
	f.purgeTrash(time.Now().Add(trashDays*24*time.Hour - time.Minute))
	if len(f.files(t)) == 0 {
		t.Error("the trash was emptied too early")
	}
	f.purgeTrash(time.Now().Add(trashDays*24*time.Hour + time.Minute))
	if left := f.files(t); len(left) != 0 {
		t.Errorf("after a week there is still %q", left)
	}
}

// TestDeleteKeepsWhatOthersUse never takes a disk, or what lies below it, from another machine.
func TestDeleteKeepsWhatOthersUse(t *testing.T) {
	f := open(t, false)
	j, one := f.Create(draft("one"))
	done(t, j)
	base := f.Snapshot().Get(one).Config.Disks[0].Path
	overlay := filepath.Join(f.data, "images", "overlay.qcow2")
	if err := f.p.Images.CreateOverlay(within(t), overlay, base, "qcow2"); err != nil {
		t.Fatal(err)
	}
	f.define(t, "two", overlay)
	plan, err := f.DeletePlan(within(t), one)
	if err != nil {
		t.Fatal(err)
	}
	if fate := plan.Files[0]; fate.Path != base || fate.Trash || !strings.Contains(fate.Reason, "two") {
		t.Errorf("the fate of the base of another machine's disk: %+v", fate)
	}
	done(t, f.Delete(one, false))
	if _, err := os.Stat(base); err != nil {
		t.Error(err)
	}

	// Another machine on the very disk, under another name.
	j, three := f.Create(draft("three"))
	done(t, j)
	disk := f.Snapshot().Get(three).Config.Disks[0].Path
	other := filepath.Join(f.host.Dir, "link.qcow2")
	if err := os.Symlink(disk, other); err != nil {
		t.Fatal(err)
	}
	f.define(t, "four", other)
	done(t, f.Delete(three, false))
	if _, err := os.Stat(disk); err != nil {
		t.Error(err)
	}
	d := draft("five")
	d.DiskMode, d.DiskPath = DiskExisting, disk
	if faults := f.CheckDraft(within(t), d); !strings.Contains(faults.For(vmconfig.FieldDiskPath), "four") {
		t.Errorf("using another machine's disk: %v", faults)
	}

	// A disk that is kept.
	j, six := f.Create(draft("six"))
	done(t, j)
	disk = f.Snapshot().Get(six).Config.Disks[0].Path
	done(t, f.Delete(six, true))
	if _, err := os.Stat(disk); err != nil {
		t.Error(err)
	}
}

// define makes a machine with virsh.
func (f *fixture) define(t *testing.T, name, disk string) {
	t.Helper()
	file := filepath.Join(f.host.Dir, name+".xml")
	text := `<domain type='qemu'><name>` + name + `</name><memory unit='MiB'>64</memory><vcpu>1</vcpu>
		<os><type arch='x86_64' machine='q35'>hvm</type></os><devices><disk type='file' device='disk'>
		<driver name='qemu' type='qcow2'/><source file='` + disk + `'/><target dev='vda' bus='virtio'/></disk></devices></domain>`
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	f.host.Virsh(t, "define", file)
	f.eventually(t, name, func(s *Snapshot) bool {
		m, err := s.Find(name)
		return err == nil && m.Config != nil
	})
}

// TestCreateLeavesNothing fails and cancels creations at different steps.
func TestCreateLeavesNothing(t *testing.T) {
	f := open(t, false)
	clean := func(what string) {
		t.Helper()
		if left := f.files(t); len(left) != 0 {
			t.Errorf("%s left %q", what, left)
		}
		if list := f.host.Virsh(t, "list", "--all", "--name"); list != "" {
			t.Errorf("%s left the machine %q", what, list)
		}
	}
	// The start fails after everything else worked.
	broken := draft("broken")
	broken.Start, broken.Firmware = true, vmconfig.FirmwareUEFI
	f.failStart(t)
	j, _ := f.Create(broken)
	if err := j.Wait(within(t)); err == nil {
		t.Error("a machine without a firmware file started")
	}
	clean("a failed start")

	j, id := f.Create(draft("cancelled"))
	j.Cancel()
	err := j.Wait(within(t))
	if j.Status().State == jobs.Done {
		done(t, f.Delete(id, false)) // it was faster
		f.purgeTrash(time.Now().Add(100 * 24 * time.Hour))
	} else if j.Status().State != jobs.Cancelled {
		t.Errorf("cancelled: %v %v", j.Status().State, err)
	}
	clean("a cancelled creation")

	d := draft("bad")
	d.CPUs, d.MemoryBytes, d.ISO, d.Name = -1, 1, "/nonexistent/x.iso", "a/b"
	j, _ = f.Create(d)
	var faults vmconfig.Faults
	if err := j.Wait(within(t)); !errors.As(err, &faults) {
		t.Fatalf("a draft full of faults: %v", err)
	}
	for _, field := range []vmconfig.Field{vmconfig.FieldName, vmconfig.FieldCPUs, vmconfig.FieldMemory, vmconfig.FieldISO} {
		if faults.For(field) == "" {
			t.Errorf("no fault at %s", field)
		}
	}
	clean("a refused draft")
}

// failStart makes every start fail after everything else worked: the firmware's variables cannot be made where a folder is in the way.
func (f *fixture) failStart(t *testing.T) {
	t.Helper()
	dir := filepath.Join(f.data, "nvram")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o500); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.Chmod(dir, 0o700) })
}

// TestRecoverCreation finds what a killed program left of a machine that it was making.
func TestRecoverCreation(t *testing.T) {
	f := open(t, false)
	j, id := f.Create(draft("half"))
	done(t, j)
	disk := f.Snapshot().Get(id).Config.Disks[0].Path
	begin := func(host string, id uuid.UUID, r createRecord) {
		t.Helper()
		if _, err := f.journal.Begin(createKind, host, id, r); err != nil {
			t.Fatal(err)
		}
	}
	// Another host's record must stay.
	begin("qemu+ssh://elsewhere/system", id, createRecord{Disk: disk, Undo: true})

	// Killed before the machine was registered: what was made goes.
	part := filepath.Join(f.data, "images", "part.qcow2")
	if err := os.WriteFile(part, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	begin(f.conn.Host().URI, uuid.New(), createRecord{Disk: part})
	// Killed after that: the machine is whole, and may have been used since.
	begin(f.conn.Host().URI, id, createRecord{Disk: disk})
	f.recover(within(t))
	if _, err := os.Stat(part); err == nil {
		t.Error("the disk of a machine that was never registered is still there")
	}
	if _, err := os.Stat(disk); err != nil || f.host.Virsh(t, "domstate", "half") != "shut off" {
		t.Errorf("the machine that was registered is gone: %v", err)
	}

	// Killed while a failed creation was being undone: the rest goes.
	begin(f.conn.Host().URI, id, createRecord{Disk: disk, Undo: true})
	f.recover(within(t))
	if list := f.host.Virsh(t, "list", "--all", "--name"); list != "" {
		t.Errorf("virsh lists %q", list)
	}
	left := f.files(t)
	if len(left) != 1 || !strings.HasPrefix(left[0], "journal/") {
		t.Errorf("left: %q", left)
	}
}

// TestRecoverDeletion brings files back, or takes the rest away, after a deletion that was cut in two.
func TestRecoverDeletion(t *testing.T) {
	f := open(t, false)
	j, id := f.Create(draft("half"))
	done(t, j)
	plan, err := f.planDelete(within(t), id, false)
	if err != nil {
		t.Fatal(err)
	}
	disk := plan.Files[0].Path
	begin := func() {
		t.Helper()
		dir, manifest, err := f.newTrash(plan.Machine, plan.description, plan.Files)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.journal.Begin(deleteKind, f.conn.Host().URI, id, deleteRecord{Trash: dir, Manifest: manifest}); err != nil {
			t.Fatal(err)
		}
		if err := manifest.fill(dir); err != nil {
			t.Fatal(err)
		}
	}
	begin()
	if _, err := os.Stat(disk); err == nil {
		t.Fatal("the disk was not moved")
	}
	f.purgeTrash(time.Now().Add(100 * 24 * time.Hour)) // the program was not started for months
	f.recover(within(t))
	if _, err := os.Stat(disk); err != nil {
		t.Errorf("the disk of a machine that still exists: %v", err)
	}
	if left := f.files(t); len(left) != 1 {
		t.Errorf("left: %q", left)
	}
	begin()
	f.host.Virsh(t, "undefine", "half")
	f.recover(within(t))
	for _, path := range f.files(t) {
		if !strings.HasPrefix(path, "trash/") {
			t.Errorf("%s was left behind", path)
		}
	}
}

// TestDeleteKeepsVariablesOfOthers deletes a machine whose firmware variables another machine has as well, and one whose description nobody
// can read: libvirt must not remove the file either.
func TestDeleteKeepsVariablesOfOthers(t *testing.T) {
	f := open(t, false)
	d := draft("one")
	d.Firmware, d.MemoryBytes = vmconfig.FirmwareUEFI, 128*vmconfig.MiB
	j, id := f.Create(d)
	done(t, j)
	variables := f.Snapshot().Get(id).Config.NVRAM
	if err := os.WriteFile(variables, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	text := f.host.Virsh(t, "dumpxml", "--inactive", "one")
	text = strings.Replace(strings.Replace(text, "<name>one<", "<name>two<", 1), id.String(), uuid.NewString(), 1)
	file := filepath.Join(f.host.Dir, "two.xml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	f.host.Virsh(t, "define", file)
	done(t, f.Delete(id, false))
	if data, err := os.ReadFile(variables); err != nil || string(data) != "precious" {
		t.Errorf("the other machine's firmware variables: %q, %v", data, err)
	}
}

// TestExistingDisk refuses what would destroy a disk: two machines on one, a disk below another, a container given as raw.
func TestExistingDisk(t *testing.T) {
	f := open(t, false)
	base, overlay := filepath.Join(f.host.Dir, "base.qcow2"), filepath.Join(f.host.Dir, "overlay.qcow2")
	if err := f.p.Images.Create(within(t), base, "qcow2", 16*vmconfig.MiB); err != nil {
		t.Fatal(err)
	}
	if err := f.p.Images.CreateOverlay(within(t), overlay, base, "qcow2"); err != nil {
		t.Fatal(err)
	}
	d := draft("one")
	d.DiskMode, d.DiskPath, d.DiskFormat = DiskExisting, base, "raw"
	if faults := f.CheckDraft(within(t), d); !strings.Contains(faults.For(vmconfig.FieldDiskPath), "qcow2") {
		t.Errorf("a qcow2 file as raw: %v", faults)
	}
	f.define(t, "user", overlay)
	d.DiskFormat = ""
	refused, _ := f.Create(d)
	var faults vmconfig.Faults
	if err := refused.Wait(within(t)); !errors.As(err, &faults) || !strings.Contains(faults.For(vmconfig.FieldDiskPath), "user") {
		t.Errorf("the base of another machine's disk: %v", err)
	}

	// Of several machines made at once on one disk, one gets it.
	free := filepath.Join(f.host.Dir, "free.qcow2")
	if err := f.p.Images.Create(within(t), free, "qcow2", 16*vmconfig.MiB); err != nil {
		t.Fatal(err)
	}
	made := 0
	var all []*jobs.Job
	for _, name := range []string{"a", "b", "c", "d"} {
		d.Name, d.DiskPath = name, free
		j, _ := f.Create(d)
		all = append(all, j)
	}
	for _, j := range all {
		if j.Wait(within(t)) == nil {
			made++
		}
	}
	if made != 1 {
		t.Errorf("%d machines have the same disk", made)
	}
}

// TestHostLacks names what Windows 11 needs and the host does not have, at the field.
func TestHostLacks(t *testing.T) {
	f := open(t, false)
	catalogue, err := guestos.Load()
	if err != nil {
		t.Fatal(err)
	}
	f.p.Guests = func() *guestos.Catalogue { return catalogue }
	d := f.NewDraft("win11")
	d.MemoryBytes, d.CPUs = 64*vmconfig.MiB, 1
	plain := f.CheckDraft(within(t), d).For(vmconfig.FieldFirmware)
	t.Setenv("PATH", t.TempDir())
	faults := f.CheckDraft(within(t), d)
	if !errors.Is(faults.Err(), ErrNoTPM) || !strings.Contains(faults.For(vmconfig.FieldFirmware), "swtpm") {
		t.Errorf("without swtpm: %v", faults)
	}
	if plain != "" {
		t.Errorf("with all that it needs: %s", plain)
	}
	f.p.Conn = insecure{f.conn}
	if faults := f.CheckDraft(within(t), d); !errors.Is(faults.Err(), ErrNoSecureBoot) {
		t.Errorf("without Secure Boot: %v", faults)
	}
}

// insecure is a host whose firmwares know no Secure Boot.
type insecure struct{ hypervisor.Connection }

func (i insecure) Firmwares(ctx context.Context) ([]hypervisor.Firmware, error) {
	all, err := i.Connection.Firmwares(ctx)
	return slices.DeleteFunc(all, func(f hypervisor.Firmware) bool { return f.SecureBoot }), err
}

// TestDemo takes a machine through its life on libvirt's test driver, which serves as the demonstration without any QEMU.
func TestDemo(t *testing.T) {
	f := open(t, true)
	j, id := f.Create(draft("demo"))
	done(t, j)
	done(t, f.Do(ActionStart, id))
	done(t, f.Do(ActionPowerOff, id))
	done(t, f.Delete(id, false))
	if f.Snapshot().Get(id) != nil {
		t.Error("it is still listed")
	}
}
