package console

import (
	"context"
	"errors"
	"fmt"
	"image"
	"image/color"
	"io"
	"maps"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/test"
	"github.com/google/uuid"

	"guesthouse/app/checkpoints"
	"guesthouse/app/jobs"
	"guesthouse/app/machines"
	"guesthouse/app/settings"
	"guesthouse/hypervisor"
	"guesthouse/hypervisor/display"
	"guesthouse/ui/dispatch"
	"guesthouse/ui/theme"
	"guesthouse/vmconfig"
)

var testID = uuid.MustParse("11111111-2222-3333-4444-555555555555")

// guestLog is a display.Source's input that writes down what it gets.
type guestLog struct {
	mu     sync.Mutex
	events []string
}

func (g *guestLog) add(format string, args ...any) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.events = append(g.events, fmt.Sprintf(format, args...))
}

func (g *guestLog) Key(qnum, _ uint32, down bool) {
	sign := "-"
	if down {
		sign = "+"
	}
	g.add("%s%x", sign, qnum)
}

func (g *guestLog) Pointer(x, y int, b display.ButtonMask)    { g.add("%d,%d:%d", x, y, b) }
func (g *guestLog) Relative(dx, dy int, b display.ButtonMask) { g.add("~%d,%d:%d", dx, dy, b) }
func (g *guestLog) ReleaseAll()                               {}

// take returns and forgets what came so far.
func (g *guestLog) take() string {
	g.mu.Lock()
	defer g.mu.Unlock()
	s := strings.Join(g.events, " ")
	g.events = nil
	return s
}

// fakeSource is a display.Source whose server is the test.
type fakeSource struct {
	guestLog
	size    image.Point
	hangUp  chan error
	visible []bool
	clips   []string // what was shared and offered
}

func (s *fakeSource) Run(ctx context.Context, p display.Presenter) error {
	fb, err := p.Resize(s.size.X, s.size.Y)
	if err != nil {
		return err
	}
	p.SetPointerMode(true)
	fill(fb, fb.Bounds(), color.RGBA{10, 120, 200, 255})
	p.Damage(fb.Bounds())
	p.FrameDone()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case err := <-s.hangUp:
		return err
	}
}

func (s *fakeSource) RequestSize(w, h int) { s.add("size %dx%d", w, h) }
func (s *fakeSource) ShareClipboard(toGuest, fromGuest bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.clips = append(s.clips, fmt.Sprint(toGuest, fromGuest))
}

func (s *fakeSource) OfferClipboard(text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.clips = append(s.clips, text)
}

// clipboards returns and forgets what was said of clipboards.
func (s *fakeSource) clipboards() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := strings.Join(s.clips, "|")
	s.clips = nil
	return all
}

func (s *fakeSource) SetVisible(on bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.visible = append(s.visible, on)
}
func (s *fakeSource) Stats() display.Stats { return display.Stats{} }

// world is everything a Window works with: an inventory of one machine, its checkpoints, its display, jobs and settings.
type world struct {
	t     *testing.T
	queue *dispatch.Queue
	jobs  *jobs.Runner
	kiosk *Kiosk // nil: an ordinary window
	// handIn is Params.HandIn.
	handIn func(machine uuid.UUID, over fyne.Window)

	mu         sync.Mutex
	machine    *machines.Machine
	listeners  []func()
	unbootable bool
	watcher    func(machines.Sample) // nil: nobody watches
	log        []string              // what was done, in order
	fail       map[string]error
	list       []checkpoints.Checkpoint
	loses      bool
	settings   settings.Settings
	sources    []*fakeSource
	openErr    error
	serial     net.Conn      // the guest's end of the text console that was opened last
	consoleErr error         // what opening one without force fails with
	hold       chan struct{} // a job that waits for it; nil: none
	size       image.Point   // of the guest's screen
	tries      int           // how often the link may try again by itself; 0: for ever
}

