package libvirtd

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	libvirt "github.com/digitalocean/go-libvirt"

	"guesthouse/hypervisor"
	"guesthouse/hypervisor/saveimage"
)

// checkSaved looks at the saved state that a start would resume. libvirt 9.0 takes an empty file for none and boots the
// machine afresh without a word, and keeps failing on a truncated one. Only the files of the user's own daemon can be seen;
// elsewhere libvirt is left to judge.
func (c *Conn) checkSaved(l *libvirt.Libvirt, d libvirt.Domain) error {
	h := c.Host()
	if !h.Local || !h.Session || h.Hypervisor != "QEMU" {
		return nil
	}
	config, err := os.UserConfigDir()
	if err != nil {
		return nil //nolint:nilerr // nothing to look at
	}
	file := filepath.Join(config, "libvirt", "qemu", "save", d.Name+".save")
	if _, err := os.Lstat(file); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if saved, err := l.DomainHasManagedSaveImage(d, 0); err != nil || saved != 1 {
		return nil //nolint:nilerr // the start itself will tell
	}
	if _, err := saveimage.Read(file); errors.Is(err, saveimage.ErrDamaged) { // one that cannot be opened is not judged
		return &hypervisor.Error{Text: err.Error(), Kind: hypervisor.ErrSavedDamaged}
	}
	return nil
}
