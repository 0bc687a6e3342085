package checkpoints

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/google/uuid"

	"guesthouse/app/jobs"
	"guesthouse/app/journal"
	"guesthouse/app/machines"
	"guesthouse/hypervisor"
	"guesthouse/hypervisor/diskimage"
	"guesthouse/hypervisor/saveimage"
	"guesthouse/vmconfig"
)

// Kinds of records in the journal.
const (
	saveKind    = "checkpoint"
	restoreKind = "restore"
)

// Names of the mechanisms in the journal.
const (
	internalName    = "internal"
	savedMemoryName = "saved-memory"
	externalName    = "external"
)

// saveRecord is what undoing an interrupted save needs.
type saveRecord struct {
	Checkpoint string `json:"checkpoint"`
	Name       string `json:"name"`
	Mechanism  string `json:"mechanism"`
	Running    bool   `json:"running"` // the machine was active before
	Paused     bool   `json:"paused"`  // it was active but stood still
	// Disks are the images with the checkpoint inside, or the overlays that an external one makes; MemoryFile is what that makes beside them.
	Disks      []string `json:"disks,omitempty"`
	MemoryFile string   `json:"memory_file,omitempty"`
	// ResumeFrom is the file that holds the memory of the stopped machine; empty when libvirt holds it as a saved state.
	ResumeFrom string `json:"resume_from,omitempty"`
}

// restoreRecord names the checkpoint that was being restored.
type restoreRecord struct {
	Checkpoint string `json:"checkpoint"`
	// Waking is true when only the hypervisor's part is missing: a machine that is active has its memory back, or gets it.
	Waking    bool `json:"waking,omitempty"`
	DisksOnly bool `json:"disks_only,omitempty"`
}

// settlePatience is how long an operation that lost its connection waits for it to come back.
const settlePatience = time.Minute

