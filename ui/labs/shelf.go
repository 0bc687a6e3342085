package labs

import (
	"cmp"
	"context"
	"image"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/google/uuid"

	"guesthouse/app/labs"
	"guesthouse/app/machines"
	"guesthouse/vmconfig/lab"
)

// picture is a lab's, as it is shown.
type picture struct{ light, dark image.Image }

// trace is what a machine's files tell.
type trace struct {
	used time.Time // when its disks were last written to; zero: not known
	undo time.Time // when the reset was that can be taken back; zero: there is none
}

// shelf is what was read of the library. It is not changed afterwards.
type shelf struct {
	images     []labs.Image
	topologies []labs.Topology
	traces     map[uuid.UUID]trace
	pictures   map[string]picture // by the entries' keys, and planKey
	err        error
}

// item is what a card shows.
type item struct {
	labs.Image
	machines  []*machines.Machine // launched from it, the one that matters most first
	traces    map[uuid.UUID]trace
	newer     int // version of a later one in the library, 0 for none
	launching bool
	connected bool
	picture   picture
}

// readShelf reads the library. It waits for the disk. Pictures that are held already are not read again.
func readShelf(ctx context.Context, s Services, held map[string]picture) (shelf, error) {
	read := shelf{traces: map[uuid.UUID]trace{}, pictures: map[string]picture{}}
	var err error
	if read.images, err = s.Library.Images(); err != nil {
		return read, err
	}
	if read.topologies, err = s.Library.Topologies(); err != nil {
		return read, err
	}
	for _, m := range s.Machines.Snapshot().Machines {
		if m.Config == nil || m.Config.Lab.ID == "" || ctx.Err() != nil {
			continue
		}
		t := trace{}
		if when, ok := s.Labs.Undoable(m.UUID); ok {
			t.undo = when
		}
		for _, d := range m.Config.Disks {
			if info, err := os.Stat(d.Path); err == nil && d.Path != "" && info.ModTime().After(t.used) {
				t.used = info.ModTime()
			}
		}
		read.traces[m.UUID] = t
	}
	for _, i := range read.images {
		key := i.ID.String()
		if p, ok := held[key]; ok {
			read.pictures[key] = p
			continue
		}
		if ctx.Err() != nil {
			return read, ctx.Err()
		}
		read.pictures[key] = makePicture(i)
	}
	for _, t := range read.topologies {
		key := planKey(&t)
		p, ok := held[key]
		if !ok {
			p = picture{drawPlan(t.Topology, false), drawPlan(t.Topology, true)}
		}
		read.pictures[key] = p
	}
	return read, nil
}

// makePicture reads the lab's picture, or draws a calm one for a lab without.
func makePicture(i labs.Image) picture {
	if i.Config != nil && !i.Config.Picture.IsZero() {
		if p := readPicture(filepath.Join(i.Dir, "picture.png"), i.Config.Picture); p != nil {
			return picture{p, p}
		}
	}
	seed := i.ID[:]
	if i.Config != nil { // all versions look alike
		seed = i.Config.ID[:]
	}
	return picture{drawHills(seed, false), drawHills(seed, true)}
}

// items puts labs and machines together. It only reads memory.
func (s *shelf) items(snap *machines.Snapshot, launching map[string]bool) []item {
	list := make([]item, 0, len(s.images))
	newest, ofSeveral := map[uuid.UUID]int{}, map[uuid.UUID]bool{}
	for _, t := range s.topologies {
		for _, m := range labs.MachinesOf(snap, t.Topology) {
			if m != nil {
				ofSeveral[m.UUID] = true // it has its place on that card
			}
		}
	}
	for _, i := range s.images {
		if i.Config != nil && i.Ready {
			newest[i.Config.ID] = max(newest[i.Config.ID], i.Config.Version)
		}
	}
	for _, i := range s.images {
		it := item{Image: i, traces: s.traces, launching: launching[i.ID.String()], connected: snap.Connected, picture: s.pictures[i.ID.String()]}
		if i.Config != nil && newest[i.Config.ID] > i.Config.Version {
			it.newer = newest[i.Config.ID]
		}
		for _, m := range snap.Machines {
			if m.Config != nil && m.Config.Lab.ID == i.ID.String() && !labs.IsSubmission(m.Config) && !ofSeveral[m.UUID] {
				it.machines = append(it.machines, m)
			}
		}
		slices.SortStableFunc(it.machines, func(a, b *machines.Machine) int {
			return cmp.Or(compareTrue(a.State.Active(), b.State.Active()), s.traces[b.UUID].used.Compare(s.traces[a.UUID].used))
		})
		if len(it.machines) > 0 || !s.brought(i.ID) {
			list = append(list, it)
		}
	}
	return list
}

// brought reports whether a lab came with one of several machines: it has no card of its own, because nobody asked for it.
func (s *shelf) brought(id lab.Digest) bool {
	return slices.ContainsFunc(s.topologies, func(t labs.Topology) bool { return slices.Contains(t.Brought, id) })
}

// compareTrue orders true before false.
func compareTrue(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return -1
	}
	return 1
}

// main is the machine that the card's buttons act on, nil when there is none.
func (i *item) main() *machines.Machine {
	if len(i.machines) == 0 {
		return nil
	}
	return i.machines[0]
}

// virtual is how large the lab's disks are for its guest, in bytes.
func (i *item) virtual() (bytes int64) {
	if i.Config != nil {
		for _, d := range i.Config.Disks {
			bytes += d.Bytes
		}
	}
	return bytes
}
