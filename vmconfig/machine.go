// Package vmconfig says what a virtual machine is: pure data, its defaults and its validation.
// It knows no hypervisor, no toolkit and no file system.
package vmconfig

import "github.com/google/uuid"

// MetadataNamespace is the XML namespace under which Guesthouse keeps its own facts in a domain's
// <metadata> element (libvirt, formatdomain.html, "General metadata").
const MetadataNamespace = "https://guesthouse.invalid/xmlns/machine/1"

// Sizes in bytes. The product speaks of binary units everywhere.
const (
	KiB int64 = 1 << 10
	MiB int64 = 1 << 20
	GiB int64 = 1 << 30
	TiB int64 = 1 << 40
)

// Firmware is what starts the guest.
type Firmware string

// The firmwares that a machine can have.
const (
	FirmwareBIOS Firmware = "bios"
	FirmwareUEFI Firmware = "uefi"
)

// Accel says how the guest's processor is provided.
type Accel string

// Hardware acceleration and emulation.
const (
	AccelKVM Accel = "kvm"
	AccelTCG Accel = "tcg"
)

// Machine is what a virtual machine is made of. It is a value: copy it, change the copy, hand it on.
// domxml reads it from a libvirt domain description and writes changes back into one.
type Machine struct {
	UUID     uuid.UUID
	Name     string
	Title    string // libvirt's <title>, shown by other managers; may be empty
	Notes    string // libvirt's <description>
	Group    string // slash-separated path, empty for none; kept in our metadata
	Lab      Lab    // the lab that it was launched from; kept in our metadata
	OSID     string // osinfo-db id, a URL such as http://debian.org/debian/12; empty when unknown
	Arch     string // x86_64
	Chipset  string // libvirt's machine type, for example q35 or pc-q35-7.2
	Accel    Accel
	Firmware Firmware
	// SecureBoot is true when the firmware enforces signatures.
	SecureBoot bool
	// NVRAM is the absolute path of the file with the firmware variables; empty for BIOS, or until libvirt chose one.
	NVRAM string
	TPM   bool

	CPUs        int   // virtual CPUs at start
	MemoryBytes int64 // memory at start

	Disks    []Disk
	NICs     []NIC
	Forwards []Forward // only with a first network adapter of the kind user
	Displays []Display
	Video    string // model of the first video device: virtio, vga, qxl, bochs ...
	Serials  int    // number of serial ports
	Consoles []TextConsole
	Tablet   bool // has an absolute pointing device
	// Clipboard is true when the machine has a channel over which the guest's agent can exchange text with a VNC or D-Bus display.
	Clipboard bool
	// AgentChannel is true when it has a channel from QEMU to the guest's spice-vdagent (qemu-vdagent), for the clipboard or for the mouse alone.
	AgentChannel bool
	// BootsElsewhere is true when it may start from something that is no disk of its own: the network, a host's device, a named kernel.
	BootsElsewhere bool
	Sound          string // model of the first sound device, empty for none
}

// TextConsole is a line of text into the guest: a serial port or a paravirtual console.
type TextConsole struct {
	Device  string // what the hypervisor calls it: serial0, console1
	Kind    string // serial, or the kind of a paravirtual console: virtio, sclp
	Backend string // where the line ends on the host: pty, unix, file, tcp ...
}

// Reachable reports whether somebody can talk over it; the ends of others are not free to be opened.
func (c TextConsole) Reachable() bool { return c.Backend == "pty" || c.Backend == "unix" }

// TextConsoles returns the consoles that somebody can talk over, the guest's first one first.
func (m *Machine) TextConsoles() []TextConsole {
	var list []TextConsole
	for _, c := range m.Consoles {
		if c.Reachable() {
			list = append(list, c)
		}
	}
	return list
}

// DiskDevice tells disks from removable media.
type DiskDevice string

// Kinds of block device, as libvirt's device attribute names them.
const (
	DeviceDisk   DiskDevice = "disk"
	DeviceCDROM  DiskDevice = "cdrom"
	DeviceFloppy DiskDevice = "floppy"
)

// Disk is one block device.
type Disk struct {
	Device   DiskDevice
	Path     string // absolute path of the image; empty for an empty drive or one that is not a file
	Source   string // what to show when Path is empty: "nbd://host/export", "volume pool/name"
	Format   string // qcow2, raw; never probed
	Target   string // vda, sda
	Bus      string // virtio, sata, scsi, usb
	ReadOnly bool
	Shared   bool
	// CapacityBytes is the size to create; 0 when reading an existing machine.
	CapacityBytes int64
}

// NICPrivate is the kind of an adapter in a network that joins machines of this computer with one another and with nothing else. Its source (CheckPrivateNetwork) is one of
//
//	239.77.12.5:23456                  any number of machines: the multicast address and UDP port by which they find each other. Each also hears what it has sent itself.
//	127.9.8.7:23456-127.6.5.4:34567    a cable between two machines: the loopback address and UDP port of this one, and those of the other one
const NICPrivate = "private"

// MaxPrivateNICs is the most adapters of the kind NICPrivate that a machine can have.
const MaxPrivateNICs = 4

// NIC is one network adapter.
type NIC struct {
	Kind   string // user, network, bridge, direct, NICPrivate ...
	Source string // name of the network or bridge, address of a private network, empty for user
	Model  string // virtio, e1000e, ...
	MAC    string
	// Isolated is true when the guest reaches nothing through it: neither this computer nor anything behind. Only the kind user.
	Isolated bool
}

// Forward leads a TCP port of this computer, which only its own users reach (127.0.0.1), to one of the guest.
type Forward struct{ Host, Guest int }

// Lab names the lab that a machine was launched from; the zero value is none.
type Lab struct {
	ID      string // "sha256:" and 64 hexadecimal digits: the digest of its config
	Name    string // such as networks/firewalls
	Version int
	// Topology is the name of the lab of several machines that it was launched with, and Role its name there; empty: it was launched alone.
	Topology, Role string
	// Networks are the names of the private networks of its adapters, in their order, with blanks between them.
	Networks string
}

// Display is one <graphics> element.
type Display struct {
	Kind   string // vnc, spice, dbus, sdl, ...
	Listen string // none, socket, address
	P2P    bool   // dbus only
}
