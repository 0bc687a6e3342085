package checkpoints

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/google/uuid"
	"golang.org/x/sys/unix"

	"guesthouse/app/atomicfile"
	"guesthouse/app/jobs"
	"guesthouse/app/machines"
	"guesthouse/hypervisor"
	"guesthouse/hypervisor/saveimage"
	"guesthouse/vmconfig"
	"guesthouse/vmconfig/domxml"
)

// savedMemory keeps the disks in snapshots inside the qcow2 images, made while QEMU does not run, and memory and firmware variables in files
// of our own. It is for machines with UEFI, whose internal snapshots libvirt refuses before 10.10, and for those with a TPM,
// whose state is in no snapshot.
//
// A running machine is saved as libvirt saves its state ("managed save"), the rest is copied while it stands still, and then it is
// resumed. Whatever dies in between, the machine is merely saved and resumes at the next start.
//
// libvirt is told about the snapshot afterwards (redefinition), as one of a machine that is off: its own call refuses machines whose
// description names pflash firmware even when they are off. So virsh shows the tree, and whoever reverts with it gets the disks.
type savedMemory struct{ s *Service }

var errNoImageTool = machines.ErrNoImageTool

func (m savedMemory) probe(t *target) string {
	host := m.s.p.Conn.Host()
	switch {
	case !host.Local:
		return "Checkpoints of machines with UEFI or a TPM can only be saved on the computer that runs them."
	case m.s.images == nil:
		return "Checkpoints of machines with UEFI or a TPM need qemu-img. Install the package qemu-utils."
	}
	if reason := m.s.tpmReason(t); reason != "" {
		return reason
	}
	for _, d := range t.disks() {
		if unix.Access(d.Path, unix.R_OK|unix.W_OK) != nil {
			return fmt.Sprintf("The disk “%s” belongs to another user.", vmconfig.Inert(d.Path, 200))
		}
	}
	return ""
}

