package ui

import (
	"fyne.io/fyne/v2"
	"github.com/google/uuid"

	labwindows "guesthouse/ui/labs"
)

func (w *windows) labServices() labwindows.Services {
	return labwindows.Services{
		Dispatch: w.dispatch, Labs: w.p.Labs, Library: w.p.Labs.Library(), Machines: w.p.Machines, Jobs: w.p.Jobs, Settings: w.p.Settings,
	}
}

// openLabs opens the library of labs, or raises the one that is open.
func (w *windows) openLabs() {
	if w.labs != nil {
		w.labs.Raise()
		return
	}
	window := newWindow(w.app, "Guesthouse")
	w.labs = labwindows.New(labwindows.Params{
		Services: w.labServices(), Window: window, OpenConsole: w.openConsole, OpenManager: w.raiseManager, OpenSubmissions: w.openSubmissions,
		Last: func() bool { return w.main == nil && w.wizard == nil && w.submissions == nil && len(w.consoles) == 0 },
	})
	window.Show()
	stop := hideTips(w.dispatch, window)
	window.SetOnClosed(func() {
		stop()
		w.labs = nil
		w.tidy()
	})
}

// openSubmissions opens the window with what students handed in, or raises the one that is open.
func (w *windows) openSubmissions() {
	if w.submissions != nil {
		w.submissions.Raise()
		return
	}
	window := newWindow(w.app, "Guesthouse")
	w.submissions = labwindows.NewSubmissions(labwindows.SubmissionsParams{
		Services: w.labServices(), Window: window, OpenConsole: w.openConsole,
		Last: func() bool { return w.main == nil && w.wizard == nil && w.labs == nil && len(w.consoles) == 0 },
	})
	window.Show()
	stop := hideTips(w.dispatch, window)
	window.SetOnClosed(func() {
		stop()
		w.submissions = nil
		w.tidy()
	})
}

// handIn hands in a lab's machine over its window. Its receipt is shown there, or if it was closed meanwhile, over another one.
func (w *windows) handIn(id uuid.UUID, over fyne.Window) {
	asked := w.consoles[id]
	labwindows.HandIn(labwindows.HandInParams{
		Services: w.labServices(), Window: over, Machine: id,
		Later: func() fyne.Window {
			switch {
			case asked != nil && w.consoles[id] == asked:
				return over
			case w.labs != nil:
				return w.labs.Window()
			}
			return w.main
		},
	})
}

// offerLab opens the library and asks whether a lab is to be added.
func (w *windows) offerLab(argument string) {
	w.openLabs()
	w.dispatch.Do(func() { // when the window is there
		if w.labs != nil {
			w.labs.Offer(argument)
		}
	})
}

// publishLab asks over the manager what lab a machine is to become.
func (w *windows) publishLab(id uuid.UUID) {
	labwindows.Publish(labwindows.PublishParams{Services: w.labServices(), Window: w.main, Machine: id, Checkpoints: w.p.Checkpoints})
}
