package x11

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"

	"github.com/jezek/xgb"
	"github.com/jezek/xgb/render"
	"github.com/jezek/xgb/shm"
	"github.com/jezek/xgb/xproto"
)

// depth is that of the pictures shown: red, green, blue in 32 bits of which 8 are not used.
const depth = 24

// format is how the server wants pixels: the ones in a display.Framebuffer, BGRX.
type format struct {
	visual  xproto.Visualid
	opaque  render.Pictformat // of that visual
	alpha   render.Pictformat // 32 bits with premultiplied alpha, for cursors
	surface xproto.Drawable   // any drawable of the screen
}

// findFormat looks for a visual of a root window's screen whose pixels are a guest's.
func findFormat(x *xgb.Conn, root xproto.Window) (format, error) {
	f := format{surface: xproto.Drawable(root)}
	setup := xproto.Setup(x)
	if setup.ImageByteOrder != xproto.ImageOrderLSBFirst || !paddedTo32(setup) {
		return f, errors.New("unusual order of bytes or bits")
	}
	for _, screen := range setup.Roots {
		if screen.Root == root {
			f.visual = trueColor(screen)
		}
	}
	if f.visual == 0 {
		return f, errors.New("no visual with 8 bits of red, green and blue")
	}
	formats, err := render.QueryPictFormats(x).Reply()
	if err != nil {
		return f, err
	}
	for _, screen := range formats.Screens {
		for _, d := range screen.Depths {
			for _, v := range d.Visuals {
				if v.Visual == f.visual {
					f.opaque = v.Format
				}
			}
		}
	}
	for _, p := range formats.Formats {
		d := p.Direct
		if p.Type == render.PictTypeDirect && p.Depth == 32 && d.RedShift == 16 && d.GreenShift == 8 && d.BlueShift == 0 && d.AlphaShift == 24 && d.AlphaMask == 0xff {
			f.alpha = p.Id
		}
	}
	if f.opaque == 0 || f.alpha == 0 {
		return f, errors.New("RENDER lacks the usual formats")
	}
	return f, nil
}

// paddedTo32 reports whether pixels of our depth take 32 bits.
func paddedTo32(setup *xproto.SetupInfo) bool {
	for _, p := range setup.PixmapFormats {
		if p.Depth == depth {
			return p.BitsPerPixel == 32 && p.ScanlinePad == 32
		}
	}
	return false
}

// trueColor returns the visual of a screen whose pixels are BGRX; 0 for none.
func trueColor(screen xproto.ScreenInfo) xproto.Visualid {
	var found xproto.Visualid
	for _, d := range screen.AllowedDepths {
		for _, v := range d.Visuals {
			if d.Depth == depth && v.Class == xproto.VisualClassTrueColor && v.RedMask == 0xff0000 && v.GreenMask == 0xff00 && v.BlueMask == 0xff &&
				(found == 0 || v.VisualId == screen.RootVisual) {
				found = v.VisualId
			}
		}
	}
	return found
}

// proveSharing has the server copy some random pixels out of a segment and reads them back. A server that accepts a segment need not see the
// same memory: with a forwarded connection or in a container the number may be another segment's.
func (c *Conn) proveSharing() error {
	const side = 4
	segment, err := NewSegment(side, side)
	if err != nil {
		return err
	}
	defer segment.Close()
	_, _ = rand.Read(segment.pix)
	seg, err := shm.NewSegId(c.x)
	if err != nil {
		return err
	}
	if err := shm.AttachChecked(c.x, seg, uint32(segment.id), false).Check(); err != nil {
		return fmt.Errorf("the segment was not accepted: %w", err)
	}
	defer shm.Detach(c.x, seg)
	pixmap, err := xproto.NewPixmapId(c.x)
	if err != nil {
		return err
	}
	xproto.CreatePixmap(c.x, depth, pixmap, c.format.surface, side, side)
	defer xproto.FreePixmap(c.x, pixmap)
	gc, err := c.newGC(xproto.Drawable(pixmap))
	if err != nil {
		return err
	}
	defer xproto.FreeGC(c.x, gc)
	shm.PutImage(c.x, xproto.Drawable(pixmap), gc, side, side, 0, 0, side, side, 0, 0, depth, xproto.ImageFormatZPixmap, 0, seg, 0)
	got, err := xproto.GetImage(c.x, xproto.ImageFormatZPixmap, xproto.Drawable(pixmap), 0, 0, side, side, 0xffffffff).Reply()
	if err != nil {
		return err
	}
	if len(got.Data) < len(segment.pix) {
		return errors.New("the server shows another size")
	}
	for i := 0; i < len(segment.pix); i += 4 {
		if !bytes.Equal(got.Data[i:i+3], segment.pix[i:i+3]) {
			return errors.New("the server sees other memory")
		}
	}
	return nil
}

func (c *Conn) newGC(d xproto.Drawable) (xproto.Gcontext, error) {
	gc, err := xproto.NewGcontextId(c.x)
	if err == nil {
		xproto.CreateGC(c.x, gc, d, xproto.GcGraphicsExposures, []uint32{0})
	}
	return gc, err
}
