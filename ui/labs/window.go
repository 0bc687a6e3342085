// Package labs is the library of labs: a window with a card for each lab on this computer, and the dialogs that add, send and publish labs.
package labs

import (
	"context"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/driver/desktop"
	"fyne.io/fyne/v2/layout"
	fynetheme "fyne.io/fyne/v2/theme"
	"github.com/google/uuid"

	"guesthouse/app/explain"
	"guesthouse/app/jobs"
	"guesthouse/app/labs"
	"guesthouse/app/labs/source"
	"guesthouse/app/machines"
	"guesthouse/app/settings"
	"guesthouse/ui/activity"
	"guesthouse/ui/dispatch"
	"guesthouse/ui/lang"
	"guesthouse/ui/theme"
	"guesthouse/ui/widgets"
	"guesthouse/vmconfig"
	"guesthouse/vmconfig/lab"
)

// Service is what the windows need from labs.Service. Undoable, Outlook and CleanRefusal read files; what starts a job only reads a small file.
type Service interface {
	Launch(id lab.Digest, o labs.LaunchOptions) (*jobs.Job, uuid.UUID)
	Reset(id uuid.UUID, o labs.ResetOptions) *jobs.Job
	UndoReset(id uuid.UUID, o labs.ResetOptions) *jobs.Job
	Undoable(id uuid.UUID) (when time.Time, ok bool)
	Fetch(ref string, o labs.FetchOptions) *jobs.Job
	Send(id lab.Digest, ref string, o labs.SendOptions) *jobs.Job
	Verify(id lab.Digest) *jobs.Job
	Repair(id lab.Digest, ref string, o source.Options) *jobs.Job
	Remove(id lab.Digest) *jobs.Job
	FetchTopology(ref string, o labs.FetchOptions, done func(name string)) *jobs.Job
	LaunchTopology(t *labs.Topology, start bool) *jobs.Job
	ResetTopology(t *labs.Topology, o labs.ResetOptions) *jobs.Job
	UndoResetTopology(t *labs.Topology, o labs.ResetOptions) *jobs.Job
	DeleteTopology(t *labs.Topology) *jobs.Job
	RemoveTopology(name string) *jobs.Job
	PublishMachine(id uuid.UUID, o labs.PublishOptions) *jobs.Job
	CleanRefusal(m *vmconfig.Machine) string
	Outlook(id uuid.UUID) (labs.Outlook, error)
	Submit(id uuid.UUID, o labs.SubmitOptions) *jobs.Job
	ListSubmissions(dir string, done func([]labs.Received)) *jobs.Job
	OpenSubmission(ref string, o labs.OpenOptions) (*jobs.Job, uuid.UUID)
}

// Library is what the windows need from labs.Library. All of it but Subscribe waits for the disk.
type Library interface {
	Images() ([]labs.Image, error)
	Topologies() ([]labs.Topology, error)
	Subscribe(f func()) (cancel func())
	Teaches(course string) bool
	Student() (string, error)
	Marks() (map[string]labs.Mark, error)
	Mark(ctx context.Context, key string, change func(*labs.Mark)) (labs.Mark, error)
}

// Machines is what the windows need from machines.Service. Snapshot only reads memory.
type Machines interface {
	Snapshot() *machines.Snapshot
	Subscribe(f func()) (cancel func())
	Do(a machines.Action, ids ...uuid.UUID) *jobs.Job
}

// Jobs is what the windows need from jobs.Runner.
type Jobs interface {
	activity.Jobs
	Subscribe(f func()) (cancel func())
}

// Settings is what the windows need from settings.Store. Get only reads memory; Update writes a file.
type Settings interface {
	Get() settings.Settings
	Update(change func(*settings.Settings)) error
}

// Services are what all windows and dialogs of this package work with.
type Services struct {
	Dispatch dispatch.Dispatcher
	Labs     Service
	Library  Library
	Machines Machines
	Jobs     Jobs
	Settings Settings
}

// Params is what a Window is made from.
type Params struct {
	Services
	Window fyne.Window
	// OpenConsole shows the window of a machine, OpenManager the one with all machines.
	OpenConsole func(uuid.UUID)
	OpenManager func()
	// OpenSubmissions shows the window with what students handed in; nil: there is none.
	OpenSubmissions func()
	// Last reports whether the program ends with this window.
	Last func() bool
}

// desk is a window over which dialogs open, with what they work with.
type desk struct {
	Services
	window    fyne.Window
	questions map[*widgets.Modal]bool // jobs wait for their answers
	closing   bool
}

