package console

import (
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/widget"

	"guesthouse/ui/dispatch"
	"guesthouse/ui/theme"
)

const (
	pulseTime = 350 * time.Millisecond
	pulseDots = 3
	pulseSize = 8
)

// pulse shows that something goes on: three dots that light up in turn. It moves a few times a second only. Fyne's own activity animation
// repaints the whole window sixty times a second, which without a graphics card takes most of a core from the machine that is waited for.
type pulse struct {
	widget.BaseWidget
	dispatch dispatch.Dispatcher
	lit      int
	stop     func() // nil while it stands still
}

func newPulse(d dispatch.Dispatcher) *pulse {
	p := &pulse{dispatch: d}
	p.ExtendBaseWidget(p)
	return p
}

// run starts and stops it.
func (p *pulse) run(on bool) {
	switch {
	case on && p.stop == nil:
		p.stop = dispatch.Every(p.dispatch, pulseTime, func() {
			p.lit = (p.lit + 1) % pulseDots
			p.Refresh()
		})
	case !on && p.stop != nil:
		p.stop()
		p.stop = nil
	}
}

// CreateRenderer implements fyne.Widget.
func (p *pulse) CreateRenderer() fyne.WidgetRenderer {
	r := &pulseRenderer{p: p}
	for range pulseDots {
		r.dots = append(r.dots, canvas.NewCircle(nil))
	}
	r.Refresh()
	return r
}

type pulseRenderer struct {
	p    *pulse
	dots []fyne.CanvasObject
}

func (r *pulseRenderer) MinSize() fyne.Size {
	return fyne.NewSize(pulseDots*pulseSize+(pulseDots-1)*theme.Gap2, 3*pulseSize)
}

func (r *pulseRenderer) Layout(size fyne.Size) {
	for i, dot := range r.dots {
		dot.Resize(fyne.NewSquareSize(pulseSize))
		dot.Move(fyne.NewPos(float32(i)*(pulseSize+theme.Gap2), (size.Height-pulseSize)/2))
	}
}

func (r *pulseRenderer) Refresh() {
	for i, o := range r.dots {
		dot := o.(*canvas.Circle)
		dot.FillColor = theme.Color(theme.ColorOutline)
		if i == r.p.lit {
			dot.FillColor = theme.Color(colorPrimary)
		}
		dot.Refresh()
	}
}

func (r *pulseRenderer) Objects() []fyne.CanvasObject { return r.dots }

func (r *pulseRenderer) Destroy() {}
