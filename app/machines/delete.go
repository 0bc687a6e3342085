package machines

import (
	"context"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/google/uuid"
	"golang.org/x/sys/unix"

	"guesthouse/app/jobs"
	"guesthouse/hypervisor"
	"guesthouse/hypervisor/diskimage"
	"guesthouse/vmconfig"
	"guesthouse/vmconfig/domxml"
)

// Kinds of files in a DeletePlan.
const (
	KindDisk        = "disk"
	KindVariables   = "firmware variables"
	KindCheckpoints = "checkpoints"
)

// CheckpointDir is the folder of a machine's checkpoint files.
func (s *Service) CheckpointDir(id uuid.UUID) string {
	return filepath.Join(s.p.DataDir, "checkpoints", id.String())
}

// DeletePlan says what deleting the machine would do with each of its files. It refuses while the machine is active.
func (s *Service) DeletePlan(ctx context.Context, id uuid.UUID) (DeletePlan, error) {
	plan, err := s.planDelete(ctx, id, false)
	return plan.DeletePlan, err
}

// deletion is a DeletePlan with what carrying it out needs.
type deletion struct {
	DeletePlan
	description string // the machine's XML
	// keepVariables is true when libvirt must not delete the firmware variables: they stay, because of another machine or because
	// they cannot go to the trash.
	keepVariables bool
}

func (s *Service) planDelete(ctx context.Context, id uuid.UUID, keepDisks bool) (deletion, error) {
	d, err := s.check(ctx, id, ActionDelete)
	if err != nil {
		return deletion{}, err
	}
	plan := deletion{keepVariables: true}
	plan.DeletePlan = DeletePlan{
		Machine:    &Machine{UUID: id, Name: d.Name, State: d.State, Persistent: d.Persistent},
		SavedState: d.State == hypervisor.StateSaved,
	}
	if m := s.Snapshot().Get(id); m != nil {
		plan.Machine = m
	}
	snapshots, err := s.p.Conn.Snapshots(ctx, id)
	if err != nil && !errors.Is(err, hypervisor.ErrUnsupported) {
		return plan, s.named(id, err)
	}
	plan.Checkpoints = len(snapshots)
	if plan.description, err = s.p.Conn.DomainXML(ctx, id, false); err != nil {
		return plan, s.named(id, err)
	}
	config, err := domxml.Parse(plan.description)
	if err != nil {
		return plan, nil //nolint:nilerr // a machine that cannot be read can be removed; its files are not known and stay
	}
	used, unreadable, err := s.filesOfOthers(ctx, id)
	if err != nil {
		return plan, err
	}
	for _, disk := range config.Disks {
		if disk.Path != "" {
			plan.Files = append(plan.Files, s.diskFate(disk, used, unreadable, keepDisks))
		}
	}
	s.addExternal(&plan.DeletePlan, snapshots, used, unreadable, keepDisks)
	local := s.p.Conn.Host().Local
	plan.keepVariables = userOfFile(config.NVRAM, used) != ""
	if local && config.NVRAM != "" && regular(config.NVRAM) {
		variables := s.fate(config.NVRAM, KindVariables, used)
		plan.Files = append(plan.Files, variables)
		plan.keepVariables = !variables.Trash
	}
	if dir := s.CheckpointDir(id); local {
		if _, err := os.Stat(dir); err == nil {
			plan.Files = append(plan.Files, s.fate(dir, KindCheckpoints, used))
		}
	}
	return plan, nil
}

// addExternal adds the files of external snapshots: what the machine's disks were at each of them, which the present ones lie upon, and what the snapshots
// have brought. What a lab or another program has put below all of them is not among those.
func (s *Service) addExternal(plan *DeletePlan, snapshots []hypervisor.Snapshot, used map[string]string, unreadable string, keep bool) {
	known := map[string]bool{}
	for _, f := range plan.Files {
		known[f.Path] = true
	}
	add := func(disk vmconfig.Disk) {
		if disk.Path != "" && !known[disk.Path] && regular(disk.Path) {
			known[disk.Path] = true
			plan.Files = append(plan.Files, s.diskFate(disk, used, unreadable, keep))
		}
	}
	for _, snapshot := range snapshots {
		if !snapshot.External {
			continue
		}
		for _, disk := range disksOf(snapshot) {
			if _, held := snapshot.Overlays[disk.Target]; held {
				add(disk)
			}
		}
		for _, path := range append(slices.Sorted(maps.Values(snapshot.Overlays)), snapshot.MemoryFile) {
			add(vmconfig.Disk{Device: vmconfig.DeviceDisk, Path: path})
		}
	}
}