// save keeps to an order in which every moment can be recovered from (recover.go).
func (m savedMemory) save(ctx context.Context, t *target, n newCheckpoint, report func(jobs.Progress)) (err error) {
	s, id := m.s, t.domain.UUID
	say := func(text string) { report(jobs.Progress{Fraction: jobs.Unknown, Text: text}) }
	r := &record{
		Version: recordVersion, ID: n.id, Machine: id, Host: s.p.Conn.Host().URI, Name: t.domain.Name,
		Created: n.created.UTC(), State: t.domain.State,
	}
	for _, d := range t.disks() {
		r.Disks = append(r.Disks, d.Path)
	}
	entry := saveRecord{
		Checkpoint: n.id, Name: n.name, Mechanism: savedMemoryName, Disks: r.Disks,
		Running: t.domain.State.Active(), Paused: t.domain.State == hypervisor.StatePaused,
	}
	if _, known := s.savedState(t); entry.Running && !known {
		entry.ResumeFrom = r.memoryFile(t.dir)
	}
	journalled, err := s.journal.Begin(saveKind, r.Host, id, entry)
	if err != nil {
		return err
	}
	defer func() { err = s.endSave(ctx, id, journalled, entry, err) }()
	if err := os.MkdirAll(t.dir, 0o700); err != nil {
		return err
	}
	if t.domain.State.Active() {
		say("Writing the memory")
		if err := m.capture(ctx, t, r, report); err != nil {
			return err
		}
	}
	say("Keeping the disks")
	if err := s.sweep(ctx, t); err != nil {
		return err
	}
	if err := errors.Join(copyVariables(t, r), s.copyTPM(t, r)); err != nil {
		return err
	}
	for _, path := range r.Disks {
		if err := s.images.CreateSnapshot(ctx, path, n.id); err != nil {
			return err
		}
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	ctx = context.WithoutCancel(ctx)
	if err := r.write(t.dir); err != nil {
		return err
	}
	xml := redefinitionXML(t, n, "shutoff", "no")
	if err := s.p.Conn.CreateSnapshot(ctx, id, xml, hypervisor.SnapshotFlags{Redefine: true, Current: true}); err != nil {
		return err
	}
	say("Running on")
	return s.goOn(ctx, id, entry)
}

// savedState returns the file in which libvirt keeps the saved state of this machine; known is false when that cannot be told.
func (s *Service) savedState(t *target) (path string, known bool) {
	return machines.SavedStatePath(s.p.Conn.Host(), t.domain.Name)
}

// capture writes the memory of the active machine into <id>.mem and stops it. Where libvirt's own file for saved states is known, libvirt holds
// the state as well, so that the machine resumes from it whoever starts it.
func (m savedMemory) capture(ctx context.Context, t *target, r *record, report func(jobs.Progress)) error {
	s, id := m.s, t.domain.UUID
	file := r.memoryFile(t.dir)
	err := func() error {
		defer machines.FollowProgress(ctx, s.p.Conn, id, report)()
		saved, known := s.savedState(t)
		if !known {
			return s.p.Conn.SaveTo(ctx, id, file, t.domain.State == hypervisor.StatePaused)
		}
		if err := s.p.Conn.Save(ctx, id); err != nil {
			return err
		}
		return linkOrCopy(ctx, saved, file)
	}()
	if err != nil {
		return err
	}
	image, err := saveimage.Read(file)
	if err != nil {
		return err
	}
	r.MemoryBytes = image.Bytes
	return syncFile(file)
}

// copyVariables copies the firmware's variables into <id>.vars. A machine that never started has none yet.
func copyVariables(t *target, r *record) error {
	if t.config.NVRAM == "" {
		return nil
	}
	data, err := os.ReadFile(t.config.NVRAM)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	r.VariablesBytes = int64(len(data))
	return atomicfile.Write(r.variablesFile(t.dir), data)
}

// undoSavedMemory takes back a checkpoint that failed half-way. What is inside the disks of a machine that runs again stays until it is
// off (sweep).
func (s *Service) undoSavedMemory(ctx context.Context, id uuid.UUID, entry saveRecord) error {
	t, err := s.look(ctx, id)
	if err != nil {
		return err
	}
	if _, listed := t.snapshot(entry.Checkpoint); listed {
		if err := s.p.Conn.DeleteSnapshot(ctx, id, entry.Checkpoint, true); err != nil {
			return err
		}
	}
	r := t.records[entry.Checkpoint]
	if r == nil || r.Version == 0 {
		r = &record{Version: recordVersion, ID: entry.Checkpoint, Machine: id, Disks: entry.Disks}
	}
	return s.discard(ctx, t, r)
}

// discard removes everything that belongs to a checkpoint which libvirt no longer lists.
func (s *Service) discard(ctx context.Context, t *target, r *record) error {
	if t.domain.State.Active() {
		inside := s.contents(t)
		for _, path := range r.Disks {
			if _, has := inside[path][r.ID]; has {
				r.Removed = true
				r.MemoryBytes, r.VariablesBytes, r.TPMBytes = 0, 0, 0
				return errors.Join(r.write(t.dir), r.empty(t.dir))
			}
		}
		return r.forget(t.dir)
	}
	if err := s.dropFromDisks(ctx, existing(r.Disks), r.ID); err != nil {
		return err
	}
	return r.forget(t.dir)
}

// existing returns the paths that are there: data on a disk that is gone needs no deleting.
func existing(paths []string) []string {
	var there []string
	for _, path := range paths {
		if _, err := os.Stat(path); err == nil {
			there = append(there, path)
		}
	}
	return there
}

// sweep removes what deleted checkpoints left: inside the disks, where the machine is off, and beside them.
func (s *Service) sweep(ctx context.Context, t *target) error {
	for _, r := range t.records {
		if _, listed := t.snapshot(r.ID); !r.Removed || listed { // else finishDeletions comes first
			continue
		}
		if t.domain.State.Active() && len(r.Disks) > 0 {
			continue
		}
		if err := s.dropFromDisks(ctx, existing(r.Disks), r.ID); err != nil {
			return err
		}
		if err := r.forget(t.dir); err != nil {
			return err
		}
		delete(t.records, r.ID)
	}
	return nil
}

// finishDeletions deletes the checkpoints whose deletion was interrupted before libvirt heard of it.
func (s *Service) finishDeletions(ctx context.Context, t *target) error {
	var gone []string
	for _, r := range t.records {
		if _, listed := t.snapshot(r.ID); r.Removed && listed {
			gone = append(gone, r.ID)
		}
	}
	var errs []error
	for _, id := range gone {
		after, err := s.delete(ctx, t, id)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		*t = *after
	}
	return errors.Join(errs...)
}

func (m savedMemory) describe(t *target, snapshot hypervisor.Snapshot, inside contents, c *Checkpoint) {
	r := t.records[snapshot.Name]
	if r.Version == 0 {
		c.Problem = "Its record is damaged."
		return
	}
	c.State = r.State
	c.SizeBytes = r.bytes(t.dir)
	if path, gone := inside.missing(r.Disks, r.ID); path != "" {
		c.Problem = missingSentence(path, gone)
		return
	}
	if c.Problem = r.lacks(t.dir); c.Problem == "" && r.MemoryBytes > 0 {
		c.DisksUsable = true
		if image, err := saveimage.Read(r.memoryFile(t.dir)); err != nil || image.Bytes != r.MemoryBytes {
			c.Problem = "Its memory is missing or damaged. You can still go back to its disks."
			return
		}
		m.s.judgeMemory(t, snapshot, c)
	}
}

// lacks says which of the small files beside a checkpoint is missing or damaged, one sentence; empty: none.
func (r *record) lacks(dir string) string {
	switch {
	case r.VariablesBytes > 0 && !hasSize(r.variablesFile(dir), r.VariablesBytes):
		return "Its firmware variables are missing or damaged."
	case r.TPMBytes > 0 && !hasSize(r.tpmFile(dir), r.TPMBytes):
		return "The state of its security chip (TPM) is missing or damaged."
	}
	return ""
}

func hasSize(path string, bytes int64) bool {
	info, err := os.Stat(path)
	return err == nil && info.Size() == bytes
}

func (m savedMemory) restore(ctx context.Context, t *target, snapshot hypervisor.Snapshot) error {
	s, id, r := m.s, t.domain.UUID, t.records[snapshot.Name]
	if t.domain.State.Active() || t.domain.State == hypervisor.StateCrashed {
		if err := s.powerOff(ctx, id); err != nil {
			return err
		}
	}
	if err := s.sweep(ctx, t); err != nil {
		return err
	}
	err := s.p.Conn.RevertSnapshot(ctx, id, snapshot.Name, hypervisor.RevertFlags{})
	if errors.Is(err, hypervisor.ErrNeedsForce) {
		err = s.p.Conn.RevertSnapshot(ctx, id, snapshot.Name, hypervisor.RevertFlags{Force: true})
	}
	if err != nil {
		return err
	}
	if err := s.keepIdentity(ctx, t); err != nil {
		return err
	}
	if err := errors.Join(s.restoreVariables(ctx, t, r), s.restoreTPM(t, r)); err != nil {
		return err
	}
	if r.MemoryBytes == 0 || t.disksOnly {
		return nil
	}
	if err := t.waking(); err != nil {
		return err
	}
	return m.wake(ctx, t, r)
}

// restoreVariables puts the firmware's variables back. A machine that had none yet gets new ones from libvirt at its next start.
func (s *Service) restoreVariables(ctx context.Context, t *target, r *record) error {
	config, err := s.config(ctx, t.domain.UUID)
	if err != nil || config.NVRAM == "" {
		return err
	}
	if r.VariablesBytes == 0 {
		return remove(config.NVRAM)
	}
	data, err := os.ReadFile(r.variablesFile(t.dir))
	if err != nil {
		return err
	}
	return atomicfile.Write(config.NVRAM, data)
}

func (s *Service) config(ctx context.Context, id uuid.UUID) (vmconfig.Machine, error) {
	xml, err := s.p.Conn.DomainXML(ctx, id, false)
	if err != nil {
		return vmconfig.Machine{}, err
	}
	return domxml.Parse(xml)
}

// wake starts the machine from the memory file. It comes up paused, and runs on only when that worked.
func (m savedMemory) wake(ctx context.Context, t *target, r *record) error {
	s, id := m.s, t.domain.UUID
	file := r.memoryFile(t.dir)
	image, err := saveimage.Read(file)
	if err != nil {
		return err
	}
	then, err := domxml.Parse(image.XML)
	if err != nil {
		return err
	}
	if then.Name != t.domain.Name {
		// libvirt refuses to restore a machine under another name than its memory has.
		xml, err := renameDomain(image.XML, t.domain.Name)
		if err != nil {
			return err
		}
		renamed := filepath.Join(t.dir, r.ID+".renamed")
		if err := remove(renamed); err != nil {
			return err
		}
		if err := saveimage.CopyWithXML(file, renamed, xml); err != nil {
			return err
		}
		defer os.Remove(renamed)
		file = renamed
	}
	if err := s.p.Conn.RestoreFrom(ctx, file, true); err != nil {
		return err
	}
	if r.State == hypervisor.StateRunning {
		return s.p.Conn.Resume(ctx, id)
	}
	return nil
}

func (m savedMemory) delete(ctx context.Context, t *target, snapshot hypervisor.Snapshot) error {
	r := t.records[snapshot.Name]
	if r.Version == 0 {
		r = &record{Version: recordVersion, ID: snapshot.Name, Machine: t.domain.UUID, Disks: t.snapshotPaths(snapshot)}
	}
	// The record says from now on that the checkpoint is gone, so that an interruption leaves work for sweep and nothing else.
	r.Removed = true
	if err := r.write(t.dir); err != nil {
		return err
	}
	if err := m.s.p.Conn.DeleteSnapshot(ctx, t.domain.UUID, snapshot.Name, true); err != nil {
		if m.s.settle(ctx, t.domain.UUID) != nil {
			return err // finishDeletions goes on
		}
		now, lookErr := m.s.look(ctx, t.domain.UUID)
		if lookErr != nil {
			return errors.Join(err, lookErr)
		}
		if _, listed := now.snapshot(snapshot.Name); listed {
			r.Removed = false
			return errors.Join(err, r.write(t.dir))
		}
		t = now // it was done all the same
	}
	return m.s.discard(ctx, t, r)
}

// linkOrCopy gives a file a second name, or copies it where that is impossible (another file system).
func linkOrCopy(ctx context.Context, from, to string) error {
	if err := os.Link(from, to); err == nil {
		return nil
	}
	source, err := os.Open(from)
	if err != nil {
		return err
	}
	defer source.Close()
	target, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	for err == nil && ctx.Err() == nil {
		_, err = io.CopyN(target, source, 64<<20)
	}
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return errors.Join(err, ctx.Err(), target.Close())
}

// syncFile puts a file and its name on the disk.
func syncFile(path string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	if err := file.Sync(); err != nil {
		return err
	}
	return atomicfile.SyncDir(filepath.Dir(path))
}
