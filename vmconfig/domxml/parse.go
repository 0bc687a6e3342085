package domxml

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/google/uuid"

	"guesthouse/vmconfig"
)

// Parse reads a domain description. It takes any that is well-formed: what it does not know it passes over, what
// makes no sense (a count that is no number, a UUID that is none) leaves its field zero. A 1 MB title is read as it is; show texts through
// vmconfig.Inert. The error wraps ErrMalformed.
func Parse(xml string) (vmconfig.Machine, error) {
	t, err := parseTree(xml)
	if err != nil {
		return vmconfig.Machine{}, err
	}
	return readMachine(t.root), nil
}

func parseTree(xml string) (*tree, error) {
	t, err := newTree(xml)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	if t.root.name != "domain" {
		return nil, fmt.Errorf("%w: its root is %q", ErrMalformed, vmconfig.Inert(t.root.name, 40))
	}
	return t, nil
}

func readMachine(d *element) vmconfig.Machine {
	m := vmconfig.Machine{
		Name:  d.child("name").text(),
		Title: d.child("title").text(),
		Notes: d.child("description").text(),
		Accel: vmconfig.AccelTCG,
	}
	m.UUID, _ = uuid.Parse(strings.TrimSpace(d.child("uuid").text()))
	if d.attr("type") == "kvm" {
		m.Accel = vmconfig.AccelKVM
	}
	readMetadata(d.child("metadata"), &m)
	m.MemoryBytes = readMemory(d.child("currentMemory"))
	if m.MemoryBytes == 0 {
		m.MemoryBytes = readMemory(d.child("memory"))
	}
	vcpu := d.child("vcpu")
	m.CPUs = readCount(vcpu.attr("current"))
	if m.CPUs == 0 {
		m.CPUs = readCount(vcpu.text())
	}
	readOS(d.child("os"), &m)
	devices := d.child("devices")
	m.Consoles = readConsoles(devices)
	for _, c := range devices.all() {
		if c.name != "disk" && c.child("boot") != nil {
			m.BootsElsewhere = true
		}
		switch c.name {
		case "disk":
			m.Disks = append(m.Disks, readDisk(c))
		case "interface":
			m.NICs = append(m.NICs, readNIC(c))
		case "graphics":
			m.Displays = append(m.Displays, readDisplay(c))
		case "video":
			if m.Video == "" {
				m.Video = c.child("model").attr("type")
			}
		case "sound":
			if m.Sound == "" {
				m.Sound = c.attr("model")
			}
		case "serial":
			m.Serials++
		case "tpm":
			m.TPM = true
		case "channel":
			agent := c.attr("type") == "qemu-vdagent"
			m.AgentChannel = m.AgentChannel || agent
			m.Clipboard = m.Clipboard || agent && c.child("source").child("clipboard").attr("copypaste") != "no"
		case "input":
			m.Tablet = m.Tablet || c.attr("type") == "tablet"
		}
	}
	readCommandLine(d.childNS(qemuNamespace, "commandline"), &m)
	return m
}

func readMetadata(metadata *element, m *vmconfig.Machine) {
	if info := metadata.childNS(libosinfoNamespace, "libosinfo"); info != nil {
		m.OSID = info.childNS(libosinfoNamespace, "os").attr("id")
	}
	if ours := metadata.childNS(vmconfig.MetadataNamespace, "machine"); ours != nil {
		m.Group = ours.childNS(vmconfig.MetadataNamespace, "group").text()
		if lab := ours.childNS(vmconfig.MetadataNamespace, "lab"); lab != nil {
			m.Lab = vmconfig.Lab{
				ID: lab.attr("id"), Name: lab.attr("name"), Version: readCount(lab.attr("version")), Topology: lab.attr("topology"), Role: lab.attr("role"),
				Networks: lab.attr("networks"),
			}
		}
	}
}

func readOS(os *element, m *vmconfig.Machine) {
	m.BootsElsewhere = os.child("kernel") != nil
	for _, b := range os.all() {
		m.BootsElsewhere = m.BootsElsewhere || b.name == "boot" && b.attr("dev") == "network"
	}
	kind := os.child("type")
	m.Arch, m.Chipset = kind.attr("arch"), kind.attr("machine")
	m.Firmware = vmconfig.FirmwareBIOS
	loader := os.child("loader")
	if os.attr("firmware") == "efi" || loader.attr("type") == "pflash" || os.child("nvram") != nil || isUEFIRom(loader.text()) {
		m.Firmware = vmconfig.FirmwareUEFI
	}
	m.SecureBoot = loader.attr("secure") == "yes"
	for _, f := range os.child("firmware").all() {
		if f.name == "feature" && f.attr("name") == "secure-boot" {
			m.SecureBoot = m.SecureBoot || f.attr("enabled") == "yes"
		}
	}
	nvram := os.child("nvram")
	m.NVRAM = strings.TrimSpace(nvram.text())
	if m.NVRAM == "" {
		m.NVRAM = nvram.child("source").attr("file")
	}
}

