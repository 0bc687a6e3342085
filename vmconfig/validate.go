package vmconfig

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// MaxTextBytes is the longest title or note, and the most that any input field takes.
const MaxTextBytes = 4096

// Validate checks every value of the machine and returns all faults at once; nil means that a description can be
// built from it. Values that are only unwise are in Warnings. Uniqueness of the name is CheckName's matter.
func (m Machine) Validate(l Limits) Faults {
	var fs Faults
	fs.add(FieldName, m.Name, CheckName(m.Name, nil))
	fs.add(FieldTitle, m.Title, checkText("title", m.Title, false))
	fs.add(FieldNotes, m.Notes, checkText("notes", m.Notes, true))
	fs.add(FieldGroup, m.Group, checkGroup(m.Group))
	fs.add(FieldOS, m.OSID, checkOSID(m.OSID))
	fs.add(FieldFirmware, string(m.Firmware), checkFirmware(m))
	fs.add(FieldMemory, strconv.FormatInt(m.MemoryBytes, 10), checkMemory(m.MemoryBytes, l))
	fs.add(FieldCPUs, strconv.Itoa(m.CPUs), checkCPUs(m.CPUs, l))
	m.checkDisks(&fs)
	m.checkNICs(&fs)
	fs.add(FieldVideo, m.Video, checkWord("graphics card", m.Video))
	for _, d := range m.Displays {
		fs.add(FieldDisplay, d.Kind, checkWord("display", d.Kind))
	}
	return fs
}

// ValidateChange is Validate for an edit of an existing machine: what was wrong already and is not touched (a name that another
// program gave, say) does not stand in the way of other changes.
func (m Machine) ValidateChange(from Machine, l Limits) Faults {
	before := from.Validate(l)
	return slices.DeleteFunc(m.Validate(l), func(f Fault) bool { return slices.Contains(before, f) })
}

// Warnings returns what is allowed but likely to go wrong, for a form to show beside its fields.
func (m Machine) Warnings(l Limits) Faults {
	var fs Faults
	if z := MemoryZones(l); m.MemoryBytes > z.Amber {
		fs.add(FieldMemory, FormatSize(m.MemoryBytes), faultf(
			"With %s for this machine, too little is left for the host and other machines; up to %s is safe.",
			FormatSize(m.MemoryBytes), FormatSize(z.Green)))
	}
	if l.HostCPUs > 0 && m.CPUs > l.HostCPUs {
		fs.add(FieldCPUs, strconv.Itoa(m.CPUs), faultf(
			"The host has %d CPUs; %d virtual CPUs make the machine slower, not faster.", l.HostCPUs, m.CPUs))
	}
	for _, d := range m.Disks {
		if l.FreeDisk > 0 && d.CapacityBytes > l.FreeDisk {
			fs.add(FieldDiskSize, FormatSize(d.CapacityBytes), faultf(
				"The disk can grow to %s, but only %s are free.", FormatSize(d.CapacityBytes), FormatSize(l.FreeDisk)))
		}
	}
	return fs
}

func checkText(what, text string, lines bool) error {
	switch {
	case len(text) > MaxTextBytes:
		return faultf("The %s can have at most %d bytes.", what, MaxTextBytes)
	case !utf8.ValidString(text):
		return faultf("The %s is not valid UTF-8 text.", what)
	}
	for _, r := range text {
		if !xmlChar(r) || !lines && (r == '\n' || r == '\r') {
			return faultf("The %s contains a control character (%s).", what, Inert(string(r), 10))
		}
	}
	return nil
}

func checkGroup(group string) error {
	if group == "" {
		return nil
	}
	parts := strings.Split(group, "/")
	if len(parts) > 8 || len(group) > 512 {
		return faultf("Groups can be nested at most 8 deep.")
	}
	for _, part := range parts {
		if err := CheckName(part, nil); err != nil {
			return faultf("“%s” cannot be the name of a group. %s", Inert(part, shownValue), err)
		}
	}
	return nil
}

func checkOSID(id string) error {
	if len(id) > 256 || strings.ContainsFunc(id, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return faultf("“%s” does not name an operating system.", Inert(id, shownValue))
	}
	return nil
}

