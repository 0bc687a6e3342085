package checkpoints

import (
	"bytes"
	"errors"
	"fmt"
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
				j, copied := f.Copy(id, checkpoint.ID, "c-"+name, false)
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
			j, _ := f.Copy(id, f.idOf(t, id, "off"), "first", false)
			if err := j.Wait(within(t)); !errors.As(err, &fault) {
				t.Errorf("a copy with the name of another: %v", err)
			}
			images := func() int {
				return len(f.filesBeside(t, disk))
			}
			before := images()
			j, copied := f.Copy(id, f.idOf(t, id, "off"), "cancelled", false)
			j.Cancel()
			if err := j.Wait(within(t)); err == nil {
				done(t, f.machines.Delete(copied, false)) // it was quicker
			} else if _, err := f.conn.Domain(within(t), copied); !errors.Is(err, hypervisor.ErrNotFound) {
				t.Errorf("a cancelled copy: %v", err)
			}
			if after := images(); after != before {
				t.Errorf("there are %d images after %d", after, before)
			}
			j, _ = f.Copy(uuid.New(), "x", "nobody's", false)
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

// TestLinkedCopies: they share one base, which is whole without the original, keep their own changes and checkpoints, and the base goes with the last of them, not before.
func TestLinkedCopies(t *testing.T) {
	f := open(t)
	id := f.create(t, "first", vmconfig.FirmwareBIOS, false)
	f.fill(t, id, "1")
	done(t, f.Save(id, SaveOptions{Name: "clean"}))
	f.fill(t, id, "2")
	bases := func() []string {
		t.Helper()
		found, err := filepath.Glob(filepath.Join(f.p.DataDir, "bases", "*", "*"))
		if err != nil {
			t.Fatal(err)
		}
		return found
	}
	link := func(name string) uuid.UUID {
		t.Helper()
		j, copied := f.Copy(id, f.idOf(t, id, "clean"), name, true)
		done(t, j)
		return copied
	}
	one, two := link("one"), link("two")
	shared := bases()
	if len(shared) != 1 {
		t.Fatalf("the bases are %q", shared)
	}
	if info, err := os.Stat(shared[0]); err != nil || info.Mode().Perm()&0o222 != 0 {
		t.Errorf("the base can be written to: %v, %v", info, err)
	}
	config, err := f.config(within(t), two)
	if err != nil {
		t.Fatal(err)
	}
	if used := machines.DiskUsage(config.Disks[0].Path); used > vmconfig.MiB {
		t.Errorf("a linked copy takes %d bytes", used)
	}
	before, err := os.ReadFile(shared[0])
	if err != nil {
		t.Fatal(err)
	}

	// The original goes, and its trash.
	done(t, f.Delete(id, f.idOf(t, id, "clean")))
	done(t, f.machines.Delete(id, false))
	if err := os.RemoveAll(filepath.Join(f.p.DataDir, "trash")); err != nil {
		t.Fatal(err)
	}
	f.filled(t, one, "1")
	f.fill(t, one, "3")
	done(t, f.Save(one, SaveOptions{Name: "mine"}))
	f.fill(t, one, "4")
	f.do(t, machines.ActionStart, one)
	f.do(t, machines.ActionPowerOff, one)
	done(t, f.Restore(one, f.idOf(t, one, "mine"), RestoreOptions{}))
	f.filled(t, one, "3")
	f.filled(t, two, "1")
	f.intact(t, one)

	// A whole copy of a linked one needs no base, and a linked one gets a base of its own.
	j, whole := f.Copy(one, f.idOf(t, one, "mine"), "whole", false)
	done(t, j)
	f.filled(t, whole, "3")
	look, err := f.look(within(t), whole)
	if err != nil {
		t.Fatal(err)
	}
	f.noOverlays(t, look)
	j, again := f.Copy(one, f.idOf(t, one, "mine"), "again", true)
	done(t, j)
	f.filled(t, again, "3")
	if len(bases()) != 2 {
		t.Errorf("the bases are %q", bases())
	}

	// At the next start of the program what nobody lies upon goes. What lies in the trash still does.
	restarted := func(want int) {
		t.Helper()
		part := filepath.Join(filepath.Dir(shared[0]), "interrupted-0.qcow2.part")
		if err := os.WriteFile(part, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		attach(t, f.host, f.host.URI)
		if err := hosttest.Poll(patience, func() error {
			if left := bases(); len(left) != want {
				return fmt.Errorf("the bases are %q, not %d", left, want)
			}
			return nil
		}); err != nil {
			t.Error(err)
		}
	}
	restarted(2)
	done(t, f.machines.Delete(again, false))
	restarted(2)
	if err := os.RemoveAll(filepath.Join(f.p.DataDir, "trash")); err != nil {
		t.Fatal(err)
	}
	restarted(1)
	if after, err := os.ReadFile(shared[0]); err != nil || !bytes.Equal(before, after) {
		t.Errorf("the base has changed: %v", err)
	}
	done(t, f.machines.Delete(one, true)) // its disk stays, so what it lies upon stays
	done(t, f.machines.Delete(two, false))
	if err := os.RemoveAll(filepath.Join(f.p.DataDir, "trash")); err != nil {
		t.Fatal(err)
	}
	restarted(1)
}
