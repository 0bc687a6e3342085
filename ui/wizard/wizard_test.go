package wizard

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/driver/desktop"
	"fyne.io/fyne/v2/storage"
	"fyne.io/fyne/v2/test"
	"github.com/google/uuid"

	"guesthouse/app/jobs"
	"guesthouse/app/machines"
	"guesthouse/app/settings"
	"guesthouse/hypervisor"
	"guesthouse/hypervisor/diskimage"
	"guesthouse/ui/dispatch"
	"guesthouse/ui/theme"
	"guesthouse/ui/widgets"
	"guesthouse/vmconfig"
	"guesthouse/vmconfig/guestos"
)

const patience = 20 * time.Second

// service stands for the machine service: it counts and answers what a test tells it to.
type service struct {
	runner *jobs.Runner
	task   jobs.Task // what creating does
	id     uuid.UUID

	mu      sync.Mutex
	faults  vmconfig.Faults
	created []machines.Draft
}

func (s *service) Snapshot() *machines.Snapshot {
	return &machines.Snapshot{Connected: true, Machines: []*machines.Machine{{Name: "web"}}}
}

func (s *service) NewDraft(osID string) machines.Draft { return defaultsOf(osID) }

func (s *service) Accelerator() vmconfig.Accel                     { return vmconfig.AccelTCG }
func (s *service) Limits(context.Context) (vmconfig.Limits, error) { return roomy, nil }
func (s *service) Firmwares(context.Context) ([]hypervisor.Firmware, error) {
	return []hypervisor.Firmware{{}}, nil
}

func (s *service) CheckDraft(_ context.Context, d machines.Draft) vmconfig.Faults {
	s.mu.Lock()
	defer s.mu.Unlock()
	if d.DiskPath == "/d/taken.qcow2" {
		return vmconfig.Faults{{Field: vmconfig.FieldDiskPath, Message: "It is the disk of “web”."}}
	}
	return s.faults
}

func (s *service) Create(d machines.Draft) (*jobs.Job, uuid.UUID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.created = append(s.created, d)
	return s.runner.Start("Creating "+d.Name, s.id.String(), s.task), s.id
}

func (s *service) Inspect(_ context.Context, path, _ string) (diskimage.Info, error) {
	return diskimage.Info{Format: "qcow2", VirtualBytes: 8 * vmconfig.GiB}, nil
}

// fixture is a wizard in a window of Fyne's test driver; the test is the UI goroutine.
type fixture struct {
	*wizard
	t       *testing.T
	queue   *dispatch.Queue
	service *service
	window  fyne.Window
	made    []bool // one for each call of Created: was it started
	closed  bool
}

// open shows a wizard whose catalogue reads discs with detect.
func open(t *testing.T, detect func(context.Context, string) (guestos.Media, error)) *fixture {
	t.Helper()
	app := test.NewTempApp(t)
	app.Settings().SetTheme(theme.New(theme.Light))
	f := &fixture{t: t, queue: &dispatch.Queue{}, window: app.NewWindow("test")}
	f.service = &service{runner: jobs.NewRunner(), id: uuid.New(), task: func(context.Context, func(jobs.Progress)) error { return nil }}
	f.window.SetOnClosed(func() { f.closed = true })
	f.wizard = newWizard(f.window, Params{
		Dispatch: f.queue, Machines: f.service, Images: f.service, Host: f.service,
		Created: func(id uuid.UUID, started bool) {
			if id != f.service.id {
				t.Errorf("created %v, want %v", id, f.service.id)
			}
			f.made = append(f.made, started)
		},
	}, 0)
	f.wizard.catalogue = func() Catalogue { return systems{detect: detect} }
	f.wizard.open()
	f.settle()
	t.Cleanup(func() {
		f.wizard.close()
		f.service.runner.WaitIdle()
		f.settle()
	})
	return f
}

func (f *fixture) settle() {
	f.t.Helper()
	if !f.queue.Settle(patience) {
		f.t.Fatal("background work does not end")
	}
}

// until drains the queue until cond holds.
func (f *fixture) until(what string, cond func() bool) {
	f.t.Helper()
	if !f.queue.DrainUntil(cond, patience) {
		f.t.Fatalf("never: %s", what)
	}
}

// key presses a key where the focus is, as the GLFW driver does.
func (f *fixture) key(name fyne.KeyName) {
	ev := &fyne.KeyEvent{Name: name}
	if to := f.window.Canvas().Focused(); to != nil {
		to.TypedKey(ev)
	} else {
		f.window.Canvas().OnTypedKey()(ev)
	}
	f.queue.Drain()
}

