package wizard

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"unicode"

	"guesthouse/ui/lang"
	"guesthouse/vmconfig"
	"guesthouse/vmconfig/guestos"
)

// osSource says why a system is chosen. A later one in this list is stronger.
type osSource int

const (
	osNone osSource = iota
	osFromName
	osFromDisc
	osByHand
)

// discState is how far the reading of the installation disc is.
type discState int

const (
	discNone discState = iota
	discReading
	discKnown
	discUnknown // an ISO, but of no system that the catalogue knows
	discBad
)

// disc is the ISO file that the user chose.
type disc struct {
	text  string // as typed: the field must not change below the cursor
	path  string
	seq   int // number of the choice: the result of an earlier one is dropped
	state discState
	media guestos.Media
	err   error
}

// SetName takes the name as typed. Until a system is chosen or recognised, the name also guesses it.
func (m *Model) SetName(text string) {
	m.draft.Name = capText(text)
	m.edit(vmconfig.FieldName, m.draft.Name != "")
	m.guessOS()
}

// guessOS chooses the system that the name speaks of, as long as nothing better is known.
func (m *Model) guessOS() {
	if m.catalogue == nil || m.osSource > osFromName || !m.chosen[vmconfig.FieldName] {
		return
	}
	os, ok := m.catalogue.GuessFromName(m.draft.Name)
	switch {
	case !ok && m.osSource == osNone:
	case !ok:
		m.setOS(nil, osNone)
	case m.os == nil || m.os.ID != os.ID:
		m.setOS(os, osFromName)
	}
}

// PickOS takes the system that the user chose from the list; nil is "Other system".
func (m *Model) PickOS(os *guestos.OS) {
	m.edit(vmconfig.FieldOS, true)
	m.setOS(os, osByHand)
}

// OS returns the chosen system; nil with chosen true is "Other system".
func (m *Model) OS() (os *guestos.OS, chosen bool) { return m.os, m.osSource != osNone }

func (m *Model) setOS(os *guestos.OS, source osSource) {
	m.os, m.osSource = os, source
	id := ""
	if os != nil {
		id = os.ID
	}
	delete(m.refused, vmconfig.FieldOS)
	m.applyDefaults(id)
	if os != nil && !m.chosen[vmconfig.FieldName] {
		m.draft.Name = FreeName(os.Name, m.taken)
		delete(m.refused, vmconfig.FieldName)
	}
}

// SetISO takes the path of the installation disc, empty for none. When the file must be read, read is true:
// hand the result to ISORead with this seq.
func (m *Model) SetISO(path string) (seq int, read bool) {
	text := capText(path)
	if text == m.disc.text {
		return m.disc.seq, false
	}
	path = expandHome(text)
	m.edit(vmconfig.FieldISO, path != "")
	m.draft.ISO = path
	m.disc = disc{text: text, path: path, seq: m.disc.seq + 1}
	switch {
	case path == "":
		m.forgetDiscOS()
	case !filepath.IsAbs(path):
		m.disc.state, m.disc.err = discBad, errNotAbsolute
	default:
		m.disc.state = discReading
	}
	return m.disc.seq, m.disc.state == discReading
}

// ISORead takes what reading the disc found. It reports false when another disc was chosen meanwhile.
func (m *Model) ISORead(seq int, media guestos.Media, err error) bool {
	if seq != m.disc.seq || m.disc.state != discReading {
		return false
	}
	m.disc.media, m.disc.err = media, err
	switch {
	case err != nil && !errors.Is(err, guestos.ErrUnknownMedia):
		m.disc.state = discBad
		m.forgetDiscOS()
	case media.OS == nil:
		m.disc.state = discUnknown
		m.forgetDiscOS()
	default:
		m.disc.state = discKnown
		if m.osSource != osByHand {
			m.setOS(media.OS, osFromDisc)
		}
	}
	return true
}

// forgetDiscOS takes back a system that only the previous disc spoke for.
func (m *Model) forgetDiscOS() {
	if m.osSource == osFromDisc {
		m.setOS(nil, osNone)
		m.guessOS()
	}
}

// UseDiscOS chooses the system of the disc although another was chosen by hand before.
func (m *Model) UseDiscOS() {
	if m.disc.state == discKnown {
		m.chosen[vmconfig.FieldOS] = false
		m.setOS(m.disc.media.OS, osFromDisc)
	}
}

// Tone is how a line of explanation is shown.
type Tone int

