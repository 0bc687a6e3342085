package labs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"guesthouse/app/machines"
	"guesthouse/hypervisor/diskimage"
	"guesthouse/vmconfig"
	"guesthouse/vmconfig/lab"
)

// view is a part of a lab as the guest of one machine sees it: the base, and what the layers over it hold themselves. After it was made any goroutine may read it.
type view struct {
	part   lab.Part
	index  lab.Index // only its size is used
	base   *os.File  // nil: zeros
	layers []layer   // from the lowest to the highest
}

// layer is what one image holds itself.
type layer struct {
	own     *os.File // raw; what is not in an extent means nothing
	extents []diskimage.Extent
}

func (v *view) close() {
	for _, l := range v.layers {
		l.own.Close()
	}
	if v.base != nil {
		v.base.Close()
	}
}

// newView opens the base of a part; an empty path stands for zeros.
func newView(part lab.Part, base string) (*view, error) {
	v := &view{part: part, index: lab.Index{Bytes: part.Bytes}}
	if base == "" {
		return v, nil
	}
	var err error
	v.base, err = os.OpenFile(base, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	return v, err
}

// maxChain bounds how many images lie over each other.
const maxChain = 64

// chain is the images of a machine's disk that lie over a base, from the lowest to the highest.
type chain struct {
	target string
	images []string
	base   string // empty: none of the lab's
}

// chainOf follows the images of a disk down to a lab's base. They are this user's own; what lies below a base is never looked at, because a guest's disk can look like anything.
func chainOf(d vmconfig.Disk, bases []Base) (chain, error) {
	c := chain{target: d.Target}
	for path := d.Path; ; {
		info, err := os.Stat(path)
		if err != nil {
			return c, err
		}
		for _, b := range bases {
			if base, err := os.Stat(b.Path); err == nil && os.SameFile(info, base) {
				c.base = b.Path
				slices.Reverse(c.images)
				return c, nil
			}
		}
		if len(c.images) == maxChain {
			return c, nil
		}
		c.images = append(c.images, path)
		below, err := diskimage.Below(path)
		if err != nil || below == "" {
			return c, err
		}
		path = below
	}
}

// add lays a qcow2 image over the view. What the image holds itself is copied into dir.
func (v *view) add(ctx context.Context, tool *diskimage.Tool, dir, image string, check func([]diskimage.Extent) error) error {
	before, err := os.Stat(image)
	if err != nil {
		return err
	}
	info, err := tool.Inspect(ctx, image, diskimage.FormatQcow2)
	if err != nil {
		return err
	}
	if info.VirtualBytes != v.part.Bytes {
		return &Reason{
			Text: fmt.Sprintf("The disk %s has %d bytes and the lab's has %d, so that what was changed cannot be said.", v.part.ID, info.VirtualBytes, v.part.Bytes),
			Err:  ErrNotALab,
		}
	}
	extents, err := tool.Changes(ctx, image)
	if err == nil {
		err = check(extents)
	}
	if err != nil {
		return err
	}
	path := filepath.Join(dir, fmt.Sprintf("%s-%d.own", v.part.ID, len(v.layers)))
	if err := tool.CopyOwn(ctx, path, image); err != nil {
		return err
	}
	own, err := os.Open(path)
	if err != nil {
		return err
	}
	v.layers = append(v.layers, layer{own, extents})
	after, err := os.Stat(image)
	if err == nil && (!after.ModTime().Equal(before.ModTime()) || !os.SameFile(before, after)) { // the copy may be of two moments
		err = fmt.Errorf("%w: %s was written to by another program while it was being read. Try again", ErrChanged, v.part.ID)
	}
	return err
}

// touched lists the chunks of which a layer holds something, in rising order.
func (v *view) touched() []int {
	touched := make([]bool, lab.Chunks(v.part.Bytes))
	for _, l := range v.layers {
		for _, e := range l.extents {
			end := min(e.Start+e.Bytes, v.part.Bytes) // the last cluster can reach further
			for i := e.Start / lab.ChunkSize; i*lab.ChunkSize < end; i++ {
				touched[i] = true
			}
		}
	}
	var list []int
	for i, yes := range touched {
		if yes {
			list = append(list, i)
		}
	}
	return list
}

// read returns a chunk as the guest sees it, in buffer, which has room for one.
func (v *view) read(i int, buffer []byte) ([]byte, error) {
	at := int64(i) * lab.ChunkSize
	chunk := buffer[:v.index.Len(i)]
	end := at + int64(len(chunk))
	if v.base == nil {
		clear(chunk)
	} else if _, err := v.base.ReadAt(chunk, at); err != nil {
		return nil, early(err)
	}
	for _, l := range v.layers {
		first := sort.Search(len(l.extents), func(n int) bool { return l.extents[n].Start+l.extents[n].Bytes > at })
		for _, e := range l.extents[first:] {
			if e.Start >= end {
				break
			}
			from, to := max(e.Start, at), min(e.Start+e.Bytes, end)
			piece := chunk[from-at : to-at]
			if e.Zero {
				clear(piece)
			} else if _, err := l.own.ReadAt(piece, from); err != nil {
				return nil, early(err)
			}
		}
	}
	return chunk, nil
}

// early makes the end of a file that should be longer an error of its own.
func early(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// digests calls each with the digest of every chunk of the list, from several goroutines, with the number in the list.
func (l *Library) digests(ctx context.Context, v *view, list []int, m *meter, each func(n int, d lab.Digest)) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var next atomic.Int64
	var group sync.WaitGroup
	for range l.workers {
		group.Go(func() {
			buffer := make([]byte, lab.ChunkSize)
			for ctx.Err() == nil {
				n := int(next.Add(1) - 1)
				if n >= len(list) {
					return
				}
				chunk, err := v.read(list[n], buffer)
				if err != nil {
					cancel(err)
					return
				}
				each(n, lab.ChunkDigest(chunk))
				m.add(int64(len(chunk)))
			}
		})
	}
	group.Wait()
	return context.Cause(ctx)
}

// changes compares a view with the index of its part, nil for one of zeros.
func (l *Library) changes(ctx context.Context, v *view, x *lab.Index, m *meter) (*lab.Changes, error) {
	list := v.touched()
	found := make([]lab.Digest, len(list))
	if err := l.digests(ctx, v, list, m, func(n int, d lab.Digest) { found[n] = d }); err != nil {
		return nil, err
	}
	c := &lab.Changes{}
	for n, i := range list {
		if was := chunkOf(x, i); found[n] != was {
			c.Chunks = append(c.Chunks, lab.Change{Chunk: i, Digest: found[n]})
		}
	}
	return c, nil
}

// chunkOf is what an index has for a chunk; nil is one of zeros.
func chunkOf(x *lab.Index, i int) lab.Digest {
	if x == nil {
		return lab.Digest{}
	}
	return x.Chunks[i]
}

// dataOf is how many bytes extents hold that are not zeros.
func dataOf(extents []diskimage.Extent) (sum int64) {
	for _, e := range extents {
		if !e.Zero {
			sum += e.Bytes
		}
	}
	return sum
}

// checkRoom refuses what needs more room than is free beside the library.
func (l *Library) checkRoom(bytes int64) error {
	free, err := machines.FreeBytes(l.p.Dir)
	if err == nil && free < bytes+spareRoom {
		err = fmt.Errorf("%w: %s more are needed on the disk, and %s are free in %s. Remove what you do not need and try again", ErrNoRoom, size(bytes+spareRoom), size(free), vmconfig.Inert(l.p.Dir, 300))
	}
	return err
}
