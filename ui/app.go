// Package ui builds the windows from what the app gives it and leads from one to the other: the
// feature packages below it know nothing of each other.
package ui

import (
	"context"
	"log/slog"
	"runtime/debug"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/app"
	"github.com/google/uuid"

	"guesthouse/app/checkpoints"
	"guesthouse/app/displays"
	"guesthouse/app/explain"
	"guesthouse/app/jobs"
	"guesthouse/app/labs"
	"guesthouse/app/machines"
	"guesthouse/app/settings"
	"guesthouse/hypervisor"
	"guesthouse/hypervisor/diskimage"
	"guesthouse/ui/console"
	"guesthouse/ui/dispatch"
	labwindows "guesthouse/ui/labs"
	"guesthouse/ui/lang"
	"guesthouse/ui/manager"
	"guesthouse/ui/theme"
	"guesthouse/ui/vmsettings"
	"guesthouse/ui/widgets"
	"guesthouse/ui/wizard"
	"guesthouse/vmconfig/guestos"
)

// AppID names the program to the desktop; the .desktop file has the same name, so that windows find their icon.
const AppID = "org.guesthouse.Guesthouse"

// Params is what the windows work with.
type Params struct {
	Context     context.Context // ends: all windows close
	Machines    *machines.Service
	Checkpoints *checkpoints.Service
	Labs        *labs.Service
	Jobs        *jobs.Runner
	Settings    *settings.Store
	Displays    *displays.Store
	Guests      func() *guestos.Catalogue
	Images      *diskimage.Tool
	Host        hypervisor.Connection
	Log         *slog.Logger
	URI         string
	Version     string
	// Warnings are told one after the other over the first window.
	Warnings []error
	// OnlyConsole opens just the window of this machine, without the manager.
	OnlyConsole uuid.UUID
	// Kiosk shows that window on the whole screen, with only what a lab's user needs.
	Kiosk bool
	// Lab opens the library of labs instead of the manager, which asks whether the lab of this file or link is to be added; empty: none.
	Lab string
	// Raise delivers wishes to bring the manager to the front (empty), or the library with a lab as in Lab. It may be nil.
	Raise <-chan string
}

// windows holds the open windows. It lives on the UI goroutine.
type windows struct {
	p        Params
	app      fyne.App
	dispatch dispatch.Dispatcher
	main     fyne.Window      // nil when the manager is not open
	manager  *manager.Manager // nil when only a console was opened
	consoles map[uuid.UUID]*console.Window
	spare    spare
	ahead    ahead
	opened   func()             // ends the wait of giveBack
	wizard   fyne.Window        // nil when none is open
	labs     *labwindows.Window // nil when the library is not open

	submissions *labwindows.Submissions // nil when they are not open
}

// prepared is what Prepare made; nil: nothing yet.
var prepared fyne.App

// Prepare does what needs no machine and takes long before the first window: it reads the fonts. It must be called on the main goroutine, before
// Run.
func Prepare() {
	prepared = app.NewWithID(AppID)
	prepared.Settings().SetTheme(theme.New(theme.Auto)) // every appearance has the same fonts
	for _, bold := range []bool{false, true} {
		fyne.MeasureText("Guesthouse", theme.TextNormal, fyne.TextStyle{Bold: bold})
	}
}

// Run opens the windows and returns when the last one is closed. It must be called on the main goroutine.
func Run(p Params) error {
	if prepared == nil {
		Prepare()
	}
	a := prepared
	a.SetIcon(theme.AppIcon())
	if err := lang.UseSystem(); err != nil {
		p.Log.Warn("The windows speak English", "err", err)
	}
	a.Settings().SetTheme(theme.New(p.Settings.Get().Appearance))
	w := &windows{p: p, app: a, dispatch: dispatch.Fyne{}, consoles: map[uuid.UUID]*console.Window{}}
	switch {
	case p.OnlyConsole != uuid.Nil:
		w.openConsole(p.OnlyConsole)
	case p.Lab != "":
		w.offerLab(p.Lab)
		w.listenToRaise()
	default:
		w.openManager()
		w.listenToRaise()
	}
	a.Lifecycle().SetOnStarted(func() {
		if open := a.Driver().AllWindows(); len(open) > 0 {
			warn(open[0], p.Warnings)
		}
		dispatch.Rest(p.Context)
	})
	dispatch.Run(w.dispatch, func(context.Context) error { <-p.Context.Done(); return nil }, func(error) { a.Quit() })
	a.Run()
	return nil
}

// warn tells the errors one after the other over a window.
func warn(over fyne.Window, list []error) {
	if len(list) == 0 {
		return
	}
	e := explain.Explain(list[0])
	widgets.ShowError(over, widgets.ErrorText{
		Title: lang.L("A file of Guesthouse cannot be used"), Summary: e.Summary, Remedy: e.Remedy, Detail: e.Detail,
	}).OnClosed = func() { warn(over, list[1:]) }
}

