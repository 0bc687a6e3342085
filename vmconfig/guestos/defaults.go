package guestos

import (
	"cmp"
	"net/url"
	"strings"
	"time"

	"guesthouse/vmconfig"
)

// Defaults are the values with which a new machine for a system begins.
type Defaults struct {
	MemoryBytes int64
	CPUs        int
	DiskBytes   int64
	Firmware    vmconfig.Firmware
	SecureBoot  bool
	TPM         bool
	DiskBus     string // virtio, sata
	CDROMBus    string // sata
	NICModel    string // virtio, e1000e, e1000, rtl8139
	Video       string // virtio, vga
	Tablet      bool
	// LocalTime and HyperV are for domxml.BuildOptions.
	LocalTime bool
	HyperV    bool
}

// Apply fills in what m leaves open: empty models and buses, zero sizes. Disks and adapters must be there already.
func (d Defaults) Apply(m *vmconfig.Machine) {
	m.MemoryBytes = cmp.Or(m.MemoryBytes, d.MemoryBytes)
	m.CPUs = cmp.Or(m.CPUs, d.CPUs)
	m.Video = cmp.Or(m.Video, d.Video)
	if m.Firmware == "" {
		m.Firmware, m.SecureBoot, m.TPM = d.Firmware, d.SecureBoot, d.TPM
	}
	m.Tablet = m.Tablet || d.Tablet
	for i := range m.Disks {
		switch m.Disks[i].Device {
		case vmconfig.DeviceDisk:
			m.Disks[i].Bus = cmp.Or(m.Disks[i].Bus, d.DiskBus)
		case vmconfig.DeviceCDROM:
			m.Disks[i].Bus = cmp.Or(m.Disks[i].Bus, d.CDROMBus)
		}
	}
	for i := range m.NICs {
		m.NICs[i].Model = cmp.Or(m.NICs[i].Model, d.NICModel)
	}
}

// Devices of osinfo-db: PCI vendor and device, or USB.
const (
	deviceVirtioNet    = "http://pcisig.com/pci/1af4/1000"
	deviceVirtioBlock  = "http://pcisig.com/pci/1af4/1001"
	deviceVirtio1Net   = "http://pcisig.com/pci/1af4/1041"
	deviceVirtio1Block = "http://pcisig.com/pci/1af4/1042"
	deviceVirtio1GPU   = "http://pcisig.com/pci/1af4/1050"
	deviceE1000E       = "http://pcisig.com/pci/8086/10d3"
	deviceE1000        = "http://pcisig.com/pci/8086/100e"
	deviceRTL8139      = "http://pcisig.com/pci/10ec/8139"
	deviceTablet       = "http://usb.org/usb/80ee/0021"
)

// Supports reports whether the database says that the system has a driver for one of the devices.
func (o *OS) supports(devices ...string) bool {
	for _, device := range devices {
		if o.devices[device] {
			return true
		}
	}
	return false
}

// Bounds of the defaults. The database's figures are the makers', from "256 MB" to servers; the user can choose any other value.
const (
	leastMemory, mostMemory = 512 * vmconfig.MiB, 8 * vmconfig.GiB
	leastDisk, mostDisk     = 2 * vmconfig.GiB, 128 * vmconfig.GiB
	mostDefaultCPUs         = 4
)

// modern is when PCs with several CPUs and gigabytes of memory had become the rule.
var modern = time.Date(2010, 1, 1, 0, 0, 0, 0, time.UTC)

