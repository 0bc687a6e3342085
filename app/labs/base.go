package labs

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"guesthouse/app/atomicfile"
	"guesthouse/vmconfig/lab"
)

// base is the content of one disk, or of the firmware's variables, which any number of labs may share.
type base struct {
	dir    string
	digest lab.Digest // of the index
	index  *lab.Index
	label  string // what a lab calls it, for messages
}

func (l *Library) baseDir(digest lab.Digest) string { return filepath.Join(l.bases(), digest.Hex()) }

func (b *base) path() string { return filepath.Join(b.dir, "base.raw") }

func (b *base) part() string { return filepath.Join(b.dir, "base.raw.part") }

func (b *base) record() string { return filepath.Join(b.dir, "base.json") }

// checked is base.json: what the file looked like when all of it was right. Who changes a file by mistake changes its time.
type checked struct {
	Bytes    int64     `json:"bytes"`
	Modified int64     `json:"modified"` // nanoseconds since 1970
	Checked  time.Time `json:"checked"`
}

// baseState is what a look at a base says.
type baseState int

const (
	baseMissing baseState = iota
	baseGood              // as it was when it was checked
	baseOdd               // there, but touched since, or nobody knows
)

// look says how the base is, without reading it. The reason is for an odd one.
func (b *base) look() (state baseState, reason string, err error) {
	info, err := os.Lstat(b.path())
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return baseMissing, "it is missing", nil
	case err != nil:
		return baseOdd, "", err
	case !info.Mode().IsRegular():
		return baseOdd, "something else is in its place", nil
	case info.Size() != b.index.Bytes:
		return baseOdd, "its size is another", nil
	case info.Mode().Perm()&0o222 != 0:
		return baseOdd, "it was made writable", nil
	}
	if c := b.checked(); c.Bytes != info.Size() || c.Modified != info.ModTime().UnixNano() {
		return baseOdd, "it was written to since it was checked", nil
	}
	return baseGood, "", nil
}

// mark writes down that the file, which was just read in full, is right.
func (b *base) mark(info fs.FileInfo, now time.Time) error {
	data, err := json.Marshal(checked{Bytes: info.Size(), Modified: info.ModTime().UnixNano(), Checked: now.UTC()})
	if err != nil {
		return err
	}
	return atomicfile.Write(b.record(), append(data, '\n'))
}

// openPart opens the unfinished file for writing, making it and its folder when they are missing, and gives it its size. The caller holds the base's lock.
func (b *base) openPart() (*os.File, error) {
	if err := os.MkdirAll(b.dir, 0o755); err != nil {
		return nil, err
	}
	if err := atomicfile.SyncDir(filepath.Dir(b.dir)); err != nil {
		return nil, err
	}
	flags := os.O_RDWR | os.O_CREATE | unix.O_NOFOLLOW | unix.O_NONBLOCK
	file, err := os.OpenFile(b.part(), flags, 0o600)
	if errors.Is(err, fs.ErrPermission) { // it was about to get its name when the program was killed
		if info, statErr := os.Lstat(b.part()); statErr == nil && info.Mode().IsRegular() && os.Chmod(b.part(), 0o600) == nil {
			file, err = os.OpenFile(b.part(), flags, 0o600)
		}
	}
	if err != nil {
		return nil, err
	}
	info, err := file.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = &fs.PathError{Op: "open", Path: b.part(), Err: fs.ErrInvalid}
	}
	if err == nil && info.Size() != b.index.Bytes {
		err = file.Truncate(b.index.Bytes)
	}
	if err != nil {
		file.Close()
		return nil, err
	}
	return file, nil
}

// demote makes the base an unfinished one again, so that what is wrong in it can be fetched like what is missing. Who has the file open keeps it. What
// is no file is removed.
func (b *base) demote() error {
	info, err := os.Lstat(b.path())
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := os.Remove(b.record()); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if !info.Mode().IsRegular() {
		return os.RemoveAll(b.path()) // a link goes, not what it points to
	}
	if err := os.Chmod(b.path(), 0o600); err != nil {
		return err
	}
	if err := os.Rename(b.path(), b.part()); err != nil {
		return err
	}
	return atomicfile.SyncDir(b.dir)
}

// promote gives the file, the open part, its final name if all of it is right. It returns the chunks that are not, and then changes nothing. The order
// is the promise of this package: all is read and right, nobody can write to it any more, all is on the disk, then comes the name. The record comes
// before the name, so that a base with its name has one.
func (l *Library) promote(ctx context.Context, b *base, file *os.File, m *meter) (bad []int, err error) {
	if bad, err = l.compare(ctx, b, file, m); err != nil || len(bad) > 0 {
		return bad, err
	}
	if err := file.Chmod(0o444); err != nil {
		return nil, err
	}
	if err := file.Sync(); err != nil {
		return nil, err
	}
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	if err := b.mark(info, l.now()); err != nil {
		return nil, err
	}
	if err := os.Rename(b.part(), b.path()); err != nil {
		return nil, err
	}
	return nil, atomicfile.SyncDir(b.dir)
}

// compare reads all of a file and returns the chunks that are not as the index says, in their order.
func (l *Library) compare(ctx context.Context, b *base, file *os.File, m *meter) (bad []int, err error) {
	var mu sync.Mutex
	err = l.hashChunks(ctx, file, b.index.Bytes, m, func(i int, d lab.Digest) {
		if d != b.index.Chunks[i] {
			mu.Lock()
			bad = append(bad, i)
			mu.Unlock()
		}
	})
	slices.Sort(bad)
	return bad, err
}

// changedError says what is wrong with a base, and what to do.
func (b *base) changedError(reason string) error {
	return fmt.Errorf("%w: %s, %s. Repair the lab", ErrChanged, b.label, reason)
}

// checkedAt is when a good base was last read in full, the zero time for another.
func (b *base) checkedAt() (time.Time, error) {
	state, _, err := b.look()
	if err != nil || state != baseGood {
		return time.Time{}, err
	}
	return b.checked().Checked, nil
}

// checked reads the record. One that is missing or damaged is empty, and fits no file.
func (b *base) checked() (c checked) {
	data, err := os.ReadFile(b.record())
	if err != nil || json.Unmarshal(data, &c) != nil {
		return checked{}
	}
	return c
}
