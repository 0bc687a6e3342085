package domxml

import (
	"errors"
	"flag"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/uuid"
	"libvirt.org/go/libvirtxml"

	"guesthouse/vmconfig"
)

var update = flag.Bool("update", false, "write the golden files anew")

// machine returns a machine as the wizard makes it.
func machine() vmconfig.Machine {
	return vmconfig.Machine{
		UUID: uuid.MustParse("6f1c1d0a-52b5-4b53-9a3b-0d6f3c2a1b00"), Name: "Debian & Söhne's 'test'", Notes: "first line\nsecond <line> ]]>",
		Group: "Course/Week 1", OSID: "http://debian.org/debian/11", Accel: vmconfig.AccelTCG, Firmware: vmconfig.FirmwareBIOS,
		CPUs: 2, MemoryBytes: 2 * vmconfig.GiB, Tablet: true, Serials: 1, Video: "virtio", Clipboard: true,
		Disks: []vmconfig.Disk{
			{Device: vmconfig.DeviceDisk, Path: "/home/u/machines/debian-6f1c1d0a.qcow2", Format: "qcow2", Bus: "virtio"},
			{Device: vmconfig.DeviceCDROM, Path: "/home/u/Downloads/a, b & 'c'.iso", Format: "raw", Bus: "sata"},
		},
		NICs: []vmconfig.NIC{{Kind: "user", Model: "virtio", MAC: "52:54:00:12:34:56"}},
	}
}

var plainUEFI = &FirmwareFiles{Code: "/usr/share/OVMF/OVMF_CODE_4M.fd", Vars: "/usr/share/OVMF/OVMF_VARS_4M.fd"}

// goldens are the machines whose description is kept in testdata.
func goldens() map[string]struct {
	machine vmconfig.Machine
	options BuildOptions
} {
	bios, uefi, windows, unknown, diskless, xp := machine(), machine(), machine(), machine(), machine(), machine()
	uefi.Firmware, uefi.NVRAM = vmconfig.FirmwareUEFI, "/home/u/machines/debian-6f1c1d0a_VARS.fd"
	windows.Name, windows.OSID, windows.Accel = "Windows 11", "http://microsoft.com/win/11", vmconfig.AccelKVM
	windows.Firmware, windows.SecureBoot, windows.TPM, windows.Video = vmconfig.FirmwareUEFI, true, true, "vga"
	windows.NVRAM = "/home/u/machines/windows-11-6f1c1d0a_VARS.fd"
	windows.Disks[0].Bus, windows.NICs[0].Model, windows.Sound = "sata", "e1000e", "ich9"
	unknown.OSID, unknown.Group, unknown.Notes, unknown.NICs[0] = "", "", "", vmconfig.NIC{}
	unknown.Disks = []vmconfig.Disk{{Device: vmconfig.DeviceDisk, Path: "/d/a.img", Format: "raw"}, {Device: vmconfig.DeviceCDROM}}
	unknown.Video, unknown.Tablet = "", false
	diskless.Disks = diskless.Disks[1:]
	xp.OSID, xp.Video, xp.NICs[0] = "http://microsoft.com/win/xp", "vga", vmconfig.NIC{Kind: "network", Source: "default", Model: "e1000"}
	xp.Disks = []vmconfig.Disk{
		{Device: vmconfig.DeviceDisk, Path: "/d/1.qcow2", Format: "qcow2", Bus: "sata"},
		{Device: vmconfig.DeviceDisk, Path: "/d/2.qcow2", Format: "qcow2", Bus: "sata"},
		{Device: vmconfig.DeviceCDROM, Path: "/d/3.iso", Format: "raw"},
		{Device: vmconfig.DeviceFloppy},
	}
	secure := &FirmwareFiles{Code: "/usr/share/OVMF/OVMF_CODE_4M.ms.fd", Vars: "/usr/share/OVMF/OVMF_VARS_4M.ms.fd", SecureBoot: true}
	joined := machine()
	joined.NICs[0].Isolated, joined.Forwards = true, []vmconfig.Forward{{Host: 40022, Guest: 22}}
	joined.NICs = append(joined.NICs, privateNICs()...)
	type golden = struct {
		machine vmconfig.Machine
		options BuildOptions
	}
	return map[string]golden{
		"debian-bios": {bios, BuildOptions{Emulator: "/usr/bin/qemu-system-x86_64"}},
		"debian-uefi": {uefi, BuildOptions{Firmware: plainUEFI}},
		"windows-11":  {windows, BuildOptions{Firmware: secure, LocalTime: true, HyperV: true}},
		"windows-xp":  {xp, BuildOptions{LocalTime: true}},
		"unknown":     {unknown, BuildOptions{}},
		"no-disk":     {diskless, BuildOptions{}},
		"private":     {joined, BuildOptions{}},
	}
}

