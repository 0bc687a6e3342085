// Package settings is the user's preferences file.
package settings

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"sync"

	"github.com/google/uuid"

	"guesthouse/app/atomicfile"
)

// fileVersion is the version of the file's layout that this program writes and reads.
const fileVersion = 1

// sizeLimit is the most bytes that are read: a settings file is small, whatever lies there instead is none.
const sizeLimit = 1 << 20

// ErrSetAside says that the file could not be used and was kept under another name; defaults apply.
var ErrSetAside = errors.New("the settings could not be read")

// WindowSize is the size of a window in Fyne's units.
type WindowSize struct {
	Width  float32 `json:"width"`
	Height float32 `json:"height"`
}

// A Combo is an entry of the consoles' menu of key combinations.
type Combo struct {
	Label string   `json:"label"`
	Keys  []uint16 `json:"keys"` // Linux evdev codes, pressed in this order
}

// Console is how the window of one machine shows and feeds it.
type Console struct {
	Scaling            string `json:"scaling,omitempty"` // fit (also empty), exact, integer, guest (the guest follows the window)
	Manual             bool   `json:"manual,omitempty"`  // the window waits for the user before it connects to the screen
	ClipboardToGuest   bool   `json:"clipboard_to_guest,omitempty"`
	ClipboardFromGuest bool   `json:"clipboard_from_guest,omitempty"`
	TaskFolded         bool   `json:"task_folded,omitempty"` // the text of the machine's lab is not shown
	Layout             string `json:"layout,omitempty"`      // keyboard layout of the guest for typed text, by QEMU's name ("de"); empty: the host's
}

// Automatic says how checkpoints of one machine are saved by themselves.
type Automatic struct {
	Minutes int `json:"minutes"` // between two of them, while the machine runs
	Keep    int `json:"keep"`    // how many are kept
}

// Settings are the preferences. The maps of a value that Get returned must not be changed.
type Settings struct {
	Appearance     string                `json:"appearance"`      // auto, light or dark
	PreviewSeconds float64               `json:"preview_seconds"` // time between two preview pictures; 0 turns the preview off
	CloseChoice    map[uuid.UUID]string  `json:"close_choice"`    // last answer to "what should happen when the window closes", by machine
	Windows        map[string]WindowSize `json:"windows"`         // by name of the window
	LastFolder     string                `json:"last_folder"`     // where the last file was chosen
	ConfirmRestore bool                  `json:"confirm_restore"` // ask before a restore even when nothing would be lost
	LastCourse     string                `json:"last_course"`     // of the last lab that was published
	LastLanguage   string                `json:"last_language"`   // of that lab, BCP 47
	LastHandIn     string                `json:"last_hand_in"`    // where the last submission went
	Submissions    string                `json:"submissions"`     // the folder whose submissions were listed last
	SaveFirst      bool                  `json:"save_first"`      // save a checkpoint by itself before a restore that loses something, and before settings change

	Automatic map[uuid.UUID]Automatic `json:"automatic_checkpoints"` // by machine; those without an entry have none

	Consoles        map[uuid.UUID]Console `json:"consoles"`         // by machine
	HostKey         []uint16              `json:"host_key"`         // evdev codes of one to three keys that together are the host key
	CaptureKeyboard bool                  `json:"capture_keyboard"` // a console with the focus takes all keys, also the desktop's
	Combos          []Combo               `json:"combos"`           // the menu of key combinations; empty: the usual ones
}

// rightCtrl is KEY_RIGHTCTRL of Linux's input-event-codes.h.
const rightCtrl = 97

func defaults() Settings {
	return Settings{
		Appearance: "auto", PreviewSeconds: 1,
		CloseChoice: map[uuid.UUID]string{}, Windows: map[string]WindowSize{}, Automatic: map[uuid.UUID]Automatic{},
		Consoles: map[uuid.UUID]Console{}, HostKey: []uint16{rightCtrl}, CaptureKeyboard: true,
	}
}

// file is the layout on disk.
type file struct {
	Version int `json:"version"`
	Settings
}

