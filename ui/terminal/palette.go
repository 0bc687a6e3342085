package terminal

import (
	"image/color"
	"math"

	fynetheme "fyne.io/fyne/v2/theme"

	"guesthouse/hypervisor/vt"
	"guesthouse/ui/theme"
)

// sixteen are the colours that programs name; the other 240 are given by xterm.
var sixteen = [16]rgb{
	{0x14, 0x16, 0x1b}, // the dark background, so that what a program clears with black looks as the rest
	{0xe0, 0x5a, 0x60},
	{0x6f, 0xb5, 0x5c},
	{0xd9, 0xa8, 0x4e},
	{0x4a, 0x90, 0xe2},
	{0xbd, 0x6f, 0xd8},
	{0x3f, 0xb1, 0xba},
	{0xcd, 0xd1, 0xd8},
	{0x6a, 0x71, 0x7d},
	{0xff, 0x85, 0x85},
	{0x9d, 0xdb, 0x85},
	{0xff, 0xd6, 0x7d},
	{0x86, 0xbd, 0xff},
	{0xe2, 0x9f, 0xfb},
	{0x7c, 0xde, 0xe4},
	{0xff, 0xff, 0xff},
}

// leastContrast is the contrast that text has at least with what is behind it (WCAG's ratio). Programs choose colours for a dark or for a
// light background, and seldom ask which one there is.
const leastContrast = 3.6

type rgb struct{ r, g, b uint8 }

func rgbOf(c color.Color) rgb {
	n := color.NRGBAModel.Convert(c).(color.NRGBA)
	return rgb{n.R, n.G, n.B}
}

// mix goes from a towards b; part 0 is a, 1 is b.
func mix(a, b rgb, part float64) rgb {
	to := func(x, y uint8) uint8 { return uint8(math.Round(float64(x) + (float64(y)-float64(x))*part)) }
	return rgb{to(a.r, b.r), to(a.g, b.g), to(a.b, b.b)}
}

// palette turns a cell's colours into those on the screen.
type palette struct {
	light                             bool
	foreground, background, selection rgb
	colors                            [256]rgb
	adjusted                          map[[2]rgb]rgb // text colours made readable, by text and background
}

// maxAdjusted bounds the memory for true colours.
const maxAdjusted = 4096

func newPalette() *palette {
	p := &palette{
		foreground: rgbOf(theme.Color(fynetheme.ColorNameForeground)), background: rgb{0x14, 0x16, 0x1b},
		adjusted: map[[2]rgb]rgb{},
	}
	if p.light = isLight(); p.light {
		p.background = rgb{0xfc, 0xfc, 0xfb}
	}
	p.selection = mix(p.background, rgbOf(theme.Color(fynetheme.ColorNamePrimary)), 0.45)
	copy(p.colors[:], sixteen[:])
	level := func(i int) uint8 {
		if i == 0 {
			return 0
		}
		return uint8(55 + 40*i)
	}
	for i := range 216 {
		p.colors[16+i] = rgb{level(i / 36), level(i / 6 % 6), level(i % 6)}
	}
	for i := range 24 {
		grey := uint8(8 + 10*i)
		p.colors[232+i] = rgb{grey, grey, grey}
	}
	return p
}

// isLight tells which variant of the theme is shown.
func isLight() bool {
	return luminance(rgbOf(theme.Color(fynetheme.ColorNameBackground))) > 0.4
}

func (p *palette) color(c vt.Color, standard rgb) rgb {
	if n, ok := c.Index(); ok {
		return p.colors[n]
	}
	if r, g, b, ok := c.RGB(); ok {
		return rgb{r, g, b}
	}
	return standard
}

// of returns the colours of a cell.
func (p *palette) of(c vt.Cell, selected, reversed bool) (text, back rgb) {
	text, back = p.color(c.FG, p.foreground), p.color(c.BG, p.background)
	if n, ok := c.FG.Index(); ok && n < 8 && c.Attr&vt.Bold != 0 && !p.light { // bright is pale on paper
		text = p.colors[n+8]
	}
	if (c.Attr&vt.Reverse != 0) != reversed {
		text, back = back, text
	}
	if selected {
		back = p.selection
	}
	switch {
	case c.Attr&vt.Conceal != 0:
		return back, back
	case c.Rune >= 0x2580 && c.Rune <= 0x259f: // blocks are a picture, not text
		return text, back
	}
	text = p.readable(text, back)
	if c.Attr&vt.Faint != 0 {
		text = mix(text, back, 0.4)
	}
	return text, back
}

// readable moves a text's colour away from its background as far as it must be to be read.
func (p *palette) readable(text, back rgb) rgb {
	key := [2]rgb{text, back}
	if c, ok := p.adjusted[key]; ok {
		return c
	}
	c := text
	towards := rgb{255, 255, 255}
	if behind := luminance(back); contrast(behind, 1) < contrast(behind, 0) {
		towards = rgb{}
	}
	for part := 0.1; contrast(luminance(c), luminance(back)) < leastContrast && part <= 1; part += 0.1 {
		c = mix(text, towards, part)
	}
	if len(p.adjusted) >= maxAdjusted {
		clear(p.adjusted)
	}
	p.adjusted[key] = c
	return c
}

// luminance is WCAG's relative luminance.
func luminance(c rgb) float64 {
	linear := func(v uint8) float64 {
		f := float64(v) / 255
		if f <= 0.03928 {
			return f / 12.92
		}
		return math.Pow((f+0.055)/1.055, 2.4)
	}
	return 0.2126*linear(c.r) + 0.7152*linear(c.g) + 0.0722*linear(c.b)
}

func contrast(a, b float64) float64 { return (max(a, b) + 0.05) / (min(a, b) + 0.05) }
