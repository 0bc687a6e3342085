package widgets

import (
	"math"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/driver/desktop"
	"fyne.io/fyne/v2/layout"
	fynetheme "fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"guesthouse/ui/lang"
	"guesthouse/ui/theme"
	"guesthouse/vmconfig"
)

// ZoneSlider chooses a number with a slider, whose track shows in green, amber and red what the host can
// give, or by typing it in the field beside. Both work with the keyboard: arrows move by one step,
// Page Up and Page Down by ten, Home and End to the ends.
type ZoneSlider struct {
	widget.BaseWidget
	// OnChanged is called with each new valid value that the user chose.
	OnChanged func(int64)
	// OnInvalid is called when what the user typed cannot be read; Fault says why.
	OnInvalid func(error)
	// OnKey, if set, sees each key first, in the slider and in the field; true means that it was dealt with.
	OnKey func(*fyne.KeyEvent) bool

	zones  vmconfig.Zones
	step   int64
	log    bool
	value  int64
	err    error
	fault  string
	parse  func(string) (int64, error)
	format func(int64) string

	track *zoneTrack
	entry *Entry
	note  *widget.RichText
	ends  [2]*Text
	box   *fyne.Container
}

// logRatio is the ratio of the ends from which on the slider's scale is logarithmic.
const logRatio = 100_000

// NewZoneSlider returns a slider over zones in steps of step. parse reads what was typed, format writes a value.
func NewZoneSlider(zones vmconfig.Zones, step int64, parse func(string) (int64, error), format func(int64) string) *ZoneSlider {
	z := &ZoneSlider{step: max(step, 1), parse: parse, format: format, note: widget.NewRichText()}
	z.track = newZoneTrack(z)
	z.entry = NewEntry()
	z.entry.OnChanged = z.typed
	z.entry.OnFocus = func(focused bool) {
		if !focused && z.err == nil {
			z.writeEntry()
		}
	}
	z.entry.OnKey = func(e *fyne.KeyEvent) bool {
		if z.OnKey != nil && z.OnKey(e) {
			return true
		}
		switch e.Name {
		case fyne.KeyUp, fyne.KeyDown, fyne.KeyPageUp, fyne.KeyPageDown:
			z.key(e.Name)
			return true
		}
		return false
	}
	z.note.Wrapping = fyne.TextWrapWord
	z.note.Hide()
	for i := range z.ends {
		z.ends[i] = NewText("", theme.TextSmall, false, theme.ColorMuted)
	}
	scale := container.NewVBox(z.track, container.NewBorder(nil, nil, z.ends[0], z.ends[1]))
	field := container.NewVBox(container.NewGridWrap(fyne.NewSize(120, z.entry.MinSize().Height), z.entry))
	z.box = container.New(layout.NewCustomPaddedVBoxLayout(0), container.NewBorder(nil, nil, nil, field, scale), z.note)
	z.ExtendBaseWidget(z)
	z.SetZones(zones)
	z.SetValue(zones.Min)
	return z
}

// SetZones changes the ends and bands; the value stays.
func (z *ZoneSlider) SetZones(zones vmconfig.Zones) {
	z.zones = zones
	z.log = zones.Min > 0 && zones.Max/zones.Min >= logRatio
	z.ends[0].SetText(z.format(zones.Min))
	z.ends[1].SetText(z.format(zones.Max))
	z.track.Refresh()
}

// Value returns the last valid value.
func (z *ZoneSlider) Value() int64 { return z.value }

// Err returns why what was typed last cannot be used, nil when it can.
func (z *ZoneSlider) Err() error { return z.err }

// SetValue shows a value without calling OnChanged. A value outside the zones is kept as it is.
func (z *ZoneSlider) SetValue(v int64) {
	z.value, z.err = v, nil
	z.writeEntry()
	z.showNote()
	z.track.Refresh()
}

// SetFault shows what is wrong with the value below the slider; empty clears it.
func (z *ZoneSlider) SetFault(text string) {
	z.fault = text
	z.showNote()
}

// Fault returns what is shown as wrong.
func (z *ZoneSlider) Fault() string {
	if z.err != nil {
		return z.err.Error()
	}
	return z.fault
}

// Entry returns the field, so that a dialog can give it the focus.
func (z *ZoneSlider) Entry() *Entry { return z.entry }

// SetEnabled enables or disables both parts.
func (z *ZoneSlider) SetEnabled(on bool) {
	z.track.disabled = !on
	if on {
		z.entry.Enable()
	} else {
		z.entry.Disable()
	}
	z.track.Refresh()
}

// CreateRenderer implements fyne.Widget.
func (z *ZoneSlider) CreateRenderer() fyne.WidgetRenderer { return widget.NewSimpleRenderer(z.box) }