func newDesk(s Services, w fyne.Window) desk {
	return desk{Services: s, window: w, questions: map[*widgets.Modal]bool{}}
}

// Window is the library's. All methods are for the UI goroutine.
type Window struct {
	desk
	p Params

	toolbar  *widgets.Button // adds a lab
	body     *fyne.Container
	grid     *grid
	activity *activity.Area
	frame    *fyne.Container

	known    shelf
	loaded   bool
	loading  bool
	again    bool // something changed while the labs were being read
	cancel   func()
	items    []item
	several  []several
	busy     map[string]bool // entries that are being launched, by their keys
	fresh    string          // key of the entry that was just added and is to be shown; empty: none
	pictures map[string]picture
	offer    *widgets.Modal // the last question of Offer; nil: none yet
	ended    map[int]bool   // jobs whose end was noticed
	page     string
	stops    []func()
	keys     fyne.ShortcutHandler // the window's shortcuts again: a canvas cannot be asked to run one
}

// windowKey is the name under which the settings remember the window's size.
const windowKey = "labs"

// New builds the window's content and starts to follow the library. The caller shows the window.
func New(p Params) *Window {
	w := &Window{
		desk: newDesk(p.Services, p.Window), p: p, busy: map[string]bool{}, pictures: map[string]picture{}, ended: map[int]bool{}, cancel: func() {},
	}
	w.grid = newGrid()
	w.body = container.NewStack()
	w.activity = activity.New(activity.Params{
		Dispatch: p.Dispatch, Jobs: p.Jobs, ShowError: w.showError, Resized: func() { w.frame.Refresh() },
	})
	w.frame = container.NewBorder(w.newToolbar(), w.activity.Box, nil, nil, w.body)
	p.Window.SetTitle(lang.L("Labs") + " – Guesthouse")
	p.Window.SetPadded(false)
	p.Window.SetContent(widgets.WithTooltips(p.Dispatch, w.frame))
	p.Window.Resize(w.rememberedSize())
	p.Window.SetCloseIntercept(w.Close)
	w.addShortcuts()

	inventory := dispatch.Coalesce(p.Dispatch, w.inventoryChanged)
	work := dispatch.Coalesce(p.Dispatch, w.jobsChanged)
	w.stops = append(w.stops, p.Machines.Subscribe(inventory), p.Jobs.Subscribe(work), p.Library.Subscribe(dispatch.Coalesce(p.Dispatch, w.load)))
	w.jobsChanged()
	w.show()
	w.load()
	return w
}

func (w *Window) newToolbar() fyne.CanvasObject {
	w.toolbar = widgets.NewToolButton("new", lang.L("Add"), w.Add).SetTip(lang.L("Add a lab from a file, a folder or the network (Ctrl+N)"))
	again := widgets.NewToolButton("refresh", lang.L("Refresh"), w.load).SetTip(lang.L("Look again at what is in the library (F5)"))
	submissions := widgets.NewToolButton("user", lang.L("Submissions"), w.openSubmissions).SetTip(lang.L("See what students handed in, and open it (Ctrl+U)"))
	show(submissions, w.p.OpenSubmissions != nil)
	machines := widgets.NewToolButton("machine", lang.L("Machines"), w.openManager).SetTip(lang.L("Show the window with all machines (Ctrl+M)"))
	row := container.New(layout.NewCustomPaddedHBoxLayout(2), w.toolbar, again, layout.NewSpacer(), submissions, machines)
	line := container.NewStack(widgets.Space(0, 1), widgets.NewPanel(fynetheme.ColorNameSeparator, "", 0))
	return container.NewStack(widgets.NewPanel(theme.ColorSurface, "", 0),
		container.NewBorder(nil, line, nil, nil, container.New(layout.NewCustomPaddedLayout(4, 4, theme.Gap2, theme.Gap2), row)))
}

// addShortcuts makes the window's keys. They do nothing while a dialog or menu is open.
func (w *Window) addShortcuts() {
	c := w.window.Canvas()
	add := func(key fyne.KeyName, f func()) {
		shortcut, handler := &desktop.CustomShortcut{KeyName: key, Modifier: fyne.KeyModifierControl}, func(fyne.Shortcut) {
			if !widgets.ModalOpen(w.window) {
				f()
			}
		}
		c.AddShortcut(shortcut, handler)
		w.keys.AddShortcut(shortcut, handler)
	}
	add(fyne.KeyN, w.Add)
	add(fyne.KeyM, w.openManager)
	add(fyne.KeyU, w.openSubmissions)
	add(fyne.KeyR, w.load)
	add(fyne.KeyW, w.Close)
	add(fyne.KeyQ, w.Close)
	c.SetOnTypedKey(w.typed)
}

