package terminal

import (
	"encoding/binary"
	"image"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"

	"guesthouse/hypervisor/vt"
)

// row is the picture of one line.
type row struct {
	picture *canvas.Raster
	pixels  *image.RGBA
	key     rowKey
}

// rowKey is all that the picture of a row depends on.
type rowKey struct {
	version     uint64
	from, until int // selected columns
	columns     int
	look        int
	reverse     bool
}

func newRow() *row {
	r := &row{pixels: image.NewRGBA(image.Rect(0, 0, 1, 1))}
	r.picture = canvas.NewRaster(func(int, int) image.Image { return r.pixels })
	r.picture.ScaleMode = canvas.ImageScalePixels
	return r
}

// paint brings the window up to date with the screen. Lines that are shown already keep their pictures, wherever they moved.
func (t *Terminal) paint() {
	t.painted = time.Now()
	t.paints++
	t.screen.Snapshot(&t.frame, t.top)
	f := &t.frame
	if t.top >= 0 {
		t.top = f.Top
		if f.Alternate {
			t.top = -1
			t.screen.Snapshot(f, -1)
		}
	}
	shown := make(map[rowKey]*row, len(t.rows))
	for _, r := range t.rows {
		shown[r.key] = r
	}
	keys := make([]rowKey, len(f.Lines))
	rows := make([]*row, len(f.Lines))
	for i, l := range f.Lines {
		from, until := t.selecting.columns(f.Top+i, f.Columns)
		keys[i] = rowKey{l.Version, from, until, f.Columns, t.look, f.Reverse}
		if r := shown[keys[i]]; r != nil {
			rows[i] = r
			delete(shown, keys[i])
		}
	}
	for _, r := range shown {
		t.spare = append(t.spare, r)
	}
	cell := t.cell()
	var changed []*row
	for i := range rows {
		r := rows[i]
		if r == nil {
			r = t.takeSpare()
			r.key = keys[i]
			t.draw(r, f.Lines[i].Cells)
			rows[i] = r
			changed = append(changed, r)
		}
		r.picture.Move(fyne.NewPos(padding, padding+float32(i)*cell.Height))
		r.picture.Resize(fyne.NewSize(cell.Width*float32(f.Columns), cell.Height))
	}
	t.rows = rows
	t.spare = t.spare[:min(len(t.spare), 2)]
	t.gather()
	for _, r := range changed {
		r.picture.Refresh()
	}
	t.cursor.place()
	t.placeThumb()
}

func (t *Terminal) takeSpare() *row {
	if n := len(t.spare); n > 0 {
		r := t.spare[n-1]
		t.spare = t.spare[:n-1]
		return r
	}
	return newRow()
}

// gather lists what is shown; the list is replaced, never changed, since the painter may hold the old one.
func (t *Terminal) gather() {
	t.pictures = make([]fyne.CanvasObject, 0, len(t.rows)+3)
	t.pictures = append(t.pictures, t.back)
	for _, r := range t.rows {
		t.pictures = append(t.pictures, r.picture)
	}
	t.pictures = append(t.pictures, t.cursor.picture, t.thumb)
}

// draw makes the picture of a line.
func (t *Terminal) draw(r *row, cells []vt.Cell) {
	g := t.glyphs
	size := image.Rect(0, 0, r.key.columns*g.width, g.height)
	if r.pixels.Rect != size {
		r.pixels = image.NewRGBA(size)
	}
	for x := range r.key.columns {
		c := vt.Cell{}
		if x < len(cells) {
			c = cells[x]
		}
		if c.Span == vt.Tail && x > 0 {
			continue // drawn with its first half
		}
		t.drawCell(r.pixels, x, c, x >= r.key.from && x < r.key.until, r.key.reverse)
	}
}

func (t *Terminal) drawCell(pixels *image.RGBA, column int, c vt.Cell, selected, reverse bool) {
	g := t.glyphs
	text, back := t.palette.of(c, selected, reverse)
	left, width := column*g.width, g.width
	if c.Span == vt.Wide {
		width = min(2*width, pixels.Rect.Dx()-left)
	}
	var cover []uint8
	stride := width
	if c.Rune != 0 && c.Rune != ' ' && text != back {
		p := g.glyph(c.Rune, c.Attr, c.Span == vt.Wide)
		cover, stride = p.cover, p.width
	}
	plain, full := back.word(), text.word()
	for y := range g.height {
		out := pixels.Pix[pixels.PixOffset(left, y):][: 4*width : 4*width]
		if cover == nil {
			for ; len(out) >= 4; out = out[4:] {
				binary.LittleEndian.PutUint32(out, plain)
			}
			continue
		}
		for _, a := range cover[y*stride:][:width] {
			w := plain
			switch a {
			case 0:
			case 255:
				w = full
			default:
				w = mixed(text, back, a).word()
			}
			binary.LittleEndian.PutUint32(out, w)
			out = out[4:]
		}
	}
	thick := max(1, g.height/16)
	if c.Attr&vt.Underline != 0 {
		fillRows(pixels, left, width, min(g.baseline+thick, g.height-thick), thick, text)
	}
	if c.Attr&vt.Strike != 0 {
		fillRows(pixels, left, width, g.baseline*2/3, thick, text)
	}
}

// mixed lays text over back with a coverage of 1 to 254.
func mixed(text, back rgb, a uint8) rgb {
	to := func(t, b uint8) uint8 { return uint8((uint32(t)*uint32(a) + uint32(b)*uint32(255-a) + 127) / 255) }
	return rgb{to(text.r, back.r), to(text.g, back.g), to(text.b, back.b)}
}

