package labs

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"guesthouse/app/atomicfile"
	"guesthouse/vmconfig/lab"
)

// keepParts is how long what a cancelled fetch left is kept for another try.
const keepParts = 7 * 24 * time.Hour

// Remove removes a lab and its names. Its disks stay until GC finds that nothing uses them, because a student's machine may lie on top of them.
// The error wraps ErrNoLab if there is none.
func (l *Library) Remove(ctx context.Context, id lab.Digest) error {
	unlock, err := l.lockLibrary(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	dir := l.imageDir(id)
	if there, err := exists(dir); err != nil {
		return err
	} else if !there {
		return fmt.Errorf("%w: %s", ErrNoLab, id)
	}
	all, err := l.readNames()
	if err != nil {
		return err
	}
	before := len(all)
	maps.DeleteFunc(all, func(_ string, named lab.Digest) bool { return named == id })
	if len(all) < before {
		if err := l.writeState("names.json", all); err != nil {
			return err
		}
	}
	gone := filepath.Join(l.images(), "."+id.Hex()+".gone")
	if err := os.RemoveAll(gone); err != nil {
		return err
	}
	if err := os.Rename(dir, gone); err != nil { // at once, and not file by file
		return err
	}
	if err := atomicfile.SyncDir(l.images()); err != nil {
		return err
	}
	return os.RemoveAll(gone)
}

// GC removes the bases that no lab and no overlay uses, what cancelled fetches left a week ago, and what crashes left. inUse returns the files that
// overlays lie on, absolute; it is called while no lab can be added. If it fails, nothing is removed. It returns how many bytes were freed.
func (l *Library) GC(ctx context.Context, inUse func() ([]string, error)) (freed int64, err error) {
	unlock, err := l.lockLibrary(ctx)
	if err != nil {
		return 0, err
	}
	defer unlock()
	named, err := l.namedBases()
	if err != nil {
		return 0, err
	}
	entries, err := os.ReadDir(l.bases())
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return 0, err
	}
	// Who makes something on top of a base holds its lock until that is there to be found: so the locks come first, and then the question what is used.
	unused := map[lab.Digest]*os.File{}
	defer func() {
		for _, lock := range unused {
			lock.Close()
		}
	}()
	for _, e := range entries {
		digest, err := lab.ParseDigest("sha256:" + e.Name())
		if err != nil || named[digest] {
			continue
		}
		lock, err := l.lockBase(ended(), digest, unix.LOCK_EX)
		if errors.Is(err, context.Canceled) {
			continue // somebody holds it
		}
		if err != nil {
			return 0, err
		}
		unused[digest] = lock
	}
	used, err := inUse()
	if err != nil {
		return 0, fmt.Errorf("nothing was removed, because it is not known what the machines use: %w", err)
	}
	for digest := range unused {
		bytes, err := l.removeBase(digest, used)
		if err != nil {
			return freed, err
		}
		freed += bytes
	}
	bytes, err := l.sweep()
	return freed + bytes, err
}

// namedBases returns the bases that labs name. A lab that cannot be read stops everything: what it names is not known.
func (l *Library) namedBases() (map[lab.Digest]bool, error) {
	entries, err := os.ReadDir(l.images())
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	named := map[lab.Digest]bool{}
	for _, e := range entries {
		id, err := lab.ParseDigest("sha256:" + e.Name())
		if err != nil {
			continue
		}
		_, config, err := l.readConfig(id)
		if err != nil {
			return nil, fmt.Errorf("nothing was removed, because it is not known what the lab %s uses: %w", e.Name(), err)
		}
		for _, p := range config.Parts() {
			named[p.Index] = true
		}
	}
	return named, nil
}

// removeBase removes a base that no lab names, whose lock the caller holds, unless an overlay uses it.
func (l *Library) removeBase(digest lab.Digest, used []string) (freed int64, err error) {
	b := &base{dir: l.baseDir(digest), digest: digest}
	file, err := os.Lstat(b.path())
	there := err == nil
	for _, path := range used {
		if clean := filepath.Clean(path); clean == b.path() || strings.HasPrefix(clean, b.dir+"/") {
			return 0, nil
		}
		// It may be named by way of a link.
		if info, err := os.Stat(path); there && err == nil && os.SameFile(info, file) {
			return 0, nil
		}
	}
	if part, err := os.Lstat(b.part()); err == nil && l.now().Sub(part.ModTime()) < keepParts {
		return 0, nil
	}
	freed = allocated(b.dir)
	os.Remove(b.path()) // the name first: what is half gone must not look whole
	return freed, os.RemoveAll(b.dir)
}

// sweep removes what no running operation can need, under the library's lock.
func (l *Library) sweep() (freed int64, err error) {
	remove := func(path string) {
		freed += allocated(path)
		err = errors.Join(err, os.RemoveAll(path))
	}
	hidden, _ := filepath.Glob(filepath.Join(l.images(), ".*"))
	for _, path := range hidden { // they are only made under the library's lock
		remove(path)
	}
	for _, pattern := range []string{".*", "bases/*/.*"} { // files that were being written when the program ended
		parts, _ := filepath.Glob(filepath.Join(l.p.Dir, pattern))
		for _, path := range parts {
			if info, err := os.Lstat(path); err == nil && atomicfile.Unfinished(info.Name()) && l.now().Sub(info.ModTime()) >= keepParts {
				remove(path)
			}
		}
	}
	staged, _ := filepath.Glob(filepath.Join(l.p.Dir, "staging", "*"))
	for _, path := range staged {
		if info, err := os.Lstat(path); err == nil && l.now().Sub(info.ModTime()) >= keepParts {
			remove(path)
		}
	}
	return freed, err
}

// allocated is the room that a file or folder takes, in bytes.
func allocated(path string) (sum int64) {
	filepath.WalkDir(path, func(name string, _ fs.DirEntry, err error) error { //nolint:errcheck // what cannot be seen is not counted
		var st unix.Stat_t
		if err == nil && unix.Lstat(name, &st) == nil {
			sum += st.Blocks * 512
		}
		return nil
	})
	return sum
}

// Names returns all name:tag pairs, sorted, with what they mean.
func (l *Library) Names() ([]string, error) {
	all, err := l.readNames()
	return slices.Sorted(maps.Keys(all)), err
}
