package x11

import (
	"github.com/jezek/xgb/render"
	"github.com/jezek/xgb/xproto"
)

// stripe is how many bytes of a cursor go into one request, well below the protocol's 256 KiB.
const stripe = 64 << 10

// setCursor changes the pointer over the picture.
func (p *painter) setCursor(c *Cursor) error {
	if c == p.now.cursor {
		return nil
	}
	p.now.cursor, p.unfenced = c, true
	var cursor xproto.Cursor // none: the parent's
	if c != nil && c.Image != nil && !c.Image.Rect.Empty() {
		var err error
		if cursor, err = p.newCursor(c); err != nil {
			return err
		}
	}
	xproto.ChangeWindowAttributes(p.conn.x, p.picture, xproto.CwCursor, []uint32{uint32(cursor)})
	if p.cursor != 0 {
		xproto.FreeCursor(p.conn.x, p.cursor)
	}
	p.cursor = cursor
	return nil
}

func (p *painter) newCursor(c *Cursor) (xproto.Cursor, error) {
	x := p.conn.x
	cursor, err := xproto.NewCursorId(x)
	if err != nil {
		return 0, err
	}
	pixmap, err := xproto.NewPixmapId(x)
	if err != nil {
		return 0, err
	}
	gc, err := xproto.NewGcontextId(x)
	if err != nil {
		return 0, err
	}
	picture, err := render.NewPictureId(x)
	if err != nil {
		return 0, err
	}
	w, h := c.Image.Rect.Dx(), c.Image.Rect.Dy()
	xproto.CreatePixmap(x, 32, pixmap, p.conn.format.surface, uint16(w), uint16(h))
	xproto.CreateGC(x, gc, xproto.Drawable(pixmap), 0, nil)
	for y, rows := 0, max(1, stripe/(4*w)); y < h; y += rows {
		rows := min(rows, h-y)
		data := make([]byte, 0, 4*w*rows)
		for row := y; row < y+rows; row++ {
			at := c.Image.PixOffset(c.Image.Rect.Min.X, c.Image.Rect.Min.Y+row)
			for px := c.Image.Pix[at : at+4*w]; len(px) > 0; px = px[4:] {
				data = append(data, px[2], px[1], px[0], px[3])
			}
		}
		xproto.PutImage(x, xproto.ImageFormatZPixmap, xproto.Drawable(pixmap), gc, uint16(w), uint16(rows), 0, int16(y), 0, 32, data)
	}
	render.CreatePicture(x, picture, xproto.Drawable(pixmap), p.conn.format.alpha, 0, nil)
	render.CreateCursor(x, cursor, picture, uint16(min(max(c.HotX, 0), w-1)), uint16(min(max(c.HotY, 0), h-1)))
	render.FreePicture(x, picture)
	xproto.FreeGC(x, gc)
	xproto.FreePixmap(x, pixmap)
	return cursor, nil
}