// disksOf are the drives that the machine had at a snapshot; none when that cannot be read.
func disksOf(snapshot hypervisor.Snapshot) []vmconfig.Disk {
	description, _ := domxml.SnapshotDomain(snapshot.XML)
	config, err := domxml.Parse(description)
	if err != nil {
		return nil
	}
	return config.Disks
}

// diskFate decides on a drive of the machine.
func (s *Service) diskFate(disk vmconfig.Disk, used map[string]string, unreadable string, keep bool) FileFate {
	f := s.fate(disk.Path, KindDisk, used)
	switch {
	case disk.Device != vmconfig.DeviceDisk:
		f.Trash, f.Reason = false, "It is a disc or floppy image, which is not part of the machine."
	case !f.Trash:
	case keep:
		f.Trash, f.Reason = false, "Disks are kept."
	case disk.ReadOnly || disk.Shared:
		f.Trash, f.Reason = false, "It is read-only or shared."
	case unreadable != "":
		f.Trash, f.Reason = false, fmt.Sprintf("It may belong to “%s” as well, whose files are not all known.", unreadable)
	}
	return f
}

// fate decides on a file as such: whether it is here, movable and nobody else's.
func (s *Service) fate(path, kind string, used map[string]string) FileFate {
	f := FileFate{Path: path, Kind: kind}
	if !s.p.Conn.Host().Local {
		f.Reason = "It lies on another computer."
		return f
	}
	f.Bytes = DiskUsage(path)
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		f.Reason = "The file does not exist."
	case err != nil:
		f.Reason = fileSentence(path, err)
	case !info.Mode().IsRegular() && kind != KindCheckpoints:
		f.Reason = "It is not an ordinary file."
	case userOfFile(path, used) != "":
		f.Reason = fmt.Sprintf("“%s” uses it too.", userOfFile(path, used))
	case !SameFileSystem(filepath.Dir(path), s.p.DataDir):
		f.Reason = "It lies in another file system than the trash."
	case unix.Access(filepath.Dir(path), unix.W_OK) != nil:
		f.Reason = "Its folder cannot be changed."
	default:
		f.Trash = true
	}
	return f
}

func regular(path string) bool {
	info, err := os.Lstat(path)
	return err == nil && info.Mode().IsRegular()
}

// userOfFile returns the name of the other machine that uses the file, also under another name, or a file in the folder path.
func userOfFile(path string, used map[string]string) string {
	if name, ok := used[path]; ok || path == "" {
		return name
	}
	for other, name := range used {
		if sameFile(other, path) || strings.HasPrefix(other, path+"/") {
			return name
		}
	}
	return ""
}

// SameFileSystem reports whether two folders lie on one file system, so that a file can be moved from one to the other; of one that is not there the nearest that is above it
// counts. It waits for the disk.
func SameFileSystem(a, b string) bool {
	x, y := device(a), device(b)
	return x != nil && y != nil && *x == *y
}

// device returns the number of the file system that holds dir, or its nearest folder that exists.
func device(dir string) *uint64 {
	for {
		var st unix.Stat_t
		err := unix.Stat(dir, &st)
		if err == nil {
			return &st.Dev
		}
		parent := filepath.Dir(dir)
		if !errors.Is(err, unix.ENOENT) || parent == dir {
			return nil
		}
		dir = parent
	}
}

// DiskUsage returns the room that a file, or a folder with all in it, takes on the disk. What cannot be read counts nothing.
func DiskUsage(path string) int64 {
	var total int64
	_ = filepath.WalkDir(path, func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return nil //nolint:nilerr // an unreadable part must not hide the rest
		}
		var st unix.Stat_t
		if !entry.IsDir() && unix.Lstat(name, &st) == nil {
			total += st.Blocks * 512
		}
		return nil
	})
	return total
}

// filesOfOthers collects every file that another machine of this host uses: those that it names, and what its drives lie upon. unreadable is the name of a machine whose
// files are not all known, if there is one.
func (s *Service) filesOfOthers(ctx context.Context, self uuid.UUID) (used map[string]string, unreadable string, err error) {
	used, unreadable, err = s.namedByOthers(ctx, self)
	if err == nil && s.p.Conn.Host().Local {
		_ = addChains(used) // what cannot be read names nothing
	}
	return used, unreadable, err
}