// The tones. ToneBusy comes with a spinner.
const (
	ToneQuiet Tone = iota
	ToneBusy
	ToneGood
	ToneWarning
)

// DiscNote says what is known of the disc, in one sentence. mismatch is true when the user chose another
// system by hand, so that taking the disc's can be offered. A disc that cannot be used is a fault of the field instead.
func (m *Model) DiscNote() (text string, tone Tone, mismatch bool) {
	switch m.disc.state {
	case discReading:
		return lang.L("Reading the disc…"), ToneBusy, false
	case discKnown:
		found := m.disc.media.OS.Name
		if m.osSource == osByHand && (m.os == nil || m.os.ID != m.disc.media.OS.ID) {
			return lang.F("%s was recognised on this disc, but you chose another system.", found), ToneWarning, true
		}
		switch {
		case m.disc.media.Guessed:
			return lang.F("The list of systems does not know this disc; %s comes closest.", found), ToneWarning, false
		case !m.disc.media.Bootable:
			return lang.F("%s was recognised on this disc, but no machine can start from it.", found), ToneWarning, false
		}
		return lang.F("%s was recognised on this disc.", found), ToneGood, false
	case discUnknown:
		return lang.L("The system on this disc was not recognised. Choose it below."), ToneWarning, false
	case discBad:
		return "", ToneQuiet, false
	default:
		return lang.L("The disc to install from. It can also be dropped on this window."), ToneQuiet, false
	}
}

// DiscOSName is the name of the system on the disc, empty while none is known.
func (m *Model) DiscOSName() string {
	if m.disc.state != discKnown {
		return ""
	}
	return m.disc.media.OS.Name
}

// NameNote warns of a name that is easily taken for another machine's.
func (m *Model) NameNote() (string, Tone) {
	if other, ok := vmconfig.LookAlike(m.draft.Name, m.taken); ok {
		return lang.F("This looks like the name of another machine, “%s”.", vmconfig.Inert(other, 80)), ToneWarning
	}
	return "", ToneQuiet
}

// OSNote says why a system is chosen when the user did not choose it.
func (m *Model) OSNote() (string, Tone) {
	if m.noSystems {
		return lang.L("The database of systems (osinfo-db) is not installed, so none can be recognised or suggested."), ToneWarning
	}
	if m.osSource == osFromName && m.os != nil {
		return lang.F("%s was chosen because of the name. Choose another one if that is wrong.", m.os.Name), ToneQuiet
	}
	return "", ToneQuiet
}

var errNotAbsolute = errors.New("not an absolute path")

func (d disc) fault() string {
	if d.state != discBad {
		return ""
	}
	switch {
	case errors.Is(d.err, errNotAbsolute):
		return lang.L("Give the whole path of the file, from the first “/” on.")
	case errors.Is(d.err, guestos.ErrTruncated):
		return lang.L("This disc image ends early: its download or copy is not complete.")
	case errors.Is(d.err, guestos.ErrNotISO):
		return lang.L("This file is not a disc image.")
	default:
		return fileFault(d.err)
	}
}

// fileFault says in one sentence why a file cannot be read.
func fileFault(err error) string {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return lang.L("There is no file at this path.")
	case errors.Is(err, fs.ErrPermission):
		return lang.L("You are not allowed to read this file.")
	default:
		return lang.F("The file cannot be read: %s", vmconfig.Inert(err.Error(), 200))
	}
}

// FreeName makes a machine name from the name of a system that no machine has yet: "Debian 12", "Debian 12 2".
func FreeName(system string, taken []string) string {
	base := cleanName(system)
	name := base
	// One number more than there are machines is always free.
	for n := 2; n <= len(taken)+2 && vmconfig.CheckName(name, taken) != nil; n++ {
		name = fmt.Sprintf("%s %d", base, n)
	}
	return name
}

// cleanName turns a system's name into one that follows the rule for machine names and leaves room for a number.
func cleanName(system string) string {
	const room = 56
	var b strings.Builder
	for _, r := range system {
		switch {
		case strings.ContainsRune(`/\:,"<>|?*%`, r):
			r = '-'
		case unicode.IsSpace(r) || !unicode.IsPrint(r):
			r = ' '
		}
		if b.Len()+len(string(r)) > room {
			break
		}
		b.WriteRune(r)
	}
	name := strings.TrimLeft(strings.Join(strings.Fields(b.String()), " "), "-. ")
	if vmconfig.CheckName(name, nil) != nil {
		return "Machine"
	}
	return name
}
