package console

import (
	"math"

	"fyne.io/fyne/v2"
)

// frameLayout places the parts of the window: toolbar, screen, status line. It gives the bars heights of whole host pixels, so that the
// screen below begins on a pixel and 1:1 is exact at every scale. In full screen the screen has everything; the bars slide in over it.
type frameLayout struct {
	full bool
	// shown is how much of the toolbar is visible in full screen, 0 to 1; statusShown the same for the status line.
	shown, statusShown float32
	perUnit            func() float64 // host pixels per Fyne unit
	done               func()         // everything has its place; may be nil
	measured           func()         // the toolkit wants to know how much room the window needs; may be nil
}

// Objects of the container, in this order: the screen below, the bars above it.
const (
	frameScreen = iota
	frameBar
	frameStatus
)

// whole rounds a length up to whole host pixels.
func (l *frameLayout) whole(v float32) float32 {
	s := l.perUnit()
	return float32(math.Ceil(float64(v)*s-0.01) / s)
}

// bars returns the heights of toolbar and status line.
func (l *frameLayout) bars(objects []fyne.CanvasObject) (bar, status float32) {
	return l.whole(objects[frameBar].MinSize().Height), l.whole(objects[frameStatus].MinSize().Height)
}

// Layout implements fyne.Layout.
func (l *frameLayout) Layout(objects []fyne.CanvasObject, size fyne.Size) {
	bar, status := l.bars(objects)
	top, bottom := bar, status
	if l.full {
		top, bottom = 0, 0
	}
	objects[frameScreen].Move(fyne.NewPos(0, top))
	objects[frameScreen].Resize(fyne.NewSize(size.Width, max(0, size.Height-top-bottom)))
	barShown, statusShown := float32(1), float32(1)
	if l.full {
		barShown, statusShown = l.shown, l.statusShown
	}
	objects[frameBar].Move(fyne.NewPos(0, -bar*(1-barShown)))
	objects[frameBar].Resize(fyne.NewSize(size.Width, bar))
	show(objects[frameBar], barShown > 0)
	objects[frameStatus].Move(fyne.NewPos(0, size.Height-status*statusShown))
	objects[frameStatus].Resize(fyne.NewSize(size.Width, status))
	show(objects[frameStatus], statusShown > 0)
	if l.done != nil {
		l.done()
	}
}

// MinSize implements fyne.Layout.
func (l *frameLayout) MinSize(objects []fyne.CanvasObject) fyne.Size {
	bar, status := l.bars(objects)
	if l.measured != nil {
		l.measured()
	}
	size := objects[frameScreen].MinSize()
	size.Width = max(size.Width, objects[frameBar].MinSize().Width, objects[frameStatus].MinSize().Width)
	if !l.full {
		size.Height += bar + status
	}
	return size
}

func show(o fyne.CanvasObject, on bool) {
	if on == o.Visible() {
		return
	}
	if on {
		o.Show()
	} else {
		o.Hide()
	}
}