// settle waits until the hypervisor answers again and is done with the machine, after a call that failed for an unknown reason, or of a program that was killed.
func (s *Service) settle(ctx context.Context, id uuid.UUID) error {
	answers := time.Now()
	for {
		_, err := s.p.Conn.Domain(ctx, id)
		if err == nil {
			_, busy, progressErr := s.p.Conn.Progress(ctx, id)
			if progressErr != nil || !busy {
				return nil
			}
			answers = time.Now()
		} else if !errors.Is(err, hypervisor.ErrDisconnected) && !errors.Is(err, hypervisor.ErrTimeout) && !errors.Is(err, hypervisor.ErrCannotStart) {
			return err
		}
		if time.Since(answers) > settlePatience {
			return err
		}
		select {
		case <-ctx.Done():
			return errors.Join(err, ctx.Err())
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// lookAgain is look after something was done: where the hypervisor has gone away meanwhile, its successor is asked.
func (s *Service) lookAgain(ctx context.Context, id uuid.UUID) (*target, error) {
	t, err := s.look(ctx, id)
	if errors.Is(err, hypervisor.ErrDisconnected) && s.settle(ctx, id) == nil {
		return s.look(ctx, id)
	}
	return t, err
}

// mend repairs the disks of a machine whose QEMU ended while it kept their books: a snapshot that was half-way in or out leaves clusters counted wrongly, which QEMU does
// not repair by itself. A machine that runs is left alone. It is a help and no condition: what cannot be repaired is as it was.
func (s *Service) mend(ctx context.Context, t *target) {
	if t.domain.State.Active() || s.images == nil || !s.p.Conn.Host().Local {
		return
	}
	for _, d := range t.disks() {
		if unfit(d) {
			continue
		}
		found, err := s.images.Check(ctx, d.Path)
		if err == nil && found != (diskimage.CheckResult{}) {
			s.p.Log.Info("repairing a disk", "path", d.Path, "errors", found.Errors, "leaks", found.Leaks)
			err = s.images.Repair(ctx, d.Path)
		}
		if err != nil {
			s.p.Log.Warn("a disk cannot be repaired", "path", d.Path, "error", err)
		}
	}
}

// Recover finishes or undoes what an earlier run of the program left half-done on this host, and returns a sentence for the user about
// each. Machines that another process works on are left alone. Call it once after the inventory is ready.
func (s *Service) Recover(ctx context.Context) ([]string, error) {
	var told []string
	var errs []error
	mend := func(kind string, do func(context.Context, *journal.Record) (string, error)) {
		records, err := s.journal.Records(kind, s.p.Conn.Host().URI)
		errs = append(errs, err)
		for _, r := range records {
			release, ok := s.p.Machines.TryOperate(ctx, r.Machine, "finishing what was interrupted")
			if !ok {
				continue
			}
			if r.Exists() {
				var sentence string
				err := s.settle(ctx, r.Machine) // the hypervisor may still do what it was told
				if err == nil {
					sentence, err = do(ctx, r)
				}
				if errors.Is(err, hypervisor.ErrNotFound) { // the machine is gone, and its files with it
					err = nil
				}
				if t, lookErr := s.look(ctx, r.Machine); err == nil && lookErr == nil {
					s.tidy(t)
				}
				if err == nil {
					err = r.End()
				}
				if err != nil {
					errs = append(errs, s.named(r.Machine, err))
				} else if sentence != "" {
					told = append(told, sentence)
				}
			}
			release()
			s.changed(r.Machine)
		}
	}
	s.journal.Tidy(func(machine uuid.UUID) (func(), bool) { return s.p.Machines.TryOperate(ctx, machine, "tidying up") })
	mend(saveKind, s.recoverSave)
	mend(restoreKind, s.recoverRestore)
	errs = append(errs, s.sweepAll(ctx))
	return told, errors.Join(errs...)
}

// sweepAll empties the trash of what is too old, and removes what deleted checkpoints left inside the disks of machines that are off now.
func (s *Service) sweepAll(ctx context.Context) error {
	var errs []error
	for _, m := range s.p.Machines.Snapshot().Machines {
		dir := s.p.Machines.CheckpointDir(m.UUID)
		records, err := readRecords(dir)
		errs = append(errs, err)
		left := len(machines.ReadPointTrash(dir, nil)) > 0 || unfinished(dir)
		for _, r := range records {
			left = left || r.Removed
		}
		if !left {
			continue
		}
		release, ok := s.p.Machines.TryOperate(ctx, m.UUID, "tidying up")
		if !ok {
			continue
		}
		if t, err := s.look(ctx, m.UUID); err == nil {
			s.tidy(t)
			errs = append(errs, s.named(m.UUID, s.finishDeletions(ctx, t)), s.named(m.UUID, s.purge(ctx, t, time.Now())))
			errs = append(errs, s.named(m.UUID, s.sweep(ctx, t)))
		}
		release()
		s.changed(m.UUID)
	}
	return errors.Join(errs...)
}

// recoverSave keeps a checkpoint that was complete and takes back any other; the machine runs on if it did.
func (s *Service) recoverSave(ctx context.Context, r *journal.Record) (string, error) {
	var entry saveRecord
	if err := r.Decode(&entry); err != nil {
		return "", err
	}
	if entry.Mechanism == externalName {
		if err := (external{s}).completed(ctx, r.Machine, entry.Checkpoint); err != nil {
			return "", err
		}
	}
	t, err := s.look(ctx, r.Machine)
	if err != nil {
		return "", err
	}
	shown := vmconfig.Inert(entry.Name, vmconfig.MaxNameBytes)
	name := s.machineName(r.Machine)
	if snapshot, listed := t.snapshot(entry.Checkpoint); listed {
		c := s.inspect(t, snapshot)
		if c.Problem == "" || t.mixed() { // what another program has done since makes it no half checkpoint
			return fmt.Sprintf("Saving “%s” of %s was interrupted and has been finished.", shown, name), s.goOn(ctx, r.Machine, entry)
		}
	}
	if err := s.undoSave(ctx, r.Machine, entry); err != nil {
		return "", err
	}
	return fmt.Sprintf("Saving “%s” of %s was interrupted and has been taken back. Nothing was lost.", shown, name), nil
}

// undoSave takes back a checkpoint that was begun.
func (s *Service) undoSave(ctx context.Context, id uuid.UUID, entry saveRecord) error {
	switch entry.Mechanism {
	case internalName:
		return s.undoInternal(ctx, id, entry)
	case externalName:
		return s.undoExternal(ctx, id, entry)
	}
	return s.takeBack(ctx, id, entry)
}

// endSave ends a save that came to err: one that failed or was cancelled is taken back, and forgotten once nothing of it is left.
func (s *Service) endSave(ctx context.Context, id uuid.UUID, record *journal.Record, entry saveRecord, err error) error {
	if err == nil {
		return record.End()
	}
	ctx = context.WithoutCancel(ctx)
	if settleErr := s.settle(ctx, id); settleErr != nil {
		return errors.Join(err, settleErr) // the journal has it
	}
	if undoErr := s.undoSave(ctx, id, entry); undoErr != nil {
		return errors.Join(err, undoErr)
	}
	return errors.Join(err, record.End())
}

// takeBack undoes a save by the savedMemory mechanism and lets the machine run on, in the order that never leaves its memory without a file.
func (s *Service) takeBack(ctx context.Context, id uuid.UUID, entry saveRecord) error {
	if entry.ResumeFrom == "" {
		return errors.Join(s.undoSavedMemory(ctx, id, entry), s.goOn(ctx, id, entry))
	}
	if err := s.goOn(ctx, id, entry); err != nil {
		return err
	}
	return s.undoSavedMemory(ctx, id, entry)
}

// goOn resumes a machine that was active when its checkpoint was begun.
func (s *Service) goOn(ctx context.Context, id uuid.UUID, entry saveRecord) error {
	if !entry.Running || entry.Mechanism == internalName {
		return nil
	}
	d, err := s.p.Conn.Domain(ctx, id)
	switch {
	case err != nil:
		return err
	case entry.Mechanism == externalName:
		return s.resumeAfter(ctx, d, entry)
	case d.State == hypervisor.StateSaved:
		return s.p.Conn.Start(ctx, id)
	case d.State != hypervisor.StateOff || entry.ResumeFrom == "":
		return nil // it runs, or it stopped by itself
	}
	if _, err := saveimage.Read(entry.ResumeFrom); err != nil {
		return nil //nolint:nilerr // the memory was not written, so the machine stopped by itself
	}
	return s.p.Conn.RestoreFrom(ctx, entry.ResumeFrom, entry.Paused)
}

// restoreGrace is how much later than the journal's record a disk may have been written to by the interrupted restore itself.
const restoreGrace = 2 * time.Minute

// recoverRestore repeats an interrupted restore, unless the machine was used since: then its present state is somebody's work.
func (s *Service) recoverRestore(ctx context.Context, r *journal.Record) (string, error) {
	var entry restoreRecord
	if err := r.Decode(&entry); err != nil {
		return "", err
	}
	name := s.machineName(r.Machine)
	t, snapshot, err := s.restorable(ctx, r.Machine, entry.Checkpoint, entry.DisksOnly)
	switch {
	case errors.Is(err, hypervisor.ErrDisconnected), errors.Is(err, hypervisor.ErrTimeout), errors.Is(err, hypervisor.ErrNotFound), errors.Is(err, hypervisor.ErrNoSpace):
		return "", err // the next start tries again, unless the machine is gone
	case err != nil:
		return fmt.Sprintf("Restoring a checkpoint of %s was interrupted and could not be repeated. Restore one again before you use the machine.", name), nil
	}
	finished := fmt.Sprintf("Restoring a checkpoint of %s was interrupted and has been finished.", name)
	if s.isBack(t, snapshot, entry) {
		if t.domain.State == hypervisor.StatePaused && s.stateOf(t, snapshot) == hypervisor.StateRunning {
			return finished, s.resume(ctx, r.Machine)
		}
		return finished, nil
	}
	begun := entry.Waking && t.domain.State == hypervisor.StatePaused && t.domain.Pause == hypervisor.PauseStarting // and its memory was not loaded
	if t.domain.State.Active() && !begun {
		return fmt.Sprintf("Restoring a checkpoint of %s was interrupted. The machine runs, so it was left as it is.", name), nil
	}
	if t.domain.State != hypervisor.StateOff && !begun || usedSince(t, r.Started.Add(restoreGrace)) {
		return fmt.Sprintf("Restoring a checkpoint of %s was interrupted. The machine has been used since, so it was left as it is.", name), nil
	}
	t.follow(r, entry)
	return finished, s.goBack(ctx, t, snapshot, func(jobs.Progress) {})
}

// follow has a restore do as its record says, and note there when only the memory is missing.
func (t *target) follow(r *journal.Record, entry restoreRecord) {
	t.disksOnly = entry.DisksOnly
	t.waking = func() error {
		entry.Waking = true
		return r.Update(entry)
	}
}

// isBack reports whether an interrupted restore had come to its end, but for the machine being resumed: it is active, which the restore has brought about.
func (s *Service) isBack(t *target, snapshot hypervisor.Snapshot, entry restoreRecord) bool {
	if entry.DisksOnly || !snapshot.Current || !t.domain.State.Active() || t.domain.Pause == hypervisor.PauseStarting || !s.stateOf(t, snapshot).Active() {
		return false
	}
	return entry.Waking
}

// stateOf is the machine's state in a checkpoint.
func (s *Service) stateOf(t *target, snapshot hypervisor.Snapshot) hypervisor.State {
	if r := t.records[snapshot.Name]; r != nil {
		return r.State
	}
	return snapshot.State
}

// usedSince reports whether a disk was written to after the moment.
func usedSince(t *target, moment time.Time) bool {
	for _, d := range t.disks() {
		if info, err := os.Stat(d.Path); err == nil && info.ModTime().After(moment) {
			return true
		}
	}
	return false
}

func machinesRefused(t *target, reason string) error {
	return machines.Refused(vmconfig.Inert(t.domain.Name, vmconfig.MaxNameBytes), reason)
}
