package wizard

import (
	"context"
	"errors"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/layout"
	fynetheme "fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"
	"github.com/google/uuid"

	"guesthouse/app/explain"
	"guesthouse/app/jobs"
	"guesthouse/ui/dispatch"
	"guesthouse/ui/lang"
	"guesthouse/ui/theme"
	"guesthouse/ui/widgets"
	"guesthouse/vmconfig"
)

// progressPeriod is how often the progress of the creation is read.
const progressPeriod = 100 * time.Millisecond

// creation is the attempt to create the machine, from the check to the job's end.
type creation struct {
	name      string
	job       *jobs.Job // nil while the values are checked
	cancelled bool
	closing   bool   // close the window when the undoing is done
	stopCheck func() // cancels the check
}

// cancel stops the attempt; the job undoes what it made.
func (c *creation) cancel() {
	c.cancelled = true
	if c.job != nil {
		c.job.Cancel()
	} else if c.stopCheck != nil {
		c.stopCheck()
	}
}

// failure is how the last attempt ended.
type failure struct {
	message explain.Message
}

// create checks the values and makes the machine, as a job. When it fails the wizard stays as it was.
func (w *wizard) create() {
	if w.creation != nil || w.model.Pending() != "" {
		return
	}
	if first, ok := w.model.Locate(); !ok {
		w.show()
		w.focus(first)
		return
	}
	w.failure = nil
	c := &creation{name: w.model.Draft().Name}
	w.creation = c
	draft := w.model.Draft()
	c.stopCheck = dispatch.Background(w.p.Dispatch, func(ctx context.Context) (vmconfig.Faults, error) {
		faults := w.p.Machines.CheckDraft(ctx, draft)
		return faults, ctx.Err()
	}, func(faults vmconfig.Faults, err error) {
		switch {
		case c.cancelled || err != nil:
			w.finish(uuid.Nil, errors.Join(err, context.Canceled))
		case len(faults) > 0:
			w.refused(faults)
		default:
			w.run(c)
		}
	})
	w.win.Canvas().Unfocus()
	w.show()
}

// refused goes to the first field that the check found fault with.
func (w *wizard) refused(faults vmconfig.Faults) {
	w.creation = nil
	first, rest := w.model.Refuse(faults)
	if len(rest) > 0 {
		w.failure = &failure{explain.Message{Summary: rest[0]}}
	}
	w.show()
	w.focus(first)
}

// run starts the job and follows it.
func (w *wizard) run(c *creation) {
	job, id := w.p.Machines.Create(w.model.Draft())
	c.job = job
	stop := dispatch.Every(w.p.Dispatch, progressPeriod, w.show)
	dispatch.Run(w.p.Dispatch, func(context.Context) error {
		<-job.Done()
		return job.Status().Err
	}, func(err error) {
		stop()
		w.finish(id, err)
	})
	w.show()
}

// finish ends an attempt: success closes the wizard, a failure is shown, a cancel is no error.
func (w *wizard) finish(id uuid.UUID, err error) {
	c := w.creation
	w.creation = nil
	started := w.model.Draft().Start
	switch {
	case err == nil:
		w.close()
		if w.p.Created != nil {
			w.p.Created(id, started)
		}
		return
	case c.closing:
		w.close()
		return
	case !errors.Is(err, context.Canceled):
		w.failure = &failure{explain.Explain(err)}
	}
	w.model.Visit(PageSummary)
	w.show()
	w.focus("")
}

// progress is what the window shows while a machine is being made.
type progress struct {
	box    fyne.CanvasObject
	title  *widget.Label
	step   *widget.Label
	bar    *widget.ProgressBar
	busy   *widget.ProgressBarInfinite
	cancel *widgets.Button
}

func newProgress(w *wizard) *progress {
	p := &progress{
		title: widget.NewLabel(""), step: widget.NewLabel(""),
		bar: widget.NewProgressBar(), busy: widget.NewProgressBarInfinite(),
		cancel: newButton(w.keys, "", lang.L("Cancel"), widgets.StylePlain, w.askCancel),
	}
	p.busy.Stop()
	p.title.SizeName = fynetheme.SizeNameSubHeadingText
	p.title.TextStyle.Bold = true
	p.title.Alignment, p.step.Alignment = fyne.TextAlignCenter, fyne.TextAlignCenter
	p.title.Truncation, p.step.Truncation = fyne.TextTruncateEllipsis, fyne.TextTruncateEllipsis
	p.box = container.NewVBox(layout.NewSpacer(), p.title,
		container.New(layout.NewCustomPaddedLayout(theme.Gap2, 0, 60, 60), container.NewStack(p.bar, p.busy)),
		p.step, container.NewCenter(p.cancel), layout.NewSpacer(), layout.NewSpacer())
	return p
}

func (p *progress) show(c *creation) {
	fraction, text, can := -1.0, lang.L("Checking the values…"), true
	if c.job != nil {
		status := c.job.Status()
		fraction, text, can = status.Progress.Fraction, status.Progress.Text, status.Cancellable
	}
	title := lang.F("Creating %s", vmconfig.Inert(c.name, 80))
	if c.cancelled {
		title, can, text = lang.L("Cancelling"), false, lang.L("What was made so far is being removed.")
	}
	p.title.SetText(title)
	p.step.SetText(vmconfig.Inert(lang.L(text), 200))
	p.cancel.SetEnabled(can, lang.L("This cannot be interrupted now."))
	if fraction < 0 {
		p.bar.Hide()
		p.busy.Show()
		p.busy.Start()
		return
	}
	p.busy.Stop()
	p.busy.Hide()
	p.bar.Show()
	p.bar.SetValue(min(fraction, 1))
}
