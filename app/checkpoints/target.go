package checkpoints

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"time"

	"github.com/google/uuid"

	"guesthouse/app/jobs"
	"guesthouse/app/machines"
	"guesthouse/hypervisor"
	"guesthouse/hypervisor/diskimage"
	"guesthouse/vmconfig"
	"guesthouse/vmconfig/domxml"
)

// target is a machine as it is at the beginning of an operation.
type target struct {
	domain    hypervisor.Domain
	xml       string // persistent description
	config    vmconfig.Machine
	snapshots []hypervisor.Snapshot
	records   map[string]*record // by id; only checkpoints with files of our own have one
	dir       string             // folder of those files
	trash     machines.PointTrash
	settings  settingsMemory
	bottoms   map[string]string // what bottom has read
	waking    func() error      // called in a restore when only the hypervisor's part is missing
	disksOnly bool              // a restore leaves the memory out
	unsavable string            // why the state of the running machine cannot be saved; empty: nothing is known to be in the way
}

// newCheckpoint is a checkpoint that is being saved.
type newCheckpoint struct {
	id, name, description, parent string
	created                       time.Time
}

// mechanism is one way of keeping a whole machine.
type mechanism interface {
	// probe says why a checkpoint cannot be saved this way now; empty when it can.
	probe(t *target) (reason string)
	// save saves a checkpoint. When it fails or ctx ends, the machine and everything else are as before.
	save(ctx context.Context, t *target, n newCheckpoint, report func(jobs.Progress)) error
	// describe fills in size, state and problem of an existing checkpoint.
	describe(t *target, snapshot hypervisor.Snapshot, contents contents, c *Checkpoint)
	// restore goes back to a checkpoint that describe found no problem with. It can be repeated after an interruption.
	restore(ctx context.Context, t *target, snapshot hypervisor.Snapshot) error
	delete(ctx context.Context, t *target, snapshot hypervisor.Snapshot) error
}

// look reads everything about the machine that an operation needs.
func (s *Service) look(ctx context.Context, id uuid.UUID) (*target, error) {
	t := &target{dir: s.p.Machines.CheckpointDir(id), bottoms: map[string]string{}}
	var err error
	if t.domain, err = s.p.Conn.Domain(ctx, id); err != nil {
		return nil, s.named(id, err)
	}
	if t.xml, err = s.p.Conn.DomainXML(ctx, id, false); err != nil {
		return nil, s.named(id, err)
	}
	if t.config, err = domxml.Parse(t.xml); err != nil {
		return nil, s.named(id, err)
	}
	if t.unsavable, err = machines.Unsavable(ctx, s.p.Conn, t.domain); err != nil {
		return nil, s.named(id, err)
	}
	if t.snapshots, err = s.p.Conn.Snapshots(ctx, id); err != nil {
		return nil, s.named(id, err)
	}
	t.settings = s.readSettings(id, t.snapshots)
	if t.records, err = readRecords(t.dir); err != nil {
		return nil, s.named(id, err)
	}
	t.trash = machines.ReadPointTrash(t.dir, t.snapshots)
	return t, nil
}

func (t *target) snapshot(id string) (hypervisor.Snapshot, bool) {
	for _, snapshot := range t.snapshots {
		if snapshot.Name == id {
			return snapshot, true
		}
	}
	return hypervisor.Snapshot{}, false
}

// find is snapshot for one that must be there, and not in the trash. The error wraps ErrNoCheckpoint.
func (t *target) find(id string) (hypervisor.Snapshot, error) {
	snapshot, ok := t.snapshot(id)
	if _, trashed := t.trash[id]; trashed || !ok {
		return snapshot, noCheckpoint(id)
	}
	return snapshot, nil
}

func noCheckpoint(id string) error {
	return fmt.Errorf("%w: %s", ErrNoCheckpoint, vmconfig.Inert(id, 80))
}

// settingsMemory holds the settings of machines by the descriptions of their snapshots, which do not change: reading a hundred of them again each time
// takes longer than the rest.
type settingsMemory map[string]*vmconfig.Machine

// settingsOf returns the machine's settings at the moment of a snapshot; nil when they cannot be read.
func (t *target) settingsOf(snapshot hypervisor.Snapshot) *vmconfig.Machine {
	return t.settings[snapshot.XML]
}