// word is an opaque pixel of an image.RGBA.
func (c rgb) word() uint32 {
	return uint32(c.r) | uint32(c.g)<<8 | uint32(c.b)<<16 | 0xff<<24
}

func fillRows(pixels *image.RGBA, left, width, top, rows int, c rgb) {
	for y := top; y < top+rows; y++ {
		out := pixels.Pix[pixels.PixOffset(left, y):][:4*width]
		for i := 0; i < len(out); i += 4 {
			out[i], out[i+1], out[i+2], out[i+3] = c.r, c.g, c.b, 255
		}
	}
}

// cursor is the picture of the one cell at which the guest writes next.
type cursor struct {
	t       *Terminal
	picture *canvas.Raster
	pixels  *image.RGBA
	key     cursorKey
}

type cursorKey struct {
	cell    vt.Cell
	style   vt.CursorStyle
	focused bool
	look    int
	reverse bool
}

func newCursor(t *Terminal) *cursor {
	c := &cursor{t: t, pixels: image.NewRGBA(image.Rect(0, 0, 1, 1))}
	c.picture = canvas.NewRaster(func(int, int) image.Image { return c.pixels })
	c.picture.ScaleMode = canvas.ImageScalePixels
	c.picture.Hidden = true
	return c
}

// place draws the cursor where it is: a block, bar or line with the keyboard, a frame without it.
func (c *cursor) place() {
	t, f := c.t, &c.t.frame
	y := f.Cursor.Line - f.Top
	visible := f.CursorShown && y >= 0 && y < len(f.Lines)
	if !visible {
		if c.picture.Visible() {
			c.picture.Hide()
		}
		return
	}
	x := f.Cursor.Column
	var under vt.Cell
	if cells := f.Lines[y].Cells; x < len(cells) {
		if cells[x].Span == vt.Tail && x > 0 {
			x--
		}
		under = cells[x]
	}
	size := t.cell()
	if under.Span == vt.Wide {
		size.Width *= 2
	}
	c.picture.Move(fyne.NewPos(padding+float32(x)*t.cell().Width, padding+float32(y)*size.Height))
	c.picture.Resize(size)
	if key := (cursorKey{under, f.CursorStyle, t.focused, t.look, f.Reverse}); key != c.key {
		c.key = key
		c.draw()
		c.picture.Refresh()
	}
	if !c.picture.Visible() {
		c.picture.Show()
	}
}

func (c *cursor) draw() {
	t, k := c.t, c.key
	width, height := t.glyphs.width, t.glyphs.height
	if k.cell.Span == vt.Wide {
		width *= 2
	}
	c.pixels = image.NewRGBA(image.Rect(0, 0, width, height))
	block := k.focused && (k.style == vt.CursorDefault || k.style == vt.CursorBlock)
	shown := k.cell
	if block {
		shown.Attr ^= vt.Reverse
		shown.Attr &^= vt.Faint
	}
	t.drawCell(c.pixels, 0, shown, false, k.reverse)
	text, _ := t.palette.of(vt.Cell{}, false, k.reverse)
	thick := max(1, height/12)
	switch {
	case block:
	case !k.focused:
		fillRows(c.pixels, 0, width, 0, 1, text)
		fillRows(c.pixels, 0, width, height-1, 1, text)
		for y := range height {
			fillRows(c.pixels, 0, 1, y, 1, text)
			fillRows(c.pixels, width-1, 1, y, 1, text)
		}
	case k.style == vt.CursorUnderline:
		fillRows(c.pixels, 0, width, height-thick, thick, text)
	case k.style == vt.CursorBar:
		fillRows(c.pixels, 0, min(width, thick), 0, height, text)
	}
}

// CreateRenderer implements fyne.Widget.
func (t *Terminal) CreateRenderer() fyne.WidgetRenderer { return renderer{t} }

type renderer struct{ t *Terminal }

// Layout implements fyne.WidgetRenderer: the text keeps its size, the screen gets more or fewer columns and rows.
func (r renderer) Layout(size fyne.Size) {
	t := r.t
	if s := pixelsPerUnit(t); s != t.scale {
		t.scale = s
		t.prepare()
	}
	t.back.Resize(size)
	t.fit(size)
	t.paint()
}

// MinSize implements fyne.WidgetRenderer.
func (r renderer) MinSize() fyne.Size {
	cell := r.t.cell()
	return fyne.NewSize(20*cell.Width+padding+barWidth, 4*cell.Height+2*padding)
}

// Refresh implements fyne.WidgetRenderer.
func (r renderer) Refresh() {
	if t := r.t; isLight() != t.light || t.palette.foreground != newPalette().foreground {
		t.prepare()
	}
	r.Layout(r.t.Size())
	r.t.back.Refresh()
	r.t.thumb.Refresh()
}

// Objects implements fyne.WidgetRenderer.
func (r renderer) Objects() []fyne.CanvasObject { return r.t.pictures }

// Destroy implements fyne.WidgetRenderer.
func (r renderer) Destroy() {}

// pixelsPerUnit is the scale of the window that an object is in.
func pixelsPerUnit(o fyne.CanvasObject) float32 {
	const long = 10000
	if c := fyne.CurrentApp().Driver().CanvasForObject(o); c != nil {
		if x, _ := c.PixelCoordinateForPosition(fyne.NewPos(long, 0)); x > 0 {
			return float32(x) / long
		}
	}
	return 1
}
