package checkpoints

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"testing"

	"github.com/google/uuid"

	"guesthouse/app/machines"
	"guesthouse/hypervisor"
	"guesthouse/hypervisor/guesttest"
	"guesthouse/vmconfig"
)

// TestRandomOperations does random things to a machine and its checkpoints, and after each compares what the guest itself says with what a model
// predicts: the value of its memory and what stands on its disk. GUESTHOUSE_RANDOM_OPERATIONS is how many, GUESTHOUSE_RANDOM_SEED which.
func TestRandomOperations(t *testing.T) {
	operations, seed := number("GUESTHOUSE_RANDOM_OPERATIONS", 8), number("GUESTHOUSE_RANDOM_SEED", 1)
	for _, firmware := range []vmconfig.Firmware{vmconfig.FirmwareBIOS, vmconfig.FirmwareUEFI} {
		t.Run(string(firmware), func(t *testing.T) {
			f := open(t)
			w := &walk{fixture: f, t: t, rng: rand.New(rand.NewPCG(uint64(seed), 2)), saved: map[string]moment{}}
			w.id = f.create(t, "walker", firmware, true)
			w.guest = guesttest.Open(t, f.host, "walker")
			w.guest.WaitReady()
			w.now = moment{running: true, disk: map[int]string{}, mem: w.guest.Hold()}
			for i := range operations {
				w.step(i)
				w.compare()
			}
			for len(w.saved) > 0 {
				w.delete()
				w.compare()
			}
			w.stop()
			done(t, f.Save(w.id, SaveOptions{Name: "sweep"}))
			done(t, f.Delete(w.id, f.idOf(t, w.id, "sweep")))
			f.leftovers(t, w.id)
			f.intact(t, w.id)
		})
	}
}

func number(variable string, usual int) int {
	if n, err := strconv.Atoi(os.Getenv(variable)); err == nil {
		return n
	}
	return usual
}

// moment is what a machine holds at one moment.
type moment struct {
	running bool
	mem     int            // while it runs: the guest's counter, which is held
	disk    map[int]string // by block
	second  string         // on the second disk; empty: there is none
	cd      string         // file in the drive
	kept    string         // while it is off: what stands in the files of firmware and TPM
	parent  string         // of a saved one: the name of the checkpoint before
}

func (m moment) clone() moment {
	m.disk = maps.Clone(m.disk)
	return m
}

// walk is a machine with its model.
type walk struct {
	*fixture
	t       *testing.T
	rng     *rand.Rand
	id      uuid.UUID
	guest   *guesttest.Console
	now     moment
	saved   map[string]moment // by name
	current string
	count   int
}

// step does one thing that is possible now.
func (w *walk) step(i int) {
	acts := []struct {
		name   string
		weight int // 0: not now
		do     func()
	}{
		{"write", w.when(w.now.running, 4), w.write},
		{"count", w.when(w.now.running, 2), w.countOn},
		{"save", w.when(len(w.saved) < 8, 5), w.save},
		{"restore", w.when(len(w.saved) > 0, 5), w.restore},
		{"delete", w.when(len(w.saved) > 2, 2), w.delete},
		{"branch", w.when(len(w.saved) > 4, 1), w.branch},
		{"stop", w.when(w.now.running, 1), w.stop},
		{"start", w.when(!w.now.running, 3), w.start},
	}
	total := 0
	for _, a := range acts {
		total += a.weight
	}
	pick := w.rng.IntN(total)
	for _, a := range acts {
		if pick -= a.weight; pick < 0 {
			w.t.Logf("%d: %s", i, a.name)
			a.do()
			return
		}
	}
}

func (w *walk) when(possible bool, weight int) int {
	if !possible {
		return 0
	}
	return weight
}

func (w *walk) write() {
	w.count++
	block, text := 3+w.rng.IntN(4), fmt.Sprintf("text%d", w.count)
	w.guest.Ask(fmt.Sprintf("write %d %s", block, text), fmt.Sprintf("^wrote %d %s$", block, text))
	w.now.disk[block] = text
}

func (w *walk) countOn() {
	w.guest.Go()
	w.guest.NextCounters()
	w.now.mem = w.guest.Hold()
}

