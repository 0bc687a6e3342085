// Package checkpoints saves, restores and deletes checkpoints of machines. It picks the mechanism for each machine before
// the click and never mixes two on one machine.
package checkpoints

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"

	"guesthouse/app/jobs"
	"guesthouse/app/journal"
	"guesthouse/app/machines"
	"guesthouse/hypervisor"
	"guesthouse/hypervisor/diskimage"
	"guesthouse/vmconfig"
)

// Errors.
var (
	ErrNoCheckpoint = errors.New("no such checkpoint")
	ErrAmbiguous    = errors.New("several checkpoints have this name")
	// ErrBroken says that parts of a checkpoint are missing or damaged. Nothing was touched.
	ErrBroken = errors.New("parts of the checkpoint are missing or damaged")
)

// Checkpoint is one saved state of a machine.
type Checkpoint struct {
	ID          string // unique within the machine
	Name        string // what the user reads; may come from another program: show it inert
	Description string
	Parent      string // ID, empty for a root
	Created     time.Time
	State       hypervisor.State // state of the machine in the checkpoint: off, running or paused
	SizeBytes   int64            // room that its memory takes; what its disks will take cannot be told
	Current     bool             // the machine's disks continue from this one
	Problem     string           // why it cannot be restored, one sentence; empty when it can
	DisksUsable bool             // its disks can be restored all the same
	Copyable    bool             // a machine can be made out of it
	Caution     string           // why its memory may not run here, one sentence; empty: nothing is known against it
	Foreign     bool             // made by another program
	Picture     string           // file with a small PNG of its screen, as it was when it was saved; empty: none
	// Settings are those of the machine at that moment; nil when they cannot be read.
	Settings *vmconfig.Machine
	Deleted  time.Time // when it was put into the trash; zero: it is not there
	// FreesBytes is the room that deleting it for good would give back; Unknown until Measure has told.
	FreesBytes int64
}

// Unknown is a number of bytes that cannot be told.
const Unknown int64 = -1

// Params is what a Service needs.
type Params struct {
	Conn     hypervisor.Connection
	Machines *machines.Service
	Jobs     *jobs.Runner
	DataDir  string // the program's own data, absolute
	Log      *slog.Logger
	// Images looks into disk images; nil finds qemu-img by itself.
	Images *diskimage.Tool
	// Limit returns how many checkpoints a machine may have, and whether there is a limit at all; nil: there is none. It may read a small file.
	Limit func(m vmconfig.Machine) (most int, limited bool)
}

// SaveOptions describe a checkpoint to be saved. An empty Name becomes "Checkpoint N".
type SaveOptions struct {
	Name, Description string

	automatic bool   // it is saved by itself
	kept      string // ID of the checkpoint that does not make room for it
}

// RestoreOptions say what happens before a restore: SaveFirst saves the present state as SaveName in the same job, and the restore
// happens only when that worked; Automatic saves it as those are that save themselves, of which UsualKeep are kept. DisksOnly leaves the memory out: the machine is off then, and its next start finds the disks as after a power cut.
type RestoreOptions struct {
	SaveFirst bool
	SaveName  string
	Automatic bool
	DisksOnly bool
}

// Service saves and restores checkpoints of the machines of one connection. Unless a method says that it only reads
// memory, it may wait for the hypervisor and must not be called on the UI goroutine.
type Service struct {
	p       Params
	images  *diskimage.Tool // nil when qemu-img is missing
	journal *journal.Journal

	mu       sync.Mutex
	settings map[uuid.UUID]settingsMemory
	next     int
	subs     map[int]func(uuid.UUID)
	rate     float64 // bytes of memory that the last save wrote in a second
}

// New returns the service of one connection.
func New(p Params) *Service {
	if p.Log == nil {
		p.Log = slog.New(slog.DiscardHandler)
	}
	s := &Service{p: p, images: p.Images, journal: journal.New(filepath.Join(p.DataDir, "journal")), subs: map[int]func(uuid.UUID){}, settings: map[uuid.UUID]settingsMemory{}}
	if s.images == nil {
		s.images, _ = diskimage.New()
	}
	return s
}

