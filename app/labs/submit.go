package labs

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/google/uuid"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"guesthouse/app/jobs"
	"guesthouse/app/labs/source"
	"guesthouse/app/machines"
	"guesthouse/hypervisor"
	"guesthouse/hypervisor/diskimage"
	"guesthouse/vmconfig"
	"guesthouse/vmconfig/domxml"
	"guesthouse/vmconfig/lab"
)

// SubmissionSuffix ends the name of every submission that is a file.
const SubmissionSuffix = ".submission.lab"

// SubmitOptions say how a machine is handed in.
type SubmitOptions struct {
	// Student is who hands in, one line; it is remembered. Empty: who did last.
	Student string
	// To is where it goes: a folder, in which a file is made; a new file whose name ends in SubmissionSuffix; a folder with an OCI image layout or a registry, where it gets a tag.
	To string
	source.Options
	// Done is called with what the student should keep, on the job's goroutine; nil: nobody is told.
	Done func(Receipt)
}

// Receipt is what a student has of a submission.
type Receipt struct {
	Digest      lab.Digest // names the submission: whoever has it can say whether it is this one
	Student     string
	Fingerprint string // of the student's key
	Sequence    int    // how many this student has handed in to this lab
	Created     time.Time
	Place       string // where it is
	Changed     int64  // bytes of content that were changed
	Written     int64  // bytes of the packs that were made of it
	// LeftOut are the machine's disks that are not the lab's, by their target. They are not handed in.
	LeftOut []string
}

// Submit hands in what a student has made of a machine, in a job: the chunks of its disks, as they are now, that are not the lab's, signed with the student's key. The machine must be off. What is only
// in a checkpoint is not handed in. When it fails or is cancelled nothing is left at the place. Errors: ErrNotALab, ErrNoLab, ErrRunning, ErrNoStudent, ErrNoChanges, ErrGrowth, ErrNoRoom, those of
// source.OpenTarget.
func (s *Service) Submit(id uuid.UUID, o SubmitOptions) *jobs.Job {
	return s.p.Jobs.Start("Handing in "+s.machineName(id), id.String(), func(ctx context.Context, report func(jobs.Progress)) error {
		return s.operate(ctx, id, "handing in", func() error {
			receipt, err := s.submit(ctx, id, o, report)
			if err == nil && o.Done != nil {
				o.Done(*receipt)
			}
			return err
		})
	})
}

// handIn is one submission that is being made.
type handIn struct {
	l       *Library
	c       *content
	machine uuid.UUID
	role    string // lab.Submission.Role
	author  author
	views   []*view
	changes []*lab.Changes // of each view
	journal []lab.Event
	receipt *Receipt
	target  source.Target
	path    string // of the file that is made; empty: it goes elsewhere
	packs   []ocispec.Descriptor
}

func (h *handIn) close() {
	for _, v := range h.views {
		v.close()
	}
}

func (s *Service) submit(ctx context.Context, id uuid.UUID, o SubmitOptions, report func(jobs.Progress)) (_ *Receipt, err error) {
	if s.p.Images == nil {
		return nil, machines.ErrNoImageTool
	}
	report(jobs.Progress{Fraction: jobs.Unknown, Text: "Looking for what was changed"})
	digest, m, err := s.submittable(ctx, id)
	if err != nil {
		return nil, err
	}
	l := s.p.Library
	h := &handIn{l: l, machine: id, receipt: &Receipt{}}
	if m.Lab.Topology != "" {
		h.role = m.Lab.Topology + ":" + m.Lab.Role
	}
	defer h.close()
	if h.author, err = l.author(ctx, o.Student); err != nil {
		return nil, err
	}
	if h.c, err = l.load(digest); err != nil {
		return nil, err
	}
	if h.journal, err = s.events(ctx, id); err != nil {
		return nil, err
	}
	dir, remove, err := l.workDir(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, remove()) }()
	err = l.Using(ctx, digest, func(_ *lab.Config, bases []Base) error {
		if err := s.viewAll(ctx, h, m, bases, dir); err != nil {
			return err
		}
		if err := h.compare(ctx, report); err != nil {
			return err
		}
		return h.deliver(ctx, o, report)
	})
	return h.receipt, err
}

// submittable makes sure that the machine is a lab's and off.
func (s *Service) submittable(ctx context.Context, id uuid.UUID) (digest lab.Digest, m vmconfig.Machine, err error) {
	text, err := s.p.Conn.DomainXML(ctx, id, false)
	if err != nil {
		return digest, m, err
	}
	if m, err = domxml.Parse(text); err != nil {
		return digest, m, err
	}
	if digest, err = lab.ParseDigest(m.Lab.ID); err != nil {
		return digest, m, &Reason{Text: "This machine was not launched from a lab, so it cannot be handed in.", Err: ErrNotALab}
	}
	d, err := s.p.Conn.Domain(ctx, id)
	if err == nil && d.State != hypervisor.StateOff {
		err = &Reason{Text: "The machine must be off, and without a saved state, to be handed in: what it has not written to its disks would be missing. Shut it down first.", Err: ErrRunning}
	}
	return digest, m, err
}

