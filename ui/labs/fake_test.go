package labs

import (
	"context"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"aead.dev/minisign"
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/test"
	"fyne.io/fyne/v2/widget"
	"github.com/google/uuid"

	"guesthouse/app/checkpoints"
	"guesthouse/app/jobs"
	"guesthouse/app/labs"
	"guesthouse/app/labs/source"
	"guesthouse/app/machines"
	"guesthouse/app/settings"
	"guesthouse/hypervisor"
	"guesthouse/ui/dispatch"
	"guesthouse/ui/theme"
	"guesthouse/ui/widgets"
	"guesthouse/vmconfig"
	"guesthouse/vmconfig/lab"
)

// patience is how long a test waits for what must come.
const patience = 20 * time.Second

// call is an intent that reached a service.
type call struct {
	what string
	arg  any
}

// backend stands in for all services: it records intents and serves what the test put there.
type backend struct {
	mu         sync.Mutex
	calls      []call
	images     []labs.Image
	topologies []labs.Topology
	failure    error // of Images
	snap       *machines.Snapshot
	changes    jobs.Notifier
	library    jobs.Notifier
	runner     *jobs.Runner
	errs       []error // of the next jobs
	undo       map[uuid.UUID]time.Time
	question   *labs.Question // that Fetch asks
	answer     chan bool
	got        lab.Digest // what Fetch and PublishMachine bring
	foreign    []string   // courses that somebody else teaches
	prefs      settings.Settings
	points     []checkpoints.Checkpoint
	outlook    labs.Outlook
	dirty      string // why no copy can be cleaned
	student    string // that is remembered
	receipt    labs.Receipt
	hold       chan struct{}              // if set, Submit waits for it
	received   map[string][]labs.Received // by folder
	marks      map[string]labs.Mark
}

func (b *backend) job(what string, arg any, work func(context.Context) error) *jobs.Job {
	b.mu.Lock()
	b.calls = append(b.calls, call{what, arg})
	var err error
	if len(b.errs) > 0 {
		err, b.errs = b.errs[0], b.errs[1:]
	}
	b.mu.Unlock()
	return b.runner.Start(what, "", func(ctx context.Context, _ func(jobs.Progress)) error {
		if err == nil && work != nil {
			return work(ctx)
		}
		return err
	})
}

var launched = uuid.UUID{7}

func (b *backend) Launch(id lab.Digest, o labs.LaunchOptions) (*jobs.Job, uuid.UUID) {
	return b.job("launch", id, nil), launched
}

func (b *backend) Reset(id uuid.UUID, o labs.ResetOptions) *jobs.Job { return b.job("reset", o, nil) }

func (b *backend) UndoReset(id uuid.UUID, o labs.ResetOptions) *jobs.Job {
	return b.job("undo", o, nil)
}

func (b *backend) Undoable(id uuid.UUID) (time.Time, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	when, ok := b.undo[id]
	return when, ok
}

func (b *backend) Fetch(ref string, o labs.FetchOptions) *jobs.Job {
	b.mu.Lock()
	question := b.question
	b.mu.Unlock()
	type asked struct {
		ref, user, name string
		older           bool
	}
	return b.job("fetch", asked{ref, o.User, o.Name, o.Older}, func(ctx context.Context) error {
		if question != nil {
			yes, err := o.Trust(ctx, *question)
			if err != nil || !yes {
				return err
			}
			b.answer <- yes
		}
		o.Done(b.got)
		return nil
	})
}

func (b *backend) Send(id lab.Digest, ref string, o labs.SendOptions) *jobs.Job {
	return b.job("send", ref, func(context.Context) error {
		o.Done(labs.Pushed{NewBytes: 3 * vmconfig.MiB, KeptBytes: vmconfig.GiB})
		return nil
	})
}
func (b *backend) Verify(id lab.Digest) *jobs.Job { return b.job("verify", id, nil) }
func (b *backend) Repair(id lab.Digest, ref string, o source.Options) *jobs.Job {
	return b.job("repair", ref, nil)
}
func (b *backend) Remove(id lab.Digest) *jobs.Job { return b.job("remove", id, nil) }
func (b *backend) FetchTopology(ref string, _ labs.FetchOptions, done func(string)) *jobs.Job {
	return b.job("fetch several", ref, func(context.Context) error {
		done(b.topologies[0].Name)
		return nil
	})
}

