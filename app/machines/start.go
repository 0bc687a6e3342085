package machines

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/google/uuid"

	"guesthouse/hypervisor"
	"guesthouse/hypervisor/saveimage"
)

// ErrSavedState says that the machine's saved state is missing or damaged. The way on is ActionDiscardSaved, then a fresh start.
var ErrSavedState = errors.New("the saved state cannot be used")

// start boots the machine or resumes its saved state. A saved state that is damaged is refused: libvirt would start afresh without a word,
// or fail for ever.
func (s *Service) start(ctx context.Context, id uuid.UUID) error {
	d, err := s.p.Conn.Domain(ctx, id)
	if err != nil {
		return err
	}
	if d.State == hypervisor.StateSaved {
		path, known := SavedStatePath(s.p.Conn.Host(), d.Name)
		if known {
			if _, err := saveimage.Read(path); err != nil && !errors.Is(err, fs.ErrPermission) {
				return fmt.Errorf("%w: %w", ErrSavedState, err)
			}
		}
	}
	return s.p.Conn.Start(ctx, id)
}

// SavedStatePath returns where the user's own daemon keeps the machine's saved state (libvirt's driver.c: saveDir is
// $XDG_CONFIG_HOME/libvirt/qemu/save). known is false when that cannot be told: another daemon, or one with other folders.
func SavedStatePath(host hypervisor.Host, name string) (path string, known bool) {
	if !host.Session || !host.Local || host.Hypervisor != "QEMU" {
		return "", false
	}
	config, err := os.UserConfigDir() // $XDG_CONFIG_HOME or ~/.config
	if err != nil {
		return "", false
	}
	dir := filepath.Join(config, "libvirt", "qemu", "save")
	if _, err := os.Stat(dir); err != nil {
		return "", false
	}
	return filepath.Join(dir, name+".save"), true
}