// Subscribe calls f after the checkpoints of a machine changed through this program; libvirt has no event for it. f runs on an inner
// goroutine and must not block.
func (s *Service) Subscribe(f func(id uuid.UUID)) (cancel func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := s.next
	s.next++
	s.subs[n] = f
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.subs, n)
	}
}

func (s *Service) changed(id uuid.UUID) {
	s.mu.Lock()
	calls := make([]func(uuid.UUID), 0, len(s.subs))
	for _, f := range s.subs {
		calls = append(calls, f)
	}
	s.mu.Unlock()
	for _, f := range calls {
		f(id)
	}
}

// List returns the machine's checkpoints, parents before children, without those in the trash.
func (s *Service) List(ctx context.Context, id uuid.UUID) ([]Checkpoint, error) {
	t, err := s.look(ctx, id)
	if err != nil {
		return nil, err
	}
	return s.list(t), nil
}

func (s *Service) list(t *target) []Checkpoint {
	list, _ := s.listAll(t)
	return list
}

// inspect finds out what has become of the parts of one checkpoint: its size, state and problem.
func (s *Service) inspect(t *target, snapshot hypervisor.Snapshot) (c Checkpoint) {
	s.describe(t, snapshot, s.contents(t), &c)
	return c
}

func (s *Service) describe(t *target, snapshot hypervisor.Snapshot, inside contents, c *Checkpoint) {
	s.mechanismOf(t, snapshot).describe(t, snapshot, inside, c)
	if !snapshot.External {
		c.Copyable = c.Problem == "" || c.DisksUsable
	}
	if t.mixed() && c.Problem == "" {
		c.Problem, c.DisksUsable = mixedSentence, false
	}
}

// listAll returns the machine's checkpoints, and those in its trash, as they were before.
func (s *Service) listAll(t *target) (list, trash []Checkpoint) {
	contents := s.contents(t)
	now := ""
	for _, snapshot := range t.snapshots {
		if snapshot.Current {
			now = t.trash.Visible(t.snapshots, snapshot.Name)
		}
	}
	for _, snapshot := range t.snapshots {
		c := Checkpoint{
			ID: snapshot.Name, Parent: t.trash.Visible(t.snapshots, snapshot.Parent), Created: snapshot.Created, State: snapshot.State,
			Current: snapshot.Name == now, Foreign: !ours(snapshot.Name), FreesBytes: Unknown,
		}
		c.Name, c.Description = machines.DisplayName(snapshot)
		c.Picture = pictureOf(t.dir, snapshot.Name)
		c.Settings = t.settingsOf(snapshot)
		s.describe(t, snapshot, contents, &c)
		if c.Deleted = t.trash[snapshot.Name]; c.Deleted.IsZero() {
			list = append(list, c)
		} else {
			trash = append(trash, c)
		}
	}
	return inTreeOrder(list), trash
}

// inTreeOrder puts each checkpoint right below its parent, with all that came after it, older branches first.
func inTreeOrder(list []Checkpoint) []Checkpoint {
	known, children := map[string]bool{}, map[string][]Checkpoint{}
	for _, c := range list {
		known[c.ID] = true
	}
	for _, c := range list {
		if !known[c.Parent] {
			c.Parent = ""
		}
		children[c.Parent] = append(children[c.Parent], c)
	}
	ordered := make([]Checkpoint, 0, len(list))
	next := slices.Clone(children[""])
	slices.Reverse(next) // a stack: chains are longer than calls should be deep
	for len(next) > 0 && len(ordered) < len(list) {
		c := next[len(next)-1]
		next = next[:len(next)-1]
		ordered = append(ordered, c)
		for _, child := range slices.Backward(children[c.ID]) {
			next = append(next, child)
		}
	}
	if len(ordered) < len(list) { // parents that lead in a circle: libvirt does not let that happen
		return list
	}
	return ordered
}

// Overview is what there is to know of a machine's checkpoints at one moment.
type Overview struct {
	List    []Checkpoint // parents before children
	Trash   []Checkpoint // deleted, but can be put back
	Refusal string       // why none can be saved now, one sentence; empty: one can
	crowded bool         // that is because of how many there are, but not because none is allowed
	Changed bool         // the present state is in no checkpoint, as far as is known, so that a restore would lose it
	// SaveBytes and SaveTime are about what saving one now would take, of room at once and of time; 0 while the machine is off, or it cannot be told.
	SaveBytes int64
	SaveTime  time.Duration
	// Settings are the machine's present ones.
	Settings *vmconfig.Machine
	// Bytes is the room that all of them take, the trash included, but not what they share with the present state; Unknown until Measure has told.
	Bytes int64
}

