// Package wizard is the window that makes a new machine: name and system, hardware, disk, summary.
//
// Model holds what was entered and what is wrong with it, and knows no toolkit; the pages show it. Whatever waits
// (reading discs, inspecting images, asking the host, creating) runs through ui/dispatch.
package wizard

import (
	"context"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/layout"
	"fyne.io/fyne/v2/widget"
	"github.com/google/uuid"

	"guesthouse/app/settings"
	"guesthouse/ui/dispatch"
	"guesthouse/ui/lang"
	"guesthouse/ui/theme"
	"guesthouse/ui/widgets"
	"guesthouse/vmconfig"
	"guesthouse/vmconfig/guestos"
)

// Params is what the wizard works with.
type Params struct {
	Dispatch dispatch.Dispatcher
	Machines Machines
	// Guests returns the catalogue of systems. It may load it, so it is called in the background.
	Guests func() *guestos.Catalogue
	// Images inspects existing disk images; without it only the machine service's check is made.
	Images Images
	// Host lists the firmwares; without it UEFI is offered and the check before Create decides.
	Host Firmwares
	// Settings remembers the folder of the last file; it may be nil.
	Settings Settings
	// Created is called on the UI goroutine when the machine exists and the wizard is closed; started tells whether it was started.
	Created func(id uuid.UUID, started bool)
}

// Settings is what the wizard needs of the preferences (app/settings). Update writes a file and is called in the background.
type Settings interface {
	Get() settings.Settings
	Update(change func(*settings.Settings)) error
}

// Size of the window when it opens; it fits a screen of 1024 × 600.
const (
	windowWidth  float32 = 900
	windowHeight float32 = 560
	railWidth    float32 = 200
)

// typingPause is how long a typed path must stand before its file is read.
const typingPause = 250 * time.Millisecond

// page is the view of one Page.
type page interface {
	object() fyne.CanvasObject
	show(m *Model)
	// focus returns the widget of a field; the page's first one for a field that it does not have.
	focus(f vmconfig.Field) fyne.Focusable
}

// wizard is the window. It lives on the UI goroutine.
type wizard struct {
	p         Params
	catalogue func() Catalogue
	pause     time.Duration
	win       fyne.Window
	model     *Model
	keys      *keys

	rail     *rail
	pages    [pageCount]page
	content  *fyne.Container
	footer   *footer
	progress *progress

	readDisc, readFile reading
	creation           *creation // nil unless a machine is being created
	failure            *failure  // what the last attempt ended with, nil for nothing
	showing            bool      // the view is being filled: change events are not the user's
	fromSummary        bool      // the page was reached from its link in the summary: Enter leads back there
	closed             bool
}

// reading is the background work on one file; a newer one cancels it.
type reading struct {
	seq    int
	cancel func()
}

// replace cancels the work for an older choice. It reports false when seq is the choice that it works on already.
func (r *reading) replace(seq int) bool {
	if r.seq == seq {
		return false
	}
	r.seq = seq
	if r.cancel != nil {
		r.cancel()
		r.cancel = nil
	}
	return true
}

// Show opens the wizard in a window of its own. It must be called on the UI goroutine.
func Show(app fyne.App, p Params) fyne.Window {
	w := newWizard(app.NewWindow(lang.L("New machine")), p, typingPause)
	w.open()
	return w.win
}

func newWizard(win fyne.Window, p Params, pause time.Duration) *wizard {
	w := &wizard{p: p, win: win, pause: pause}
	w.catalogue = func() Catalogue {
		if p.Guests != nil {
			if c := p.Guests(); c != nil {
				return c
			}
		}
		return nil
	}
	w.model = NewModel(p.Machines.NewDraft, w.takenNames())
	w.keys = &keys{next: w.unlessModal(w.next), cancel: w.unlessModal(w.askCancel), back: w.unlessModal(w.back), forward: w.unlessModal(w.next)}
	w.rail = newRail(w.goTo)
	w.footer = newFooter(w)
	w.progress = newProgress(w)
	w.pages = [pageCount]page{newSystemPage(w), newHardwarePage(w), newDiskPage(w), newSummaryPage(w)}
	w.content = container.NewStack(w.pages[PageSystem].object())
	return w
}

// unlessModal keeps keys from acting below a dialog.
func (w *wizard) unlessModal(act func()) func() {
	return func() {
		if !widgets.ModalOpen(w.win) {
			act()
		}
	}
}