// typed takes the keys that no button has.
func (w *Window) typed(e *fyne.KeyEvent) {
	if widgets.ModalOpen(w.window) {
		return
	}
	enter := e.Name == fyne.KeyReturn || e.Name == fyne.KeyEnter
	switch {
	case e.Name == fyne.KeyF5:
		w.load()
	case enter && w.page == pageEmpty:
		w.Add()
	case enter, e.Name == fyne.KeyRight, e.Name == fyne.KeyDown:
		w.grid.focus(w.window.Canvas(), 0)
	}
}

func (w *Window) openManager() {
	if w.p.OpenManager != nil {
		w.p.OpenManager()
	}
}

func (w *Window) openSubmissions() {
	if w.p.OpenSubmissions != nil {
		w.p.OpenSubmissions()
	}
}

// Window returns the window, over which others may show a dialog.
func (w *Window) Window() fyne.Window { return w.window }

// Raise brings the window to the front and looks again at the library.
func (w *Window) Raise() {
	w.window.Show()
	w.window.RequestFocus()
	w.load()
}

// Close closes the window, after a question when unfinished work would end with it. Machines run on.
func (w *Window) Close() {
	activity.Leave(w.window, w.Jobs, w.p.Last != nil && w.p.Last(), w.closeNow)
}

func (w *Window) closeNow() {
	if w.closing {
		return
	}
	w.closing = true
	for _, stop := range w.stops {
		stop()
	}
	w.cancel()
	for question := range w.questions { // nobody can answer it any more
		question.Close()
	}
	size := w.window.Canvas().Size()
	dispatch.Run(w.Dispatch, func(context.Context) error {
		return w.Settings.Update(func(s *settings.Settings) {
			s.Windows[windowKey] = settings.WindowSize{Width: size.Width, Height: size.Height}
		})
	}, func(error) { w.window.Close() }) // a size that cannot be remembered is no reason to stay open
}

func (w *Window) rememberedSize() fyne.Size {
	if s, ok := w.Settings.Get().Windows[windowKey]; ok && s.Width >= 320 && s.Height >= 300 {
		return fyne.NewSize(s.Width, s.Height)
	}
	return fyne.NewSize(1000, 700)
}

// jobsChanged follows the long work: what it did is in the library when it has ended.
func (w *Window) jobsChanged() {
	w.activity.Update()
	again, ended := false, map[int]bool{}
	for _, s := range w.Jobs.List() {
		if s.State != jobs.Running {
			ended[s.ID] = true
			again = again || !w.ended[s.ID]
		}
	}
	w.ended = ended
	if again {
		w.load()
	}
}

// inventoryChanged follows the machines.
func (w *Window) inventoryChanged() {
	before := w.labMachines()
	w.show()
	if before != w.labMachines() {
		w.load()
	}
}

// labMachines tells one set of machines of labs, with their states, from another.
func (w *Window) labMachines() string {
	text := ""
	for _, m := range w.Machines.Snapshot().Machines {
		if m.Config != nil && m.Config.Lab.ID != "" {
			text += m.UUID.String() + string(m.State) + " "
		}
	}
	return text
}

// The pages of the window's body.
const (
	pageReading = "reading"
	pageEmpty   = "empty"
	pageLabs    = "labs"
	pageFailed  = "failed"
)

// load reads the library in the background and shows it.
func (w *Window) load() {
	if w.closing {
		return
	}
	if w.loading {
		w.again = true
		return
	}
	w.loading, w.again = true, false
	held := w.pictures
	w.cancel = dispatch.Background(w.Dispatch, func(ctx context.Context) (shelf, error) { return readShelf(ctx, w.Services, held) }, func(s shelf, err error) {
		w.loading = false
		if w.closing {
			return
		}
		if err == nil || !w.loaded {
			w.known, w.loaded, w.pictures = s, true, s.pictures
			w.known.err = err
		}
		w.show()
		if w.again {
			w.load()
		}
	})
}

