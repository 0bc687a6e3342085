package console

import (
	"image"
	"math"
	"time"

	"fyne.io/fyne/v2"

	"guesthouse/app/settings"
	"guesthouse/hypervisor/display"
	"guesthouse/ui/console/x11"
	"guesthouse/ui/dispatch"
	"guesthouse/ui/lang"
	"guesthouse/ui/widgets"
)

// scalings is every way to show the screen: its name in the settings, and in the menu.
var scalings = []struct {
	mode  Scaling
	name  string
	label string
}{
	{ScaleToFit, "fit", lang.Key("Fit to the window")},
	{ScaleToOnes, "exact", lang.Key("Exact size")},
	{ScaleWhole, "integer", lang.Key("Whole multiples")},
	{ScaleGuest, "guest", lang.Key("Guest follows the window")},
}

// scalingNamed returns the way that the settings name; without a name the screen fits.
func scalingNamed(name string) Scaling {
	for _, s := range scalings {
		if s.name == name {
			return s.mode
		}
	}
	return ScaleToFit
}

// scaling is what a window knows of a guest that should follow it.
type scaling struct {
	asked    image.Point // the last wish, zero for none
	source   display.Source
	deaf     bool // the guest did not follow in time
	deadline func()
}

// rest ends the wait for the guest.
func (k *scaling) rest() {
	if k.deadline != nil {
		k.deadline()
		k.deadline = nil
	}
}

// setScaling shows the screen in another way and remembers that for this machine.
func (w *Window) setScaling(mode Scaling) {
	w.display.SetScaling(mode)
	w.scaling.asked = image.Point{}
	w.scroll.Refresh()
	w.showScreen()
	w.display.Focus()
	w.rememberConsole(func(c *settings.Console) {
		for _, o := range scalings {
			if o.mode == mode {
				c.Scaling = o.name
			}
		}
	})
}

// toggleScaling changes between pixel for pixel and what was chosen before, or the whole screen in the window.
func (w *Window) toggleScaling() {
	if now := w.display.Scaling(); now == ScaleToOnes {
		w.setScaling(w.scaledBefore)
	} else {
		w.scaledBefore = now
		w.setScaling(ScaleToOnes)
	}
}

// viewMenu offers the ways to show the screen.
func (w *Window) viewMenu() *fyne.Menu {
	m := fyne.NewMenu("")
	for _, s := range scalings {
		label, reason := lang.L(s.label), ""
		if s.mode == ScaleToOnes {
			label += w.hostKeyHint("C")
		}
		if s.mode == ScaleGuest && w.body.live && !w.follows() {
			reason = lang.L("this guest does not")
		}
		item := widgets.MenuItem("", label, true, "", func() { w.setScaling(s.mode) })
		if reason != "" {
			item.Label += "  –  " + reason
		}
		item.Checked = w.display.Scaling() == s.mode
		m.Items = append(m.Items, item)
	}
	full := lang.L("Full screen")
	if w.win.FullScreen() {
		full = lang.L("Leave full screen")
	}
	adjust := widgets.MenuItem("", lang.L("Fit the window to the guest’s screen")+w.hostKeyHint("A"),
		w.display.GuestSize().X > 0 && !w.win.FullScreen(), "", w.adjust)
	m.Items = append(m.Items, fyne.NewMenuItemSeparator(), adjust, widgets.MenuItem("", full+w.hostKeyHint("F"), true, "", w.toggleFullScreen),
		fyne.NewMenuItemSeparator())
	m.Items = append(m.Items, w.connectionItems()...)
	return m
}

// hostKeyHint names the keys of a command behind its label.
func (w *Window) hostKeyHint(key string) string { return "   " + lang.F("(%s + %s)", w.hostKey, key) }

// follows reports whether the guest takes the window's size, as far as is known.
func (w *Window) follows() bool { return w.display.screen.can.Resize && !w.scaling.deaf }

// followTime is how long a guest may take to change its screen before the window says that it does not.
const followTime = 4 * time.Second

// askForSize asks a guest that should follow the window for a screen of that many pixels.
func (w *Window) askForSize(area image.Point) {
	if w.display.Scaling() != ScaleGuest || !w.body.live || !w.display.screen.can.Resize || area.X < minimumGuest.X || area.Y < minimumGuest.Y {
		return
	}
	_, source := w.link.get()
	if source == nil {
		return
	}
	want := image.Pt(area.X&^7, area.Y&^1) // widths that every graphics card has
	k := &w.scaling
	if want == k.asked && source == k.source {
		if k.deaf && w.display.GuestSize() == want {
			k.deaf = false
		}
		return
	}
	k.asked, k.source = want, source
	k.rest()
	if w.display.GuestSize() == want {
		k.deaf = false
		return
	}
	source.RequestSize(want.X, want.Y)
	k.deadline = dispatch.After(w.p.Dispatch, followTime, func() {
		k.deadline = nil
		if deaf := !near(want, w.display.GuestSize()); deaf != k.deaf {
			k.deaf = deaf
			w.showScreen()
		}
	})
}

// minimumGuest is the smallest screen that a guest is asked for.
var minimumGuest = image.Pt(320, 200)

