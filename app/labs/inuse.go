package labs

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"time"

	"guesthouse/app/machines"
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
		below, err := machines.ImagesBelow(filepath.Join(s.p.DataDir, dir), func(path string) bool {
			return filepath.Base(filepath.Dir(path)) == freshDir // it was being made for a reset that never began
		})
		if err != nil {
			return nil, err
		}
		all = append(all, below...)
	}
	return all, ctx.Err()
}
