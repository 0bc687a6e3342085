package widgets

import (
	"image"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"

	"guesthouse/ui/theme"
)

// A Glyph is one of the program's own pictures as a part of a widget. Call Set or SetIcon from
// the widget's Refresh, which also comes when the theme changes. Nothing is drawn anew when it already shows what is wanted. UI goroutine only.
type Glyph struct {
	Object  *canvas.Raster // goes among the renderer's objects, and is moved and resized by its layout
	drawing theme.Drawing
	scale   float32
}

// NewGlyph returns a Glyph that shows nothing yet.
func NewGlyph() *Glyph {
	g := &Glyph{}
	g.Object = canvas.NewRaster(func(w, h int) image.Image { return g.drawing.Draw(w, h) })
	return g
}

// SetIcon shows a line icon (see assets/icons) in a theme colour, or nothing for an empty name.
func (g *Glyph) SetIcon(name string, color fyne.ThemeColorName) {
	if name == "" {
		g.Object.Hide()
		return
	}
	g.Set(theme.IconDrawing(name, color))
	g.Object.Show()
}

// Set shows a picture, and draws it when that is another one than before, or is for a screen of another scale.
func (g *Glyph) Set(d theme.Drawing) {
	scale := float32(1)
	if c := fyne.CurrentApp().Driver().CanvasForObject(g.Object); c != nil {
		scale = c.Scale()
	}
	if d.Name == g.drawing.Name && scale == g.scale {
		return
	}
	g.drawing, g.scale = d, scale
	g.Object.Refresh()
}
