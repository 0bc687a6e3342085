package build

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"unicode/utf16"

	"github.com/google/uuid"
)

const sectorBytes = 512

// partition is an entry of a GPT.
type partition struct {
	kind, id uuid.UUID
	name     string
	first    int64 // sectors
	sectors  int64
}

// Kinds of partition (UEFI specification, 5.3.3; the GRUB manual for the second one; the Discoverable Partitions Specification for the third).
var (
	kindESP  = uuid.MustParse("c12a7328-f81f-11d2-ba4b-00a0c93ec93b")
	kindBIOS = uuid.MustParse("21686148-6449-6e6f-744e-656564454649")
	kindRoot = uuid.MustParse("4f68bce3-e8cd-4db1-96e7-fbcaf984b709") // Linux root, x86-64
)

// Layout of a GPT with the usual 128 entries.
const (
	gptEntries      = 128
	gptEntryBytes   = 128
	gptTableSectors = gptEntries * gptEntryBytes / sectorBytes
	gptFirst        = 2 + gptTableSectors // first sector that a partition can have
)

// writeGPT writes both tables and a protective MBR with boot code (at most 440 bytes) to a disk of so many sectors.
func writeGPT(disk io.WriterAt, sectors int64, id uuid.UUID, bootCode []byte, partitions []partition) error {
	table := make([]byte, gptEntries*gptEntryBytes)
	for i, p := range partitions {
		e := table[i*gptEntryBytes:]
		copy(e[0:16], mixedEndian(p.kind))
		copy(e[16:32], mixedEndian(p.id))
		binary.LittleEndian.PutUint64(e[32:], uint64(p.first))
		binary.LittleEndian.PutUint64(e[40:], uint64(p.first+p.sectors-1))
		for j, unit := range utf16.Encode([]rune(p.name)) {
			binary.LittleEndian.PutUint16(e[56+2*j:], unit)
		}
	}
	header := func(here, other, tableAt int64) []byte {
		h := make([]byte, sectorBytes)
		copy(h, "EFI PART\x00\x00\x01\x00")
		le := binary.LittleEndian
		le.PutUint32(h[12:], 92)
		le.PutUint64(h[24:], uint64(here))
		le.PutUint64(h[32:], uint64(other))
		le.PutUint64(h[40:], gptFirst)
		le.PutUint64(h[48:], uint64(sectors-gptFirst))
		copy(h[56:72], mixedEndian(id))
		le.PutUint64(h[72:], uint64(tableAt))
		le.PutUint32(h[80:], gptEntries)
		le.PutUint32(h[84:], gptEntryBytes)
		le.PutUint32(h[88:], crc32.ChecksumIEEE(table))
		le.PutUint32(h[16:], crc32.ChecksumIEEE(h[:92]))
		return h
	}
	mbr := make([]byte, sectorBytes)
	copy(mbr[:440], bootCode)
	entry := mbr[446:]
	copy(entry, []byte{0, 0, 2, 0, 0xee, 0xff, 0xff, 0xff})
	binary.LittleEndian.PutUint32(entry[8:], 1)
	binary.LittleEndian.PutUint32(entry[12:], uint32(min(sectors-1, 0xffffffff)))
	mbr[510], mbr[511] = 0x55, 0xaa
	last := sectors - 1
	for _, piece := range []struct {
		data []byte
		at   int64
	}{
		{mbr, 0},
		{header(1, last, 2), 1},
		{table, 2},
		{table, last - gptTableSectors},
		{header(last, 1, last-gptTableSectors), last},
	} {
		if _, err := disk.WriteAt(piece.data, piece.at*sectorBytes); err != nil {
			return err
		}
	}
	return nil
}

// mixedEndian is how EFI writes a UUID.
func mixedEndian(id uuid.UUID) []byte {
	b := bytes.Clone(id[:])
	b[0], b[1], b[2], b[3] = b[3], b[2], b[1], b[0]
	b[4], b[5] = b[5], b[4]
	b[6], b[7] = b[7], b[6]
	return b
}

// errNoGPT says that a disk has no partitions that can be found.
var errNoGPT = errors.New("there is no GPT partition table")

// readGPT returns the partitions of a disk, which may be hostile.
func readGPT(disk io.ReaderAt) ([]partition, error) {
	h := make([]byte, sectorBytes)
	if _, err := disk.ReadAt(h, sectorBytes); err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	le := binary.LittleEndian
	count, size, at := le.Uint32(h[80:]), le.Uint32(h[84:]), le.Uint64(h[72:])
	if !bytes.HasPrefix(h, []byte("EFI PART")) || count > 1024 || size < gptEntryBytes || size > 4096 || at > 1<<40 {
		return nil, errNoGPT
	}
	table := make([]byte, count*size)
	if _, err := disk.ReadAt(table, int64(at)*sectorBytes); err != nil {
		return nil, fmt.Errorf("%w: %w", errNoGPT, err)
	}
	var list []partition
	for ; len(table) > 0; table = table[size:] {
		first, last := le.Uint64(table[32:]), le.Uint64(table[40:])
		if bytes.Equal(table[:16], make([]byte, 16)) || first < 1 || last < first || last > 1<<40 {
			continue
		}
		list = append(list, partition{kind: fromMixedEndian(table[:16]), id: fromMixedEndian(table[16:32]), first: int64(first), sectors: int64(last - first + 1)})
	}
	return list, nil
}

func fromMixedEndian(b []byte) uuid.UUID {
	return uuid.UUID(mixedEndian(uuid.UUID(b)))
}
