package labs

import (
	"context"
	"path/filepath"
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/driver/desktop"
	"fyne.io/fyne/v2/layout"
	fynetheme "fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"
	"github.com/google/uuid"

	"guesthouse/app/explain"
	"guesthouse/app/labs"
	"guesthouse/app/settings"
	"guesthouse/ui/activity"
	"guesthouse/ui/dispatch"
	"guesthouse/ui/lang"
	"guesthouse/ui/theme"
	"guesthouse/ui/widgets"
	"guesthouse/vmconfig"
)

// SubmissionsParams is what Submissions is made from.
type SubmissionsParams struct {
	Services
	Window fyne.Window
	// OpenConsole shows the window of a machine.
	OpenConsole func(uuid.UUID)
	// Last reports whether the program ends with this window.
	Last func() bool
}

// Submissions is the window with what students handed in, of one folder. All methods are for the UI goroutine.
type Submissions struct {
	desk
	p SubmissionsParams

	folder  *widgets.Button
	again   *widgets.Button
	open    *widgets.Button
	next    *widgets.Button
	note    *widgets.Button
	export  *widgets.Button
	search  *widgets.Entry
	heading *heading
	list    *submissionList
	nothing *widgets.Text // in place of rows, where the search finds none
	place   *widgets.Text
	count   *widgets.Text
	detail  *widget.Label
	table   fyne.CanvasObject
	body    *fyne.Container
	frame   *fyne.Container
	work    *activity.Area

	dir     string // the folder; empty: none was chosen
	known   string // the folder that all is of
	all     []*entry
	err     error
	loading bool
	rerun   bool // something wants the folder to be read once more
	cancel  func()
	by      column
	down    bool
	opening map[string]bool // submissions of which a machine is being made, by their keys
	page    string
	stops   []func()
	keys    fyne.ShortcutHandler
}

// submissionsKey is the name under which the settings remember the window's size.
const submissionsKey = "submissions"

// NewSubmissions builds the window's content and reads the folder that was listed last, if there was one. The caller shows the window.
func NewSubmissions(p SubmissionsParams) *Submissions {
	w := &Submissions{desk: newDesk(p.Services, p.Window), p: p, cancel: func() {}, opening: map[string]bool{}, by: columnStudent}
	w.list = newSubmissionList(w)
	w.heading = newHeading(w.sortBy)
	w.nothing = widgets.NewText(lang.L("Nothing here that fits"), theme.TextNormal, false, theme.ColorMuted)
	w.place = widgets.NewText("", theme.TextSmall, false, theme.ColorMuted).Elided()
	w.count = widgets.NewText("", theme.TextSmall, false, theme.ColorMuted)
	w.detail = widget.NewLabel("")
	w.detail.Wrapping = fyne.TextWrapWord
	detail := widgets.NewScroll(w.detail)
	detail.SetMinSize(fyne.NewSize(0, 64))
	line := func() fyne.CanvasObject {
		return container.NewStack(widgets.Space(0, 1), widgets.NewPanel(fynetheme.ColorNameSeparator, "", 0))
	}
	top := container.NewVBox(
		container.New(layout.NewCustomPaddedLayout(theme.Gap1, 0, theme.Gap3, theme.Gap3), container.NewBorder(nil, nil, widgets.NewIcon("folder", theme.IconSmall, theme.ColorMuted), w.count, w.place)),
		w.heading.box, line())
	w.table = container.NewBorder(top, container.NewBorder(line(), nil, nil, nil, detail), nil, nil, container.NewStack(w.list, container.NewCenter(w.nothing)))
	w.body = container.NewStack()
	w.work = activity.New(activity.Params{Dispatch: p.Dispatch, Jobs: p.Jobs, ShowError: w.showError, Resized: func() {
		w.frame.Refresh()
		w.list.reveal()
	}})
	w.frame = container.NewBorder(w.newToolbar(), w.work.Box, nil, nil, w.body)
	p.Window.SetTitle(lang.L("Submissions") + " – Guesthouse")
	p.Window.SetPadded(false)
	p.Window.SetContent(widgets.WithTooltips(p.Dispatch, w.frame))
	size := fyne.NewSize(1000, 640)
	if s, ok := w.Settings.Get().Windows[submissionsKey]; ok && s.Width >= 320 && s.Height >= 300 {
		size = fyne.NewSize(s.Width, s.Height)
	}
	p.Window.Resize(size)
	p.Window.SetCloseIntercept(w.Close)
	w.addShortcuts()
	w.heading.set(w.by, w.down)
	w.stops = append(w.stops, p.Jobs.Subscribe(dispatch.Coalesce(p.Dispatch, w.work.Update)),
		p.Machines.Subscribe(dispatch.Coalesce(p.Dispatch, w.chosenChanged)))
	w.work.Update()
	w.dir = w.Settings.Get().Submissions
	w.show()
	w.load()
	return w
}

