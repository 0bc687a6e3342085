package console

import (
	"image"
	"math"

	"fyne.io/fyne/v2"
)

// Scaling says how the guest's screen is fitted into the window.
type Scaling int

// The ways to show a screen.
const (
	ScaleToFit  Scaling = iota // as large as the window allows, shape kept
	ScaleToOnes                // one guest pixel is one pixel of the host's screen
	ScaleWhole                 // one guest pixel is a square of as many pixels as the window allows
	ScaleGuest                 // the guest is asked for a screen of the window's size; until it follows as ScaleToFit
)

// scrolls reports whether a screen that is larger than the window is shown in part, with scroll bars.
func (s Scaling) scrolls() bool { return s == ScaleToOnes || s == ScaleWhole }

// A placement says where the guest's screen lies inside the display widget. Everything is in pixels of the host's screen (what
// Canvas.PixelCoordinateForPosition counts), since Fyne's own units are fractions of them.
type placement struct {
	perUnit float64         // host pixels per Fyne unit
	picture image.Rectangle // of the whole guest screen, relative to the widget
	guest   image.Point     // size of the guest's screen, guest pixels
}

// place puts a guest screen into an area of host pixels, centred. A screen that is larger than the area begins at its corner.
func place(area, guest image.Point, mode Scaling, perUnit float64) placement {
	p := placement{perUnit: perUnit, guest: guest}
	if guest.X <= 0 || guest.Y <= 0 || area.X <= 0 || area.Y <= 0 {
		return p
	}
	size := guest
	switch mode {
	case ScaleToFit:
		size = fit(area, guest)
	case ScaleWhole:
		size = guest.Mul(max(1, min(area.X/guest.X, area.Y/guest.Y)))
	case ScaleGuest:
		if !near(area, guest) {
			size = fit(area, guest)
		}
	}
	corner := image.Pt(max(0, (area.X-size.X)/2), max(0, (area.Y-size.Y)/2))
	p.picture = image.Rectangle{Min: corner, Max: corner.Add(size)}
	return p
}

// near reports whether a guest has followed the window as closely as it can: many only have widths that are multiples of 8 or 16.
func near(area, guest image.Point) bool {
	const most = 16
	missing := area.Sub(guest)
	return missing.X >= 0 && missing.X < most && missing.Y >= 0 && missing.Y < most
}

// fit returns the largest size with the guest's shape inside area. A window made for the guest's size may miss it by a pixel through rounding
// of Fyne's units; then the exact size is taken, since a sharp picture is worth more than a pixel of surround.
func fit(area, guest image.Point) image.Point {
	k := math.Min(float64(area.X)/float64(guest.X), float64(area.Y)/float64(guest.Y))
	if n := math.Round(k); n >= 1 {
		exact := guest.Mul(int(n))
		slack := math.Abs(k-n) * float64(max(guest.X, guest.Y))
		if slack <= 1 && exact.X <= area.X+1 && exact.Y <= area.Y+1 {
			return exact
		}
	}
	return image.Pt(max(1, int(math.Round(float64(guest.X)*k))), max(1, int(math.Round(float64(guest.Y)*k))))
}

// exact reports whether every guest pixel covers the same whole number of host pixels.
func (p placement) exact() bool {
	s := p.picture.Size()
	return p.guest.X > 0 && s.X >= p.guest.X && s.X%p.guest.X == 0 && s.Y == p.guest.Y*(s.X/p.guest.X)
}

// bounds returns the picture's place and size in Fyne units, relative to the widget.
func (p placement) bounds() (fyne.Position, fyne.Size) {
	unit := func(px int) float32 { return float32(float64(px) / p.perUnit) }
	return fyne.NewPos(unit(p.picture.Min.X), unit(p.picture.Min.Y)), fyne.NewSize(unit(p.picture.Dx()), unit(p.picture.Dy()))
}

// toGuest is the one way from a position inside the widget to a guest pixel. Positions beside the picture give its nearest pixel and inside
// false. Positions come as whole host pixels divided by perUnit, so they are rounded back before they are scaled; the middle of the host
// pixel decides.
func (p placement) toGuest(pos fyne.Position) (x, y int, inside bool) {
	if p.picture.Empty() {
		return 0, 0, false
	}
	axis := func(v float32, low, length, guest int) (int, bool) {
		px := int(math.Round(float64(v)*p.perUnit)) - low
		g := int(math.Floor((float64(px) + 0.5) * float64(guest) / float64(length)))
		return min(max(g, 0), guest-1), px >= 0 && px < length
	}
	var inX, inY bool
	x, inX = axis(pos.X, p.picture.Min.X, p.picture.Dx(), p.guest.X)
	y, inY = axis(pos.Y, p.picture.Min.Y, p.picture.Dy(), p.guest.Y)
	return x, y, inX && inY
}
