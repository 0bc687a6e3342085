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

// doneStays is how long a finished job is shown. A failed one stays until it is dismissed.
const doneStays = 4 * time.Second

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
}

// New returns an area that shows nothing; call Update when jobs changed, and once at first.
func New(p Params) *Area {
	a := &Area{p: p, rows: map[int]*widgets.JobRow{}, leave: map[int]bool{}}
	a.list = container.New(layout.NewCustomPaddedVBoxLayout(theme.Gap2))
	a.scroll = container.NewVScroll(a.list)
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
		if look := look(s); !exists || look != row.Look() {
			row.Set(look)
		}
		objects = append(objects, row)
		if (s.State == jobs.Done || s.State == jobs.Cancelled) && !a.leave[s.ID] {
			a.leave[s.ID] = true
			dispatch.After(a.p.Dispatch, doneStays, func() { a.p.Jobs.Dismiss(s.ID) })
		}
	}
	for id := range a.rows {
		if !known[id] {
			delete(a.rows, id)
			delete(a.leave, id)
		}
	}
	if !slices.Equal(objects, a.list.Objects) {
		a.list.Objects = objects
		a.list.Refresh()
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
	return widgets.NewJobRow(widgets.JobLook{},
		func() { a.p.Jobs.Cancel(id) },
		func() {
			for _, s := range a.p.Jobs.List() {
				if s.ID == id {
					a.p.ShowError(s.Title, s.Err)
				}
			}
		},
		func() { a.p.Jobs.Dismiss(id) })
}

// titleLength is the most characters of a job's title and text.
const titleLength = 120

func look(s jobs.Status) widgets.JobLook {
	look := widgets.JobLook{
		Title: vmconfig.Inert(s.Title, titleLength), Text: vmconfig.Inert(lang.Progress(s.Progress), titleLength),
		Fraction: s.Progress.Fraction, Cancel: s.Cancellable,
	}
	switch s.State {
	case jobs.Done:
		look.State, look.Text = widgets.JobDone, lang.L("Done")
	case jobs.Cancelled:
		look.State, look.Text = widgets.JobCancelled, lang.L("Cancelled")
	case jobs.Failed:
		look.State, look.Text = widgets.JobFailed, explain.Explain(s.Err).Summary
	}
	return look
}