// alt presses a combination with Alt where the focus is.
func (f *fixture) alt(name fyne.KeyName) {
	s := &desktop.CustomShortcut{KeyName: name, Modifier: fyne.KeyModifierAlt}
	if to, ok := f.window.Canvas().Focused().(fyne.Shortcutable); ok {
		to.TypedShortcut(s)
	} else {
		f.window.Canvas().(interface{ TypedShortcut(fyne.Shortcut) }).TypedShortcut(s)
	}
	f.queue.Drain()
}

func (f *fixture) system() *systemPage     { return f.pages[PageSystem].(*systemPage) }
func (f *fixture) hardware() *hardwarePage { return f.pages[PageHardware].(*hardwarePage) }
func (f *fixture) disk() *diskPage         { return f.pages[PageDisk].(*diskPage) }
func (f *fixture) summary() *summaryPage   { return f.pages[PageSummary].(*summaryPage) }

// complete fills in what is needed and goes to the summary.
func (f *fixture) complete() {
	f.t.Helper()
	test.Type(f.system().name, "debian one")
	f.wizard.goTo(PageSummary)
	if f.model.Page() != PageSummary {
		f.t.Fatalf("held at %v: %v", f.model.Page(), f.model.Faults(f.model.Page()))
	}
	f.queue.Drain()
}

// retype replaces what stands in a field.
func retype(e *widgets.Entry, text string) {
	e.TypedShortcut(&fyne.ShortcutSelectAll{})
	e.TypedKey(&fyne.KeyEvent{Name: fyne.KeyBackspace})
	test.Type(e, text)
}

func noDisc(context.Context, string) (guestos.Media, error) {
	return guestos.Media{}, guestos.ErrNotISO
}

func TestKeyboardAlone(t *testing.T) {
	f := open(t, noDisc)
	c := f.window.Canvas()
	var order []fyne.Focusable
	for range 6 {
		order = append(order, c.Focused())
		c.FocusNext()
	}
	want := []fyne.Focusable{f.system().iso, f.system().choose, f.system().name, f.system().picker.search, f.system().picker.older, f.system().picker.list}
	for i := range want {
		if order[i] != want[i] {
			t.Fatalf("Tab %d reaches %T, want %T", i, order[i], want[i])
		}
	}
	c.Focus(f.system().picker.search)
	f.key(fyne.KeyDown) // the list's first system
	if os, _ := f.model.OS(); os != debian {
		t.Fatalf("Down chose %v", os)
	}
	f.key(fyne.KeyReturn)
	if f.model.Page() != PageHardware || c.Focused() != f.hardware().memory.Entry() {
		t.Fatalf("Enter led to %v, focus on %T", f.model.Page(), c.Focused())
	}
	f.alt(fyne.KeyLeft)
	if f.model.Page() != PageSystem {
		t.Fatal("Alt+Left did not go back")
	}
	f.alt(fyne.KeyRight)
	f.key(fyne.KeyReturn)
	if f.model.Page() != PageDisk {
		t.Fatalf("at %v", f.model.Page())
	}
	f.key(fyne.KeyDown) // from "new disk" to "existing file"
	if f.model.Draft().DiskMode != machines.DiskExisting {
		t.Fatalf("the arrow chose %v", f.model.Draft().DiskMode)
	}
	f.key(fyne.KeyUp)
	f.key(fyne.KeyEnter)
	if f.model.Page() != PageSummary {
		t.Fatalf("at %v", f.model.Page())
	}
	f.key(fyne.KeyReturn) // the focus is on Create
	f.until("closed", func() bool { return f.closed })
	if len(f.made) != 1 || f.made[0] || len(f.service.created) != 1 || f.service.created[0].OSID != debian.ID {
		t.Fatalf("created %+v, told %v", f.service.created, f.made)
	}
}

func TestEscapeAsksOnlyWhenSomethingWouldBeLost(t *testing.T) {
	f := open(t, noDisc)
	test.Type(f.system().name, "x")
	f.key(fyne.KeyEscape)
	if f.closed || !f.footer.question.Visible() {
		t.Fatal("closed without a question")
	}
	f.key(fyne.KeyReturn) // the focus is on "Keep editing"
	if f.closed || f.footer.question.Visible() || f.system().name.Text != "x" {
		t.Fatal("Enter did not go on editing")
	}
	f.key(fyne.KeyEscape)
	test.Tap(f.footer.discard)
	if !f.closed {
		t.Fatal("still open")
	}
	f = open(t, noDisc)
	f.key(fyne.KeyEscape)
	if !f.closed {
		t.Fatal("an untouched wizard asks")
	}
}

