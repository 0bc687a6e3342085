package machines

import (
	"context"
	"crypto/sha256"
	"errors"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"guesthouse/app/jobs"
	"guesthouse/hypervisor"
	"guesthouse/vmconfig"
	"guesthouse/vmconfig/domxml"
)

const (
	// gather is how long events are collected before the inventory reads what they are about.
	gather = 20 * time.Millisecond
	// configBatch is how many descriptions are read between two publications of the list.
	configBatch = 64
	// singleReads is up to how many changed machines are read one by one instead of with one bulk call.
	singleReads = 4
	// retryPause is how long after a read that failed on a living connection everything is read again.
	retryPause = 5 * time.Second
)

// inventory knows all machines. One goroutine (run) owns the entries and publishes immutable snapshots; another, at
// most one at a time, reads from the hypervisor. Without events nothing runs.
type inventory struct {
	conn     hypervisor.Connection
	points   func(uuid.UUID) string // Service.CheckpointDir
	current  atomic.Pointer[Snapshot]
	changes  jobs.Notifier
	requests chan request
	results  chan result
	ready    chan struct{} // closed at the first full list or failed connection
	stopped  chan struct{} // closed when run has returned
	running  atomic.Bool   // run was called

	// Owned by run.
	entries   map[uuid.UUID]*entry
	connected bool
	err       error
	todo      work
	waiting   []chan struct{} // of requests that came since the running read began
	reading   bool
	losses    int // how often the connection was lost: what a read from before the last loss found is out of date
	retry     time.Duration
}

// entry is a machine with what is needed to tell whether its description changed.
type entry struct {
	m    *Machine
	hash [sha256.Size]byte
}

// work is what the next read has to read.
type work struct {
	all     bool // the list, every description and every current checkpoint
	ids     map[uuid.UUID]bool
	configs map[uuid.UUID]bool
	current map[uuid.UUID]bool // machines whose current checkpoint may have changed
}

func (w *work) empty() bool { return !w.all && len(w.ids) == 0 }

func (w *work) add(id uuid.UUID, config, current bool) {
	if w.ids == nil {
		w.ids, w.configs, w.current = map[uuid.UUID]bool{}, map[uuid.UUID]bool{}, map[uuid.UUID]bool{}
	}
	w.ids[id] = true
	if config {
		w.configs[id] = true
	}
	if current {
		w.current[id] = true
	}
}

// request asks run for something from another goroutine.
type request struct {
	id      uuid.UUID
	config  bool
	current bool
	setBusy bool
	busy    string
	done    chan struct{} // nil: nobody waits
}

// result is a part of what a read found.
type result struct {
	full    bool // domains is the complete list
	domains []hypervisor.Domain
	gone    []uuid.UUID
	configs []config
	// current are display names of current checkpoints, empty for none; those of all machines in a full result's read.
	current map[uuid.UUID]string
	err     error
	last    bool
	losses  int // inventory.losses when the read began
}

type config struct {
	id      uuid.UUID
	hash    [sha256.Size]byte
	same    bool // as it was: keep what is there
	machine *vmconfig.Machine
	problem error
}

func newInventory(conn hypervisor.Connection, checkpointDir func(uuid.UUID) string) *inventory {
	inv := &inventory{
		conn:     conn,
		points:   checkpointDir,
		requests: make(chan request),
		results:  make(chan result),
		ready:    make(chan struct{}),
		stopped:  make(chan struct{}),
		entries:  map[uuid.UUID]*entry{},
		retry:    retryPause,
	}
	inv.current.Store(&Snapshot{})
	return inv
}