func (w *Submissions) newToolbar() fyne.CanvasObject {
	w.folder = widgets.NewToolButton("folder", lang.L("Folder"), w.chooseFolder).SetTip(lang.L("Choose the folder in which the submissions are (Ctrl+O)"))
	w.again = widgets.NewToolButton("refresh", lang.L("Refresh"), w.load).SetTip(lang.L("Look again at what is in the folder (F5)"))
	w.open = widgets.NewToolButton("show", lang.L("Open"), w.openChosen)
	w.next = widgets.NewToolButton("start", lang.L("Next"), w.openNext)
	w.note = widgets.NewToolButton("notes", lang.L("Note"), w.editNote)
	w.export = widgets.NewToolButton("copy", lang.L("Export"), w.askExport)
	w.search = widgets.NewEntry()
	w.search.SetPlaceHolder(lang.L("Search (Ctrl+F)"))
	w.search.OnChanged = func(string) { w.arrange() }
	w.search.OnKey = w.searchKey
	w.search.OnShortcut = func(s fyne.Shortcut) bool { // the window's keys work in the field too
		custom, ok := s.(*desktop.CustomShortcut)
		if ok && len(custom.KeyName) == 1 {
			w.keys.TypedShortcut(s)
		}
		return ok && len(custom.KeyName) == 1
	}
	row := container.New(layout.NewCustomPaddedHBoxLayout(2), w.folder, w.again, widgets.Space(theme.Gap2, 0), w.open, w.next, w.note, widgets.Space(theme.Gap2, 0), w.export)
	search := container.NewCenter(container.NewStack(widgets.Space(230, 0), w.search))
	line := container.NewStack(widgets.Space(0, 1), widgets.NewPanel(fynetheme.ColorNameSeparator, "", 0))
	return container.NewStack(widgets.NewPanel(theme.ColorSurface, "", 0),
		container.NewBorder(nil, line, nil, nil, container.New(layout.NewCustomPaddedLayout(4, 4, theme.Gap2, theme.Gap3), container.NewBorder(nil, nil, row, search))))
}

// searchKey has Down and Enter lead from the search to the rows, and Escape empty it.
func (w *Submissions) searchKey(e *fyne.KeyEvent) bool {
	switch e.Name {
	case fyne.KeyEscape:
		w.search.SetText("")
	case fyne.KeyDown, fyne.KeyReturn, fyne.KeyEnter:
	default:
		return false
	}
	if w.page == pageLabs {
		w.window.Canvas().Focus(w.list)
	}
	return true
}

// addShortcuts makes the window's keys. They do nothing while a dialog or menu is open.
func (w *Submissions) addShortcuts() {
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
	add(fyne.KeyO, w.chooseFolder)
	add(fyne.KeyF, func() { c.Focus(w.search) })
	add(fyne.KeyR, w.load)
	add(fyne.KeyN, func() { press(w.next) })
	add(fyne.KeyE, func() { press(w.export) })
	add(fyne.KeyW, w.Close)
	add(fyne.KeyQ, w.Close)
	c.SetOnTypedKey(w.typed)
}

// press does what a button does, if it can.
func press(b *widgets.Button) {
	if _, off := b.Disabled(); !off {
		b.OnTapped()
	}
}

// typed takes the keys that nothing with the keyboard wants.
func (w *Submissions) typed(e *fyne.KeyEvent) {
	if widgets.ModalOpen(w.window) {
		return
	}
	switch e.Name {
	case fyne.KeyF5:
		w.load()
	case fyne.KeyF2:
		press(w.note)
	case fyne.KeyDown, fyne.KeyUp, fyne.KeyHome, fyne.KeyEnd, fyne.KeyReturn, fyne.KeyEnter:
		switch {
		case w.page != pageLabs && (e.Name == fyne.KeyReturn || e.Name == fyne.KeyEnter) && w.dir == "":
			w.chooseFolder()
		case w.page == pageLabs && w.window.Canvas().Focused() == nil:
			w.window.Canvas().Focus(w.list)
			w.list.TypedKey(e)
		}
	}
}