// TestTyping types values of reliability rows 77 to 90 into the real fields.
func TestTyping(t *testing.T) {
	f := open(t, noDisc)
	name := f.system().name
	for _, bad := range []string{"a/b", "..", "-rf", "a\u202eb", "WEB", "  "} {
		name.SetText("")
		test.Type(name, bad)
		if f.system().nameMsg.label.Text == "" || !f.system().nameMsg.box.Visible() {
			t.Errorf("%q shows no fault", bad)
		}
	}
	name.SetText("")
	test.Type(name, "$(id)")
	if f.system().nameMsg.box.Visible() {
		t.Errorf("%q: %s", name.Text, f.system().nameMsg.label.Text)
	}

	f.model.PickOS(debian)
	f.wizard.goTo(PageHardware)
	memory := f.hardware().memory
	for _, bad := range []string{"0", "-5", "1e3", "10,5 GiB", "10", "17 GiB", "٢ GiB"} {
		retype(memory.Entry(), bad)
		if memory.Fault() == "" || f.model.Shown(vmconfig.FieldMemory) == "" {
			t.Errorf("memory %q shows no fault", bad)
		}
		if memory.Entry().Text != bad {
			t.Errorf("the field says %q after typing %q", memory.Entry().Text, bad)
		}
	}
	retype(memory.Entry(), "3 GiB")
	if memory.Fault() != "" || f.model.Draft().MemoryBytes != 3*vmconfig.GiB {
		t.Errorf("3 GiB: %q, %d", memory.Fault(), f.model.Draft().MemoryBytes)
	}
}

func TestPastedFloodIsCut(t *testing.T) {
	f := open(t, noDisc)
	clipboard := fyne.CurrentApp().Clipboard()
	clipboard.SetContent(strings.Repeat("x", 10<<20))
	for _, e := range []fyne.Shortcutable{f.system().name, f.system().picker.search, f.hardware().memory.Entry(), f.disk().path} {
		e.TypedShortcut(&fyne.ShortcutPaste{Clipboard: clipboard})
	}
	f.settle()
	if n := len(f.system().name.Text); n != maxText {
		t.Errorf("the name holds %d bytes", n)
	}
	if n := len(f.hardware().memory.Entry().Text); n != maxText {
		t.Errorf("the memory holds %d bytes", n)
	}
}

func TestRecognisedDisc(t *testing.T) {
	f := open(t, func(_ context.Context, path string) (guestos.Media, error) {
		return guestos.Media{OS: debian, Bootable: true}, nil
	})
	f.window.Canvas().Focus(f.system().iso)
	test.Type(f.system().iso, "/x/debian.iso")
	f.settle()
	p := f.system()
	if p.isoNote.label.Text != "Debian 12 was recognised on this disc." || p.name.Text != "Debian 12" || p.picker.chosen != debian.ID {
		t.Fatalf("note %q, name %q, chosen %q", p.isoNote.label.Text, p.name.Text, p.picker.chosen)
	}
}

// TestLaterDiscWinsOverASlowOne chooses a second disc while the first is still being read.
func TestLaterDiscWinsOverASlowOne(t *testing.T) {
	release := make(chan struct{})
	f := open(t, func(ctx context.Context, path string) (guestos.Media, error) {
		if path == "/x/slow.iso" {
			<-release // deaf to the cancel, as a hanging file server is
			return guestos.Media{OS: ubuntu, Bootable: true}, nil
		}
		return guestos.Media{OS: debian, Bootable: true}, nil
	})
	f.system().iso.SetText("/x/slow.iso")
	f.system().iso.SetText("/x/fast.iso")
	f.until("the second disc is known", func() bool { os, _ := f.model.OS(); return os == debian })
	close(release)
	f.settle()
	if os, _ := f.model.OS(); os != debian || f.system().isoNote.label.Text != "Debian 12 was recognised on this disc." {
		t.Fatalf("system %v, note %q", os, f.system().isoNote.label.Text)
	}
}

