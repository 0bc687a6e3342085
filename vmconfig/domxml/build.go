package domxml

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/beevik/etree"
	"github.com/google/uuid"

	"guesthouse/vmconfig"
)

// ErrFirmware says that a machine with UEFI was to be described without firmware files, or with files that do not enforce
// Secure Boot where it is wanted.
var ErrFirmware = errors.New("no fitting UEFI firmware")

// FirmwareFiles names the UEFI firmware of the host that a new machine uses.
type FirmwareFiles struct {
	Code, CodeFormat string // executable image; format "" means raw
	Vars, VarsFormat string // template that libvirt copies into the machine's variables store
	SecureBoot       bool   // the firmware can enforce signatures; it then needs system management mode
}

// BuildOptions are the facts about host and guest that a new machine's description needs beside the machine itself.
type BuildOptions struct {
	// Emulator is the absolute path of QEMU; empty lets libvirt choose.
	Emulator string
	// Firmware must be given for a machine with UEFI.
	Firmware *FirmwareFiles
	// LocalTime sets the guest's clock to local time, which Windows expects; others expect UTC.
	LocalTime bool
	// HyperV switches on the paravirtual features that Windows knows. They need KVM and are left out without it.
	HyperV bool
	// NoAgent leaves out the channel to the guest's QEMU agent.
	NoAgent bool
	// Chains are the images below a drive's own, from the nearest to the base, by the drive's path.
	Chains map[string][]Layer
}

// hotplugPorts is the number of PCI Express ports of a new machine. q35 takes devices while it runs only into ports that exist; the figure
// is that of virt-install.
const hotplugPorts = 14

// Build returns the libvirt domain description of a new machine (formatdomain.html). All faults of the machine are
// returned at once as vmconfig.Faults, before any XML exists: libvirt 9.0 ends itself on some numbers.
// Empty fields get what a modern guest supports: q35, virtio devices, a tablet is only there when asked for.
func Build(m vmconfig.Machine, o BuildOptions) (string, error) {
	if err := m.Validate(vmconfig.Limits{}).Err(); err != nil {
		return "", err
	}
	if m.UUID == uuid.Nil {
		return "", errors.New("a new machine needs a UUID")
	}
	doc := etree.NewDocument()
	doc.WriteSettings.CanonicalEndTags = false
	d := node{doc.CreateElement("domain")}
	d.CreateAttr("type", domainType(m.Accel))

	d.text("name", m.Name)
	d.text("uuid", m.UUID.String())
	if m.Title != "" {
		d.text("title", m.Title)
	}
	if m.Notes != "" {
		d.text("description", m.Notes)
	}
	buildMetadata(d, m)
	memory := strconv.FormatInt(m.MemoryBytes/vmconfig.KiB, 10)
	d.text("memory", memory, "unit", "KiB")
	d.text("currentMemory", memory, "unit", "KiB")
	d.text("vcpu", strconv.Itoa(m.CPUs), "placement", "static")
	if err := buildOS(d, m, o.Firmware); err != nil {
		return "", err
	}
	buildFeatures(d, m, o)
	buildCPU(d, m)
	buildClock(d, m, o)
	d.text("on_poweroff", "destroy")
	d.text("on_reboot", "restart")
	d.text("on_crash", "destroy")
	// A guest that suspends itself looks like one that hangs, and few come back from it in a virtual machine.
	pm := d.child("pm")
	pm.child("suspend-to-mem", "enabled", "no")
	pm.child("suspend-to-disk", "enabled", "no")
	buildDevices(d, m, o)
	buildCommandLine(d, m)

	doc.Indent(2)
	return doc.WriteToString()
}

func domainType(a vmconfig.Accel) string {
	if a == vmconfig.AccelKVM {
		return "kvm"
	}
	return "qemu"
}

