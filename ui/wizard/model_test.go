package wizard

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"testing"

	"guesthouse/app/machines"
	"guesthouse/hypervisor/diskimage"
	"guesthouse/vmconfig"
	"guesthouse/vmconfig/guestos"
)

var (
	debian  = &guestos.OS{ID: "http://debian.org/debian/12", ShortID: "debian12", Name: "Debian 12"}
	ubuntu  = &guestos.OS{ID: "http://ubuntu.com/ubuntu/22.04", ShortID: "ubuntu22.04", Name: "Ubuntu 22.04 LTS"}
	windows = &guestos.OS{ID: "http://microsoft.com/win/11", ShortID: "win11", Name: "Microsoft Windows 11"}
)

// defaultsOf are the defaults that the tests' machine service gives.
func defaultsOf(osID string) machines.Draft {
	d := machines.Draft{
		OSID: osID, MemoryBytes: 2 * vmconfig.GiB, CPUs: 2, DiskBytes: 20 * vmconfig.GiB,
		Firmware: vmconfig.FirmwareBIOS, DiskMode: machines.DiskCreate,
	}
	if osID == windows.ID {
		d.MemoryBytes, d.CPUs, d.DiskBytes, d.Firmware = 4*vmconfig.GiB, 4, 64*vmconfig.GiB, vmconfig.FirmwareUEFI
	}
	return d
}

// systems is a catalogue of three systems; detect stands for the reading of discs.
type systems struct {
	detect func(ctx context.Context, path string) (guestos.Media, error)
}

func (systems) Find(id string) (*guestos.OS, bool) {
	for _, os := range []*guestos.OS{debian, ubuntu, windows} {
		if os.ID == id || os.ShortID == id {
			return os, true
		}
	}
	return nil, false
}

func (systems) Search(query string, _ bool) []*guestos.OS {
	var found []*guestos.OS
	for _, os := range []*guestos.OS{debian, ubuntu, windows} {
		if strings.Contains(strings.ToLower(os.Name), strings.ToLower(query)) {
			found = append(found, os)
		}
	}
	return found
}

func (systems) GuessFromName(name string) (*guestos.OS, bool) {
	for word, os := range map[string]*guestos.OS{"debian": debian, "ubuntu": ubuntu, "win": windows} {
		if strings.HasPrefix(strings.ToLower(name), word) {
			return os, true
		}
	}
	return nil, false
}

func (s systems) DetectISO(ctx context.Context, path string) (guestos.Media, error) {
	return s.detect(ctx, path)
}

var roomy = vmconfig.Limits{MaxCPUs: 64, HostCPUs: 4, HostMemory: 16 * vmconfig.GiB, OtherMemory: 3 * vmconfig.GiB, FreeDisk: 50 * vmconfig.GiB}

// newTestModel is a model with everything loaded.
func newTestModel(taken ...string) *Model {
	m := NewModel(defaultsOf, taken)
	m.SetCatalogue(systems{})
	m.SetHost(Host{Limits: roomy, Known: true})
	return m
}

// filled is a model without faults.
func filled() *Model {
	m := newTestModel()
	m.PickOS(debian)
	return m
}

func TestDefaultsFollowTheSystem(t *testing.T) {
	m := newTestModel()
	m.PickOS(windows)
	d := m.Draft()
	if d.MemoryBytes != 4*vmconfig.GiB || d.CPUs != 4 || d.DiskBytes != 64*vmconfig.GiB || d.Firmware != vmconfig.FirmwareUEFI {
		t.Fatalf("not the defaults of Windows: %+v", d)
	}
	if d.Name != "Microsoft Windows 11" || m.Text(vmconfig.FieldMemory) != "4 GiB" || m.Text(vmconfig.FieldCPUs) != "4" {
		t.Fatalf("name %q, texts %q and %q", d.Name, m.Text(vmconfig.FieldMemory), m.Text(vmconfig.FieldCPUs))
	}
	m.PickOS(debian)
	if d := m.Draft(); d.MemoryBytes != 2*vmconfig.GiB || d.Name != "Debian 12" || d.Firmware != vmconfig.FirmwareBIOS {
		t.Fatalf("the defaults did not follow: %+v", d)
	}
}

