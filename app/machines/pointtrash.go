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
// belongs to them; they are only not listed.
type PointTrash map[string]time.Time

func pointTrashFile(dir string) string { return filepath.Join(dir, "trash.json") }

// ReadPointTrash reads the trash of the machine with that CheckpointDir and these snapshots. One that cannot be read is empty: what was in it shows again. A snapshot that is
// younger than its deletion is another one, to which another program gave the name.
func ReadPointTrash(dir string, snapshots []hypervisor.Snapshot) PointTrash {
	t := PointTrash{}
	if text, err := os.ReadFile(pointTrashFile(dir)); err == nil && json.Unmarshal(text, &t) != nil || t == nil {
		return PointTrash{}
	}
	for _, s := range snapshots {
		if deleted, trashed := t[s.Name]; trashed && s.Created.After(deleted) {
			delete(t, s.Name)
		}
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
	if _, trashed := t[name]; !trashed {
		return name // nearly always
	}
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
