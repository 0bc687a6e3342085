package wizard

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"guesthouse/ui/lang"
	"guesthouse/vmconfig"
)

// SetMemoryText takes the memory as typed in its field.
func (m *Model) SetMemoryText(text string) {
	m.edit(vmconfig.FieldMemory, true)
	m.memory, m.draft.MemoryBytes = newQuantity(text, m.draft.MemoryBytes, vmconfig.ParseMemory)
}

// SetCPUText takes the number of processors as typed in its field.
func (m *Model) SetCPUText(text string) {
	m.edit(vmconfig.FieldCPUs, true)
	m.cpus = quantity{text: capText(text)}
	n, err := parseCount(text)
	if err != nil {
		m.cpus.err = err
		return
	}
	m.draft.CPUs = int(n)
}

// SetFirmware takes the user's choice of firmware.
func (m *Model) SetFirmware(f vmconfig.Firmware) {
	m.edit(vmconfig.FieldFirmware, true)
	m.draft.Firmware = f
}

// MemoryNote puts the zone of the memory into words: what stays for the host, counting the machines that run.
func (m *Model) MemoryNote() (string, Tone) {
	if m.memory.err != nil || !m.host.Known {
		return "", ToneQuiet
	}
	l, bytes := m.host.Limits, m.draft.MemoryBytes
	zones := vmconfig.MemoryZones(l)
	have := lang.F("This computer has %s.", about(l.HostMemory))
	if l.OtherMemory > 0 {
		have = lang.F("This computer has %s; machines that run now take %s.", about(l.HostMemory), about(l.OtherMemory))
	}
	have = m.memory.echo(bytes) + have + " "
	switch {
	case bytes > zones.Amber:
		return have + lang.L("That leaves too little: the machine may not start, or everything becomes slow."), ToneWarning
	case bytes > zones.Green:
		return have + lang.L("That leaves little for other programs."), ToneWarning
	default:
		left := l.HostMemory - l.OtherMemory - bytes
		return have + lang.F("%s stay free for other programs.", about(left)), ToneQuiet
	}
}

// CPUNote puts the zone of the processors into words.
func (m *Model) CPUNote() (string, Tone) {
	if m.cpus.err != nil || !m.host.Known {
		return "", ToneQuiet
	}
	l := m.host.Limits
	have := lang.N("This computer has %d processor.", "This computer has %d processors.", l.HostCPUs, l.HostCPUs)
	if int64(m.draft.CPUs) > vmconfig.CPUZones(l).Green {
		return have + " " + lang.L("With more than it has, the machine becomes slower, not faster."), ToneWarning
	}
	return have, ToneQuiet
}

// FirmwareNote says why a firmware cannot be chosen, or what the chosen one is good for.
func (m *Model) FirmwareNote() string {
	switch {
	case m.host.NoUEFI != "":
		return m.host.NoUEFI
	case m.draft.Firmware == vmconfig.FirmwareUEFI:
		return lang.L("What today's computers have. Windows 11 needs it.")
	default:
		return lang.L("What older computers have. Most systems start with it; a few new ones do not.")
	}
}

// about writes a size that nobody needs exactly: tenths of a GiB, else whole MiB, rounded down.
func about(bytes int64) string {
	if bytes < vmconfig.GiB {
		return vmconfig.FormatSize(max(0, bytes) / vmconfig.MiB * vmconfig.MiB)
	}
	tenths := bytes / (vmconfig.GiB / 10)
	return strings.TrimSuffix(fmt.Sprintf("%d.%d", tenths/10, tenths%10), ".0") + " GiB"
}

// newQuantity reads a typed value; when the text is none, the last good value stays.
func newQuantity(text string, last int64, parse func(string) (int64, error)) (quantity, int64) {
	q := quantity{text: capText(text)}
	value, err := parse(q.text)
	if err != nil {
		q.err = err
		return q, last
	}
	return q, value
}

// echo repeats a typed size in binary units and in bytes where the text did not use those (10 GB is 9.3 GiB), so that
// nobody gets another size than expected; else it is empty.
func (q quantity) echo(bytes int64) string {
	if q.err != nil || strings.EqualFold(strings.ReplaceAll(q.text, " ", ""), strings.ReplaceAll(vmconfig.FormatSize(bytes), " ", "")) {
		return ""
	}
	return lang.F("That is %s (%s).", about(bytes), vmconfig.FormatBytes(bytes)) + " "
}

var errNoCount = errors.New(lang.Key("Type a whole number, such as 2."))

// parseCount reads a number of processors: ASCII digits only, so that nothing is read in two ways.
func parseCount(text string) (int64, error) {
	text = strings.TrimSpace(text)
	if text == "" || len(text) > 6 || strings.Trim(text, "0123456789") != "" {
		return 0, errNoCount
	}
	return strconv.ParseInt(text, 10, 64)
}

func formatCount(n int64) string { return strconv.FormatInt(n, 10) }