// Raise brings the window to the front and looks again at the folder.
func (w *Submissions) Raise() {
	w.window.Show()
	w.window.RequestFocus()
	w.load()
}

// Close closes the window, after a question when unfinished work would end with it.
func (w *Submissions) Close() {
	activity.Leave(w.window, w.Jobs, w.p.Last != nil && w.p.Last(), w.closeNow)
}

func (w *Submissions) closeNow() {
	if w.closing {
		return
	}
	w.closing = true
	for _, stop := range w.stops {
		stop()
	}
	w.cancel()
	size := w.window.Canvas().Size()
	dispatch.Run(w.Dispatch, func(context.Context) error {
		return w.Settings.Update(func(s *settings.Settings) {
			s.Windows[submissionsKey] = settings.WindowSize{Width: size.Width, Height: size.Height}
		})
	}, func(error) { w.window.Close() }) // a size that cannot be remembered is no reason to stay open
}

// chooseFolder asks in which folder the submissions are.
func (w *Submissions) chooseFolder() {
	folder := w.dir
	if folder == "" {
		folder = w.Settings.Get().LastFolder
	}
	query := widgets.FileQuery{
		Title: lang.L("Choose the folder with the submissions"), Folder: folder, Suffixes: []string{".lab"}, Open: lang.L("Open"), TakeFolder: lang.L("Use this folder"),
	}
	widgets.ChooseFile(w.window, w.Dispatch, query, func(path string) {
		if filepath.Ext(path) == ".lab" { // a submission stands for the folder that it is in
			path = filepath.Dir(path)
		}
		w.setFolder(path)
	})
}

// setFolder lists another folder.
func (w *Submissions) setFolder(dir string) {
	w.dir = dir
	dispatch.Run(w.Dispatch, func(context.Context) error {
		return w.Settings.Update(func(s *settings.Settings) { s.Submissions = dir })
	}, nil) // not worth a word when it fails
	w.load()
}

// load reads the folder, in a job, and shows it.
func (w *Submissions) load() {
	if w.closing || w.dir == "" {
		return
	}
	if w.loading {
		w.rerun = true
		return
	}
	type read struct {
		list  []labs.Received
		marks map[string]labs.Mark
	}
	w.loading, w.rerun = true, false
	dir := w.dir
	var list []labs.Received // written on the job's goroutine before it ends
	job := w.Labs.ListSubmissions(dir, func(l []labs.Received) { list = l })
	w.cancel = dispatch.Background(w.Dispatch, func(ctx context.Context) (r read, err error) {
		if err = job.Wait(ctx); err == nil {
			r.list = list
			r.marks, err = w.Library.Marks()
		}
		return r, err
	}, func(r read, err error) {
		w.loading = false
		w.Jobs.Dismiss(job.Status().ID) // the table says it
		if w.closing {
			job.Cancel()
			return
		}
		if w.rerun || dir != w.dir {
			w.load()
			return
		}
		w.err, w.known = err, dir
		w.fill(r.list, r.marks)
	})
	w.show()
}

// fill takes over what was read. What was chosen stays so.
func (w *Submissions) fill(list []labs.Received, marks map[string]labs.Mark) {
	chosen := ""
	if w.list.chosen != nil {
		chosen = w.list.chosen.File
	}
	w.all, w.list.chosen = nil, nil
	for _, r := range list {
		e := newEntry(r, marks[r.MarkKey()])
		w.all = append(w.all, e)
		if e.File == chosen {
			w.list.chosen = e
		}
	}
	w.show() // before there is a row to be scrolled to
	w.arrange()
	if w.page == pageLabs && w.window.Canvas().Focused() == nil && !widgets.ModalOpen(w.window) {
		w.window.Canvas().Focus(w.list)
	}
}

// sortBy sorts by a column, or the other way round.
func (w *Submissions) sortBy(by column) {
	w.down = by == w.by && !w.down
	w.by = by
	w.heading.set(w.by, w.down)
	w.arrange()
}

// arrange sorts and searches.
func (w *Submissions) arrange() {
	w.list.set(sorted(w.all, w.search.Text, w.by, w.down))
	show(w.nothing, len(w.list.shown) == 0)
	text := lang.N("%d submission", "%d submissions", len(w.all), len(w.all))
	if len(w.list.shown) != len(w.all) {
		text = lang.F("%d of %s", len(w.list.shown), text)
	}
	look := 0
	for _, e := range w.all {
		switch e.State {
		case labs.SubmissionDamaged, labs.SubmissionOtherKey, labs.SubmissionReplay, labs.SubmissionOtherLab:
			look++
		}
	}
	if look > 0 {
		text = join(text, lang.N("%d needs a look", "%d need a look", look, look))
	}
	w.count.SetText(text)
	w.place.SetText(vmconfig.Inert(w.dir, 500))
}

