package labs

import (
	"context"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sys/unix"

	"guesthouse/app/atomicfile"
	"guesthouse/app/journal"
	"guesthouse/app/machines"
	"guesthouse/hypervisor"
	"guesthouse/hypervisor/diskimage"
	"guesthouse/vmconfig"
	"guesthouse/vmconfig/domxml"
)

// Everything that a machine has become since its launch is in a few files: its overlays, its firmware variables, the state of its TPM, the files of its checkpoints, and in the
// hypervisor's list of snapshots. A set is all of it put aside in a folder. Resetting a machine exchanges its present set for a fresh one; taking that back exchanges
// it for the one that was put aside. So there is one operation, it loses nothing, and its steps can be repeated after a crash.

// set is set.json in the folder of a set.
type set struct {
	Version int       `json:"version"`
	Machine uuid.UUID `json:"machine"`
	Put     time.Time `json:"put"` // when it was put aside
	// Undone is true when it was put aside because a reset was taken back, not by a reset.
	Undone bool `json:"undone,omitempty"`
	// Parts are the files and folders, by their name in the folder.
	Parts map[string]part `json:"parts"`
	// Description is the hypervisor's of the machine. It counts only where it is of another lab than the machine is of then: settings stay.
	Description string `json:"description,omitempty"`
	// Snapshots are the hypervisor's descriptions, parents first, and Current names the one that the disks continue from.
	Snapshots []string `json:"snapshots,omitempty"`
	Current   string   `json:"current,omitempty"`
}

// part is one file or folder of a set.
type part struct {
	Home string `json:"home"` // where the machine has it
	// There is true when the set has it: a machine that never started has no firmware variables, for example.
	There bool `json:"there"`
}

const (
	setFile    = "set.json"
	comingFile = "coming.json" // the same, as long as the folder does not have all of it yet
	setVersion = 1
)

// readSet reads the set that a folder has under the first of these names that is there.
func readSet(dir, name string, others ...string) (*set, error) {
	var text []byte
	err := fs.ErrNotExist
	for _, name := range append([]string{name}, others...) {
		if text, err = os.ReadFile(filepath.Join(dir, name)); err == nil || !errors.Is(err, fs.ErrNotExist) {
			break
		}
	}
	if err != nil {
		return nil, err
	}
	s := &set{}
	if err := json.Unmarshal(text, s); err != nil {
		return nil, err
	}
	if s.Version != setVersion {
		return nil, fmt.Errorf("%s is of version %d", setFile, s.Version)
	}
	return s, nil
}

func (s *set) write(path string) error {
	text, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return err
	}
	return atomicfile.Write(path, text)
}

// exchangeKind marks the journal's records of exchanges.
const exchangeKind = "lab-exchange"

// exchangeRecord names the folders of the two sets.
type exchangeRecord struct {
	In  string `json:"in"`
	Out string `json:"out"`
}

// homes are the places of a machine's parts by their names in a set.
func (s *Service) homes(m vmconfig.Machine) map[string]string {
	homes := map[string]string{"checkpoints": s.p.Machines.CheckpointDir(m.UUID)}
	for i, d := range s.labDisks(m) {
		homes[fmt.Sprintf("disk%d.qcow2", i)] = d.Path
	}
	if m.NVRAM != "" {
		homes["variables.fd"] = m.NVRAM
	}
	if m.TPM {
		if dir, ok := machines.TPMDir(s.p.Conn.Host(), m.UUID); ok {
			homes["tpm"] = dir
		}
	}
	return homes
}

// labDisks are the disks that a machine has from its lab: those over bases of the library. What its user has added is not touched by resets.
func (s *Service) labDisks(m vmconfig.Machine) []vmconfig.Disk {
	return slices.DeleteFunc(ownDisks(m), func(d vmconfig.Disk) bool {
		_, labs := s.images(d)
		return !labs
	})
}

