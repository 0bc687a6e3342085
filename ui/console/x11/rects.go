package x11

import "image"

// rects is a short list of rectangles to paint.
type rects struct{ list []image.Rectangle }

// most bounds how many rectangles wait; more become one around all of them.
const most = 256

func (r *rects) add(a image.Rectangle) {
	if a.Empty() {
		return
	}
	if len(r.list) >= most {
		r.list = append(r.list[:0], r.bounds())
	}
	r.list = append(r.list, a)
}

func (r *rects) clear() { r.list = r.list[:0] }

func (r *rects) bounds() image.Rectangle {
	var all image.Rectangle
	for _, a := range r.list {
		all = all.Union(a)
	}
	return all
}

// swap gives the list away for an empty one.
func (r *rects) swap(to *rects) {
	to.clear()
	r.list, to.list = to.list, r.list
}

// requestCost is what a request costs beside its pixels, in pixels: a system call here and a wake-up in the server take as long as copying
// about so many.
const requestCost = 16 << 10

// thrifty replaces the list by one rectangle around it where that is cheaper than many requests.
func (r *rects) thrifty() []image.Rectangle {
	if len(r.list) < 2 {
		return r.list
	}
	total := requestCost * (len(r.list) - 1)
	for _, a := range r.list {
		total += a.Dx() * a.Dy()
	}
	if all := r.bounds(); all.Dx()*all.Dy() <= total {
		r.list = append(r.list[:0], all)
	}
	return r.list
}

// without returns area as rectangles that leave out the holes.
func without(area image.Rectangle, holes []image.Rectangle) []image.Rectangle {
	rest := []image.Rectangle{area}
	for _, h := range holes {
		var next []image.Rectangle
		for _, r := range rest {
			cut := r.Intersect(h)
			if cut.Empty() {
				next = append(next, r)
				continue
			}
			for _, part := range []image.Rectangle{
				{Min: r.Min, Max: image.Pt(r.Max.X, cut.Min.Y)},
				{Min: image.Pt(r.Min.X, cut.Max.Y), Max: r.Max},
				{Min: image.Pt(r.Min.X, cut.Min.Y), Max: image.Pt(cut.Min.X, cut.Max.Y)},
				{Min: image.Pt(cut.Max.X, cut.Min.Y), Max: image.Pt(r.Max.X, cut.Max.Y)},
			} {
				if !part.Empty() {
					next = append(next, part)
				}
			}
		}
		rest = next
	}
	return rest
}
