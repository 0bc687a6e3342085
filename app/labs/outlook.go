package labs

import (
	"os"
	"syscall"

	"github.com/google/uuid"

	"guesthouse/vmconfig/lab"
)

// Outlook is what can be said of a submission before it is made.
type Outlook struct {
	// Written is how many bytes the machine's own disk images take, with its checkpoints. What is handed in is of that order: what was written twice, or back as it was, counts
	// less, and a chunk of which a part was written counts whole.
	Written int64
	Limit   int64 // bytes of changes that the lab takes at most; 0: not known
}

// Outlook looks at a lab's machine from outside, without reading what is in its disks. It waits for the disk. Errors: ErrNotALab, those of reading.
func (s *Service) Outlook(id uuid.UUID) (Outlook, error) {
	var o Outlook
	m := s.p.Machines.Snapshot().Get(id)
	if m == nil || m.Config == nil {
		return o, ErrNotALab
	}
	digest, err := lab.ParseDigest(m.Config.Lab.ID)
	if err != nil {
		return o, ErrNotALab
	}
	if _, config, err := s.p.Library.readConfig(digest); err == nil {
		o.Limit = config.Growth()
	}
	for _, d := range ownDisks(*m.Config) {
		images, _ := s.images(d)
		for _, path := range images {
			info, err := os.Stat(path)
			if err != nil {
				return o, err
			}
			if stat, ok := info.Sys().(*syscall.Stat_t); ok {
				o.Written += stat.Blocks * 512
			}
		}
	}
	return o, nil
}
