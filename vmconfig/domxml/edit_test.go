package domxml

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/uuid"

	"guesthouse/vmconfig"
)

// foreign is a description as other managers leave it, with what we do not know, odd quotes and blanks.
const foreign = `<?xml version='1.0'?>
<!-- made by hand -->
<domain   type="kvm" id='7' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>
  <name>old &amp; name</name>
  <uuid>83f2a1c0-0000-4000-8000-000000000001</uuid>
  <metadata>
    <other:thing xmlns:other="urn:x" name='a>b'>  <other:name>not ours</other:name>
    </other:thing>
    <os:libosinfo xmlns:os="http://libosinfo.org/xmlns/libvirt/domain/1.0"><os:os id="http://debian.org/debian/10"/></os:libosinfo>
  </metadata>
  <memory unit='GiB' dumpCore='off'>2</memory>
  <currentMemory unit="KiB">1048576</currentMemory>
  <vcpu placement='static' cpuset="0-3" current='2'>4</vcpu>
  <unknown><name>inner</name><![CDATA[ <vcpu>9</vcpu> ]]></unknown>
  <os><type arch='x86_64' machine='pc-q35-7.2'>hvm</type></os>
  <cpu mode='host-model'><topology sockets='1' dies='1' cores='2' threads='2'/></cpu>
  <devices>
    <disk type='file' device='disk'>
      <driver name='qemu' type='qcow2'/>
      <source file='/a/b.qcow2' index='3'><seclabel model='dac' relabel='no'/></source>
      <backingStore type='file'><format type='raw'/><source file='/a/base'/><backingStore/></backingStore>
      <target dev='vda' bus='virtio'/>
    </disk>
    <disk type='file' device='cdrom'><target dev='sda' bus='sata'/><readonly/></disk>
    <disk type='block' device='cdrom'>
      <source dev='/dev/sr0' startupPolicy='optional'/>
      <target dev='sdb' bus='sata'/>
    </disk>
    <odd:device xmlns:odd="urn:odd"><target dev='vda'/></odd:device>
  </devices>
  <qemu:commandline>
    <qemu:arg value='-foo'/>
  </qemu:commandline>
</domain>
`

// edit changes foreign and returns the result with the machine that was wanted.
func edit(t *testing.T, xml string, change func(*vmconfig.Machine)) (string, vmconfig.Machine) {
	t.Helper()
	from, err := Parse(xml)
	if err != nil {
		t.Fatal(err)
	}
	to := from
	to.Disks = append([]vmconfig.Disk(nil), from.Disks...)
	change(&to)
	result, err := Edit(xml, from, to)
	if err != nil {
		t.Fatal(err)
	}
	return result, to
}

