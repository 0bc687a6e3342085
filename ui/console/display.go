package console

import (
	"image"
	"image/color"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/driver/desktop"
	fynetheme "fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"guesthouse/hypervisor/display"
	"guesthouse/hypervisor/keymap"
	"guesthouse/ui/dispatch"
)

// Input is what a Display feeds with keys and pointer: the part of a display.Source that never waits.
type Input interface {
	Key(qnum, keysym uint32, down bool)
	Pointer(x, y int, buttons display.ButtonMask)
	Relative(dx, dy int, buttons display.ButtonMask)
	ReleaseAll()
}

// surroundColor lies around the guest's picture in both themes: a bright surround makes a dark screen hard to read.
var surroundColor = color.NRGBA{R: 0x0b, G: 0x0e, B: 0x11, A: 0xff}

// veilColor dims a picture that is not live.
var veilColor = color.NRGBA{R: 0x0b, G: 0x0e, B: 0x11, A: 0xa8}

// Display shows a guest's screen and turns keys and mouse into what the guest's devices report. It never takes the initiative: pixels come
// from its frames, and whoever owns it says with SetInput who takes the input. UI goroutine only.
type Display struct {
	widget.BaseWidget

	// canvas is the window's; nil: the one that the toolkit finds, which it does only once the widget has been painted.
	canvas fyne.Canvas

	frames *frames
	screen screen // as of the last onScreen
	at     placement
	mode   Scaling
	// viewport is the size of the part of the widget that a scroll container shows; nil: all of it.
	viewport func() fyne.Size
	// ownPointer says that the guest's pointer shape is shown by other means than Cursor.
	ownPointer bool

	input    Input // nil: nobody takes input
	keyboard *keyboard
	mouse    mouse
	relative relative // of a guest that only knows movements, while the pointer is captured
	// steered reports whether the guest's pointer moves only while it is captured; nil: no.
	steered  func() bool
	scanBase scanBase

	// elsewhere gives the keyboard to what is shown instead of the screen, and reports whether there is such a thing. It may be nil.
	elsewhere func() bool
	// OnScreen is called when size, pointer or lamps of the guest's screen changed, OnPlaced when the picture was placed anew, OnPointer when
	// the pointer moved inside the widget, with its place in the window.
	OnScreen  func()
	OnPlaced  func()
	OnPointer func(pos fyne.Position)
	// OnFocus is called when the keyboard came or went elsewhere, while it does.
	OnFocus func(on bool)
	// OnHost is called when the host key asks for something, OnIdle when a key went up, OnCapture when the pointer is to be captured.
	OnHost    func(hostAct)
	OnIdle    func()
	OnCapture func()

	raster   *canvas.Raster
	surround *canvas.Rectangle
}

// Everything a Display has to be; a mistyped method would just switch the feature off.
var (
	_ fyne.Widget        = (*Display)(nil)
	_ fyne.Focusable     = (*Display)(nil)
	_ fyne.Tabbable      = (*Display)(nil)
	_ fyne.Shortcutable  = (*Display)(nil)
	_ fyne.Draggable     = (*Display)(nil)
	_ fyne.Scrollable    = (*Display)(nil)
	_ desktop.Keyable    = (*Display)(nil)
	_ desktop.Mouseable  = (*Display)(nil)
	_ desktop.Hoverable  = (*Display)(nil)
	_ desktop.Cursorable = (*Display)(nil)
)

func newDisplay(d dispatch.Dispatcher) *Display {
	w := &Display{
		frames: newFrames(d), OnScreen: func() {}, OnPlaced: func() {}, OnPointer: func(fyne.Position) {}, OnFocus: func(bool) {},
		OnHost: func(hostAct) {}, OnIdle: func() {}, OnCapture: func() {},
	}
	w.keyboard = newKeyboard([]uint16{keymap.RightCtrl}, isHostCommand)
	w.raster = canvas.NewRaster(w.picture)
	w.surround = canvas.NewRectangle(surroundColor)
	w.frames.onFrame = w.raster.Refresh
	w.frames.onScreen = w.screenChanged
	w.ExtendBaseWidget(w)
	return w
}

