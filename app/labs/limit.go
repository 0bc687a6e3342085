package labs

import (
	"guesthouse/vmconfig"
	"guesthouse/vmconfig/lab"
)

// CheckpointLimit returns how many checkpoints a machine may have by the lab that it was launched from; limited is false where that says nothing, is in the library no more, or
// the machine is a submission that a teacher has opened. It reads a small file.
func (l *Library) CheckpointLimit(m vmconfig.Machine) (most int, limited bool) {
	id, err := lab.ParseDigest(m.Lab.ID)
	if err != nil || IsSubmission(&m) {
		return 0, false
	}
	_, c, err := l.readConfig(id)
	if err != nil || c.Checkpoints == nil {
		return 0, false
	}
	return c.Checkpoints.Max, true
}
