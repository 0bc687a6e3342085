package console

import "image"

// maxRegion bounds how many rectangles a region remembers before it becomes their common bounding box.
const maxRegion = 128

// A region is a set of pixels as a short list of rectangles. A display may report thousands of small rectangles per update; the region stays
// small by joining neighbours and, when that does not help, by growing to the bounding box.
type region struct{ rects []image.Rectangle }

// add joins r to the region.
func (g *region) add(r image.Rectangle) {
	if r.Empty() {
		return
	}
	if n := len(g.rects); n > 0 {
		last := g.rects[n-1]
		switch {
		case r.In(last):
			return
		case last.In(r), joinable(last, r):
			g.rects[n-1] = last.Union(r)
			return
		}
	}
	if len(g.rects) >= maxRegion {
		g.rects = append(g.rects[:0], g.bounds())
		g.add(r)
		return
	}
	g.rects = append(g.rects, r)
}

// joinable reports whether two rectangles make up one without anything between them.
func joinable(a, b image.Rectangle) bool {
	sameRows := a.Min.Y == b.Min.Y && a.Max.Y == b.Max.Y && a.Min.X <= b.Max.X && b.Min.X <= a.Max.X
	sameColumns := a.Min.X == b.Min.X && a.Max.X == b.Max.X && a.Min.Y <= b.Max.Y && b.Min.Y <= a.Max.Y
	return sameRows || sameColumns
}

func (g *region) bounds() image.Rectangle {
	var all image.Rectangle
	for _, r := range g.rects {
		all = all.Union(r)
	}
	return all
}

func (g *region) empty() bool { return len(g.rects) == 0 }

func (g *region) clear() { g.rects = g.rects[:0] }
