package machines

import (
	"encoding/json"
	"os"
	"path/filepath"
	"time"

	"guesthouse/app/atomicfile"
	"guesthouse/hypervisor"
)

// PointTrash are the checkpoints of a machine that wait in its trash, by the hypervisor's name for them, with the time of their deletion. They keep everything that
// belongs to them; only the windows do not show them.
type PointTrash map[string]time.Time

func pointTrashFile(dir string) string { return filepath.Join(dir, "trash.json") }

// ReadPointTrash reads the trash of the machine with that CheckpointDir. One that cannot be read is empty: what was in it shows again.
func ReadPointTrash(dir string) PointTrash {
	t := PointTrash{}
	if text, err := os.ReadFile(pointTrashFile(dir)); err == nil && json.Unmarshal(text, &t) != nil {
		return PointTrash{}
	}
	return t
}

// Write keeps the trash.
func (t PointTrash) Write(dir string) error {
	if len(t) == 0 {
		return removeIfThere(pointTrashFile(dir))
	}
	text, err := json.Marshal(t)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	return atomicfile.Write(pointTrashFile(dir), text)
}

// Visible returns the snapshot of that name or, when it is in the trash, the nearest one before it that is not; empty when there is none.
func (t PointTrash) Visible(snapshots []hypervisor.Snapshot, name string) string {
	parents := make(map[string]string, len(snapshots))
	for _, s := range snapshots {
		parents[s.Name] = s.Parent
	}
	for range len(snapshots) + 1 { // a damaged list may have a circle
		if _, trashed := t[name]; !trashed {
			return name
		}
		name = parents[name]
	}
	return ""
}
