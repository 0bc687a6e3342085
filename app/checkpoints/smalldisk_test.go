package checkpoints

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"guesthouse/app/machines"
	"guesthouse/hypervisor"
	"guesthouse/vmconfig"
)

// smallDisk tells the inner run of a test where its small file system is.
const smallDisk = "GUESTHOUSE_TEST_SMALL_DISK"

// onSmallDisk runs the test once more in a mount namespace of its own, with a temporary folder of that many MiB. It reports whether this is
// the inner run. It needs no privileges: a user namespace gives the right to mount, a second one gives back the user.
func onSmallDisk(t *testing.T, mib int) (inside bool) {
	t.Helper()
	if os.Getenv(smallDisk) != "" {
		return true
	}
	dir, err := os.MkdirTemp("/tmp", "s")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	timeout := 10 * time.Minute
	if deadline, ok := t.Deadline(); ok {
		timeout = time.Until(deadline)
	}
	script := fmt.Sprintf(`mount -t tmpfs -o size=%dm,mode=0700 none "$0" && exec unshare --user --map-user=%d --map-group=%d "$@"`,
		mib, os.Getuid(), os.Getgid())
	cmd := exec.Command("unshare", "--user", "--map-root-user", "--mount", "sh", "-c", script, dir,
		os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v", "-test.timeout="+timeout.String())
	cmd.Env = append(os.Environ(), smallDisk+"="+dir, "TMPDIR="+dir)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Errorf("%v\n%s", err, out)
	} else {
		t.Logf("%s", out)
	}
	return false
}

// fill leaves so many KiB free and returns how to make room again.
func fill(t *testing.T, leave int64) (free func()) {
	t.Helper()
	path := filepath.Join(os.Getenv(smallDisk), "ballast")
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for err = unix.ENOSPC; errors.Is(err, unix.ENOSPC); { // somebody else takes room at the same time
		var st unix.Statfs_t
		if err := unix.Statfs(path, &st); err != nil {
			t.Fatal(err)
		}
		if st.Bavail == 0 {
			break
		}
		err = unix.Fallocate(int(file.Fd()), 0, 0, int64(st.Bavail)*st.Bsize-leave<<10)
	}
	if err != nil && !errors.Is(err, unix.ENOSPC) {
		t.Fatal(err)
	}
	return func() {
		if err := remove(path); err != nil {
			t.Error(err)
		}
	}
}

// TestDiskFull saves a checkpoint while the disk fills up. The machine and the earlier checkpoint must be as before.
func TestDiskFull(t *testing.T) {
	if !onSmallDisk(t, 192) {
		return
	}
	for _, firmware := range []vmconfig.Firmware{vmconfig.FirmwareBIOS, vmconfig.FirmwareUEFI} {
		t.Run(string(firmware), func(t *testing.T) {
			f := open(t)
			id := f.create(t, "small", firmware, false)
			f.do(t, machines.ActionStart, id)
			done(t, f.Save(id, SaveOptions{Name: "early"}))
			early := f.only(t, id, "early")
			for _, leave := range []int64{0, 256} {
				free := fill(t, leave)
				defer free()
				err := f.Save(id, SaveOptions{Name: "late"}).Wait(within(t))
				if err == nil {
					t.Fatal("a checkpoint was saved on a full disk")
				}
				t.Logf("the job says: %v", err)
				if !errors.Is(err, hypervisor.ErrNoSpace) && !errors.Is(err, syscall.ENOSPC) {
					t.Errorf("the reason is not that the disk is full: %v", err)
				}
				free()
				f.state(t, id, hypervisor.StateRunning)
				list, err := f.List(within(t), id)
				if err != nil || len(list) != 1 || list[0].ID != early.ID || list[0].Problem != "" {
					t.Errorf("the checkpoints afterwards: %+v, %v", list, err)
				}
				f.leftovers(t, id, "early")
			}
			done(t, f.Save(id, SaveOptions{Name: "late"}))
			done(t, f.Restore(id, early.ID, RestoreOptions{}))
			f.state(t, id, hypervisor.StateRunning)
		})
	}
}

// TestDiskFullInCreate makes a machine where not even an empty disk fits.
func TestDiskFullInCreate(t *testing.T) {
	if !onSmallDisk(t, 64) {
		return
	}
	f := open(t)
	free := fill(t, 64)
	d := f.machines.NewDraft("")
	d.Name, d.DiskBytes, d.CPUs = "none", 10*vmconfig.GiB, 1
	d.MemoryBytes = 64 * vmconfig.MiB
	j, _ := f.machines.Create(d)
	err := j.Wait(within(t))
	if err == nil {
		t.Error("it was created")
	}
	t.Logf("the job says: %v", err)
	free()
	if list := f.host.Virsh(t, "list", "--all", "--name"); list != "" {
		t.Errorf("virsh lists %q", list)
	}
	for _, dir := range []string{"images", "journal", "nvram"} {
		entries, _ := os.ReadDir(filepath.Join(f.host.DataDir, "guesthouse", dir))
		if len(entries) != 0 {
			t.Errorf("%s holds %v", dir, entries)
		}
	}
}
