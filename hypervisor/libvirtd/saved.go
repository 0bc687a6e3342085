package libvirtd

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/bits"
	"os"
	"path/filepath"

	libvirt "github.com/digitalocean/go-libvirt"

	"guesthouse/hypervisor"
)

// The head of libvirt's saved states (virQEMUSaveHeader, qemu_saveimage.h): a magic word, numbers in the byte order of the host
// that wrote them, unused space; then the machine's description.
const (
	savedMagic   = "LibvirtQemudSave" // "LibvirtQemudPart" while it is being written
	savedHead    = 92
	savedVersion = 16 // offset; small, so it tells the byte order
	savedLength  = 20 // offset of the length of what follows the head
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
	if err := checkSavedFile(file); err != nil {
		return &hypervisor.Error{Text: fmt.Sprintf("%s: %v", file, err), Kind: hypervisor.ErrSavedDamaged}
	}
	return nil
}

// checkSavedFile tells what is wrong with a saved state. A file that cannot be opened is not judged.
func checkSavedFile(name string) error {
	f, err := os.Open(name)
	if err != nil {
		return nil
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil
	}
	head := make([]byte, savedHead)
	if _, err := io.ReadFull(f, head); err != nil {
		return fmt.Errorf("it has %d bytes only", info.Size())
	}
	if string(head[:len(savedMagic)]) != savedMagic {
		return errors.New("it was not written to its end, or is something else")
	}
	version, length := binary.NativeEndian.Uint32(head[savedVersion:]), binary.NativeEndian.Uint32(head[savedLength:])
	if version > 0xffff {
		length = bits.ReverseBytes32(length)
	}
	if info.Size() <= savedHead+int64(length) {
		return errors.New("it is cut off")
	}
	return nil
}