func buildMetadata(d node, m vmconfig.Machine) {
	if m.OSID == "" && m.Group == "" && m.Lab == (vmconfig.Lab{}) {
		return
	}
	metadata := d.child("metadata")
	if m.OSID != "" {
		info := metadata.child("libosinfo:libosinfo", "xmlns:libosinfo", libosinfoNamespace)
		info.child("libosinfo:os", "id", m.OSID)
	}
	if m.Group == "" && m.Lab == (vmconfig.Lab{}) {
		return
	}
	ours := metadata.child(ourPrefix+":machine", "xmlns:"+ourPrefix, vmconfig.MetadataNamespace)
	if m.Group != "" {
		ours.text(ourPrefix+":group", m.Group)
	}
	if l := m.Lab; l != (vmconfig.Lab{}) {
		attributes := []string{"id", l.ID, "name", l.Name, "version", strconv.Itoa(l.Version)}
		if l.Topology != "" {
			attributes = append(attributes, "topology", l.Topology, "role", l.Role, "networks", l.Networks)
		}
		ours.child(ourPrefix+":lab", attributes...)
	}
}

func buildOS(d node, m vmconfig.Machine, f *FirmwareFiles) error {
	os := d.child("os")
	arch, chipset := m.Arch, m.Chipset
	if arch == "" {
		arch = "x86_64"
	}
	if chipset == "" {
		chipset = "q35"
	}
	os.text("type", "hvm", "arch", arch, "machine", chipset)
	if m.Firmware != vmconfig.FirmwareUEFI {
		return nil
	}
	if f == nil || f.Code == "" || f.Vars == "" {
		return fmt.Errorf("%w on this host", ErrFirmware)
	}
	if m.SecureBoot && !f.SecureBoot {
		return fmt.Errorf("%w: it does not enforce Secure Boot", ErrFirmware)
	}
	// The files are named instead of asking libvirt for "some UEFI": before 9.2 it chooses anew at every start, and another choice cannot
	// read the variables that the first one wrote.
	loader := os.text("loader", f.Code, "readonly", "yes")
	if m.SecureBoot {
		loader.CreateAttr("secure", "yes")
	}
	loader.CreateAttr("type", "pflash")
	nvram := os.text("nvram", m.NVRAM, "template", f.Vars)
	// libvirt knows these attributes only since 8.5 (nvram) and 9.2 (loader), so they appear only where they are needed.
	if f.CodeFormat != "" && f.CodeFormat != "raw" {
		loader.CreateAttr("format", f.CodeFormat)
	}
	if f.VarsFormat != "" && f.VarsFormat != "raw" {
		nvram.CreateAttr("templateFormat", f.VarsFormat)
		nvram.CreateAttr("format", f.VarsFormat)
	}
	return nil
}

func buildFeatures(d node, m vmconfig.Machine, o BuildOptions) {
	features := d.child("features")
	features.child("acpi")
	features.child("apic")
	if o.HyperV && m.Accel == vmconfig.AccelKVM {
		hyperv := features.child("hyperv", "mode", "custom")
		hyperv.child("relaxed", "state", "on")
		hyperv.child("vapic", "state", "on")
		hyperv.child("spinlocks", "state", "on", "retries", "8191")
	}
	features.child("vmport", "state", "off")
	if m.SecureBoot || o.Firmware != nil && m.Firmware == vmconfig.FirmwareUEFI && o.Firmware.SecureBoot {
		features.child("smm", "state", "on")
	}
}

func buildCPU(d node, m vmconfig.Machine) {
	if m.Accel == vmconfig.AccelKVM {
		d.child("cpu", "mode", "host-passthrough", "check", "none", "migratable", "on")
		return
	}
	// Everything that the emulator can do: distributions increasingly need more than QEMU's default model has.
	d.child("cpu", "mode", "maximum", "check", "none", "migratable", "on")
}

func buildClock(d node, m vmconfig.Machine, o BuildOptions) {
	offset := "utc"
	if o.LocalTime {
		offset = "localtime"
	}
	clock := d.child("clock", "offset", offset)
	clock.child("timer", "name", "rtc", "tickpolicy", "catchup")
	clock.child("timer", "name", "pit", "tickpolicy", "delay")
	clock.child("timer", "name", "hpet", "present", "no")
	if o.HyperV && m.Accel == vmconfig.AccelKVM {
		clock.child("timer", "name", "hypervclock", "present", "yes")
	}
}

