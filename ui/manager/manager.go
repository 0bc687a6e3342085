// Package manager is the main window: the list of machines, what is known about the selected ones, and
// everything that can be done with them. It shows the inventory and hands on what the user wants; the
// work itself is done in app.
package manager

import (
	"context"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/layout"
	"github.com/google/uuid"

	"guesthouse/app/checkpoints"
	"guesthouse/app/displays"
	"guesthouse/app/jobs"
	"guesthouse/app/machines"
	"guesthouse/app/settings"
	"guesthouse/ui/activity"
	"guesthouse/ui/dispatch"
	"guesthouse/ui/theme"
	"guesthouse/ui/widgets"
	"guesthouse/vmconfig/guestos"
)

// Machines is what the window needs from machines.Service. Snapshot only reads memory; whatever takes
// a context may wait and is never called on the UI goroutine.
type Machines interface {
	Snapshot() *machines.Snapshot
	Subscribe(f func()) (cancel func())
	Refresh(ctx context.Context, id uuid.UUID)
	Do(a machines.Action, ids ...uuid.UUID) *jobs.Job
	Rename(ctx context.Context, id uuid.UUID, name string) error
	DeletePlan(ctx context.Context, id uuid.UUID) (machines.DeletePlan, error)
	Delete(id uuid.UUID, keepDisks bool) *jobs.Job
	Screenshot(ctx context.Context, id uuid.UUID) ([]byte, error)
}

// Checkpoints is what the window needs from checkpoints.Service.
type Checkpoints interface {
	Overview(ctx context.Context, id uuid.UUID) (checkpoints.Overview, error)
	Measure(ctx context.Context, id uuid.UUID, o *checkpoints.Overview) error
	NextName(list []checkpoints.Checkpoint) string
	Save(id uuid.UUID, o checkpoints.SaveOptions) *jobs.Job
	Restore(id uuid.UUID, checkpointID string, o checkpoints.RestoreOptions) *jobs.Job
	Describe(ctx context.Context, id uuid.UUID, checkpointID string, o checkpoints.SaveOptions) error
	Trash(id uuid.UUID, gone []checkpoints.Checkpoint) *jobs.Job
	PutBack(id uuid.UUID, back []checkpoints.Checkpoint) *jobs.Job
	EmptyTrash(id uuid.UUID, gone ...string) *jobs.Job
	Spaces(ctx context.Context) ([]checkpoints.Space, error)
	Copy(id uuid.UUID, checkpointID, name string, linked bool) (*jobs.Job, uuid.UUID)
	Subscribe(f func(id uuid.UUID)) (cancel func())
}

// Jobs is what the window needs from jobs.Runner.
type Jobs interface {
	List() []jobs.Status
	Subscribe(f func()) (cancel func())
	Dismiss(id int)
	Cancel(id int)
}

// Settings is what the window needs from settings.Store. Get only reads memory; Update writes a file.
type Settings interface {
	Get() settings.Settings
	Update(change func(*settings.Settings)) error
}

// Screens is what the window needs from displays.Store. Kept only reads memory; Forget writes a file.
type Screens interface {
	Kept() []displays.Kept
	Forget(k displays.Kept) error
}

// Params is what a manager is made from.
type Params struct {
	App         fyne.App
	Window      fyne.Window
	Dispatch    dispatch.Dispatcher
	Machines    Machines
	Checkpoints Checkpoints
	Jobs        Jobs
	Settings    Settings
	Screens     Screens
	// Guests returns the catalogue of operating systems. It may take a moment, is called in the background and may be nil.
	Guests func() *guestos.Catalogue
	// URI of the connection, for the title when it is not the usual one and for messages.
	URI string
	// Version of the program, for the About dialog.
	Version string
	// OpenConsole shows the window of a machine, NewMachine opens the wizard, OpenSettings a machine's settings.
	OpenConsole  func(uuid.UUID)
	NewMachine   func()
	OpenSettings func(uuid.UUID)
	// OpenLabs shows the library of labs, PublishLab asks what lab a machine is to become.
	OpenLabs   func()
	PublishLab func(uuid.UUID)
	// ExpectConsole, if set, hears of a machine whose window the user is about to ask for.
	ExpectConsole func(uuid.UUID)
}