// All are those of the list and of the trash.
func (o Overview) All() []Checkpoint { return slices.Concat(o.List, o.Trash) }

// Overview looks at a machine and its checkpoints. With an error it says that nothing is known.
func (s *Service) Overview(ctx context.Context, id uuid.UUID) (Overview, error) {
	t, err := s.look(ctx, id)
	if err != nil {
		return Overview{Refusal: "The machine's checkpoints cannot be read.", Changed: true, Bytes: Unknown}, err
	}
	o := Overview{Changed: s.clean(t) == "", Settings: &t.config}
	_, o.Refusal = s.choose(t)
	o.List, o.Trash = s.listAll(t)
	if most := s.most(t); o.Refusal == "" {
		o.Refusal = crowded(len(o.List), most)
		o.crowded = o.Refusal != "" && most > 0
	}
	o.Bytes = Unknown
	o.SaveBytes, o.SaveTime = s.estimate(ctx, t)
	return o, nil
}

var numbered = regexp.MustCompile(`^Checkpoint (\d{1,9})$`)

// NextName returns "Checkpoint N" with the first N above all that the list has. It only reads memory.
func (s *Service) NextName(list []Checkpoint) string {
	highest := 0
	for _, c := range list {
		if m := numbered.FindStringSubmatch(c.Name); m != nil {
			n, _ := strconv.Atoi(m[1])
			highest = max(highest, n)
		}
	}
	return fmt.Sprintf("Checkpoint %d", highest+1)
}

// Resolve finds a checkpoint by its ID or, when none has it, its name. Errors wrap ErrNoCheckpoint and ErrAmbiguous. It only
// reads memory.
func (s *Service) Resolve(list []Checkpoint, idOrName string) (Checkpoint, error) {
	var found []Checkpoint
	for _, c := range list {
		if c.ID == idOrName {
			return c, nil
		}
		if c.Name == idOrName {
			found = append(found, c)
		}
	}
	shown := vmconfig.Inert(idOrName, 80)
	switch len(found) {
	case 0:
		return Checkpoint{}, fmt.Errorf("%w: %s", ErrNoCheckpoint, shown)
	case 1:
		return found[0], nil
	}
	return Checkpoint{}, fmt.Errorf("%w: %s", ErrAmbiguous, shown)
}

// Save saves a checkpoint in a job. A running machine stands still meanwhile and then runs on. When it fails or is cancelled, the machine and
// its earlier checkpoints are as before.
func (s *Service) Save(id uuid.UUID, o SaveOptions) *jobs.Job {
	title := "Saving a checkpoint of " + s.machineName(id)
	if name := strings.TrimSpace(o.Name); name != "" {
		title = fmt.Sprintf("Saving “%s” of %s", vmconfig.Inert(name, 60), s.machineName(id))
	}
	return s.p.Jobs.Start(title, id.String(), func(ctx context.Context, report func(jobs.Progress)) error {
		return s.operate(ctx, id, "saving a checkpoint", func() error {
			return s.save(ctx, id, o, report)
		})
	})
}

// operate runs work while the machine is ours and tells subscribers afterwards.
func (s *Service) operate(ctx context.Context, id uuid.UUID, what string, work func() error) error {
	release, err := s.p.Machines.Operate(ctx, id, what)
	if err != nil {
		return err
	}
	err = work()
	release()
	s.Announce(id)
	return s.named(id, err)
}

