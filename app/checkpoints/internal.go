package checkpoints

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"

	"guesthouse/app/jobs"
	"guesthouse/hypervisor"
	"guesthouse/hypervisor/diskimage"
	"guesthouse/vmconfig"
	"guesthouse/vmconfig/domxml"
)

// internal keeps everything inside the machine's qcow2 disks with libvirt's internal snapshots: disks and, of an active machine, memory and
// devices. libvirt keeps the list.
type internal struct{ s *Service }

func (m internal) probe(t *target) string {
	switch {
	case t.pflash() && t.domain.State.Active():
		return "The machine has UEFI firmware and checkpoints of another kind. Shut it down to save another one."
	case t.config.TPM:
		return "The machine has a security chip (TPM) and checkpoints of a kind that does not keep its state. Delete them, also from the trash, to save another one."
	}
	return ""
}

func (m internal) save(ctx context.Context, t *target, n newCheckpoint, report func(jobs.Progress)) error {
	entry := saveRecord{Checkpoint: n.id, Name: n.name, Mechanism: internalName, Running: t.domain.State == hypervisor.StateRunning}
	record, err := m.s.journal.Begin(saveKind, m.s.p.Conn.Host().URI, t.domain.UUID, entry)
	if err != nil {
		return err
	}
	report(jobs.Progress{Fraction: jobs.Unknown, Text: "Saving"})
	err = m.s.p.Conn.CreateSnapshot(ctx, t.domain.UUID, snapshotXML(n), hypervisor.SnapshotFlags{})
	return m.s.endSave(ctx, t.domain.UUID, record, entry, err)
}

// undoInternal takes back a checkpoint that failed half-way: its data inside the disks, its entry in libvirt's list, and the pause
// of the machine.
func (s *Service) undoInternal(ctx context.Context, id uuid.UUID, entry saveRecord) error {
	t, err := s.look(ctx, id)
	if err != nil {
		return err
	}
	if _, listed := t.snapshot(entry.Checkpoint); listed {
		err = s.p.Conn.DeleteSnapshot(ctx, id, entry.Checkpoint, false)
	} else {
		err = s.removeOrphan(ctx, t, entry.Checkpoint)
	}
	if err != nil {
		return err
	}
	s.mend(ctx, t)
	return s.resumeAfter(ctx, t.domain, entry)
}

// resumeAfter lets a machine run on that was paused for its checkpoint.
func (s *Service) resumeAfter(ctx context.Context, d hypervisor.Domain, entry saveRecord) error {
	if entry.Running && d.State == hypervisor.StatePaused && d.Pause != hypervisor.PauseIOError && d.Pause != hypervisor.PauseNoSpace {
		return s.resume(ctx, d.UUID)
	}
	return nil
}

// resume lets a machine run on, unless the hypervisor has done that meanwhile.
func (s *Service) resume(ctx context.Context, id uuid.UUID) error {
	err := s.p.Conn.Resume(ctx, id)
	if d, readErr := s.p.Conn.Domain(ctx, id); err != nil && readErr == nil && d.State == hypervisor.StateRunning {
		return nil
	}
	return err
}

// removeOrphan removes the data of a checkpoint that libvirt does not list from the machine's disks.
func (s *Service) removeOrphan(ctx context.Context, t *target, id string) error {
	inside := s.contents(t)
	var holders []string
	for _, d := range t.disks() {
		if _, has := inside[d.Path][id]; has {
			holders = append(holders, d.Path)
		}
	}
	switch {
	case len(holders) == 0:
		return nil
	case !t.domain.State.Active():
		return s.dropFromDisks(ctx, holders, id)
	}
	// Only QEMU may write to the disks of a running machine: libvirt is told about the snapshot and asked to delete it.
	n := newCheckpoint{id: id, name: id}
	xml := redefinitionXML(t, n, "running", "internal")
	if err := s.p.Conn.CreateSnapshot(ctx, t.domain.UUID, xml, hypervisor.SnapshotFlags{Redefine: true}); err != nil {
		return err
	}
	return s.p.Conn.DeleteSnapshot(ctx, t.domain.UUID, id, false)
}

