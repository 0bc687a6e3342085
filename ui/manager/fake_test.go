package manager

import (
	"bytes"
	"context"
	"image"
	"image/color"
	"image/png"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/test"
	"github.com/google/uuid"

	"guesthouse/app/checkpoints"
	"guesthouse/app/displays"
	"guesthouse/app/jobs"
	"guesthouse/app/machines"
	"guesthouse/app/settings"
	"guesthouse/hypervisor"
	"guesthouse/ui/dispatch"
	"guesthouse/ui/theme"
	"guesthouse/vmconfig"
)

// patience is how long a test waits for what must come.
const patience = 20 * time.Second

// call is an intent that reached a service.
type call struct {
	what string
	ids  []uuid.UUID
	arg  any
}

// backend stands in for all services: it records intents and serves what the test put there.
type backend struct {
	mu       sync.Mutex
	snap     *machines.Snapshot
	changes  jobs.Notifier
	runner   *jobs.Runner
	calls    []call
	points   []checkpoints.Checkpoint
	trashed  []checkpoints.Checkpoint
	canSave  string // reason; empty allows
	loses    bool
	err      error // of the next call that can fail
	picture  []byte
	prefs    settings.Settings
	spaces   []checkpoints.Space
	pictures int
	told     []func(uuid.UUID)
	kept     []displays.Kept // what displays.Store remembers
}

func (b *backend) record(what string, arg any, ids ...uuid.UUID) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.calls = append(b.calls, call{what, ids, arg})
}

func (b *backend) job(what string, arg any, ids ...uuid.UUID) *jobs.Job {
	b.record(what, arg, ids...)
	b.mu.Lock()
	err := b.err
	b.mu.Unlock()
	return b.runner.Start(what, "", func(context.Context, func(jobs.Progress)) error { return err })
}

func (b *backend) Snapshot() *machines.Snapshot {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.snap
}
func (b *backend) Subscribe(f func()) func()               { return b.changes.Subscribe(f) }
func (b *backend) Refresh(_ context.Context, id uuid.UUID) { b.record("refresh", nil, id) }
func (b *backend) Do(a machines.Action, ids ...uuid.UUID) *jobs.Job {
	return b.job(string(a), nil, ids...)
}

func (b *backend) Rename(_ context.Context, id uuid.UUID, name string) error {
	b.record("rename", name, id)
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.err
}

func (b *backend) DeletePlan(_ context.Context, id uuid.UUID) (machines.DeletePlan, error) {
	return machines.DeletePlan{Checkpoints: 2, Files: []machines.FileFate{
		{Path: "/disks/web.qcow2", Bytes: 3 * vmconfig.GiB, Kind: "disk", Trash: true},
		{Path: "/disks/shared.qcow2", Bytes: vmconfig.GiB, Kind: "disk", Reason: "another machine uses it"},
	}}, nil
}
func (b *backend) Delete(id uuid.UUID, keep bool) *jobs.Job { return b.job("delete", keep, id) }

func (b *backend) Screenshot(_ context.Context, id uuid.UUID) ([]byte, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.pictures++
	return b.picture, nil
}

// points and prefs are the parts of backend whose method names collide with those of machines.
type points struct{ *backend }

func (p points) Overview(context.Context, uuid.UUID) (checkpoints.Overview, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return checkpoints.Overview{
		List: slices.Clone(p.points), Trash: slices.Clone(p.trashed), Refusal: p.canSave, Changed: p.loses, Bytes: checkpoints.Unknown,
	}, nil
}

func (p points) NextName(list []checkpoints.Checkpoint) string { return "Checkpoint 9" }
func (p points) Save(id uuid.UUID, o checkpoints.SaveOptions) *jobs.Job {
	return p.job("save checkpoint", o, id)
}

func (p points) Restore(id uuid.UUID, cp string, o checkpoints.RestoreOptions) *jobs.Job {
	return p.job("restore "+cp, o, id)
}

func (p points) Measure(context.Context, uuid.UUID, *checkpoints.Overview) error { return nil }

func (p points) EmptyTrash(id uuid.UUID, gone ...string) *jobs.Job {
	return p.job("empty "+strings.Join(gone, " "), nil, id)
}

func (p points) Spaces(context.Context) ([]checkpoints.Space, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.spaces), nil
}

func (p points) Trash(id uuid.UUID, gone []checkpoints.Checkpoint) *jobs.Job {
	return p.job("trash "+pointIDs(gone), nil, id)
}

func (p points) PutBack(id uuid.UUID, back []checkpoints.Checkpoint) *jobs.Job {
	return p.job("put back "+pointIDs(back), nil, id)
}

func (p points) Copy(id uuid.UUID, cp, name string, linked bool) (*jobs.Job, uuid.UUID) {
	what := "copy "
	if linked {
		what = "link "
	}
	return p.job(what+cp, name, id), uuid.New()
}

func pointIDs(list []checkpoints.Checkpoint) string {
	var all []string
	for _, c := range list {
		all = append(all, c.ID)
	}
	return strings.Join(all, " ")
}

