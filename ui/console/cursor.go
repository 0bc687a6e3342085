package console

import (
	"image"

	"fyne.io/fyne/v2/driver/desktop"
)

// guestCursor is the guest's pointer shape as the window's own pointer, so that it moves without waiting for the guest. Fyne compares
// cursors with !=, hence always used by pointer.
type guestCursor struct {
	image *image.RGBA
	x, y  int // hot spot, pixels
}

var _ desktop.Cursor = (*guestCursor)(nil)

// Image implements desktop.Cursor.
func (c *guestCursor) Image() (image.Image, int, int) { return c.image, c.x, c.y }
