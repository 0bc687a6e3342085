package ui

import (
	"context"

	"fyne.io/fyne/v2"

	"guesthouse/ui/console"
	"guesthouse/ui/console/x11"
	"guesthouse/ui/dispatch"
	"guesthouse/ui/widgets"
)

// hideTips hides the tooltips of a window, which must be on the screen, when the pointer has left it: the toolkit does not tell. Where there
// is no X server a tooltip stays until the pointer comes back. stop ends that.
func hideTips(d dispatch.Dispatcher, win fyne.Window) (stop func()) {
	handle := console.WindowHandle(win)
	if handle == 0 {
		return func() {}
	}
	return dispatch.Run(d, func(ctx context.Context) error {
		return x11.WatchLeave(ctx, handle, func() { d.Do(func() { widgets.HideTips(win.Content()) }) })
	}, nil)
}
