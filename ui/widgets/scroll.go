package widgets

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
)

// NewScroll returns content that scrolls up and down. A tooltip of something in it goes when it scrolls: what it is of is somewhere else then; and
// the mouse's wheel works over the fields in it as well. UI goroutine.
func NewScroll(content fyne.CanvasObject) *container.Scroll {
	s := container.NewVScroll(content)
	s.OnScrolled = func(fyne.Position) { HideTips(s) }
	knowScroll(s)
	return s
}

// Reveal scrolls an object in the scrolling content into view: wholly, or where it is higher than that, its top.
func Reveal(s *container.Scroll, o fyne.CanvasObject) {
	driver := fyne.CurrentApp().Driver()
	if driver.CanvasForObject(s) == nil || driver.CanvasForObject(o) == nil {
		return
	}
	top := driver.AbsolutePositionForObject(o).Y - driver.AbsolutePositionForObject(s.Content).Y
	bottom := top + o.Size().Height
	offset := s.Offset.Y
	if bottom > offset+s.Size().Height {
		offset = bottom - s.Size().Height
	}
	if offset = min(offset, top); offset != s.Offset.Y {
		s.ScrollToOffset(fyne.NewPos(s.Offset.X, offset))
	}
}
