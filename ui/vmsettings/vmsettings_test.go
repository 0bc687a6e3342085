package vmsettings

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/test"
	"fyne.io/fyne/v2/widget"
	"github.com/google/uuid"

	"guesthouse/app/machines"
	"guesthouse/hypervisor"
	"guesthouse/ui/dispatch"
	"guesthouse/ui/theme"
	"guesthouse/ui/widgets"
	"guesthouse/vmconfig"
)

const patience = 20 * time.Second

// service serves one machine and records what is applied to it.
type service struct {
	mu      sync.Mutex
	list    []*machines.Machine
	applied []vmconfig.Machine
	err     error
	open    error
}

func (s *service) Snapshot() *machines.Snapshot {
	return &machines.Snapshot{Connected: true, Machines: s.list}
}

func (s *service) Limits(context.Context) (vmconfig.Limits, error) {
	return vmconfig.Limits{MaxCPUs: 64, HostCPUs: 8, HostMemory: 16 * vmconfig.GiB, FreeDisk: 100 * vmconfig.GiB}, nil
}

func (s *service) Edit(_ context.Context, id uuid.UUID) (machines.Edit, error) {
	return machines.Edit{Machine: *s.list[0].Config}, s.open
}

func (s *service) Apply(_ context.Context, _ uuid.UUID, _ machines.Edit, m vmconfig.Machine) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return s.err
	}
	s.applied = append(s.applied, m)
	return nil
}

func (s *service) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.err = err
}

// dialog is the open dialog and its parts.
type dialog struct {
	w       fyne.Window
	q       *dispatch.Queue
	s       *service
	entries []*widgets.Entry
	sliders []*widgets.ZoneSlider
	fields  []*widgets.FormField
	buttons map[string]*widgets.Button
}

func show(t *testing.T, state hypervisor.State) *dialog {
	t.Helper()
	config := &vmconfig.Machine{UUID: uuid.New(), Name: "web", CPUs: 2, MemoryBytes: 2 * vmconfig.GiB, Arch: "x86_64", Notes: "old", Firmware: vmconfig.FirmwareBIOS, Accel: vmconfig.AccelTCG}
	s := &service{list: []*machines.Machine{
		{UUID: config.UUID, Name: "web", State: state, Persistent: true, Config: config},
		{UUID: uuid.New(), Name: "db", State: hypervisor.StateOff, Persistent: true},
	}}
	return openOver(t, s)
}

func openOver(t *testing.T, s *service) *dialog {
	t.Helper()
	app := test.NewTempApp(t)
	app.Settings().SetTheme(theme.New(theme.Dark))
	d := &dialog{q: &dispatch.Queue{}, s: s}
	d.w = test.NewTempWindow(t, nil)
	d.w.SetContent(widgets.WithTooltips(d.q, widgets.NewEntry()))
	d.w.Resize(fyne.NewSize(900, 700))
	Show(d.w, Params{Dispatch: d.q, Machines: s, ID: s.list[0].UUID})
	d.settle(t)
	d.scan()
	return d
}

func (d *dialog) settle(t *testing.T) {
	t.Helper()
	if !d.q.Settle(patience) {
		t.Fatal("background work does not end")
	}
}

// scan finds the parts of the topmost dialog, in their order.
func (d *dialog) scan() {
	d.entries, d.sliders, d.fields, d.buttons = nil, nil, nil, map[string]*widgets.Button{}
	var walk func(fyne.CanvasObject)
	walk = func(o fyne.CanvasObject) {
		switch o := o.(type) {
		case *widgets.Entry:
			d.entries = append(d.entries, o)
			return
		case *widgets.ZoneSlider:
			d.sliders = append(d.sliders, o)
			return
		case *widgets.FormField:
			d.fields = append(d.fields, o)
		case *widgets.Button:
			d.buttons[o.Text()] = o
		}
		switch o := o.(type) {
		case *fyne.Container:
			for _, c := range o.Objects {
				walk(c)
			}
		case *widget.PopUp:
			walk(o.Content)
		case fyne.Widget:
			for _, c := range test.WidgetRenderer(o).Objects() {
				walk(c)
			}
		}
	}
	if top := d.w.Canvas().Overlays().Top(); top != nil {
		walk(top)
	}
}

func TestApply(t *testing.T) {
	d := show(t, hypervisor.StateOff)
	name, notes := d.entries[0], d.entries[1]
	memory, cpus := d.sliders[0], d.sliders[1]
	if name.Text != "web" || notes.Text != "old" || memory.Value() != 2*vmconfig.GiB || cpus.Value() != 2 {
		t.Fatalf("shown: %q, %q, %d, %d", name.Text, notes.Text, memory.Value(), cpus.Value())
	}
	name.SetText("mail")
	notes.SetText("new <b>notes</b> & more")
	memory.Entry().SetText("3 GiB")
	cpus.Entry().SetText("4")
	test.Tap(d.buttons["Apply"])
	d.settle(t)
	if len(d.s.applied) != 1 {
		t.Fatalf("applied %d times", len(d.s.applied))
	}
	got := d.s.applied[0]
	if got.Name != "mail" || got.Notes != "new <b>notes</b> & more" || got.MemoryBytes != 3*vmconfig.GiB || got.CPUs != 4 {
		t.Errorf("applied %+v", got)
	}
	if widgets.ModalOpen(d.w) {
		t.Error("the dialog stays open")
	}
}

