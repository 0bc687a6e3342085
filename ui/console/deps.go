package console

import (
	"context"
	"image"
	"io"
	"time"

	"fyne.io/fyne/v2"
	"github.com/google/uuid"

	"guesthouse/app/checkpoints"
	"guesthouse/app/jobs"
	"guesthouse/app/machines"
	"guesthouse/app/settings"
	"guesthouse/hypervisor"
	"guesthouse/hypervisor/display"
	"guesthouse/ui/dispatch"
)

// Machines is what a console needs of machines.Service.
type Machines interface {
	Snapshot() *machines.Snapshot
	Subscribe(f func()) (cancel func())
	Do(a machines.Action, ids ...uuid.UUID) *jobs.Job
	SendKeys(ctx context.Context, id uuid.UUID, codes []uint) error
	Screenshot(ctx context.Context, id uuid.UUID) ([]byte, error)
	OpenDisplay(ctx context.Context, id uuid.UUID) (hypervisor.GraphicsPath, error)
	NothingToBoot(ctx context.Context, id uuid.UUID) (bool, error)
	WatchActivity(f func(machines.Sample)) (cancel func())
	InsertMedia(ctx context.Context, id uuid.UUID, target, path string) error
	EjectMedia(ctx context.Context, id uuid.UUID, target string) error
	AddDisplay(ctx context.Context, id uuid.UUID) error
	OpenConsole(ctx context.Context, id uuid.UUID, device string, force bool) (io.ReadWriteCloser, error)
}

// Checkpoints is what a console needs of checkpoints.Service.
type Checkpoints interface {
	Overview(ctx context.Context, id uuid.UUID) (checkpoints.Overview, error)
	NextName(list []checkpoints.Checkpoint) string
	Save(id uuid.UUID, o checkpoints.SaveOptions) *jobs.Job
	Restore(id uuid.UUID, checkpointID string, o checkpoints.RestoreOptions) *jobs.Job
}

// Jobs is what a console needs of jobs.Runner.
type Jobs interface {
	List() []jobs.Status
	Subscribe(f func()) (cancel func())
	Cancel(id int)
}

// Settings is what a console needs of settings.Store.
type Settings interface {
	Get() settings.Settings
	Update(change func(*settings.Settings)) error
}

// Params is what a Window works with. App, Dispatch, ID and the four services must be set.
type Params struct {
	App         fyne.App
	Dispatch    dispatch.Dispatcher
	Machines    Machines
	Checkpoints Checkpoints
	Jobs        Jobs
	Settings    Settings
	ID          uuid.UUID // the machine
	// Window is a window that is not on the screen, with nothing in it, new or used before; nil: a new one.
	Window fyne.Window
	// Left takes the window when the machine's view is gone from it, and whether it was ever shown; nil: it closes. It does not come when the window
	// closes by itself.
	Left func(win fyne.Window, shown bool)
	// Closed is called after the window is gone, or Left is about to take it.
	Closed func()
	// ConfirmClose has the window ask what should become of a machine that is not off.
	ConfirmClose bool
	// NewSource makes the source for a display; nil: RFB.
	NewSource func(hypervisor.GraphicsPath) display.Source
	// Displays remembers passwords; nil: they are asked for in each window.
	Displays Displays
	// Task reads the text of the lab that the machine was launched from, Markdown; it may wait for the disk. nil: there is none.
	Task func(machine uuid.UUID) (string, error)
	// Kiosk makes it a window that lets its user do little; nil: an ordinary one.
	Kiosk *Kiosk
	// HandIn hands in the machine of a lab, over its window; nil: that is not offered.
	HandIn func(machine uuid.UUID, over fyne.Window)
	// Monitor returns the most pixels that a window can have on the monitor, zero if that is not known; nil: it is not.
	Monitor func() image.Point
	// Pictures is the folder for screenshots; empty: the user's pictures folder.
	Pictures string

	after func(time.Duration) <-chan time.Time // for the link; nil: time.After
}