// run follows the hypervisor until ctx ends or its events do.
func (inv *inventory) run(ctx context.Context) error {
	inv.running.Store(true)
	defer close(inv.stopped)
	var timer <-chan time.Time // EventConnected, the first event of every connection, has everything read
	for {
		select {
		case <-ctx.Done():
			inv.drain()
			return ctx.Err()
		case e, ok := <-inv.conn.Events():
			if !ok {
				inv.drain()
				return hypervisor.ErrDisconnected
			}
			inv.event(e)
			switch {
			case inv.todo.all && !inv.reading:
				inv.read(ctx)
			case timer == nil && !inv.todo.empty():
				timer = time.After(gather)
			}
		case r := <-inv.requests:
			inv.request(r)
			if !inv.reading {
				inv.read(ctx)
			}
		case <-timer:
			timer = nil
			if !inv.reading {
				inv.read(ctx)
			}
		case r := <-inv.results:
			failed := inv.apply(r)
			if r.last {
				inv.reading = false
			}
			switch {
			case failed: // nothing else would have the list read again while the connection lives
				inv.todo.all = true
				timer = time.After(inv.retry)
			case r.last && timer == nil:
				inv.read(ctx)
			}
		}
	}
}

// drain lets a read that still runs end.
func (inv *inventory) drain() {
	for inv.reading {
		r := <-inv.results
		inv.reading = !r.last
	}
}

func (inv *inventory) event(e hypervisor.Event) {
	switch e.Kind {
	case hypervisor.EventConnected:
		inv.todo.all = true
	case hypervisor.EventDisconnected:
		inv.disconnected(e.Err)
	case hypervisor.EventDefined, hypervisor.EventDevices:
		inv.todo.add(e.Machine, true, false)
	case hypervisor.EventState:
		// Going back to a checkpoint has no event of its own but changes the state.
		known := inv.entries[e.Machine]
		inv.todo.add(e.Machine, false, known != nil && known.m.Checkpoint != "")
	case hypervisor.EventUndefined, hypervisor.EventIOError:
		inv.todo.add(e.Machine, false, false)
	case hypervisor.EventNotAnswering:
		inv.err = hypervisor.ErrTimeout
		inv.publish()
	case hypervisor.EventAnswering:
		inv.err = nil
		inv.publish()
	case hypervisor.EventViewer:
	}
}

func (inv *inventory) request(r request) {
	if r.setBusy {
		if e := inv.entries[r.id]; e != nil && e.m.Busy != r.busy {
			m := *e.m
			m.Busy = r.busy
			e.m = &m
			inv.publish()
		}
		if r.done != nil {
			close(r.done)
		}
		return
	}
	inv.todo.add(r.id, r.config, r.current)
	if r.done != nil {
		inv.waiting = append(inv.waiting, r.done)
	}
}

func (inv *inventory) disconnected(err error) {
	if err == nil {
		err = hypervisor.ErrDisconnected
	}
	inv.connected, inv.err = false, err
	inv.losses++
	for _, e := range inv.entries {
		m := *e.m
		m.Offline = true
		e.m = &m
	}
	inv.publish()
	inv.markReady()
}

func (inv *inventory) markReady() {
	select {
	case <-inv.ready:
	default:
		close(inv.ready)
	}
}

// read starts reading what is to be done, on another goroutine.
func (inv *inventory) read(ctx context.Context) {
	if inv.todo.empty() {
		return
	}
	w, waiting := inv.todo, inv.waiting
	inv.todo, inv.waiting = work{}, nil
	known := make(map[uuid.UUID][sha256.Size]byte, len(inv.entries))
	for id, e := range inv.entries {
		if e.hash != [sha256.Size]byte{} { // zero where the description could not be read: the next event tries again
			known[id] = e.hash
		}
	}
	inv.reading = true
	losses := inv.losses
	go func() {
		reader{conn: inv.conn, points: inv.points, results: inv.results, losses: losses}.read(ctx, w, known)
		for _, done := range waiting {
			close(done)
		}
	}()
}

