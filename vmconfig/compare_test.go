package vmconfig

import (
	"reflect"
	"testing"
)

func TestCompare(t *testing.T) {
	from := Machine{
		Name: "a", Notes: "n", MemoryBytes: 2 * GiB, CPUs: 2, Firmware: FirmwareUEFI, Accel: AccelKVM, NICs: []NIC{{Kind: "user", Model: "virtio"}},
		Disks: []Disk{{Device: DeviceDisk, Target: "vda", Path: "/images/a.qcow2"}, {Device: DeviceCDROM, Target: "sda", Path: "/iso/setup.iso"}},
	}
	if same := Compare(from, from); same != nil {
		t.Errorf("a machine differs from itself in %v", same)
	}
	moved := from
	moved.Disks = []Disk{from.Disks[0], from.Disks[1]}
	moved.Disks[0].Path = "/other/a.qcow2"
	if got := Compare(from, moved); len(got) != 1 || got[0].From == got[0].To {
		t.Errorf("a disk in another folder makes %q", got)
	}
	to := from
	to.Name, to.Notes, to.Group = "b", "m", "g"
	to.MemoryBytes, to.SecureBoot, to.TPM, to.NICs = 4*GiB, true, true, nil
	to.Disks = []Disk{from.Disks[0], {Device: DeviceCDROM, Target: "sda"}, {Device: DeviceDisk, Target: "vdb", Path: "/images/b.qcow2"}}
	want := []Difference{
		{"Memory", "2 GiB", "4 GiB"},
		{"Firmware", "UEFI", "UEFI, Secure Boot"},
		{"Security chip", "", "TPM"},
		{"Network adapter", "user virtio", ""},
		{"Drive", "cdrom sda setup.iso", "cdrom sda"},
		{"Drive", "", "disk vdb b.qcow2"},
	}
	if got := Compare(from, to); !reflect.DeepEqual(got, want) {
		t.Errorf("differences %q, want %q", got, want)
	}
}
