package guestos

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"guesthouse/vmconfig"
)

var system = sync.OnceValues(func() (*Catalogue, error) { return Load() })

// catalogue returns the catalogue of this computer.
func catalogue(t testing.TB) *Catalogue {
	t.Helper()
	c, err := system()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestSystemDatabase(t *testing.T) {
	c := catalogue(t)
	if n := len(c.All()); n < 500 {
		t.Errorf("only %d systems", n)
	}
	for _, p := range c.Problems {
		t.Error(p)
	}
	debian, ok := c.Find("debian11")
	if !ok {
		t.Fatal("no Debian 11")
	}
	if debian.ID != "http://debian.org/debian/11" || debian.Name != "Debian 11" || debian.Family != "linux" || debian.Distro != "debian" ||
		!debian.Released.Equal(time.Date(2021, 8, 14, 0, 0, 0, 0, time.UTC)) || !debian.UEFI || !debian.BIOS {
		t.Errorf("%+v", debian)
	}
	if byID, _ := c.Find(debian.ID); byID != debian {
		t.Error("not found by id")
	}
	if debian.Recommended.StorageBytes != 20*vmconfig.GiB || debian.Min.MemoryBytes != vmconfig.GiB {
		t.Errorf("resources %+v %+v", debian.Min, debian.Recommended)
	}
	windows, _ := c.Find("win11")
	if windows == nil || windows.BIOS || !windows.UEFI || windows.Min.MemoryBytes != 4*vmconfig.GiB || !windows.Windows() {
		t.Errorf("%+v", windows)
	}
}

// A pattern that does not compile would silently never match.
func TestPatternsCompile(t *testing.T) {
	for _, o := range catalogue(t).All() {
		for _, m := range o.media {
			for _, p := range []*pattern{&m.volume, &m.system, &m.publisher, &m.application} {
				if p.source != "" && p.compile() == nil && !strings.Contains(p.source, "(?!") { // look-ahead, in one pattern of 2022
					t.Errorf("%s: %q", o.ShortID, p.source)
				}
			}
		}
	}
}

func TestInheritanceAndExtensions(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		path := filepath.Join(dir, "os", name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("a.org/a-1.xml", `<libosinfo><os id="http://a.org/1"><short-id>a1</short-id><name>A 1</name><family>linux</family>
<firmware arch="x86_64" type="efi"/><devices><device id="http://pcisig.com/pci/1af4/1042"/><device id="http://pcisig.com/pci/1af4/1050"/></devices>
<resources arch="all"><recommended><ram>3221225472</ram></recommended></resources></os></libosinfo>`)
	write("a.org/a-2.xml", `<libosinfo><os id="http://a.org/2"><short-id>a2</short-id><name
 xml:lang="de">Falsch</name><name>A 2</name><derives-from id="http://a.org/1"/>
<firmware arch="x86_64" type="bios" supported="false"/><devices><device id="http://pcisig.com/pci/1af4/1050" supported="false"/></devices></os></libosinfo>`)
	write("a.org/a-2.d/more.xml", `<libosinfo><os id="http://a.org/2"><driver arch="x86_64"><device id="http://pcisig.com/pci/1af4/1041"/></driver><short-id>a-two</short-id></os></libosinfo>`)
	write("a.org/circle.xml", `<libosinfo><os id="http://a.org/c"><name>C</name><clones id="http://a.org/d"/></os><os id="http://a.org/d"><name>D</name><clones id="http://a.org/c"/></os></libosinfo>`)
	write("a.org/broken.xml", `<libosinfo><os id="http://a.org/x"><name>X`)
	c, err := Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Problems) != 1 {
		t.Errorf("problems: %v", c.Problems)
	}
	o, ok := c.Find("a-two")
	if !ok || o.Name != "A 2" || o.Family != "linux" || !o.UEFI || o.BIOS || o.Recommended.MemoryBytes != 3*vmconfig.GiB {
		t.Fatalf("%+v", o)
	}
	d := c.Defaults(o)
	if d.DiskBus != "virtio" || d.Video != "vga" || d.NICModel != "e1000e" || d.Firmware != vmconfig.FirmwareUEFI {
		t.Errorf("%+v", d)
	}
	// The user's own folder replaces a file of the same name.
	over := t.TempDir()
	if err := os.MkdirAll(filepath.Join(over, "os", "a.org"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(over, "os", "a.org", "a-1.xml"), []byte(`<libosinfo><os id="http://a.org/1"><name>Mine</name></os></libosinfo>`), 0o644); err != nil {
		t.Fatal(err)
	}
	c, err = Load(dir, over)
	if o, _ := c.Find("http://a.org/1"); err != nil || o.Name != "Mine" {
		t.Errorf("%v %+v", err, o)
	}
}

func TestNoDatabase(t *testing.T) {
	c, err := Load(t.TempDir())
	if !errors.Is(err, ErrNoDatabase) || c == nil {
		t.Fatal(c, err)
	}
	if d := c.Defaults(nil); d.MemoryBytes == 0 || len(c.Search("", true)) != 0 {
		t.Errorf("%+v", d)
	}
	var none *Catalogue
	if _, ok := none.Find("x"); ok || none.All() != nil || none.Search("x", true) != nil {
		t.Error("a nil catalogue is not empty")
	}
	if _, ok := none.GuessFromName("Debian"); ok {
		t.Error("guessed from nothing")
	}
}

func TestDefaults(t *testing.T) {
	c := catalogue(t)
	for short, want := range map[string]Defaults{
		"debian11": {
			MemoryBytes: vmconfig.GiB, CPUs: 2, DiskBytes: 20 * vmconfig.GiB, Firmware: vmconfig.FirmwareBIOS,
			DiskBus: "virtio", CDROMBus: "sata", NICModel: "virtio", Video: "virtio", Tablet: true,
		},
		"win11": {
			MemoryBytes: 4 * vmconfig.GiB, CPUs: 2, DiskBytes: 64 * vmconfig.GiB, Firmware: vmconfig.FirmwareUEFI, SecureBoot: true, TPM: true,
			DiskBus: "sata", CDROMBus: "sata", NICModel: "e1000e", Video: "vga", Tablet: true, LocalTime: true, HyperV: true,
		},
		"winxp": {
			MemoryBytes: 512 * vmconfig.MiB, CPUs: 1, DiskBytes: 10 * vmconfig.GiB, Firmware: vmconfig.FirmwareBIOS,
			DiskBus: "sata", CDROMBus: "sata", NICModel: "e1000", Video: "vga", Tablet: true, LocalTime: true,
		},
	} {
		o, ok := c.Find(short)
		if !ok {
			t.Errorf("no %s", short)
			continue
		}
		if got := c.Defaults(o); got != want {
			t.Errorf("%s:\n got %+v\nwant %+v", short, got, want)
		}
	}
	// Whatever the database says, a machine can be made of it.
	for _, o := range c.All() {
		d := c.Defaults(o)
		m := vmconfig.Machine{
			Name: "m", MemoryBytes: d.MemoryBytes, CPUs: d.CPUs, Firmware: d.Firmware, SecureBoot: d.SecureBoot, OSID: o.ID,
			Disks: []vmconfig.Disk{{Device: vmconfig.DeviceDisk, Path: "/a", Format: "qcow2", Bus: d.DiskBus, CapacityBytes: d.DiskBytes}},
			NICs:  []vmconfig.NIC{{Kind: "user", Model: d.NICModel}},
		}
		if err := m.Validate(vmconfig.Limits{}).Err(); err != nil {
			t.Errorf("%s: %v (%+v)", o.ShortID, err, d)
		}
		if d.MemoryBytes < o.Min.MemoryBytes || d.DiskBytes < o.Min.StorageBytes {
			t.Errorf("%s: less than the least: %+v, %+v", o.ShortID, d, o.Min)
		}
	}
}

func TestIcon(t *testing.T) {
	for id, want := range map[string]string{
		"http://debian.org/debian/11": "debian", "http://microsoft.com/win/11": "windows", "http://microsoft.com/msdos/6.22": "dos",
		"http://freebsd.org/freebsd/13": "bsd", "http://mageia.org/mageia/8": "linux", "http://libosinfo.org/linux/2022": "linux",
		"http://libosinfo.org/unknown": "other", "": "other", "%zz": "other", "nonsense": "other",
	} {
		if got := Icon(id); got != want {
			t.Errorf("Icon(%q) = %q, want %q", id, got, want)
		}
	}
}

func TestSearchAndGuess(t *testing.T) {
	c := catalogue(t)
	if found := c.Search("windows 8", true); len(found) == 0 || found[0].Name != "Microsoft Windows 8" && found[0].Name != "Microsoft Windows 8.1" {
		t.Errorf("windows 8: %v", names(found))
	}
	for _, o := range c.Search("", false) {
		if o.Unsupported(time.Now()) {
			t.Errorf("%s is out of support", o.Name)
		}
	}
	if found := c.Search("no such system", true); len(found) != 0 {
		t.Errorf("%v", names(found))
	}
	for name, want := range map[string]string{
		"Debian 11": "debian11", "debian11-web": "debian11", "Debian": "debian11", "my windows 11": "win11", "win11": "win11", "Win10 test": "win10",
		"ubuntu-22.04": "ubuntu22.04", "Ubuntu 22.04 lab": "ubuntu22.04", "Windows XP": "winxp", "fedora36": "fedora36", "FreeBSD 13.1": "freebsd13.1",
		"Debian 12.5.0 amd64 n": "debian11", "Red Hat Enterprise Linux 9.0": "rhel9.0", "openSUSE Leap 15.4": "opensuse15.4",
		// No version: one that is still supported, with long support where the maker has that.
		"Ubuntu server": "ubuntu22.04", "windows": "win11", "Windows server": "win2k22", "fedora": "fedora35",
	} {
		o, ok := c.GuessFromName(name)
		if !ok || o.ShortID != want {
			t.Errorf("GuessFromName(%q) = %v, want %s", name, o, want)
		}
	}
	for _, name := range []string{"", "web server", "red", "Test", "机器", "12", "..."} {
		if o, ok := c.GuessFromName(name); ok {
			t.Errorf("GuessFromName(%q) = %s", name, o.Name)
		}
	}
}

func names(found []*OS) []string {
	var all []string
	for _, o := range found {
		all = append(all, o.Name)
	}
	return all
}

func BenchmarkLoad(b *testing.B) {
	for b.Loop() {
		if _, err := Load(); err != nil {
			b.Fatal(err)
		}
	}
}