func TestEditChangesNothingElse(t *testing.T) {
	for _, c := range []struct {
		name     string
		change   func(*vmconfig.Machine)
		old, new string // the only difference
	}{
		{"nothing", func(*vmconfig.Machine) {}, "", ""},
		{"name", func(m *vmconfig.Machine) { m.Name = "x & 'y'" }, "old &amp; name", "x &amp; &apos;y&apos;"},
		{
			"title", func(m *vmconfig.Machine) { m.Title = "T" },
			"000001</uuid>", "000001</uuid>\n  <title>T</title>",
		},
		{
			"notes", func(m *vmconfig.Machine) { m.Notes = "a\r\n<b>" },
			"000001</uuid>", "000001</uuid>\n  <description>a&#xD;\n&lt;b&gt;</description>",
		},
		{
			"group", func(m *vmconfig.Machine) { m.Group = "A/B" },
			"<metadata>", "<metadata>\n    <guesthouse:machine xmlns:guesthouse='" + vmconfig.MetadataNamespace +
				"'>\n      <guesthouse:group>A/B</guesthouse:group>\n    </guesthouse:machine>",
		},
		{"os", func(m *vmconfig.Machine) { m.OSID = "http://x/y" }, `id="http://debian.org/debian/10"`, `id='http://x/y'`},
		{
			"os removed", func(m *vmconfig.Machine) { m.OSID = "" },
			"\n    <os:libosinfo xmlns:os=\"http://libosinfo.org/xmlns/libvirt/domain/1.0\"><os:os id=\"http://debian.org/debian/10\"/></os:libosinfo>", "",
		},
		{
			"memory", func(m *vmconfig.Machine) { m.MemoryBytes = 3 * vmconfig.GiB },
			"<memory unit='GiB' dumpCore='off'>2</memory>\n  <currentMemory unit=\"KiB\">1048576<",
			"<memory unit='KiB' dumpCore='off'>3145728</memory>\n  <currentMemory unit=\"KiB\">3145728<",
		},
		{"CPUs up to the maximum", func(m *vmconfig.Machine) { m.CPUs = 3 }, "current='2'>4", "current='3'>4"},
		{
			"insert", func(m *vmconfig.Machine) { m.Disks[1].Path, m.Disks[1].Format = "/i & j.iso", "raw" },
			"<disk type='file' device='cdrom'><target dev='sda'",
			"<disk type='file' device='cdrom'><driver name='qemu' type='raw'/><source file='/i &amp; j.iso'/><target dev='sda'",
		},
		{
			"another file", func(m *vmconfig.Machine) { m.Disks[0].Path = "/c" },
			"'/a/b.qcow2' index='3'><seclabel model='dac' relabel='no'/></source>\n      <backingStore type='file'><format type='raw'/><source file='/a/base'/><backingStore/></backingStore>",
			"'/c'><seclabel model='dac' relabel='no'/></source>",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			result, to := edit(t, foreign, c.change)
			if want := strings.Replace(foreign, c.old, c.new, 1); result != want {
				t.Errorf("got\n%s\nwant\n%s", result, want)
			}
			got, err := Parse(result)
			if err != nil {
				t.Fatal(err)
			}
			if fmt.Sprintf("%+v", got) != fmt.Sprintf("%+v", to) {
				t.Errorf("reads as\n%+v\nwant\n%+v", got, to)
			}
		})
	}
}

func TestEditCPUsAboveTheMaximum(t *testing.T) {
	result, _ := edit(t, foreign, func(m *vmconfig.Machine) { m.CPUs = 6 })
	for _, want := range []string{"current='6'>6<", "<topology sockets='1' dies='1' cores='3' threads='2'/>"} {
		if !strings.Contains(result, want) {
			t.Errorf("no %s in\n%s", want, result)
		}
	}
	odd, _ := edit(t, strings.Replace(foreign, " current='2'", "", 1), func(m *vmconfig.Machine) { m.CPUs = 3 })
	if !strings.Contains(odd, "cores='3' threads='1'") || !strings.Contains(odd, ">3</vcpu>") {
		t.Error(odd)
	}
}

// Taking out what was put in gives the text that was there.
func TestEditAndBack(t *testing.T) {
	changed, to := edit(t, foreign, func(m *vmconfig.Machine) { m.Title, m.Notes, m.Group = "t", "n", "g" })
	back, _ := edit(t, changed, func(m *vmconfig.Machine) { m.Title, m.Notes, m.Group = "", "", "" })
	if back != foreign {
		t.Errorf("got\n%s", back)
	}
	// A second value beside ours in our own element stays.
	more := strings.Replace(changed, "</guesthouse:group>", "</guesthouse:group><guesthouse:lab>x</guesthouse:lab>", 1)
	less, err := Edit(more, to, func() vmconfig.Machine { m := to; m.Group = ""; return m }())
	if err != nil || !strings.Contains(less, "<guesthouse:lab>x</guesthouse:lab>") || strings.Contains(less, ":group") {
		t.Errorf("%v\n%s", err, less)
	}
	again, _ := edit(t, less, func(m *vmconfig.Machine) { m.Group = "h" })
	if m, err := Parse(again); err != nil || m.Group != "h" || strings.Count(again, "xmlns:guesthouse") != 1 {
		t.Errorf("%v\n%s", err, again)
	}
}