// images are those that hold a disk's content, from its own down; with labs they lie over a base of the library, which is not among them.
func (s *Service) images(d vmconfig.Disk) (list []string, labs bool) {
	bases := s.p.Library.bases() + string(filepath.Separator)
	for path := d.Path; len(list) < maxChain; {
		list = append(list, path)
		below, err := diskimage.Below(path)
		if err != nil || below == "" {
			return list, false
		}
		if path = filepath.Clean(below); strings.HasPrefix(path, bases) {
			return list, true
		}
	}
	return list, false
}

// ownDisks are the machine's own disks, in files.
func ownDisks(m vmconfig.Machine) []vmconfig.Disk {
	var disks []vmconfig.Disk
	for _, d := range m.Disks {
		if d.Device == vmconfig.DeviceDisk && !d.ReadOnly && d.Path != "" {
			disks = append(disks, d)
		}
	}
	return disks
}

// exchange puts the machine's present set into the new folder out, and the set in the folder in into its place; in is gone then. The machine must be off, or its state
// saved, which is lost, and the caller's alone. From the first step on it is done wholly: what a crash interrupts, Recover finishes.
func (s *Service) exchange(ctx context.Context, id uuid.UUID, in, out string, undo bool) error {
	ctx = context.WithoutCancel(ctx)
	text, err := s.p.Conn.DomainXML(ctx, id, false)
	if err != nil {
		return err
	}
	config, err := domxml.Parse(text)
	if err != nil {
		return err
	}
	snapshots, err := s.p.Conn.Snapshots(ctx, id)
	if err != nil {
		return err
	}
	old := &set{Version: setVersion, Machine: id, Put: time.Now().UTC(), Undone: undo, Description: text, Parts: map[string]part{}}
	for name, home := range s.homes(config) {
		there, err := exists(home)
		if err != nil {
			return err
		}
		old.Parts[name] = part{Home: home, There: there}
	}
	for _, snapshot := range snapshots {
		old.Snapshots = append(old.Snapshots, snapshot.XML)
		if snapshot.Current {
			old.Current = snapshot.Name
		}
	}
	if err := s.fits(old, in, out); err != nil {
		return errors.Join(err, os.Remove(out))
	}
	if err := old.write(filepath.Join(out, comingFile)); err != nil {
		return err
	}
	entry := exchangeRecord{In: in, Out: out}
	record, err := s.journal.Begin(exchangeKind, s.p.Conn.Host().URI, id, entry)
	if err != nil {
		return errors.Join(err, os.RemoveAll(out))
	}
	if err := s.finishExchange(ctx, id, entry); err != nil {
		return errors.Join(err, s.giveUpExchange(ctx, id, old, entry, record))
	}
	return record.End()
}

// fits makes sure, before anything is touched, that all parts can be moved: each has a place, on the file system of the sets, in folders that can be changed.
func (s *Service) fits(old *set, in, out string) error {
	entries, err := os.ReadDir(in)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if _, known := old.Parts[e.Name()]; !known && e.Name() != setFile {
			return &Reason{Text: fmt.Sprintf("The machine has no place any more for a part of what was put aside (%s): its disks or devices were changed. Undo that change first.", e.Name()), Err: ErrNotALab}
		}
	}
	for name, p := range old.Parts {
		home := filepath.Dir(p.Home)
		if _, err := os.Lstat(filepath.Join(in, name)); err != nil && !p.There {
			continue // there is nothing to be moved, either way
		}
		if err := os.MkdirAll(home, 0o700); err != nil {
			return err
		}
		switch {
		case !machines.SameFileSystem(home, out):
			return &Reason{Text: fmt.Sprintf("“%s” lies on another file system than Guesthouse's own data, so it cannot be put aside. Nothing was changed.", vmconfig.Inert(p.Home, 200)), Err: unix.EXDEV}
		case unix.Access(home, unix.W_OK) != nil:
			return &Reason{Text: fmt.Sprintf("The folder “%s” cannot be changed. Nothing was changed.", vmconfig.Inert(home, 200)), Err: fs.ErrPermission}
		}
	}
	return nil
}