func (b *backend) LaunchTopology(t *labs.Topology, _ bool) *jobs.Job {
	return b.job("launch several", t.Name, nil)
}

func (b *backend) DeleteTopology(t *labs.Topology) *jobs.Job {
	return b.job("delete several", t.Name, nil)
}

func (b *backend) ResetTopology(t *labs.Topology, o labs.ResetOptions) *jobs.Job {
	return b.job("reset several", o, nil)
}

func (b *backend) UndoResetTopology(t *labs.Topology, o labs.ResetOptions) *jobs.Job {
	return b.job("undo several", o, nil)
}

func (b *backend) RemoveTopology(name string) *jobs.Job { return b.job("remove several", name, nil) }

func (b *backend) PublishMachine(id uuid.UUID, o labs.PublishOptions) *jobs.Job {
	return b.job("publish", o, func(context.Context) error {
		o.Done(b.got)
		return nil
	})
}

func (b *backend) CleanRefusal(*vmconfig.Machine) string { return b.dirty }

func (b *backend) Outlook(uuid.UUID) (labs.Outlook, error) { return b.outlook, nil }
func (b *backend) Submit(id uuid.UUID, o labs.SubmitOptions) *jobs.Job {
	type handed struct{ student, to, user string }
	return b.job("submit", handed{o.Student, o.To, o.User}, func(ctx context.Context) error {
		if b.hold != nil {
			select {
			case <-b.hold:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		o.Done(b.receipt)
		return nil
	})
}

func (b *backend) ListSubmissions(dir string, done func([]labs.Received)) *jobs.Job {
	return b.job("list", dir, func(context.Context) error {
		b.mu.Lock()
		defer b.mu.Unlock()
		done(b.received[dir])
		return nil
	})
}

func (b *backend) OpenSubmission(ref string, o labs.OpenOptions) (*jobs.Job, uuid.UUID) {
	type opened struct {
		ref     string
		another bool
	}
	return b.job("open", opened{ref, o.AnotherKey}, nil), uuid.NewSHA1(uuid.NameSpaceOID, []byte(ref))
}

func (b *backend) Student() (string, error) { return b.student, nil }
func (b *backend) Marks() (map[string]labs.Mark, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return maps.Clone(b.marks), nil
}

func (b *backend) Mark(_ context.Context, key string, change func(*labs.Mark)) (labs.Mark, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	m := b.marks[key]
	change(&m)
	b.marks[key] = m
	return m, nil
}

func (b *backend) Images() ([]labs.Image, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.images), b.failure
}

func (b *backend) Topologies() ([]labs.Topology, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.topologies), nil
}
func (b *backend) Teaches(course string) bool { return !slices.Contains(b.foreign, course) }

func (b *backend) Snapshot() *machines.Snapshot {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.snap
}
func (b *backend) Subscribe(f func()) func() { return b.changes.Subscribe(f) }
func (b *backend) Do(a machines.Action, ids ...uuid.UUID) *jobs.Job {
	return b.job(string(a), ids[0], nil)
}

// prefs and points are the parts of backend whose method names collide with those of others.
type prefs struct{ *backend }

func (p prefs) Get() settings.Settings {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.prefs
}

func (p prefs) Update(change func(*settings.Settings)) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	change(&p.prefs)
	return nil
}

type points struct{ *backend }

// library is the backend's library, which has subscribers of its own.
type library struct{ *backend }

func (l library) Subscribe(f func()) func() { return l.library.Subscribe(f) }

