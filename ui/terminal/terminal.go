package terminal

import (
	"image/color"
	"strings"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/driver/desktop"
	"fyne.io/fyne/v2/widget"

	"guesthouse/hypervisor/vt"
	"guesthouse/ui/dispatch"
)

const (
	// Scrollback is how many lines are kept above the screen.
	Scrollback = 10000
	// framePause is the least time between two repaints.
	framePause = time.Second / 30

	textSize, smallestText, largestText = 14, 7, 40
	padding                             = 6  // round the text, Fyne units
	barWidth                            = 12 // room for the scroll bar
)

// Options is what a Terminal works with. Dispatch and Send must be set.
type Options struct {
	Dispatch dispatch.Dispatcher
	// Send takes bytes for the guest. It must not wait; it may be called on any goroutine.
	Send func([]byte)
	// Clipboard is the host's; nil: there is none.
	Clipboard fyne.Clipboard
	// ReadClipboard reads the host's clipboard where that can take a while: it must not wait, and calls then once, at once or later, on the UI
	// goroutine; an empty text is none. nil: the Clipboard is asked, which waits for the program that owns it.
	ReadClipboard func(then func(text string))
	// Intercept sees every key first, as pressed or released; true keeps it from the guest. It may be nil.
	Intercept func(e *fyne.KeyEvent, down bool) bool
	// Menu returns further entries for the context menu. It may be nil.
	Menu func() []*fyne.MenuItem
	// Pointer gets where the pointer is, in the window. It may be nil.
	Pointer func(fyne.Position)
	// FocusLost is called after the keyboard went elsewhere. It may be nil.
	FocusLost func()
}

// Terminal is the widget.
type Terminal struct {
	widget.BaseWidget
	o       Options
	screen  *vt.Terminal
	changed func() // any goroutine

	size    float32 // of the text
	scale   float32 // pixels per Fyne unit
	glyphs  *glyphs
	palette *palette
	light   bool
	look    int // counts changes of glyphs and palette

	frame   vt.Frame
	top     int // line number of the first row; -1: follow the end
	painted time.Time
	paints  int    // how often it was painted
	pending func() // cancels the repaint that is due; nil: none is
	focused bool

	selecting  selection
	drag       dragging
	button     int        // that is down, with dragReport
	mouseAt    mousePlace // where the guest was told last that it is
	wheel      float32
	swallow    bool   // the key that was pressed last is not for the guest
	pasting    bool   // the clipboard is being read
	typedOn    []byte // meanwhile
	lastClick  time.Time
	clicks     int
	clickPlace vt.Pos

	// renderer's, since a widget of this kind is shown once
	rows     []*row
	spare    []*row
	pictures []fyne.CanvasObject
	back     *canvas.Rectangle
	cursor   *cursor
	thumb    *canvas.Rectangle
}

var (
	_ fyne.Focusable     = (*Terminal)(nil)
	_ fyne.Tabbable      = (*Terminal)(nil)
	_ fyne.Shortcutable  = (*Terminal)(nil)
	_ fyne.Scrollable    = (*Terminal)(nil)
	_ fyne.Draggable     = (*Terminal)(nil)
	_ desktop.Keyable    = (*Terminal)(nil)
	_ desktop.Mouseable  = (*Terminal)(nil)
	_ desktop.Cursorable = (*Terminal)(nil)
	_ desktop.Hoverable  = (*Terminal)(nil)
)

// New returns a terminal.
func New(o Options) *Terminal {
	t := &Terminal{o: o, size: textSize, scale: 1, top: -1, back: canvas.NewRectangle(color.Black), thumb: canvas.NewRectangle(color.White)}
	t.thumb.CornerRadius = 3
	t.thumb.Hidden = true
	t.screen = vt.New(80, 24, Scrollback, o.Send)
	t.changed = dispatch.Coalesce(o.Dispatch, t.paintSoon)
	t.cursor = newCursor(t)
	t.ExtendBaseWidget(t)
	t.prepare()
	return t
}

// Write shows bytes of the guest. It may be called from any goroutine but the UI's, and never fails.
func (t *Terminal) Write(p []byte) (int, error) {
	n, err := t.screen.Write(p)
	t.changed()
	return n, err
}