// namedByOthers collects every file that the description of another machine of this host names: drives, firmware variables, files of snapshots.
func (s *Service) namedByOthers(ctx context.Context, self uuid.UUID) (used map[string]string, unreadable string, err error) {
	domains, err := s.p.Conn.Domains(ctx)
	if err != nil {
		return nil, "", err
	}
	used = map[string]string{}
	for _, d := range domains {
		if d.UUID == self {
			continue
		}
		name := vmconfig.Inert(d.Name, vmconfig.MaxNameBytes)
		for _, live := range []bool{false, true} {
			if live && !d.State.Active() {
				continue
			}
			description, err := s.p.Conn.DomainXML(ctx, d.UUID, live)
			if errors.Is(err, hypervisor.ErrNotFound) {
				continue
			}
			if err != nil {
				return nil, "", err
			}
			if !collectFiles(description, func(path string) { used[path] = name }) {
				unreadable = name
			}
		}
		snapshots, err := s.p.Conn.Snapshots(ctx, d.UUID)
		if err != nil && !errors.Is(err, hypervisor.ErrUnsupported) && !errors.Is(err, hypervisor.ErrNotFound) {
			return nil, "", err
		}
		for _, snapshot := range snapshots {
			if !collectFiles(snapshot.XML, func(path string) { used[path] = name }) {
				unreadable = name
			}
		}
	}
	return used, unreadable, nil
}

// UsedFiles returns every file that a machine of this host names, with its name: drives and what lies below them, firmware variables, files of snapshots. unreadable is the
// name of a machine whose files are not all known, empty if there is none.
func (s *Service) UsedFiles(ctx context.Context) (used map[string]string, unreadable string, err error) {
	return s.filesOfOthers(ctx, uuid.Nil)
}

// addChains adds the images below overlays, which a description need not name. The error is about images that could not be read; discs have none below.
func addChains(used map[string]string) (unread error) {
	for path, name := range maps.Clone(used) {
		images, err := diskimage.Chain(path)
		if (errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission)) && !strings.HasSuffix(strings.ToLower(path), ".iso") {
			unread = errors.Join(unread, err)
		}
		for _, below := range images[1:] {
			used[below] = name
		}
	}
	return unread
}

// collectFiles calls add for every file that a description names, in whatever element: <source file>, <nvram>, <memory file>,
// backing stores. complete is false when the text could not be read to its end, or names a volume of a storage pool, whose path it does not tell.
func collectFiles(description string, add func(path string)) (complete bool) {
	complete = true
	decoder := xml.NewDecoder(strings.NewReader(description))
	for {
		token, err := decoder.Token()
		if err != nil {
			return complete && errors.Is(err, io.EOF)
		}
		switch t := token.(type) {
		case xml.StartElement:
			for _, a := range t.Attr {
				if t.Name.Local == "source" && a.Name.Local == "volume" {
					complete = false
				}
				if filepath.IsAbs(a.Value) && (a.Name.Local == "file" || a.Name.Local == "dev" || a.Name.Local == "path") {
					add(filepath.Clean(a.Value))
				}
			}
		case xml.CharData:
			for _, text := range []string{string(t), strings.TrimSpace(string(t))} { // a path may begin or end with a blank
				if filepath.IsAbs(text) {
					add(filepath.Clean(text))
				}
			}
		}
	}
}

// deleteKind marks the journal's records of deletions.
const deleteKind = "delete"

// deleteRecord is what finishing or undoing an interrupted deletion needs.
type deleteRecord struct {
	Trash    string        `json:"trash"`
	Manifest trashManifest `json:"manifest"`
}

// Delete removes the machine in a job. Its files go to the trash for seven days, as DeletePlan says; keepDisks leaves the disks where they
// are. When something fails, the machine and its files are as before.
func (s *Service) Delete(id uuid.UUID, keepDisks bool) *jobs.Job {
	return s.p.Jobs.StartFixed("Deleting "+s.name(id), id.String(), func(ctx context.Context, report func(jobs.Progress)) error {
		return s.delete(ctx, id, keepDisks)
	})
}