func TestDefaultsLeaveTheUsersValuesAlone(t *testing.T) {
	for _, c := range []struct {
		field vmconfig.Field
		set   func(*Model)
		want  func(machines.Draft) bool
	}{
		{vmconfig.FieldName, func(m *Model) { m.SetName("web") }, func(d machines.Draft) bool { return d.Name == "web" && d.CPUs == 4 }},
		{vmconfig.FieldMemory, func(m *Model) { m.SetMemoryText("3 GiB") }, func(d machines.Draft) bool { return d.MemoryBytes == 3*vmconfig.GiB && d.CPUs == 4 }},
		{vmconfig.FieldCPUs, func(m *Model) { m.SetCPUText("1") }, func(d machines.Draft) bool { return d.CPUs == 1 && d.MemoryBytes == 4*vmconfig.GiB }},
		{vmconfig.FieldFirmware, func(m *Model) { m.SetFirmware(vmconfig.FirmwareBIOS) }, func(d machines.Draft) bool { return d.Firmware == vmconfig.FirmwareBIOS && d.CPUs == 4 }},
		{vmconfig.FieldDiskSize, func(m *Model) { m.SetDiskText("10 GiB") }, func(d machines.Draft) bool { return d.DiskBytes == 10*vmconfig.GiB && d.CPUs == 4 }},
		{fieldDiskMode, func(m *Model) { m.SetDiskMode(machines.DiskNone) }, func(d machines.Draft) bool { return d.DiskMode == machines.DiskNone && d.CPUs == 4 }},
	} {
		m := newTestModel()
		c.set(m)
		m.PickOS(windows)
		if d := m.Draft(); !c.want(d) {
			t.Errorf("%s: %+v", c.field, d)
		}
	}
}

func TestDefaultNameIsFree(t *testing.T) {
	for _, c := range []struct {
		system, want string
		taken        []string
	}{
		{"Debian 12", "Debian 12", nil},
		{"Debian 12", "Debian 12 2", []string{"debian 12"}},
		{"Debian 12", "Debian 12 3", []string{"Debian 12", "Debian 12 2"}},
		{"SUSE Linux Enterprise Server 15 SP4: a/b", "SUSE Linux Enterprise Server 15 SP4- a-b", nil},
		{"...", "Machine", nil},
		{"", "Machine", nil},
		{strings.Repeat("ä", 100), strings.Repeat("ä", 28), nil},
	} {
		got := FreeName(c.system, c.taken)
		if got != c.want {
			t.Errorf("%q with %q: %q, want %q", c.system, c.taken, got, c.want)
		}
		if err := vmconfig.CheckName(got, c.taken); err != nil {
			t.Errorf("%q is no good name: %v", got, err)
		}
	}
}

func TestNameGuessesTheSystemUntilItIsChosen(t *testing.T) {
	m := newTestModel()
	m.SetName("Ubuntu web")
	if os, _ := m.OS(); os != ubuntu {
		t.Fatalf("guessed %v", os)
	}
	m.SetName("win test")
	if os, _ := m.OS(); os != windows || m.Draft().Name != "win test" {
		t.Fatalf("guessed %v, name %q", os, m.Draft().Name)
	}
	m.SetName("test")
	if _, chosen := m.OS(); chosen {
		t.Fatal("the guess outlived the name")
	}
	m.PickOS(debian)
	m.SetName("ubuntu")
	if os, _ := m.OS(); os != debian {
		t.Fatalf("the name overruled the user: %v", os)
	}
}

func TestCatalogueThatComesLateGuessesFromTheName(t *testing.T) {
	m := NewModel(func(id string) machines.Draft { return defaultsOf(id) }, nil)
	m.SetName("ubuntu")
	if _, chosen := m.OS(); chosen {
		t.Fatal("a system without a catalogue")
	}
	m.SetCatalogue(systems{})
	if os, _ := m.OS(); os != ubuntu || m.Draft().CPUs != 2 {
		t.Fatalf("system %v, %+v", os, m.Draft())
	}
}

