package checkpoints

import (
	"context"
	"encoding/xml"
	"errors"
	"io/fs"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"guesthouse/app/jobs"
	"guesthouse/app/machines"
	"guesthouse/hypervisor"
	"guesthouse/hypervisor/saveimage"
	"guesthouse/vmconfig"
)

// external has libvirt keep the disks as they are and lay an overlay over each, and write the memory into a file beside them (libvirt,
// formatsnapshot.html). It goes on with what another program has begun in this way, and is for machines with disks that cannot hold a snapshot inside
// them. libvirt can go back to such a snapshot from version 9.9 on.
//
// libvirt does not keep firmware variables or the state of a TPM with it: those lie in files of our own. They are copied while the machine is paused,
// so that they belong to its memory.
type external struct{ s *Service }

// able reports whether libvirt can go back to external snapshots: it can from version 9.9 on (its news, v9.9.0).
func (m external) able() bool { return atLeast(m.s.p.Conn.Host().Libvirt, 9, 9) }

func (m external) probe(t *target) string {
	switch {
	case !m.able():
		return "Another program made external snapshots of this machine, and libvirt can go on with those only from version 9.9 on. Two kinds on one machine have cost people their data, so no checkpoint can be saved until they are deleted with that program."
	case !m.s.p.Conn.Host().Local:
		return "Checkpoints outside the machine's disks can only be saved on the computer that runs it."
	case len(t.disks()) == 0:
		return noDisk
	}
	return m.s.tpmReason(t)
}

func (m external) save(ctx context.Context, t *target, n newCheckpoint, report func(jobs.Progress)) (err error) {
	s, id := m.s, t.domain.UUID
	description, memory, overlays := externalXML(t, n)
	entry := saveRecord{Checkpoint: n.id, Name: n.name, Mechanism: externalName, Running: t.domain.State == hypervisor.StateRunning, Disks: overlays, MemoryFile: memory}
	journalled, err := s.journal.Begin(saveKind, s.p.Conn.Host().URI, id, entry)
	if err != nil {
		return err
	}
	defer func() { err = s.endSave(ctx, id, journalled, entry, err) }()
	report(jobs.Progress{Fraction: jobs.Unknown, Text: "Saving"})
	beside := t.pflash() || t.config.TPM
	if beside {
		if entry.Running {
			if err := s.p.Conn.Pause(ctx, id); err != nil {
				return err
			}
		}
		if err := os.MkdirAll(t.dir, 0o700); err != nil {
			return err
		}
		r := &record{Version: recordVersion, ID: n.id, Machine: id, Host: s.p.Conn.Host().URI, Name: t.domain.Name, Created: n.created.UTC(), State: t.domain.State}
		if err := errors.Join(copyVariables(t, r), s.copyTPM(t, r)); err != nil {
			return err
		}
		if err := r.write(t.dir); err != nil {
			return err
		}
	}
	if err := m.create(ctx, id, description, report); err != nil {
		return err
	}
	if err := m.whole(context.WithoutCancel(ctx), id, n.id); err != nil {
		return err
	}
	if !beside {
		return nil
	}
	d, err := s.p.Conn.Domain(context.WithoutCancel(ctx), id)
	if err != nil {
		return err
	}
	return s.resumeAfter(context.WithoutCancel(ctx), d, entry)
}

// whole looks at a checkpoint that libvirt calls saved: libvirt 11.3 does that also when QEMU ended while it wrote the memory.
func (m external) whole(ctx context.Context, id uuid.UUID, checkpoint string) error {
	t, err := m.s.look(ctx, id)
	if err != nil {
		return err
	}
	snapshot, listed := t.snapshot(checkpoint)
	if !listed {
		return nil // Service.saved says so
	}
	if problem := m.s.inspect(t, snapshot).Problem; problem != "" {
		return &Reason{Text: "The checkpoint could not be saved: " + problem, Err: ErrBroken}
	}
	return nil
}

func (m external) create(ctx context.Context, id uuid.UUID, description string, report func(jobs.Progress)) error {
	defer machines.FollowProgress(ctx, m.s.p.Conn, id, report)()
	return m.s.p.Conn.CreateSnapshot(ctx, id, description, hypervisor.SnapshotFlags{Atomic: true})
}

