package console

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/widget"

	"guesthouse/ui/theme"
)

// caption is one line of text in a theme colour and size that can be cut short: it asks for little room and ends in "…" when it gets less
// than it needs.
type caption struct {
	widget.BaseWidget
	text  string
	color fyne.ThemeColorName
	size  float32
	bold  bool
	// least is the width that it asks for; 0: the whole text's.
	least float32
}

func newCaption(size float32, color fyne.ThemeColorName) *caption {
	c := &caption{size: size, color: color}
	c.ExtendBaseWidget(c)
	return c
}

func (c *caption) set(text string, color fyne.ThemeColorName) {
	if c.text != text || c.color != color {
		c.text, c.color = text, color
		c.Refresh()
	}
}

// CreateRenderer implements fyne.Widget.
func (c *caption) CreateRenderer() fyne.WidgetRenderer {
	r := &captionRenderer{c: c, line: canvas.NewText("", theme.Color(c.color))}
	r.Refresh()
	return r
}

type captionRenderer struct {
	c    *caption
	line *canvas.Text
}

func (r *captionRenderer) MinSize() fyne.Size {
	size := fyne.MeasureText(r.c.text, r.c.size, r.line.TextStyle)
	if r.c.least > 0 {
		size.Width = min(size.Width, r.c.least)
	}
	return size
}

func (r *captionRenderer) Layout(size fyne.Size) {
	r.line.Text = shorten(r.c.text, size.Width, func(s string) float32 { return fyne.MeasureText(s, r.c.size, r.line.TextStyle).Width })
	height := r.line.MinSize().Height
	r.line.Move(fyne.NewPos(0, (size.Height-height)/2))
	r.line.Resize(fyne.NewSize(size.Width, height))
}

func (r *captionRenderer) Refresh() {
	r.line.Color = theme.Color(r.c.color)
	r.line.TextSize = r.c.size
	r.line.TextStyle.Bold = r.c.bold
	r.Layout(r.c.Size())
	r.line.Refresh()
}

func (r *captionRenderer) Objects() []fyne.CanvasObject { return []fyne.CanvasObject{r.line} }

func (r *captionRenderer) Destroy() {}

// shorten cuts text so that it is at most width wide.
func shorten(text string, width float32, measure func(string) float32) string {
	if text == "" || measure(text) <= width+0.5 {
		return text
	}
	runes := []rune(text)
	low, high := 0, len(runes)
	for low < high {
		mid := (low + high + 1) / 2
		if measure(string(runes[:mid])+"…") <= width {
			low = mid
		} else {
			high = mid - 1
		}
	}
	if low == 0 {
		return ""
	}
	return string(runes[:low]) + "…"
}