func checkFirmware(m Machine) error {
	switch {
	case m.Firmware != FirmwareBIOS && m.Firmware != FirmwareUEFI && m.Firmware != "":
		return faultf("“%s” is no firmware; use bios or uefi.", Inert(string(m.Firmware), shownValue))
	case m.SecureBoot && m.Firmware != FirmwareUEFI:
		return faultf("Secure Boot needs UEFI firmware.")
	}
	if m.NVRAM != "" {
		return CheckPath(m.NVRAM)
	}
	return nil
}

func checkMemory(bytes int64, l Limits) error {
	switch {
	case bytes < MinMemory:
		return faultf("At least %s of memory are needed.", FormatSize(MinMemory))
	case bytes > MaxMemory:
		return faultf("At most %s of memory are possible.", FormatSize(MaxMemory))
	case bytes%KiB != 0:
		return faultf("Memory is counted in KiB; %s is not a multiple.", FormatBytes(bytes))
	case l.HostMemory > 0 && bytes > l.HostMemory:
		return faultf("The host has only %s of memory.", FormatSize(l.HostMemory))
	}
	return nil
}

func checkCPUs(n int, l Limits) error {
	most := l.MaxCPUs
	if most <= 0 {
		most = DefaultCPUs
	}
	switch {
	case n < 1:
		return faultf("At least one CPU is needed.")
	case n > most:
		return faultf("At most %d CPUs are possible.", most)
	}
	return nil
}

// knownFormats are the image formats that a machine of ours may name.
var knownFormats = []string{"qcow2", "raw"}

var diskBuses = []string{"virtio", "sata", "scsi", "usb", "ide", "fdc"}

func (m Machine) checkDisks(fs *Faults) {
	seen, targets := map[string]bool{}, map[string]bool{}
	for _, d := range m.Disks {
		field := FieldDiskPath
		if d.Device == DeviceCDROM || d.Device == DeviceFloppy {
			field = FieldISO
		}
		switch {
		case d.Path != "":
			fs.add(field, d.Path, CheckPath(d.Path))
			if seen[d.Path] {
				fs.add(field, d.Path, faultf("“%s” is used twice.", Inert(d.Path, shownValue)))
			}
			seen[d.Path] = true
			// A disc is raw by its nature; a disk's format must be said.
			if !slices.Contains(knownFormats, d.Format) && (d.Device == DeviceDisk || d.Format != "") {
				fs.add(field, d.Format, faultf("The format “%s” is not supported; use qcow2 or raw.", Inert(d.Format, shownValue)))
			}
		case d.Device == DeviceDisk && d.Source == "":
			fs.add(field, "", faultf("The disk has no file."))
		}
		if d.Device != DeviceDisk && d.Device != DeviceCDROM && d.Device != DeviceFloppy {
			fs.add(field, string(d.Device), faultf("“%s” is no kind of drive.", Inert(string(d.Device), shownValue)))
		}
		if d.Bus != "" && !slices.Contains(diskBuses, d.Bus) {
			fs.add(field, d.Bus, faultf("“%s” is no disk controller.", Inert(d.Bus, shownValue)))
		}
		if d.Target != "" {
			fs.add(field, d.Target, checkWord("drive name", d.Target))
			if targets[d.Target] {
				fs.add(field, d.Target, faultf("Two drives are called “%s”.", Inert(d.Target, shownValue)))
			}
			targets[d.Target] = true
		}
		if d.CapacityBytes != 0 {
			fs.add(FieldDiskSize, strconv.FormatInt(d.CapacityBytes, 10), CheckDiskSize(d.CapacityBytes))
		}
	}
}

// CheckDiskSize says whether a disk of this many bytes can be made.
func CheckDiskSize(bytes int64) error {
	var message string
	switch {
	case bytes < MinDisk:
		message = fmt.Sprintf("A disk needs at least %s.", FormatSize(MinDisk))
	case bytes > MaxDisk:
		message = fmt.Sprintf("A disk can have at most %s.", FormatSize(MaxDisk))
	case bytes%512 != 0:
		message = fmt.Sprintf("A disk consists of sectors of 512 bytes; %s is not a multiple.", FormatBytes(bytes))
	default:
		return nil
	}
	return Fault{Field: FieldDiskSize, Value: strconv.FormatInt(bytes, 10), Message: message, Err: ErrSize}
}