func TestDisc(t *testing.T) {
	for _, c := range []struct {
		name  string
		media guestos.Media
		err   error
		fault string // part of the fault, empty for none
		note  string
		os    *guestos.OS
	}{
		{"known", guestos.Media{OS: debian, Bootable: true}, nil, "", "Debian 12 was recognised on this disc.", debian},
		{"nearest", guestos.Media{OS: debian, Guessed: true, Bootable: true}, nil, "", "comes closest", debian},
		{"not bootable", guestos.Media{OS: debian}, nil, "", "no machine can start from it", debian},
		{"unknown", guestos.Media{}, fmt.Errorf("%w: label X", guestos.ErrUnknownMedia), "", "not recognised", nil},
		{"no ISO", guestos.Media{}, guestos.ErrNotISO, "not a disc image", "", nil},
		{"truncated", guestos.Media{OS: debian}, guestos.ErrTruncated, "ends early", "", nil},
		{"missing", guestos.Media{}, fs.ErrNotExist, "no file", "", nil},
		{"forbidden", guestos.Media{}, fs.ErrPermission, "not allowed", "", nil},
		{"other", guestos.Media{}, errors.New("I/O \x1b[31merror"), "I/O ␛[31merror", "", nil},
	} {
		m := newTestModel()
		seq, read := m.SetISO("/x/a.iso")
		if text, tone, _ := m.DiscNote(); !read || tone != ToneBusy || text == "" {
			t.Fatalf("%s: read %v, tone %v", c.name, read, tone)
		}
		if m.Pending() != "/x/a.iso" {
			t.Errorf("%s: nothing pending", c.name)
		}
		if !m.ISORead(seq, c.media, c.err) {
			t.Fatalf("%s: the result was dropped", c.name)
		}
		fault := m.Shown(vmconfig.FieldISO)
		note, _, _ := m.DiscNote()
		if (fault == "") != (c.fault == "") || !strings.Contains(fault, c.fault) || !strings.Contains(note, c.note) {
			t.Errorf("%s: fault %q, note %q", c.name, fault, note)
		}
		if os, _ := m.OS(); os != c.os {
			t.Errorf("%s: system %v", c.name, os)
		}
		if m.Pending() != "" {
			t.Errorf("%s: still pending", c.name)
		}
	}
}

func TestLaterDiscWins(t *testing.T) {
	m := newTestModel()
	first, _ := m.SetISO("/x/ubuntu.iso")
	second, _ := m.SetISO("/x/debian.iso")
	if !m.ISORead(second, guestos.Media{OS: debian, Bootable: true}, nil) {
		t.Fatal("the later disc was dropped")
	}
	if m.ISORead(first, guestos.Media{OS: ubuntu, Bootable: true}, nil) {
		t.Fatal("the earlier disc was taken")
	}
	if os, _ := m.OS(); os != debian {
		t.Fatalf("system %v", os)
	}
}

func TestDiscAndUsersChoice(t *testing.T) {
	m := newTestModel()
	m.PickOS(ubuntu)
	seq, _ := m.SetISO("/x/debian.iso")
	m.ISORead(seq, guestos.Media{OS: debian, Bootable: true}, nil)
	if os, _ := m.OS(); os != ubuntu {
		t.Fatalf("the disc overruled the user: %v", os)
	}
	if _, _, mismatch := m.DiscNote(); !mismatch {
		t.Fatal("the difference is not told")
	}
	m.UseDiscOS()
	if os, _ := m.OS(); os != debian {
		t.Fatalf("system %v", os)
	}
	m.SetISO("")
	if _, chosen := m.OS(); chosen {
		t.Fatal("the system of a disc that is gone stays")
	}
}

func TestDiscPath(t *testing.T) {
	t.Setenv("HOME", "/home/anna")
	m := newTestModel()
	if _, read := m.SetISO("debian.iso"); read || !strings.Contains(m.Shown(vmconfig.FieldISO), "whole path") {
		t.Fatalf("a relative path: read %v, %q", read, m.Shown(vmconfig.FieldISO))
	}
	if _, read := m.SetISO("~/debian.iso"); !read || m.Draft().ISO != "/home/anna/debian.iso" || m.Text(vmconfig.FieldISO) != "~/debian.iso" {
		t.Fatalf("home: %q, the field says %q", m.Draft().ISO, m.Text(vmconfig.FieldISO))
	}
	seq, _ := m.SetISO("/x")
	if again, read := m.SetISO("/x"); read || again != seq {
		t.Fatal("the same path is read twice")
	}
}

