package labs

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"time"

	"guesthouse/hypervisor/diskimage"
	"guesthouse/vmconfig"
)

// GC removes from the library what nothing needs any more: disks that no lab, no machine, no checkpoint, nothing in the trash and no reset that can be taken back uses. When it
// cannot be told what uses them nothing is removed. It returns how many bytes were freed.
func (s *Service) GC(ctx context.Context) (freed int64, err error) {
	purged := s.purgeResets(ctx, time.Now())
	freed, err = s.p.Library.GC(ctx, func() ([]string, error) { return s.inUse(ctx) })
	return freed, errors.Join(purged, err)
}

// inUse returns every file that something of this user's needs.
func (s *Service) inUse(ctx context.Context) ([]string, error) {
	used, unreadable, err := s.p.Machines.UsedFiles(ctx)
	if err != nil {
		return nil, err
	}
	if unreadable != "" {
		return nil, fmt.Errorf("the files of “%s” are not all known", unreadable)
	}
	all := slices.Collect(maps.Keys(used))
	// What was deleted or reset can come back, and what was copied into our folder by hand may be needed.
	for _, dir := range []string{"images", "trash", filepath.Join("labs", "resets")} {
		err := filepath.WalkDir(filepath.Join(s.p.DataDir, dir), func(path string, e fs.DirEntry, err error) error {
			if errors.Is(err, fs.ErrNotExist) {
				return nil
			}
			if err != nil || !e.Type().IsRegular() || filepath.Ext(path) != ".qcow2" {
				return err
			}
			below, err := diskimage.Backing(path)
			if errors.Is(err, fs.ErrNotExist) || err != nil && filepath.Base(filepath.Dir(path)) == freshDir {
				return nil // it was moved just now; or it was being made for a reset that never began
			}
			if err != nil {
				return fmt.Errorf("%s: %w", vmconfig.Inert(path, 300), err)
			}
			if below != "" {
				all = append(all, below)
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return all, ctx.Err()
}
