package machines

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/google/uuid"

	"guesthouse/app/jobs"
	"guesthouse/hypervisor/diskimage"
	"guesthouse/vmconfig"
	"guesthouse/vmconfig/domxml"
)

// Blueprint is a machine that is made as somebody else has designed it, over disks that stay as they are.
type Blueprint struct {
	// Machine is the hardware with UUID and name. Accelerator, firmware files and displays are this computer's matter.
	Machine vmconfig.Machine
	// Bases are raw images (absolute), one for each of Machine.Disks, which get overlays over them: whatever the guest writes goes there. Nobody may change a base as long as an
	// overlay is left.
	Bases []string
	// Variables is a file with the firmware's variables at the first start; empty: those of the firmware itself.
	Variables string
	// Fill writes into the new disks, which it gets in the order of Machine.Disks, before the hypervisor knows of the machine, so that nobody can start it meanwhile. When it fails
	// nothing is left behind. nil: they stay empty.
	Fill  func(ctx context.Context, disks []string) error
	Start bool // when it is made
}

// overlay is a disk to be made over a base.
type overlay struct{ path, base string }

// Make makes the machines that blueprints describe, in their order, as part of a job: all of them or none. Whatever fails, and when ctx ends, nothing is left behind; of what
// was killed those machines stay that the hypervisor knows, each of them whole. The error is vmconfig.Faults when something in them is wrong or cannot be had on this computer.
func (s *Service) Make(ctx context.Context, report func(jobs.Progress), all ...Blueprint) error {
	if len(all) == 0 {
		return ctx.Err()
	}
	b, others := all[0], all[1:]
	unlock, err := s.locks.lock(ctx, b.Machine.UUID)
	if err != nil {
		return err
	}
	defer unlock()
	c, faults := s.planBlueprint(ctx, b)
	if err := faults.Err(); err != nil {
		return err
	}
	// A machine counts as made when the others are.
	c.then = func(ctx context.Context) error { return s.Make(ctx, report, others...) }
	return s.build(ctx, c, report)
}

func (s *Service) planBlueprint(ctx context.Context, b Blueprint) (creation, vmconfig.Faults) {
	faults := s.nameFaults(b.Machine.Name, b.Machine.UUID)
	if s.p.Images == nil {
		return creation{}, vmconfig.Faults{{Field: vmconfig.FieldDiskSize, Err: ErrNoImageTool, Message: "No disk can be made: qemu-img is not installed. Install the package qemu-utils."}}
	}
	c := creation{machine: b.Machine, variables: b.Variables, fill: b.Fill, start: b.Start}
	m := &c.machine
	m.Accel = s.Accelerator()
	m.Clipboard = m.Clipboard && agentSaves(s.p.Conn.Host().Version)
	m.Disks, m.NICs = slices.Clone(m.Disks), slices.Clone(m.NICs)
	system, _ := s.guests().Find(m.OSID)
	defaults := s.guests().Defaults(system)
	defaults.Apply(m)
	c.options.LocalTime, c.options.HyperV = defaults.LocalTime, defaults.HyperV
	c.options.Chains = map[string][]domxml.Layer{}
	for i := range m.Disks {
		d := &m.Disks[i]
		d.Device, d.Format, d.Path = vmconfig.DeviceDisk, diskimage.FormatQcow2, s.diskPath(m.Name, m.UUID, i)
		c.overlays = append(c.overlays, overlay{d.Path, b.Bases[i]})
		c.options.Chains[d.Path] = []domxml.Layer{{Path: b.Bases[i], Format: diskimage.FormatRaw}}
	}
	if m.TPM && s.p.Conn.Host().Local && !haveTPM() {
		faults = append(faults, vmconfig.Fault{
			Field: vmconfig.FieldFirmware, Err: ErrNoTPM,
			Message: "The machine has a security chip (TPM), which cannot be emulated here. Install the packages swtpm and swtpm-tools.",
		})
	}
	faults = append(faults, s.planFirmware(ctx, &c)...)
	limits, err := s.Limits(ctx)
	if err != nil {
		s.p.Log.Warn("the host's limits are not known", "error", err)
	}
	for _, f := range m.Validate(limits) {
		if faults.For(f.Field) == "" {
			faults = append(faults, f)
		}
	}
	return c, faults
}

// diskPath is where disk number i, from 0, of a new machine lies.
func (s *Service) diskPath(name string, id uuid.UUID, i int) string {
	stem := vmconfig.Slug(name, id)
	if i > 0 {
		stem = fmt.Sprintf("%s-%d", stem, i+1)
	}
	return filepath.Join(s.imageDir(), stem+".qcow2")
}

// makeOverlay makes an empty disk over a base.
func (s *Service) makeOverlay(ctx context.Context, o overlay) error {
	if err := os.MkdirAll(s.imageDir(), 0o700); err != nil {
		return err
	}
	return s.p.Images.CreateOverlay(ctx, o.path, o.base, diskimage.FormatRaw)
}

// FreeName returns base, or the first "base N" that no machine has. It only reads memory.
func (s *Service) FreeName(base string) string {
	return s.freeName(strings.TrimSpace(base))
}