// apply takes over what a read found and publishes it. failed is true when the read failed though the connection was not lost. What was read
// before the connection was lost is dropped: EventConnected has everything read again.
func (inv *inventory) apply(r result) (failed bool) {
	if r.losses != inv.losses {
		return false
	}
	if r.err != nil {
		if errors.Is(r.err, context.Canceled) || errors.Is(r.err, hypervisor.ErrDisconnected) {
			return false
		}
		inv.disconnected(r.err)
		return true
	}
	if r.full {
		inv.connected, inv.err = true, nil
		seen := make(map[uuid.UUID]bool, len(r.domains))
		for _, d := range r.domains {
			seen[d.UUID] = true
		}
		for id := range inv.entries {
			if !seen[id] {
				delete(inv.entries, id)
			}
		}
	}
	for _, d := range r.domains {
		inv.domain(d, !r.full)
	}
	for _, id := range r.gone {
		delete(inv.entries, id)
	}
	for _, c := range r.configs {
		inv.config(c)
	}
	if r.current != nil {
		inv.checkpoints(r.current)
	}
	if r.full || len(r.domains)+len(r.gone)+len(r.configs) > 0 || r.current != nil {
		inv.publish()
	}
	if r.full {
		inv.markReady()
	}
	return false
}

// domain takes over what the hypervisor reports of one machine. fresh tells a change that just happened, of which there was an event, from
// one found in a list, which may be old.
func (inv *inventory) domain(d hypervisor.Domain, fresh bool) {
	e := inv.entries[d.UUID]
	if e == nil {
		e = &entry{m: &Machine{UUID: d.UUID}}
		inv.entries[d.UUID] = e
	}
	m := *e.m
	if m.State != d.State || m.Pause != d.Pause {
		m.Since = time.Time{}
		if fresh {
			m.Since = time.Now()
		}
	}
	m.Name, m.State, m.Pause = d.Name, d.State, d.Pause
	m.StoppedBadly, m.Persistent, m.Offline = d.StoppedBadly, d.Persistent, false
	e.m = &m
}

func (inv *inventory) config(c config) {
	e := inv.entries[c.id]
	if e == nil || c.same {
		return
	}
	m := *e.m
	m.Config, m.Problem, m.Unsavable = c.machine, c.problem, ""
	if c.machine != nil {
		m.Unsavable = unsavable(inv.conn.Host(), *c.machine)
	}
	e.m, e.hash = &m, c.hash
}

func (inv *inventory) checkpoints(current map[uuid.UUID]string) {
	for id, name := range current {
		if e := inv.entries[id]; e != nil && e.m.Checkpoint != name {
			m := *e.m
			m.Checkpoint = name
			e.m = &m
		}
	}
}

func (inv *inventory) publish() {
	s := &Snapshot{
		Connected: inv.connected, Err: inv.err, Host: inv.conn.Host(),
		Machines: make([]*Machine, 0, len(inv.entries)),
		byID:     make(map[uuid.UUID]*Machine, len(inv.entries)),
	}
	for id, e := range inv.entries {
		s.Machines = append(s.Machines, e.m)
		s.byID[id] = e.m
	}
	slices.SortFunc(s.Machines, func(a, b *Machine) int {
		if c := CompareNames(a.Name, b.Name); c != 0 {
			return c
		}
		return strings.Compare(a.UUID.String(), b.UUID.String())
	})
	inv.current.Store(s)
	inv.changes.Notify()
}

// refresh has the machine read again and waits until the inventory shows it. It returns at once when run is not running.
func (inv *inventory) refresh(ctx context.Context, id uuid.UUID, config, current bool) {
	inv.ask(ctx, request{id: id, config: config, current: current, done: make(chan struct{})})
}

// busy shows what an operation does with the machine; an empty text ends it.
func (inv *inventory) busy(ctx context.Context, id uuid.UUID, what string) {
	inv.ask(ctx, request{id: id, setBusy: true, busy: what, done: make(chan struct{})})
}

func (inv *inventory) ask(ctx context.Context, r request) {
	if !inv.running.Load() {
		return
	}
	select {
	case inv.requests <- r:
	case <-inv.stopped:
		return
	case <-ctx.Done():
		return
	}
	select {
	case <-r.done:
	case <-inv.stopped:
	case <-ctx.Done():
	}
}

// reader reads from the hypervisor for the inventory.
type reader struct {
	conn    hypervisor.Connection
	points  func(uuid.UUID) string // Service.CheckpointDir
	results chan<- result
	losses  int
}

func (r reader) send(found result) {
	found.losses = r.losses
	r.results <- found
}

