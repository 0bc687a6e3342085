// Package activity shows the program's long work at the bottom of a window, without getting into anybody's way.
package activity

import (
	"slices"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/layout"
	fynetheme "fyne.io/fyne/v2/theme"

	"guesthouse/app/explain"
	"guesthouse/app/jobs"
	"guesthouse/ui/dispatch"
	"guesthouse/ui/lang"
	"guesthouse/ui/theme"
	"guesthouse/ui/widgets"
	"guesthouse/vmconfig"
)

// doneStays is how long a finished job is shown, offerStays the same where something can be done with it. A failed one stays until it is dismissed.
const (
	doneStays  = 4 * time.Second
	offerStays = 12 * time.Second
)

// most is the most height that jobs take; more of them scroll.
const most float32 = 168

// Jobs is what an Area needs from jobs.Runner.
type Jobs interface {
	List() []jobs.Status
	Dismiss(id int)
	Cancel(id int)
}

// Params is what an Area is made from.
type Params struct {
	Dispatch dispatch.Dispatcher
	Jobs     Jobs
	// ShowError tells about a failed job when the user asks for its details.
	ShowError func(title string, err error)
	// NameOf, if set, returns what a job's subject is called.
	NameOf func(subject string) string
	// KeepPlace, if set, is called before the area may change its height, and what it returns afterwards, so that nothing moves under the pointer.
	KeepPlace func() (after func())
	// Resized, if set, is called when the area comes, goes or changes its height, to lay out what is around it.
	Resized func()
}

// Area shows the jobs at the window's bottom, while there are any. UI goroutine only.
type Area struct {
	// Box is what to put into a window.
	Box *fyne.Container

	p      Params
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

// Offer has a job's row offer something when it is done.
func (a *Area) Offer(id int, label string, do func()) {
	a.offers[id] = offer{label, do}
	a.Update()
}

// New returns an area that shows nothing; call Update when jobs changed, and once at first.
func New(p Params) *Area {
	a := &Area{p: p, rows: map[int]*widgets.JobRow{}, leave: map[int]bool{}, offers: map[int]offer{}}
	a.list = container.New(layout.NewCustomPaddedVBoxLayout(theme.Gap2))
	a.scroll = widgets.NewScroll(a.list)
	line := container.NewStack(widgets.Space(0, 1), widgets.NewPanel(fynetheme.ColorNameSeparator, "", 0))
	a.Box = container.NewStack(widgets.NewPanel(theme.ColorSurface, "", 0),
		container.NewBorder(line, nil, nil, nil,
			container.New(layout.NewCustomPaddedLayout(theme.Gap2, theme.Gap2, theme.Gap4, theme.Gap4), a.scroll)))
	a.Box.Hide()
	return a
}

// Row returns the row of a job, nil when it is not shown.
func (a *Area) Row(id int) *widgets.JobRow { return a.rows[id] }

// Update follows the jobs; the youngest is at the top.
func (a *Area) Update() {
	all := a.p.Jobs.List()
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
			dispatch.After(a.p.Dispatch, stays, func() { a.p.Jobs.Dismiss(s.ID) })
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
	if a.p.KeepPlace != nil {
		defer a.p.KeepPlace()()
	}
	if height := min(a.list.MinSize().Height, most); len(objects) > 0 && a.scroll.MinSize().Height != height {
		a.scroll.SetMinSize(fyne.NewSize(0, height))
		a.resized()
	}
	if on := len(objects) > 0; on != a.Box.Visible() {
		if on {
			a.Box.Show()
		} else {
			a.Box.Hide()
		}
		a.resized()
	}
}

func (a *Area) resized() {
	if a.p.Resized != nil {
		a.p.Resized()
	}
}

func (a *Area) newRow(id int) *widgets.JobRow {
	row := widgets.NewJobRow(widgets.JobLook{},
		func() { a.p.Jobs.Cancel(id) },
		func() {
			for _, s := range a.p.Jobs.List() {
				if s.ID == id {
					a.p.ShowError(s.Title, s.Err)
				}
			}
		},
		func() { a.p.Jobs.Dismiss(id) })
	row.OnAction = func() {
		if o, ok := a.offers[id]; ok {
			a.p.Jobs.Dismiss(id)
			o.do()
		}
	}
	return row
}

// titleLength is the most characters of a job's title and text.
const titleLength = 120

func (a *Area) look(s jobs.Status) widgets.JobLook {
	look := widgets.JobLook{
		Title: vmconfig.Inert(s.Title, titleLength), Text: vmconfig.Inert(lang.Progress(s.Progress), titleLength),
		Fraction: s.Progress.Fraction, Cancel: s.Cancellable,
	}
	switch s.State {
	case jobs.Done:
		look.State, look.Text, look.Action = widgets.JobDone, lang.L("Done"), a.offers[s.ID].label
		if s.Progress.Outcome != "" {
			look.Title, look.Text = vmconfig.Inert(s.Progress.Outcome, titleLength), ""
			if a.p.NameOf != nil {
				look.Text = a.p.NameOf(s.Subject)
			}
		}
	case jobs.Cancelled:
		look.State, look.Text = widgets.JobCancelled, lang.L("Cancelled")
	case jobs.Failed:
		look.State, look.Text = widgets.JobFailed, explain.Explain(s.Err).Summary
	}
	return look
}
