package ui

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/test"
	"fyne.io/fyne/v2/widget"
	"github.com/google/uuid"

	"guesthouse/app/checkpoints"
	"guesthouse/app/displays"
	"guesthouse/app/jobs"
	"guesthouse/app/machines"
	"guesthouse/app/settings"
	"guesthouse/hypervisor"
	"guesthouse/ui/console"
	"guesthouse/ui/dispatch"
	"guesthouse/ui/theme"
	"guesthouse/ui/widgets"
	"guesthouse/vmconfig/guestos"
)

// patience bounds a wait; it is for hangs.
const patience = 30 * time.Second

// nowhere is a connection that is never asked for more than what its host is.
type nowhere struct{ hypervisor.Connection }

func (nowhere) Host() hypervisor.Host { return hypervisor.Host{CPUs: 2, Local: true} }

func (nowhere) Firmwares(context.Context) ([]hypervisor.Firmware, error) { return nil, nil }

// TestOneWizard asks for a new machine twice, and again after the wizard was closed.
func TestOneWizard(t *testing.T) {
	app := test.NewTempApp(t)
	app.Settings().SetTheme(theme.New(theme.Light))
	queue := &dispatch.Queue{}
	runner := jobs.NewRunner()
	w := &windows{
		app: app, dispatch: queue, consoles: map[uuid.UUID]*console.Window{},
		p: Params{
			Jobs: runner, Host: nowhere{}, Guests: func() *guestos.Catalogue { return nil },
			Machines: machines.New(machines.Params{Conn: nowhere{}, Jobs: runner, DataDir: t.TempDir()}),
		},
	}
	open := func() []fyne.Window { return app.Driver().AllWindows() }
	before := len(open())
	w.newMachine()
	first := w.wizard
	w.newMachine()
	if len(open()) != before+1 || w.wizard != first {
		t.Errorf("%d windows after New was chosen twice", len(open())-before)
	}
	first.Close()
	if w.wizard != nil {
		t.Error("the closed wizard is remembered")
	}
	w.newMachine()
	if len(open()) != before+1 || w.wizard == nil {
		t.Errorf("%d windows after New was chosen again", len(open())-before)
	}
	w.wizard.Close()
	if !queue.Settle(patience) {
		t.Error("background work does not end")
	}
}

// TestManagerOpensAgain starts the program a second time after the manager was closed beside a machine's window.
func TestManagerOpensAgain(t *testing.T) {
	app := test.NewTempApp(t)
	app.Settings().SetTheme(theme.New(theme.Light))
	store, err := settings.Load(filepath.Join(t.TempDir(), "settings.json"))
	if err != nil {
		t.Fatal(err)
	}
	queue := &dispatch.Queue{}
	runner := jobs.NewRunner()
	service := machines.New(machines.Params{Conn: nowhere{}, Jobs: runner, DataDir: t.TempDir()})
	w := &windows{
		app: app, dispatch: queue, consoles: map[uuid.UUID]*console.Window{},
		p: Params{
			Jobs: runner, Host: nowhere{}, Guests: func() *guestos.Catalogue { return nil }, Settings: store, Machines: service,
			Checkpoints: checkpoints.New(checkpoints.Params{Conn: nowhere{}, Machines: service, Jobs: runner, DataDir: t.TempDir()}),
		},
	}
	w.openManager()
	first := w.main
	w.raiseManager()
	if w.main != first {
		t.Error("an open manager is opened again")
	}
	w.manager.Close()
	if !queue.Settle(patience) || w.main != nil {
		t.Fatal("the manager does not close")
	}
	w.raiseManager()
	if w.main == nil || w.main == first {
		t.Fatal("the closed manager does not open again")
	}
	w.manager.Close()
	if !queue.Settle(patience) {
		t.Error("background work does not end")
	}
}

// TestWarningsOneAfterTheOther closes each warning to see the next.
func TestWarningsOneAfterTheOther(t *testing.T) {
	app := test.NewTempApp(t)
	app.Settings().SetTheme(theme.New(theme.Light))
	w := test.NewTempWindow(t, widget.NewLabel(""))
	w.Resize(fyne.NewSize(800, 600))
	warn(w, []error{settings.ErrSetAside, displays.ErrSetAside})
	for range 2 {
		if !widgets.ModalOpen(w) {
			t.Fatal("a warning is missing")
		}
		widgets.DismissModal(w.Content())
	}
	if widgets.ModalOpen(w) {
		t.Error("there is no end of warnings")
	}
}
