package x11

import (
	"image"
	"image/color"

	"github.com/jezek/xgb/render"
	"github.com/jezek/xgb/shape"
	"github.com/jezek/xgb/shm"
	"github.com/jezek/xgb/xproto"
)

// painter is what a view has made in the server and how it stands there. One goroutine uses it.
//
// Two windows: frame, a child of the toplevel window, is the area and has the surround's colour as its background; picture, a child of
// frame, is the guest's screen. So the server itself paints the surround and cuts off what does not fit. Picture has no background: it
// keeps what was there before until it is painted, which is why nothing flashes.
//
// Pixel for pixel the segment is put into picture directly. Scaled, what has changed is put into a pixmap of the guest's size, and RENDER
// draws the part of picture that it touches.
type painter struct {
	conn           *Conn
	frame, picture xproto.Window
	gc             xproto.Gcontext
	colormap       xproto.Colormap
	target         render.Picture // draws into picture

	now      wishes // as the server has it
	seg      shm.Seg
	size     image.Point    // of the guest's screen, 0 without a segment
	pixmap   xproto.Pixmap  // 0 while pixel for pixel
	source   render.Picture // draws from pixmap
	zoom     zoom
	cursor   xproto.Cursor
	whole    bool // everything has to be painted
	damage   rects
	exposed  rects
	unfenced bool // something was sent since the last fence
}

// zoom is how a pixmap's picture was last set up.
type zoom struct {
	guest, shown image.Point
}

// create makes the windows, hidden.
func (p *painter) create(c *Conn, surround color.Color) error {
	p.conn = c
	var err error
	if p.frame, err = xproto.NewWindowId(c.x); err != nil {
		return err
	}
	if p.picture, err = xproto.NewWindowId(c.x); err != nil {
		return err
	}
	if p.colormap, err = xproto.NewColormapId(c.x); err != nil {
		return err
	}
	if p.target, err = render.NewPictureId(c.x); err != nil {
		return err
	}
	xproto.CreateColormap(c.x, xproto.ColormapAllocNone, p.colormap, c.root, c.format.visual)
	r, g, b, _ := surround.RGBA()
	background := r>>8<<16 | g>>8<<8 | b>>8
	if err := xproto.CreateWindowChecked(c.x, depth, p.frame, c.top, 0, 0, 1, 1, 0, xproto.WindowClassInputOutput, c.format.visual,
		xproto.CwBackPixel|xproto.CwBorderPixel|xproto.CwColormap, []uint32{background, 0, uint32(p.colormap)}).Check(); err != nil {
		return err
	}
	if err := xproto.CreateWindowChecked(c.x, depth, p.picture, p.frame, 0, 0, 1, 1, 0, xproto.WindowClassInputOutput, c.format.visual,
		xproto.CwBackPixmap|xproto.CwBorderPixel|xproto.CwWinGravity|xproto.CwEventMask|xproto.CwColormap,
		[]uint32{xproto.BackPixmapNone, 0, xproto.GravityStatic, xproto.EventMaskExposure, uint32(p.colormap)}).Check(); err != nil {
		return err
	}
	render.CreatePicture(c.x, p.target, xproto.Drawable(p.picture), c.format.opaque, 0, nil)
	p.gc, err = c.newGC(xproto.Drawable(p.picture))
	return err
}

// step brings the server from how it stands to what is wanted, paints what has changed, and waits until the server has done it: so there is
// never more than one picture on its way.
func (p *painter) step(want wishes) error {
	if err := p.setSegment(want.segment); err != nil {
		return err
	}
	if err := p.setCursor(want.cursor); err != nil {
		return err
	}
	if !want.layout.Drawable() || want.layout.Picture.Empty() || want.layout.Area.Empty() || p.size == (image.Point{}) {
		want.layout.Shown = false
	}
	p.setLayout(want.layout)
	if p.now.layout.Shown {
		if err := p.draw(); err != nil {
			return err
		}
	}
	p.damage.clear()
	p.exposed.clear()
	if !p.unfenced {
		return nil
	}
	p.unfenced = false
	_, err := xproto.GetInputFocus(p.conn.x).Reply()
	return err
}

