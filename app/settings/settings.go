// Package settings is the user's preferences file.
package settings

import "github.com/google/uuid"

// WindowSize is the size of a window in Fyne's units.
type WindowSize struct {
	Width  float32 `json:"width"`
	Height float32 `json:"height"`
}

// Settings are the preferences. The maps of a value that Get returned must not be changed.
type Settings struct {
	Appearance     string                `json:"appearance"`      // auto, light or dark
	PreviewSeconds float64               `json:"preview_seconds"` // time between two preview pictures; 0 turns the preview off
	CloseChoice    map[uuid.UUID]string  `json:"close_choice"`    // last answer to "what should happen when the window closes", by machine
	Windows        map[string]WindowSize `json:"windows"`         // by name of the window
	LastFolder     string                `json:"last_folder"`     // where the last file was chosen
	ConfirmRestore bool                  `json:"confirm_restore"` // ask before a restore even when nothing would be lost
}

// Store holds the settings and writes them to their file.
type Store struct{}

func Load(path string) (*Store, error)               { panic("later") }
func (s *Store) Get() Settings                       { panic("later") }
func (s *Store) Update(change func(*Settings)) error { panic("later") }
