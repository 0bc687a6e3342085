package guestos

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"strings"

	"guesthouse/vmconfig/safefile"
)

// volume is what the descriptors of an ISO 9660 image say (ECMA-119, section 8).
type volume struct {
	found                           bool // there is a descriptor
	volumeID, systemID, publisherID string
	applicationID                   string
	bootable                        bool
	bytes                           int64 // size of the volume
	fileBytes                       int64
}

const (
	sectorBytes      = 2048
	firstDescriptor  = 16 // sector; those before it are free for boot code
	mostDescriptors  = 32
	descriptorBoot   = 0
	descriptorVolume = 1
	descriptorEnd    = 255
)

func readVolumeFile(path string) (volume, error) {
	file, info, err := safefile.Open(path)
	if err != nil {
		return volume{}, err
	}
	defer file.Close()
	return readVolume(file, info.Size())
}

// readVolume reads the descriptors of an image of this many bytes.
func readVolume(r io.ReaderAt, size int64) (volume, error) {
	v := volume{fileBytes: size}
	if size == 0 {
		return v, fmt.Errorf("%w: it is empty", ErrNotISO)
	}
	sector := make([]byte, sectorBytes)
	udf := false
	for i := range int64(mostDescriptors) {
		n, err := r.ReadAt(sector, (firstDescriptor+i)*sectorBytes)
		if err != nil && err != io.EOF {
			return v, err
		}
		if n < sectorBytes {
			break
		}
		standard := string(sector[1:6])
		if standard == "BEA01" || standard == "NSR02" || standard == "NSR03" {
			udf = true // the UDF descriptors follow those of ISO 9660, or stand alone
			continue
		}
		if standard != "CD001" {
			break
		}
		switch sector[0] {
		case descriptorBoot:
			v.bootable = v.bootable || bytes.HasPrefix(sector[7:], []byte("EL TORITO SPECIFICATION"))
		case descriptorVolume:
			if !v.found {
				v.readPrimary(sector)
			}
		}
		if sector[0] == descriptorEnd && !udf && v.found {
			break
		}
	}
	switch {
	case !v.found && udf:
		v.found = true
	case !v.found:
		return v, notISO(r, size)
	case v.bytes > size:
		return v, fmt.Errorf("%w: %d of %d bytes are there", ErrTruncated, size, v.bytes)
	}
	return v, nil
}

// readPrimary takes the fields of a primary volume descriptor (ECMA-119, 8.4).
func (v *volume) readPrimary(sector []byte) {
	v.found = true
	v.systemID = field(sector[8:40])
	v.volumeID = field(sector[40:72])
	v.publisherID = field(sector[318:446])
	v.applicationID = field(sector[574:702])
	blocks := int64(binary.LittleEndian.Uint32(sector[80:]))
	blockBytes := int64(binary.LittleEndian.Uint16(sector[128:]))
	v.bytes = blocks * blockBytes
}

// field returns a descriptor's text without its padding.
func field(b []byte) string {
	if end := bytes.IndexByte(b, 0); end >= 0 {
		b = b[:end]
	}
	return strings.ToValidUTF8(strings.TrimRight(string(b), " "), "\ufffd")
}

// lookAlikes are what is often taken for a disc image: what a download page, a browser or an archiver leaves.
var lookAlikes = []struct {
	offset int
	magic  string
	what   string
}{
	{0, "PK\x03\x04", "a ZIP archive; unpack it first"},
	{0, "\x1f\x8b", "a gzip archive; unpack it first"},
	{0, "BZh", "a bzip2 archive; unpack it first"},
	{0, "\xfd7zXZ\x00", "an xz archive; unpack it first"},
	{0, "\x28\xb5\x2f\xfd", "a zstd archive; unpack it first"},
	{0, "7z\xbc\xaf\x27\x1c", "a 7-Zip archive; unpack it first"},
	{0, "Rar!", "a RAR archive; unpack it first"},
	{257, "ustar", "an archive or appliance"},
	{0, "QFI\xfb", "a disk image, not a disc; use it as an existing disk"},
	{0, "KDMV", "a disk image of VMware, not a disc"},
	{0, "vhdxfile", "a disk image of Hyper-V, not a disc"},
	{64, "\x7f\x10\xda\xbe", "a disk image of VirtualBox, not a disc"},
	{0, "%PDF", "a PDF document"},
	{0, "\x7fELF", "a program"},
	{0, "MZ", "a Windows program"},
	{510, "\x55\xaa", "the image of a disk or USB stick, not of a disc"},
}

// notISO says what a file that is no disc image seems to be.
func notISO(r io.ReaderAt, size int64) error {
	head := make([]byte, min(size, 4096))
	n, err := r.ReadAt(head, 0)
	if err != nil && err != io.EOF {
		return err
	}
	head = head[:n]
	text := strings.ToLower(string(bytes.TrimLeft(bytes.TrimPrefix(head, []byte("\xef\xbb\xbf")), " \t\r\n")))
	for _, start := range []string{"<!doctype html", "<html", "<head", "<body", "<script", "<?xml"} {
		if strings.HasPrefix(text, start) {
			return fmt.Errorf("%w: it is a web page; the download went wrong", ErrNotISO)
		}
	}
	for _, l := range lookAlikes {
		if len(head) >= l.offset+len(l.magic) && string(head[l.offset:l.offset+len(l.magic)]) == l.magic {
			return fmt.Errorf("%w: it is %s", ErrNotISO, l.what)
		}
	}
	if size < (firstDescriptor+1)*sectorBytes {
		return fmt.Errorf("%w: it is too small", ErrNotISO)
	}
	return ErrNotISO
}
