package checkpoints

import (
	"testing"

	"guesthouse/app/jobs"
	"guesthouse/vmconfig"
)

// TestOutcomes: a job that is done says of which checkpoint.
func TestOutcomes(t *testing.T) {
	f := open(t)
	id := f.create(t, "told", vmconfig.FirmwareBIOS, false)
	says := func(job *jobs.Job, want string) {
		t.Helper()
		done(t, job)
		if got := job.Status().Progress.Outcome; got != want {
			t.Errorf("it says %q, want %q", got, want)
		}
	}
	says(f.Save(id, SaveOptions{}), "“Checkpoint 1” is saved")
	says(f.Save(id, SaveOptions{Name: "two"}), "“two” is saved")
	one, two := f.only(t, id, "Checkpoint 1"), f.only(t, id, "two")
	says(f.Restore(id, one.ID, RestoreOptions{}), "Back at “Checkpoint 1”")
	says(f.Trash(id, []Checkpoint{two}), "“two” is in the trash")
	says(f.PutBack(id, []Checkpoint{two}), "“two” is back")
	says(f.Trash(id, []Checkpoint{one, two}), "2 checkpoints are in the trash")
	says(f.PutBack(id, []Checkpoint{one, two}), "2 checkpoints are back")
}
