package widgets

import (
	"image/color"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/layout"
	fynetheme "fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"guesthouse/ui/lang"
	"guesthouse/ui/theme"
)

// JobLook is what a JobRow shows.
type JobLook struct {
	Title    string
	Text     string  // what is being done, or what went wrong
	Fraction float64 // 0 to 1, below 0 when unknown
	State    JobState
	Cancel   bool   // Cancel would be heard
	Action   string // label of a button for what can be done with a finished job; empty: nothing
}

// JobState is how a job stands.
type JobState int

// The states of a JobRow.
const (
	JobRunning JobState = iota
	JobDone
	JobFailed
	JobCancelled
)

// JobRow shows one piece of long work. A running one has progress and Cancel, a failed one stays with its reason until dismissed.
type JobRow struct {
	widget.BaseWidget
	// OnAction is called for the button of JobLook.Action.
	OnAction func()

	look    JobLook
	title   *Text
	text    *Text
	icon    *Picture
	bar     *ProgressLine
	cancel  *Button
	details *Button
	action  *Button
	dismiss *Button
	content *fyne.Container
}

// NewJobRow returns a row. details shows the whole error of a failed job.
func NewJobRow(look JobLook, cancel, details, dismiss func()) *JobRow {
	r := &JobRow{
		title:   NewText("", theme.TextNormal, true, fynetheme.ColorNameForeground).Elided(),
		text:    NewText("", theme.TextSmall, false, theme.ColorMuted).Elided(),
		icon:    NewIcon("info", 18, theme.ColorMuted),
		bar:     NewProgressLine(),
		cancel:  NewIconButton("close", lang.L("Cancel and undo"), cancel),
		details: NewButton("", lang.L("Details"), StyleFlat, details),
		dismiss: NewIconButton("close", lang.L("Dismiss"), dismiss),
	}
	r.action = NewButton("", "", StylePlain, func() { r.OnAction() })
	texts := container.New(layout.NewCustomPaddedVBoxLayout(2), r.title, r.bar, r.text)
	r.content = container.NewBorder(nil, nil, container.NewCenter(r.icon),
		container.NewCenter(container.NewHBox(r.action, r.details, r.cancel, r.dismiss)), texts)
	r.ExtendBaseWidget(r)
	r.Set(look)
	return r
}

// Look returns what the row shows.
func (r *JobRow) Look() JobLook { return r.look }

// Set changes what the row shows.
func (r *JobRow) Set(look JobLook) {
	r.look = look
	icon, colour := "refresh", fynetheme.ColorNamePrimary
	switch look.State {
	case JobDone:
		icon, colour = "success", fynetheme.ColorNameSuccess
	case JobFailed:
		icon, colour = "error", fynetheme.ColorNameError
	case JobCancelled:
		icon, colour = "info", theme.ColorMuted
	}
	r.icon.SetIcon(icon, colour)
	r.title.SetText(lang.L(look.Title))
	textColour := theme.ColorMuted
	if look.State == JobFailed {
		textColour = fynetheme.ColorNameError
	}
	r.text.Set(lang.L(look.Text), textColour)
	running := look.State == JobRunning
	show(r.bar, running)
	r.bar.Set(look.Fraction)
	show(r.cancel, running)
	r.cancel.SetEnabled(look.Cancel, lang.L("This step cannot be interrupted."))
	r.action.SetText(look.Action)
	show(r.action, look.State == JobDone && look.Action != "")
	show(r.details, look.State == JobFailed)
	show(r.dismiss, !running)
	r.Refresh()
}

func show(o fyne.CanvasObject, on bool) {
	if on {
		o.Show()
	} else {
		o.Hide()
	}
}

// CreateRenderer implements fyne.Widget.
func (r *JobRow) CreateRenderer() fyne.WidgetRenderer { return widget.NewSimpleRenderer(r.content) }

// ProgressLine is a thin progress bar. Unknown progress colours the whole track, in a fainter colour: an animation would keep the processor
// busy for as long as the job takes.
type ProgressLine struct {
	widget.BaseWidget
	fraction float64
}

// NewProgressLine returns a bar of unknown progress.
func NewProgressLine() *ProgressLine {
	p := &ProgressLine{fraction: -1}
	p.ExtendBaseWidget(p)
	return p
}

// Set shows a fraction from 0 to 1; below 0 means unknown.
func (p *ProgressLine) Set(fraction float64) {
	if p.fraction != fraction {
		p.fraction = min(fraction, 1)
		p.Refresh()
	}
}

// CreateRenderer implements fyne.Widget.
func (p *ProgressLine) CreateRenderer() fyne.WidgetRenderer {
	r := &progressRenderer{p: p, back: &canvas.Rectangle{CornerRadius: 2}, bar: &canvas.Rectangle{CornerRadius: 2}}
	r.update()
	return r
}

type progressRenderer struct {
	p         *ProgressLine
	back, bar *canvas.Rectangle
}

func (r *progressRenderer) MinSize() fyne.Size { return fyne.NewSize(60, 6) }

func (r *progressRenderer) Layout(size fyne.Size) {
	r.back.Resize(fyne.NewSize(size.Width, 4))
	r.back.Move(fyne.NewPos(0, 1))
	r.bar.Resize(fyne.NewSize(size.Width*float32(max(0, r.p.fraction)), 4))
	r.bar.Move(fyne.NewPos(0, 1))
}

func (r *progressRenderer) update() {
	r.back.FillColor = theme.Color(fynetheme.ColorNameSeparator)
	r.bar.FillColor = theme.Color(fynetheme.ColorNamePrimary)
	if r.p.fraction < 0 {
		half := color.NRGBAModel.Convert(theme.Color(fynetheme.ColorNamePrimary)).(color.NRGBA)
		half.A /= 2
		r.back.FillColor, r.bar.FillColor = half, transparent
	}
}

func (r *progressRenderer) Refresh() {
	r.update()
	r.Layout(r.p.Size())
	for _, o := range r.Objects() {
		canvas.Refresh(o)
	}
}

func (r *progressRenderer) Objects() []fyne.CanvasObject {
	return []fyne.CanvasObject{r.back, r.bar}
}

func (r *progressRenderer) Destroy() {}