func (w *walk) save() {
	w.count++
	name := fmt.Sprintf("point %d", w.count)
	done(w.t, w.Save(w.id, SaveOptions{Name: name}))
	kept := w.now.clone()
	kept.parent = w.current
	w.saved[name], w.current = kept, name
	if w.now.running {
		w.guest.Continue()
	}
}

func (w *walk) pick() string {
	names := slices.Sorted(maps.Keys(w.saved))
	return names[w.rng.IntN(len(names))]
}

func (w *walk) restore() {
	name := w.pick()
	done(w.t, w.Restore(w.id, w.only(w.t, w.id, name).ID, RestoreOptions{}))
	w.now, w.current = w.saved[name].clone(), name
	if w.now.running {
		w.guest.Continue()
	}
}

func (w *walk) delete() { w.deleteOne(w.pick()) }

func (w *walk) deleteOne(name string) {
	w.t.Helper()
	done(w.t, w.Delete(w.id, w.idOf(w.t, w.id, name)))
	w.forget(name)
}

func (w *walk) branch() { w.deleteBranch(w.pick()) }

func (w *walk) deleteBranch(name string) {
	w.t.Helper()
	done(w.t, w.fixture.branch(w.t, w.id, name))
	for gone := true; gone; { // children first
		gone = false
		for child := range w.saved {
			if child != name && w.below(child, name) && !w.isParent(child) {
				w.forget(child)
				gone = true
			}
		}
	}
	w.forget(name)
}

func (w *walk) below(child, name string) bool {
	for at := child; at != ""; at = w.saved[at].parent {
		if at == name {
			return true
		}
	}
	return false
}

func (w *walk) isParent(name string) bool {
	for _, m := range w.saved {
		if m.parent == name {
			return true
		}
	}
	return false
}

// forget takes a checkpoint out of the model: its children become its parent's.
func (w *walk) forget(name string) {
	gone := w.saved[name]
	delete(w.saved, name)
	for child, m := range w.saved {
		if m.parent == name {
			m.parent = gone.parent
			w.saved[child] = m
		}
	}
	if w.current == name {
		w.current = gone.parent
	}
}

func (w *walk) stop() {
	if w.now.running {
		w.do(w.t, machines.ActionPowerOff, w.id)
		w.now.running = false
	}
}

func (w *walk) start() {
	w.do(w.t, machines.ActionStart, w.id)
	w.guest.Reopen()
	w.guest.WaitReady()
	w.now.running, w.now.mem = true, w.guest.Hold()
}

// compareList holds the list of checkpoints against the model.
func (w *walk) compareList() {
	w.t.Helper()
	list, err := w.List(within(w.t), w.id)
	if err != nil {
		w.t.Fatal(err)
	}
	byID := map[string]string{}
	for _, c := range list {
		byID[c.ID] = c.Name
	}
	for _, c := range list {
		want, known := w.saved[c.Name]
		if !known || c.Problem != "" || c.State.Active() != want.running || byID[c.Parent] != want.parent || c.Current != (c.Name == w.current) {
			w.t.Fatalf("%+v, below %q; the model has %+v, %v, and %q as the current one", c, byID[c.Parent], want, known, w.current)
		}
	}
	if len(list) != len(w.saved) {
		w.t.Fatalf("%d checkpoints are listed; the model has %v", len(list), w.saved)
	}
}

// compare holds everything that can be seen against the model.
func (w *walk) compare() {
	w.t.Helper()
	w.compareList()
	if !w.now.running {
		w.state(w.t, w.id, hypervisor.StateOff)
		return
	}
	w.state(w.t, w.id, hypervisor.StateRunning)
	if mem := w.guest.Ask("hold", `^hold mem=(\d+)$`)[1]; mem != strconv.Itoa(w.now.mem) {
		w.t.Fatalf("the memory holds %s, not %d", mem, w.now.mem)
	}
	for block, text := range w.now.disk {
		w.guest.Ask(fmt.Sprintf("read %d", block), fmt.Sprintf("^read %d %s$", block, text))
	}
}