// show brings the window up to date with what is known, touching only what differs.
func (w *Window) show() {
	if w.closing {
		return
	}
	snap, now := w.Machines.Snapshot(), time.Now()
	w.items, w.several = w.known.items(snap, w.busy), w.known.several(snap, w.busy)
	var entries []shelfEntry
	for _, t := range w.several {
		entries = append(entries, w.severalEntry(t, now))
	}
	for _, i := range w.items {
		entries = append(entries, w.entry(i, now))
	}
	page := pageLabs
	switch {
	case !w.loaded:
		page = pageReading
	case w.known.err != nil:
		page = pageFailed
	case len(entries) == 0:
		page = pageEmpty
	}
	w.grid.set(w, entries)
	defer w.showFresh()
	if page == w.page {
		return
	}
	w.page = page
	var content fyne.CanvasObject
	switch page {
	case pageReading:
		content = widgets.EmptyPage(widgets.NewIcon("lab", 56, theme.ColorMuted), lang.L("Reading…"), "")
	case pageFailed:
		e := explain.Explain(w.known.err)
		content = widgets.EmptyPage(widgets.NewIcon("warning", 56, fynetheme.ColorNameWarning), lang.L("The library cannot be read"), lang.L(e.Summary)+" "+lang.L(e.Remedy),
			widgets.NewButton("refresh", lang.L("Try again"), widgets.StylePlain, w.load))
	case pageEmpty:
		content = w.empty()
	default:
		content = w.grid.box
	}
	w.body.Objects = []fyne.CanvasObject{content}
	w.body.Refresh()
}

// showFresh brings the lab that was just added into view, ready to be launched with Enter.
func (w *Window) showFresh() {
	c := w.grid.byKey[w.fresh]
	if c == nil || w.page != pageLabs || widgets.ModalOpen(w.window) {
		return
	}
	w.fresh = ""
	w.window.Canvas().Focus(c.main)
}

// empty tells a student who sees this for the first time what to do.
func (w *Window) empty() fyne.CanvasObject {
	add := widgets.NewButton("new", lang.L("Add a lab…"), widgets.StylePrimary, w.Add)
	steps := container.NewGridWithColumns(3,
		step("new", lang.L("1  Add it"), lang.L("Your teacher gave you a file, a folder on a stick, or an address. That is all you need.")),
		step("start", lang.L("2  Launch it"), lang.L("A machine of your own starts, ready to work in. Nothing that you do in it can harm this computer's system.")),
		step("reset", lang.L("3  Break it, reset it"), lang.L("One click brings it back to its beginning, and for seven days you can take that back.")),
	)
	box := container.New(layout.NewCustomPaddedVBoxLayout(theme.Gap3),
		container.NewCenter(widgets.NewIcon("lab", 72, fynetheme.ColorNamePrimary)),
		container.NewCenter(widgets.NewText(lang.L("No labs yet"), 24, true, fynetheme.ColorNameForeground)),
		container.NewCenter(widgets.NewParagraph(lang.L("A lab is a whole machine that your teacher prepared for a course. Add the first one to begin."), 460, fynetheme.SizeNameText)),
		container.NewCenter(add), widgets.Space(0, theme.Gap1), steps)
	return container.NewCenter(box)
}

func step(icon, title, text string) fyne.CanvasObject {
	head := container.NewHBox(widgets.NewIcon(icon, 20, fynetheme.ColorNamePrimary), widgets.NewText(title, theme.TextNormal, true, fynetheme.ColorNameForeground))
	return widgets.Card(container.NewBorder(head, nil, nil, nil, container.NewStack(widgets.Space(200, 70), smallText(text))))
}

// showError tells about a failed operation, unless the user cancelled it.
func (d *desk) showError(what string, err error) { d.failed(what, err) }

// failed is showError with the dialog that it opened, nil if none.
func (d *desk) failed(what string, err error) *widgets.Modal {
	if err == nil {
		return nil
	}
	e := explain.Explain(err)
	if e.Cancelled {
		return nil
	}
	return widgets.ShowError(d.window, widgets.ErrorText{Title: what, Summary: e.Summary, Remedy: e.Remedy, Detail: e.Detail})
}

// follow waits for a job that the user has just started here. Its failure is told at once, and goes from the list of work when it was read; done, which may be nil, is called
// after it has succeeded. instead, which may be nil, may take care of an error and returns true then.
func (d *desk) follow(job *jobs.Job, failed string, done func(), instead func(error) bool) {
	dispatch.Run(d.Dispatch, job.Wait, func(err error) {
		if err == nil {
			if done != nil {
				done()
			}
			return
		}
		dismiss := func() { d.Jobs.Dismiss(job.Status().ID) }
		if instead != nil && instead(err) {
			dismiss()
			return
		}
		if m := d.failed(failed, err); m != nil {
			m.OnClosed = dismiss
		}
	})
}