// Defaults returns what a new machine for the system begins with; for nil, an unknown system, what a current Linux likes.
func (c *Catalogue) Defaults(o *OS) Defaults {
	d := Defaults{
		MemoryBytes: 2 * vmconfig.GiB, CPUs: 2, DiskBytes: 20 * vmconfig.GiB, Firmware: vmconfig.FirmwareBIOS,
		DiskBus: "virtio", CDROMBus: "sata", NICModel: "virtio", Video: "virtio", Tablet: true,
	}
	if o == nil {
		return d
	}
	old := !o.Released.IsZero() && o.Released.Before(modern)
	if old {
		d.CPUs = 1
	}
	// What is recommended, else twice what is needed at least: the rule of virt-install.
	if memory := cmp.Or(o.Recommended.MemoryBytes, 2*o.Min.MemoryBytes); memory > 0 {
		least := int64(leastMemory)
		if !old {
			least = vmconfig.GiB
		}
		if o.Windows() && old {
			least = 64 * vmconfig.MiB // Windows 9x does not start with much more
		}
		d.MemoryBytes = roundUp(max(min(max(memory, least), mostMemory), o.Min.MemoryBytes), vmconfig.MiB)
	}
	if disk := cmp.Or(o.Recommended.StorageBytes, 2*o.Min.StorageBytes); disk > 0 {
		d.DiskBytes = roundUp(max(min(max(disk, leastDisk), mostDisk), o.Min.StorageBytes), vmconfig.GiB)
	}
	d.CPUs = max(d.CPUs, min(max(o.Recommended.CPUs, o.Min.CPUs), mostDefaultCPUs))
	if !o.BIOS && o.UEFI {
		d.Firmware = vmconfig.FirmwareUEFI
		if o.Windows() {
			// A Windows that no longer starts from BIOS also asks for these two.
			d.SecureBoot, d.TPM = true, true
		}
	}
	if o.Windows() {
		d.LocalTime, d.HyperV = true, !old
	}
	o.chooseDevices(&d)
	return d
}

// chooseDevices takes the fastest device that the system has a driver for.
func (o *OS) chooseDevices(d *Defaults) {
	if !o.supports(deviceVirtio1Block, deviceVirtioBlock) {
		d.DiskBus = "sata"
	}
	switch {
	case o.supports(deviceVirtio1Net, deviceVirtioNet):
	case o.supports(deviceE1000E):
		d.NICModel = "e1000e"
	case o.supports(deviceE1000):
		d.NICModel = "e1000"
	case o.supports(deviceRTL8139):
		d.NICModel = "rtl8139"
	case !o.Released.IsZero() && o.Released.Before(modern):
		d.NICModel = "rtl8139"
	default:
		d.NICModel = "e1000e"
	}
	// The database lists virtio video for few systems. A Linux with drivers for virtio 1.0 of 2016 or later has it too, and the device begins
	// as an ordinary VGA card.
	gpu, stated := o.devices[deviceVirtio1GPU]
	recentLinux := o.Family == "linux" && o.supports(deviceVirtio1Block) && (o.Released.IsZero() || o.Released.Year() >= 2016)
	if !gpu && (stated || !recentLinux) {
		d.Video = "vga"
	}
	// Absolute pointing works wherever USB does; without it the mouse would have to be captured.
	d.Tablet = o.supports(deviceTablet) || o.Released.IsZero() || !o.Released.Before(time.Date(2001, 1, 1, 0, 0, 0, 0, time.UTC))
}

func roundUp(n, step int64) int64 { return (n + step - 1) / step * step }

// iconHosts maps the host names of osinfo ids to icon names.
var iconHosts = map[string]string{
	"debian.org": "debian", "ubuntu.com": "ubuntu", "fedoraproject.org": "fedora", "microsoft.com": "windows",
	"redhat.com": "redhat", "centos.org": "centos", "opensuse.org": "suse", "suse.com": "suse", "novell.com": "suse",
	"archlinux.org": "arch", "alpinelinux.org": "alpine", "almalinux.org": "alma", "rockylinux.org": "rocky",
	"freebsd.org": "bsd", "openbsd.org": "bsd", "netbsd.org": "bsd", "dragonflybsd.org": "bsd",
	"apple.com": "macos", "sun.com": "other", "oracle.com": "linux", "haiku-os.org": "other", "guix.gnu.org": "linux", "freedos.org": "dos",
	"android-x86.org": "android", "linuxmint.com": "linux", "gentoo.org": "linux", "manjaro.org": "linux", "nixos.org": "linux",
}

// Icon returns the name of the icon for a system's id: a distribution (debian, ubuntu, fedora, redhat, centos, suse, arch, alpine, alma,
// rocky), or windows, bsd, macos, dos, android, linux, other. It needs no catalogue, so that a list can be drawn before it is loaded.
func Icon(osID string) string {
	u, err := url.Parse(osID)
	if err != nil || osID == "" {
		return "other"
	}
	host := strings.TrimPrefix(strings.ToLower(u.Hostname()), "www.")
	switch {
	case host == "microsoft.com" && strings.HasPrefix(u.Path, "/msdos"):
		return "dos"
	case iconHosts[host] != "":
		return iconHosts[host]
	case host == "" || host == "libosinfo.org" && !strings.Contains(u.Path, "linux"):
		return "other"
	}
	return "linux" // the database's other makers are distributions
}