func buildDevices(d node, m vmconfig.Machine, o BuildOptions) {
	devices := d.child("devices")
	if o.Emulator != "" {
		devices.text("emulator", o.Emulator)
	}
	targets := newTargets(m.Disks)
	order := bootOrder(m.Disks)
	for i, disk := range m.Disks {
		buildDisk(devices, disk, targets.next(disk), order[i], o.Chains[disk.Path])
	}
	devices.child("controller", "type", "usb", "model", "qemu-xhci", "ports", "15")
	if m.Chipset == "" || strings.Contains(m.Chipset, "q35") {
		devices.child("controller", "type", "pci", "model", "pcie-root")
		for range hotplugPorts {
			devices.child("controller", "type", "pci", "model", "pcie-root-port")
		}
	}
	for i, nic := range m.NICs {
		if nic.Kind != vmconfig.NICPrivate && (i > 0 || !ownUserNet(m)) {
			buildNIC(devices, nic)
		}
	}
	for range max(m.Serials, 1) {
		devices.child("serial", "type", "pty")
	}
	console := devices.child("console", "type", "pty")
	console.child("target", "type", "serial", "port", "0")
	if !o.NoAgent {
		agent := devices.child("channel", "type", "unix")
		agent.child("source", "mode", "bind")
		agent.child("target", "type", "virtio", "name", "org.qemu.guest_agent.0")
	}
	if m.Clipboard {
		// QEMU speaks with the guest's spice-vdagent itself (libvirt 8.4, as the D-Bus display); whether text passes is each viewer's choice.
		clipboard := devices.child("channel", "type", "qemu-vdagent")
		source := clipboard.child("source")
		source.child("clipboard", "copypaste", "yes")
		source.child("mouse", "mode", "client")
		clipboard.child("target", "type", "virtio", "name", "com.redhat.spice.0")
	}
	if m.Tablet {
		devices.child("input", "type", "tablet", "bus", "usb")
	}
	if m.TPM {
		tpm := devices.child("tpm", "model", "tpm-crb")
		tpm.child("backend", "type", "emulator", "version", "2.0")
	}
	for _, display := range displaysOf(m) {
		buildDisplay(devices, display)
	}
	if m.Sound != "" {
		devices.child("sound", "model", m.Sound)
	}
	video := m.Video
	if video == "" {
		video = "virtio"
	}
	model := devices.child("video").child("model", "type", video)
	if video == "virtio" {
		model.CreateAttr("heads", "1")
		model.CreateAttr("primary", "yes")
	}
	balloon := devices.child("memballoon", "model", "virtio")
	balloon.child("stats", "period", "5")
	rng := devices.child("rng", "model", "virtio")
	rng.text("backend", "/dev/urandom", "model", "random")
}

// displaysOf returns the displays to describe; a machine without any gets VNC reached by a passed descriptor (no port, no
// password), and a D-Bus display whose mere presence keeps QEMU's refresh at 30 ms.
func displaysOf(m vmconfig.Machine) []vmconfig.Display {
	if len(m.Displays) > 0 {
		return m.Displays
	}
	return []vmconfig.Display{{Kind: "vnc", Listen: "none"}, {Kind: "dbus", P2P: true}}
}

func buildDisplay(devices node, d vmconfig.Display) {
	graphics := devices.child("graphics", "type", d.Kind)
	switch {
	case d.Kind == "dbus":
		if d.P2P {
			graphics.CreateAttr("p2p", "yes")
		}
	case d.Listen == "address":
		graphics.CreateAttr("autoport", "yes")
		graphics.child("listen", "type", "address", "address", "127.0.0.1")
	case d.Listen != "":
		graphics.child("listen", "type", d.Listen)
	}
}

// bootOrder numbers the drives that firmware tries: disks first, then optical drives. A new disk is empty, so the installer's disc is
// started; once the system is installed, the disk is, and the disc can stay in its drive. 0 means: not tried.
func bootOrder(disks []vmconfig.Disk) []int {
	order, n := make([]int, len(disks)), 0
	for _, device := range []vmconfig.DiskDevice{vmconfig.DeviceDisk, vmconfig.DeviceCDROM} {
		for i, d := range disks {
			if d.Device == device {
				n++
				order[i] = n
			}
		}
	}
	return order
}