func (s *Service) save(ctx context.Context, id uuid.UUID, o SaveOptions, report func(jobs.Progress)) error {
	report(jobs.Progress{Fraction: jobs.Unknown, Text: "Checking"})
	taken := s.lookAtScreen(ctx, id)
	if taken != nil {
		defer taken.cancel()
	}
	t, err := s.look(ctx, id)
	if err != nil {
		return err
	}
	m, reason := s.choose(t)
	if reason == "" {
		reason = s.crowdedFor(t, o)
	}
	if reason != "" {
		return machines.Refused(s.machineName(id), reason)
	}
	n, err := s.newCheckpoint(t, o)
	if err != nil {
		return err
	}
	kept := s.keepScreen(t, n.id, taken)
	began := time.Now()
	err = m.save(ctx, t, n, report)
	took := time.Since(began)
	kept()
	if err != nil {
		if !errors.Is(err, hypervisor.ErrDisconnected) { // else nobody knows yet whether it is saved
			err = errors.Join(err, drop(t.dir, n.id))
		}
		return s.noRoom(t, err)
	}
	show(t.dir, n.id)
	if err := s.saved(context.WithoutCancel(ctx), t, n.id, took); err != nil {
		return err
	}
	report(outcome("“%s” is saved", n.name))
	return nil
}

// outcome says what came of a job: text has a place for a checkpoint's name.
func outcome(text, name string) jobs.Progress {
	return jobs.Progress{Fraction: 1, Outcome: fmt.Sprintf(text, vmconfig.Inert(name, 60))}
}

// scarce is so little free space that it is the likely reason of a failure. QEMU says "Input/output error" when the disk is full.
const scarce = 16 * vmconfig.MiB

// folders are those in which a checkpoint of these disks takes room.
func (s *Service) folders(disks []vmconfig.Disk) []string {
	dirs := []string{s.p.DataDir}
	for _, d := range disks {
		dirs = append(dirs, filepath.Dir(d.Path))
	}
	return dirs
}

// full returns a folder of the machine that has hardly any room left, as a user reads it; empty: there is none, or that cannot be told.
func (s *Service) full(t *target) string {
	if !s.p.Conn.Host().Local {
		return ""
	}
	for _, dir := range s.folders(t.disks()) {
		if free, err := machines.FreeBytes(dir); err == nil && free < scarce {
			return vmconfig.Inert(dir, 200)
		}
	}
	return ""
}

// noRoom says that the disk is full where that is why a save failed.
func (s *Service) noRoom(t *target, err error) error {
	if errors.Is(err, context.Canceled) || errors.Is(err, hypervisor.ErrDisconnected) {
		return err
	}
	if dir := s.full(t); dir != "" {
		text := fmt.Sprintf("There is not enough room for a checkpoint in %s. The machine and its other checkpoints are as before.", dir)
		return &Reason{Text: text, Err: errors.Join(hypervisor.ErrNoSpace, err)}
	}
	return err
}

// newCheckpoint checks what the user said about a checkpoint and gives it an identity.
func (s *Service) newCheckpoint(t *target, o SaveOptions) (newCheckpoint, error) {
	list, trash := s.listAll(t)
	if strings.TrimSpace(o.Name) == "" {
		o.Name = s.NextName(append(trash, list...))
	}
	var taken []string
	used := map[string]bool{}
	for _, c := range list {
		taken = append(taken, c.Name)
	}
	for _, r := range t.records {
		used[r.ID] = true
	}
	n, err := checkWords(o, taken, "")
	if err != nil {
		return n, err
	}
	for _, snapshot := range t.snapshots {
		used[snapshot.Name] = true
		if snapshot.Current {
			n.parent = snapshot.Name
		}
	}
	for n.id == "" || used[n.id] {
		n.id = newID()
	}
	return n, nil
}

// checkWords checks name and description of a checkpoint. taken are the other names; known is a name that is taken as it is.
func checkWords(o SaveOptions, taken []string, known string) (newCheckpoint, error) {
	n := newCheckpoint{name: strings.TrimSpace(o.Name), description: strings.TrimSpace(o.Description), created: time.Now()}
	if known == "" || n.name != known {
		if err := vmconfig.CheckName(n.name, taken); err != nil {
			return n, err
		}
	}
	if fault := (vmconfig.Machine{Notes: n.description}).Validate(vmconfig.Limits{}).For(vmconfig.FieldNotes); fault != "" {
		return n, vmconfig.Fault{Field: vmconfig.FieldNotes, Value: vmconfig.Inert(n.description, 80), Message: fault}
	}
	return n, nil
}

