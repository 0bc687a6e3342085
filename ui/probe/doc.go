// Package probe tells a window test where things are. Fyne offers no accessibility interface on Linux, so
// the test of the running program asks it: which windows are open, and which text is shown where. The mouse
// and the keys stay real.
//
// The program contains it only when it is built with the tag "probe", and then listens on the unix socket that
// the environment names (Socket). A released program is built without.
package probe

// Socket is the environment variable with the path of the unix socket to listen on.
const Socket = "GUESTHOUSE_PROBE"

// Window is one open window.
type Window struct {
	Title         string
	Width, Height int // pixels
	Texts         []Text
}

// Text is one piece of text that the user can see, with the rectangle that it takes in its window, in pixels.
type Text struct {
	Text                string
	X, Y, Width, Height int
	Disabled            bool   // it belongs to a widget that is disabled
	Overlay             bool   // it belongs to a menu or dialog above the window's content
	Widgets             string // types of the widgets around it, outermost first, separated by blanks
}