func newWorld(t *testing.T, state hypervisor.State) *world {
	a := test.NewApp()
	a.Settings().SetTheme(theme.New(theme.Dark))
	t.Cleanup(a.Quit)
	return &world{
		t: t, queue: &dispatch.Queue{}, jobs: jobs.NewRunner(), fail: map[string]error{},
		settings: settings.Settings{Consoles: map[uuid.UUID]settings.Console{}},
		size:     image.Pt(320, 200),
		machine:  &machines.Machine{UUID: testID, Name: "web", State: state, Persistent: true},
	}
}

// openWindow shows a machine's window.
func openWindow(p Params) *Window {
	w := Prepare(p)
	w.Show()
	return w
}

// open shows the machine's window.
func (f *world) open() *Window {
	w := f.prepare()
	w.Show()
	return w
}

// prepare makes the machine's window.
func (f *world) prepare() *Window {
	w := Prepare(Params{
		App: fyne.CurrentApp(), Dispatch: f.queue, Machines: f, Checkpoints: fakeCheckpoints{f}, Jobs: f.jobs, Settings: fakeSettings{f}, ID: testID,
		ConfirmClose: true, Closed: func() { f.note("closed") }, NewSource: f.newSource, Pictures: f.t.TempDir(), after: f.after, Kiosk: f.kiosk, HandIn: f.handIn,
	})
	f.t.Cleanup(func() {
		w.shut()
		f.jobs.WaitIdle()
	})
	return w
}

// until drains the UI's queue until cond is true.
func (f *world) until(what string, cond func() bool) {
	f.t.Helper()
	if !f.queue.DrainUntil(cond, patient) {
		f.t.Fatalf("never: %s; so far %v", what, f.noted())
	}
}

func (f *world) note(s string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.log = append(f.log, s)
}

func (f *world) noted() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.log)
}

// did reports whether exactly these things were done, in this order.
func (f *world) did(want ...string) func() bool {
	return func() bool { return slices.Equal(f.noted(), want) }
}

// change edits the machine as an event from the hypervisor would.
func (f *world) change(edit func(*machines.Machine)) {
	f.mu.Lock()
	m := *f.machine
	edit(&m)
	f.machine = &m
	listeners := slices.Clone(f.listeners)
	f.mu.Unlock()
	for _, l := range listeners {
		l()
	}
}

func (f *world) source(i int) *fakeSource {
	f.mu.Lock()
	defer f.mu.Unlock()
	if i < len(f.sources) {
		return f.sources[i]
	}
	return nil
}

func (f *world) newSource(hypervisor.GraphicsPath) display.Source {
	f.mu.Lock()
	defer f.mu.Unlock()
	s := &fakeSource{size: f.size, hangUp: make(chan error, 1)}
	f.sources = append(f.sources, s)
	return s
}

func (f *world) Snapshot() *machines.Snapshot {
	f.mu.Lock()
	defer f.mu.Unlock()
	s := &machines.Snapshot{Connected: true}
	if f.machine != nil {
		s.Machines = []*machines.Machine{f.machine}
	}
	return s
}

func (f *world) Subscribe(l func()) func() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.listeners = append(f.listeners, l)
	return func() {}
}

// Do implements Machines: the action's effect on the state, as a job.
func (f *world) Do(a machines.Action, _ ...uuid.UUID) *jobs.Job {
	return f.job(string(a), func() {
		f.change(func(m *machines.Machine) {
			switch a {
			case machines.ActionPause:
				m.State, m.Pause = hypervisor.StatePaused, hypervisor.PauseUser
			case machines.ActionStart, machines.ActionResume:
				m.State, m.Pause = hypervisor.StateRunning, hypervisor.PauseNone
			case machines.ActionPowerOff:
				m.State = hypervisor.StateOff
			case machines.ActionSave:
				m.State = hypervisor.StateSaved
			}
		})
	})
}

// job notes what it does and does it, unless the test wants it to fail.
func (f *world) job(what string, do func()) *jobs.Job {
	f.mu.Lock()
	hold, err := f.hold, f.fail[what]
	f.mu.Unlock()
	return f.jobs.Start(what, testID.String(), func(ctx context.Context, report func(jobs.Progress)) error {
		f.note(what)
		if hold != nil {
			report(jobs.Progress{Fraction: 0.25, Text: "a quarter"})
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-hold:
			}
		}
		if err != nil {
			return err
		}
		do()
		return nil
	})
}