// dropFromDisks deletes the snapshot id inside each of the disks that has it. The machine must be off.
func (s *Service) dropFromDisks(ctx context.Context, paths []string, id string) error {
	if s.images == nil {
		return errNoImageTool
	}
	for _, path := range paths {
		list, err := diskimage.ReadSnapshots(path)
		if err != nil {
			return err
		}
		for _, snapshot := range list {
			if snapshot.Name != id {
				continue
			}
			if err := s.images.DeleteSnapshot(ctx, path, id); err != nil {
				return err
			}
		}
	}
	return nil
}

func (m internal) describe(t *target, snapshot hypervisor.Snapshot, inside contents, c *Checkpoint) {
	for _, path := range t.snapshotPaths(snapshot) {
		c.SizeBytes += inside[path][snapshot.Name].MemoryBytes
	}
	if path, gone := inside.missing(t.snapshotPaths(snapshot), snapshot.Name); path != "" {
		c.Problem = missingSentence(path, gone)
		return
	}
	if !snapshot.State.Active() {
		return
	}
	c.DisksUsable = ours(snapshot.Name) && // qemu-img takes other names for numbers first
		m.s.images != nil && m.s.p.Conn.Host().Local
	m.s.judgeMemory(t, snapshot, c)
}

func (m internal) restore(ctx context.Context, t *target, snapshot hypervisor.Snapshot) error {
	if t.disksOnly && snapshot.State.Active() {
		return m.restoreDisks(ctx, t, snapshot)
	}
	if err := t.waking(); err != nil { // the hypervisor does all of it
		return err
	}
	return m.s.revert(ctx, t, snapshot.Name, hypervisor.RevertFlags{})
}

// revert has libvirt go back to a snapshot.
func (s *Service) revert(ctx context.Context, t *target, name string, flags hypervisor.RevertFlags) error {
	id := t.domain.UUID
	err := s.p.Conn.RevertSnapshot(ctx, id, name, flags)
	if errors.Is(err, hypervisor.ErrNeedsForce) {
		// libvirt warns that the present state is lost or that QEMU must be started anew. The user has agreed to both.
		if t.domain.State.Active() {
			if err := s.powerOff(ctx, id); err != nil {
				return err
			}
		}
		flags.Force = true
		err = s.p.Conn.RevertSnapshot(ctx, id, name, flags)
	}
	if err != nil {
		return err
	}
	return s.keepIdentity(ctx, t)
}

// restoreDisks does without libvirt what it does not offer for a snapshot of a running machine.
func (m internal) restoreDisks(ctx context.Context, t *target, snapshot hypervisor.Snapshot) error {
	s, id := m.s, t.domain.UUID
	if s.images == nil {
		return errNoImageTool
	}
	description, ok := snapshotInactive(snapshot.XML)
	if !ok {
		return &Reason{Text: "The settings of this checkpoint cannot be read.", Err: ErrBroken}
	}
	description, err := renameDomain(description, t.domain.Name)
	if err != nil {
		return err
	}
	if t.domain.State.Active() || t.domain.State == hypervisor.StateCrashed {
		if err := s.powerOff(ctx, id); err != nil {
			return err
		}
	}
	for _, path := range t.snapshotPaths(snapshot) {
		if err := s.images.ApplySnapshot(ctx, path, snapshot.Name); err != nil {
			return err
		}
	}
	if _, err := s.p.Conn.Define(ctx, description); err != nil {
		return err
	}
	if err := s.keepIdentity(ctx, t); err != nil {
		return err
	}
	return s.p.Conn.CreateSnapshot(ctx, id, snapshot.XML, hypervisor.SnapshotFlags{Redefine: true, Current: true})
}

func (m internal) delete(ctx context.Context, t *target, snapshot hypervisor.Snapshot) error {
	err := m.s.deleteWhole(ctx, t, snapshot, m.deleteListed)
	if err != nil || !ours(snapshot.Name) {
		return err
	}
	// libvirt also says that it is done when QEMU ended before it was.
	now, err := m.s.lookAgain(ctx, t.domain.UUID)
	if err != nil {
		return err
	}
	if err := m.s.removeOrphan(ctx, now, snapshot.Name); err != nil {
		return err
	}
	if t.domain.State.Active() {
		m.s.mend(ctx, now)
	}
	return nil
}