// externalXML describes an external snapshot to be taken now, and returns the files that libvirt will make for it, beside the disks.
func externalXML(t *target, n newCheckpoint) (description, memory string, overlays []string) {
	var b strings.Builder
	attribute := func(name, value string) {
		b.WriteString(" " + name + `="`)
		xml.EscapeText(&b, []byte(value))
		b.WriteString(`"`)
	}
	b.WriteString("<domainsnapshot>")
	writeHead(&b, n)
	disks := t.disks()
	if t.domain.State.Active() {
		memory = beside(disks[0].Path, n.id+".mem")
		b.WriteString(`<memory snapshot="external"`)
		attribute("file", memory)
		b.WriteString("/>")
	} else {
		b.WriteString(`<memory snapshot="no"/>`)
	}
	b.WriteString("<disks>")
	for _, d := range t.config.Disks {
		b.WriteString("<disk")
		attribute("name", d.Target)
		if !slices.Contains(disks, d) {
			b.WriteString(` snapshot="no"/>`)
			continue
		}
		overlay := overlayFile(t.domain.UUID, d, n.id)
		overlays = append(overlays, overlay)
		b.WriteString(` snapshot="external" type="file"><driver type="qcow2"/><source`)
		attribute("file", overlay)
		b.WriteString("/></disk>")
	}
	b.WriteString("</disks></domainsnapshot>")
	return b.String(), memory, overlays
}

// undoExternal takes back a checkpoint that failed half-way. libvirt removes what it had begun, unless its daemon died.
func (s *Service) undoExternal(ctx context.Context, id uuid.UUID, entry saveRecord) error {
	t, err := s.look(ctx, id)
	if err != nil {
		return err
	}
	// First of all it runs on: until then QEMU does not let go of the disks whose memory it has written.
	if err := s.resumeAfter(ctx, t.domain, entry); err != nil {
		return err
	}
	if snapshot, listed := t.snapshot(entry.Checkpoint); listed {
		return (external{s}).delete(ctx, t, snapshot)
	}
	r := &record{ID: entry.Checkpoint}
	errs := []error{r.forget(t.dir)}
	if entry.MemoryFile != "" {
		errs = append(errs, remove(entry.MemoryFile))
	}
	if !t.domain.State.Active() { // else QEMU may write to an overlay that libvirt does not know of
		for _, overlay := range entry.Disks {
			errs = append(errs, s.removeUnused(t, overlay))
		}
	}
	return errors.Join(errs...)
}

func (m external) describe(t *target, snapshot hypervisor.Snapshot, _ contents, c *Checkpoint) {
	c.Settings = t.renamedDisks(c.Settings)
	r := t.records[snapshot.Name]
	if snapshot.MemoryFile != "" {
		c.SizeBytes = machines.DiskUsage(snapshot.MemoryFile)
	}
	if r != nil {
		c.State = r.State
		c.SizeBytes += r.bytes(t.dir)
	}
	if m.s.p.Conn.Host().Local && m.s.p.Conn.Host().Hypervisor == qemu {
		m.describeFiles(t, snapshot, r, c)
	}
	if c.Problem == "" && !m.able() {
		c.Problem = "It lies outside the machine's disks; libvirt can restore such a checkpoint only from version 9.9 on."
	}
}

// describeFiles looks whether all of a checkpoint is there.
func (m external) describeFiles(t *target, snapshot hypervisor.Snapshot, r *record, c *Checkpoint) {
	for _, path := range t.snapshotPaths(snapshot) {
		if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
			c.Problem = missingSentence(path, true)
			return
		}
	}
	switch {
	case r != nil && r.Version == 0:
		c.Problem = "Its record is damaged."
		return
	case r != nil && r.lacks(t.dir) != "":
		c.Problem = r.lacks(t.dir)
		return
	}
	c.Copyable = true
	if settings := t.settingsOf(snapshot); settings != nil {
		for _, d := range writable(settings.Disks) { // one that was left out has no content of that moment
			_, held := snapshot.Overlays[d.Target]
			c.Copyable = c.Copyable && held
		}
	}
	if snapshot.MemoryFile != "" {
		if _, err := saveimage.Read(snapshot.MemoryFile); err != nil {
			c.Problem = "Its memory is missing or damaged."
			return
		}
		m.s.judgeMemory(t, snapshot, c)
	}
}