// setSegment gives the server another picture.
func (p *painter) setSegment(s *Segment) error {
	if s == p.now.segment {
		return nil
	}
	x := p.conn.x
	if p.now.segment != nil {
		shm.Detach(x, p.seg)
	}
	p.now.segment, p.size = nil, image.Point{}
	p.dropPixmap()
	p.unfenced = true
	if s == nil {
		return nil
	}
	var err error
	if p.seg, err = shm.NewSegId(x); err != nil {
		return err
	}
	if err := shm.AttachChecked(x, p.seg, uint32(s.id), true).Check(); err != nil {
		return err
	}
	p.now.segment, p.size, p.whole = s, image.Pt(s.w, s.h), true
	return nil
}

// setLayout moves, shapes, shows and hides the windows.
func (p *painter) setLayout(l Layout) {
	old := p.now.layout
	if l.same(old) {
		return
	}
	p.now.layout, p.unfenced = l, true
	x := p.conn.x
	if !l.Shown {
		if old.Shown {
			xproto.UnmapWindow(x, p.frame)
		}
		p.dropPixmap()
		return
	}
	at := l.Picture.Sub(l.Area.Min)
	if l.Area != old.Area || !old.Shown {
		place(p.conn, p.frame, l.Area)
		// The picture kept its place on the screen (static gravity), not in the area.
	}
	if l.Area != old.Area || l.Picture != old.Picture || !old.Shown {
		place(p.conn, p.picture, at)
	}
	whole := image.Rectangle{Max: l.Area.Size()}
	holes := make([]image.Rectangle, len(l.Holes))
	for i, h := range l.Holes {
		holes[i] = h.Sub(l.Area.Min)
	}
	parts := without(whole, holes)
	list := make([]xproto.Rectangle, len(parts))
	for i, r := range parts {
		list[i] = xproto.Rectangle{X: int16(r.Min.X), Y: int16(r.Min.Y), Width: uint16(r.Dx()), Height: uint16(r.Dy())}
	}
	shape.Rectangles(x, shape.SoSet, shape.SkBounding, xproto.ClipOrderingUnsorted, p.frame, 0, 0, list)
	if !old.Shown {
		xproto.MapWindow(x, p.picture)
		xproto.MapWindow(x, p.frame)
	}
	if !old.Shown || l.Picture.Size() != old.Picture.Size() {
		p.whole = true
	}
}

func place(c *Conn, w xproto.Window, r image.Rectangle) {
	xproto.ConfigureWindow(c.x, w, xproto.ConfigWindowX|xproto.ConfigWindowY|xproto.ConfigWindowWidth|xproto.ConfigWindowHeight,
		[]uint32{uint32(int32(r.Min.X)), uint32(int32(r.Min.Y)), uint32(r.Dx()), uint32(r.Dy())})
}

// draw paints what has changed or was uncovered.
func (p *painter) draw() error {
	shown := p.now.layout.Picture.Size()
	all := image.Rectangle{Max: p.size}
	exact := shown == p.size
	if p.whole {
		p.damage.clear()
		p.damage.add(all)
		p.exposed.clear()
	}
	if exact {
		p.dropPixmap()
		for _, r := range p.exposed.list {
			p.damage.add(r) // one guest pixel is one host pixel
		}
		for _, r := range p.damage.thrifty() {
			p.put(xproto.Drawable(p.picture), r.Intersect(all))
		}
	} else {
		if err := p.scale(shown); err != nil {
			return err
		}
		for _, r := range p.damage.thrifty() {
			r = r.Intersect(all)
			p.put(xproto.Drawable(p.pixmap), r)
			p.exposed.add(touched(r, p.size, shown))
		}
		for _, r := range p.exposed.thrifty() {
			p.compose(r.Intersect(image.Rectangle{Max: shown}))
		}
	}
	p.whole = false
	return nil
}

