package lab

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/google/uuid"

	"guesthouse/vmconfig"
)

var (
	slug     = regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)
	language = regexp.MustCompile(`^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*$`) // BCP 47's shape; its registry grows
	program  = regexp.MustCompile(`^[0-9]{1,6}(\.[0-9]{1,6}){0,3}$`)
)

// Limits of parts of a config.
const (
	maxSlug      = 32
	maxNameBytes = 128
	maxNameParts = 4
	maxLanguage  = 35
	maxVersion   = 1<<31 - 1
	maxCPUs      = 64
	minMemoryMiB = 16
	maxMemoryMiB = 1 << 20
	maxMaximum   = 1000 // checkpoints
	sectorBytes  = 512
	minYear      = 2000
	maxYear      = 9999
)

// faults collects what is wrong, by the names of the JSON's fields.
type faults struct {
	list vmconfig.Faults
	of   string // whose fields they are; empty: the lab's
	err  error  // what each of them is; nil: ErrConfig
}

// add notes a fault; the sentence follows the field's name.
func (fs *faults) add(field, value, format string, args ...any) {
	fs.list = append(fs.list, vmconfig.Fault{
		Field: vmconfig.Field(field), Value: vmconfig.Inert(value, shownValue), Err: cmp.Or(fs.err, ErrConfig),
		Message: fmt.Sprintf("The %s's field “%s” %s.", cmp.Or(fs.of, "lab"), field, fmt.Sprintf(format, args...)),
	})
}

// Validate checks every value and returns all faults at once, each with the field's name and a sentence, wrapping ErrConfig. Nil means that
// the config can be signed, or believed as far as its signature is.
func (c *Config) Validate() vmconfig.Faults {
	var fs faults
	fs.number("format", int64(c.Format), Format, Format)
	if c.ID == uuid.Nil {
		fs.add("id", "", "must be a UUID")
	}
	fs.number("version", int64(c.Version), 1, maxVersion)
	if !c.Previous.IsZero() && c.Version == 1 {
		fs.add("previous", c.Previous.String(), "cannot be there in version 1")
	}
	fs.line("course.name", c.Course.Name, MaxCourseBytes)
	if _, err := ParseKey(c.Course.Key); err != nil {
		fs.add("course.key", c.Course.Key, "must be a public key of minisign, the second line of its .pub file")
	}
	fs.name(c.Name)
	fs.line("title", c.Title, MaxTitleBytes)
	if len(c.Language) > maxLanguage || !language.MatchString(c.Language) {
		fs.add("language", c.Language, "must be a language code such as de or pt-BR")
	}
	fs.text("text", c.Text, MaxTextBytes, true)
	fs.date("created", c.Created)
	if !c.Expires.IsZero() {
		fs.date("expires", c.Expires)
	}
	c.Machine.validate(&fs)
	fs.number("needs.memoryMiB", c.Needs.MemoryMiB, 0, maxMemoryMiB)
	fs.number("needs.diskMiB", c.Needs.DiskMiB, 0, MaxDisksBytes>>20)
	if c.Needs.Program != "" && !program.MatchString(c.Needs.Program) {
		fs.add("needs.program", c.Needs.Program, "must be a version such as 1.4")
	}
	c.Network.validate(&fs)
	c.validateParts(&fs)
	if c.Checkpoints != nil {
		fs.number("checkpoints.max", int64(c.Checkpoints.Max), 0, maxMaximum)
	}
	if c.Submit != nil {
		fs.number("submit.growthMiB", c.Submit.GrowthMiB, 1, maxMemoryMiB)
	}
	return fs.list
}

func (m *Machine) validate(fs *faults) {
	fs.oneOf("machine.arch", m.Arch, "x86_64")
	fs.oneOf("machine.chipset", m.Chipset, "q35", "pc")
	fs.oneOf("machine.firmware", m.Firmware, string(vmconfig.FirmwareBIOS), string(vmconfig.FirmwareUEFI))
	if m.SecureBoot && (m.Firmware != string(vmconfig.FirmwareUEFI) || m.Chipset != "q35") {
		fs.add("machine.secureBoot", "", "needs the firmware uefi and the chipset q35")
	}
	if len(m.OS) > 256 || strings.ContainsFunc(m.OS, func(r rune) bool { return r <= ' ' || r > '~' }) {
		fs.add("machine.os", m.OS, "must be an id of osinfo-db, or empty")
	}
	fs.number("machine.cpus", int64(m.CPUs), 1, maxCPUs)
	fs.number("machine.memoryMiB", m.MemoryMiB, minMemoryMiB, maxMemoryMiB)
	fs.oneOf("machine.video", m.Video, Videos...)
	fs.oneOf("machine.sound", m.Sound, Sounds...)
}