// Divide draws a line with a text between what was before and what comes; see vt.Terminal. It may be called from any goroutine.
func (t *Terminal) Divide(text string) {
	t.screen.Divide(text)
	t.changed()
}

// Text returns all that the terminal remembers. It may be called from any goroutine.
func (t *Terminal) Text() string { return t.screen.All() }

// ShownLines returns the text of the rows as they were painted last.
func (t *Terminal) ShownLines() []string {
	lines := make([]string, len(t.frame.Lines))
	for i, l := range t.frame.Lines {
		lines[i] = strings.TrimRight(vt.Line(l.Cells), " ")
	}
	return lines
}

// GridSize returns how many columns and rows are shown.
func (t *Terminal) GridSize() (columns, rows int) { return t.screen.Size() }

// paintSoon paints now, or when the time between two repaints has passed.
func (t *Terminal) paintSoon() {
	if t.pending != nil {
		return
	}
	if wait := framePause - time.Since(t.painted); wait > 0 {
		t.pending = dispatch.After(t.o.Dispatch, wait, func() {
			t.pending = nil
			t.paint()
		})
		return
	}
	t.paint()
}

// prepare makes what drawing depends on: the font in this size, the colours of this theme.
func (t *Terminal) prepare() {
	if g, err := newGlyphs(float64(t.size * t.scale)); err == nil {
		t.glyphs = g
	}
	t.palette, t.light = newPalette(), isLight()
	t.look++
	b := t.palette.background
	t.back.FillColor = color.NRGBA{b.r, b.g, b.b, 255}
	f := t.palette.foreground
	t.thumb.FillColor = color.NRGBA{f.r, f.g, f.b, 110}
}

// cell is the size of a cell in Fyne units.
func (t *Terminal) cell() fyne.Size {
	return fyne.NewSize(float32(t.glyphs.width)/t.scale, float32(t.glyphs.height)/t.scale)
}

// fit gives the screen as many columns and rows as there is room for.
func (t *Terminal) fit(size fyne.Size) {
	cell := t.cell()
	columns := int((size.Width - padding - barWidth) / cell.Width)
	rows := int((size.Height - 2*padding) / cell.Height)
	if columns > 0 && rows > 0 {
		t.screen.Resize(columns, rows)
	}
}

// SetTextSize changes the size of the text, in Fyne units; 0 is the usual one.
func (t *Terminal) SetTextSize(size float32) {
	if size == 0 {
		size = textSize
	}
	size = max(smallestText, min(size, largestText))
	if size == t.size {
		return
	}
	t.size = size
	t.prepare()
	t.Refresh()
}

// TextSize returns the size of the text.
func (t *Terminal) TextSize() float32 { return t.size }

// ScrollTo shows line number top first; a negative number follows the end again.
func (t *Terminal) ScrollTo(top int) {
	t.top = top
	if top >= t.frame.Screen {
		t.top = -1
	}
	t.paint()
}

// scrollBy moves by lines; negative is back.
func (t *Terminal) scrollBy(lines int) {
	if t.frame.Alternate || lines == 0 {
		return
	}
	t.ScrollTo(max(t.frame.First, t.frame.Top+lines))
}

// Clear forgets what is above the line with the cursor.
func (t *Terminal) Clear() {
	t.screen.Clear()
	t.selecting = selection{}
	t.top = -1
	t.paint()
}

// send gives bytes to the guest and goes to the end, where their effect will be seen.
func (t *Terminal) send(b []byte) {
	if len(b) == 0 {
		return
	}
	if t.pasting { // what is typed after a paste arrives after it
		t.typedOn = append(t.typedOn, b...)
		return
	}
	t.o.Send(b)
	if t.top >= 0 {
		t.ScrollTo(-1)
	}
}

// Focus gives the keyboard to the terminal.
func (t *Terminal) Focus() {
	if c := fyne.CurrentApp().Driver().CanvasForObject(t); c != nil {
		c.Focus(t)
	}
}

// Cursor implements desktop.Cursorable.
func (t *Terminal) Cursor() desktop.Cursor {
	if t.screen.Mouse().Reports != vt.MouseNothing {
		return desktop.DefaultCursor
	}
	return desktop.TextCursor
}
