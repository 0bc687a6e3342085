package labs

import (
	"context"
	"slices"

	"guesthouse/app/jobs"
	"guesthouse/app/machines"
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
		s.freeRoom(ctx, report)
		return nil
	})
}

// RemoveTopology is Library.RemoveTopology as a job, which also frees the room of what nothing uses any more. Labs stay from which machines were launched that are not the topology's.
func (s *Service) RemoveTopology(name string) *jobs.Job {
	return s.p.Jobs.Start("Removing "+vmconfig.Inert(name, 60), "", func(ctx context.Context, report func(jobs.Progress)) error {
		keep := func(id lab.Digest) bool {
			return slices.ContainsFunc(s.Machines(), func(m *machines.Machine) bool {
				return m.Config.Lab.ID == id.String() && m.Config.Lab.Topology != name
			})
		}
		if err := s.p.Library.RemoveTopology(ctx, name, keep); err != nil {
			return err
		}
		s.freeRoom(ctx, report)
		return nil
	})
}

// freeRoom frees the room of a lab that was removed.
func (s *Service) freeRoom(ctx context.Context, report func(jobs.Progress)) {
	report(jobs.Progress{Fraction: jobs.Unknown, Text: "Freeing its room"})
	if _, err := s.GC(ctx); err != nil { // the lab is gone all the same; the room is freed another time
		s.p.Log.Warn("the room of a removed lab was not freed", "error", err)
	}
}