// put copies a part of the segment to the same place of a drawable of the guest's size.
func (p *painter) put(to xproto.Drawable, r image.Rectangle) {
	if r.Empty() {
		return
	}
	p.unfenced = true
	shm.PutImage(p.conn.x, to, p.gc, uint16(p.size.X), uint16(p.size.Y), uint16(r.Min.X), uint16(r.Min.Y), uint16(r.Dx()), uint16(r.Dy()),
		int16(r.Min.X), int16(r.Min.Y), depth, xproto.ImageFormatZPixmap, 0, p.seg, 0)
}

// compose draws a part of the scaled picture.
func (p *painter) compose(r image.Rectangle) {
	if r.Empty() {
		return
	}
	p.unfenced = true
	x, y := int16(r.Min.X), int16(r.Min.Y)
	render.Composite(p.conn.x, render.PictOpSrc, p.source, 0, p.target, x, y, 0, 0, x, y, uint16(r.Dx()), uint16(r.Dy()))
}

// touched is the part of the scaled picture that pixels of the guest's reach: filtering looks one pixel around.
func touched(r image.Rectangle, guest, shown image.Point) image.Rectangle {
	if r.Empty() {
		return image.Rectangle{}
	}
	low := func(v, guest, shown int) int { return max(0, (v-1)*shown/guest-1) }
	high := func(v, guest, shown int) int { return min(shown, ((v+1)*shown+guest-1)/guest+1) }
	return image.Rect(low(r.Min.X, guest.X, shown.X), low(r.Min.Y, guest.Y, shown.Y), high(r.Max.X, guest.X, shown.X), high(r.Max.Y, guest.Y, shown.Y))
}

// scale prepares the pixmap for drawing at a size. Whole multiples show each guest pixel as a square of equal pixels; other sizes are
// filtered.
func (p *painter) scale(shown image.Point) error {
	x := p.conn.x
	if p.pixmap == 0 {
		var err error
		if p.pixmap, err = xproto.NewPixmapId(x); err != nil {
			return err
		}
		if p.source, err = render.NewPictureId(x); err != nil {
			return err
		}
		xproto.CreatePixmap(x, depth, p.pixmap, xproto.Drawable(p.picture), uint16(p.size.X), uint16(p.size.Y))
		render.CreatePicture(x, p.source, xproto.Drawable(p.pixmap), p.conn.format.opaque, render.CpRepeat, []uint32{render.RepeatPad})
		p.zoom = zoom{}
		if !p.whole {
			p.whole = true
			p.damage.clear()
			p.damage.add(image.Rectangle{Max: p.size})
		}
	}
	if want := (zoom{p.size, shown}); want != p.zoom {
		p.zoom = want
		fixed := func(guest, shown int) render.Fixed {
			return render.Fixed((int64(guest)<<16 + int64(shown)/2) / int64(shown)) // 16.16, the nearest
		}
		render.SetPictureTransform(x, p.source, render.Transform{Matrix11: fixed(p.size.X, shown.X), Matrix22: fixed(p.size.Y, shown.Y), Matrix33: 1 << 16})
		filter := "bilinear"
		if shown.X%p.size.X == 0 && shown.Y%p.size.Y == 0 {
			filter = "nearest"
		}
		render.SetPictureFilter(x, p.source, uint16(len(filter)), filter, nil)
	}
	return nil
}

// dropPixmap gives up the memory for scaling.
func (p *painter) dropPixmap() {
	if p.pixmap != 0 {
		render.FreePicture(p.conn.x, p.source)
		xproto.FreePixmap(p.conn.x, p.pixmap)
		p.pixmap, p.source = 0, 0
		p.unfenced = true
	}
}