func TestNothingChangedAppliesNothing(t *testing.T) {
	d := show(t, hypervisor.StateOff)
	test.Tap(d.buttons["Apply"])
	d.settle(t)
	if len(d.s.applied) != 0 || widgets.ModalOpen(d.w) {
		t.Errorf("applied %d times, open %v", len(d.s.applied), widgets.ModalOpen(d.w))
	}
}

func TestFaultsStandAtTheirFields(t *testing.T) {
	d := show(t, hypervisor.StateOff)
	d.entries[0].SetText("db")
	d.sliders[0].Entry().SetText("3")   // no unit
	d.sliders[1].Entry().SetText("900") // more than the hypervisor has
	if d.fields[0].Fault() == "" || d.sliders[0].Fault() == "" || d.sliders[1].Fault() == "" {
		t.Errorf("faults: %q, %q, %q; want all three", d.fields[0].Fault(), d.sliders[0].Fault(), d.sliders[1].Fault())
	}
	if reason, off := d.buttons["Apply"].Disabled(); !off || reason == "" {
		t.Error("Apply is enabled with faults")
	}
	test.Tap(d.buttons["Apply"])
	d.settle(t)
	if len(d.s.applied) != 0 {
		t.Error("faults were applied")
	}
	d.entries[0].SetText("mail")
	d.sliders[0].Entry().SetText("3GiB")
	d.sliders[1].Entry().SetText("3")
	if _, off := d.buttons["Apply"].Disabled(); off || d.fields[0].Fault() != "" {
		t.Error("Apply stays disabled after the faults are mended")
	}
}

func TestRefusedChangeKeepsWhatWasTyped(t *testing.T) {
	d := show(t, hypervisor.StateOff)
	d.s.fail(machines.ErrChangedBehind)
	d.entries[1].SetText("new")
	test.Tap(d.buttons["Apply"])
	d.settle(t)
	if !widgets.ModalOpen(d.w) || d.entries[1].Text != "new" {
		t.Fatal("the dialog closed on an error")
	}
	d.s.fail(vmconfig.Faults{{Field: vmconfig.FieldName, Message: "The name is in use."}})
	test.Tap(d.buttons["Apply"])
	d.settle(t)
	if !strings.Contains(d.fields[0].Fault(), "in use") {
		t.Errorf("the service's fault is not at its field: %q", d.fields[0].Fault())
	}
	d.s.fail(nil)
	test.Tap(d.buttons["Apply"])
	d.settle(t)
	if len(d.s.applied) != 1 || widgets.ModalOpen(d.w) {
		t.Error("a second try does not work")
	}
}

func TestRunningMachine(t *testing.T) {
	d := show(t, hypervisor.StateRunning)
	if !d.entries[0].Disabled() {
		t.Error("a running machine's name can be typed")
	}
	d.entries[1].SetText("new")
	test.Tap(d.buttons["Apply"])
	d.settle(t)
	if len(d.s.applied) != 1 || d.s.applied[0].Name != "web" {
		t.Errorf("applied %v", d.s.applied)
	}
}

// TestCheckpointBefore: changed settings are applied after what comes before them, and when that fails only if the user says so.
func TestCheckpointBefore(t *testing.T) {
	d := show(t, hypervisor.StateOff)
	test.Tap(d.buttons["Cancel"])
	var order []string
	var fails error
	before := func(context.Context) error {
		order = append(order, "before")
		return fails
	}
	change := func() {
		Show(d.w, Params{Dispatch: d.q, Machines: d.s, ID: d.s.list[0].UUID, Before: before})
		d.settle(t)
		d.scan()
		d.entries[1].SetText("new")
		test.Tap(d.buttons["Apply"])
		d.settle(t)
	}
	change()
	if len(order) != 1 || len(d.s.applied) != 1 || widgets.ModalOpen(d.w) {
		t.Fatalf("before: %v, applied %v", order, d.s.applied)
	}
	fails = hypervisor.ErrNoSpace
	change()
	if len(order) != 2 || len(d.s.applied) != 1 || !widgets.ModalOpen(d.w) {
		t.Fatalf("the checkpoint failed: before %v, applied %v", order, d.s.applied)
	}
	d.scan()
	test.Tap(d.buttons["Apply without a checkpoint"])
	d.settle(t)
	if len(order) != 2 || len(d.s.applied) != 2 || widgets.ModalOpen(d.w) {
		t.Errorf("then: before %v, applied %v", order, d.s.applied)
	}
}

func TestMachineThatCannotBeRead(t *testing.T) {
	d := show(t, hypervisor.StateOff)
	test.Tap(d.buttons["Cancel"])
	d.s.open = hypervisor.ErrDisconnected
	Show(d.w, Params{Dispatch: d.q, Machines: d.s, ID: d.s.list[0].UUID})
	d.settle(t)
	d.scan()
	if d.buttons["Close"] == nil || d.buttons["Apply"] != nil {
		t.Error("no message for a machine that cannot be read")
	}
}
