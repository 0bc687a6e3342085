package diskimage

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"

	"guesthouse/vmconfig"
	"guesthouse/vmconfig/safefile"
)

// maxVirtual is the largest disk that is accepted.
const maxVirtual = 2 * vmconfig.TiB

// headBytes and tailBytes are what is read to tell formats apart.
const (
	headBytes = 64 << 10
	tailBytes = 512
)

// header is what the first bytes of an image say.
type header struct {
	format    string
	backing   string
	snapshots int
	dirty     bool
}

func inspectFile(path string) (header, error) {
	file, info, err := safefile.Open(path)
	if err != nil {
		return header{}, err
	}
	defer file.Close()
	return inspect(file, info.Size())
}

// inspect decides what an image is. It reads at most headBytes + tailBytes and refuses what no QEMU should be given.
func inspect(r io.ReaderAt, size int64) (header, error) {
	if size == 0 {
		return header{}, fmt.Errorf("%w: it is empty", ErrIncomplete)
	}
	head := make([]byte, min(size, headBytes))
	if err := readFull(r, head, 0); err != nil {
		return header{}, err
	}
	tail := make([]byte, min(size, tailBytes))
	if err := readFull(r, tail, size-int64(len(tail))); err != nil {
		return header{}, err
	}
	kinds := recognise(head, tail)
	switch {
	case len(kinds) > 1:
		return header{}, fmt.Errorf("%w: %s and %s", ErrAmbiguous, kinds[0], kinds[1])
	case len(kinds) == 1 && kinds[0] == FormatQcow2:
		return parseQcow2(head, size)
	case len(kinds) == 1:
		return header{}, &containerError{kinds[0]}
	case size > maxVirtual:
		return header{}, fmt.Errorf("%w: %s", ErrTooLarge, vmconfig.FormatSize(size))
	case size < 512:
		return header{}, fmt.Errorf("%w: %d bytes", ErrIncomplete, size)
	}
	return header{format: FormatRaw}, nil
}

func readFull(r io.ReaderAt, p []byte, at int64) error {
	n, err := r.ReadAt(p, at)
	if n == len(p) {
		return nil
	}
	if err == nil || err == io.EOF {
		err = fmt.Errorf("%w: it became shorter while it was read", ErrIncomplete)
	}
	return err
}

// signatures are the containers that QEMU knows, by their first bytes (block/*.c of QEMU).
var signatures = []struct {
	offset int
	magic  string
	kind   string
}{
	{0, "QFI\xfb", FormatQcow2},
	{0, "QED\x00", "QED"},
	{0, "KDMV", "VMDK"},
	{0, "COWD", "VMDK"},
	{0, "# Disk DescriptorFile", "VMDK"},
	{0, "vhdxfile", "VHDX"},
	{0, "conectix", "VHD"},
	{0, "WithoutFreeSpace", "Parallels"},
	{0, "WithouFreSpacExt", "Parallels"},
	{0, "Bochs Virtual HD Image", "Bochs"},
	{0, "#!/bin/sh\n#V2.0 Format\nmodprobe cloop", "cloop"},
	{0, "LUKS\xba\xbe", "LUKS"},
	{64, "\x7f\x10\xda\xbe", "VDI"},
}

// recognise lists the containers that a file looks like. A valid image is one; a file that is several is meant to be
// read differently by different programs. An ISO 9660 file system counts beside another container only: alone it is a plain raw medium.
func recognise(head, tail []byte) []string {
	var kinds []string
	add := func(kind string) {
		if len(kinds) == 0 || kinds[len(kinds)-1] != kind {
			kinds = append(kinds, kind)
		}
	}
	for _, s := range signatures {
		if len(head) >= s.offset+len(s.magic) && string(head[s.offset:s.offset+len(s.magic)]) == s.magic {
			add(s.kind)
		}
	}
	if len(tail) >= 512 && bytes.HasPrefix(tail[len(tail)-512:], []byte("conectix")) {
		add("VHD")
	}
	if len(tail) >= 512 && bytes.HasPrefix(tail[len(tail)-512:], []byte("koly")) {
		add("DMG")
	}
	if len(kinds) > 0 && len(head) > 0x8006 && string(head[0x8001:0x8006]) == "CD001" {
		add("ISO")
	}
	return kinds
}

// Incompatible feature bits of qcow2 (docs/interop/qcow2.txt of QEMU).
const (
	featureDirty = 1 << iota
	featureCorrupt
	featureDataFile
	featureCompression
	featureExtendedL2
	featuresKnown = featureDirty | featureCorrupt | featureDataFile | featureCompression | featureExtendedL2
)

const (
	extensionDataFile = 0x44415441
	maxL1Entries      = 32 << 20 / 8 // QEMU's own bound (QCOW_MAX_L1_SIZE)
	maxReftable       = 8 << 20      // QEMU's own bound (QCOW_MAX_REFTABLE_SIZE), in bytes
	maxSnapshots      = 256
	maxBackingName    = 1023
)