func (z *ZoneSlider) writeEntry() {
	changed := z.entry.OnChanged
	z.entry.OnChanged = nil
	z.entry.SetText(z.format(z.value))
	z.entry.OnChanged = changed
}

func (z *ZoneSlider) typed(text string) {
	v, err := z.parse(text)
	z.err = err
	if err == nil {
		z.value = v
		z.track.Refresh()
	}
	z.showNote()
	switch {
	case err == nil && z.OnChanged != nil:
		z.OnChanged(v)
	case err != nil && z.OnInvalid != nil:
		z.OnInvalid(err)
	}
}

func (z *ZoneSlider) showNote() {
	text := lang.L(z.Fault())
	z.note.Segments = []widget.RichTextSegment{&widget.TextSegment{Text: text, Style: widget.RichTextStyle{
		ColorName: fynetheme.ColorNameError, SizeName: fynetheme.SizeNameCaptionText,
	}}}
	if text == "" {
		z.note.Hide()
	} else {
		z.note.Show()
	}
	z.note.Refresh()
	z.Refresh()
}

// choose sets a value that came from the slider or the keys.
func (z *ZoneSlider) choose(v int64) {
	v = min(max(v, z.zones.Min), z.zones.Max)
	if v == z.value && z.err == nil {
		return
	}
	z.SetValue(v)
	if z.OnChanged != nil {
		z.OnChanged(v)
	}
}

// snap rounds to a whole number of steps, except at the ends. Far down a logarithmic scale the steps are finer.
func (z *ZoneSlider) snap(v int64) int64 {
	if v <= z.zones.Min || v >= z.zones.Max {
		return v
	}
	step := z.step
	for z.log && step > 1 && v < 4*step {
		step /= 2
	}
	return min(max((v+step/2)/step*step, z.zones.Min), z.zones.Max)
}

func (z *ZoneSlider) key(name fyne.KeyName) {
	switch name {
	case fyne.KeyLeft, fyne.KeyDown:
		z.choose(z.stepped(-1))
	case fyne.KeyRight, fyne.KeyUp:
		z.choose(z.stepped(1))
	case fyne.KeyPageDown:
		z.choose(z.stepped(-10))
	case fyne.KeyPageUp:
		z.choose(z.stepped(10))
	case fyne.KeyHome:
		z.choose(z.zones.Min)
	case fyne.KeyEnd:
		z.choose(z.zones.Max)
	}
}

// stepped returns the value n steps on, on the grid of steps.
func (z *ZoneSlider) stepped(n int64) int64 {
	base := z.value / z.step
	if n < 0 && z.value%z.step != 0 {
		base++ // the first step down from between two marks goes to the lower one
	}
	return (base + n) * z.step
}

// fraction is where a value lies on the track, 0 to 1.
func (z *ZoneSlider) fraction(v int64) float64 {
	lo, hi := float64(z.zones.Min), float64(z.zones.Max)
	if hi <= lo {
		return 0
	}
	f := (float64(v) - lo) / (hi - lo)
	if z.log {
		f = math.Log(max(float64(v), lo)/lo) / math.Log(hi/lo)
	}
	return min(max(f, 0), 1)
}

// at is the value at a place on the track.
func (z *ZoneSlider) at(f float64) int64 {
	f = min(max(f, 0), 1)
	lo, hi := float64(z.zones.Min), float64(z.zones.Max)
	if z.log {
		return z.snap(int64(lo * math.Pow(hi/lo, f)))
	}
	return z.snap(int64(lo + f*(hi-lo)))
}

// zoneTrack is the slider itself.
type zoneTrack struct {
	widget.BaseWidget
	z                 *ZoneSlider
	focused, disabled bool
	hovered           bool
}

var (
	_ fyne.Draggable    = (*zoneTrack)(nil)
	_ fyne.Tappable     = (*zoneTrack)(nil)
	_ fyne.Focusable    = (*zoneTrack)(nil)
	_ fyne.Disableable  = (*zoneTrack)(nil)
	_ desktop.Hoverable = (*zoneTrack)(nil)
)

func newZoneTrack(z *ZoneSlider) *zoneTrack {
	t := &zoneTrack{z: z}
	t.ExtendBaseWidget(t)
	return t
}

const (
	thumbSize   float32 = 18
	trackHeight float32 = 6
)

func (t *zoneTrack) moveTo(x float32) {
	width := t.Size().Width - thumbSize
	if !t.disabled && width > 0 {
		t.z.choose(t.z.at(float64((x - thumbSize/2) / width)))
	}
}

// Tapped implements fyne.Tappable.
func (t *zoneTrack) Tapped(e *fyne.PointEvent) {
	if c := fyne.CurrentApp().Driver().CanvasForObject(t); c != nil && !t.disabled {
		c.Focus(t)
	}
	t.moveTo(e.Position.X)
}

