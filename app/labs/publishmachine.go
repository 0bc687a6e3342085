package labs

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/google/uuid"

	"guesthouse/app/jobs"
	"guesthouse/app/machines"
	"guesthouse/hypervisor"
	"guesthouse/hypervisor/guestfs"
	"guesthouse/vmconfig"
	"guesthouse/vmconfig/domxml"
	"guesthouse/vmconfig/lab"
)

// PublishOptions are what a teacher says about a lab that is made of a machine.
type PublishOptions struct {
	// Config has what the machine does not say: course, name, title, language, text, network, needs and limits. Publishing fills in the rest. A zero ID becomes that of the lab
	// in the library that has this course and name, so that the new one is its next version.
	Config     lab.Config
	Checkpoint string   // ID of the checkpoint that is published; empty: the machine as it is now, which must be off
	Password   Password // see Spec
	// Clean takes out of the copy, never of the machine, what its Linux has gathered by itself (logs, histories, temporary files, machine ID, SSH host keys), and the content of
	// deleted files. See CleanRefusal.
	Clean bool
	// Done is called with the lab's ID when it is in the library, on the job's goroutine; nil: nobody is told.
	Done func(lab.Digest)
}

// ErrCannotPublish says that a machine has something that a lab cannot have; the error that wraps it says what.
var ErrCannotPublish = errors.New("the machine cannot become a lab")

// PublishMachine makes a lab of a machine in a job: its disks as they are now or were at a checkpoint, its hardware, and its firmware variables, but nothing of this computer. Nothing
// leaves this computer: Send does that. Whatever the disks hold becomes part of it, also passwords and keys, and unless the copy is cleaned logs and deleted files. Errors: ErrRunning, ErrCannotPublish, those of
// Library.Publish and guestfs.
func (s *Service) PublishMachine(id uuid.UUID, o PublishOptions) *jobs.Job {
	return s.p.Jobs.Start("Publishing "+s.machineName(id), id.String(), func(ctx context.Context, report func(jobs.Progress)) error {
		return s.operate(ctx, id, "publishing", func() error { return s.publishMachine(ctx, id, o, report) })
	})
}

func (s *Service) publishMachine(ctx context.Context, id uuid.UUID, o PublishOptions, report func(jobs.Progress)) (err error) {
	source, err := s.sourceOf(ctx, id, o.Checkpoint)
	if err != nil {
		return err
	}
	machine, err := domxml.Parse(source.Description)
	if err != nil {
		return err
	}
	var clean *guestfs.Tool
	if o.Clean {
		var refusal *Reason
		if clean, refusal = s.cleaner(&machine); refusal != nil {
			return refusal
		}
	}
	spec := Spec{Config: o.Config, Files: map[string]string{}, Password: o.Password}
	if err := fillIn(&spec.Config, machine); err != nil {
		return err
	}
	if spec.Config.ID == uuid.Nil {
		if spec.Config.ID, err = s.knownID(spec.Config); err != nil {
			return err
		}
	}
	if o.Checkpoint != "" {
		spec.Picture = source.picture
	}
	staging, err := s.p.Library.Staging()
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp(staging, "publish-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	if err := s.stage(ctx, dir, source, &spec, share(report, 0, 0.4)); err != nil {
		return err
	}
	if clean != nil {
		if err := s.cleanCopy(ctx, clean, &spec, report); err != nil {
			return err
		}
	}
	digest, err := s.p.Library.Publish(ctx, spec, share(report, 0.4, 1))
	if err == nil && o.Done != nil {
		o.Done(digest)
	}
	return err
}

// share makes one part of a job's progress out of a whole one.
func share(report func(jobs.Progress), from, to float64) func(jobs.Progress) {
	return func(p jobs.Progress) {
		if p.Fraction >= 0 {
			p.Fraction = from + (to-from)*p.Fraction
		}
		report(p)
	}
}

// publishSource is what a lab is made of.
type publishSource struct {
	machines.CopySource
	picture []byte
}