// saved reads back what the hypervisor now says (promise I6) and remembers that the present state is in a checkpoint.
func (s *Service) saved(ctx context.Context, t *target, id string, took time.Duration) error {
	now, err := s.look(ctx, t.domain.UUID)
	if err != nil {
		return err
	}
	snapshot, ok := now.snapshot(id)
	if !ok {
		return &Reason{Text: "The checkpoint was saved but the hypervisor does not list it.", Err: ErrBroken}
	}
	c := s.inspect(now, snapshot)
	if c.Problem != "" {
		return &Reason{Text: "The checkpoint was saved but cannot be used: " + c.Problem, Err: ErrBroken}
	}
	s.remember(now, id)
	s.noteRate(c.SizeBytes, took)
	return nil
}

// Restore goes back to a checkpoint in a job. Everything is checked before the machine is touched. A checkpoint of a running machine
// runs on from there, one of a stopped machine leaves it off. The machine keeps its present name, group and notes; its other settings go back as well.
func (s *Service) Restore(id uuid.UUID, checkpointID string, o RestoreOptions) *jobs.Job {
	title := "Restoring a checkpoint of " + s.machineName(id)
	return s.p.Jobs.Start(title, id.String(), func(ctx context.Context, report func(jobs.Progress)) error {
		err := s.operate(ctx, id, "restoring a checkpoint", func() error {
			return s.restore(ctx, id, checkpointID, o, report)
		})
		if err != nil || !o.SaveFirst || !o.Automatic {
			return err
		}
		return s.thinOut(context.WithoutCancel(ctx), id, UsualKeep)
	})
}

func (s *Service) restore(ctx context.Context, id uuid.UUID, checkpointID string, o RestoreOptions, report func(jobs.Progress)) error {
	report(jobs.Progress{Fraction: jobs.Unknown, Text: "Checking"})
	before, _, err := s.restorable(ctx, id, checkpointID, o.DisksOnly)
	if err != nil {
		return err
	}
	if o.SaveFirst {
		save := SaveOptions{Name: o.SaveName}
		if o.Automatic {
			save = SaveOptions{Name: automaticNow(s.list(before)), automatic: true, kept: checkpointID}
		}
		if err := s.save(ctx, id, save, report); err != nil {
			return err
		}
	}
	t, snapshot, err := s.restorable(ctx, id, checkpointID, o.DisksOnly)
	if err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err // the last moment: from here on it is done wholly
	}
	ctx = context.WithoutCancel(ctx)
	entry := restoreRecord{Checkpoint: checkpointID, DisksOnly: o.DisksOnly}
	record, err := s.journal.Begin(restoreKind, s.p.Conn.Host().URI, id, entry)
	if err != nil {
		return err
	}
	t.follow(record, entry)
	err = s.goBack(ctx, t, snapshot, report)
	if errors.Is(err, hypervisor.ErrDisconnected) && s.settle(ctx, id) == nil {
		// The daemon died in the middle. Its successor can do it again from the beginning.
		if t, err = s.look(ctx, id); err == nil {
			t.follow(record, entry)
			err = s.goBack(ctx, t, snapshot, report)
		}
	}
	switch {
	case err == nil:
		name, _ := machines.DisplayName(snapshot)
		report(outcome("Back at “%s”", name))
		return record.End()
	case errors.Is(err, hypervisor.ErrDisconnected):
		return err // the next start repeats it
	}
	return errors.Join(s.halfBack(ctx, id, err), record.End())
}

// halfBack says what became of a machine whose restore failed after it had begun.
func (s *Service) halfBack(ctx context.Context, id uuid.UUID, err error) error {
	text := "Going back failed. The checkpoints are as before; restore one again before you use the machine."
	if d, readErr := s.p.Conn.Domain(ctx, id); readErr == nil && !d.State.Active() {
		text = "Going back failed. The machine is off and its checkpoints are as before; restore one again before you use it."
	}
	return &Reason{Text: text, Err: err}
}

