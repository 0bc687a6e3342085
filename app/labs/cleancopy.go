package labs

import (
	"context"
	"strings"

	"guesthouse/app/jobs"
	"guesthouse/hypervisor/guestfs"
	"guesthouse/vmconfig"
)

// cleaner returns what cleans a copy of a machine's disks, or why there is nothing that can.
func (s *Service) cleaner(m *vmconfig.Machine) (*guestfs.Tool, *Reason) {
	if strings.Contains(m.OSID, "microsoft.com/") {
		return nil, &Reason{Text: "Only Linux can be cleaned. Clean the machine by hand and publish it as it is.", Err: ErrCannotPublish}
	}
	tool, err := s.findCleaner()
	if err != nil {
		return nil, &Reason{Text: "Cleaning needs the programs virt-sysprep and virt-sparsify. Install the package guestfs-tools, or clean the machine by hand.", Err: err}
	}
	return tool, nil
}

// CleanRefusal says why copies of a machine cannot be cleaned before they are published, one sentence or two; empty: that can be tried. It looks for two programs.
func (s *Service) CleanRefusal(m *vmconfig.Machine) string {
	if _, refusal := s.cleaner(m); refusal != nil {
		return refusal.Text
	}
	return ""
}

// cleanCopy takes out of the staged disks what their system has gathered by itself, and what was deleted.
func (s *Service) cleanCopy(ctx context.Context, tool *guestfs.Tool, spec *Spec, report func(jobs.Progress)) error {
	report(jobs.Progress{Fraction: jobs.Unknown, Text: "Cleaning the copy"})
	tool.Emulated = s.p.Machines.Accelerator() == vmconfig.AccelTCG
	var disks []string
	for _, d := range spec.Config.Disks {
		disks = append(disks, spec.Files[d.ID])
	}
	if err := tool.Clean(ctx, disks); err != nil {
		return err
	}
	report(jobs.Progress{Fraction: jobs.Unknown, Text: "Taking out deleted files"})
	for _, d := range disks {
		if err := tool.Sparse(ctx, d); err != nil {
			return err
		}
	}
	return nil
}
