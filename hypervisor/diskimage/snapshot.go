package diskimage

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"guesthouse/vmconfig"
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

// Snapshots lists the snapshots inside the qcow2 image at path (absolute). The image may be in use.
func (t *Tool) Snapshots(ctx context.Context, path string) ([]Snapshot, error) {
	if err := vmconfig.CheckPath(path); err != nil {
		return nil, err
	}
	head, err := inspectFile(path)
	if err != nil {
		return nil, err
	}
	if head.format != FormatQcow2 {
		return nil, fmt.Errorf("%w: it is %s, not %s", ErrWrongFormat, head.format, FormatQcow2)
	}
	out, err := t.run(ctx, inspectLimits, "info", "-U", "-f", FormatQcow2, "--output=json", "--", path)
	if err != nil {
		return nil, err
	}
	var info struct {
		Snapshots []struct {
			Name    string `json:"name"`
			Memory  int64  `json:"vm-state-size"`
			Seconds int64  `json:"date-sec"`
		} `json:"snapshots"`
	}
	if err := json.Unmarshal(out, &info); err != nil {
		return nil, fmt.Errorf("%w: its answer cannot be read: %w", ErrTool, err)
	}
	list := make([]Snapshot, len(info.Snapshots))
	for i, s := range info.Snapshots {
		list[i] = Snapshot{Name: s.Name, Created: time.Unix(s.Seconds, 0), MemoryBytes: s.Memory}
	}
	return list, nil
}

// CreateSnapshot keeps the present content of the qcow2 image at path (absolute) under a name inside it. The image must not be in use; QEMU's lock
// on images of running machines refuses it otherwise.
func (t *Tool) CreateSnapshot(ctx context.Context, path, name string) error {
	return t.snapshot(ctx, "-c", path, name)
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