// sourceOf finds the images of a machine, now or at a checkpoint.
func (s *Service) sourceOf(ctx context.Context, id uuid.UUID, checkpoint string) (publishSource, error) {
	if s.p.Images == nil {
		return publishSource{}, machines.ErrNoImageTool
	}
	if checkpoint != "" {
		source, picture, err := s.p.Checkpoints.Source(ctx, id, checkpoint)
		return publishSource{source, picture}, err
	}
	d, err := s.p.Conn.Domain(ctx, id)
	if err != nil {
		return publishSource{}, err
	}
	if d.State != hypervisor.StateOff {
		return publishSource{}, &Reason{Text: "The machine must be off, and without a saved state, to be published. Shut it down, or publish one of its checkpoints.", Err: ErrRunning}
	}
	text, err := s.p.Conn.DomainXML(ctx, id, false)
	if err != nil {
		return publishSource{}, err
	}
	m, err := domxml.Parse(text)
	if err != nil {
		return publishSource{}, err
	}
	source := publishSource{CopySource: machines.CopySource{Description: text}}
	for _, d := range ownDisks(m) {
		source.Disks = append(source.Disks, machines.DiskImage{Target: d.Target, Path: d.Path, Format: d.Format})
	}
	if there, _ := exists(m.NVRAM); there && m.NVRAM != "" {
		source.Variables = m.NVRAM
	}
	return source, nil
}

// stage copies the contents into a folder of the library's.
func (s *Service) stage(ctx context.Context, dir string, source publishSource, spec *Spec, report func(jobs.Progress)) error {
	for i, d := range source.Disks {
		path := filepath.Join(dir, spec.Config.Disks[i].ID+".raw")
		progress := func(part float64) {
			report(jobs.Progress{Fraction: (float64(i) + part) / float64(len(source.Disks)), Text: "Copying the disks"})
		}
		if err := s.p.Images.CopyRaw(ctx, path, d.Path, d.Format, d.Snapshot, progress); err != nil {
			return err
		}
		spec.Files[spec.Config.Disks[i].ID] = path
	}
	if source.Variables == "" {
		return nil
	}
	data, err := os.ReadFile(source.Variables)
	if err != nil {
		return err
	}
	path := filepath.Join(dir, lab.VariablesID+".raw")
	spec.Files[lab.VariablesID] = path
	return os.WriteFile(path, data, 0o600)
}

// fillIn takes the hardware over into the config. What a lab cannot have is refused, or left out where the guest will not miss it.
func fillIn(c *lab.Config, m vmconfig.Machine) error {
	refuse := func(format string, args ...any) error {
		return &Reason{Text: fmt.Sprintf(format, args...), Err: ErrCannotPublish}
	}
	c.Machine = lab.Machine{
		Arch: m.Arch, Chipset: "pc", Firmware: string(m.Firmware), SecureBoot: m.SecureBoot, TPM: m.TPM, OS: m.OSID, CPUs: m.CPUs,
		MemoryMiB: m.MemoryBytes / vmconfig.MiB, Video: m.Video, Sound: m.Sound, Clipboard: m.Clipboard,
	}
	if strings.Contains(m.Chipset, "q35") {
		c.Machine.Chipset = "q35"
	}
	if !slices.Contains(lab.Videos, c.Machine.Video) {
		c.Machine.Video = "vga" // what every system can show something on
	}
	if !slices.Contains(lab.Sounds, c.Machine.Sound) {
		c.Machine.Sound = ""
	}
	if c.Network.Mode == "" {
		c.Network.Mode = lab.NetworkIsolated
	}
	c.Disks = nil
	for i, d := range ownDisks(m) {
		c.Disks = append(c.Disks, lab.Disk{ID: fmt.Sprintf("disk%d", i), Bus: d.Bus})
	}
	for _, d := range m.Disks {
		if d.Device == vmconfig.DeviceDisk && d.Path == "" {
			return refuse("Its disk %s is not a file, so it cannot be copied into a lab.", vmconfig.Inert(d.Target, 20))
		}
	}
	if len(c.Disks) == 0 {
		return refuse("It has no disk, so there is nothing to publish.")
	}
	return nil
}

// knownID returns the ID of the newest lab in the library with this course and name, the zero one if there is none.
func (s *Service) knownID(c lab.Config) (uuid.UUID, error) {
	list, err := s.p.Library.Images()
	if err != nil {
		return uuid.Nil, err
	}
	for _, image := range list {
		if image.Config != nil && image.Config.Name == c.Name && image.Config.Course.Name == c.Course.Name {
			return image.Config.ID, nil
		}
	}
	return uuid.Nil, nil
}