// SetInput says who takes keys and pointer from now on; nil: nobody. What is down in the guest that had it is released.
func (d *Display) SetInput(in Input) {
	if in == d.input {
		return
	}
	d.ReleaseAll()
	d.mouse = mouse{}
	d.input = in
	if in == nil {
		d.keyboard.setInput(nil) // an interface that holds nil is not nil
	} else {
		d.keyboard.setInput(in)
	}
	d.relative.setInput(in)
}

// Scaling returns how the screen is fitted into the widget.
func (d *Display) Scaling() Scaling { return d.mode }

// SetScaling changes how the screen is fitted into the widget.
func (d *Display) SetScaling(mode Scaling) {
	if d.mode != mode {
		d.mode = mode
		d.Refresh()
	}
}

// GuestSize is the size of the guest's screen in guest pixels, zero before the first picture.
func (d *Display) GuestSize() image.Point { return d.screen.size }

// UnitsFor returns the size in Fyne units that shows a guest screen of that size pixel for pixel.
func (d *Display) UnitsFor(guest image.Point) fyne.Size {
	s := d.pixelsPerUnit()
	return fyne.NewSize(float32(float64(guest.X)/s), float32(float64(guest.Y)/s))
}

// gutters is the room beside the picture that its scroll bars need, so that they hide nothing of it: zero where it is not scrolled.
func (d *Display) gutters() fyne.Size {
	if d.viewport == nil || !d.mode.scrolls() {
		return fyne.Size{}
	}
	room, need := d.viewport(), d.UnitsFor(d.screen.size)
	const slack = 0.5 // Fyne's units of a size in whole pixels
	bar := d.Theme().Size(fynetheme.SizeNameScrollBar)
	var g fyne.Size
	wide := need.Width > room.Width+slack
	if wide {
		g.Height = bar
	}
	if need.Height+g.Height > room.Height+slack {
		g.Width = bar
		if !wide && need.Width+g.Width > room.Width+slack {
			g.Height = bar
		}
	}
	return g
}

// picture is the raster's generator. It runs while the window is painted.
func (d *Display) picture(int, int) image.Image {
	if img := d.frames.paint(); img != nil {
		return img
	}
	return image.NewUniform(surroundColor)
}

// screenChanged follows size, cursor, pointer mode and lamps.
func (d *Display) screenChanged() {
	old := d.screen
	d.screen = d.frames.screen()
	if d.screen.ledsSeq != old.ledsSeq {
		d.keyboard.setLEDs(d.screen.leds)
	}
	if d.screen.size != old.size {
		d.Refresh()
	}
	d.OnScreen()
}

// pixelsPerUnit asks the canvas how many host pixels a Fyne unit has; it changes when the window moves to another monitor. It does not
// use Canvas.Scale, which on Wayland is only a part of it.
func (d *Display) pixelsPerUnit() float64 {
	const long = 10000
	c := d.canvas
	if c == nil {
		c = fyne.CurrentApp().Driver().CanvasForObject(d)
	}
	if c != nil {
		if x, _ := c.PixelCoordinateForPosition(fyne.NewPos(long, 0)); x > 0 {
			return float64(x) / long
		}
	}
	return 1
}

// FocusGained implements fyne.Focusable.
func (d *Display) FocusGained() { d.OnFocus(true) }

// FocusLost implements fyne.Focusable. The toolkit does not tell us of the releases that happen elsewhere, so everything is released now.
func (d *Display) FocusLost() {
	d.ReleaseAll()
	d.OnFocus(false)
}

// ReleaseAll lets go of every key and button in the guest. Call it before a menu or dialog opens: Fyne sends keys there from then on, but
// does not take the focus away.
func (d *Display) ReleaseAll() {
	d.keyboard.releaseAll()
	d.mouse.buttons = 0
	d.relative.release()
	if d.input != nil {
		d.input.ReleaseAll()
	}
}