// restorable checks that the checkpoint can be restored now.
func (s *Service) restorable(ctx context.Context, id uuid.UUID, checkpointID string, disksOnly bool) (*target, hypervisor.Snapshot, error) {
	t, err := s.look(ctx, id)
	if err != nil {
		return nil, hypervisor.Snapshot{}, err
	}
	if reason := t.refuses(machines.ActionRestore); reason != "" {
		return nil, hypervisor.Snapshot{}, machines.Refused(s.machineName(id), reason)
	}
	snapshot, err := t.find(checkpointID)
	if err != nil {
		return nil, snapshot, err
	}
	c := s.inspect(t, snapshot)
	if c.Problem != "" && !(disksOnly && c.DisksUsable) {
		return nil, snapshot, &Reason{Text: c.Problem, Err: ErrBroken}
	}
	if disksOnly && !c.DisksUsable && s.stateOf(t, snapshot).Active() {
		return nil, snapshot, &Reason{Text: "The disks of this checkpoint cannot be restored without its memory.", Err: hypervisor.ErrUnsupported}
	}
	if dir := s.full(t); dir != "" { // going back takes little, but without that little the machine is neither there nor here
		text := fmt.Sprintf("There is hardly any room left in %s. Nothing was changed; delete a file or a checkpoint there, then restore again.", dir)
		return nil, snapshot, &Reason{Text: text, Err: hypervisor.ErrNoSpace}
	}
	return t, snapshot, nil
}

// goBack is the part of a restore that changes the machine. Its steps can be repeated.
func (s *Service) goBack(ctx context.Context, t *target, snapshot hypervisor.Snapshot, report func(jobs.Progress)) error {
	report(jobs.Progress{Fraction: jobs.Unknown, Text: "Going back"})
	// A saved state would be resumed on the old disks' successors and destroy their file systems: it must go first.
	if t.domain.State == hypervisor.StateSaved {
		if err := s.p.Conn.DiscardSaved(ctx, t.domain.UUID); err != nil {
			return err
		}
	}
	if err := s.mechanismOf(t, snapshot).restore(ctx, t, snapshot); err != nil {
		return err
	}
	now, err := s.look(ctx, t.domain.UUID)
	if err != nil {
		return err
	}
	if back, ok := now.snapshot(snapshot.Name); !ok || !back.Current {
		return &Reason{Text: "The hypervisor did not go back to the checkpoint.", Err: ErrBroken}
	}
	s.remember(now, snapshot.Name)
	return nil
}

// delete deletes one checkpoint and returns the machine as it is then.
func (s *Service) delete(ctx context.Context, t *target, checkpointID string) (*target, error) {
	if err := s.deletable(t, checkpointID); err != nil {
		return nil, err
	}
	snapshot, _ := t.snapshot(checkpointID)
	clean := s.cleanCheckpoint(t)
	hide(t.dir, checkpointID)
	if err := s.mechanismOf(t, snapshot).delete(ctx, t, snapshot); err != nil {
		if !errors.Is(err, hypervisor.ErrDisconnected) { // else nobody knows yet whether it is gone
			show(t.dir, checkpointID)
		}
		return nil, err
	}
	now, err := s.lookAgain(ctx, t.domain.UUID)
	if err != nil {
		return nil, err
	}
	if _, still := now.snapshot(checkpointID); still {
		return nil, &Reason{Text: "The hypervisor did not delete the checkpoint."}
	}
	if clean != "" && clean != checkpointID {
		s.remember(now, clean) // deleting wrote to the disks, but nothing that the machine sees
	}
	if err := drop(t.dir, checkpointID); err != nil {
		s.p.Log.Warn("files of a deleted checkpoint are left", "error", err)
	}
	delete(now.trash, checkpointID)
	return now, now.trash.Write(now.dir)
}

func (s *Service) machineName(id uuid.UUID) string {
	if m := s.p.Machines.Snapshot().Get(id); m != nil {
		return vmconfig.Inert(m.Name, vmconfig.MaxNameBytes)
	}
	return "a machine"
}

// named says which machine an error is about, unless it says so already.
func (s *Service) named(id uuid.UUID, err error) error {
	var named *machines.Error
	var refused *machines.RefusedError
	if err == nil || errors.As(err, &named) || errors.As(err, &refused) {
		return err
	}
	return &machines.Error{Machine: s.machineName(id), Err: err}
}

// Reason is an error that carries its own sentence for the user.
type Reason struct {
	Text string
	Err  error // sentinel or cause, may be nil
}

// Error returns the sentence with its cause.
func (r *Reason) Error() string {
	if r.Err == nil {
		return r.Text
	}
	return r.Text + " (" + r.Err.Error() + ")"
}

// Unwrap returns the cause.
func (r *Reason) Unwrap() error { return r.Err }
