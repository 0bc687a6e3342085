package labs

import (
	"crypto/sha256"
	"image"
	"image/color"
	"image/draw"
	"math"
	"slices"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/container"
	fynetheme "fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"guesthouse/ui/theme"
	"guesthouse/ui/widgets"
	"guesthouse/vmconfig/lab"
)

// A plan shows the machines of a topology in a row and its networks as lines below them. A machine is joined to each of its networks.

// networkNames returns the networks of a topology in the order in which they are first named.
func networkNames(t *lab.Topology) []string {
	var names []string
	for _, m := range t.Machines {
		for _, n := range m.Networks {
			if !slices.Contains(names, n) {
				names = append(names, n)
			}
		}
	}
	return names
}

// networkHue is the colour of a network in all plans, 0 to 1: those of neighbours differ well.
func networkHue(i int) float64 {
	const first, golden = 0.58, 0.618034
	return math.Mod(first+float64(i)*golden, 1)
}

// drawPlan draws the plan without words, for a card.
func drawPlan(t *lab.Topology, dark bool) image.Image {
	sum := sha256.Sum256([]byte(t.Name))
	back, box, screen := hsl(float64(sum[0])/255, 0.28, 0.92), hsl(float64(sum[0])/255, 0.24, 0.42), hsl(float64(sum[0])/255, 0.30, 0.82)
	lightness := 0.50
	if dark {
		back, box, screen = hsl(float64(sum[0])/255, 0.22, 0.15), hsl(float64(sum[0])/255, 0.16, 0.62), hsl(float64(sum[0])/255, 0.22, 0.26)
		lightness = 0.58
	}
	out := image.NewRGBA(image.Rect(0, 0, pictureWidth, pictureHeight))
	fill := func(r image.Rectangle, c color.Color) {
		draw.Draw(out, r, image.NewUniform(c), image.Point{}, draw.Src)
	}
	fill(out.Bounds(), back)
	networks := networkNames(t)
	const margin, line = 36, 4
	step := (pictureWidth - 2*margin) / max(1, len(t.Machines))
	wide := min(66, step*2/3)
	tall := wide * 2 / 3
	const legs, edge = 26, 20
	gap := 0
	if len(networks) > 1 {
		gap = min(26, (pictureHeight-2*edge-tall-legs)/(len(networks)-1))
	}
	top := (pictureHeight - tall - legs - gap*max(0, len(networks)-1)) / 2
	networkTop := top + tall + legs
	for n := range networks {
		y := networkTop + n*gap
		fill(image.Rect(margin/2, y, pictureWidth-margin/2, y+line), hsl(networkHue(n), 0.55, lightness))
	}
	for i, m := range t.Machines {
		x := margin + i*step + (step-wide)/2
		for k, name := range m.Networks {
			n := slices.Index(networks, name)
			shade := hsl(networkHue(n), 0.55, lightness)
			at := x + (k+1)*wide/(len(m.Networks)+1) - line/2
			fill(image.Rect(at, top+tall, at+line, networkTop+n*gap+line), shade)
			fill(image.Rect(at-4, networkTop+n*gap-3, at+line+4, networkTop+n*gap+line+3), shade)
		}
		fill(image.Rect(x, top, x+wide, top+tall), box)
		fill(image.Rect(x+4, top+4, x+wide-4, top+tall-4), screen)
	}
	return out
}

// Sizes of a plan with words, in Fyne's units.
const (
	planName    float32 = 76 // room for the networks' names
	planNetwork float32 = 26
	planTop     float32 = 68
	planLabel   float32 = 6 // what a label leaves free below its text
)

// planLayout places the parts of a plan.
type planLayout struct {
	t        *lab.Topology
	networks []string
	machines []fyne.CanvasObject
	names    []fyne.CanvasObject
	lines    []*canvas.Line
	links    [][]*canvas.Line
	dots     [][]*canvas.Circle
}

// newPlan is the plan with the names of machines and networks.
func newPlan(t several) fyne.CanvasObject {
	l := &planLayout{t: t.Topology.Topology, networks: networkNames(t.Topology.Topology)}
	box := container.New(l)
	shade := func(i int) color.Color {
		if theme.IsDark() {
			return hsl(networkHue(i), 0.55, 0.58)
		}
		return hsl(networkHue(i), 0.55, 0.45)
	}
	for i, name := range l.networks {
		line := &canvas.Line{StrokeColor: shade(i), StrokeWidth: 3}
		text := widgets.NewText(name, theme.TextSmall, false, theme.ColorMuted).Elided()
		l.lines, l.names = append(l.lines, line), append(l.names, text)
		box.Add(line)
		box.Add(text)
	}
	for i, m := range t.Machines {
		var links []*canvas.Line
		var dots []*canvas.Circle
		for _, name := range m.Networks {
			n := slices.Index(l.networks, name)
			link, dot := &canvas.Line{StrokeColor: shade(n), StrokeWidth: 2}, &canvas.Circle{FillColor: shade(n)}
			links, dots = append(links, link), append(dots, dot)
			box.Add(link)
			box.Add(dot)
		}
		l.links, l.dots = append(l.links, links), append(l.dots, dots)
		icon, colour := "machine", fynetheme.ColorNameForeground
		if launched := t.machines[i]; launched != nil && launched.State.Active() {
			colour = theme.ColorRunning
		}
		label := widget.NewLabelWithStyle(m.Name, fyne.TextAlignCenter, fyne.TextStyle{})
		label.Truncation = fyne.TextTruncateEllipsis
		label.SizeName = fynetheme.SizeNameCaptionText
		machine := container.NewBorder(container.NewCenter(widgets.NewIcon(icon, 30, colour)), nil, nil, nil, label)
		l.machines = append(l.machines, machine)
		box.Add(machine)
	}
	return box
}

// MinSize implements fyne.Layout.
func (l *planLayout) MinSize([]fyne.CanvasObject) fyne.Size {
	return fyne.NewSize(planName+28*float32(len(l.machines)), planTop+planNetwork*float32(len(l.networks)))
}

// Layout implements fyne.Layout.
func (l *planLayout) Layout(_ []fyne.CanvasObject, size fyne.Size) {
	y := func(n int) float32 { return planTop + planNetwork*(float32(n)+0.5) }
	for n, line := range l.lines {
		line.Position1, line.Position2 = fyne.NewPos(planName, y(n)), fyne.NewPos(size.Width, y(n))
		height := l.names[n].MinSize().Height
		l.names[n].Resize(fyne.NewSize(planName-theme.Gap2, height))
		l.names[n].Move(fyne.NewPos(0, y(n)-height/2))
	}
	step := (size.Width - planName) / float32(max(1, len(l.machines)))
	for i, m := range l.machines {
		left := planName + step*float32(i)
		pad := fynetheme.InnerPadding() // a label's own, so that its text has the whole width
		m.Resize(fyne.NewSize(step-2+2*pad, planTop))
		m.Move(fyne.NewPos(left+1-pad, 0))
		for k, link := range l.links[i] {
			n := slices.Index(l.networks, l.t.Machines[i].Networks[k])
			x := left + step/2 + (float32(k)-float32(len(l.links[i])-1)/2)*min(14, step/5)
			link.Position1, link.Position2 = fyne.NewPos(x, planTop-planLabel), fyne.NewPos(x, y(n))
			l.dots[i][k].Resize(fyne.NewSquareSize(9))
			l.dots[i][k].Move(fyne.NewPos(x-4.5, y(n)-4.5))
		}
	}
}
