package widgets

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"

	"guesthouse/ui/theme"
)

// SetIcon shows a line icon (see assets/icons) in a theme colour, or nothing for an empty name. Nothing is drawn anew when the
// picture already shows it: the toolkit reads the whole vector graphic again at every refresh, which takes longer than anything else in a
// toolbar. Call it from the widget's Refresh, which also comes when the theme changes.
func SetIcon(img *canvas.Image, name string, color fyne.ThemeColorName) {
	if name == "" {
		img.Hide()
		return
	}
	setResource(img, theme.IconIn(name, color))
	img.Show()
}

// setResource gives img a picture, and draws it when that is another one than before, or is for a screen of another scale.
func setResource(img *canvas.Image, res fyne.Resource) {
	now := shownAs{res, res.Name(), 1}
	if c := fyne.CurrentApp().Driver().CanvasForObject(img); c != nil {
		now.scale = c.Scale()
	}
	if old, ok := img.Resource.(shownAs); ok && old.name == now.name && old.scale == now.scale {
		return
	}
	img.Resource = now
	if !img.Size().IsZero() { // else it is drawn when it gets a size
		img.Refresh()
	}
}

// shownAs is a picture under the name that it had when it was set: the name of a line icon changes with the theme.
type shownAs struct {
	fyne.Resource
	name  string
	scale float32
}

// Name implements fyne.Resource.
func (s shownAs) Name() string { return s.name }
