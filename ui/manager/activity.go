package manager

import (
	"slices"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/layout"

	"guesthouse/app/explain"
	"guesthouse/app/jobs"
	"guesthouse/ui/dispatch"
	"guesthouse/ui/lang"
	"guesthouse/ui/theme"
	"guesthouse/ui/widgets"
)

// doneStays is how long a finished job is shown, offerStays the same where something can be done with it. A failed one stays until it is dismissed.
const (
	doneStays  = 4 * time.Second
	offerStays = 12 * time.Second
)

// activityMost is the most height that jobs take; more of them scroll.
const activityMost float32 = 168

// activity shows the jobs at the window's bottom, while there are any.
type activity struct {
	m      *Manager
	box    *fyne.Container
	list   *fyne.Container
	scroll *container.Scroll
	rows   map[int]*widgets.JobRow
	leave  map[int]bool // finished jobs whose dismissal is on its way
	offers map[int]offer
}

// offer is what can be done with a job when it is done.
type offer struct {
	label string
	do    func()
}

// offer has a job's row offer something when it is done.
func (a *activity) offer(id int, label string, do func()) {
	a.offers[id] = offer{label, do}
	a.update()
}

func newActivity(m *Manager) *activity {
	a := &activity{m: m, rows: map[int]*widgets.JobRow{}, leave: map[int]bool{}, offers: map[int]offer{}}
	a.list = container.New(layout.NewCustomPaddedVBoxLayout(theme.Gap2))
	a.scroll = container.NewVScroll(a.list)
	a.box = container.NewStack(widgets.NewPanel(theme.ColorSurface, "", 0),
		container.NewBorder(line(), nil, nil, nil,
			container.New(layout.NewCustomPaddedLayout(theme.Gap2, theme.Gap2, theme.Gap4, theme.Gap4), a.scroll)))
	a.box.Hide()
	return a
}

// update follows the jobs; the youngest is at the top.
func (a *activity) update() {
	all := a.m.p.Jobs.List()
	slices.Reverse(all)
	known := make(map[int]bool, len(all))
	objects := make([]fyne.CanvasObject, 0, len(all))
	for _, s := range all {
		known[s.ID] = true
		row, exists := a.rows[s.ID]
		if !exists {
			row = a.newRow(s.ID)
			a.rows[s.ID] = row
		}
		if look := a.look(s); !exists || look != row.Look() {
			row.Set(look)
		}
		objects = append(objects, row)
		if (s.State == jobs.Done || s.State == jobs.Cancelled) && !a.leave[s.ID] {
			a.leave[s.ID] = true
			stays := doneStays
			if _, offers := a.offers[s.ID]; offers && s.State == jobs.Done {
				stays = offerStays
			}
			dispatch.After(a.m.p.Dispatch, stays, func() { a.m.p.Jobs.Dismiss(s.ID) })
		}
	}
	for id := range a.rows {
		if !known[id] {
			delete(a.rows, id)
			delete(a.leave, id)
			delete(a.offers, id)
		}
	}
	if !slices.Equal(objects, a.list.Objects) {
		a.list.Objects = objects
		a.list.Refresh()
	}
	defer a.m.details.keepPlace()()
	if height := min(a.list.MinSize().Height, activityMost); len(objects) > 0 && a.scroll.MinSize().Height != height {
		a.scroll.SetMinSize(fyne.NewSize(0, height))
		a.m.frame.Refresh()
	}
	setShown(a.box, len(objects) > 0, a.m.frame)
}

func (a *activity) newRow(id int) *widgets.JobRow {
	status := func() (jobs.Status, bool) {
		for _, s := range a.m.p.Jobs.List() {
			if s.ID == id {
				return s, true
			}
		}
		return jobs.Status{}, false
	}
	row := widgets.NewJobRow(widgets.JobLook{},
		func() { a.m.p.Jobs.Cancel(id) },
		func() {
			if s, ok := status(); ok {
				a.m.showError(s.Title, s.Err)
			}
		},
		func() { a.m.p.Jobs.Dismiss(id) })
	row.OnAction = func() {
		if o, ok := a.offers[id]; ok {
			a.m.p.Jobs.Dismiss(id)
			o.do()
		}
	}
	return row
}

func (a *activity) look(s jobs.Status) widgets.JobLook {
	look := widgets.JobLook{Title: shown(s.Title), Text: shown(lang.Progress(s.Progress)), Fraction: s.Progress.Fraction, Cancel: s.Cancellable}
	switch s.State {
	case jobs.Done:
		look.State, look.Text, look.Action = widgets.JobDone, lang.L("Done"), a.offers[s.ID].label
		if s.Progress.Outcome != "" {
			look.Title, look.Text = shown(s.Progress.Outcome), a.m.nameOf(s.Subject)
		}
	case jobs.Cancelled:
		look.State, look.Text = widgets.JobCancelled, lang.L("Cancelled")
	case jobs.Failed:
		look.State, look.Text = widgets.JobFailed, explain.Explain(s.Err).Summary
	}
	return look
}
