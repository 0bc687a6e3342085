// Package settings is the user's preferences file. What belongs to a machine itself travels with the machine; here is what
// belongs to this user on this computer.
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
	"time"

	"github.com/google/uuid"

	"guesthouse/app/atomicfile"
)

// version is the version of the file that this program writes. A file of a later one is kept aside, not overwritten.
const version = 1

// maxBytes is far more than any settings file has.
const maxBytes = 4 << 20

// Appearances.
const (
	AppearanceAuto  = "auto"
	AppearanceLight = "light"
	AppearanceDark  = "dark"
)

// WindowSize is the size of a window in Fyne's units.
type WindowSize struct {
	Width  float32 `json:"width"`
	Height float32 `json:"height"`
}

// Settings are the preferences. The maps of a value that Get returned must not be changed; those that Update hands out may.
type Settings struct {
	Appearance     string                `json:"appearance"`      // auto, light or dark
	PreviewSeconds float64               `json:"preview_seconds"` // time between two preview pictures; 0 turns the preview off
	CloseChoice    map[uuid.UUID]string  `json:"close_choice"`    // last answer to what happens when a machine's window closes
	Windows        map[string]WindowSize `json:"windows"`         // by name of the window
	LastFolder     string                `json:"last_folder"`     // where the last file was chosen
	ConfirmRestore bool                  `json:"confirm_restore"` // ask before a restore even when nothing would be lost
}

// Defaults are the settings of a new user.
func Defaults() Settings {
	return Settings{
		Appearance: AppearanceAuto, PreviewSeconds: 1,
		CloseChoice: map[uuid.UUID]string{}, Windows: map[string]WindowSize{},
	}
}

// sane replaces values that make no sense by the defaults.
func (s *Settings) sane() {
	d := Defaults()
	switch s.Appearance {
	case AppearanceAuto, AppearanceLight, AppearanceDark:
	default:
		s.Appearance = d.Appearance
	}
	if s.PreviewSeconds < 0 || s.PreviewSeconds > 3600 {
		s.PreviewSeconds = d.PreviewSeconds
	}
	if s.CloseChoice == nil {
		s.CloseChoice = d.CloseChoice
	}
	if s.Windows == nil {
		s.Windows = d.Windows
	}
}

// clone copies the settings with their maps.
func (s Settings) clone() Settings {
	s.CloseChoice, s.Windows = maps.Clone(s.CloseChoice), maps.Clone(s.Windows)
	return s
}

// Store holds the settings and writes them to their file. Its methods may be called from any goroutine.
type Store struct {
	path string

	writing sync.Mutex // held over a whole Update, so that files are written in order
	mu      sync.RWMutex
	now     Settings
	notice  error
}

// file is the settings as they are stored.
type file struct {
	Version int `json:"version"`
	Settings
}

// ErrSetAside is wrapped by Notice when the file could not be used and was kept under another name.
var ErrSetAside = errors.New("the settings could not be read; the defaults are used")

// Load reads the file at path (absolute). A missing file gives the defaults. A file that is damaged or comes from a later version is renamed
// to <path>.bad-<time>, Notice tells so once, and the defaults are used; the error is about reading or renaming only.
func Load(path string) (*Store, error) {
	s := &Store{path: path, now: Defaults()}
	text, err := read(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return s, nil
	case err != nil && !errors.Is(err, errTooLarge):
		return s, err
	}
	f := file{Settings: Defaults()}
	if err == nil {
		err = json.Unmarshal(text, &f)
	}
	if err == nil && f.Version != version {
		err = fmt.Errorf("version %d is not known", f.Version)
	}
	if err == nil {
		f.sane()
		s.now = f.Settings
		return s, nil
	}
	aside := path + ".bad-" + time.Now().UTC().Format("20060102T150405.000")
	if renameErr := os.Rename(path, aside); renameErr != nil {
		return s, renameErr
	}
	s.notice = fmt.Errorf("%w: the old file is %s: %w", ErrSetAside, aside, err)
	return s, nil
}

var errTooLarge = errors.New("the file is too large")

func read(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.Size() > maxBytes {
		return nil, errTooLarge
	}
	return os.ReadFile(path)
}

// Notice returns once what the user should be told about the file, and nil from then on.
func (s *Store) Notice() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	err := s.notice
	s.notice = nil
	return err
}

// Get returns the settings. It only reads memory.
func (s *Store) Get() Settings {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.now
}

// Update changes the settings and writes them to the disk before it returns. When the file cannot be written, the change holds in this
// run only. It waits for the disk: not for the UI goroutine.
func (s *Store) Update(change func(*Settings)) error {
	s.writing.Lock()
	defer s.writing.Unlock()
	next := s.Get().clone()
	change(&next)
	next.sane()
	s.mu.Lock()
	s.now = next
	s.mu.Unlock()
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(file{Version: version, Settings: next}); err != nil {
		return err
	}
	return atomicfile.Write(s.path, text.Bytes())
}