// parseQcow2 checks a qcow2 header field by field (docs/interop/qcow2.txt).
func parseQcow2(head []byte, size int64) (header, error) {
	h := header{format: FormatQcow2}
	if len(head) < 72 {
		return h, fmt.Errorf("%w: the header ends after %d bytes", ErrIncomplete, len(head))
	}
	be32 := func(at int) uint32 { return binary.BigEndian.Uint32(head[at:]) }
	be64 := func(at int) uint64 { return binary.BigEndian.Uint64(head[at:]) }
	version := be32(4)
	switch {
	case version == 1:
		return h, fmt.Errorf("%w: qcow version 1", ErrUnsupported)
	case version > 3:
		return h, fmt.Errorf("%w: qcow version %d", ErrNewer, version)
	case version < 2:
		return h, fmt.Errorf("%w: qcow version %d", ErrCorrupt, version)
	}
	clusterBits := be32(20)
	if clusterBits < 9 || clusterBits > 21 {
		return h, fmt.Errorf("%w: cluster size 2^%d", ErrCorrupt, clusterBits)
	}
	cluster := int64(1) << clusterBits
	virtual := be64(24)
	switch {
	case virtual == 0:
		return h, fmt.Errorf("%w: its size is zero", ErrCorrupt)
	case virtual > uint64(maxVirtual):
		return h, fmt.Errorf("%w: %d bytes", ErrTooLarge, virtual)
	case be32(32) != 0:
		return h, ErrEncrypted
	}
	headerLength, features := int64(72), uint64(0)
	if version == 3 {
		if len(head) < 104 {
			return h, fmt.Errorf("%w: the header ends after %d bytes", ErrIncomplete, len(head))
		}
		features, headerLength = be64(72), int64(be32(100))
		if headerLength < 104 || headerLength > cluster || headerLength%8 != 0 {
			return h, fmt.Errorf("%w: a header of %d bytes", ErrCorrupt, headerLength)
		}
		if order := be32(96); order > 6 {
			return h, fmt.Errorf("%w: reference counts of 2^%d bits", ErrCorrupt, order)
		}
	}
	switch {
	case features&^featuresKnown != 0:
		return h, fmt.Errorf("%w: unknown features %#x", ErrNewer, features&^featuresKnown)
	case features&featureCorrupt != 0:
		return h, fmt.Errorf("%w: QEMU has marked it so", ErrCorrupt)
	case features&featureDataFile != 0:
		return h, ErrDataFile
	}
	h.dirty = features&featureDirty != 0
	entries := uint64(cluster / 8)
	if features&featureExtendedL2 != 0 {
		entries /= 2
	}
	l1, l1At := uint64(be32(36)), be64(40)
	needed := (virtual + uint64(cluster)*entries - 1) / (uint64(cluster) * entries)
	switch {
	case l1 > maxL1Entries || l1 < needed:
		return h, fmt.Errorf("%w: a table of %d entries", ErrCorrupt, l1)
	case !within(l1At, l1*8, size, cluster):
		return h, fmt.Errorf("%w: a table lies outside the file", ErrIncomplete)
	}
	refAt, refClusters := be64(48), uint64(be32(56))
	switch {
	case refClusters == 0 || refClusters*uint64(cluster) > maxReftable:
		return h, fmt.Errorf("%w: a reference table of %d clusters", ErrCorrupt, refClusters)
	case refAt == 0 || !within(refAt, 8, size, cluster):
		return h, fmt.Errorf("%w: the reference table lies outside the file", ErrIncomplete)
	}
	snapshots := be32(60)
	if snapshots > maxSnapshots {
		return h, fmt.Errorf("%w: %d", ErrSnapshots, snapshots)
	}
	if snapshots > 0 && !within(be64(64), 1, size, cluster) {
		return h, fmt.Errorf("%w: the list of snapshots lies outside the file", ErrIncomplete)
	}
	h.snapshots = int(snapshots)
	backingAt, backingLength := be64(8), int64(be32(16))
	if backingAt != 0 {
		if backingLength < 1 || backingLength > maxBackingName || backingAt > uint64(cluster) ||
			int64(backingAt)+backingLength > min(cluster, int64(len(head))) {
			return h, fmt.Errorf("%w: the name of its backing file is out of place", ErrCorrupt)
		}
		h.backing = string(head[backingAt : int64(backingAt)+backingLength])
	}
	return h, checkExtensions(head, headerLength, min(cluster, int64(len(head))))
}

// checkExtensions walks the header extensions: their lengths must stay inside the first cluster, and none may name a data file. An
// image of an older QEMU may have none and no end mark.
func checkExtensions(head []byte, at, end int64) error {
	for at+8 <= end {
		kind, length := binary.BigEndian.Uint32(head[at:]), int64(binary.BigEndian.Uint32(head[at+4:]))
		switch {
		case kind == 0:
			return nil
		case kind == extensionDataFile:
			return ErrDataFile
		case length > end-at-8:
			return fmt.Errorf("%w: a header extension of %d bytes", ErrCorrupt, length)
		}
		at += 8 + (length+7)&^7
	}
	return nil
}

// within reports whether length bytes at an offset lie in a file of this size and begin on a cluster.
func within(at, length uint64, size, cluster int64) bool {
	return at%uint64(cluster) == 0 && at <= uint64(size) && length <= uint64(size)-at
}
