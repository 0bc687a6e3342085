package activity

import (
	"slices"

	"fyne.io/fyne/v2"

	"guesthouse/app/jobs"
	"guesthouse/ui/lang"
	"guesthouse/ui/widgets"
)

// Leave closes a window with closeNow, after a question when it is the last one and unfinished work would end with it. An open dialog is
// not covered by another one: then it closes at once. UI goroutine only.
func Leave(window fyne.Window, work Jobs, last bool, closeNow func()) {
	running := slices.ContainsFunc(work.List(), func(s jobs.Status) bool { return s.State == jobs.Running })
	if !running || !last || widgets.ModalOpen(window) {
		closeNow()
		return
	}
	widgets.Confirm(window, lang.L("Guesthouse is still working"),
		lang.L("When the last window closes, unfinished work is cancelled and undone. Running machines run on."), nil, lang.L("Close anyway"), true, closeNow)
}