// readSettings reads the settings of a machine at the moments of its snapshots, but for what the last look has read.
func (s *Service) readSettings(id uuid.UUID, snapshots []hypervisor.Snapshot) settingsMemory {
	s.mu.Lock()
	last := s.settings[id]
	s.mu.Unlock()
	now := make(settingsMemory, len(snapshots))
	for _, snapshot := range snapshots {
		settings, known := last[snapshot.XML]
		if description, ok := domxml.SnapshotDomain(snapshot.XML); ok && !known {
			if config, err := domxml.Parse(description); err == nil {
				settings = &config
			}
		}
		now[snapshot.XML] = settings
	}
	s.mu.Lock()
	s.settings[id] = now
	s.mu.Unlock()
	return now
}

// snapshotPaths returns the files of the disks whose content belongs to a snapshot.
func (t *target) snapshotPaths(snapshot hypervisor.Snapshot) []string {
	var paths []string
	if settings := t.settingsOf(snapshot); settings != nil {
		for _, d := range writable(settings.Disks) {
			if _, held := snapshot.Overlays[d.Target]; d.Path != "" && (held || !snapshot.External) {
				paths = append(paths, d.Path)
			}
		}
	}
	return paths
}

// refuses says why the machine's state does not allow the action.
func (t *target) refuses(a machines.Action) string {
	m := machines.Machine{State: t.domain.State, Pause: t.domain.Pause, Persistent: t.domain.Persistent}
	_, reason := m.Can(a)
	return reason
}

// disks are the drives whose content belongs to a checkpoint.
func (t *target) disks() []vmconfig.Disk { return writable(t.config.Disks) }

// writable are the drives that the guest can write to.
func writable(all []vmconfig.Disk) []vmconfig.Disk {
	var disks []vmconfig.Disk
	for _, d := range all {
		if d.Device == vmconfig.DeviceDisk && !d.ReadOnly {
			disks = append(disks, d)
		}
	}
	return disks
}

// qemu is the hypervisor whose disks are files. libvirt's test driver has nothing behind their names.
const qemu = "QEMU"

// formatReason says which disk of the machine cannot hold a snapshot inside itself; empty when all can.
func (s *Service) formatReason(t *target) string {
	if s.p.Conn.Host().Hypervisor != qemu {
		return ""
	}
	for _, d := range t.disks() {
		if d.Path != "" && d.Format != diskimage.FormatQcow2 {
			return fmt.Sprintf("The disk “%s” is of format %s, which cannot hold checkpoints. Convert it to qcow2.", vmconfig.Inert(d.Path, 200), vmconfig.Inert(d.Format, 20))
		}
	}
	return ""
}

const noDisk = "The machine has no disk that could hold a checkpoint."

// fileReason says why checkpoints of the machine's disks are impossible, of whatever format they are; empty when they are possible.
func (s *Service) fileReason(t *target) string {
	if s.p.Conn.Host().Hypervisor != qemu {
		return ""
	}
	if len(t.disks()) == 0 {
		return noDisk
	}
	for _, d := range t.disks() {
		shown := vmconfig.Inert(d.Path, 200)
		switch {
		case d.Path == "":
			return fmt.Sprintf("The disk %s is not a file, so it cannot hold checkpoints.", vmconfig.Inert(d.Target, 20))
		case d.Shared:
			return fmt.Sprintf("The disk “%s” is shared with other machines.", shown)
		}
		if !s.p.Conn.Host().Local {
			continue
		}
		// A deleted file lives on while the machine runs, and a snapshot of it seems to succeed.
		if _, err := os.Stat(d.Path); errors.Is(err, fs.ErrNotExist) {
			return fmt.Sprintf("The file of the disk “%s” is gone.", shown)
		}
	}
	return ""
}

// pflash reports whether the machine's firmware keeps variables in a file of its own, which internal snapshots of a running machine do
// not know before libvirt 10.10.
func (t *target) pflash() bool { return t.config.Firmware == vmconfig.FirmwareUEFI }