func (p points) Describe(_ context.Context, id uuid.UUID, cp string, o checkpoints.SaveOptions) error {
	p.record("describe "+cp, o, id)
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.err
}

func (p points) Subscribe(f func(uuid.UUID)) func() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.told = append(p.told, f)
	return func() {}
}

func (b *backend) Kept() []displays.Kept {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.kept)
}

func (b *backend) Forget(k displays.Kept) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.kept = slices.DeleteFunc(b.kept, func(other displays.Kept) bool { return other == k })
	return b.err
}

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

// rig is a manager window with everything a test looks at.
type rig struct {
	*backend
	t      *testing.T
	queue  *dispatch.Queue
	window fyne.Window
	m      *Manager
	opened []uuid.UUID
	news   int
	edited []uuid.UUID
	labs   int
	made   []uuid.UUID // into labs
	ids    map[string]uuid.UUID
}

// newRig opens the window over machines given as name and state, in this order.
func newRig(t *testing.T, list ...*machines.Machine) *rig {
	t.Helper()
	app := test.NewTempApp(t)
	app.Settings().SetTheme(theme.New(theme.Light))
	r := &rig{
		t: t, queue: &dispatch.Queue{}, ids: map[string]uuid.UUID{},
		backend: &backend{
			runner: jobs.NewRunner(), snap: &machines.Snapshot{Connected: true, Machines: list},
			prefs: settings.Settings{Automatic: map[uuid.UUID]settings.Automatic{}}, // as settings.Store has it
		},
	}
	for _, m := range list {
		r.ids[m.Name] = m.UUID
	}
	r.window = test.NewWindow(nil) // a manager closes it itself
	r.m = New(Params{
		App: app, Window: r.window, Dispatch: r.queue,
		Machines: r.backend, Checkpoints: points{r.backend}, Jobs: r.runner, Settings: prefs{r.backend}, Screens: r.backend,
		URI: "qemu:///session", Version: "test",
		OpenConsole:  func(id uuid.UUID) { r.opened = append(r.opened, id) },
		NewMachine:   func() { r.news++ },
		OpenSettings: func(id uuid.UUID) { r.edited = append(r.edited, id) },
		OpenLabs:     func() { r.labs++ },
		PublishLab:   func(id uuid.UUID) { r.made = append(r.made, id) },
	})
	r.window.Resize(fyne.NewSize(1100, 700))
	r.settle()
	t.Cleanup(func() {
		r.m.details.preview.stop()
		r.runner.WaitIdle()
		r.settle()
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
		r.t.Fatalf("never: %s", what)
	}
}

// publish replaces the inventory and waits until the window has it.
func (r *rig) publish(list ...*machines.Machine) {
	r.t.Helper()
	r.publishSnapshot(&machines.Snapshot{Connected: true, Machines: list})
}

func (r *rig) publishSnapshot(snap *machines.Snapshot) {
	r.t.Helper()
	r.mu.Lock()
	r.snap = snap
	r.mu.Unlock()
	r.changes.Notify()
	r.until("the window shows the new inventory", func() bool { return r.m.snap == snap })
	r.settle()
}

// took returns the intents so far and forgets them.
func (r *rig) took() []call {
	r.mu.Lock()
	defer r.mu.Unlock()
	calls := r.calls
	r.calls = nil
	return calls
}

func (r *rig) selectNames(names ...string) {
	r.m.list.press(r.ids[names[0]], 0)
	for _, n := range names[1:] {
		r.m.list.press(r.ids[n], fyne.KeyModifierControl)
	}
	r.settle()
}

func (r *rig) selectedNames() []string {
	var list []string
	for _, m := range r.m.selected() {
		list = append(list, m.Name)
	}
	return list
}

func machine(name string, state hypervisor.State, change ...func(*machines.Machine)) *machines.Machine {
	m := &machines.Machine{
		UUID: uuid.NewSHA1(uuid.NameSpaceOID, []byte(name)), Name: name, State: state, Persistent: true,
		Config: &vmconfig.Machine{
			Name: name, OSID: "http://debian.org/debian/12", Arch: "x86_64", Chipset: "pc-q35-7.2", CPUs: 2, MemoryBytes: 2 * vmconfig.GiB,
			Accel: vmconfig.AccelTCG, Firmware: vmconfig.FirmwareUEFI, Video: "virtio", Tablet: true,
			Disks:    []vmconfig.Disk{{Device: vmconfig.DeviceDisk, Path: "/disks/" + name + ".qcow2", Format: "qcow2", Target: "vda"}, {Device: vmconfig.DeviceCDROM, Target: "sda"}},
			NICs:     []vmconfig.NIC{{Kind: "user", Model: "virtio"}},
			Displays: []vmconfig.Display{{Kind: "vnc", Listen: "none"}, {Kind: "dbus", P2P: true}},
		},
	}
	for _, c := range change {
		c(m)
	}
	return m
}

// screen is a PNG of the given size.
func screen(t *testing.T, w, h int) []byte {
	t.Helper()
	img := image.NewRGBA(image.Rect(0, 0, w, h))
	img.Set(w/2, h/2, color.White)
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}