// Dragged implements fyne.Draggable.
func (t *zoneTrack) Dragged(e *fyne.DragEvent) { t.moveTo(e.Position.X) }

// DragEnd implements fyne.Draggable.
func (t *zoneTrack) DragEnd() {}

// Enable implements fyne.Disableable.
func (t *zoneTrack) Enable() { t.disabled = false; t.Refresh() }

// Disable implements fyne.Disableable: a disabled track is left out of the focus order.
func (t *zoneTrack) Disable() { t.disabled = true; t.Refresh() }

// Disabled implements fyne.Disableable.
func (t *zoneTrack) Disabled() bool { return t.disabled }

func (t *zoneTrack) FocusGained()                   { t.focused = true; focusGained(t); t.Refresh() }
func (t *zoneTrack) FocusLost()                     { t.focused = false; focusLost(t); t.Refresh() }
func (t *zoneTrack) TypedRune(rune)                 {}
func (t *zoneTrack) MouseIn(*desktop.MouseEvent)    { t.hovered = true; t.Refresh() }
func (t *zoneTrack) MouseMoved(*desktop.MouseEvent) {}
func (t *zoneTrack) MouseOut()                      { t.hovered = false; t.Refresh() }

func (t *zoneTrack) TypedKey(e *fyne.KeyEvent) {
	switch {
	case t.z.OnKey != nil && t.z.OnKey(e):
	case e.Name == fyne.KeyEscape:
		DismissModal(t)
	case !t.disabled:
		t.z.key(e.Name)
	}
}

func (t *zoneTrack) CreateRenderer() fyne.WidgetRenderer {
	r := &zoneTrackRenderer{t: t, thumb: &canvas.Circle{}, halo: &canvas.Circle{}}
	for i := range r.bands {
		r.bands[i] = &canvas.Rectangle{}
	}
	r.update()
	return r
}

type zoneTrackRenderer struct {
	t           *zoneTrack
	bands       [3]*canvas.Rectangle
	thumb, halo *canvas.Circle
}

func (r *zoneTrackRenderer) MinSize() fyne.Size { return fyne.NewSize(160, thumbSize+8) }

func (r *zoneTrackRenderer) Layout(size fyne.Size) {
	width := float64(size.Width - thumbSize)
	z := r.t.z
	ends := [4]float64{0, z.fraction(z.zones.Green), z.fraction(z.zones.Amber), 1}
	middle := size.Height / 2
	for i, band := range r.bands {
		left, right := thumbSize/2+float32(width*ends[i]), thumbSize/2+float32(width*ends[i+1])
		band.Move(fyne.NewPos(left, middle-trackHeight/2))
		band.Resize(fyne.NewSize(max(0, right-left), trackHeight))
	}
	x := float32(width * z.fraction(z.value))
	r.thumb.Resize(fyne.NewSquareSize(thumbSize))
	r.thumb.Move(fyne.NewPos(x, middle-thumbSize/2))
	r.halo.Resize(fyne.NewSquareSize(thumbSize + 8))
	r.halo.Move(fyne.NewPos(x-4, middle-thumbSize/2-4))
}

func (r *zoneTrackRenderer) update() {
	names := [3]fyne.ThemeColorName{theme.ColorZoneGreen, theme.ColorZoneAmber, theme.ColorZoneRed}
	for i, band := range r.bands {
		band.FillColor = theme.Color(names[i])
		if r.t.disabled {
			band.FillColor = theme.Color(fynetheme.ColorNameDisabled)
		}
	}
	r.thumb.FillColor = theme.Color(theme.ColorSurface)
	r.thumb.StrokeColor = theme.Color(fynetheme.ColorNamePrimary)
	if r.t.disabled {
		r.thumb.StrokeColor = theme.Color(fynetheme.ColorNameDisabled)
	}
	r.thumb.StrokeWidth = 4
	r.halo.FillColor = transparent
	r.halo.StrokeColor, r.halo.StrokeWidth = transparent, 0
	switch {
	case r.t.focused:
		r.halo.StrokeColor, r.halo.StrokeWidth = theme.Color(fynetheme.ColorNamePrimary), theme.FocusWidth
	case r.t.hovered && !r.t.disabled:
		r.halo.FillColor = theme.Color(fynetheme.ColorNameHover)
	}
}

func (r *zoneTrackRenderer) Refresh() {
	r.update()
	r.Layout(r.t.Size())
	for _, o := range r.Objects() {
		canvas.Refresh(o)
	}
}

func (r *zoneTrackRenderer) Objects() []fyne.CanvasObject {
	return []fyne.CanvasObject{r.bands[0], r.bands[1], r.bands[2], r.halo, r.thumb}
}
func (r *zoneTrackRenderer) Destroy() {}