// read does all of w. Its last result has last set; a machine that cannot be read is a Problem and stops nothing.
func (r reader) read(ctx context.Context, w work, known map[uuid.UUID][sha256.Size]byte) {
	err := r.list(ctx, &w, known)
	if err == nil {
		err = r.configs(ctx, w, known)
	}
	if err == nil {
		err = r.current(ctx, w)
	}
	r.send(result{err: err, last: true})
}

// list reads the machines' states and adds the machines whose description was never read to w.
func (r reader) list(ctx context.Context, w *work, known map[uuid.UUID][sha256.Size]byte) error {
	if !w.all && len(w.ids) == 0 {
		return nil
	}
	var found result
	if w.all || len(w.ids) > singleReads {
		domains, err := r.conn.Domains(ctx)
		if err != nil {
			return err
		}
		found = result{full: true, domains: domains}
	} else {
		for id := range w.ids {
			d, err := r.conn.Domain(ctx, id)
			switch {
			case errors.Is(err, hypervisor.ErrNotFound):
				found.gone = append(found.gone, id)
			case err != nil:
				return err
			default:
				found.domains = append(found.domains, d)
			}
		}
	}
	if w.configs == nil {
		w.configs, w.current = map[uuid.UUID]bool{}, map[uuid.UUID]bool{}
	}
	for _, d := range found.domains {
		if _, read := known[d.UUID]; w.all || !read {
			w.configs[d.UUID] = true
		}
	}
	r.send(found)
	return nil
}

// configs reads and parses descriptions in small batches, so that the list fills while the rest is still being read.
func (r reader) configs(ctx context.Context, w work, known map[uuid.UUID][sha256.Size]byte) error {
	var batch []config
	flush := func() {
		if len(batch) > 0 {
			r.send(result{configs: batch})
			batch = nil
		}
	}
	for id := range w.configs {
		c, err := r.config(ctx, id, known)
		switch {
		case errors.Is(err, hypervisor.ErrNotFound): // it was removed meanwhile; an event says so
			continue
		case errors.Is(err, hypervisor.ErrDisconnected), ctx.Err() != nil:
			return err
		}
		if !c.same {
			batch = append(batch, c)
		}
		if len(batch) >= configBatch {
			flush()
		}
	}
	flush()
	return nil
}

func (r reader) config(ctx context.Context, id uuid.UUID, known map[uuid.UUID][sha256.Size]byte) (config, error) {
	xml, err := r.conn.DomainXML(ctx, id, false)
	if err != nil {
		return config{id: id, problem: err}, err
	}
	c := config{id: id, hash: sha256.Sum256([]byte(xml))}
	if known[id] == c.hash {
		c.same = true
		return c, nil
	}
	m, err := domxml.Parse(xml)
	if err != nil {
		c.problem = err
		return c, nil //nolint:nilerr // it is a row with its reason
	}
	c.machine = &m
	return c, nil
}

// current reads the display names of current checkpoints: of all machines, or of those that may have changed.
func (r reader) current(ctx context.Context, w work) error {
	names := map[uuid.UUID]string{}
	if w.all {
		ids, err := r.conn.CurrentSnapshots(ctx)
		if err != nil && !errors.Is(err, hypervisor.ErrUnsupported) {
			return err
		}
		for id := range w.configs { // after a full list these are all machines
			names[id] = ""
		}
		for id, name := range ids {
			if names[id] = name; strings.HasPrefix(name, SnapshotPrefix) {
				w.current[id] = true // its name for people is in its description
			}
		}
	}
	for id := range w.current {
		snapshots, err := r.conn.Snapshots(ctx, id)
		switch {
		case errors.Is(err, hypervisor.ErrDisconnected), ctx.Err() != nil:
			return err
		case err != nil: // removed meanwhile, or not offered
			continue
		}
		names[id] = ""
		now := ""
		for _, s := range snapshots {
			if s.Current {
				now = ReadPointTrash(r.points(id), snapshots).Visible(snapshots, s.Name)
			}
		}
		for _, s := range snapshots {
			if s.Name == now {
				names[id], _ = DisplayName(s)
			}
		}
	}
	if len(names) > 0 {
		r.send(result{current: names})
	}
	return nil
}
