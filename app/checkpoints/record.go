package checkpoints

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/google/uuid"

	"guesthouse/app/atomicfile"
	"guesthouse/app/machines"
	"guesthouse/hypervisor"
)

// recordVersion is the version of the records that this program writes.
const recordVersion = 1

// record says which files of our own belong to a checkpoint. It lies beside them: <machine's folder>/<id>.json.
type record struct {
	Version int              `json:"version"`
	ID      string           `json:"id"`
	Machine uuid.UUID        `json:"machine"`
	Host    string           `json:"host"` // URI of the hypervisor
	Name    string           `json:"name"` // of the machine, as its memory knows it
	Created time.Time        `json:"created"`
	State   hypervisor.State `json:"state"` // off, running or paused
	// MemoryBytes and VariablesBytes are the exact sizes of <id>.mem and <id>.vars; 0 when there is none.
	MemoryBytes    int64 `json:"memory_bytes"`
	VariablesBytes int64 `json:"variables_bytes"`
	// TPM is the file with the state of the TPM, in the machine's folder of TPMs, and TPMBytes the exact size of <id>.tpm, its copy; 0 when there is none.
	TPM      string `json:"tpm,omitempty"`
	TPMBytes int64  `json:"tpm_bytes,omitempty"`
	// TPMSeen is true when the state of the TPM was looked at, so that none means that there was none: older checkpoints say nothing of it.
	TPMSeen bool `json:"tpm_seen,omitempty"`
	// Disks are the paths of the images that hold a snapshot named ID.
	Disks []string `json:"disks"`
	// Removed is true when the checkpoint was deleted while the machine ran: the snapshots inside the disks go when it is off.
	Removed bool `json:"removed,omitempty"`
}

func (r *record) memoryFile(dir string) string    { return filepath.Join(dir, r.ID+".mem") }
func (r *record) variablesFile(dir string) string { return filepath.Join(dir, r.ID+".vars") }
func (r *record) tpmFile(dir string) string       { return filepath.Join(dir, r.ID+".tpm") }
func (r *record) recordFile(dir string) string    { return filepath.Join(dir, r.ID+".json") }

func (r *record) write(dir string) error {
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	return atomicfile.Write(r.recordFile(dir), text)
}

// empty removes the checkpoint's files but for the record.
func (r *record) empty(dir string) error {
	return errors.Join(remove(r.memoryFile(dir)), remove(r.variablesFile(dir)), remove(r.tpmFile(dir)))
}

// bytes is the room that the files take.
func (r *record) bytes(dir string) int64 {
	return machines.DiskUsage(r.memoryFile(dir)) + machines.DiskUsage(r.variablesFile(dir)) + machines.DiskUsage(r.tpmFile(dir))
}

// forget removes the checkpoint's files, the record last.
func (r *record) forget(dir string) error {
	return errors.Join(r.empty(dir), remove(r.recordFile(dir)))
}

func remove(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// readRecords reads all records in dir. One that cannot be read has the version 0: its checkpoint then shows as a broken one.
func readRecords(dir string) (map[string]*record, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	records := map[string]*record{}
	for _, e := range entries {
		id, isJSON := strings.CutSuffix(e.Name(), ".json")
		if !isJSON || !ours(id) {
			continue
		}
		r := &record{}
		text, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil || json.Unmarshal(text, r) != nil || r.ID != id || r.Version != recordVersion {
			r = &record{ID: id} // a version of 0 marks it as broken
		}
		records[id] = r
	}
	return records, nil
}