// Manager is the main window. All methods are for the UI goroutine.
type Manager struct {
	p       Params
	window  fyne.Window
	snap    *machines.Snapshot
	byID    map[uuid.UUID]*machines.Machine
	osNames map[string]string // osinfo id to name, filled in the background

	list     *machineList
	search   *widgets.SearchField
	toolbar  *toolbar
	details  *details
	activity *activity.Area
	banner   *banner
	frame    *fyne.Container // toolbar, banner, body and activity
	body     *fyne.Container // the split, or the page that stands in for it
	left     *fyne.Container // search and list
	split    *container.Split
	page     string // which page body shows

	checkpoints checkpointState
	closing     bool
	expecting   func() // ends the wait of expectShow; nil: none
	stops       []func()
	keys        fyne.ShortcutHandler // the window's shortcuts again: a canvas cannot be asked to run one
}

// New builds the window's content and starts to follow the inventory. The caller shows the window.
func New(p Params) *Manager {
	m := &Manager{p: p, window: p.Window, snap: &machines.Snapshot{}, byID: map[uuid.UUID]*machines.Machine{}, osNames: map[string]string{}}
	m.list = newMachineList(m)
	m.search = m.newSearch()
	m.toolbar = newToolbar(m)
	m.details = newDetails(m)
	m.activity = activity.New(activity.Params{
		Dispatch: p.Dispatch, Jobs: p.Jobs, ShowError: m.showError, Resized: func() { m.frame.Refresh() },
		NameOf: m.nameOf, KeepPlace: func() func() { return m.details.keepPlace() },
	})
	m.banner = newBanner(m)

	m.left = container.NewBorder(m.search, nil, nil, nil, m.list)
	m.split = container.NewHSplit(container.NewStack(widgets.NewPanel(theme.ColorSurface, "", 0),
		container.New(layout.NewCustomPaddedLayout(theme.Gap2, theme.Gap2, theme.Gap2, theme.Gap2), m.left)), m.details.box)
	m.split.SetOffset(m.splitOffset())
	m.body = container.NewStack()

	m.frame = container.New(rows{stretch: 2}, m.toolbar.box, m.banner.box, m.body, m.activity.Box)

	p.Window.SetTitle(m.title())
	p.Window.SetPadded(false)
	p.Window.SetContent(widgets.WithTooltips(p.Dispatch, m.frame))
	p.Window.Resize(m.rememberedSize())
	p.Window.SetCloseIntercept(m.Close)
	m.addShortcuts()

	inventory := dispatch.Coalesce(p.Dispatch, m.inventoryChanged)
	work := dispatch.Coalesce(p.Dispatch, m.activity.Update)
	m.stops = append(m.stops, p.Machines.Subscribe(inventory), p.Jobs.Subscribe(work),
		p.Checkpoints.Subscribe(func(id uuid.UUID) { p.Dispatch.Do(func() { m.checkpointsChanged(id) }) }),
		dispatch.Every(p.Dispatch, lookAgain, m.refreshSelected))
	m.inventoryChanged()
	m.activity.Update()
	return m
}

// rows stacks objects without gaps; the one numbered stretch takes what the others leave.
type rows struct{ stretch int }

// MinSize implements fyne.Layout.
func (rows) MinSize(o []fyne.CanvasObject) (size fyne.Size) {
	for _, obj := range o {
		if obj.Visible() {
			least := obj.MinSize()
			size = fyne.NewSize(max(size.Width, least.Width), size.Height+least.Height)
		}
	}
	return size
}

// Layout implements fyne.Layout.
func (r rows) Layout(o []fyne.CanvasObject, size fyne.Size) {
	spare := size.Height - r.MinSize(o).Height
	y := float32(0)
	for i, obj := range o {
		if !obj.Visible() {
			continue
		}
		h := obj.MinSize().Height
		if i == r.stretch {
			h += spare
		}
		obj.Move(fyne.NewPos(0, y))
		obj.Resize(fyne.NewSize(size.Width, h))
		y += h
	}
}

// setShown shows or hides a part, and gives its room to the rest of the container around it.
func setShown(part fyne.CanvasObject, on bool, around *fyne.Container) {
	if part.Visible() == on {
		return
	}
	if on {
		part.Show()
	} else {
		part.Hide()
	}
	around.Refresh()
}