// deleteWhole deletes a checkpoint by once, and again where libvirt's daemon died in the middle: its successor finishes it, if it was not done already.
func (s *Service) deleteWhole(ctx context.Context, t *target, snapshot hypervisor.Snapshot, once func(context.Context, *target, hypervisor.Snapshot) error) error {
	err := once(ctx, t, snapshot)
	if !errors.Is(err, hypervisor.ErrDisconnected) || s.settle(ctx, t.domain.UUID) != nil {
		return err
	}
	now, lookErr := s.look(ctx, t.domain.UUID)
	if lookErr != nil {
		return errors.Join(err, lookErr)
	}
	if left, listed := now.snapshot(snapshot.Name); listed {
		return once(ctx, now, left)
	}
	return nil
}

// deleteListed has libvirt delete a checkpoint, or forget it where its data is not there.
func (m internal) deleteListed(ctx context.Context, t *target, snapshot hypervisor.Snapshot) error {
	path, _ := m.s.contents(t).missing(t.snapshotPaths(snapshot), snapshot.Name)
	err := m.s.p.Conn.DeleteSnapshot(ctx, t.domain.UUID, snapshot.Name, false)
	if errors.Is(err, hypervisor.ErrUnsupported) && t.domain.State.Active() {
		err = m.deleteWithOtherDisc(ctx, t, snapshot, err)
	}
	if err != nil && path != "" {
		return m.s.p.Conn.DeleteSnapshot(ctx, t.domain.UUID, snapshot.Name, true)
	}
	return err
}

// deleteWithOtherDisc deletes a checkpoint that libvirt refused to. While the machine runs, libvirt 9.0 does so when another disc is in a drive than there was
// in the checkpoint, although none of its data is there. So the checkpoint is told first that the disc is the one of now.
func (m internal) deleteWithOtherDisc(ctx context.Context, t *target, snapshot hypervisor.Snapshot, refusal error) error {
	conn, id := m.s.p.Conn, t.domain.UUID
	live, err := conn.DomainXML(ctx, id, true)
	if err != nil {
		return errors.Join(refusal, err)
	}
	xml, err := withDiscsOf(snapshot.XML, live)
	if err != nil || xml == snapshot.XML {
		return errors.Join(refusal, err)
	}
	flags := hypervisor.SnapshotFlags{Redefine: true, Current: snapshot.Current}
	if err := conn.CreateSnapshot(ctx, id, xml, flags); err != nil {
		return errors.Join(refusal, err)
	}
	if err := conn.DeleteSnapshot(ctx, id, snapshot.Name, false); err != nil {
		return errors.Join(err, conn.CreateSnapshot(ctx, id, snapshot.XML, flags))
	}
	return nil
}

// keepIdentity gives the machine back its present title, notes and group after libvirt brought back the settings of a checkpoint. libvirt keeps the
// present name by itself.
func (s *Service) keepIdentity(ctx context.Context, before *target) error {
	xml, err := s.p.Conn.DomainXML(ctx, before.domain.UUID, false)
	if err != nil {
		return err
	}
	then, err := domxml.Parse(xml)
	if err != nil {
		return err
	}
	now := then
	now.Title, now.Notes, now.Group = before.config.Title, before.config.Notes, before.config.Group
	if now.Title == then.Title && now.Notes == then.Notes && now.Group == then.Group {
		return nil
	}
	edited, err := domxml.Edit(xml, then, now)
	if err != nil {
		return fmt.Errorf("keep the notes of %s: %w", vmconfig.Inert(before.config.Name, vmconfig.MaxNameBytes), err)
	}
	_, err = s.p.Conn.Define(ctx, edited)
	return err
}

// powerOff ends the machine unless it is off already.
func (s *Service) powerOff(ctx context.Context, id uuid.UUID) error {
	err := s.p.Conn.PowerOff(ctx, id)
	if err == nil {
		return nil
	}
	if d, readErr := s.p.Conn.Domain(ctx, id); readErr == nil && !d.State.Active() {
		return nil
	}
	return err
}

// atLeast compares a version "9.0.0" with major.minor.
func atLeast(version string, major, minor int) bool {
	var a, b int
	if n, _ := fmt.Sscanf(version, "%d.%d", &a, &b); n != 2 {
		return false
	}
	return a > major || a == major && b >= minor
}
