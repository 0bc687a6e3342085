package theme

import (
	"bytes"
	"fmt"
	"image"
	"image/color"

	"github.com/fyne-io/oksvg"
	"github.com/srwiley/rasterx"
	"golang.org/x/image/math/fixed"
)

// outlineScale is how many units of an outline make one unit of its SVG; it decides how smooth curves are.
const outlineScale = 6

// shape is a filled outline in one colour: closed paths on a grid outlineScale times as fine as the SVG's.
type shape struct {
	fill  color.NRGBA
	paths [][]fixed.Point26_6
}

// outline turns an SVG's lines and areas into filled outlines. Fyne's SVG renderer draws a stroke as wide
// in device pixels as the file says in its own units, so that lines would be too thin on a large icon or a
// fine screen; areas scale as they should.
func outline(svg []byte) (shapes []shape, w, h float64, err error) {
	icon, err := oksvg.ReadIconStream(bytes.NewReader(bytes.ReplaceAll(svg, []byte("currentColor"), []byte("#000000"))))
	if err != nil {
		return nil, 0, 0, err
	}
	w, h = icon.ViewBox.W*outlineScale, icon.ViewBox.H*outlineScale
	icon.SetTarget(0, 0, w, h)
	for i := range icon.SVGPaths {
		icon.SVGPaths[i].LineWidth *= outlineScale
	}
	rec := &recorder{}
	icon.Draw(rasterx.NewDasher(int(w), int(h), rec), 1)
	return rec.shapes, w, h, nil
}

// writeSVG writes outlines as an SVG. A fill that is not empty replaces the shapes' own colours.
func writeSVG(shapes []shape, w, h float64, fill string) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" width="%g" height="%g" viewBox="0 0 %g %g">`, w, h, w, h)
	for _, s := range shapes {
		f := fill
		if f == "" {
			f = fmt.Sprintf(`#%02x%02x%02x" fill-opacity="%.3f`, s.fill.R, s.fill.G, s.fill.B, float64(s.fill.A)/255)
		}
		fmt.Fprintf(&b, `<path fill="%s" d="`, f)
		for _, path := range s.paths {
			for i, p := range path {
				writePoint(&b, p, i == 0)
			}
			b.WriteByte('Z')
		}
		b.WriteString(`"/>`)
	}
	b.WriteString("</svg>")
	return b.Bytes()
}

// recorder is a rasterx.Scanner that keeps the edges it is given instead of filling what they enclose.
type recorder struct {
	shapes []shape
	runs   [][]fixed.Point26_6 // connected edges
	fill   color.NRGBA
}

var _ rasterx.Scanner = (*recorder)(nil)

// Start begins a new run of edges.
func (r *recorder) Start(p fixed.Point26_6) { r.runs = append(r.runs, []fixed.Point26_6{p}) }

// Line adds an edge to the run.
func (r *recorder) Line(p fixed.Point26_6) {
	if last := len(r.runs) - 1; last >= 0 {
		r.runs[last] = append(r.runs[last], p)
	}
}

// Draw ends a path. A stroke comes as many short runs, in no useful order; together they are closed, so each run's
// end is another one's beginning. Which of several is taken does not matter: what is enclosed depends on the edges only.
func (r *recorder) Draw() {
	starts := map[fixed.Point26_6][]int{}
	for i, run := range r.runs {
		starts[run[0]] = append(starts[run[0]], i)
	}
	used := make([]bool, len(r.runs))
	next := func(p fixed.Point26_6) (int, bool) {
		for len(starts[p]) > 0 {
			i := starts[p][0]
			starts[p] = starts[p][1:]
			if !used[i] {
				return i, true
			}
		}
		return 0, false
	}
	var paths [][]fixed.Point26_6
	for i := range r.runs {
		if used[i] || len(r.runs[i]) < 2 {
			continue
		}
		path := []fixed.Point26_6{r.runs[i][0]}
		for at, more := i, true; more; {
			used[at] = true
			run := r.runs[at]
			path = append(path, run[1:]...)
			at, more = next(run[len(run)-1])
		}
		paths = append(paths, path)
	}
	if len(paths) > 0 {
		r.shapes = append(r.shapes, shape{r.fill, paths})
	}
	r.Clear()
}

func writePoint(b *bytes.Buffer, p fixed.Point26_6, first bool) {
	command := byte('L')
	if first {
		command = 'M'
	}
	b.WriteByte(command)
	fmt.Fprintf(b, "%.1f %.1f", float64(p.X)/64, float64(p.Y)/64)
}

func (r *recorder) SetColor(c any) {
	if plain, ok := c.(color.Color); ok { // our files have no gradients
		r.fill = color.NRGBAModel.Convert(plain).(color.NRGBA)
	}
}

func (r *recorder) Clear()                             { r.runs = nil }
func (r *recorder) GetPathExtent() fixed.Rectangle26_6 { return fixed.Rectangle26_6{} }
func (r *recorder) SetBounds(int, int)                 {}
func (r *recorder) SetWinding(bool)                    {}
func (r *recorder) SetClip(image.Rectangle)            {}