// Store holds the settings and writes them to their file. Its methods may be called from any goroutine.
type Store struct {
	path string

	writing   sync.Mutex // one Update after the other, in order
	unwritten bool       // the last change could not be written

	mu      sync.Mutex
	current Settings
}

// Load reads the settings at path. The Store is always usable: a file that does not exist gives the defaults, and one that is
// damaged or written by a newer program is kept beside (atomicfile.SetAside), with an error that wraps ErrSetAside and an
// atomicfile.DamagedError.
func Load(path string) (*Store, error) {
	s := &Store{path: path, current: defaults()}
	text, err := read(path)
	if errors.Is(err, fs.ErrNotExist) {
		return s, nil
	}
	if err == nil {
		s.current, err = parse(text)
	}
	if err == nil {
		return s, nil
	}
	s.current = defaults()
	return s, fmt.Errorf("%w: %w", ErrSetAside, atomicfile.SetAside(path, err))
}

func read(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Size() > sizeLimit {
		return nil, errors.New("not a settings file")
	}
	return os.ReadFile(path)
}

func parse(text []byte) (Settings, error) {
	f := file{Settings: defaults()}
	if err := json.NewDecoder(bytes.NewReader(text)).Decode(&f); err != nil {
		return Settings{}, err
	}
	if f.Version != fileVersion {
		return Settings{}, fmt.Errorf("layout version %d, this program knows %d", f.Version, fileVersion)
	}
	return f.Settings.checked(), nil
}

// checked replaces values that make no sense by their defaults.
func (s Settings) checked() Settings {
	d := defaults()
	switch s.Appearance {
	case "auto", "light", "dark":
	default:
		s.Appearance = d.Appearance
	}
	if s.PreviewSeconds != 0 && (s.PreviewSeconds < 0.5 || s.PreviewSeconds > 60) {
		s.PreviewSeconds = d.PreviewSeconds
	}
	if s.CloseChoice == nil {
		s.CloseChoice = d.CloseChoice
	}
	if s.Windows == nil {
		s.Windows = d.Windows
	}
	if s.Automatic == nil {
		s.Automatic = d.Automatic
	}
	maps.DeleteFunc(s.Automatic, func(_ uuid.UUID, a Automatic) bool { return a.Minutes < 1 || a.Keep < 1 })
	if s.Consoles == nil {
		s.Consoles = d.Consoles
	}
	if len(s.HostKey) < 1 || len(s.HostKey) > 3 {
		s.HostKey = d.HostKey
	}
	return s
}

// Reload reads what another process has written meanwhile. A file that cannot be used changes nothing.
func (s *Store) Reload() {
	s.writing.Lock()
	defer s.writing.Unlock()
	if !s.unwritten {
		s.reload()
	}
}

func (s *Store) reload() {
	text, err := read(s.path)
	if err != nil {
		return
	}
	if now, err := parse(text); err == nil {
		s.mu.Lock()
		s.current = now
		s.mu.Unlock()
	}
}

// Get returns the settings. It only reads memory.
func (s *Store) Get() Settings {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.current
}

// Update changes the settings, as they are in the file by now, and writes them; it waits for the disk, so it is not for the UI goroutine. When the file cannot be
// written the change applies all the same until the program ends, and the error says why.
func (s *Store) Update(change func(*Settings)) error {
	s.writing.Lock()
	defer s.writing.Unlock()
	if !s.unwritten { // what is only in memory would be lost
		s.reload()
	}
	next := s.Get()
	next.CloseChoice = maps.Clone(next.CloseChoice)
	next.Windows = maps.Clone(next.Windows)
	next.Consoles = maps.Clone(next.Consoles)
	next.Automatic = maps.Clone(next.Automatic)
	change(&next)
	next = next.checked()
	s.mu.Lock()
	s.current = next
	s.mu.Unlock()
	text, err := json.MarshalIndent(file{fileVersion, next}, "", "  ")
	if err != nil {
		return err
	}
	err = atomicfile.Write(s.path, append(text, '\n'))
	s.unwritten = err != nil
	return err
}