// AcceptsTab implements fyne.Tabbable: Tab belongs to the guest. While nobody takes keys it leads to the buttons.
func (d *Display) AcceptsTab() bool { return d.input != nil }

// KeyDown implements desktop.Keyable.
func (d *Display) KeyDown(e *fyne.KeyEvent) { d.hosted(d.keyboard.press(d.evdev(e))) }

// KeyUp implements desktop.Keyable.
func (d *Display) KeyUp(e *fyne.KeyEvent) {
	d.hosted(d.keyboard.release(d.evdev(e)))
	d.OnIdle()
}

func (d *Display) hosted(act hostAct) {
	if act != (hostAct{}) {
		d.OnHost(act)
	}
}

// TypedKey implements fyne.Focusable: it follows each press, and comes alone when a key repeats.
func (d *Display) TypedKey(*fyne.KeyEvent) { d.keyboard.typed() }

// TypedShortcut implements fyne.Shortcutable, so that Ctrl, Alt and Super combinations are no shortcuts of the window. It comes in place of
// TypedKey while such a modifier is held.
func (d *Display) TypedShortcut(fyne.Shortcut) { d.keyboard.typed() }

// TypedRune implements fyne.Focusable. Keys go to the guest, not characters.
func (d *Display) TypedRune(rune) {}

func (d *Display) evdev(e *fyne.KeyEvent) uint16 {
	return d.scanBase.evdev(d, e.Physical.ScanCode)
}

// Focus gives the keyboard to the guest.
func (d *Display) Focus() {
	if d.elsewhere != nil && d.elsewhere() {
		return
	}
	if c := fyne.CurrentApp().Driver().CanvasForObject(d); c != nil {
		c.Focus(d)
	}
}

// CreateRenderer implements fyne.Widget.
func (d *Display) CreateRenderer() fyne.WidgetRenderer { return &displayRenderer{d} }

// minimum keeps the window large enough for its toolbar.
var minimum = fyne.NewSize(320, 200)

type displayRenderer struct{ d *Display }

// Layout puts the picture where place says. The widget itself lies on whole pixels (see frameLayout), so the picture does too.
func (r *displayRenderer) Layout(size fyne.Size) {
	d := r.d
	s := d.pixelsPerUnit()
	area := image.Pt(int(float64(size.Width)*s+0.5), int(float64(size.Height)*s+0.5))
	gutter := d.gutters()
	area = area.Sub(image.Pt(int(gutter.Width*float32(s)+0.5), int(gutter.Height*float32(s)+0.5)))
	at := place(area, d.screen.size, d.mode, s)
	changed := at != d.at
	d.at = at
	d.raster.ScaleMode = canvas.ImageScaleFastest
	if d.at.exact() {
		d.raster.ScaleMode = canvas.ImageScalePixels
	}
	pos, extent := d.at.bounds()
	d.raster.Move(pos)
	d.raster.Resize(extent)
	d.raster.Hidden = d.at.picture.Empty()
	d.surround.Resize(size)
	if changed {
		d.OnPlaced()
	}
}

func (r *displayRenderer) MinSize() fyne.Size {
	if r.d.mode.scrolls() && r.d.screen.size.X > 0 {
		return r.d.UnitsFor(r.d.screen.size).Max(fyne.NewSize(1, 1)).Add(r.d.gutters())
	}
	return minimum
}

func (r *displayRenderer) Refresh() {
	r.Layout(r.d.Size())
	r.d.surround.FillColor = surroundColor
	r.d.surround.Refresh()
	r.d.raster.Refresh()
}

func (r *displayRenderer) Objects() []fyne.CanvasObject {
	return []fyne.CanvasObject{r.d.surround, r.d.raster}
}

func (r *displayRenderer) Destroy() {}
