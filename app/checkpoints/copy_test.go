package checkpoints

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/uuid"

	"guesthouse/app/machines"
	"guesthouse/hypervisor"
	"guesthouse/hypervisor/hosttest"
	"guesthouse/vmconfig"
)

// TestCopy makes machines of checkpoints while the original runs: they have the disk, firmware variables and TPM of that moment, an identity of their own, and start.
func TestCopy(t *testing.T) {
	for _, firmware := range []vmconfig.Firmware{vmconfig.FirmwareBIOS, vmconfig.FirmwareUEFI} {
		t.Run(string(firmware), func(t *testing.T) {
			f := open(t)
			id := f.create(t, "first", firmware, false)
			tpm := firmware == vmconfig.FirmwareUEFI
			if tpm {
				f.addTPM(t, id)
				f.do(t, machines.ActionStart, id)
				f.do(t, machines.ActionPowerOff, id)
			}
			config, err := f.config(within(t), id)
			if err != nil {
				t.Fatal(err)
			}
			disk := config.Disks[0].Path
			hosttest.Run(t, "qemu-io", "-f", "qcow2", "-c", "write -P 1 1M 4M", disk)
			done(t, f.Save(id, SaveOptions{Name: "off"}))
			hosttest.Run(t, "qemu-io", "-f", "qcow2", "-c", "write -P 2 1M 4M", disk)
			f.do(t, machines.ActionStart, id)
			done(t, f.Save(id, SaveOptions{Name: "running"}))
			for name, pattern := range map[string]string{"off": "1", "running": "2"} {
				checkpoint := f.only(t, id, name)
				j, copied := f.Copy(id, checkpoint.ID, "c-"+name)
				done(t, j)
				f.state(t, id, hypervisor.StateRunning)
				f.state(t, copied, hypervisor.StateOff)
				now, err := f.config(within(t), copied)
				if err != nil {
					t.Fatal(err)
				}
				if now.NICs[0].MAC == config.NICs[0].MAC || now.Disks[0].Path == disk || now.NVRAM != "" && now.NVRAM == config.NVRAM {
					t.Errorf("%s shares with the original: %+v", name, now)
				}
				if list, err := f.List(within(t), copied); err != nil || len(list) != 0 {
					t.Errorf("the copy has checkpoints: %+v, %v", list, err)
				}
				if out := hosttest.Run(t, "qemu-io", "-r", "-f", "qcow2", "-c", "read -P "+pattern+" 1M 4M", now.Disks[0].Path); strings.Contains(out, "failed") {
					t.Errorf("the copy of %s has another disk: %s", name, out)
				}
				if tpm {
					dir := f.machines.CheckpointDir(id)
					r, err := readRecords(dir)
					if err != nil {
						t.Fatal(err)
					}
					state, _ := machines.TPMDir(f.conn.Host(), copied)
					same(t, r[checkpoint.ID].variablesFile(dir), now.NVRAM)
					same(t, r[checkpoint.ID].tpmFile(dir), filepath.Join(state, r[checkpoint.ID].TPM))
				}
				f.do(t, machines.ActionStart, copied)
				f.do(t, machines.ActionPowerOff, copied)
			}
			var fault vmconfig.Faults
			j, _ := f.Copy(id, f.idOf(t, id, "off"), "first")
			if err := j.Wait(within(t)); !errors.As(err, &fault) {
				t.Errorf("a copy with the name of another: %v", err)
			}
			images := func() int {
				entries, err := os.ReadDir(filepath.Dir(disk))
				if err != nil {
					t.Fatal(err)
				}
				return len(entries)
			}
			before := images()
			j, copied := f.Copy(id, f.idOf(t, id, "off"), "cancelled")
			j.Cancel()
			if err := j.Wait(within(t)); err == nil {
				done(t, f.machines.Delete(copied, false)) // it was quicker
			} else if _, err := f.conn.Domain(within(t), copied); !errors.Is(err, hypervisor.ErrNotFound) {
				t.Errorf("a cancelled copy: %v", err)
			}
			if after := images(); after != before {
				t.Errorf("there are %d images after %d", after, before)
			}
			j, _ = f.Copy(uuid.New(), "x", "nobody's")
			if err := j.Wait(within(t)); !errors.Is(err, hypervisor.ErrNotFound) {
				t.Errorf("a copy of no machine: %v", err)
			}
		})
	}
}

// same compares two files.
func same(t *testing.T, a, b string) {
	t.Helper()
	x, err := os.ReadFile(a)
	if err != nil {
		t.Fatal(err)
	}
	if y, err := os.ReadFile(b); err != nil || !bytes.Equal(x, y) {
		t.Errorf("%s is not %s, %v", b, a, err)
	}
}