func TestEditWithoutMetadataAndOnOneLine(t *testing.T) {
	for _, xml := range []string{
		"<domain><name>a</name><memory>1048576</memory><vcpu>1</vcpu></domain>",
		"<domain>\n <name>a</name>\n <memory>1048576</memory>\n <vcpu>1</vcpu>\n <metadata/>\n <title/>\n</domain>",
		"<domain>\n\t<metadata></metadata>\n\t<name >a</name >\n\t<memory>1048576</memory>\n\t<vcpu>1</vcpu>\n</domain>",
	} {
		result, to := edit(t, xml, func(m *vmconfig.Machine) {
			m.Name, m.Title, m.Notes, m.Group, m.OSID, m.CPUs, m.MemoryBytes = "b", "t", "n", "g", "http://o/s", 2, 2*vmconfig.GiB
		})
		if got, err := Parse(result); err != nil || fmt.Sprintf("%+v", got) != fmt.Sprintf("%+v", to) {
			t.Errorf("%v\n%s\nreads as %+v\nwant %+v", err, result, got, to)
		}
	}
}

func TestEditRefuses(t *testing.T) {
	from, err := Parse(foreign)
	if err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*vmconfig.Machine){
		"firmware": func(m *vmconfig.Machine) { m.Firmware = vmconfig.FirmwareUEFI },
		"UUID":     func(m *vmconfig.Machine) { m.UUID = uuid.New() },
		"disks":    func(m *vmconfig.Machine) { m.Disks = nil },
		"bus": func(m *vmconfig.Machine) {
			m.Disks = append([]vmconfig.Disk(nil), m.Disks...)
			m.Disks[0].Bus = "sata"
		},
		"adapters": func(m *vmconfig.Machine) { m.NICs = []vmconfig.NIC{{Kind: "user"}} },
	} {
		to := from
		change(&to)
		if _, err := Edit(foreign, from, to); !errors.Is(err, ErrNotEditable) {
			t.Errorf("%s: %v", name, err)
		}
	}
	to := from
	to.CPUs, to.MemoryBytes = -1, 0
	var faults vmconfig.Faults
	if _, err := Edit(foreign, from, to); !errors.As(err, &faults) || len(faults) != 2 {
		t.Errorf("%v", err)
	}
	numa := strings.Replace(foreign, "<topology", "<numa><cell id='0' cpus='0-3' memory='1' unit='GiB'/></numa><topology", 1)
	to = from
	to.MemoryBytes = vmconfig.GiB / 2
	if _, err := Edit(numa, from, to); !errors.Is(err, ErrNotEditable) {
		t.Errorf("memory of NUMA cells: %v", err)
	}
	// A name that another program gave does not stand in the way of other changes.
	odd := strings.Replace(foreign, "old &amp; name", "a/b: *", 1)
	if from, err = Parse(odd); err != nil {
		t.Fatal(err)
	}
	to = from
	to.Notes = "n"
	if _, err := Edit(odd, from, to); err != nil {
		t.Error(err)
	}
}