// Select selects the machine with this UUID, also when it is not in the list yet but appears in a moment.
func (m *Manager) Select(id uuid.UUID) { m.list.selectWhenKnown(id) }

// Close remembers the window's size and closes it, after a question when unfinished work would end with it. Machines run on.
func (m *Manager) Close() {
	activity.Leave(m.window, m.p.Jobs, true, m.closeNow)
}

func (m *Manager) closeNow() {
	if m.closing {
		return
	}
	m.closing = true
	for _, stop := range m.stops {
		stop()
	}
	m.details.preview.stop()
	size, offset := m.window.Canvas().Size(), m.split.Offset
	dispatch.Run(m.p.Dispatch, func(context.Context) error {
		return m.p.Settings.Update(func(s *settings.Settings) {
			s.Windows[windowKey] = settings.WindowSize{Width: size.Width, Height: size.Height}
			s.Windows[splitKey] = settings.WindowSize{Width: float32(offset)}
		})
	}, func(error) { m.window.Close() }) // a size that cannot be remembered is no reason to stay open
}

// Names under which the settings remember the window's size, and in its Width the place of the splitter, 0 to 1.
const (
	windowKey = "manager"
	splitKey  = "manager.split"
)

func (m *Manager) rememberedSize() fyne.Size {
	if s, ok := m.p.Settings.Get().Windows[windowKey]; ok && s.Width >= 400 && s.Height >= 300 {
		return fyne.NewSize(s.Width, s.Height)
	}
	return fyne.NewSize(1180, 760)
}

// listWidth is how wide the list is before the user moved the splitter.
const listWidth float32 = 300

func (m *Manager) splitOffset() float64 {
	if s, ok := m.p.Settings.Get().Windows[splitKey]; ok && s.Width > 0.05 && s.Width < 0.95 {
		return float64(s.Width)
	}
	return float64(listWidth / m.rememberedSize().Width)
}

func (m *Manager) title() string {
	if m.p.URI == "" || m.p.URI == "qemu:///session" {
		return "Guesthouse"
	}
	return "Guesthouse – " + m.p.URI
}

// inventoryChanged shows the newest snapshot, touching only what differs.
func (m *Manager) inventoryChanged() {
	m.snap = m.p.Machines.Snapshot()
	m.byID = make(map[uuid.UUID]*machines.Machine, len(m.snap.Machines))
	for _, machine := range m.snap.Machines {
		m.byID[machine.UUID] = machine
	}
	m.banner.update()
	m.showPage()
	m.list.setMachines(m.snap.Machines) // calls selectionChanged when the selection is concerned
	m.readOSNames()
}

// selectionChanged follows the list: another selection, or news about a selected machine.
func (m *Manager) selectionChanged() {
	m.loadCheckpoints(false)
	m.toolbar.update()
	m.details.update()
}

// selected returns the selected machines in the order of the list.
func (m *Manager) selected() []*machines.Machine { return m.list.selection() }

// single returns the selected machine if it is exactly one, else nil.
func (m *Manager) single() *machines.Machine {
	if s := m.selected(); len(s) == 1 {
		return s[0]
	}
	return nil
}

// readOSNames looks up in the background what the operating systems are called.
func (m *Manager) readOSNames() {
	if m.p.Guests == nil {
		return
	}
	var missing []string
	for _, machine := range m.snap.Machines {
		if machine.Config == nil || machine.Config.OSID == "" {
			continue
		}
		if _, known := m.osNames[machine.Config.OSID]; !known {
			m.osNames[machine.Config.OSID] = ""
			missing = append(missing, machine.Config.OSID)
		}
	}
	if len(missing) == 0 {
		return
	}
	dispatch.Background(m.p.Dispatch, func(context.Context) (map[string]string, error) {
		names := map[string]string{}
		if catalogue := m.p.Guests(); catalogue != nil {
			for _, id := range missing {
				if os, ok := catalogue.Find(id); ok {
					names[id] = os.Name
				}
			}
		}
		return names, nil
	}, func(names map[string]string, _ error) {
		for id, name := range names {
			m.osNames[id] = name
		}
		m.details.update()
	})
}