func (w *wizard) open() {
	title := widget.NewLabel(lang.L("New machine"))
	title.TextStyle.Bold = true
	side := container.NewStack(
		container.NewGridWrap(fyne.NewSize(railWidth, 1)),
		newSurface(theme.ColorSurface, container.New(layout.NewCustomPaddedLayout(theme.Gap4, theme.Gap4, theme.Gap3, theme.Gap3),
			container.NewBorder(container.New(layout.NewCustomPaddedLayout(0, theme.Gap2, 2, 0), title), nil, nil, nil, container.NewVBox(w.rail.box)))))
	body := container.New(layout.NewCustomPaddedLayout(theme.Gap4, theme.Gap2, theme.Gap6, theme.Gap6), w.content)
	w.win.SetPadded(false)
	w.win.SetContent(widgets.WithTooltips(w.p.Dispatch,
		container.NewBorder(nil, nil, side, nil, container.NewBorder(nil, w.footer.box, nil, nil, body))))
	w.win.Resize(fyne.NewSize(windowWidth, windowHeight))
	w.win.CenterOnScreen()
	w.win.SetOnDropped(w.dropped)
	w.win.SetCloseIntercept(w.closeAsked)
	w.keys.install(w.win.Canvas())
	w.show()
	w.focus("")
	w.loadCatalogue()
	w.askHost()
	w.win.Show()
}

// close closes the window for good and drops what still runs for it.
func (w *wizard) close() {
	if w.closed {
		return
	}
	w.closed = true
	w.readDisc.replace(-1)
	w.readFile.replace(-1)
	w.win.Close()
}

// input makes a field's change event: the model takes the text, the view follows.
func (w *wizard) input(set func(string)) func(string) {
	return func(text string) {
		if !w.showing {
			set(text)
			w.show()
		}
	}
}

// show brings the whole view up to date.
func (w *wizard) show() {
	if w.closed || w.showing {
		return
	}
	w.showing = true
	defer func() { w.showing = false }()
	if w.creation == nil { // else the machine that is being made has taken the name itself
		w.model.SetTaken(w.takenNames())
	}
	w.rail.show(w.model)
	view := w.pages[w.model.Page()].object()
	w.pages[w.model.Page()].show(w.model)
	if w.creation != nil {
		view = w.progress.box
		w.progress.show(w.creation)
	}
	if w.content.Objects[0] != view {
		w.content.Objects[0] = view
		w.content.Refresh()
	}
	w.footer.show(w)
}

// focus puts the focus on a field of the page that is shown, after the event that is being handled: a Space that presses Next
// arrives as a key and then as a character, which the next page's first field must not get.
func (w *wizard) focus(f vmconfig.Field) {
	w.win.Canvas().Unfocus()
	page := w.model.Page()
	w.p.Dispatch.Do(func() {
		if w.creation == nil && !w.closed && w.model.Page() == page {
			w.focusNow(f)
		}
	})
}

func (w *wizard) focusNow(f vmconfig.Field) {
	to := w.pages[w.model.Page()].focus(f)
	w.win.Canvas().Focus(to)
	if field, ok := to.(*widgets.Entry); ok && field.Text != "" {
		field.TypedShortcut(&fyne.ShortcutSelectAll{}) // what is typed next replaces the value
	}
}

func (w *wizard) takenNames() []string {
	list := w.p.Machines.Snapshot()
	if list == nil {
		return nil
	}
	names := make([]string, len(list.Machines))
	for i, m := range list.Machines {
		names[i] = m.Name
	}
	return names
}

// next is Enter, Next and, on the last page, Create.
func (w *wizard) next() {
	switch {
	case w.creation != nil:
	case w.footer.asking:
		w.keepEditing()
	case w.model.Page() == PageSummary:
		w.create()
	case w.fromSummary:
		w.goTo(PageSummary)
	default:
		w.goTo(w.model.Page() + 1)
	}
}

func (w *wizard) back() {
	if w.creation == nil && w.model.Page() > PageSystem {
		w.fromSummary = false
		w.goTo(w.model.Page() - 1)
	}
}

// goTo shows a page, or the first one on the way that has faults.
func (w *wizard) goTo(p Page) {
	if w.creation != nil {
		return
	}
	w.footer.asking = false
	first, ok := w.model.GoTo(p)
	w.fromSummary = w.fromSummary && w.model.Page() != PageSummary
	w.show()
	if ok {
		first = ""
	}
	w.focus(first)
}

// edit shows a field, from its link in the summary. Enter then leads back there.
func (w *wizard) edit(p Page, f vmconfig.Field) {
	w.fromSummary = true
	w.goTo(p)
	w.focus(f)
}

// loadCatalogue reads the systems in the background.
func (w *wizard) loadCatalogue() {
	dispatch.Background(w.p.Dispatch, func(context.Context) (Catalogue, error) {
		return w.catalogue(), nil
	}, func(c Catalogue, _ error) {
		if w.closed {
			return
		}
		w.model.SetCatalogue(c)
		w.pages[PageSystem].(*systemPage).picker.setCatalogue(c)
		w.show()
	})
}

// askHost asks for the host's limits and firmwares in the background.
func (w *wizard) askHost() {
	dispatch.Background(w.p.Dispatch, func(ctx context.Context) (Host, error) {
		return readHost(ctx, w.p.Machines, w.p.Host), nil
	}, func(h Host, _ error) {
		if !w.closed {
			w.model.SetHost(h)
			w.show()
		}
	})
}
