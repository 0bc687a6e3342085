package terminal

import (
	"image"
	"math"

	fynetheme "fyne.io/fyne/v2/theme"
	"golang.org/x/image/font"
	"golang.org/x/image/font/opentype"
	"golang.org/x/image/font/sfnt"
	"golang.org/x/image/math/fixed"

	"guesthouse/hypervisor/vt"
)

// glyph is a character as coverage of a cell's pixels, or of two for wide ones.
type glyph struct {
	width int
	cover []uint8
}

type glyphKey struct {
	r    rune
	attr vt.Attr // Bold and Italic
	wide bool
}

// maxGlyphs bounds the memory for what a guest can show; a screen full of different characters has fewer.
const maxGlyphs = 4096

// glyphs draws characters of one size.
type glyphs struct {
	width, height int // of a cell, in pixels
	baseline      int
	font          *sfnt.Font
	face          font.Face
	buffer        sfnt.Buffer
	known         map[glyphKey]*glyph
}

// newGlyphs prepares the theme's monospaced font; size is in pixels. The error says that the font is not one.
func newGlyphs(size float64) (*glyphs, error) {
	parsed, err := opentype.Parse(fynetheme.TextMonospaceFont().Content())
	if err != nil {
		return nil, err
	}
	face, err := opentype.NewFace(parsed, &opentype.FaceOptions{Size: size, DPI: 72, Hinting: font.HintingFull})
	if err != nil {
		return nil, err
	}
	g := &glyphs{font: parsed, face: face, known: map[glyphKey]*glyph{}}
	m := face.Metrics()
	advance, _ := face.GlyphAdvance('0')
	g.width = max(1, advance.Round())
	g.height = max(1, (m.Ascent + m.Descent).Ceil())
	g.baseline = m.Ascent.Ceil()
	return g, nil
}

// glyph returns the picture of a character.
func (g *glyphs) glyph(r rune, attr vt.Attr, wide bool) *glyph {
	key := glyphKey{r, attr & (vt.Bold | vt.Italic), wide}
	if known := g.known[key]; known != nil {
		return known
	}
	if len(g.known) >= maxGlyphs {
		clear(g.known)
	}
	p := g.draw(key)
	g.known[key] = p
	return p
}

func (g *glyphs) draw(key glyphKey) *glyph {
	p := &glyph{width: g.width}
	if key.wide {
		p.width *= 2
	}
	p.cover = make([]uint8, p.width*g.height)
	switch {
	case drawBox(p, g.height, key.r):
		return p
	case !g.has(key.r):
		g.missing(p)
		return p
	}
	dst, mask, from, _, ok := g.face.Glyph(fixed.P(0, g.baseline), key.r)
	if !ok {
		g.missing(p)
		return p
	}
	cover, ok := mask.(*image.Alpha)
	if !ok {
		return p
	}
	for y := dst.Min.Y; y < dst.Max.Y; y++ {
		if y < 0 || y >= g.height {
			continue
		}
		lean := 0
		if key.attr&vt.Italic != 0 {
			lean = int(math.Round(float64(g.baseline-y)*0.2 - 1))
		}
		for x := dst.Min.X; x < dst.Max.X; x++ {
			a := cover.AlphaAt(from.X+x-dst.Min.X, from.Y+y-dst.Min.Y).A
			p.add(x+lean, y, a)
			if key.attr&vt.Bold != 0 {
				p.add(x+lean+1, y, a)
			}
		}
	}
	return p
}

func (p *glyph) add(x, y int, a uint8) {
	if x >= 0 && x < p.width {
		at := y*p.width + x
		p.cover[at] = max(p.cover[at], a)
	}
}

// fill covers a rectangle.
func (p *glyph) fill(x0, y0, x1, y1, height int, a uint8) {
	for y := max(0, y0); y < min(y1, height); y++ {
		for x := max(0, x0); x < min(x1, p.width); x++ {
			p.cover[y*p.width+x] = a
		}
	}
}

func (g *glyphs) has(r rune) bool {
	i, err := g.font.GlyphIndex(&g.buffer, r)
	return err == nil && i != 0
}

// missing draws a frame in place of a character that the font does not have.
func (g *glyphs) missing(p *glyph) {
	x0, y0, x1, y1 := 1, g.height/5, p.width-1, g.baseline
	p.fill(x0, y0, x1, y0+1, g.height, 160)
	p.fill(x0, y1-1, x1, y1, g.height, 160)
	p.fill(x0, y0, x0+1, y1, g.height, 160)
	p.fill(x1-1, y0, x1, y1, g.height, 160)
}
