package labs

import (
	"context"
	"fmt"

	"guesthouse/app/jobs"
	"guesthouse/app/labs/source"
	"guesthouse/vmconfig"
	"guesthouse/vmconfig/lab"
)

// FetchOptions say how a lab comes from a place.
type FetchOptions struct {
	AddOptions
	source.Options
	// Done is called with the lab's ID when it is in the library, on the job's goroutine; nil: nobody is told.
	Done func(lab.Digest)
}

// Fetch brings the lab that a reference names (source.Parse) into the library, in a job. When it is cancelled or cut off, what came stays for the next try. Errors are those of
// source.OpenSource and Library.Add, and sentences for a reference that makes no sense.
func (s *Service) Fetch(ref string, o FetchOptions) *jobs.Job {
	return s.p.Jobs.Start("Fetching "+vmconfig.Inert(ref, 80), "", func(ctx context.Context, report func(jobs.Progress)) error {
		report(jobs.Progress{Fraction: jobs.Unknown, Text: "Looking"})
		parsed, err := parsePlace(ref)
		if err != nil {
			return err
		}
		id, err := s.addFrom(ctx, parsed, o, report)
		if err == nil {
			err = s.p.Library.wanted(ctx, id)
		}
		if err == nil && o.Done != nil {
			o.Done(id)
		}
		return err
	})
}

// addFrom brings the lab that a place holds into the library.
func (s *Service) addFrom(ctx context.Context, ref source.Ref, o FetchOptions, report Report) (lab.Digest, error) {
	place, err := source.OpenSource(ctx, ref, o.Options)
	if err != nil {
		return lab.Digest{}, err
	}
	defer place.Close()
	return s.p.Library.Add(ctx, place, o.AddOptions, report)
}

// parsePlace is source.Parse with a sentence as the error.
func parsePlace(ref string) (source.Ref, error) {
	parsed, err := source.Parse(ref)
	if err != nil {
		err = &Reason{Text: err.Error() + "."}
	}
	return parsed, err
}

func openPlace(ctx context.Context, ref string, o source.Options) (source.Source, error) {
	parsed, err := parsePlace(ref)
	if err != nil {
		return nil, err
	}
	return source.OpenSource(ctx, parsed, o)
}

// SendOptions say how a lab goes to a place.
type SendOptions struct {
	source.Options
	// Done is called with what was written, on the job's goroutine; nil: nobody is told.
	Done func(Pushed)
}

// Send writes a lab of the library to the place that a reference names, in a job. Where the place has an earlier version only what changed is written. A place that was not written to
// its end keeps what it had. Errors are those of source.OpenTarget and Library.Push.
func (s *Service) Send(id lab.Digest, ref string, o SendOptions) *jobs.Job {
	title := "Sending a lab"
	if _, config, err := s.p.Library.readConfig(id); err == nil {
		title = "Sending " + vmconfig.Inert(config.Title, 60)
	}
	return s.p.Jobs.Start(title, "", func(ctx context.Context, report func(jobs.Progress)) error {
		parsed, err := parsePlace(ref)
		if err != nil {
			return err
		}
		target, err := source.OpenTarget(ctx, parsed, o.Options)
		if err != nil {
			return err
		}
		defer target.Close()
		var tags []string
		if parsed.Tag != "" {
			tags = []string{parsed.Tag}
		}
		pushed, err := s.p.Library.Push(ctx, id, target, PushOptions{Tags: tags}, report)
		if err == nil && o.Done != nil {
			o.Done(*pushed)
		}
		return err
	})
}

// Verify reads all of a lab's disks in a job and compares them with what its teacher signed. The error wraps ErrChanged and says what is wrong.
func (s *Service) Verify(id lab.Digest) *jobs.Job {
	return s.p.Jobs.Start("Checking a lab", "", func(ctx context.Context, report func(jobs.Progress)) error {
		wrong, err := s.p.Library.Verify(ctx, id, report)
		if err != nil || len(wrong) == 0 {
			return err
		}
		chunks := 0
		for _, w := range wrong {
			chunks += len(w.Chunks)
		}
		return &Reason{Text: fmt.Sprintf("%d pieces of the lab's disks are not what its teacher signed. Repair it from the place that it came from.", chunks), Err: ErrChanged}
	})
}

// Repair fetches from the place that a reference names what Verify found to be wrong, in a job.
func (s *Service) Repair(id lab.Digest, ref string, o source.Options) *jobs.Job {
	return s.p.Jobs.Start("Repairing a lab", "", func(ctx context.Context, report func(jobs.Progress)) error {
		place, err := openPlace(ctx, ref, o)
		if err != nil {
			return err
		}
		defer place.Close()
		return s.p.Library.Repair(ctx, id, place, report)
	})
}