func (m Machine) checkNICs(fs *Faults) {
	seen := map[string]bool{}
	for _, f := range m.Forwards {
		if min(f.Host, f.Guest) < 1 || max(f.Host, f.Guest) > 65535 {
			fs.add(FieldNIC, fmt.Sprint(f.Guest), faultf("A port is a number from 1 to 65535."))
		}
	}
	if len(m.Forwards) > 0 && (len(m.NICs) == 0 || m.NICs[0].Kind != "user") {
		fs.add(FieldNIC, "", faultf("Ports can only be led to a machine whose first network adapter shares this computer's network."))
	}
	private := 0
	for i, n := range m.NICs {
		switch {
		case n.Kind == NICPrivate:
			private++
			fs.add(FieldNIC, n.Source, CheckPrivateNetwork(n.Source))
		case private > 0: // libvirt knows nothing of those, so they are read after all others
			fs.add(FieldNIC, n.Kind, faultf("Network adapters of private networks come after all others."))
		}
		if n.Isolated && (n.Kind != "user" || i > 0) {
			fs.add(FieldNIC, n.Kind, faultf("Only a first network adapter that shares this computer's network can be isolated."))
		}
		fs.add(FieldNIC, n.Kind, checkWord("network connection", n.Kind))
		fs.add(FieldNIC, n.Model, checkWord("network adapter", n.Model))
		fs.add(FieldNIC, n.Source, checkText("network", n.Source, false))
		if n.MAC == "" {
			continue
		}
		fs.add(FieldNIC, n.MAC, CheckMAC(n.MAC))
		if mac := strings.ToLower(n.MAC); seen[mac] {
			fs.add(FieldNIC, n.MAC, faultf("Two network adapters have the address %s.", Inert(n.MAC, shownValue)))
		} else {
			seen[mac] = true
		}
	}
	if private > MaxPrivateNICs {
		fs.add(FieldNIC, strconv.Itoa(private), faultf("A machine can be in at most %d private networks.", MaxPrivateNICs))
	}
}

var (
	// privateNetworks are the multicast addresses that every organisation may use as it likes (RFC 2365, "Administratively Scoped IP Multicast").
	privateNetworks = netip.MustParsePrefix("239.0.0.0/8")
	// loopback are the addresses of this computer for itself (RFC 1122, 3.2.1.3).
	loopback = netip.MustParsePrefix("127.0.0.0/8")
)

// CheckPrivateNetwork says whether text is the source of a NICPrivate: an administratively scoped multicast address with a UDP port that needs no privileges, or two different loopback addresses
// with such ports.
func CheckPrivateNetwork(text string) error {
	from, to, cable := strings.Cut(text, "-")
	within := privateNetworks
	if cable {
		within = loopback
	}
	if isEndpoint(from, within) && (!cable || from != to && isEndpoint(to, within)) {
		return nil
	}
	return faultf("“%s” is no private network; write for example 239.77.12.5:23456, with an address that begins with 239 and a port from 1024 to 65535, or two ends of a cable such as 127.9.8.7:23456-127.6.5.4:34567.", Inert(text, shownValue))
}

// isEndpoint reports whether text is an address in a range with a port that needs no privileges, written canonically: it goes to QEMU as it is.
func isEndpoint(text string, within netip.Prefix) bool {
	e, err := netip.ParseAddrPort(text)
	return err == nil && e.String() == text && within.Contains(e.Addr()) && e.Port() >= 1024
}

// CheckMAC says whether text is an Ethernet address that one adapter can have: six bytes, not all zero, not a group address.
func CheckMAC(text string) error {
	var message string
	mac, err := net.ParseMAC(text)
	switch {
	case err != nil || len(mac) != 6 || strings.Count(text, ":") != 5:
		message = fmt.Sprintf("“%s” is no network address; write for example 52:54:00:12:34:56.", Inert(text, shownValue))
	case mac[0]&1 != 0:
		message = fmt.Sprintf("%s addresses a group; the first byte must be even.", text)
	case slices.Equal(mac, net.HardwareAddr{0, 0, 0, 0, 0, 0}):
		message = "An address of zeros cannot be used."
	default:
		return nil
	}
	return Fault{Field: FieldNIC, Value: Inert(text, shownValue), Message: message}
}

// checkWord accepts the identifiers of device models and the like: they go into XML as attribute values
// and from there to QEMU's command line.
func checkWord(what, word string) error {
	if len(word) > 64 || strings.ContainsFunc(word, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-' && r != '_' && r != '.'
	}) {
		return faultf("“%s” is no %s.", Inert(word, shownValue), what)
	}
	return nil
}
