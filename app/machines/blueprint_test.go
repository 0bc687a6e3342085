package machines

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/uuid"

	"guesthouse/app/jobs"
	"guesthouse/hypervisor/diskimage"
	"guesthouse/vmconfig"
)

// TestMake: a machine over bases starts, writes to its overlays alone, and its deletion leaves the bases.
func TestMake(t *testing.T) {
	f := open(t, false)
	var bases []string
	for i, name := range []string{"first, base", "second"} {
		path := filepath.Join(f.host.DataDir, name+".raw")
		if err := os.WriteFile(path, bytes.Repeat([]byte{byte(i + 1)}, 1<<20), 0o444); err != nil {
			t.Fatal(err)
		}
		bases = append(bases, path)
	}
	variables := filepath.Join(f.host.DataDir, "variables")
	template, err := os.ReadFile("/usr/share/OVMF/OVMF_VARS_4M.fd")
	if err == nil {
		err = os.WriteFile(variables, template, 0o400)
	}
	if err != nil {
		t.Fatal(err)
	}
	quiet := func(jobs.Progress) {}
	for _, firmware := range []vmconfig.Firmware{vmconfig.FirmwareBIOS, vmconfig.FirmwareUEFI} {
		id := uuid.New()
		b := Blueprint{Bases: bases, Machine: vmconfig.Machine{
			UUID: id, Name: "lab " + string(firmware), Arch: "x86_64", Chipset: "q35", Firmware: firmware, CPUs: 1, MemoryBytes: 64 * vmconfig.MiB,
			Disks: []vmconfig.Disk{{Bus: "virtio"}, {Bus: "sata"}}, NICs: []vmconfig.NIC{{Kind: "user", Isolated: true}}, Serials: 1,
			Lab: vmconfig.Lab{ID: "sha256:00", Name: "course/lab", Version: 2},
		}}
		if firmware == vmconfig.FirmwareUEFI {
			b.Variables = variables
		}
		if err := f.Make(within(t), quiet, b); err != nil {
			t.Fatal(err)
		}
		m := f.Snapshot().Get(id)
		if m == nil || m.Config.Lab.Name != "course/lab" || !m.Config.NICs[0].Isolated {
			t.Fatalf("%s: %+v", firmware, m)
		}
		for i, d := range m.Config.Disks {
			if below, err := diskimage.Backing(d.Path); err != nil || below != bases[i] {
				t.Errorf("%s: disk %d lies over %q, %v", firmware, i, below, err)
			}
		}
		if firmware == vmconfig.FirmwareUEFI {
			if got, err := os.ReadFile(m.Config.NVRAM); err != nil || !bytes.Equal(got, template) {
				t.Errorf("the firmware's variables are %d bytes, %v", len(got), err)
			}
		}
		if xml := f.host.Virsh(t, "dumpxml", id.String()); strings.Count(xml, "<backingStore") != 4 {
			t.Errorf("%s: the chains are not all named:\n%s", firmware, xml)
		}
		done(t, f.Do(ActionStart, id))
		done(t, f.Do(ActionPowerOff, id))
		plan, err := f.DeletePlan(within(t), id)
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range plan.Files {
			if strings.HasSuffix(file.Path, ".raw") {
				t.Errorf("%s: deleting it would delete %s", firmware, file.Path)
			}
		}
		done(t, f.Delete(id, false))
		if _, err := os.Stat(m.Config.Disks[0].Path); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s: its disk is left: %v", firmware, err)
		}
	}
	for i, base := range bases {
		if got, err := os.ReadFile(base); err != nil || !bytes.Equal(got, bytes.Repeat([]byte{byte(i + 1)}, 1<<20)) {
			t.Errorf("base %d was changed: %v", i, err)
		}
	}
	wrong := Blueprint{Bases: []string{"/nonexistent/base.raw"}, Machine: vmconfig.Machine{
		UUID: uuid.New(), Name: "wrong", Arch: "x86_64", Chipset: "q35", Firmware: vmconfig.FirmwareBIOS, CPUs: 1, MemoryBytes: 64 * vmconfig.MiB, Disks: []vmconfig.Disk{{Bus: "virtio"}},
	}}
	if err := f.Make(within(t), quiet, wrong); err == nil {
		t.Error("a machine over a base that is not there")
	}
	if left, _ := filepath.Glob(filepath.Join(f.data, "images", "*")); len(left) != 0 {
		t.Errorf("left: %q", left)
	}
}
