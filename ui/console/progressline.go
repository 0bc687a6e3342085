package console

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/widget"

	"guesthouse/ui/theme"
)

// progressLine is a thin bar for a job's progress. Unknown progress colours the whole track and does not move: an animation would repaint
// the whole window, the screen included, sixty times a second.
type progressLine struct {
	widget.BaseWidget
	fraction float64 // below 0: unknown
}

func newProgressLine() *progressLine {
	p := &progressLine{fraction: -1}
	p.ExtendBaseWidget(p)
	return p
}

func (p *progressLine) set(fraction float64) {
	if p.fraction != fraction {
		p.fraction = fraction
		p.Refresh()
	}
}

// CreateRenderer implements fyne.Widget.
func (p *progressLine) CreateRenderer() fyne.WidgetRenderer {
	r := &progressRenderer{p: p, track: canvas.NewRectangle(nil), fill: canvas.NewRectangle(nil)}
	r.track.CornerRadius, r.fill.CornerRadius = 2, 2
	r.Refresh()
	return r
}

type progressRenderer struct {
	p           *progressLine
	track, fill *canvas.Rectangle
}

func (r *progressRenderer) MinSize() fyne.Size { return fyne.NewSize(96, 4) }

func (r *progressRenderer) Layout(size fyne.Size) {
	r.track.Resize(size)
	f := float32(r.p.fraction)
	if f < 0 {
		f = 0
	}
	r.fill.Resize(fyne.NewSize(size.Width*min(f, 1), size.Height))
}

func (r *progressRenderer) Refresh() {
	r.track.FillColor, r.fill.FillColor = theme.Color(theme.ColorOutline), theme.Color(colorPrimary)
	if r.p.fraction < 0 {
		r.track.FillColor = theme.Color(theme.ColorSelected)
	}
	r.Layout(r.p.Size())
	r.track.Refresh()
	r.fill.Refresh()
}

func (r *progressRenderer) Objects() []fyne.CanvasObject { return []fyne.CanvasObject{r.track, r.fill} }

func (r *progressRenderer) Destroy() {}
