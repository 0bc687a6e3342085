package wizard

import (
	"strings"
	"unicode/utf8"

	"guesthouse/app/machines"
	"guesthouse/vmconfig"
	"guesthouse/vmconfig/guestos"
)

// fieldDiskMode is the choice between a new disk, an existing file and none.
const fieldDiskMode vmconfig.Field = "disk-mode"

// maxText caps what a text field takes, in bytes (reliability row 90: a pasted 10 MB must not freeze the window).
const maxText = vmconfig.MaxTextBytes

// Model is what the user has entered so far, and what follows from it: which fields still follow the system's
// defaults, what is wrong with each field, which page is shown. It never waits and belongs to the UI goroutine.
type Model struct {
	newDraft  func(osID string) machines.Draft
	catalogue Catalogue // nil until it is loaded, and when there is none
	loaded    bool      // the loading is over, with a catalogue or without
	noSystems bool      // there is no catalogue, or it is empty

	draft  machines.Draft
	host   Host
	taken  []string
	memory quantity
	cpus   quantity
	size   quantity

	os       *guestos.OS
	osSource osSource
	disc     disc
	file     diskFile
	// noDisk is true once the user has said that the machine shall have no disk.
	noDisk bool
	// startChosen is true once the user has said whether the machine shall start.
	startChosen bool

	// chosen marks the fields whose value is the user's own: defaults leave them alone.
	chosen map[vmconfig.Field]bool
	// edited marks the fields that the user has been in: their faults show at once.
	edited map[vmconfig.Field]bool
	// refused holds what the check before Create found, until the field is changed.
	refused map[vmconfig.Field]string

	page, reached Page
	tried         map[Page]bool
}

// Host is what the wizard knows of the computer that the machine will run on.
type Host struct {
	Limits vmconfig.Limits
	// Known is false until Limits were read.
	Known bool
	// NoUEFI says why UEFI cannot be chosen; empty when it can.
	NoUEFI string
	// Emulated is true when guests run without hardware acceleration.
	Emulated bool
	// Problem says why the host cannot be asked; empty when it answers.
	Problem string
}

// quantity is a number typed as text. The text stays as the user typed it, also while it is no number.
type quantity struct {
	text string
	err  error
}

// NewModel returns the model of an empty wizard. newDraft gives the defaults for a system ("" for an unknown one); it is
// not called before SetCatalogue, since it may have to wait for the catalogue. taken are the names of the machines that exist.
func NewModel(newDraft func(osID string) machines.Draft, taken []string) *Model {
	return &Model{
		newDraft: newDraft,
		taken:    taken,
		chosen:   map[vmconfig.Field]bool{},
		edited:   map[vmconfig.Field]bool{},
		refused:  map[vmconfig.Field]string{},
		tried:    map[Page]bool{},
	}
}

// SetCatalogue gives the model the operating systems once they are loaded (nil when there is no database), and guesses from
// the name typed meanwhile.
func (m *Model) SetCatalogue(c Catalogue) {
	m.catalogue, m.loaded = c, true
	m.noSystems = c == nil || len(c.Search("", true)) == 0
	m.applyDefaults(m.draft.OSID)
	m.guessOS()
}

// SetHost tells what the host can give.
func (m *Model) SetHost(h Host) {
	m.host = h
	if h.NoUEFI != "" && !m.chosen[vmconfig.FieldFirmware] {
		m.draft.Firmware = vmconfig.FirmwareBIOS
	}
}

// Host returns what SetHost told.
func (m *Model) Host() Host { return m.host }

// SetTaken replaces the names that are taken; the inventory may change while the wizard is open.
func (m *Model) SetTaken(names []string) { m.taken = names }

// Draft returns what would be created.
func (m *Model) Draft() machines.Draft {
	d := m.draft
	if !m.startChosen {
		d.Start = m.canStart()
	}
	switch d.DiskMode {
	case machines.DiskCreate:
		d.DiskPath, d.DiskFormat = "", ""
	case machines.DiskExisting:
		d.DiskBytes = 0
	default:
		d.DiskPath, d.DiskFormat, d.DiskBytes = "", "", 0
	}
	return d
}

// Dirty reports whether something would be lost when the wizard is closed.
func (m *Model) Dirty() bool { return len(m.edited) > 0 }

// Pending names the file that is still being read in the background, empty when there is none: a machine
// cannot be created before that is done.
func (m *Model) Pending() string {
	switch {
	case m.disc.state == discReading:
		return m.disc.path
	case m.draft.DiskMode == machines.DiskExisting && m.file.state == fileReading:
		return m.file.path
	default:
		return ""
	}
}

// SetStart says whether the machine starts when it is ready.
func (m *Model) SetStart(on bool) { m.startChosen, m.draft.Start = true, on }

// canStart reports whether there is something to start from.
func (m *Model) canStart() bool {
	return m.draft.ISO != "" || m.draft.DiskMode == machines.DiskExisting
}

// edit notes that the user changed a field; own tells whether the value is now the user's own.
func (m *Model) edit(f vmconfig.Field, own bool) {
	m.edited[f] = true
	m.chosen[f] = own
	delete(m.refused, f)
}

// applyDefaults fills the fields that are not the user's own with the defaults of a system.
func (m *Model) applyDefaults(osID string) {
	m.draft.OSID = osID
	if !m.loaded {
		return
	}
	d := m.newDraft(osID)
	if !m.chosen[vmconfig.FieldMemory] {
		m.draft.MemoryBytes = d.MemoryBytes
		m.memory = quantity{text: vmconfig.FormatSize(d.MemoryBytes)}
	}
	if !m.chosen[vmconfig.FieldCPUs] {
		m.draft.CPUs = d.CPUs
		m.cpus = quantity{text: formatCount(int64(d.CPUs))}
	}
	if !m.chosen[vmconfig.FieldFirmware] {
		m.draft.Firmware = d.Firmware
		if m.host.NoUEFI != "" {
			m.draft.Firmware = vmconfig.FirmwareBIOS
		}
	}
	if !m.chosen[vmconfig.FieldDiskSize] {
		m.draft.DiskBytes = d.DiskBytes
		m.size = quantity{text: vmconfig.FormatSize(d.DiskBytes)}
	}
	if !m.chosen[fieldDiskMode] {
		m.draft.DiskMode = d.DiskMode
	}
}

// capText cuts text to what a field takes.
func capText(text string) string { return cutText(text, maxText) }

// cutText cuts text to at most limit bytes, never inside a character.
func cutText(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	for limit > 0 && !utf8.RuneStart(text[limit]) {
		limit--
	}
	return strings.Clone(text[:limit])
}