// whyScaled says why the guest's picture has the size that it has, and who shows it.
func (w *Window) whyScaled() string {
	at, mode := w.display.at, w.display.Scaling()
	one := at.picture.Dx() == at.guest.X
	var why string
	switch {
	case mode == ScaleGuest && w.body.live && !w.follows():
		why = lang.L("It is fitted to the window: this guest does not follow the window’s size.")
	case mode == ScaleGuest && one:
		why = lang.L("It is shown pixel for pixel: the guest follows the window’s size.")
	case mode == ScaleToOnes:
		why = lang.L("It is shown pixel for pixel, as you chose.")
	case mode == ScaleWhole:
		why = lang.L("It is enlarged by a whole factor only, as you chose: that stays sharp.")
	case one:
		why = lang.L("It is shown pixel for pixel: it has just the window’s size.")
	case at.exact():
		why = lang.L("It is shown enlarged by a whole factor: that fills the window and stays sharp.")
	case at.picture.Dx() < at.guest.X:
		why = lang.F("It is made smaller to fit the window. %s + A fits the window to it.", w.hostKey)
	default:
		why = lang.F("It is enlarged to fill the window. %s + A fits the window to it.", w.hostKey)
	}
	if w.stage.view != nil {
		return why + " " + lang.L("The X server shows it from shared memory.")
	}
	return why + " " + lang.L("It is painted with the window.")
}

// stageChanged follows the X server's coming and going. Who asked for it by the environment hears why it does not work.
func (w *Window) stageChanged() {
	if w.closed {
		return
	}
	w.showScreen()
	if w.stage.fault != nil && w.stage.presenter == "x11" {
		w.say(notice{text: lang.F("The X server cannot show the picture: %s", w.stage.fault), fault: true})
	}
}

// prepareStage is called while the window is made: its X window is there before anything of it is painted. Where the screen will be is known
// by then, so a machine's first picture need not wait for the painting.
func (w *Window) prepareStage() {
	if w.ahead || w.expecting || w.closed || w.frame == nil || WindowHandle(w.win) == 0 || w.stage.showing {
		return
	}
	w.expecting = true
	if mode := w.display.mode; w.running && !mode.scrolls() && !w.text.on() {
		perUnit, size := w.display.pixelsPerUnit(), w.win.Canvas().Size()
		bar, status := w.layout.bars(w.frame.Objects)
		task := float32(0)
		if w.task.box.Visible() {
			task = (&taskLayout{w.layout}).width(size.Width)
		}
		area := pixels(fyne.NewPos(0, bar), size.SubtractWidthHeight(task, bar+status), perUnit)
		w.stage.expect(func(guest image.Point) x11.Layout {
			w.p.Dispatch.Do(w.show)
			return x11.Layout{Shown: true, Area: area, Picture: place(area.Size(), guest, mode, perUnit).picture.Add(area.Min)}
		})
	}
	w.stage.open(w.win)
}

// placePicture tells the stage where the picture lies and what lies over it. It is called whenever any of that may have changed.
func (w *Window) placePicture() {
	if w.closed || w.frame == nil {
		return
	}
	d, canvas, driver := w.display, w.win.Canvas(), fyne.CurrentApp().Driver()
	perUnit := d.pixelsPerUnit()
	gutter := d.gutters()
	at, size := driver.AbsolutePositionForObject(w.scroll), w.scroll.Size().Subtract(gutter)
	l := x11.Layout{
		Shown: w.scroll.Visible() && w.body.picture && !w.body.veil && w.body.title == "" && canvas.Overlays().Top() == nil,
		Area:  pixels(at, size, perUnit),
	}
	// Not where the toolkit says that the display is: while it scrolls it moves that only later.
	l.Picture = d.at.picture.Add(pixels(at.Subtract(w.scroll.Offset), fyne.Size{}, perUnit).Min)
	if w.layout.full {
		for _, bar := range []fyne.CanvasObject{w.bar.box, w.status.box} {
			if bar.Visible() {
				l.Holes = append(l.Holes, pixels(driver.AbsolutePositionForObject(bar), bar.Size(), perUnit).Intersect(l.Area))
			}
		}
	}
	if tip, size := widgets.TipArea(canvas); !size.IsZero() {
		l.Holes = append(l.Holes, rounded(pixels(tip, size, perUnit), int(widgets.TipRadius*perUnit))...)
	}
	w.stage.place(l, w.body.picture)
	d.ownPointer = w.stage.showing
	w.stage.setCursor(w.body.live, d.screen)
	w.askForSize(pixels(at, w.scroll.Size(), perUnit).Size())
}

// rounded is a rectangle with rounded corners, as rectangles that lie inside it.
func rounded(r image.Rectangle, radius int) []image.Rectangle {
	parts := []image.Rectangle{{Min: r.Min.Add(image.Pt(0, radius)), Max: r.Max.Sub(image.Pt(0, radius))}}
	for row := range radius {
		up := float64(radius-row) - 0.5 // from the corner's centre
		in := radius - int(math.Sqrt(float64(radius*radius)-up*up))
		parts = append(parts, image.Rect(r.Min.X+in, r.Min.Y+row, r.Max.X-in, r.Min.Y+row+1),
			image.Rect(r.Min.X+in, r.Max.Y-row-1, r.Max.X-in, r.Max.Y-row))
	}
	return parts
}