// renamedDisks are settings in which each disk has its present file: an external snapshot gives a disk another file, which is no change of settings.
func (t *target) renamedDisks(settings *vmconfig.Machine) *vmconfig.Machine {
	if settings == nil {
		return nil
	}
	renamed, present := *settings, t.config
	renamed.Disks = slices.Clone(settings.Disks)
	for i := range renamed.Disks {
		d := &renamed.Disks[i]
		at := slices.IndexFunc(present.Disks, func(p vmconfig.Disk) bool { return p.Target == d.Target })
		if at >= 0 && d.Device == vmconfig.DeviceDisk && !d.ReadOnly && t.bottom(present.Disks[at].Path) == t.bottom(d.Path) {
			d.Path, d.Format = present.Disks[at].Path, present.Disks[at].Format
		}
	}
	return &renamed
}

func (m external) restore(ctx context.Context, t *target, snapshot hypervisor.Snapshot) error {
	s, flags := m.s, hypervisor.RevertFlags{}
	if r := t.records[snapshot.Name]; r != nil {
		if t.domain.State.Active() || t.domain.State == hypervisor.StateCrashed {
			if err := s.powerOff(ctx, t.domain.UUID); err != nil {
				return err
			}
		}
		if err := errors.Join(s.restoreVariables(ctx, t, r), s.restoreTPM(t, r)); err != nil {
			return err
		}
		flags.Running = r.State == hypervisor.StateRunning // it was paused for the checkpoint
	}
	if err := t.waking(); err != nil {
		return err
	}
	if err := s.revert(ctx, t, snapshot.Name, flags); err != nil {
		if errors.Is(err, hypervisor.ErrDisconnected) {
			return err // it is repeated
		}
		return errors.Join(err, m.protect(ctx, t.domain.UUID))
	}
	return m.removeLeft(ctx, t)
}

// deletable knows what libvirt cannot do: take out an overlay below several others, or below one that the machine does not use now. libvirt 11.3 refuses most of that, and
// in the rest its daemon dies. before are checkpoints that will be gone by then.
func (m external) deletable(t *target, snapshot hypervisor.Snapshot, before []string) error {
	if !m.able() {
		return errForeign
	}
	if t.domain.State == hypervisor.StateSaved { // its memory names the files that deleting would merge
		return machinesRefused(t, "The machine's state is saved. Start it, or discard the saved state, first.")
	}
	const present = "" // the machine's present state goes on from the current one
	after := t.children(before)
	at := snapshot.Name
	for range len(t.snapshots) + 1 { // a damaged list may have a circle
		if len(after[at]) != 1 || at == present {
			break
		}
		at = after[at][0]
	}
	switch {
	case at == present:
		return m.roomToMerge(t, snapshot)
	case at == snapshot.Name && len(after[at]) == 0:
		return nil
	}
	return machinesRefused(t, "It lies outside the machine's disks, and libvirt cannot take it out from below what goes on from it on another branch. Delete the checkpoints of that branch first, the last one first.")
}

func (m external) delete(ctx context.Context, t *target, snapshot hypervisor.Snapshot) error {
	r := t.records[snapshot.Name]
	if r != nil { // from now on it says that the checkpoint is gone (savedMemory.delete)
		if r.Version == 0 {
			r = &record{Version: recordVersion, ID: snapshot.Name, Machine: t.domain.UUID}
		}
		r.Removed = true
		if err := r.write(t.dir); err != nil {
			return err
		}
	}
	err := m.s.deleteWhole(ctx, t, snapshot, func(ctx context.Context, t *target, snapshot hypervisor.Snapshot) error {
		return m.s.p.Conn.DeleteSnapshot(ctx, t.domain.UUID, snapshot.Name, false)
	})
	switch {
	case r == nil:
		return err
	case err == nil:
		return r.forget(t.dir)
	case errors.Is(err, hypervisor.ErrDisconnected):
		return err // finishDeletions goes on
	}
	r.Removed = false
	return errors.Join(err, r.write(t.dir))
}

// completed waits, after an interruption, while libvirt still writes a checkpoint that it lists already.
func (m external) completed(ctx context.Context, id uuid.UUID, checkpoint string) error {
	const stuck = 25 // looks at a memory that does not grow
	var size int64
	for same := 0; same < stuck; same++ {
		t, err := m.s.look(ctx, id)
		if err != nil {
			return err
		}
		snapshot, listed := t.snapshot(checkpoint)
		if !listed || snapshot.MemoryFile == "" || m.s.inspect(t, snapshot).Problem == "" {
			return nil
		}
		if now := machines.DiskUsage(snapshot.MemoryFile); now != size {
			size, same = now, 0
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(200 * time.Millisecond):
		}
	}
	return nil
}