func (s *Service) delete(ctx context.Context, id uuid.UUID, keepDisks bool) (err error) {
	unlock, err := s.locks.lock(ctx, id)
	if err != nil {
		return err
	}
	defer unlock()
	defer s.inv.refresh(ctx, id, false, false)
	plan, err := s.planDelete(ctx, id, keepDisks)
	if err != nil {
		return err
	}
	var undo jobs.Undo
	defer func() { err = s.named(id, undo.Finish(ctx, err)) }()
	if s.p.Conn.Host().Local {
		dir, manifest, err := s.newTrash(plan.Machine, plan.description, plan.Files)
		if err != nil {
			return err
		}
		record, err := s.journal.Begin(deleteKind, s.p.Conn.Host().URI, id, deleteRecord{Trash: dir, Manifest: manifest})
		if err != nil {
			return errors.Join(err, os.RemoveAll(dir))
		}
		undo.Push(func(context.Context) error {
			if err := manifest.empty(dir); err != nil {
				return err
			}
			return record.End()
		})
		if err := manifest.fill(dir); err != nil {
			return err
		}
		// Until its disks were away another program could start the machine; undefining it would leave it running without them.
		if _, err := s.check(ctx, id, ActionDelete); err != nil {
			return err
		}
		defer func() {
			if err == nil {
				err = record.End()
			}
		}()
	}
	err = s.p.Conn.Undefine(ctx, id, plan.keepVariables)
	if err != nil {
		// A lost answer does not say whether it happened.
		if _, readErr := s.p.Conn.Domain(ctx, id); errors.Is(readErr, hypervisor.ErrNotFound) {
			return nil
		}
	}
	return err
}

// recover undoes or finishes the creations and deletions of this host that were interrupted. A machine that another process works on is
// left alone.
func (s *Service) recover(ctx context.Context) {
	host := s.p.Conn.Host()
	if !host.Local {
		return
	}
	for kind, mend := range map[string]func(context.Context, uuid.UUID, json.RawMessage) error{
		createKind: s.recoverCreate, deleteKind: s.recoverDelete,
	} {
		records, err := s.journal.Records(kind, host.URI)
		if err != nil {
			s.p.Log.Warn("the journal cannot be read", "error", err)
		}
		for _, r := range records {
			unlock, ok := s.locks.try(r.Machine)
			if !ok {
				continue
			}
			if r.Exists() {
				if err = mend(ctx, r.Machine, r.Data); err == nil {
					err = r.End()
				}
				s.p.Log.Info("an interrupted operation was mended", "kind", kind, "machine", r.Machine, "error", err)
				s.inv.refresh(ctx, r.Machine, true, false)
			}
			unlock()
		}
	}
}

func (s *Service) recoverCreate(ctx context.Context, id uuid.UUID, data json.RawMessage) error {
	var c createRecord
	if err := json.Unmarshal(data, &c); err != nil {
		return err
	}
	if _, err := s.p.Conn.Domain(ctx, id); err == nil && !c.Undo {
		return nil // registered, so whole; it may have been used since
	}
	if err := s.erase(ctx, id); err != nil {
		return err
	}
	var errs []error
	for _, path := range append(c.Disks, c.Disk, c.NVRAM) {
		if path != "" && s.ours(path) {
			errs = append(errs, removeIfThere(path))
		}
	}
	if dir, known := TPMDir(s.p.Conn.Host(), id); known && c.TPM == dir {
		errs = append(errs, os.RemoveAll(dir))
	}
	return errors.Join(errs...)
}

// ours reports whether a file lies in the program's own folder: nothing else is deleted on behalf of a journal.
func (s *Service) ours(path string) bool {
	rel, err := filepath.Rel(s.p.DataDir, path)
	return err == nil && filepath.IsLocal(rel)
}

func (s *Service) recoverDelete(ctx context.Context, id uuid.UUID, data json.RawMessage) error {
	var d deleteRecord
	if err := json.Unmarshal(data, &d); err != nil {
		return err
	}
	if !s.ours(d.Trash) {
		return fmt.Errorf("not a folder of the trash: %s", d.Trash)
	}
	_, err := s.p.Conn.Domain(ctx, id)
	switch {
	case errors.Is(err, hypervisor.ErrNotFound):
		used, _, err := s.filesOfOthers(ctx, id)
		if err != nil {
			return err
		}
		d.Manifest.Files = slices.DeleteFunc(d.Manifest.Files, func(f trashFile) bool { return userOfFile(f.From, used) != "" })
		return d.Manifest.fill(d.Trash)
	case err != nil:
		return err
	}
	return d.Manifest.empty(d.Trash)
}