func (n *Network) validate(fs *faults) {
	fs.oneOf("network.mode", string(n.Mode), string(NetworkIsolated), string(NetworkInternet), string(NetworkNone))
	if len(n.Ports) > MaxPorts {
		fs.add("network.ports", "", "can have at most %d entries", MaxPorts)
		return
	}
	if n.Mode == NetworkNone && len(n.Ports) > 0 {
		fs.add("network.ports", "", "cannot be there without a network")
	}
	names, guests := map[string]bool{}, map[int]bool{}
	for i, p := range n.Ports {
		field := fmt.Sprintf("network.ports[%d]", i)
		fs.slug(field+".name", p.Name)
		fs.number(field+".guest", int64(p.Guest), 1, 65535)
		if names[p.Name] || guests[p.Guest] {
			fs.add(field, p.Name, "repeats a name or a port")
		}
		names[p.Name], guests[p.Guest] = true, true
	}
}

func (c *Config) validateParts(fs *faults) {
	if len(c.Disks) < 1 || len(c.Disks) > MaxDisks {
		fs.add("disks", "", "must have 1 to %d entries", MaxDisks)
		return
	}
	ids, total := map[string]bool{}, int64(0)
	for i, d := range c.Disks {
		field := fmt.Sprintf("disks[%d]", i)
		fs.slug(field+".id", d.ID)
		if ids[d.ID] || d.ID == VariablesID {
			fs.add(field+".id", d.ID, "is taken")
		}
		ids[d.ID] = true
		fs.number(field+".bytes", d.Bytes, sectorBytes, MaxDiskBytes)
		if d.Bytes%sectorBytes != 0 {
			fs.add(field+".bytes", strconv.FormatInt(d.Bytes, 10), "must be a multiple of %d", sectorBytes)
		}
		total += min(max(d.Bytes, 0), MaxDiskBytes)
		fs.oneOf(field+".bus", d.Bus, "virtio", "sata", "scsi", "ide")
		fs.named(field+".index", d.Index)
	}
	if total > MaxDisksBytes {
		fs.add("disks", "", "can have at most %s in all", vmconfig.FormatSize(MaxDisksBytes))
	}
	if v := c.Variables; v != nil {
		if c.Machine.Firmware != string(vmconfig.FirmwareUEFI) {
			fs.add("variables", "", "needs the firmware uefi")
		}
		fs.number("variables.bytes", v.Bytes, 1, MaxVariablesBytes)
		fs.named("variables.index", v.Index)
	}
}

func (fs *faults) number(field string, value, low, high int64) {
	switch {
	case value >= low && value <= high:
	case low == high:
		fs.add(field, strconv.FormatInt(value, 10), "is %d; it must be %d", value, low)
	default:
		fs.add(field, strconv.FormatInt(value, 10), "is %d; it must be from %d to %d", value, low, high)
	}
}

func (fs *faults) oneOf(field, value string, allowed ...string) {
	if !slices.Contains(allowed, value) {
		words := strings.Join(slices.DeleteFunc(slices.Clone(allowed), func(s string) bool { return s == "" }), ", ")
		fs.add(field, value, "is “%s”; possible: %s", vmconfig.Inert(value, shownValue), words)
	}
}

func (fs *faults) slug(field, value string) {
	if len(value) > maxSlug || !slug.MatchString(value) {
		fs.add(field, value, "is “%s”; it must be lower-case letters, digits and hyphens between them, at most %d", vmconfig.Inert(value, shownValue), maxSlug)
	}
}

func (fs *faults) name(value string) {
	if err := CheckName(value); err != nil {
		fs.add("name", value, "%s", err)
	}
}

// CheckName says what is wrong with a lab's short name (Config.Name), in words that follow its subject; nil: nothing.
func CheckName(name string) error {
	parts := strings.Split(name, "/")
	if len(name) > maxNameBytes || len(parts) > maxNameParts || slices.ContainsFunc(parts, func(part string) bool { return !slug.MatchString(part) }) {
		return fmt.Errorf("is “%s”; it must be 1 to %d parts with slashes between them, such as networks/lab-3, each of lower-case letters, digits and hyphens between them, at most %d in all",
			vmconfig.Inert(name, shownValue), maxNameParts, maxNameBytes)
	}
	return nil
}

func (fs *faults) named(field string, d Digest) {
	if d.IsZero() {
		fs.add(field, "", "must name an index by its digest")
	}
}

func (fs *faults) date(field string, t time.Time) {
	if year := t.Year(); year < minYear || year > maxYear {
		fs.add(field, "", "must be a time after the year 2000")
	}
}

// line checks one line of text that must be there.
func (fs *faults) line(field, value string, limit int) {
	if strings.TrimSpace(value) != value || value == "" {
		fs.add(field, value, "must be a text without blanks around it")
	}
	fs.text(field, value, limit, false)
}

func (fs *faults) text(field, value string, limit int, lines bool) {
	switch {
	case len(value) > limit:
		fs.add(field, value, "can have at most %d bytes", limit)
	case !utf8.ValidString(value):
		fs.add(field, value, "is not valid UTF-8 text")
	case strings.ContainsFunc(value, func(r rune) bool { return unicode.IsControl(r) && (!lines || r != '\n' && r != '\t') }):
		fs.add(field, value, "contains a control character")
	}
}
