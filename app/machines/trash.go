package machines

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/google/uuid"

	"guesthouse/app/atomicfile"
	"guesthouse/vmconfig"
)

const (
	// trashDays is how long deleted files are kept.
	trashDays = 7
	// manifestName is the file that says what a folder of the trash holds.
	manifestName = "manifest.json"
	// definitionName is the machine's libvirt description beside it.
	definitionName = "machine.xml"
)

// trashManifest says what a folder of the trash holds and where it came from.
type trashManifest struct {
	Version int         `json:"version"`
	Name    string      `json:"name"`
	UUID    uuid.UUID   `json:"uuid"`
	Deleted time.Time   `json:"deleted"`
	Files   []trashFile `json:"files"`
}

// trashFile is one moved file or folder: In is its name in the trash folder, From the path where it lay.
type trashFile struct {
	In   string `json:"in"`
	From string `json:"from"`
}

func (s *Service) trashDir() string { return filepath.Join(s.p.DataDir, "trash") }

// newTrash makes a folder with a manifest of what is going to be moved into it.
func (s *Service) newTrash(m *Machine, xml string, files []FileFate) (dir string, manifest trashManifest, err error) {
	now := time.Now().UTC()
	dir = filepath.Join(s.trashDir(), now.Format("20060102T150405.000Z")+"-"+vmconfig.Slug(m.Name, m.UUID))
	manifest = trashManifest{Version: 1, Name: m.Name, UUID: m.UUID, Deleted: now}
	for i, f := range files {
		if f.Trash {
			manifest.Files = append(manifest.Files, trashFile{In: strconv.Itoa(i) + "-" + filepath.Base(f.Path), From: f.Path})
		}
	}
	text, err := json.MarshalIndent(manifest, "", "  ")
	if err != nil {
		return "", manifest, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", manifest, err
	}
	if err := errors.Join(
		atomicfile.Write(filepath.Join(dir, definitionName), []byte(xml)),
		atomicfile.Write(filepath.Join(dir, manifestName), text),
	); err != nil {
		return "", manifest, errors.Join(err, os.RemoveAll(dir))
	}
	return dir, manifest, nil
}

// fill moves the files into dir. What is there already was moved before an interruption.
func (t trashManifest) fill(dir string) error {
	for _, f := range t.Files {
		if err := move(f.From, filepath.Join(dir, f.In)); err != nil {
			return err
		}
	}
	return atomicfile.SyncDir(dir)
}

// empty moves everything back and removes dir.
func (t trashManifest) empty(dir string) error {
	var errs []error
	for _, f := range t.Files {
		errs = append(errs, move(filepath.Join(dir, f.In), f.From))
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	return os.RemoveAll(dir)
}

// move renames a file or folder and never overwrites one. A source that is gone while the target is there was moved before.
func move(from, to string) error {
	if _, err := os.Lstat(from); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if _, err := os.Lstat(to); err == nil {
		return &fs.PathError{Op: "move", Path: to, Err: fs.ErrExist}
	}
	return os.Rename(from, to)
}

// purgeTrash removes folders of the trash that are older than seven days. Only folders with a manifest of ours are touched, and none whose
// deletion was interrupted and is still to be finished or undone: its machine may exist.
func (s *Service) purgeTrash(now time.Time) {
	entries, err := os.ReadDir(s.trashDir())
	if err != nil {
		return // nothing was ever deleted
	}
	unfinished, err := s.unfinishedTrash()
	if err != nil {
		s.p.Log.Warn("the trash is not emptied: the journal cannot be read", "error", err)
		return
	}
	for _, e := range entries {
		dir := filepath.Join(s.trashDir(), e.Name())
		if unfinished[dir] {
			continue
		}
		text, err := os.ReadFile(filepath.Join(dir, manifestName))
		if err != nil {
			continue
		}
		var t trashManifest
		if json.Unmarshal(text, &t) != nil || t.Deleted.IsZero() || now.Sub(t.Deleted) < trashDays*24*time.Hour {
			continue
		}
		if err := os.RemoveAll(dir); err != nil {
			s.p.Log.Warn("the trash cannot be emptied", "folder", dir, "error", err)
		}
	}
}

// unfinishedTrash returns the folders of deletions, on any host, that the journal still holds.
func (s *Service) unfinishedTrash() (map[string]bool, error) {
	records, err := s.journal.Records(deleteKind, "")
	if err != nil {
		return nil, err
	}
	folders := make(map[string]bool, len(records))
	for _, r := range records {
		var d deleteRecord
		if err := r.Decode(&d); err != nil {
			return nil, err
		}
		folders[d.Trash] = true
	}
	return folders, nil
}
