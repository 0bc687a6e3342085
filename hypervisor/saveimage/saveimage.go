// Package saveimage reads the files in which libvirt's QEMU driver keeps the memory of a saved machine. The layout is that
// of virQEMUSaveHeader in libvirt's src/qemu/qemu_saveimage.h: a header of 92 bytes in the host's byte order, the machine's
// description and a cookie padded with zeros, then QEMU's migration stream.
package saveimage

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"guesthouse/vmconfig/safefile"
)

// Errors of Read.
var (
	// ErrDamaged says that the file is not a complete saved memory.
	ErrDamaged = errors.New("the saved memory is damaged")
	// ErrTooLong says that a changed description does not fit into the room that the file has for it.
	ErrTooLong = errors.New("the description does not fit into the file")
)

const (
	magic       = "LibvirtQemudSave" // "LibvirtQemudPart" while it is being written
	headerSize  = 92
	maxXML      = 16 << 20
	streamMagic = "QEVM" // QEMU_VM_FILE_MAGIC, begins an uncompressed migration stream
)

// header is virQEMUSaveHeader without its reserve.
type header struct {
	Magic        [16]byte
	Version      uint32
	DataLength   uint32 // description, cookie and padding
	WasRunning   uint32
	Compressed   uint32
	CookieOffset uint32
	Unused       [14]uint32
}

// Image is what a file with saved memory says about itself.
type Image struct {
	XML        string // the live description of the machine
	Running    bool   // it ran when it was saved; else it was paused
	Compressed bool
	Bytes      int64 // size of the file

	header header
	data   []byte
}

// Read reads the head of the file and checks it: an empty, half-written or foreign file is ErrDamaged. libvirt itself starts a machine
// afresh from an empty file, without a word.
func Read(path string) (*Image, error) {
	file, info, err := safefile.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	damaged := func(why string) (*Image, error) { return nil, fmt.Errorf("%w: %s: %s", ErrDamaged, path, why) }
	img := &Image{Bytes: info.Size()}
	if err := binary.Read(file, binary.NativeEndian, &img.header); err != nil {
		return damaged("it is too short")
	}
	h := img.header
	switch {
	case string(h.Magic[:]) != magic:
		return damaged("it does not begin as a saved memory does")
	case h.Version == 0 || h.Version > 3:
		return damaged(fmt.Sprintf("its version %d is not known", h.Version))
	case h.DataLength == 0 || h.DataLength > maxXML || h.CookieOffset > h.DataLength:
		return damaged("its header makes no sense")
	case info.Size() <= headerSize+int64(h.DataLength):
		return damaged("it ends early")
	}
	img.data = make([]byte, h.DataLength)
	if _, err := io.ReadFull(file, img.data); err != nil {
		return damaged("it ends early")
	}
	img.Running, img.Compressed = h.WasRunning != 0, h.Compressed != 0
	xml, _, terminated := bytes.Cut(img.data, []byte{0})
	if !terminated || !strings.Contains(string(xml), "<domain") {
		return damaged("it holds no description")
	}
	img.XML = string(xml)
	if !img.Compressed && h.Version == 2 {
		begin := make([]byte, len(streamMagic))
		if _, err := io.ReadFull(file, begin); err != nil || string(begin) != streamMagic {
			return damaged("it holds no memory")
		}
	}
	return img, nil
}

// CopyWithXML writes a copy of the file at from, with its description replaced by xml, to the new file at to. The copy is on the disk
// when it returns; on failure nothing is left. Machines keep their name in the memory file: a renamed one needs this before a restore.
func CopyWithXML(from, to, xml string) (err error) {
	img, err := Read(from)
	if err != nil {
		return err
	}
	var cookie []byte
	if o := img.header.CookieOffset; o > 0 {
		cookie, _, _ = bytes.Cut(img.data[o:], []byte{0})
		cookie = append(bytes.Clone(cookie), 0)
	}
	data := append([]byte(xml), 0)
	if img.header.CookieOffset > 0 {
		img.header.CookieOffset = uint32(len(data))
	}
	data = append(data, cookie...)
	if len(data) > len(img.data) {
		return fmt.Errorf("%w: %d of %d bytes", ErrTooLong, len(data), len(img.data))
	}
	data = append(data, make([]byte, len(img.data)-len(data))...)

	source, _, err := safefile.Open(from)
	if err != nil {
		return err
	}
	defer source.Close()
	if _, err := source.Seek(headerSize+int64(len(data)), io.SeekStart); err != nil {
		return err
	}
	target, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() {
		if closeErr := target.Close(); err == nil {
			err = closeErr
		}
		if err != nil {
			os.Remove(to)
		}
	}()
	if err := binary.Write(target, binary.NativeEndian, &img.header); err != nil {
		return err
	}
	if _, err := target.Write(data); err != nil {
		return err
	}
	if _, err := io.Copy(target, source); err != nil {
		return err
	}
	return target.Sync()
}
