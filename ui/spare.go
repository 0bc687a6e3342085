package ui

import (
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/driver"
	"github.com/go-gl/glfw/v3.4/glfw"

	"guesthouse/ui/dispatch"
	"guesthouse/ui/widgets"
)

// spareTime is how long a window waits for its next machine.
const spareTime = 5 * time.Minute

// spare keeps the window of the console that was left last, hidden: another machine's window then opens without the time that it takes to make
// one, which is most of it where there is no graphics card. UI goroutine only.
type spare struct {
	window fyne.Window // nil: none
	forget func()      // ends its time
	// unmade is a window that was never shown, as it was prepared for nothing: it costs little, cannot be closed, and comes next. nil: none.
	unmade fyne.Window
}

// take returns the spare window, or a new one.
func (s *spare) take(app fyne.App) fyne.Window {
	win := s.window
	if win == nil && s.unmade != nil {
		win, s.unmade = s.unmade, nil
		return win
	}
	if win == nil {
		return newWindow(app, "")
	}
	s.window = nil
	s.forget()
	return win
}

// put keeps a window that is no longer used, and says whether it was ever shown. wanted is false when the program is about to end: no window must be
// left then.
func (s *spare) put(d dispatch.Dispatcher, win fyne.Window, shown, wanted bool) {
	switch {
	case !shown:
		empty(win)
		s.unmade = win
		return
	case s.window != nil || !wanted:
		win.Close()
		return
	}
	win.Hide()
	empty(win)
	s.window = win
	s.forget = dispatch.After(d, spareTime, s.drop)
}

// empty takes everything of the last machine out of a window.
func empty(win fyne.Window) {
	win.SetFullScreen(false)
	win.SetCloseIntercept(nil)
	win.SetTitle("")
	widgets.DropDialogs(win.Canvas())
	win.Canvas().SetOnTypedKey(nil)
	for top := win.Canvas().Overlays().Top(); top != nil; top = win.Canvas().Overlays().Top() {
		win.Canvas().Overlays().Remove(top)
	}
	win.Canvas().Unfocus()
	win.SetContent(container.NewWithoutLayout())
}

// drop gives the spare window up.
func (s *spare) drop() {
	if win := s.window; win != nil {
		s.window = nil
		s.forget()
		win.Close()
	}
}

// newWindow makes a window that is not shown yet. The toolkit's painter needs neither depth nor stencil buffer, but would get both, with four
// bytes for each pixel of the window.
func newWindow(app fyne.App, title string) fyne.Window {
	win := app.NewWindow(title)
	if _, real := win.(driver.NativeWindow); real { // the toolkit has begun with GLFW now, and makes the window when it is shown
		glfw.WindowHint(glfw.DepthBits, 0)
		glfw.WindowHint(glfw.StencilBits, 0)
	}
	return win
}