// TestNames types the names of reliability rows 77 to 81.
func TestNames(t *testing.T) {
	for _, bad := range []string{
		"a/b", "a\nb", "a\tb", "a\x00b", "..", ".", "   ", "-rf", ".hidden", strings.Repeat("x", 65), "a\u202eb", "vm1\u200b", "e\u0301",
		"]]>", "a&b<c>\"'", "%s%n", "web", "WEB", "ｗｅｂ", "83f2c1d4-1111-2222-3333-444455556666", " web2", "a:b", "\xff", "\ufffe",
	} {
		m := newTestModel("web")
		m.SetName(bad)
		if m.Shown(vmconfig.FieldName) == "" {
			t.Errorf("%q is accepted", bad)
		}
	}
	for _, good := range []string{"1", "83f2", "$(id)", "{{.}}", ";reboot", "`x`", "a&b'", "Ärger 2", "Büro (alt)", "日本"} {
		m := newTestModel("web")
		m.SetName(good)
		if fault := m.Shown(vmconfig.FieldName); fault != "" {
			t.Errorf("%q: %s", good, fault)
		}
	}
	m := newTestModel("vm1")
	m.SetName("ѵm1")
	if note, tone := m.NameNote(); tone != ToneWarning || !strings.Contains(note, "vm1") {
		t.Errorf("a look-alike gives %q", note)
	}
}

// TestSizes types the sizes of reliability rows 86 and 87.
func TestSizes(t *testing.T) {
	for _, bad := range []string{"", "0", "0 GiB", "-5", "-5 GiB", "1e3", "10,5 GiB", "10", "99999999999999999999 GiB", "٢ GiB", "NaN GiB", "1 KiB", "17 GiB"} {
		m := newTestModel()
		m.SetMemoryText(bad)
		if m.Shown(vmconfig.FieldMemory) == "" {
			t.Errorf("memory %q is accepted", bad)
		}
	}
	for text, want := range map[string]int64{"2 GiB": 2 * vmconfig.GiB, "1.5GiB": 1536 * vmconfig.MiB, "2 GB": 1907 * vmconfig.MiB, "2048 mib": 2 * vmconfig.GiB} {
		m := newTestModel()
		m.SetMemoryText(text)
		if got := m.Draft().MemoryBytes; got != want || m.Shown(vmconfig.FieldMemory) != "" {
			t.Errorf("memory %q: %d, want %d (%s)", text, got, want, m.Shown(vmconfig.FieldMemory))
		}
	}
	for _, bad := range []string{"0", "-1", "five", "2.0", "1 000", "65", "99999999999999999999", "٢"} {
		m := newTestModel()
		m.SetCPUText(bad)
		if m.Shown(vmconfig.FieldCPUs) == "" {
			t.Errorf("%q processors are accepted", bad)
		}
	}
	m := newTestModel()
	m.SetDiskText("10 GB")
	if note, _ := m.DiskSizeNote(); !strings.Contains(note, "9.3 GiB") {
		t.Errorf("10 GB is not echoed: %q", note)
	}
	m.SetDiskText("500 GiB")
	if note, tone := m.DiskSizeNote(); tone != ToneWarning || m.Shown(vmconfig.FieldDiskSize) != "" || !strings.Contains(note, "50 GiB are free") {
		t.Errorf("more than the free space: %q, fault %q", note, m.Shown(vmconfig.FieldDiskSize))
	}
}

func TestMemoryCountsOtherMachines(t *testing.T) {
	m := newTestModel()
	for _, c := range []struct {
		text string
		tone Tone
		say  string
	}{{"2 GiB", ToneQuiet, "11 GiB stay free"}, {"10 GiB", ToneWarning, "leaves little"}, {"13 GiB", ToneWarning, "too little"}} {
		m.SetMemoryText(c.text)
		note, tone := m.MemoryNote()
		if tone != c.tone || !strings.Contains(note, c.say) || !strings.Contains(note, "take 3 GiB") {
			t.Errorf("%s: %q", c.text, note)
		}
	}
}

func TestAllFaultsOfAPageAtOnce(t *testing.T) {
	m := newTestModel()
	if m.Shown(vmconfig.FieldName) != "" || m.Shown(vmconfig.FieldOS) != "" {
		t.Fatal("an untouched page shows faults")
	}
	first, ok := m.Next()
	if ok || first != vmconfig.FieldName || m.Page() != PageSystem {
		t.Fatalf("went on to %v, first %q", m.Page(), first)
	}
	if m.Shown(vmconfig.FieldName) == "" || m.Shown(vmconfig.FieldOS) == "" || m.Mark(PageSystem) != MarkFaulty {
		t.Fatal("not all faults are shown")
	}
	m.PickOS(nil) // another system gives no name
	if first, _ := m.Next(); first != vmconfig.FieldName {
		t.Fatalf("first %q", first)
	}
	m.SetName("web")
	if _, ok := m.Next(); !ok || m.Page() != PageHardware || m.Mark(PageSystem) != MarkDone {
		t.Fatalf("held at %v", m.Page())
	}
	m.SetMemoryText("lots")
	m.SetCPUText("0")
	if first, ok := m.Next(); ok || first != vmconfig.FieldMemory || len(m.Faults(PageHardware)) != 2 {
		t.Fatalf("first %q, faults %v", first, m.Faults(PageHardware))
	}
}

