package checkpoints

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"

	"guesthouse/app/atomicfile"
	"guesthouse/hypervisor"
)

// cleanState remembers the disks, and the firmware's variables, of a stopped machine at the moment when they were the same as in a checkpoint.
type cleanState struct {
	Checkpoint string               `json:"checkpoint"`
	Disks      map[string]diskStamp `json:"disks"`
}

// diskStamp changes whenever a disk is written to.
type diskStamp struct {
	Modified int64 `json:"modified"` // nanoseconds since 1970
	Bytes    int64 `json:"bytes"`
}

func cleanFile(t *target) string { return filepath.Join(t.dir, "clean.json") }

// remember notes that the machine's present state is that of the checkpoint. It is only a hint that spares a question, so a failure to write it
// does no harm.
func (s *Service) remember(t *target, id string) {
	if t.domain.State != hypervisor.StateOff || !s.p.Conn.Host().Local {
		return
	}
	stamps, ok := stampDisks(t)
	if !ok {
		return
	}
	text, err := json.Marshal(cleanState{Checkpoint: id, Disks: stamps})
	if err == nil {
		err = atomicfile.Write(cleanFile(t), text)
	}
	if err != nil {
		s.p.Log.Warn("it cannot be remembered that the machine is unchanged", "error", err)
	}
}

func stampDisks(t *target) (map[string]diskStamp, bool) {
	stamps := map[string]diskStamp{}
	for _, d := range t.disks() {
		info, err := os.Stat(d.Path)
		if err != nil {
			return nil, false
		}
		stamps[d.Path] = diskStamp{Modified: info.ModTime().UnixNano(), Bytes: info.Size()}
	}
	if info, err := os.Stat(t.config.NVRAM); err == nil { // the firmware's own set-up writes nothing else
		stamps[t.config.NVRAM] = diskStamp{Modified: info.ModTime().UnixNano(), Bytes: info.Size()}
	}
	return stamps, true
}

// clean is cleanCheckpoint without those in the trash: the present state is not safe there.
func (s *Service) clean(t *target) string {
	id := s.cleanCheckpoint(t)
	if _, trashed := t.trash[id]; trashed {
		return ""
	}
	return id
}

// cleanCheckpoint returns the checkpoint that the machine's present state is the same as; empty when there is none. In doubt there is none.
func (s *Service) cleanCheckpoint(t *target) string {
	if t.domain.State != hypervisor.StateOff {
		return ""
	}
	var clean cleanState
	text, err := os.ReadFile(cleanFile(t))
	if err != nil || json.Unmarshal(text, &clean) != nil {
		return ""
	}
	if snapshot, ok := t.snapshot(clean.Checkpoint); !ok || !snapshot.Current {
		return ""
	}
	stamps, ok := stampDisks(t)
	if !ok || !maps.Equal(stamps, clean.Disks) {
		return ""
	}
	return clean.Checkpoint
}