func TestDroppedFiles(t *testing.T) {
	f := open(t, func(context.Context, string) (guestos.Media, error) {
		return guestos.Media{OS: ubuntu, Bootable: true}, nil
	})
	f.dropped(fyne.Position{}, []fyne.URI{storage.NewFileURI("/x/ubuntu.iso")})
	f.settle()
	if f.system().iso.Text != "/x/ubuntu.iso" || f.system().name.Text != "Ubuntu 22.04 LTS" {
		t.Fatalf("disc %q, name %q", f.system().iso.Text, f.system().name.Text)
	}
	f.wizard.goTo(PageDisk)
	f.dropped(fyne.Position{}, []fyne.URI{storage.NewFileURI("/d/old.qcow2")})
	f.settle()
	if f.disk().path.Text != "/d/old.qcow2" || !strings.Contains(f.disk().pathMsg.label.Text, "8 GiB") || f.model.Draft().DiskMode != machines.DiskExisting {
		t.Fatalf("disk %q: %q", f.disk().path.Text, f.disk().pathMsg.label.Text)
	}
	f.disk().path.SetText("/d/taken.qcow2")
	f.settle()
	if f.disk().pathMsg.label.Text != "It is the disk of “web”." {
		t.Fatalf("another machine's disk: %q", f.disk().pathMsg.label.Text)
	}
}

func TestNoDiskIsAskedInPlace(t *testing.T) {
	f := open(t, noDisc)
	f.complete()
	f.wizard.goTo(PageDisk)
	f.disk().none.Tapped(nil)
	if f.disk().noneBox.Visible() {
		t.Fatal("asked before Next")
	}
	f.key(fyne.KeyReturn)
	if !f.disk().noneBox.Visible() || f.window.Canvas().Focused() != f.disk().without {
		t.Fatalf("not asked, focus on %T", f.window.Canvas().Focused())
	}
	f.key(fyne.KeyReturn)
	if f.model.Page() != PageSummary {
		t.Fatal("not confirmed")
	}
}

func TestFailureKeepsTheValues(t *testing.T) {
	f := open(t, noDisc)
	f.service.task = func(context.Context, func(jobs.Progress)) error {
		return fmt.Errorf("making /d/x.qcow2: %w", hypervisor.ErrNoSpace)
	}
	f.complete()
	before := f.model.Draft()
	f.key(fyne.KeyReturn)
	f.until("failed", func() bool { return f.wizard.creation == nil && f.failure != nil })
	box := f.summary().failure
	if f.closed || len(f.made) != 0 || !box.box.Visible() || !strings.Contains(box.detail.Text, "/d/x.qcow2") {
		t.Fatalf("closed %v, told %v, detail %q", f.closed, f.made, box.detail.Text)
	}
	if f.model.Draft() != before || f.model.Page() != PageSummary {
		t.Fatalf("%+v, want %+v", f.model.Draft(), before)
	}
	f.service.task = func(context.Context, func(jobs.Progress)) error { return nil }
	f.key(fyne.KeyReturn)
	f.until("closed", func() bool { return f.closed })
	if len(f.service.created) != 2 || f.service.created[1] != before || len(f.made) != 1 {
		t.Fatalf("the second attempt: %+v", f.service.created)
	}
}

func TestCancelWhileCreating(t *testing.T) {
	f := open(t, noDisc)
	undone := false
	f.service.task = func(ctx context.Context, report func(jobs.Progress)) error {
		report(jobs.Progress{Fraction: 0.5, Text: "Making the disk"})
		<-ctx.Done()
		undone = true
		return ctx.Err()
	}
	f.complete()
	f.key(fyne.KeyReturn)
	f.until("half done", func() bool { return f.progress.bar.Value == 0.5 && f.progress.bar.Visible() })
	if f.progress.step.Text != "Making the disk" || f.footer.box.Visible() {
		t.Fatalf("shows %q", f.progress.step.Text)
	}
	f.key(fyne.KeyReturn) // must not start a second machine
	f.key(fyne.KeyEscape)
	f.until("cancelled", func() bool { return f.wizard.creation == nil })
	if f.closed || f.failure != nil || !undone || len(f.service.created) != 1 || f.model.Page() != PageSummary {
		t.Fatalf("closed %v, failure %v, created %d", f.closed, f.failure, len(f.service.created))
	}
	f.key(fyne.KeyReturn)
	f.until("running again", func() bool { return f.wizard.creation != nil && f.wizard.creation.job != nil })
	f.closeAsked()
	f.until("closed", func() bool { return f.closed })
	if len(f.made) != 0 {
		t.Fatal("told of a machine that was undone")
	}
}