// isUEFIRom recognises a UEFI firmware that is mapped as a plain ROM: its file name is all there is to go by.
func isUEFIRom(loader string) bool {
	loader = strings.ToLower(loader)
	return strings.Contains(loader, "ovmf") || strings.Contains(loader, "edk2")
}

func readDisk(e *element) vmconfig.Disk {
	d := vmconfig.Disk{
		Device:   vmconfig.DiskDevice(e.attr("device")),
		Format:   e.child("driver").attr("type"),
		Target:   e.child("target").attr("dev"),
		Bus:      e.child("target").attr("bus"),
		ReadOnly: e.child("readonly") != nil,
		Shared:   e.child("shareable") != nil,
	}
	if d.Device == "" {
		d.Device = vmconfig.DeviceDisk
	}
	source := e.child("source")
	switch e.attr("type") {
	case "file", "":
		d.Path = source.attr("file")
	case "block":
		d.Source = source.attr("dev")
	case "dir":
		d.Source = source.attr("dir")
	case "volume":
		if v := source.attr("volume"); v != "" {
			d.Source = "volume " + source.attr("pool") + "/" + v
		}
	case "network":
		host := source.child("host").attr("name")
		d.Source = source.attr("protocol") + "://" + host + "/" + strings.TrimPrefix(source.attr("name"), "/")
	default:
		d.Source = e.attr("type")
	}
	return d
}

func readNIC(e *element) vmconfig.NIC {
	n := vmconfig.NIC{Kind: e.attr("type"), Model: e.child("model").attr("type"), MAC: e.child("mac").attr("address")}
	source := e.child("source")
	for _, key := range []string{"network", "bridge", "dev", "name", "path"} {
		if v := source.attr(key); v != "" {
			n.Source = v
			break
		}
	}
	return n
}

func readDisplay(e *element) vmconfig.Display {
	d := vmconfig.Display{Kind: e.attr("type"), P2P: e.attr("p2p") == "yes"}
	listen := e.child("listen")
	switch {
	case listen.attr("type") != "":
		d.Listen = listen.attr("type")
	case e.attr("socket") != "":
		d.Listen = "socket"
	case e.attr("listen") != "" || e.attr("port") != "":
		d.Listen = "address"
	}
	return d
}

// readConsoles lists serial ports first, then the other consoles. libvirt describes the first serial port a second time as <console>.
func readConsoles(devices *element) []vmconfig.TextConsole {
	var serials, others []vmconfig.TextConsole
	consoles := 0
	for _, e := range devices.all() {
		c := vmconfig.TextConsole{Device: e.child("alias").attr("name"), Kind: e.child("target").attr("type"), Backend: e.attr("type")}
		switch e.name {
		case "serial":
			if c.Device == "" { // an inactive machine: what libvirt will call it (src/qemu/qemu_alias.c)
				c.Device = "serial" + strconv.Itoa(len(serials))
			}
			c.Kind = "serial"
			serials = append(serials, c)
		case "console":
			if c.Device == "" {
				c.Device = "console" + strconv.Itoa(consoles)
			}
			consoles++
			if c.Kind != "" && c.Kind != "serial" {
				others = append(others, c)
			}
		}
	}
	return append(serials, others...)
}

// readCount reads a small positive number, 0 when it is none.
func readCount(text string) int {
	n, err := strconv.ParseUint(strings.TrimSpace(text), 10, 16)
	if err != nil {
		return 0
	}
	return int(n)
}

// memoryUnits are the units of libvirt's scaled integers; without one the number is KiB.
var memoryUnits = map[string]int64{
	"b": 1, "byte": 1, "bytes": 1, "": 1 << 10,
	"kb": 1e3, "k": 1 << 10, "kib": 1 << 10,
	"mb": 1e6, "m": 1 << 20, "mib": 1 << 20,
	"gb": 1e9, "g": 1 << 30, "gib": 1 << 30,
	"tb": 1e12, "t": 1 << 40, "tib": 1 << 40,
}

// readMemory reads a scaled integer in bytes, 0 when it is none or does not fit.
func readMemory(e *element) int64 {
	unit, ok := memoryUnits[strings.ToLower(e.attr("unit"))]
	n, err := strconv.ParseInt(strings.TrimSpace(e.text()), 10, 64)
	if !ok || err != nil || n < 0 || n > (1<<62)/unit {
		return 0
	}
	return n * unit
}