func TestBuildGoldens(t *testing.T) {
	for name, g := range goldens() {
		t.Run(name, func(t *testing.T) {
			xml, err := Build(g.machine, g.options)
			if err != nil {
				t.Fatal(err)
			}
			path := filepath.Join("testdata", name+".xml")
			if *update {
				if err := os.WriteFile(path, []byte(xml), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if xml != string(want) {
				t.Errorf("differs from %s (go test -update writes it anew):\n%s", path, xml)
			}
			validate(t, xml)
			checkReadBack(t, xml, g.machine)
		})
	}
}

// checkReadBack reads the description with our parser and, as a witness, with libvirt's own bindings.
func checkReadBack(t *testing.T, xml string, want vmconfig.Machine) {
	t.Helper()
	got, err := Parse(xml)
	if err != nil {
		t.Fatal(err)
	}
	if got.UUID != want.UUID || got.Name != want.Name || got.Notes != want.Notes || got.Group != want.Group || got.OSID != want.OSID ||
		got.CPUs != want.CPUs || got.MemoryBytes != want.MemoryBytes || got.Firmware != want.Firmware || got.SecureBoot != want.SecureBoot ||
		got.Accel != want.Accel || got.Tablet != want.Tablet || got.Clipboard != want.Clipboard || !got.AgentChannel || got.TPM != want.TPM || got.NVRAM != want.NVRAM || got.Sound != want.Sound {
		t.Errorf("read back:\n got %+v\nwant %+v", got, want)
	}
	if len(got.Disks) != len(want.Disks) || len(got.NICs) != len(want.NICs) {
		t.Fatalf("read back %d disks, %d adapters", len(got.Disks), len(got.NICs))
	}
	for i, d := range want.Disks {
		if got.Disks[i].Path != d.Path || got.Disks[i].Device != d.Device || got.Disks[i].Target == "" {
			t.Errorf("disk %d: %+v, want %+v", i, got.Disks[i], d)
		}
	}
	var witness libvirtxml.Domain
	if err := witness.Unmarshal(xml); err != nil {
		t.Fatal(err)
	}
	if witness.Name != want.Name || witness.Description != want.Notes || witness.VCPU.Value != uint(want.CPUs) ||
		int64(witness.Memory.Value)*vmconfig.KiB != want.MemoryBytes || len(witness.Devices.Disks) != len(want.Disks) {
		t.Errorf("libvirtxml reads %q %q %v %v", witness.Name, witness.Description, witness.VCPU, witness.Memory)
	}
	for _, d := range witness.Devices.Disks {
		if d.Driver == nil || d.Driver.Type == "" {
			t.Errorf("disk %s does not state its format", d.Target.Dev)
		}
		if d.Device == "disk" && d.Driver.ErrorPolicy != "stop" {
			t.Errorf("disk %s has error policy %q", d.Target.Dev, d.Driver.ErrorPolicy)
		}
	}
}

// validate holds xml against libvirt's own schema.
func validate(t *testing.T, xml string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "domain.xml")
	if err := os.WriteFile(path, []byte(xml), 0o644); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("virt-xml-validate", path, "domain").CombinedOutput(); err != nil {
		t.Errorf("virt-xml-validate: %v\n%s", err, out)
	}
}

func TestBuildRefuses(t *testing.T) {
	for name, spoil := range map[string]func(*vmconfig.Machine, *BuildOptions){
		"no CPU":            func(m *vmconfig.Machine, _ *BuildOptions) { m.CPUs = 0 },
		"CPU -1":            func(m *vmconfig.Machine, _ *BuildOptions) { m.CPUs = -1 },
		"too many CPUs":     func(m *vmconfig.Machine, _ *BuildOptions) { m.CPUs = math.MaxInt },
		"memory -1":         func(m *vmconfig.Machine, _ *BuildOptions) { m.MemoryBytes = -1 },
		"memory huge":       func(m *vmconfig.Machine, _ *BuildOptions) { m.MemoryBytes = math.MaxInt64 },
		"name":              func(m *vmconfig.Machine, _ *BuildOptions) { m.Name = "a\nb" },
		"notes":             func(m *vmconfig.Machine, _ *BuildOptions) { m.Notes = "\x00" },
		"notes no XML":      func(m *vmconfig.Machine, _ *BuildOptions) { m.Notes = "\ufffe" },
		"relative disk":     func(m *vmconfig.Machine, _ *BuildOptions) { m.Disks[0].Path = "a.qcow2" },
		"protocol disk":     func(m *vmconfig.Machine, _ *BuildOptions) { m.Disks[0].Path = "nbd:localhost:1" },
		"format probed":     func(m *vmconfig.Machine, _ *BuildOptions) { m.Disks[0].Format = "" },
		"format unknown":    func(m *vmconfig.Machine, _ *BuildOptions) { m.Disks[0].Format = "vmdk" },
		"twice the same":    func(m *vmconfig.Machine, _ *BuildOptions) { m.Disks[1].Path = m.Disks[0].Path },
		"MAC":               func(m *vmconfig.Machine, _ *BuildOptions) { m.NICs[0].MAC = "01:00:5e:00:00:01" },
		"video with option": func(m *vmconfig.Machine, _ *BuildOptions) { m.Video = "vga,x=y" },
		"no UUID":           func(m *vmconfig.Machine, _ *BuildOptions) { m.UUID = uuid.Nil },
		"UEFI, no files":    func(m *vmconfig.Machine, _ *BuildOptions) { m.Firmware = vmconfig.FirmwareUEFI },
		"insecure files": func(m *vmconfig.Machine, o *BuildOptions) {
			m.Firmware, m.SecureBoot, o.Firmware = vmconfig.FirmwareUEFI, true, plainUEFI
		},
	} {
		m, o := machine(), BuildOptions{}
		spoil(&m, &o)
		if xml, err := Build(m, o); err == nil {
			t.Errorf("%s: accepted:\n%s", name, xml)
		}
	}
	m := machine()
	m.CPUs, m.MemoryBytes, m.Name = -1, -1, ""
	_, err := Build(m, BuildOptions{})
	var faults vmconfig.Faults
	if !errors.As(err, &faults) || faults.For(vmconfig.FieldCPUs) == "" || faults.For(vmconfig.FieldMemory) == "" || faults.For(vmconfig.FieldName) == "" {
		t.Errorf("not all faults at once: %v", err)
	}
}

func TestTargetNames(t *testing.T) {
	for i, want := range map[int]string{0: "a", 25: "z", 26: "aa", 51: "az", 52: "ba", 701: "zz", 702: "aaa"} {
		if got := letters(i); got != want {
			t.Errorf("letters(%d) = %s, want %s", i, got, want)
		}
	}
	m := machine()
	m.Disks = append(m.Disks, vmconfig.Disk{Device: vmconfig.DeviceDisk, Path: "/x", Format: "raw", Target: "vda"})
	xml, err := Build(m, BuildOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(xml, `dev="vdb"`) || strings.Count(xml, `dev="vda"`) != 1 {
		t.Error("a target is given twice")
	}
}
