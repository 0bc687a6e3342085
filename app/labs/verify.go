package labs

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"guesthouse/app/labs/source"
	"guesthouse/vmconfig/lab"
)

// Wrong is what Verify found in one base.
type Wrong struct {
	Part    string // the disk's ID, or lab.VariablesID
	Missing bool   // there is no file of the right size
	Chunks  []int  // those that are not what the teacher signed, in their order, counted from 0 in MiB
}

// Verify reads all disks of a lab in full and says what is wrong with them, nil for nothing. What is right counts as checked from now on.
func (l *Library) Verify(ctx context.Context, id lab.Digest, report Report) ([]Wrong, error) {
	c, err := l.load(id)
	if err != nil {
		return nil, err
	}
	var wrong []Wrong
	bases := l.basesOf(c)
	for i, b := range bases {
		one, err := l.verifyHeld(ctx, b, report, float64(i)/float64(len(bases)), float64(i+1)/float64(len(bases)))
		if err != nil {
			return nil, err
		}
		if one == nil {
			continue
		}
		for _, p := range c.config.Parts() { // several may be the same
			if p.Index == b.digest {
				wrong = append(wrong, Wrong{p.ID, one.Missing, one.Chunks})
			}
		}
	}
	slices.SortFunc(wrong, func(a, b Wrong) int {
		parts := c.config.Parts()
		at := func(w Wrong) int { return slices.IndexFunc(parts, func(p lab.Part) bool { return p.ID == w.Part }) }
		return at(a) - at(b)
	})
	return wrong, nil
}

// verifyHeld verifies one base, which nobody removes or repairs meanwhile.
func (l *Library) verifyHeld(ctx context.Context, b *base, report Report, from, to float64) (*Wrong, error) {
	lock, err := l.lockBase(ctx, b.digest, unix.LOCK_SH)
	if err != nil {
		return nil, err
	}
	defer lock.Close()
	bad, file, err := l.verifyBase(ctx, b, report, from, to)
	if err != nil {
		return nil, err
	}
	if file == nil {
		return &Wrong{Missing: true}, nil
	}
	defer file.Close()
	if len(bad) > 0 {
		os.Remove(b.record()) // so that no quick check passes until it is repaired
		return &Wrong{Chunks: bad}, nil
	}
	if err := file.Chmod(0o444); err != nil {
		return nil, err
	}
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	return nil, b.mark(info, l.now())
}

// Repair makes the disks of a lab right again: it keeps what is right in them and fetches the rest from the source, which may be any package that has
// the chunks, of this version or another. No machine of the lab may run meanwhile.
func (l *Library) Repair(ctx context.Context, id lab.Digest, place source.Source, report Report) error {
	c, err := l.load(id)
	if err != nil {
		return err
	}
	data, err := place.Manifest(ctx)
	if err != nil {
		return err
	}
	m, err := lab.ParseManifest(data)
	if err != nil {
		return err
	}
	bases := l.basesOf(c)
	for _, b := range bases { // what looks right may not be
		wrong, err := l.verifyHeld(ctx, b, report, 0, 0)
		if err == nil && wrong != nil {
			err = l.demoteHeld(ctx, b)
		}
		if err != nil {
			return err
		}
	}
	held, missing, err := l.hold(ctx, bases, report)
	if err != nil {
		return err
	}
	defer held.close()
	return l.complete(ctx, missing, place, m.Packs, report)
}

// demoteHeld is demote under the base's lock.
func (l *Library) demoteHeld(ctx context.Context, b *base) error {
	lock, err := l.lockBase(ctx, b.digest, unix.LOCK_EX)
	if err != nil {
		return err
	}
	defer lock.Close()
	return b.demote()
}

// quickChunks is how many chunks a quick check reads of each base.
const quickChunks = 64

// QuickCheck is for the moment before a launch: it looks whether the disks are as they were when they were read in full, and reads 64 chunks of each,
// picked at random. Errors wrap ErrChanged and say what to do.
func (l *Library) QuickCheck(ctx context.Context, id lab.Digest) error {
	c, err := l.load(id)
	if err != nil {
		return err
	}
	return l.quickCheck(ctx, c)
}

func (l *Library) quickCheck(ctx context.Context, c *content) error {
	for _, b := range l.basesOf(c) {
		if err := b.quickCheck(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (b *base) quickCheck(ctx context.Context) error {
	state, reason, err := b.look()
	if err != nil {
		return err
	}
	if state != baseGood {
		return b.changedError(reason)
	}
	file, err := os.OpenFile(b.path(), os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if err != nil {
		return err
	}
	defer file.Close()
	buffer := make([]byte, lab.ChunkSize)
	for _, i := range rand.Perm(len(b.index.Chunks))[:min(quickChunks, len(b.index.Chunks))] {
		if err := ctx.Err(); err != nil {
			return err
		}
		chunk := buffer[:b.index.Len(i)]
		if _, err := file.ReadAt(chunk, int64(i)*lab.ChunkSize); err != nil {
			return fmt.Errorf("%w: %w", b.changedError(fmt.Sprintf("chunk %d of it cannot be read", i)), err)
		}
		if lab.ChunkDigest(chunk) != b.index.Chunks[i] {
			os.Remove(b.record())
			return b.changedError(fmt.Sprintf("chunk %d of it is not what the teacher signed", i))
		}
	}
	return nil
}

// Checked returns when all disks of a lab were last read in full; the zero time if one never was or was touched since.
func (l *Library) Checked(id lab.Digest) (time.Time, error) {
	c, err := l.load(id)
	if err != nil {
		return time.Time{}, err
	}
	var oldest time.Time
	for i, b := range l.basesOf(c) {
		at, err := b.checkedAt()
		if err != nil || at.IsZero() {
			return time.Time{}, err
		}
		if i == 0 || at.Before(oldest) {
			oldest = at
		}
	}
	return oldest, nil
}