// choose picks the mechanism for a new checkpoint: the one of the machine's earlier checkpoints, else the best one for this machine. reason is a
// sentence when none can be saved now.
func (s *Service) choose(t *target) (mechanism, string) {
	if reason := t.refuses(machines.ActionCheckpoint); reason != "" {
		return nil, reason
	}
	var m mechanism = internal{s}
	if t.pflash() || t.config.TPM {
		m = savedMemory{s}
	}
	outside, inside := t.kinds()
	for _, snapshot := range t.snapshots {
		if !snapshot.External && ours(snapshot.Name) {
			m = s.mechanismOf(t, snapshot)
		}
	}
	if outside && inside {
		return nil, mixedSentence
	}
	format := s.formatReason(t)
	if outside || !inside && format != "" && (external{s}).able() {
		m, format = external{s}, ""
	}
	for _, reason := range []string{s.fileReason(t), format, t.unsavable} {
		if reason != "" {
			return nil, reason
		}
	}
	return m, m.probe(t)
}

// kinds reports whether the machine has snapshots outside its disks, and inside them.
func (t *target) kinds() (outside, inside bool) {
	for _, snapshot := range t.snapshots {
		outside = outside || snapshot.External
		inside = inside || !snapshot.External
	}
	return outside, inside
}

// mixed reports whether the machine has snapshots of both kinds, which only other programs bring about. libvirt has deleted the disk itself with an external one
// (its issue 734), and going back to one inside a disk changes what overlays lie upon.
func (t *target) mixed() bool {
	outside, inside := t.kinds()
	return outside && inside
}

const mixedSentence = "Another program has mixed checkpoints inside the machine's disks with external ones, which has cost people their data. So none is saved, restored or deleted here; make a new machine from the one that you need."

// mechanismOf returns the mechanism that made a snapshot.
func (s *Service) mechanismOf(t *target, snapshot hypervisor.Snapshot) mechanism {
	switch {
	case snapshot.External:
		return external{s}
	case t.records[snapshot.Name] != nil:
		return savedMemory{s}
	}
	return internal{s}
}

// ours reports whether this program made the snapshot.
func ours(name string) bool { return strings.HasPrefix(name, machines.SnapshotPrefix) }

// newID returns guesthouse-<8 hex>.
func newID() string {
	var random [4]byte
	rand.Read(random[:]) // never fails (crypto/rand)
	return machines.SnapshotPrefix + hex.EncodeToString(random[:])
}

// contents are the snapshots inside each disk image, by path. An image that could not be read is missing.
type contents map[string]map[string]diskimage.Snapshot

// contents looks into all disk images of the machine, those of its checkpoints included. What cannot be read says nothing.
func (s *Service) contents(t *target) contents {
	found := contents{}
	if !s.p.Conn.Host().Local || s.p.Conn.Host().Hypervisor != qemu {
		return found
	}
	paths := map[string]bool{}
	for _, d := range t.disks() {
		if d.Format == diskimage.FormatQcow2 {
			paths[d.Path] = true
		}
	}
	for _, snapshot := range t.snapshots {
		if snapshot.External {
			continue
		}
		for _, path := range t.snapshotPaths(snapshot) {
			paths[path] = true
		}
	}
	for path := range paths {
		list, err := diskimage.ReadSnapshots(path)
		if err != nil {
			if errors.Is(err, fs.ErrNotExist) {
				found[path] = nil // it is known to be gone
			}
			continue
		}
		found[path] = map[string]diskimage.Snapshot{}
		for _, snapshot := range list {
			found[path][snapshot.Name] = snapshot
		}
	}
	return found
}

// missing returns the path of a disk that lacks the snapshot, and whether the whole file is gone; empty when all have it, as far as
// can be told.
func (c contents) missing(paths []string, name string) (path string, gone bool) {
	for _, p := range paths {
		if inside, known := c[p]; known {
			if _, has := inside[name]; !has {
				return p, inside == nil
			}
		}
	}
	return "", false
}

// missingSentence says that a disk lacks a checkpoint's data.
func missingSentence(path string, gone bool) string {
	if gone {
		return fmt.Sprintf("The disk “%s” is gone.", vmconfig.Inert(path, 200))
	}
	return fmt.Sprintf("Its data is missing from the disk “%s”.", vmconfig.Inert(path, 200))
}
