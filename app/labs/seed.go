package labs

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"golang.org/x/sys/unix"

	"guesthouse/vmconfig/lab"
)

// seed copies what is wanted out of the bases that are here already: a new version of a lab shares most with the one before. Each chunk is checked as
// if it came from elsewhere; a base that is damaged gives fewer chunks, and no error.
func (f *fetcher) seed(ctx context.Context) error {
	entries, err := os.ReadDir(f.l.images())
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	looked := map[lab.Digest]bool{}
	buffer := make([]byte, lab.ChunkSize)
	// The newest image first would need their times; any order gives the same chunks.
	for _, e := range entries {
		id, err := lab.ParseDigest("sha256:" + e.Name())
		if err != nil {
			continue
		}
		_, config, err := f.l.readConfig(id)
		if err != nil {
			continue
		}
		for _, p := range config.Parts() {
			if looked[p.Index] {
				continue
			}
			looked[p.Index] = true
			x, err := readIndex(filepath.Join(f.l.imageDir(id), p.ID+indexSuffix), p)
			if err != nil {
				continue
			}
			if err := f.seedFrom(ctx, &base{dir: f.l.baseDir(p.Index), digest: p.Index, index: x}, buffer); err != nil {
				return err
			}
		}
	}
	return nil
}

// seedFrom copies what is wanted out of one base.
func (f *fetcher) seedFrom(ctx context.Context, b *base, buffer []byte) error {
	if !slices.ContainsFunc(b.index.Chunks, f.wants) {
		return nil
	}
	file, err := os.OpenFile(b.path(), os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil // then it is fetched
	}
	defer file.Close()
	if info, err := file.Stat(); err != nil || !info.Mode().IsRegular() {
		return err
	}
	for i, d := range b.index.Chunks {
		if d.IsZero() || !f.wants(d) {
			continue
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		chunk := buffer[:b.index.Len(i)]
		if _, err := file.ReadAt(chunk, int64(i)*lab.ChunkSize); err != nil || lab.ChunkDigest(chunk) != d {
			continue
		}
		if err := f.putFrom(d, chunk, file, int64(i)*lab.ChunkSize); err != nil {
			return err
		}
	}
	return nil
}
