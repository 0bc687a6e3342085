package domxml

import (
	"errors"
	"strings"
	"testing"

	"guesthouse/vmconfig"
)

// The descriptions of issue trackers and manuals: whatever they hold, they read as something.
func TestParseAnything(t *testing.T) {
	for name, c := range map[string]struct {
		xml   string
		check func(vmconfig.Machine) bool
	}{
		"least":           {"<domain/>", func(m vmconfig.Machine) bool { return m.Name == "" && m.CPUs == 0 }},
		"test driver":     {"<domain type='test'><name>t</name></domain>", func(m vmconfig.Machine) bool { return m.Name == "t" && m.Accel == vmconfig.AccelTCG }},
		"no numbers":      {"<domain><vcpu>many</vcpu><memory unit='parsec'>2</memory><uuid>?</uuid></domain>", func(m vmconfig.Machine) bool { return m.CPUs == 0 && m.MemoryBytes == 0 }},
		"CPU -1":          {"<domain><vcpu>-1</vcpu></domain>", func(m vmconfig.Machine) bool { return m.CPUs == 0 }},
		"huge numbers":    {"<domain><vcpu>99999999999999999999</vcpu><memory unit='TiB'>99999999999999</memory></domain>", func(m vmconfig.Machine) bool { return m.CPUs == 0 && m.MemoryBytes == 0 }},
		"memory units":    {"<domain><memory unit='MB'>3</memory></domain>", func(m vmconfig.Machine) bool { return m.MemoryBytes == 3e6 }},
		"memory, no unit": {"<domain><memory> 1024 </memory></domain>", func(m vmconfig.Machine) bool { return m.MemoryBytes == vmconfig.MiB }},
		"title of 1 MB":   {"<domain><title>" + strings.Repeat("x", 1<<20) + "</title></domain>", func(m vmconfig.Machine) bool { return len(m.Title) == 1<<20 }},
		"hostile text":    {"<domain><name>&#x202e;a&#9;</name></domain>", func(m vmconfig.Machine) bool { return m.Name == "\u202ea\t" }},
		"network disk": {
			"<domain><devices><disk type='network'><source protocol='nbd' name='e'><host name='h'/></source><target dev='vda' bus='virtio'/></disk></devices></domain>",
			func(m vmconfig.Machine) bool { return m.Disks[0].Source == "nbd://h/e" && m.Disks[0].Path == "" },
		},
		"volume": {
			"<domain><devices><disk type='volume' device='cdrom'><source pool='p' volume='v'/><target dev='sda'/></disk></devices></domain>",
			func(m vmconfig.Machine) bool {
				return m.Disks[0].Source == "volume p/v" && m.Disks[0].Device == vmconfig.DeviceCDROM
			},
		},
		"SPICE and no listen": {
			"<domain><devices><graphics type='spice' autoport='yes' listen='127.0.0.1'/><graphics type='vnc' socket='/s'/></devices></domain>",
			func(m vmconfig.Machine) bool {
				return m.Displays[0] == vmconfig.Display{Kind: "spice", Listen: "address"} && m.Displays[1].Listen == "socket"
			},
		},
		"UEFI by itself": {
			"<domain><os firmware='efi'><firmware><feature enabled='yes' name='secure-boot'/></firmware></os></domain>",
			func(m vmconfig.Machine) bool { return m.Firmware == vmconfig.FirmwareUEFI && m.SecureBoot },
		},
		"UEFI as ROM": {
			"<domain><os><loader type='rom'>/usr/share/ovmf/OVMF.fd</loader></os></domain>",
			func(m vmconfig.Machine) bool { return m.Firmware == vmconfig.FirmwareUEFI && m.NVRAM == "" },
		},
		"NVRAM as source": {
			"<domain><os><nvram type='file'><source file='/n'/></nvram></os></domain>",
			func(m vmconfig.Machine) bool { return m.NVRAM == "/n" },
		},
		"declared Latin-1": {
			"<?xml version='1.0' encoding='ISO-8859-1'?><domain><name>ü</name></domain>", func(m vmconfig.Machine) bool { return m.Name == "ü" },
		},
		"same names elsewhere": {
			"<domain><metadata><name>no</name><x:machine xmlns:x='urn:x'><x:group>no</x:group></x:machine></metadata><name>yes</name></domain>",
			func(m vmconfig.Machine) bool { return m.Name == "yes" && m.Group == "" },
		},
		"200 levels of backing files": {
			"<domain><devices><disk type='file'><source file='/top'/>" + strings.Repeat("<backingStore type='file'><format type='qcow2'/><source file='/x'/>", 200) +
				strings.Repeat("</backingStore>", 200) + "<target dev='vda'/></disk></devices></domain>",
			func(m vmconfig.Machine) bool { return m.Disks[0].Path == "/top" },
		},
	} {
		m, err := Parse(c.xml)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		} else if !c.check(m) {
			t.Errorf("%s: %+v", name, m)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	for name, xml := range map[string]string{
		"empty": "", "text": "hello", "other root": "<network/>", "cut off": "<domain><name>a</name>", "two roots": "<domain/><domain/>",
		"bad entity": "<domain>&x;</domain>", "control": "<domain>\x01</domain>", "no UTF-8": "<domain>\xff</domain>",
		"bottomless": strings.Repeat("<domain>", 100000),
	} {
		if _, err := Parse(xml); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzParseAndEdit(f *testing.F) {
	f.Add(foreign, "name", "notes", "group", 3)
	f.Add("<domain/>", "a", "", "", 1)
	f.Add("<domain><name>a</name><metadata/><vcpu current='1'/><memory/></domain>", "b", "c", "d", 2)
	f.Add("<d:domain xmlns:d='x'><d:name>a</d:name></d:domain>", "b", "c", "d", 2)
	f.Add("<domain><title/><name>a</name></domain\n>", "b", "\r\n", "d/e", 2)
	f.Fuzz(func(t *testing.T, xml, name, notes, group string, cpus int) {
		from, err := Parse(xml)
		if err != nil {
			return
		}
		to := from
		to.Name, to.Notes, to.Group, to.CPUs = name, notes, group, cpus
		result, err := Edit(xml, from, to)
		if err != nil {
			return
		}
		got, err := Parse(result)
		if err != nil {
			t.Fatalf("the result cannot be read: %v\n%q", err, result)
		}
		if got.Name != to.Name || got.Notes != to.Notes || got.Group != to.Group || got.CPUs != to.CPUs {
			t.Errorf("wanted %q %q %q %d, got %q %q %q %d from\n%q", to.Name, to.Notes, to.Group, to.CPUs, got.Name, got.Notes, got.Group, got.CPUs, result)
		}
	})
}

func BenchmarkParse(b *testing.B) {
	xml, err := Build(machine(), BuildOptions{})
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := Parse(xml); err != nil {
			b.Fatal(err)
		}
	}
}