func TestRefusalLeadsToTheField(t *testing.T) {
	f := open(t, noDisc)
	f.complete()
	f.service.faults = vmconfig.Faults{{Field: vmconfig.FieldDiskSize, Message: "The folder cannot be written."}}
	f.key(fyne.KeyReturn)
	f.settle()
	if f.model.Page() != PageDisk || f.disk().size.Fault() != "The folder cannot be written." || f.window.Canvas().Focused() != f.disk().size.Entry() {
		t.Fatalf("at %v, %q, focus on %T", f.model.Page(), f.disk().size.Fault(), f.window.Canvas().Focused())
	}
	if len(f.service.created) != 0 {
		t.Fatal("created nevertheless")
	}
}

func TestSummaryLinks(t *testing.T) {
	f := open(t, noDisc)
	f.complete()
	f.edit(PageHardware, vmconfig.FieldCPUs)
	f.queue.Drain()
	if f.model.Page() != PageHardware || f.window.Canvas().Focused() != f.hardware().cpus.Entry() {
		t.Fatalf("at %v, focus on %T", f.model.Page(), f.window.Canvas().Focused())
	}
	f.hardware().cpus.Entry().SetText("3")
	f.key(fyne.KeyReturn)
	if f.model.Page() != PageSummary {
		t.Fatalf("Enter led to %v", f.model.Page())
	}
	found := false
	for _, r := range f.summary().rows {
		found = found || r.value.Text() == "3 processors"
	}
	if !found {
		t.Fatal("the summary does not follow")
	}
}

func TestHostThatDoesNotAnswer(t *testing.T) {
	app := test.NewTempApp(t)
	app.Settings().SetTheme(theme.New(theme.Dark))
	h := readHost(t.Context(), deaf{&service{}}, nil)
	if h.Known || h.Problem == "" || h.NoUEFI != "" {
		t.Fatalf("%+v", h)
	}
	m := filled()
	m.SetHost(h)
	if _, ok := m.GoTo(PageSummary); !ok {
		t.Fatal("unknown limits hold the user")
	}
}

// deaf is a service whose host is gone.
type deaf struct{ *service }

func (deaf) Limits(context.Context) (vmconfig.Limits, error) {
	return vmconfig.Limits{}, errors.Join(hypervisor.ErrDisconnected)
}

// TestSpaceOnNextIsNotTyped presses Next with the space bar, which arrives as a key and then as a character.
func TestSpaceOnNextIsNotTyped(t *testing.T) {
	f := open(t, noDisc)
	test.Type(f.system().name, "debian one")
	f.window.Canvas().Focus(f.footer.next)
	f.footer.next.TypedKey(&fyne.KeyEvent{Name: fyne.KeySpace})
	if to := f.window.Canvas().Focused(); to != nil {
		to.TypedRune(' ')
	}
	f.queue.Drain()
	entry := f.hardware().memory.Entry()
	if f.model.Page() != PageHardware || f.window.Canvas().Focused() != entry || entry.Text != "2 GiB" {
		t.Fatalf("at %v, focus on %T, memory %q", f.model.Page(), f.window.Canvas().Focused(), entry.Text)
	}
}

// preferences stands for the settings file.
type preferences struct {
	mu    sync.Mutex
	value settings.Settings
}

func (p *preferences) Get() settings.Settings {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.value
}

func (p *preferences) Update(change func(*settings.Settings)) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	change(&p.value)
	return nil
}

func TestFolderOfTheLastDiscIsRemembered(t *testing.T) {
	f := open(t, noDisc)
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "a.iso"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	prefs := &preferences{value: settings.Settings{LastFolder: dir}}
	f.wizard.p.Settings = prefs
	test.Tap(f.system().choose)
	f.settle()
	f.key(fyne.KeyReturn) // the only file of the remembered folder
	f.settle()
	if f.system().iso.Text != filepath.Join(dir, "a.iso") {
		t.Fatalf("chosen %q", f.system().iso.Text)
	}
	prefs.value.LastFolder = ""
	f.dropped(fyne.Position{}, []fyne.URI{storage.NewFileURI("/elsewhere/b.iso")})
	f.settle()
	if prefs.Get().LastFolder != "/elsewhere" {
		t.Fatalf("remembered %q", prefs.Get().LastFolder)
	}
}
