package diskimage

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"time"

	"guesthouse/vmconfig"
	"guesthouse/vmconfig/safefile"
)

// Snapshot is a snapshot inside a qcow2 image.
type Snapshot struct {
	Name    string
	Created time.Time
	// MemoryBytes is the size of the machine's memory that is kept with it; 0 for the disk alone.
	MemoryBytes int64
}

// snapshotLimits leave room for large images: every cluster's reference count is touched.
var snapshotLimits = limits{cpu: 10 * time.Minute, wall: 20 * time.Minute, memory: 4 * vmconfig.GiB}

// ReadSnapshots lists the snapshots inside the qcow2 image at path (absolute), which may be in use: QEMU writes a new list beside the old one before it
// changes over. Errors are those of Inspect.
func ReadSnapshots(path string) ([]Snapshot, error) {
	if err := vmconfig.CheckPath(path); err != nil {
		return nil, err
	}
	file, _, err := openQcow2(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	table, err := snapshotTable(file)
	if err != nil {
		return nil, err
	}
	list := make([]Snapshot, len(table))
	for i, entry := range table {
		list[i] = entry.Snapshot
	}
	return list, nil
}

// openQcow2 opens an image that must be a qcow2 one, and returns its size.
func openQcow2(path string) (*os.File, int64, error) {
	file, info, err := safefile.Open(path)
	if err != nil {
		return nil, 0, err
	}
	head, err := inspect(file, info.Size())
	if err == nil && head.format != FormatQcow2 {
		err = fmt.Errorf("%w: it is %s, not %s", ErrWrongFormat, head.format, FormatQcow2)
	}
	if err != nil {
		file.Close()
		return nil, 0, err
	}
	return file, info.Size(), nil
}

// tableEntry is an entry of a qcow2 image's list of snapshots.
type tableEntry struct {
	Snapshot
	l1        uint64 // where its table of clusters begins
	l1Entries uint32
}

// snapshotTable reads the list of an image whose header was inspected (QEMU, docs/interop/qcow2.txt, "Snapshots").
func snapshotTable(file io.ReaderAt) ([]tableEntry, error) {
	var h [72]byte
	if err := readFull(file, h[:], 0); err != nil {
		return nil, err
	}
	at := int64(binary.BigEndian.Uint64(h[64:]))
	list := make([]tableEntry, min(binary.BigEndian.Uint32(h[60:]), maxSnapshots))
	for i := range list {
		var s [48]byte // with the first of the optional fields
		if err := readFull(file, s[:40], at); err != nil {
			return nil, err
		}
		idBytes, nameBytes, extra := int64(binary.BigEndian.Uint16(s[12:])), int64(binary.BigEndian.Uint16(s[14:])), int64(binary.BigEndian.Uint32(s[36:]))
		memory := int64(binary.BigEndian.Uint32(s[32:]))
		if extra >= 8 {
			if err := readFull(file, s[40:], at+40); err != nil {
				return nil, err
			}
			memory = int64(binary.BigEndian.Uint64(s[40:]))
		}
		name := make([]byte, nameBytes)
		if err := readFull(file, name, at+40+extra+idBytes); err != nil {
			return nil, err
		}
		created := time.Unix(int64(binary.BigEndian.Uint32(s[16:])), 0)
		list[i] = tableEntry{Snapshot{string(name), created, memory}, binary.BigEndian.Uint64(s[:]), binary.BigEndian.Uint32(s[8:])}
		at = (at + 40 + extra + idBytes + nameBytes + 7) &^ 7
	}
	return list, nil
}

// CreateSnapshot keeps the present content of the qcow2 image at path (absolute) under a name inside it. The image must not be in use; QEMU's lock
// on images of running machines refuses it otherwise.
func (t *Tool) CreateSnapshot(ctx context.Context, path, name string) error {
	return t.snapshot(ctx, "-c", path, name)
}

// ApplySnapshot makes the content of a snapshot the image's present content. The image must not be in use.
func (t *Tool) ApplySnapshot(ctx context.Context, path, name string) error {
	return t.snapshot(ctx, "-a", path, name)
}

// DeleteSnapshot removes a snapshot from the image. The image must not be in use.
func (t *Tool) DeleteSnapshot(ctx context.Context, path, name string) error {
	return t.snapshot(ctx, "-d", path, name)
}

func (t *Tool) snapshot(ctx context.Context, action, path, name string) error {
	if err := vmconfig.CheckPath(path); err != nil {
		return err
	}
	if _, err := t.run(ctx, snapshotLimits, "snapshot", "-q", "--image-opts", action, name, "--", imageOptions(path)); err != nil {
		return err
	}
	return nil
}

// imageOptions names a qcow2 file so that its format is stated: qemu-img snapshot has no -f. Commas are doubled (QEMU's option syntax).
func imageOptions(path string) string {
	return "driver=qcow2,file.driver=file,file.filename=" + doubleCommas(path)
}

func doubleCommas(s string) string {
	var b []byte
	for i := range len(s) {
		if s[i] == ',' {
			b = append(b, ',')
		}
		b = append(b, s[i])
	}
	return string(b)
}