func TestValuesSurviveBack(t *testing.T) {
	m := filled()
	m.GoTo(PageDisk)
	m.SetDiskText("12 nonsense")
	m.Back()
	if m.Page() != PageHardware {
		t.Fatal("a fault holds the user")
	}
	m.SetMemoryText("3 GiB")
	m.Back()
	m.PickOS(windows)
	if first, ok := m.GoTo(PageSummary); ok || first != vmconfig.FieldDiskSize || m.Page() != PageDisk {
		t.Fatalf("at %v, first %q", m.Page(), first)
	}
	if m.Text(vmconfig.FieldDiskSize) != "12 nonsense" || m.Text(vmconfig.FieldMemory) != "3 GiB" || m.Draft().CPUs != 4 {
		t.Fatalf("disk %q, memory %q", m.Text(vmconfig.FieldDiskSize), m.Text(vmconfig.FieldMemory))
	}
}

func TestGoToStopsAtTheFirstFaultyPage(t *testing.T) {
	m := filled()
	m.GoTo(PageHardware)
	m.SetCPUText("x")
	if first, ok := m.GoTo(PageSummary); ok || first != vmconfig.FieldCPUs || m.Page() != PageHardware {
		t.Fatalf("at %v", m.Page())
	}
	m.Visit(PageSummary)
	if m.Page() != PageHardware {
		t.Fatal("visited a page that was never reached")
	}
}

func TestNoDiskAsksOnce(t *testing.T) {
	m := filled()
	m.GoTo(PageDisk)
	m.SetDiskMode(machines.DiskNone)
	if m.Shown(fieldDiskMode) != "" {
		t.Fatal("asked before Next")
	}
	if first, ok := m.Next(); ok || first != fieldDiskMode || m.Shown(fieldDiskMode) == "" {
		t.Fatalf("not asked: %q", first)
	}
	m.ConfirmNoDisk()
	if _, ok := m.Next(); !ok || m.Page() != PageSummary {
		t.Fatal("asked again")
	}
	if d := m.Draft(); d.DiskBytes != 0 || d.DiskPath != "" {
		t.Fatalf("a disk nevertheless: %+v", d)
	}
}

func TestExistingDisk(t *testing.T) {
	m := filled()
	m.SetDiskMode(machines.DiskExisting)
	m.GoTo(PageDisk)
	if first, ok := m.Next(); ok || first != vmconfig.FieldDiskPath {
		t.Fatal("went on without a file")
	}
	seq, read := m.SetDiskPath("/d/a.qcow2")
	if !read || m.Pending() == "" {
		t.Fatal("the file is not inspected")
	}
	later, _ := m.SetDiskPath("/d/b.qcow2")
	if m.DiskInspected(seq, diskimage.Info{Format: "raw"}, "", nil) {
		t.Fatal("an earlier file was taken")
	}
	m.DiskInspected(later, diskimage.Info{Format: "qcow2", VirtualBytes: 8 * vmconfig.GiB, DiskBytes: vmconfig.MiB}, "", nil)
	note, tone := m.DiskFileNote()
	if d := m.Draft(); tone != ToneGood || !strings.Contains(note, "8 GiB") || d.DiskFormat != "qcow2" || d.DiskPath != "/d/b.qcow2" || d.DiskBytes != 0 {
		t.Fatalf("%q, %+v", note, d)
	}
	last, _ := m.SetDiskPath("/d/c.qcow2")
	m.DiskInspected(last, diskimage.Info{}, "It is the disk of “web”.", nil)
	if m.Shown(vmconfig.FieldDiskPath) != "It is the disk of “web”." || m.Draft().DiskFormat != "" {
		t.Fatalf("not refused: %q", m.Shown(vmconfig.FieldDiskPath))
	}
	if _, read := m.SetDiskPath("c.qcow2"); read || m.Shown(vmconfig.FieldDiskPath) == "" {
		t.Fatal("a relative path is accepted")
	}
}