// show brings the page up to date.
func (w *Submissions) show() {
	if w.closing {
		return
	}
	page := pageLabs
	switch {
	case w.dir == "":
		page = pageNone
	case w.known != w.dir:
		page = pageReading
	case w.err != nil:
		page = pageFailed
	case len(w.all) == 0:
		page = pageEmpty
	}
	before := w.page
	w.page = page
	w.chosenChanged()
	if page == before && page != pageFailed && page != pageEmpty {
		return
	}
	choose := func(style widgets.Style) *widgets.Button {
		return widgets.NewButton("folder", lang.L("Choose a folder…"), style, w.chooseFolder)
	}
	var content fyne.CanvasObject
	switch page {
	case pageNone:
		content = widgets.EmptyPage(widgets.NewIcon("folder", 64, fynetheme.ColorNamePrimary), lang.L("What did your students hand in?"),
			lang.L("Put their files into one folder, however they came to you, and choose it here."), choose(widgets.StylePrimary))
	case pageReading:
		content = widgets.EmptyPage(widgets.NewIcon("folder", 56, theme.ColorMuted), lang.L("Reading…"), vmconfig.Inert(w.dir, 200))
	case pageFailed:
		e := explain.Explain(w.err)
		content = widgets.EmptyPage(widgets.NewIcon("warning", 56, fynetheme.ColorNameWarning), lang.L("The folder cannot be read"), lang.L(e.Summary)+" "+lang.L(e.Remedy),
			widgets.NewButton("refresh", lang.L("Try again"), widgets.StylePlain, w.load), choose(widgets.StylePlain))
	case pageEmpty:
		content = widgets.EmptyPage(widgets.NewIcon("folder", 56, theme.ColorMuted), lang.L("No submissions here"),
			lang.F("In %s is no file that ends in %s.", vmconfig.Inert(w.dir, 200), labs.SubmissionSuffix), choose(widgets.StylePlain),
			widgets.NewButton("refresh", lang.L("Refresh"), widgets.StylePlain, w.load))
	default:
		content = w.table
	}
	w.body.Objects = []fyne.CanvasObject{content}
	w.body.Refresh()
}

// inertLines is a text of several lines of which none acts.
func inertLines(text string) string {
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		lines[i] = vmconfig.Inert(line, labs.MaxNoteBytes)
	}
	return strings.Join(lines, "\n")
}

// pageNone says that no folder was chosen yet.
const pageNone = "none"

// chosenChanged brings the buttons and the detail up to date with the chosen row.
func (w *Submissions) chosenChanged() {
	if w.closing {
		return
	}
	e, listed := w.list.chosen, w.page == pageLabs
	first := lang.L("Choose a submission first.")
	w.again.SetEnabled(w.dir != "", lang.L("Choose a folder first."))
	w.export.SetEnabled(len(w.all) > 0 && listed, lang.L("There are no submissions to be written."))
	w.export.SetTip(lang.L("Write the list to a file for a spreadsheet (Ctrl+E)"))
	w.note.SetEnabled(e != nil && listed, first)
	w.note.SetTip(lang.L("Write down what you think of it; it stays on this computer (F2)"))
	reason := first
	if e != nil && listed {
		reason = w.reasonOf(e)
	}
	w.open.SetEnabled(reason == "", reason)
	w.open.SetTip(lang.L("Make a machine of it, without any network, and show it (Enter)"))
	if e != nil && w.machineOf(e) != uuid.Nil {
		w.open.SetTip(lang.L("Show the machine that was made of it (Enter)"))
	}
	w.next.SetEnabled(w.unopened() != nil && listed, lang.L("All that can be opened was opened."))
	w.next.SetTip(lang.L("Open the next one that was not opened yet; older ones and those that need a look are left out (Ctrl+N)"))
	text := ""
	if e != nil {
		text = join(vmconfig.Inert(e.File, 200), vmconfig.Inert(e.Fingerprint, 100))
		if why := e.reason(); why != "" {
			text += "\n" + why
		}
		if e.mark.Note != "" {
			text += "\n" + lang.F("Note: %s", inertLines(e.mark.Note))
		}
	}
	if text != w.detail.Text {
		w.detail.SetText(text)
	}
}