func (w *windows) openManager() {
	w.main = newWindow(w.app, "Guesthouse")
	w.manager = manager.New(manager.Params{
		App: w.app, Window: w.main, Dispatch: w.dispatch,
		Machines: w.p.Machines, Checkpoints: w.p.Checkpoints, Jobs: w.p.Jobs, Settings: w.p.Settings, Screens: w.p.Displays,
		Guests: w.p.Guests, URI: w.p.URI, Version: w.p.Version,
		OpenConsole: w.openConsole, ExpectConsole: w.expectConsole, NewMachine: w.newMachine, OpenSettings: w.openSettings,
		OpenLabs: w.openLabs, PublishLab: w.publishLab,
	})
	w.main.Show()
	stop := hideTips(w.dispatch, w.main)
	w.main.SetOnClosed(func() {
		stop()
		w.main = nil
		w.tidy()
	})
}

// raiseManager brings the manager to the front, and opens it again when it was closed beside a machine's window.
func (w *windows) raiseManager() {
	if w.main == nil {
		w.openManager()
	}
	w.main.Show()
	w.main.RequestFocus()
}

// listenToRaise brings the manager, or the library with a lab, to the front when the program is started a second time.
func (w *windows) listenToRaise() {
	if w.p.Raise == nil {
		return
	}
	type wish struct {
		lab  string
		more bool
	}
	dispatch.Background(w.dispatch, func(context.Context) (wish, error) {
		lab, more := <-w.p.Raise
		return wish{lab, more}, nil
	}, func(got wish, _ error) {
		switch {
		case !got.more:
			return
		case got.lab != "":
			w.offerLab(got.lab)
		default:
			w.raiseManager()
		}
		w.listenToRaise()
	})
}

// openConsole opens the machine's window, or raises the one that is open.
func (w *windows) openConsole(id uuid.UUID) {
	if c := w.consoles[id]; c != nil {
		c.Raise()
		return
	}
	c := w.ahead.take(id)
	if c == nil {
		c = w.newConsole(id)
	}
	w.consoles[id] = c
	c.Show()
	w.giveBack()
}

// newConsole prepares the machine's window.
func (w *windows) newConsole(id uuid.UUID) *console.Window {
	p := console.Params{
		App: w.app, Dispatch: w.dispatch, ID: id,
		Machines: w.p.Machines, Checkpoints: w.p.Checkpoints, Jobs: w.p.Jobs, Settings: w.p.Settings,
		Displays: w.p.Displays, ConfirmClose: true, Task: w.p.Labs.Text, HandIn: w.handIn,
		Window: w.spare.take(w.app),
		Left:   func(win fyne.Window, shown bool) { w.spare.put(w.dispatch, win, shown, w.wanted()) },
		Closed: func() {
			delete(w.consoles, id)
			w.ahead.closed(id)
			w.tidy()
		},
	}
	p.Monitor = monitor
	if w.p.Kiosk {
		p.Kiosk = &console.Kiosk{Reset: func() *jobs.Job { return w.p.Labs.Reset(id, labs.ResetOptions{PowerOff: true}) }}
	}
	return console.Prepare(p)
}

// settleTime is how long after it was opened a window has everything that it shows at first.
const settleTime = 3 * time.Second

// giveBack returns to the system what the opening of a window needed for a moment: drawings, fonts, settings. By itself the language keeps as much
// memory in hand as it uses.
func (w *windows) giveBack() {
	if w.opened != nil {
		w.opened()
	}
	w.opened = dispatch.After(w.dispatch, settleTime, func() {
		dispatch.Run(w.dispatch, func(context.Context) error {
			debug.FreeOSMemory()
			return nil
		}, nil)
	})
}

// wanted reports whether the user still sees a window.
func (w *windows) wanted() bool {
	return w.main != nil || w.wizard != nil || w.labs != nil || w.submissions != nil || len(w.consoles) > 0
}

// tidy gives up what would keep the program running without a window to be seen.
func (w *windows) tidy() {
	if !w.wanted() {
		w.ahead.drop()
		w.spare.drop()
		if w.spare.unmade != nil { // the toolkit waits for it
			w.app.Quit()
		}
	}
}

// newMachine opens the wizard, or raises the one that is open.
func (w *windows) newMachine() {
	if w.wizard != nil {
		w.wizard.Show()
		w.wizard.RequestFocus()
		return
	}
	p := wizard.Params{
		Dispatch: w.dispatch, Machines: w.p.Machines, Guests: w.p.Guests, Host: w.p.Host, Settings: w.p.Settings,
		Created: func(id uuid.UUID, started bool) {
			w.manager.Select(id)
			if started {
				w.openConsole(id)
			}
		},
	}
	if w.p.Images != nil { // a nil pointer would make an interface that is not nil
		p.Images = w.p.Images
	}
	w.wizard = wizard.Show(w.app, p)
	stop := hideTips(w.dispatch, w.wizard)
	w.wizard.SetOnClosed(func() {
		stop()
		w.wizard = nil
		w.tidy()
	})
}

func (w *windows) openSettings(id uuid.UUID) {
	p := vmsettings.Params{Dispatch: w.dispatch, Machines: w.p.Machines, ID: id}
	if w.p.Settings.Get().SaveFirst {
		p.Before = func(ctx context.Context) error {
			return w.p.Checkpoints.SaveAutomatic(id, checkpoints.UsualKeep).Wait(ctx)
		}
	}
	vmsettings.Show(w.main, p)
}