// giveUpExchange takes back an exchange that failed before any part was moved; later, Recover goes on.
func (s *Service) giveUpExchange(ctx context.Context, id uuid.UUID, old *set, e exchangeRecord, record *journal.Record) error {
	for name := range old.Parts {
		if moved, err := exists(filepath.Join(e.Out, name)); err != nil || moved {
			return err
		}
	}
	if err := s.listSnapshots(ctx, id, old); err != nil {
		return err
	}
	return errors.Join(record.End(), os.RemoveAll(e.Out))
}

// finishExchange does all steps of an exchange that are not done yet.
func (s *Service) finishExchange(ctx context.Context, id uuid.UUID, e exchangeRecord) error {
	old, err := readSet(e.Out, comingFile, setFile)
	if err != nil {
		return err
	}
	next, err := readSet(e.In, setFile)
	if errors.Is(err, fs.ErrNotExist) { // its last step was done
		return nil
	}
	if err != nil {
		return err
	}
	// The list of snapshots is emptied before their data goes, so that nothing lists what is not there.
	if err := s.forgetSnapshots(ctx, id, old, next); err != nil {
		return err
	}
	d, err := s.p.Conn.Domain(ctx, id)
	if err != nil {
		return err
	}
	if d.State == hypervisor.StateSaved { // it belongs to what is put aside, and would be resumed on other disks
		if err := s.p.Conn.DiscardSaved(ctx, id); err != nil {
			return err
		}
	}
	for _, name := range slices.Sorted(maps.Keys(old.Parts)) {
		p := old.Parts[name]
		if err := exchangePart(filepath.Join(e.In, name), filepath.Join(e.Out, name), p.Home, p.There); err != nil {
			return err
		}
	}
	if err := s.describeAs(ctx, id, next.Description); err != nil {
		return err
	}
	if err := s.listSnapshots(ctx, id, next); err != nil {
		return err
	}
	// Only now the one is a set that can be brought back, and the other is none any more.
	if err := os.Rename(filepath.Join(e.Out, comingFile), filepath.Join(e.Out, setFile)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := atomicfile.SyncDir(e.Out); err != nil {
		return err
	}
	if err := os.Remove(filepath.Join(e.In, setFile)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := os.Remove(e.In); err != nil && !errors.Is(err, fs.ErrNotExist) { // what is still in it is nobody's, but may be somebody's work
		s.p.Log.Warn("the folder of what was brought back is not empty", "folder", e.In, "error", err)
	}
	return nil
}

// listSnapshots has the hypervisor list the snapshots of a set again.
func (s *Service) listSnapshots(ctx context.Context, id uuid.UUID, of *set) error {
	for i, description := range of.Snapshots { // parents come first
		flags := hypervisor.SnapshotFlags{Redefine: true, Current: snapshotName(description) == of.Current}
		if err := s.p.Conn.CreateSnapshot(ctx, id, description, flags); err != nil {
			return fmt.Errorf("list checkpoint %d of %d again: %w", i+1, len(of.Snapshots), err)
		}
	}
	return nil
}

// describeAs gives the machine a description of another lab, with the name, title, notes and group that it has now.
func (s *Service) describeAs(ctx context.Context, id uuid.UUID, description string) error {
	if description == "" {
		return nil
	}
	text, err := s.p.Conn.DomainXML(ctx, id, false)
	if err != nil {
		return err
	}
	now, err := domxml.Parse(text)
	if err != nil {
		return err
	}
	then, err := domxml.Parse(description)
	if err != nil || then.Lab == now.Lab {
		return err
	}
	same := then
	same.Name, same.Title, same.Notes, same.Group = now.Name, now.Title, now.Notes, now.Group
	edited, err := domxml.Edit(description, then, same)
	if err != nil {
		return err
	}
	_, err = s.p.Conn.Define(ctx, edited)
	return err
}

// forgetSnapshots takes the machine's snapshots out of the hypervisor's list, but for those of the next set.
func (s *Service) forgetSnapshots(ctx context.Context, id uuid.UUID, old, next *set) error {
	keep := map[string]bool{}
	for _, description := range next.Snapshots {
		keep[snapshotName(description)] = true
	}
	gone := map[string]bool{}
	for _, description := range old.Snapshots {
		gone[snapshotName(description)] = true
	}
	snapshots, err := s.p.Conn.Snapshots(ctx, id)
	if err != nil {
		return err
	}
	for i := len(snapshots) - 1; i >= 0; i-- { // children first
		if name := snapshots[i].Name; gone[name] && !keep[name] {
			if err := s.p.Conn.DeleteSnapshot(ctx, id, name, true); err != nil {
				return err
			}
		}
	}
	return nil
}

// exchangePart moves what is at home out and what comes in home. had: there was something to be moved out at the beginning. It can be repeated.
func exchangePart(in, out, home string, had bool) error {
	moved, err := exists(out)
	if err != nil {
		return err
	}
	if had && !moved {
		if err := os.Rename(home, out); err != nil {
			return err
		}
		if err := atomicfile.SyncDir(filepath.Dir(home)); err != nil {
			return err
		}
	}
	comes, err := exists(in)
	if err != nil || !comes {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(home), 0o700); err != nil {
		return err
	}
	if err := os.Rename(in, home); err != nil {
		return err
	}
	return atomicfile.SyncDir(filepath.Dir(home))
}

// snapshotName reads the name in a snapshot's description.
func snapshotName(description string) string {
	var head struct {
		Name string `xml:"name"`
	}
	if err := xml.Unmarshal([]byte(description), &head); err != nil {
		return ""
	}
	return strings.TrimSpace(head.Name)
}

// finishOpen finishes an exchange of the machine that was interrupted before, so that nothing begins on top of it: neither its start nor any other operation. The machine is the
// caller's.
func (s *Service) finishOpen(ctx context.Context, id uuid.UUID) error {
	records, err := s.journal.Records(exchangeKind, s.p.Conn.Host().URI)
	if err != nil {
		return err
	}
	for _, r := range records {
		if r.Machine == id {
			if err := s.recoverExchange(ctx, r); err != nil {
				return err
			}
		}
	}
	return nil
}

// Recover finishes the exchanges that an earlier run of the program left half-done on this host, returns a sentence for the user about each, and removes what was put aside too long
// ago. Call it once after the inventory is ready, before Recover of checkpoints.Service.
func (s *Service) Recover(ctx context.Context) ([]string, error) {
	records, err := s.journal.Records(exchangeKind, s.p.Conn.Host().URI)
	if err != nil {
		return nil, err
	}
	var told []string
	var errs []error
	for _, r := range records {
		release, ok := s.p.Machines.TryOperate(ctx, r.Machine, "finishing what was interrupted")
		if !ok {
			continue
		}
		if r.Exists() {
			err := s.recoverExchange(ctx, r)
			if err == nil {
				told = append(told, fmt.Sprintf("Resetting “%s” was interrupted. It is finished now.", s.machineName(r.Machine)))
			}
			errs = append(errs, err)
		}
		release()
	}
	errs = append(errs, s.purgeResets(ctx, time.Now()))
	return told, errors.Join(errs...)
}

func (s *Service) recoverExchange(ctx context.Context, r *journal.Record) error {
	var e exchangeRecord
	if err := r.Decode(&e); err != nil {
		return err
	}
	switch d, err := s.p.Conn.Domain(ctx, r.Machine); {
	case errors.Is(err, hypervisor.ErrNotFound):
		return r.End() // it was deleted meanwhile; what was put aside stays until it is too old
	case err != nil:
		return err
	case d.State.Active():
		return &Reason{Text: "The machine runs, but a reset of it was interrupted and is not finished. Shut it down; then it is finished.", Err: ErrRunning}
	}
	if err := s.finishExchange(ctx, r.Machine, e); err != nil {
		return err
	}
	return r.End()
}