// viewAll opens all parts as the guest sees them.
func (s *Service) viewAll(ctx context.Context, h *handIn, m vmconfig.Machine, bases []Base, dir string) error {
	var chains []chain
	for _, d := range ownDisks(m) {
		c, err := chainOf(d, bases)
		if err != nil {
			return err
		}
		chains = append(chains, c)
	}
	var data int64
	limit := h.c.config.Growth()
	check := func(extents []diskimage.Extent) error {
		// What was written twice counts twice here, and what was written back as it was counts as well, so there is room for that; the exact comparison comes later.
		if data += dataOf(extents); data > 2*limit {
			return tooMuch(data, limit)
		}
		return h.l.checkRoom(data)
	}
	for _, base := range bases {
		if base.Part.ID == lab.VariablesID {
			continue
		}
		at := slices.IndexFunc(chains, func(c chain) bool { return c.base == base.Path })
		if at < 0 {
			return &Reason{Text: fmt.Sprintf("The machine has no longer the disk %s of its lab, so it cannot be handed in. Add the disk again, or reset the machine.", base.Part.ID), Err: ErrNotALab}
		}
		v, err := newView(base.Part, base.Path)
		if err != nil {
			return err
		}
		h.views = append(h.views, v)
		for _, image := range chains[at].images {
			if err := v.add(ctx, s.p.Images, dir, image, check); err != nil {
				return err
			}
		}
		chains = slices.Delete(chains, at, at+1)
	}
	for _, c := range chains {
		h.receipt.LeftOut = append(h.receipt.LeftOut, c.target)
	}
	return h.viewVariables(m, bases, dir)
}

// viewVariables opens the firmware's variables, if the machine has started so that there are any.
func (h *handIn) viewVariables(m vmconfig.Machine, bases []Base, dir string) error {
	if m.NVRAM == "" || h.c.config.Machine.Firmware != string(vmconfig.FirmwareUEFI) {
		return nil
	}
	info, err := os.Stat(m.NVRAM)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	part, path := lab.Part{ID: lab.VariablesID, Bytes: info.Size()}, ""
	for _, base := range bases {
		if base.Part.ID == lab.VariablesID {
			part, path = base.Part, base.Path
		}
	}
	if info.Size() != part.Bytes || part.Bytes < 1 || part.Bytes > lab.MaxVariablesBytes {
		return &Reason{Text: fmt.Sprintf("The firmware's variables have %d bytes and the lab's have %d, so that what was changed cannot be said.", info.Size(), part.Bytes), Err: ErrNotALab}
	}
	data, err := os.ReadFile(m.NVRAM)
	if err != nil {
		return err
	}
	copied := filepath.Join(dir, lab.VariablesID+".own")
	if err := os.WriteFile(copied, data, 0o600); err != nil {
		return err
	}
	v, err := newView(part, path)
	if err != nil {
		return err
	}
	h.views = append(h.views, v)
	own, err := os.Open(copied)
	if err == nil {
		v.layers = append(v.layers, layer{own, []diskimage.Extent{{Bytes: int64(len(data))}}})
	}
	return err
}

// tooMuch says that a submission is too large.
func tooMuch(changed, limit int64) error {
	return &Reason{
		Text: fmt.Sprintf("%s were changed, and the lab takes at most %s. Delete what is not needed inside the machine and have it give back the room (fstrim), or reset it and begin again.", size(changed), size(limit)),
		Err:  ErrGrowth,
	}
}

// compare finds the changed chunks.
func (h *handIn) compare(ctx context.Context, report Report) error {
	var total int64
	for _, v := range h.views {
		total += int64(len(v.touched())) * lab.ChunkSize
	}
	m := newMeter(report, h.l.now, "Comparing with the lab", 0, 0.4, total)
	count := 0
	for _, v := range h.views {
		c, err := h.l.changes(ctx, v, h.c.indexes[v.part.ID], m)
		if err != nil {
			return err
		}
		h.changes = append(h.changes, c)
		h.receipt.Changed += c.Data(v.part.Bytes)
		count += len(c.Chunks)
	}
	if count == 0 {
		return &Reason{Text: "There is nothing to hand in: the machine's disks are as they were when the lab was launched.", Err: ErrNoChanges}
	}
	if limit := h.c.config.Growth(); h.receipt.Changed > limit {
		return tooMuch(h.receipt.Changed, limit)
	}
	return nil
}

// events is what this computer knows of a machine's past: its checkpoints and the resets that can still be taken back.
func (s *Service) events(ctx context.Context, id uuid.UUID) ([]lab.Event, error) {
	var list []lab.Event
	snapshots, err := s.p.Conn.Snapshots(ctx, id)
	if err != nil {
		return nil, err
	}
	add := func(at time.Time, what lab.EventKind) {
		if year := at.Year(); year >= 2000 && year <= 9999 { // what a clock without battery says is of no use
			list = append(list, lab.Event{Time: at.UTC().Truncate(time.Second), Event: what})
		}
	}
	for _, snapshot := range snapshots {
		add(snapshot.Created, lab.EventCheckpoint)
	}
	sets, err := os.ReadDir(s.resetDir(id))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	for _, e := range sets {
		if put, err := readSet(filepath.Join(s.resetDir(id), e.Name()), setFile); err == nil && !put.Put.IsZero() {
			add(put.Put, lab.EventReset)
		}
	}
	return list, nil
}