func (p points) Overview(context.Context, uuid.UUID) (checkpoints.Overview, error) {
	return checkpoints.Overview{List: p.points}, nil
}

// rig is a library window with everything a test looks at.
type rig struct {
	*backend
	t        *testing.T
	queue    *dispatch.Queue
	window   fyne.Window
	w        *Window
	opened   []uuid.UUID
	managers int
	last     bool
}

func newBackend() *backend {
	return &backend{
		runner: jobs.NewRunner(), snap: &machines.Snapshot{Connected: true}, undo: map[uuid.UUID]time.Time{}, answer: make(chan bool, 1), marks: map[string]labs.Mark{},
		prefs: settings.Settings{Windows: map[string]settings.WindowSize{}},
	}
}

func (r *rig) services() Services {
	return Services{Dispatch: r.queue, Labs: r.backend, Library: library{r.backend}, Machines: r.backend, Jobs: r.runner, Settings: prefs{r.backend}}
}

// newRig opens the window over labs and machines.
func newRig(t *testing.T, images []labs.Image, list ...*machines.Machine) *rig {
	t.Helper()
	r := newRigFor(t, list...)
	r.images = images
	r.open()
	return r
}

// open opens the library's window.
func (r *rig) open() {
	r.t.Helper()
	r.w = New(Params{
		Services: r.services(), Window: r.window, OpenConsole: func(id uuid.UUID) { r.opened = append(r.opened, id) }, OpenManager: func() { r.managers++ },
		Last: func() bool { return r.last },
	})
	r.window.Resize(fyne.NewSize(1000, 700))
	r.settle()
}

// newRigFor makes a rig without the library's window.
func newRigFor(t *testing.T, list ...*machines.Machine) *rig {
	t.Helper()
	app := test.NewTempApp(t)
	app.Settings().SetTheme(theme.New(theme.Light))
	r := &rig{t: t, queue: &dispatch.Queue{}, backend: newBackend()}
	r.snap.Machines = list
	r.window = test.NewWindow(nil)
	r.window.Resize(fyne.NewSize(1000, 700))
	t.Cleanup(func() {
		for _, s := range r.runner.List() {
			r.runner.Cancel(s.ID)
		}
		r.runner.WaitIdle()
		r.queue.Settle(patience)
	})
	return r
}

func (r *rig) settle() {
	r.t.Helper()
	if !r.queue.Settle(patience) {
		r.t.Fatal("background work does not end")
	}
}

// until drains the queue until cond holds.
func (r *rig) until(what string, cond func() bool) {
	r.t.Helper()
	if !r.queue.DrainUntil(cond, patience) {
		r.t.Fatalf("never: %s; shown is:\n%s", what, r.texts())
	}
}

// shows waits until a text can be read.
func (r *rig) shows(text string) {
	r.t.Helper()
	r.until("“"+text+"” is shown", func() bool { return strings.Contains(r.texts(), text) })
}

// took returns the intents so far and forgets them.
func (r *rig) took() []call {
	r.mu.Lock()
	defer r.mu.Unlock()
	calls := r.calls
	r.calls = nil
	return calls
}

// wants waits for one intent.
func (r *rig) wants(what string, arg any) {
	r.t.Helper()
	calls := r.took()
	if len(calls) != 1 || calls[0].what != what || arg != nil && calls[0].arg != arg {
		r.t.Fatalf("asked for %+v, want %s %+v", calls, what, arg)
	}
}

// objects returns every visible object of the topmost dialog, or of the window when there is none.
func (r *rig) objects() []fyne.CanvasObject {
	root := r.window.Content()
	if top := r.window.Canvas().Overlays().Top(); top != nil {
		root = top
	}
	var list []fyne.CanvasObject
	var walk func(o fyne.CanvasObject)
	walk = func(o fyne.CanvasObject) {
		if o == nil || !o.Visible() {
			return
		}
		list = append(list, o)
		switch o := o.(type) {
		case *fyne.Container:
			for _, c := range o.Objects {
				walk(c)
			}
		case fyne.Widget:
			for _, c := range test.WidgetRenderer(o).Objects() {
				walk(c)
			}
		}
	}
	walk(root)
	return list
}

