package machines

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/google/uuid"

	"guesthouse/app/atomicfile"
	"guesthouse/hypervisor/diskimage"
	"guesthouse/vmconfig"
)

// Linked copies of a checkpoint share an image of each of its disks, a base, and keep only their changes to it. A base is copied out of the checkpoint when the first of them is made,
// and is never written to. So neither the machine that it came from nor the copies need one another; it goes when no machine and nothing in the trash lies on it.

// basesDir is the folder of the bases of one host: another host's machines are not known here, so nobody may tidy up for them.
func (s *Service) basesDir() string {
	host := sha256.Sum256([]byte(s.p.Conn.Host().URI))
	return filepath.Join(s.p.DataDir, "bases", hex.EncodeToString(host[:4]))
}

// basesLock names the lock of those who make bases or remove them.
func (s *Service) basesLock() uuid.UUID {
	return uuid.NewSHA1(uuid.NameSpaceURL, []byte(s.basesDir()))
}

// basePath is the base of the nth disk of what key names.
func (s *Service) basePath(key string, n int) string {
	sum := sha256.Sum256([]byte(key))
	return filepath.Join(s.basesDir(), fmt.Sprintf("%s-%d.%s", hex.EncodeToString(sum[:8]), n, diskimage.FormatQcow2))
}

// makeBase copies a disk to its base, unless that is there. Hold the lock of the bases.
func (s *Service) makeBase(ctx context.Context, path string, d DiskImage, progress func(float64)) error {
	if regular(path) {
		return nil
	}
	part := path + ".part"
	if err := removeIfThere(part); err != nil {
		return err
	}
	if err := s.p.Images.Copy(ctx, part, d.Path, d.Format, d.Snapshot, progress); err != nil {
		return err
	}
	if err := errors.Join(os.Chmod(part, 0o444), os.Rename(part, path)); err != nil {
		return errors.Join(err, removeIfThere(part))
	}
	return atomicfile.SyncDir(filepath.Dir(path))
}

// sweepBases removes the bases that nothing lies on: no machine of this host, nothing in the trash, no image in the program's folder that some other program may have taken from
// its machine for a while. In doubt it removes none.
func (s *Service) sweepBases(ctx context.Context) error {
	entries, err := os.ReadDir(s.basesDir())
	if errors.Is(err, fs.ErrNotExist) || err == nil && len(entries) == 0 {
		return nil
	}
	if err != nil {
		return err
	}
	unlock, ok := s.locks.try(s.basesLock())
	if !ok {
		return nil // a copy is being made
	}
	defer unlock()
	used, unreadable, err := s.namedByOthers(ctx, uuid.Nil)
	if err != nil || unreadable != "" {
		return err
	}
	for _, dir := range []string{s.imageDir(), s.trashDir()} { // in this order: a deletion moves them
		below, err := ImagesBelow(dir, nil)
		if err != nil {
			return err
		}
		for _, path := range below {
			used[path] = "kept"
		}
	}
	if unread := addChains(used); unread != nil { // what it lies upon is not known
		return unread
	}
	var errs []error
	for _, e := range entries {
		path := filepath.Join(s.basesDir(), e.Name())
		if userOfFile(path, used) == "" && (strings.HasSuffix(path, "."+diskimage.FormatQcow2) || strings.HasSuffix(path, ".part")) {
			errs = append(errs, removeIfThere(path))
		}
	}
	return errors.Join(errs...)
}

// ImagesBelow returns the images that the qcow2 images in a folder, and in those in it, lie upon. One that goes meanwhile was moved; doubtful, if not nil, names those that may be
// unreadable. It waits for the disk.
func ImagesBelow(dir string, doubtful func(path string) bool) ([]string, error) {
	var all []string
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil || !e.Type().IsRegular() || filepath.Ext(path) != "."+diskimage.FormatQcow2 {
			return err
		}
		below, err := diskimage.Below(path)
		if errors.Is(err, fs.ErrNotExist) || err != nil && doubtful != nil && doubtful(path) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("%s: %w", vmconfig.Inert(path, 300), err)
		}
		if below != "" {
			all = append(all, below)
		}
		return nil
	})
	return all, err
}