func buildDisk(devices node, d vmconfig.Disk, target string, boot int, chain []Layer) {
	disk := devices.child("disk", "type", "file", "device", string(d.Device))
	driver := disk.child("driver", "name", "qemu")
	removable := d.Device != vmconfig.DeviceDisk
	if removable {
		driver.CreateAttr("type", "raw")
	} else {
		driver.CreateAttr("type", d.Format)
	}
	if d.Device == vmconfig.DeviceDisk {
		// An I/O error pauses the guest instead of being handed to it; freed blocks are given back to the host.
		driver.CreateAttr("error_policy", "stop")
		driver.CreateAttr("rerror_policy", "stop")
		driver.CreateAttr("discard", "unmap")
	}
	if d.Path != "" {
		disk.child("source", "file", d.Path)
	}
	if len(chain) > 0 {
		above := disk
		for _, l := range chain { // with all of it named, nothing looks into an image
			above = above.child("backingStore", "type", "file")
			above.child("format", "type", l.Format)
			above.child("source", "file", l.Path)
		}
		above.child("backingStore")
	}
	disk.child("target", "dev", target, "bus", busOf(d))
	if d.ReadOnly || d.Device == vmconfig.DeviceCDROM {
		disk.child("readonly")
	}
	if d.Shared {
		disk.child("shareable")
	}
	if boot > 0 {
		disk.child("boot", "order", strconv.Itoa(boot))
	}
}

func busOf(d vmconfig.Disk) string {
	switch {
	case d.Bus != "":
		return d.Bus
	case d.Device == vmconfig.DeviceFloppy:
		return "fdc"
	case d.Device == vmconfig.DeviceCDROM:
		return "sata"
	}
	return "virtio"
}

func buildNIC(devices node, n vmconfig.NIC) {
	kind := n.Kind
	if kind == "" {
		kind = "user"
	}
	nic := devices.child("interface", "type", kind)
	if n.MAC != "" {
		nic.child("mac", "address", strings.ToLower(n.MAC))
	}
	switch kind {
	case "user":
	case "direct":
		nic.child("source", "dev", n.Source, "mode", "bridge")
	default:
		nic.child("source", kind, n.Source)
	}
	model := n.Model
	if model == "" {
		model = "virtio"
	}
	nic.child("model", "type", model)
}

// targets hands out device names (vda, sda, ...) that no drive uses.
type targets struct{ used map[string]bool }

func newTargets(disks []vmconfig.Disk) targets {
	t := targets{map[string]bool{}}
	for _, d := range disks {
		if d.Target != "" {
			t.used[d.Target] = true
		}
	}
	return t
}

func (t targets) next(d vmconfig.Disk) string {
	if d.Target != "" {
		return d.Target
	}
	prefix := "sd"
	switch busOf(d) {
	case "virtio":
		prefix = "vd"
	case "ide":
		prefix = "hd"
	case "fdc":
		prefix = "fd"
	}
	for i := 0; ; i++ {
		name := prefix + letters(i)
		if !t.used[name] {
			t.used[name] = true
			return name
		}
	}
}

// letters counts a, b, ... z, aa, ab as the kernel does for its disks.
func letters(i int) string {
	name := ""
	for i++; i > 0; i = (i - 1) / 26 {
		name = string(rune('a'+(i-1)%26)) + name
	}
	return name
}

// node is an element under construction.
type node struct{ *etree.Element }

// child adds an element with attributes given as name, value, name, value.
func (n node) child(tag string, attrs ...string) node {
	c := node{n.CreateElement(tag)}
	for i := 0; i+1 < len(attrs); i += 2 {
		c.CreateAttr(attrs[i], attrs[i+1])
	}
	return c
}

// text adds an element with a text.
func (n node) text(tag, text string, attrs ...string) node {
	c := n.child(tag, attrs...)
	if text != "" {
		c.SetText(text)
	}
	return c
}