func TestSetSources(t *testing.T) {
	chain := []Layer{{"/o/1.qcow2", "qcow2"}, {"/o/base & co.img", "raw"}}
	result, err := SetSources(foreign, map[string]Source{
		"vda": {Path: "/o/2.qcow2", Format: "qcow2", Chain: chain},
		"sdb": {Path: "/o/x.iso", Format: "raw", Chain: []Layer{}},
		"sda": {},
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"<source file='/o/2.qcow2'><seclabel", "<format type='raw'/>\n          <source file='/o/base &amp; co.img'/>\n          <backingStore/>\n        </backingStore>",
		"<disk type='file' device='cdrom'>\n      <driver name='qemu' type='raw'/>", "<source file='/o/x.iso'/>",
	} {
		if !strings.Contains(result, want) {
			t.Errorf("no %s in\n%s", want, result)
		}
	}
	if strings.Contains(result, "/a/base") || strings.Contains(result, "sr0") {
		t.Error("the old chain is still there:\n" + result)
	}
	if _, err := SetSources(foreign, map[string]Source{"vdx": {Path: "/a"}}); !errors.Is(err, ErrNotEditable) {
		t.Error(err)
	}
	// Fits the schema in a machine of ours.
	xml, err := Build(machine(), BuildOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if xml, err = SetSources(xml, map[string]Source{"vda": {Path: "/o/2.qcow2", Format: "qcow2", Chain: chain}, "sda": {}}); err != nil {
		t.Fatal(err)
	}
	validate(t, xml)
	if m, err := Parse(xml); err != nil || m.Disks[0].Path != "/o/2.qcow2" || m.Disks[1].Path != "" {
		t.Errorf("%v %+v", err, m)
	}
}

// randomXML writes well-formed markup that no schema knows, in all the ways XML can be written.
func randomXML(r *rand.Rand, depth int) string {
	name := []string{"name", "vcpu", "x:y", "os", "Ünit", "memory", "a-b.c"}[r.IntN(7)]
	var b strings.Builder
	b.WriteString("<" + name)
	for i := range r.IntN(3) {
		quote := []string{"'", `"`}[r.IntN(2)]
		fmt.Fprintf(&b, "%sa%d%s=%s%s%s%s", []string{" ", "\n\t"}[r.IntN(2)], i, []string{"", " "}[r.IntN(2)], []string{"", " "}[r.IntN(2)], quote,
			[]string{"", "a>b", "&amp;&#10;", "/>", "ü", "="}[r.IntN(6)], quote)
	}
	if r.IntN(4) == 0 {
		return b.String() + []string{"/>", " />"}[r.IntN(2)]
	}
	b.WriteString(">")
	for range r.IntN(4) {
		switch r.IntN(6) {
		case 0:
			b.WriteString("<!-- <name>no</name> - -->")
		case 1:
			b.WriteString("<![CDATA[</domain> ]] >]]>")
		case 2:
			b.WriteString(" te&#x78;t &lt;\n\t")
		case 3:
			b.WriteString("<?pi <x?>")
		default:
			if depth > 0 {
				b.WriteString(randomXML(r, depth-1))
			}
		}
	}
	return b.String() + "</" + name + []string{">", "  >"}[r.IntN(2)]
}

// Whatever stands around them, only the values that are changed change.
func TestUnknownXMLSurvives(t *testing.T) {
	for seed := range uint64(2000) {
		r := rand.New(rand.NewPCG(seed, 1))
		parts := []string{
			"<domain xmlns:x='urn:x' type='kvm'>", "<name>%s</name>", "<memory unit='KiB'>%s</memory>", "<vcpu>%s</vcpu>",
			"<devices>", "<disk type='file'><source file='%s'/><target dev='vda'/></disk>", "</devices>", "</domain>",
		}
		fill := func(name, memory, cpus, path string) string {
			r := rand.New(rand.NewPCG(seed, 2))
			values := []string{"", name, memory, cpus, "", path, "", ""}
			var b strings.Builder
			for i, part := range parts {
				if strings.Contains(part, "%s") {
					part = fmt.Sprintf(part, values[i])
				}
				b.WriteString(part)
				if i < len(parts)-1 {
					// Unknown elements only where they cannot be taken for the first of a known name.
					if i >= 3 && i != 4 {
						b.WriteString(randomXML(r, 3))
					}
					b.WriteString([]string{"", "\n  ", "<!--c-->"}[r.IntN(3)])
				}
			}
			return b.String()
		}
		_ = r
		before := fill("old", "1048576", "2", "/old")
		from, err := Parse(before)
		if err != nil {
			t.Fatalf("%v in\n%s", err, before)
		}
		to := from
		to.Disks = []vmconfig.Disk{from.Disks[0]}
		to.Name, to.MemoryBytes, to.CPUs, to.Disks[0].Path = "new", 2*vmconfig.GiB, 5, "/new"
		// The drive of this text states no format; that is no fault of the change.
		from.Disks[0].Format, to.Disks[0].Format = "raw", "raw"
		want := strings.Replace(fill("new", "2097152", "5", "/new"), "<disk type='file'><source", "<disk type='file'><driver name='qemu' type='raw'/><source", 1)
		got, err := Edit(before, from, to)
		if err != nil || got != want {
			t.Fatalf("seed %d: %v\ngot  %s\nwant %s", seed, err, got, want)
		}
	}
}

// TestAddScreen gives machines without one what they need to be seen and pointed at; what is there stays as it is.
func TestAddScreen(t *testing.T) {
	for name, c := range map[string]struct {
		devices string
		change  func(*vmconfig.Machine)
		want    string
	}{
		"nothing there": {
			"<devices/>", func(m *vmconfig.Machine) {
				m.Displays, m.Video, m.Tablet = []vmconfig.Display{{Kind: "vnc", Listen: "none"}, {Kind: "dbus", P2P: true}}, "virtio", true
			},
			"<devices><input type='tablet' bus='usb'/><graphics type='vnc'><listen type='none'/></graphics><graphics type='dbus' p2p='yes'/>" +
				"<video><model type='virtio'/></video></devices>",
		},
		"beside SPICE, indented": {
			"<devices>\n    <graphics type='spice' passwd='x'/>\n    <video><model type='qxl'/></video>\n  </devices>",
			func(m *vmconfig.Machine) {
				m.Displays = append(m.Displays, vmconfig.Display{Kind: "vnc", Listen: "address"})
			},
			"<devices>\n    <graphics type='spice' passwd='x'/>\n    <video><model type='qxl'/></video>\n    <graphics type='vnc' autoport='yes'>\n" +
				"      <listen type='address' address='127.0.0.1'/>\n    </graphics>\n  </devices>",
		},
		"a card that says none": {
			"<devices><video><model type='none'/></video></devices>", func(m *vmconfig.Machine) { m.Video = "virtio" },
			"<devices><video><model type='virtio'/></video></devices>",
		},
	} {
		t.Run(name, func(t *testing.T) {
			frame := func(devices string) string {
				return "<domain type='kvm'><name>a</name><memory>262144</memory><vcpu>1</vcpu>" + devices + "</domain>"
			}
			from, err := Parse(frame(c.devices))
			if err != nil {
				t.Fatal(err)
			}
			to := from
			c.change(&to)
			got, err := Edit(frame(c.devices), from, to)
			if err != nil || got != frame(c.want) {
				t.Errorf("%v\n%s\nwant\n%s", err, got, frame(c.want))
			}
			if _, err := Edit(got, to, from); !errors.Is(err, ErrNotEditable) {
				t.Errorf("a display is taken away: %v", err)
			}
		})
	}
}

// TestSetLab changes what the lab is and nothing else.
func TestSetLab(t *testing.T) {
	m := vmconfig.Machine{
		UUID: uuid.New(), Name: "web", Arch: "x86_64", Chipset: "q35", Firmware: vmconfig.FirmwareBIOS, CPUs: 1, MemoryBytes: vmconfig.GiB, Group: "a",
		Lab: vmconfig.Lab{ID: "sha256:00", Name: "course/lab", Version: 1},
	}
	xml, err := Build(m, BuildOptions{})
	if err != nil {
		t.Fatal(err)
	}
	next := vmconfig.Lab{ID: "sha256:<11>", Name: "course/lab", Version: 2}
	edited, err := SetLab(xml, next)
	if err != nil {
		t.Fatal(err)
	}
	back, err := SetLab(edited, m.Lab)
	if err != nil || strings.ReplaceAll(back, "'", `"`) != strings.ReplaceAll(xml, "'", `"`) {
		t.Errorf("there and back it is another one: %v", err)
	}
	if got, err := Parse(edited); err != nil || got.Lab != next || got.Group != "a" {
		t.Errorf("%+v, %v", got.Lab, err)
	}
	m.Lab = vmconfig.Lab{}
	if xml, err = Build(m, BuildOptions{}); err != nil {
		t.Fatal(err)
	}
	if _, err := SetLab(xml, next); !errors.Is(err, ErrNotEditable) {
		t.Errorf("a machine of no lab: %v", err)
	}
}