func (f *world) SendKeys(_ context.Context, _ uuid.UUID, codes []uint) error {
	f.note(fmt.Sprint("keys ", codes))
	return nil
}

func (f *world) Screenshot(context.Context, uuid.UUID) ([]byte, error) {
	return nil, errors.New("no screen")
}

func (f *world) OpenConsole(ctx context.Context, _ uuid.UUID, device string, force bool) (io.ReadWriteCloser, error) {
	f.note(fmt.Sprintf("console %s %v", device, force))
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.consoleErr != nil && !force {
		return nil, f.consoleErr
	}
	ours, theirs := net.Pipe()
	f.serial = theirs
	return ours, ctx.Err()
}

func (f *world) OpenDisplay(context.Context, uuid.UUID) (hypervisor.GraphicsPath, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return hypervisor.GraphicsPath{}, f.openErr
}

func (f *world) NothingToBoot(context.Context, uuid.UUID) (bool, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.unbootable, nil
}

// WatchActivity implements Machines: the test gives the samples.
func (f *world) WatchActivity(watch func(machines.Sample)) func() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.watcher = watch
	return func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.watcher = nil
	}
}

// sample gives the window a sample; it reports whether the window watches.
func (f *world) sample(s machines.Sample) bool {
	f.mu.Lock()
	watch := f.watcher
	f.mu.Unlock()
	if watch != nil {
		watch(s)
	}
	return watch != nil
}

func (f *world) InsertMedia(_ context.Context, _ uuid.UUID, target, path string) error {
	f.note("insert " + target + " " + path)
	return nil
}

func (f *world) EjectMedia(_ context.Context, _ uuid.UUID, target string) error {
	f.note("eject " + target)
	return nil
}

// AddDisplay implements Machines: the machine's next description has a VNC display.
func (f *world) AddDisplay(context.Context, uuid.UUID) error {
	f.note("add display")
	f.change(func(m *machines.Machine) {
		m.Config = &vmconfig.Machine{Displays: []vmconfig.Display{{Kind: "vnc", Listen: "none"}}}
	})
	return nil
}

type fakeCheckpoints struct{ *world }

func (f fakeCheckpoints) Overview(context.Context, uuid.UUID) (checkpoints.Overview, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return checkpoints.Overview{List: f.list, Changed: f.loses}, nil
}

func (f fakeCheckpoints) NextName(l []checkpoints.Checkpoint) string {
	return fmt.Sprintf("Checkpoint %d", len(l)+1)
}

func (f fakeCheckpoints) Save(_ uuid.UUID, o checkpoints.SaveOptions) *jobs.Job {
	return f.job("save "+o.Name, func() { f.change(func(m *machines.Machine) { m.Checkpoint = o.Name }) })
}

func (f fakeCheckpoints) Restore(_ uuid.UUID, id string, o checkpoints.RestoreOptions) *jobs.Job {
	what := "restore " + id
	if o.SaveFirst {
		what += " after saving " + o.SaveName
	}
	return f.job(what, func() { f.change(func(m *machines.Machine) { m.State = hypervisor.StateRunning }) })
}

type fakeSettings struct{ *world }

func (f fakeSettings) Get() settings.Settings {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.settings
}

func (f fakeSettings) Update(change func(*settings.Settings)) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	s := &f.settings // the maps of a value that Get returned do not change, as in settings.Store
	s.CloseChoice, s.Windows, s.Consoles = maps.Clone(s.CloseChoice), maps.Clone(s.Windows), maps.Clone(s.Consoles)
	change(s)
	return nil
}

// after is a timer that fires at once, until the link has used up its tries.
func (f *world) after(time.Duration) <-chan time.Time {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.tries > 0 {
		if f.tries--; f.tries == 0 {
			f.tries = -1
		}
	}
	if f.tries < 0 {
		return nil
	}
	fired := make(chan time.Time)
	close(fired)
	return fired
}

// set changes the world while the window's goroutines use it.
func (f *world) set(edit func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	edit()
}
