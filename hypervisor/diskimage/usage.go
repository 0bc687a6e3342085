package diskimage

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
)

// SnapshotUsage is the room that the snapshots inside an image take, in bytes of the file.
type SnapshotUsage struct {
	Bytes int64            // what all take together, without what the present content needs as well
	Frees map[string]int64 // what deleting one would free, by name: what nothing else needs
}

// MeasureSnapshots finds out what the snapshots inside the qcow2 image at path take, by following the tables of clusters (QEMU, docs/interop/qcow2.txt). The image may
// be in use: the tables of snapshots stay as they are, and those of the present content are at worst some seconds old. Errors are those of Inspect.
func MeasureSnapshots(ctx context.Context, path string) (SnapshotUsage, error) {
	file, size, err := openQcow2(path)
	if err != nil {
		return SnapshotUsage{}, err
	}
	defer file.Close()
	m, err := newClusterMap(file, size)
	if err != nil {
		return SnapshotUsage{}, err
	}
	return m.measure(ctx)
}

// owner says who needs a cluster.
type owner int32

// Owners. From firstSnapshot on it is one snapshot alone.
const (
	nobody  owner = iota
	several       // more than one snapshot, but not the present content
	present       // the present content, perhaps among others
	firstSnapshot
)

// and is who needs what both a and b need.
func (a owner) and(b owner) owner {
	switch {
	case a == b || b == nobody:
		return a
	case a == nobody:
		return b
	case a == present || b == present:
		return present
	}
	return several
}

// clusterMap says who needs each cluster of an image.
type clusterMap struct {
	file     io.ReaderAt
	bits     uint64 // of an offset into a cluster
	entry    int    // bytes of an entry of an L2 table
	owners   []owner
	tables   map[uint64]owner // of L2 tables, by offset
	snapshot []string         // names
}

// offsetMask are the bits of an entry that are an offset.
const offsetMask = 0x00fffffffffffe00

// maxClusters bounds what is remembered of an image: with the usual clusters it has 4 TiB.
const maxClusters = 1 << 26

// newClusterMap reads the first level of all tables of an image whose header was inspected.
func newClusterMap(file io.ReaderAt, size int64) (*clusterMap, error) {
	var h [104]byte
	if err := readFull(file, h[:min(size, 104)], 0); err != nil {
		return nil, err
	}
	m := &clusterMap{file: file, bits: uint64(binary.BigEndian.Uint32(h[20:])), entry: 8, tables: map[uint64]owner{}}
	if version := binary.BigEndian.Uint32(h[4:]); version >= 3 && binary.BigEndian.Uint64(h[72:])&featureExtendedL2 != 0 {
		m.entry = 16
	}
	if size>>m.bits > maxClusters {
		return nil, fmt.Errorf("%w: %d clusters", ErrTooLarge, size>>m.bits)
	}
	m.owners = make([]owner, size>>m.bits+1)
	// The state of a machine is written behind the end of the disk, into the present content, and belongs to the snapshot from then on. A QEMU that runs may not
	// have written yet that the present content no longer has it.
	perTable := uint64(1) << m.bits / uint64(m.entry) << m.bits
	disk := (binary.BigEndian.Uint64(h[24:]) + perTable - 1) / perTable
	if err := m.readL1(present, binary.BigEndian.Uint64(h[40:]), uint32(min(disk, uint64(binary.BigEndian.Uint32(h[36:]))))); err != nil {
		return nil, err
	}
	table, err := snapshotTable(file)
	if err != nil {
		return nil, err
	}
	for i, entry := range table {
		m.snapshot = append(m.snapshot, entry.Name)
		if err := m.readL1(firstSnapshot+owner(i), entry.l1, entry.l1Entries); err != nil {
			return nil, err
		}
	}
	return m, nil
}

// readL1 notes the L2 tables that a content needs.
func (m *clusterMap) readL1(who owner, offset uint64, entries uint32) error {
	if entries > maxL1Entries {
		return fmt.Errorf("%w: a table of %d entries", ErrCorrupt, entries)
	}
	table := make([]byte, int64(entries)*8)
	if err := readFull(m.file, table, int64(offset)); err != nil {
		return err
	}
	m.need(who, offset, int64(len(table)))
	for ; len(table) > 0; table = table[8:] {
		if l2 := binary.BigEndian.Uint64(table) & offsetMask; l2 != 0 {
			m.tables[l2] = m.tables[l2].and(who)
		}
	}
	return nil
}

// need notes who needs some bytes of the file. What lies beyond its end says nothing.
func (m *clusterMap) need(who owner, offset uint64, bytes int64) {
	for i := offset >> m.bits; bytes > 0 && i <= (offset+uint64(bytes)-1)>>m.bits && i < uint64(len(m.owners)); i++ {
		m.owners[i] = m.owners[i].and(who)
	}
}

func (m *clusterMap) measure(ctx context.Context) (SnapshotUsage, error) {
	size := int64(1) << m.bits
	l2 := make([]byte, size)
	for offset, who := range m.tables {
		if err := ctx.Err(); err != nil {
			return SnapshotUsage{}, err
		}
		m.need(who, offset, size)
		if who == present && len(m.snapshot) == 0 {
			continue
		}
		if err := readFull(m.file, l2, int64(offset)); err != nil {
			return SnapshotUsage{}, err
		}
		for entry := l2; len(entry) > 0; entry = entry[m.entry:] {
			m.needEntry(who, binary.BigEndian.Uint64(entry))
		}
	}
	usage := SnapshotUsage{Frees: make(map[string]int64, len(m.snapshot))}
	for _, who := range m.owners {
		if who == several || who >= firstSnapshot {
			usage.Bytes += size
		}
		if who >= firstSnapshot {
			usage.Frees[m.snapshot[who-firstSnapshot]] += size
		}
	}
	return usage, nil
}

// needEntry notes who needs the cluster of an entry of an L2 table.
func (m *clusterMap) needEntry(who owner, entry uint64) {
	const compressed = 1 << 62
	if entry&compressed == 0 {
		if offset := entry & offsetMask; offset != 0 {
			m.need(who, offset, 1<<m.bits)
		}
		return
	}
	x := 62 - (m.bits - 8) // where the number of further sectors begins
	offset := entry & (1<<x - 1)
	sectors := int64(entry & (1<<62 - 1) >> x)
	m.need(who, offset, 512-int64(offset%512)+512*sectors)
}
