package wizard

import (
	"path/filepath"

	"guesthouse/app/machines"
	"guesthouse/hypervisor/diskimage"
	"guesthouse/ui/lang"
	"guesthouse/vmconfig"
)

// fileState is how far the inspection of an existing disk file is.
type fileState int

const (
	fileNone fileState = iota
	fileReading
	fileGood
	fileBad
)

// diskFile is the existing disk image that the user chose.
type diskFile struct {
	text   string // as typed
	path   string
	seq    int // number of the choice: the result of an earlier one is dropped
	state  fileState
	info   diskimage.Info
	reason string // why it is refused
}

// SetDiskMode takes the choice between a new disk, an existing file and none.
func (m *Model) SetDiskMode(mode machines.DiskMode) {
	m.edit(fieldDiskMode, true)
	m.draft.DiskMode = mode
	m.noDisk = false
	if mode == machines.DiskNone { // the question comes with Next, not with the choice
		m.edited[fieldDiskMode], m.tried[PageDisk] = false, false
	}
}

// ConfirmNoDisk notes that the user wants a machine without a disk.
func (m *Model) ConfirmNoDisk() { m.noDisk = true }

// SetDiskText takes the size of the new disk as typed in its field.
func (m *Model) SetDiskText(text string) {
	m.edit(vmconfig.FieldDiskSize, true)
	m.size, m.draft.DiskBytes = newQuantity(text, m.draft.DiskBytes, vmconfig.ParseDiskSize)
}

// SetDiskPath takes the path of an existing disk image. When the file must be inspected, read is true: hand the
// result to DiskInspected with this seq.
func (m *Model) SetDiskPath(path string) (seq int, read bool) {
	text := capText(path)
	if text == m.file.text {
		return m.file.seq, false
	}
	path = expandHome(text)
	m.edit(vmconfig.FieldDiskPath, path != "")
	m.draft.DiskPath, m.draft.DiskFormat = path, ""
	m.file = diskFile{text: text, path: path, seq: m.file.seq + 1}
	switch {
	case path == "":
	case !filepath.IsAbs(path):
		m.file.state, m.file.reason = fileBad, lang.L("Give the whole path of the file, from the first “/” on.")
	default:
		m.file.state = fileReading
	}
	return m.file.seq, m.file.state == fileReading
}

// DiskInspected takes what inspecting the disk image found; refusal is why the machine service does not take it,
// empty when it does. It reports false when another file was chosen meanwhile.
func (m *Model) DiskInspected(seq int, info diskimage.Info, refusal string, err error) bool {
	if seq != m.file.seq || m.file.state != fileReading {
		return false
	}
	m.file.info = info
	switch {
	case refusal != "":
		m.file.state, m.file.reason = fileBad, refusal
	case err != nil:
		m.file.state, m.file.reason = fileBad, sentenceOf(err)
	default:
		m.file.state = fileGood
		m.draft.DiskFormat = info.Format
	}
	return true
}

func (f diskFile) fault() string {
	switch f.state {
	case fileNone:
		return lang.L("Choose the file of the disk.")
	case fileBad:
		return f.reason
	default:
		return ""
	}
}

// DiskFileNote says what is known of the existing disk file, in one line.
func (m *Model) DiskFileNote() (string, Tone) {
	switch m.file.state {
	case fileReading:
		return lang.L("Looking at the file…"), ToneBusy
	case fileGood:
		return lang.F("A %s disk of %s, which takes %s now. It is used where it lies, not copied.",
			m.file.info.Format, vmconfig.FormatSize(m.file.info.VirtualBytes), about(m.file.info.DiskBytes)), ToneGood
	default:
		return lang.L("A qcow2 or raw image. It is used where it lies, not copied."), ToneQuiet
	}
}

// DiskSizeNote says how the new disk relates to the free space.
func (m *Model) DiskSizeNote() (string, Tone) {
	grows := m.size.echo(m.draft.DiskBytes) + lang.L("The file is small at first and grows as it is used.")
	if m.size.err != nil || !m.host.Known {
		return grows, ToneQuiet
	}
	free := m.host.Limits.FreeDisk
	have := " " + lang.F("%s are free now.", about(free))
	if m.draft.DiskBytes > free {
		return grows + have + " " + lang.L("A full disk would not fit: the machine is paused when the space ends."), ToneWarning
	}
	return grows + have, ToneQuiet
}