func TestUEFIWithoutFirmware(t *testing.T) {
	m := filled()
	m.SetHost(Host{Limits: roomy, Known: true, NoUEFI: "It is not installed."})
	m.PickOS(windows)
	if m.Draft().Firmware != vmconfig.FirmwareBIOS {
		t.Fatal("a default that the host cannot give")
	}
	m.SetFirmware(vmconfig.FirmwareUEFI)
	if m.Shown(vmconfig.FieldFirmware) != "It is not installed." {
		t.Fatal("no fault")
	}
}

func TestRefusalStaysUntilTheFieldIsChanged(t *testing.T) {
	m := filled()
	m.GoTo(PageSummary)
	first, rest := m.Refuse(vmconfig.Faults{
		{Field: vmconfig.FieldDiskSize, Message: "too big"}, {Field: vmconfig.FieldName, Message: "gone"}, {Field: vmconfig.FieldNIC, Message: "no net"},
	})
	if first != vmconfig.FieldName || m.Page() != PageSystem || len(rest) != 1 || rest[0] != "no net" {
		t.Fatalf("first %q at %v, rest %q", first, m.Page(), rest)
	}
	m.SetName("web")
	if first, ok := m.Locate(); ok || first != vmconfig.FieldDiskSize {
		t.Fatalf("first %q", first)
	}
	m.SetDiskText("10 GiB")
	if first, ok := m.Locate(); !ok {
		t.Fatalf("still refused at %q", first)
	}
}

func TestSummary(t *testing.T) {
	m := filled()
	values := func() map[string]Row {
		rows := map[string]Row{}
		for _, r := range m.Summary() {
			rows[r.Label] = r
		}
		return rows
	}
	rows := values()
	for label, want := range map[string]string{
		"Name": "Debian 12", "System": "Debian 12", "Memory": "2 GiB", "Processors": "2 processors", "Firmware": "BIOS", "Disk": "New, 20 GiB, grows as it is used",
	} {
		if rows[label].Value != want {
			t.Errorf("%s: %q, want %q", label, rows[label].Value, want)
		}
	}
	if !rows["Disc"].Warning || m.Draft().Start {
		t.Error("a machine with nothing to start from starts")
	}
	m.SetISO("/x/a.iso")
	if rows := values(); rows["Disc"].Warning || rows["Disc"].Value != "/x/a.iso" || !m.Draft().Start {
		t.Errorf("disc %+v", rows["Disc"])
	}
	m.SetStart(false)
	if m.Draft().Start {
		t.Error("the user's choice is lost")
	}
	for _, r := range m.Summary() {
		if pageOf(r.Field) != r.Page {
			t.Errorf("%s leads to page %v, its field is on %v", r.Label, r.Page, pageOf(r.Field))
		}
	}
}

func TestTextIsCapped(t *testing.T) {
	m := newTestModel()
	long := strings.Repeat("ä", 5<<20)
	m.SetName(long)
	m.SetISO("/" + long)
	m.SetDiskPath("/" + long)
	m.SetMemoryText(long)
	for _, f := range []vmconfig.Field{vmconfig.FieldName, vmconfig.FieldISO, vmconfig.FieldDiskPath, vmconfig.FieldMemory} {
		if text := m.Text(f); len(text) > maxText || !strings.HasSuffix(text, "ä") {
			t.Errorf("%s holds %d bytes", f, len(text))
		}
	}
}

func TestNoCatalogueIsTold(t *testing.T) {
	m := NewModel(defaultsOf, nil)
	if note, _ := m.OSNote(); note != "" {
		t.Fatalf("told before it is known: %q", note)
	}
	m.SetCatalogue(nil)
	if note, tone := m.OSNote(); tone != ToneWarning || !strings.Contains(note, "osinfo-db") {
		t.Fatalf("%q", note)
	}
	m.PickOS(nil)
	m.SetName("web")
	if _, ok := m.GoTo(PageSummary); !ok {
		t.Fatal("no machine without a catalogue")
	}
	if d := m.Draft(); d.OSID != "" || d.MemoryBytes != 2*vmconfig.GiB {
		t.Fatalf("%+v", d)
	}
}
