package labs

import (
	"context"
	"errors"
	"fmt"
	"os"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"golang.org/x/sys/unix"

	"guesthouse/app/jobs"
	"guesthouse/app/labs/source"
	"guesthouse/app/machines"
	"guesthouse/vmconfig"
	"guesthouse/vmconfig/lab"
)

// spareRoom is left free when the room for a lab is checked, in bytes.
const spareRoom = 64 << 20

// baseLocks are the bases of a lab while it is added or repaired: held shared where they are right, exclusively where something is missing.
type baseLocks map[lab.Digest]*os.File

func (h baseLocks) close() {
	for _, file := range h {
		file.Close()
	}
}

// hold locks the bases in their order and returns those that are not right. Where a base is there but was touched, it is read in full; if it is wrong,
// it becomes an unfinished one again.
func (l *Library) hold(ctx context.Context, bases []*base, report Report) (held baseLocks, missing []*base, err error) {
	held = baseLocks{}
	defer func() {
		if err != nil {
			held.close()
		}
	}()
	for _, b := range bases {
		how := unix.LOCK_SH
		for {
			lock, err := l.lockBase(ended(), b.digest, how)
			if errors.Is(err, context.Canceled) {
				if report != nil {
					report(jobs.Progress{Fraction: jobs.Unknown, Text: "Waiting for " + b.label + ", which is being fetched or used"})
				}
				lock, err = l.lockBase(ctx, b.digest, how)
			}
			if err != nil {
				return held, nil, err
			}
			held[b.digest] = lock
			state, _, err := b.look()
			if err != nil {
				return held, nil, err
			}
			if state == baseGood {
				break
			}
			if how == unix.LOCK_SH { // what somebody else does to it meanwhile is seen at the next look
				lock.Close()
				how = unix.LOCK_EX
				continue
			}
			if state == baseOdd {
				right, err := l.recheck(ctx, b, report)
				if err != nil {
					return held, nil, err
				}
				if right {
					break
				}
				if err := b.demote(); err != nil {
					return held, nil, err
				}
			}
			missing = append(missing, b)
			break
		}
	}
	return held, missing, nil
}

// recheck reads an odd base in full and marks it as checked if it is right.
func (l *Library) recheck(ctx context.Context, b *base, report Report) (right bool, err error) {
	bad, file, err := l.verifyBase(ctx, b, report, 0, 0)
	if file == nil || err != nil {
		return false, err
	}
	defer file.Close()
	if len(bad) > 0 {
		return false, nil
	}
	if err := file.Chmod(0o444); err != nil {
		return false, err
	}
	info, err := file.Stat()
	if err != nil {
		return false, err
	}
	return true, b.mark(info, l.now())
}

// verifyBase reads a base in full and returns the chunks that are wrong, and the file, which the caller closes; no file means that there is none to read.
func (l *Library) verifyBase(ctx context.Context, b *base, report Report, from, to float64) (bad []int, file *os.File, err error) {
	if info, err := os.Lstat(b.path()); err != nil || !info.Mode().IsRegular() || info.Size() != b.index.Bytes {
		return nil, nil, nil //nolint:nilerr // there is nothing to read
	}
	if file, err = os.OpenFile(b.path(), os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0); err != nil {
		return nil, nil, err
	}
	if bad, err = l.compare(ctx, b, file, newMeter(report, l.now, "Checking "+b.label, from, to, b.index.Bytes)); err != nil {
		file.Close()
		return nil, nil, err
	}
	return bad, file, nil
}

// complete makes the missing bases, which the caller has locked, out of what there is of them, of other bases and of the packs at the place.
func (l *Library) complete(ctx context.Context, missing []*base, place source.Source, packs []ocispec.Descriptor, report Report) error {
	if len(missing) == 0 {
		return nil
	}
	var total, data int64
	files := make([]*os.File, len(missing))
	for i, b := range missing {
		file, err := b.openPart()
		if err != nil {
			return err
		}
		defer file.Close()
		files[i] = file
		total += b.index.Bytes
		data += b.index.Data()
	}
	f := &fetcher{l: l, place: place, data: data, want: map[lab.Digest][]spot{}}
	m := newMeter(report, l.now, "Looking at what is there", 0, 0.05, total)
	for i, b := range missing {
		bad, err := l.compare(ctx, b, files[i], m)
		if err == nil {
			err = f.ask(b, files[i], bad)
		}
		if err != nil {
			return err
		}
	}
	left := f.left()
	if free, err := machines.FreeBytes(l.p.Dir); err != nil {
		return err
	} else if free < left+spareRoom {
		return fmt.Errorf("%w: the lab needs %s more on the disk, and %s are free in %s. Remove what you do not need and try again; what was fetched is kept",
			ErrNoRoom, size(left+spareRoom), size(free), vmconfig.Inert(l.p.Dir, 300))
	}
	f.m = newMeter(report, l.now, "Fetching", 0.05, 0.9, data)
	f.m.had(data - left)
	if err := f.gather(ctx, packs); err != nil {
		return err
	}
	m = newMeter(report, l.now, "Checking", 0.9, 1, total)
	for i, b := range missing {
		for again := false; ; again = true {
			bad, err := l.promote(ctx, b, files[i], m)
			if err != nil {
				return err
			}
			if len(bad) == 0 {
				break
			}
			if again {
				return fmt.Errorf("%w: what was written to the disk of this computer comes back changed, for example chunk %d of %s. Check the disk", ErrChanged, bad[0], b.label)
			}
			if err := f.ask(b, files[i], bad); err != nil {
				return err
			}
			if err := f.gather(ctx, packs); err != nil {
				return err
			}
		}
	}
	return nil
}

// ask wants the chunks that are not right in a part. Those that are to be zeros need nobody: they become holes.
func (f *fetcher) ask(b *base, file *os.File, bad []int) error {
	for _, i := range bad {
		d := b.index.Chunks[i]
		if !d.IsZero() {
			f.want[d] = append(f.want[d], spot{b, file, i})
			continue
		}
		at, length := int64(i)*lab.ChunkSize, b.index.Len(i)
		err := unix.Fallocate(int(file.Fd()), unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE, at, int64(length))
		if errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.ENOSYS) {
			_, err = file.WriteAt(make([]byte, length), at)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// gather gets all that is wanted.
func (f *fetcher) gather(ctx context.Context, packs []ocispec.Descriptor) error {
	if err := f.seed(ctx); err != nil {
		return err
	}
	f.few = f.left() < f.data/2
	if err := f.packs(ctx, packs); err != nil {
		return err
	}
	for d := range f.want {
		return fmt.Errorf("%w: %d chunks are in none of its packs at %s, for example %s. Fetch the lab from another place",
			ErrIncomplete, len(f.want), vmconfig.Inert(f.place.Name(), 300), f.where(d))
	}
	return nil
}