func (r *rig) button(text string) *widgets.Button {
	for _, o := range r.objects() {
		if b, ok := o.(*widgets.Button); ok && b.Text() == text {
			return b
		}
	}
	return nil
}

// press presses the visible button with this text.
func (r *rig) press(text string) {
	r.t.Helper()
	b := r.button(text)
	if b == nil {
		r.t.Fatalf("no button %q; shown is:\n%s", text, r.texts())
	}
	if reason, off := b.Disabled(); off {
		r.t.Fatalf("button %q is disabled: %s", text, reason)
	}
	test.Tap(b)
}

// field returns the entry of the topmost dialog's field with this label.
func (r *rig) field(label string) *widgets.FormField {
	r.t.Helper()
	var found *widgets.FormField
	for _, o := range r.objects() {
		switch o := o.(type) {
		case *widgets.FormField:
			found = o
		case *widgets.Text:
			if o.Text() == label && found != nil {
				return found
			}
		}
	}
	r.t.Fatalf("no field %q; shown is:\n%s", label, r.texts())
	return nil
}

func (r *rig) write(label, text string) {
	r.t.Helper()
	r.field(label).Control().(*widgets.Entry).SetText(text)
}

func (r *rig) choice(label string) *widget.Select { return r.field(label).Control().(*widget.Select) }

// texts returns what can be read.
func (r *rig) texts() string {
	var b strings.Builder
	for _, o := range r.objects() {
		switch o := o.(type) {
		case *widgets.Text:
			b.WriteString(o.Text() + "\n")
		case *widgets.Button:
			b.WriteString(o.Text() + "\n")
		case *widget.RichText:
			b.WriteString(o.String() + "\n")
		case *widget.Label:
			b.WriteString(o.Text + "\n")
		}
	}
	return b.String()
}

var courseKey = func() string {
	public, _, err := minisign.GenerateKey(strings.NewReader(strings.Repeat("seed", 100)))
	if err != nil {
		panic(err)
	}
	return public.String()
}()

// labOf is a lab of a course.
func labOf(name string, version int, change ...func(*labs.Image)) labs.Image {
	i := labs.Image{
		ID: lab.Sum([]byte{name[0], byte(version)}), Names: []string{name}, Ready: true, Disk: 300 * vmconfig.MiB,
		Config: &lab.Config{
			ID: uuid.NewSHA1(uuid.NameSpaceOID, []byte(name)), Version: version, Name: name, Title: "Lab of " + name, Language: "en", Created: time.Unix(1.7e9, 0),
			Course: lab.Course{Name: "Networks 101", Key: courseKey}, Machine: lab.Machine{CPUs: 2, MemoryMiB: 2048}, Network: lab.Network{Mode: lab.NetworkIsolated},
			Disks: []lab.Disk{{ID: "disk0", Bytes: 20 * vmconfig.GiB}},
		},
	}
	for _, c := range change {
		c(&i)
	}
	return i
}

// machineOf is a machine that was launched from a lab.
func machineOf(i labs.Image, name string, state hypervisor.State, change ...func(*machines.Machine)) *machines.Machine {
	m := &machines.Machine{
		UUID: uuid.NewSHA1(uuid.NameSpaceOID, []byte(name)), Name: name, State: state, Persistent: true,
		Config: &vmconfig.Machine{Name: name, Lab: vmconfig.Lab{ID: i.ID.String(), Name: i.Config.Name, Version: i.Config.Version}},
	}
	for _, c := range change {
		c(m)
	}
	return m
}

// publishes replaces the inventory.
func (r *rig) publishes(snap *machines.Snapshot) {
	r.mu.Lock()
	r.snap = snap
	r.mu.Unlock()
	r.changes.Notify()
}
