package theme

import (
	"image"
	"image/color"
	"sync"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/theme"
	"golang.org/x/image/vector"

	"guesthouse/assets"
)

// A Drawing is one of the program's own pictures, to be drawn in any number of pixels. The toolkit can draw them as well, from the resources
// that Icon and its like return, but reads a text for it each time; a window full of buttons then spends more on its icons than on all else.
type Drawing struct {
	// Name tells pictures apart that look different.
	Name string

	outlines drawing
	fill     color.Color // nil: the shapes' own colours
}

// IconDrawing is IconIn for drawing at once: in the colour that the theme has now.
func IconDrawing(name string, color fyne.ThemeColorName) Drawing {
	i := icon{name, color}
	return Drawing{i.Name(), i.outlines(), Color(color)}
}

// OSDrawing is OSIcon for drawing at once.
func OSDrawing(osID string) Drawing { return staticDrawing("os", OSFamily(osID), assets.OS) }

// ArtDrawing is Art for drawing at once.
func ArtDrawing(name string) Drawing { return staticDrawing("art", name, assets.Art) }

func staticDrawing(folder, name string, read func(string) ([]byte, error)) Drawing {
	if d, ok := drawn(folder, name, read); ok {
		return Drawing{Name: folder + "/" + name, outlines: d}
	}
	return IconDrawing("state-unknown", theme.ColorNameForeground)
}

// picture names what Draw has drawn.
type picture struct {
	name string
	size image.Point
}

var pictures sync.Map // picture to *image.RGBA

// Draw returns the picture as large as it fits into w times h pixels, in the middle. It is shared: do not write into it. Any goroutine.
func (d Drawing) Draw(w, h int) *image.RGBA {
	key := picture{d.Name, image.Pt(w, h)}
	if p, ok := pictures.Load(key); ok {
		return p.(*image.RGBA)
	}
	img := image.NewRGBA(image.Rectangle{Max: key.size})
	if w > 0 && h > 0 && d.outlines.w > 0 && d.outlines.h > 0 {
		d.paint(img)
	}
	pictures.Store(key, img)
	return img
}

func (d Drawing) paint(img *image.RGBA) {
	w, h := float64(img.Rect.Dx()), float64(img.Rect.Dy())
	k := min(w/d.outlines.w, h/d.outlines.h)
	left, top := (w-k*d.outlines.w)/2, (h-k*d.outlines.h)/2
	r := vector.NewRasterizer(img.Rect.Dx(), img.Rect.Dy())
	for _, s := range d.outlines.shapes {
		r.Reset(img.Rect.Dx(), img.Rect.Dy())
		for _, path := range s.paths {
			for i, p := range path {
				x, y := float32(left+k*float64(p.X)/64), float32(top+k*float64(p.Y)/64)
				if i == 0 {
					r.MoveTo(x, y)
				} else {
					r.LineTo(x, y)
				}
			}
			r.ClosePath()
		}
		fill := d.fill
		if fill == nil {
			fill = s.fill
		}
		r.Draw(img, img.Rect, image.NewUniform(fill), image.Point{})
	}
}
