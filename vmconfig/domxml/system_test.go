package domxml_test

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"

	"guesthouse/hypervisor/diskimage"
	"guesthouse/hypervisor/hosttest"
	"guesthouse/vmconfig"
	"guesthouse/vmconfig/domxml"
)

// What Build writes must not only fit the schema: libvirt must take it, QEMU start with it, and a saved memory
// image load again.
func TestBuiltMachinesStart(t *testing.T) {
	host := hosttest.Start(t)
	tool, err := diskimage.New()
	if err != nil {
		t.Fatal(err)
	}
	uefi := &domxml.FirmwareFiles{Code: "/usr/share/OVMF/OVMF_CODE_4M.fd", Vars: "/usr/share/OVMF/OVMF_VARS_4M.fd"}
	secure := &domxml.FirmwareFiles{Code: "/usr/share/OVMF/OVMF_CODE_4M.ms.fd", Vars: "/usr/share/OVMF/OVMF_VARS_4M.ms.fd", SecureBoot: true}
	for _, c := range []struct {
		name    string
		change  func(*vmconfig.Machine)
		options domxml.BuildOptions
	}{
		{"bios", func(*vmconfig.Machine) {}, domxml.BuildOptions{Emulator: "/usr/bin/qemu-system-x86_64"}},
		{"uefi", func(m *vmconfig.Machine) { m.Firmware = vmconfig.FirmwareUEFI }, domxml.BuildOptions{Firmware: uefi}},
		{"secure boot", func(m *vmconfig.Machine) {
			m.Firmware, m.SecureBoot, m.Video, m.Disks[0].Bus, m.NICs[0].Model = vmconfig.FirmwareUEFI, true, "vga", "sata", "e1000e"
		}, domxml.BuildOptions{Firmware: secure, LocalTime: true, HyperV: true}},
		{"lab", func(m *vmconfig.Machine) {
			m.Lab = vmconfig.Lab{ID: "sha256:0123", Name: "networks/firewalls", Version: 3}
			m.NICs[0].Isolated, m.Forwards = true, []vmconfig.Forward{{Host: freePort(t), Guest: 80}, {Host: freePort(t), Guest: 22}}
		}, domxml.BuildOptions{}},
		{"private", func(m *vmconfig.Machine) {
			m.NICs = append(m.NICs, vmconfig.NIC{Kind: vmconfig.NICPrivate, Source: "239.77.12.5:23456"}, vmconfig.NIC{Kind: vmconfig.NICPrivate, Source: "239.77.12.5:23457", Model: "e1000e"})
		}, domxml.BuildOptions{}},
		{"old chipset", func(m *vmconfig.Machine) {
			m.Chipset, m.NICs = "pc", []vmconfig.NIC{{Kind: vmconfig.NICPrivate, Source: "239.77.12.5:23456"}}
		}, domxml.BuildOptions{}},
		{"odd path", func(m *vmconfig.Machine) { m.Name = "a & b's ü" }, domxml.BuildOptions{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			id := uuid.New()
			m := vmconfig.Machine{
				UUID: id, Name: c.name, Notes: "two\nlines & <more>", Group: "a/b", OSID: "http://debian.org/debian/11",
				Accel: vmconfig.AccelTCG, CPUs: 1, MemoryBytes: 128 * vmconfig.MiB, Tablet: true, Serials: 1,
				Disks: []vmconfig.Disk{
					{Device: vmconfig.DeviceDisk, Path: filepath.Join(host.DataDir, "d, "+vmconfig.Slug(c.name, id)+".qcow2"), Format: "qcow2"},
					{Device: vmconfig.DeviceCDROM, Path: filepath.Join(host.DataDir, "c 'x' "+vmconfig.Slug(c.name, id)+".iso"), Format: "raw"},
				},
				NICs: []vmconfig.NIC{{Kind: "user"}},
			}
			c.change(&m)
			if m.Firmware == vmconfig.FirmwareUEFI {
				m.NVRAM = filepath.Join(host.DataDir, vmconfig.Slug(c.name, id)+"_VARS.fd")
			}
			if err := tool.Create(context.Background(), m.Disks[0].Path, "qcow2", vmconfig.GiB); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(m.Disks[1].Path, make([]byte, 64<<10), 0o600); err != nil {
				t.Fatal(err)
			}
			xml, err := domxml.Build(m, c.options)
			if err != nil {
				t.Fatal(err)
			}
			file := filepath.Join(t.TempDir(), "d.xml")
			if err := os.WriteFile(file, []byte(xml), 0o600); err != nil {
				t.Fatal(err)
			}
			host.Virsh(t, "define", "--validate", file)
			host.Virsh(t, "start", id.String())
			defer host.Virsh(t, "destroy", id.String())

			// What libvirt made of it reads as what was meant, and an edit of libvirt's text is taken back.
			text := host.Virsh(t, "dumpxml", "--inactive", "--security-info", id.String())
			got, err := domxml.Parse(text)
			if err != nil {
				t.Fatal(err)
			}
			if got.Name != m.Name || got.Notes != m.Notes || got.Group != m.Group || got.OSID != m.OSID || got.MemoryBytes != m.MemoryBytes ||
				got.NVRAM != m.NVRAM || got.SecureBoot != m.SecureBoot || got.Disks[0].Path != m.Disks[0].Path || got.Disks[1].Path != m.Disks[1].Path ||
				len(got.Displays) != 2 || got.Displays[0].Listen != "none" || !got.Displays[1].P2P {
				t.Errorf("libvirt has %+v", got)
			}
			sameNIC := func(a, b vmconfig.NIC) bool {
				return a.Kind == b.Kind && a.Source == b.Source && a.Isolated == b.Isolated
			}
			if got.Lab != m.Lab || !slices.EqualFunc(got.NICs, m.NICs, sameNIC) || !slices.Equal(got.Forwards, m.Forwards) {
				t.Errorf("libvirt has the lab %+v, the adapters %+v, the ports %+v", got.Lab, got.NICs, got.Forwards)
			}
			for _, f := range m.Forwards {
				conn, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", f.Host))
				if err != nil {
					t.Errorf("port %d does not lead to the guest's %d: %v", f.Host, f.Guest, err)
					continue
				}
				conn.Close()
			}
			to := got
			to.Group, to.OSID, to.Notes, to.CPUs, to.MemoryBytes = "x", "", "new & \"old\"\n", 2, 256*vmconfig.MiB
			edited, err := domxml.Edit(text, got, to)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(file, []byte(edited), 0o600); err != nil {
				t.Fatal(err)
			}
			host.Virsh(t, "define", "--validate", file)
			after, err := domxml.Parse(host.Virsh(t, "dumpxml", "--inactive", "--security-info", id.String()))
			if err != nil || after.Group != "x" || after.OSID != "" || after.Notes != to.Notes || after.CPUs != 2 || after.MemoryBytes != to.MemoryBytes || after.Lab != m.Lab || !slices.Equal(after.NICs, got.NICs) {
				t.Errorf("after the edit: %v %+v", err, after)
			}
			if c.name == "bios" || c.name == "private" {
				host.Virsh(t, "managedsave", id.String())
				host.Virsh(t, "start", id.String())
			}
		})
	}
}

// Every machine of libvirt's test driver can be read and edited.
func TestReadsTheTestDriver(t *testing.T) {
	virsh := func(args ...string) string {
		t.Helper()
		cmd := exec.Command("virsh", append([]string{"-q", "-c", "test:///default"}, args...)...)
		cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8")
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("virsh %v: %v", args, err)
		}
		return string(out)
	}
	names := strings.Fields(virsh("list", "--all", "--name"))
	if len(names) == 0 {
		t.Fatal("the test driver has no machine")
	}
	for _, name := range names {
		text := virsh("dumpxml", "--inactive", name)
		m, err := domxml.Parse(text)
		if err != nil || m.Name != name || m.UUID == uuid.Nil || m.CPUs == 0 || m.MemoryBytes == 0 {
			t.Errorf("%s: %v %+v", name, err, m)
		}
		to := m
		to.Name, to.CPUs = "other", 3
		edited, err := domxml.Edit(text, m, to)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if again, err := domxml.Parse(edited); err != nil || again.Name != "other" || again.CPUs != 3 {
			t.Errorf("%s: %v %+v", name, err, again)
		}
	}
}

// freePort returns a TCP port that nobody listens on.
func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}
