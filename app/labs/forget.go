package labs

import (
	"context"

	"guesthouse/app/jobs"
	"guesthouse/vmconfig"
	"guesthouse/vmconfig/lab"
)

// Remove removes a lab from the library in a job, and then what nothing uses any more. Machines that were launched from it keep their disks. Errors: ErrNoLab.
func (s *Service) Remove(id lab.Digest) *jobs.Job {
	title := "Removing a lab"
	if _, config, err := s.p.Library.readConfig(id); err == nil {
		title = "Removing " + vmconfig.Inert(config.Title, 60)
	}
	return s.p.Jobs.Start(title, "", func(ctx context.Context, report func(jobs.Progress)) error {
		if err := s.p.Library.Remove(ctx, id); err != nil {
			return err
		}
		report(jobs.Progress{Fraction: jobs.Unknown, Text: "Freeing its room"})
		if _, err := s.GC(ctx); err != nil { // the lab is gone all the same; the room is freed another time
			s.p.Log.Warn("the room of a removed lab was not freed", "error", err)
		}
		return nil
	})
}
