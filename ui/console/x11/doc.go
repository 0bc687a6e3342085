// Package x11 is a console window's own line to the X server, beside the toolkit's: it shows the guest's picture from shared memory in a
// child of the toolkit's window, and is where what the toolkit cannot do (grabs) has its place. It is pure Go and knows no toolkit.
//
// The toolkit paints a changed picture by uploading and redrawing the whole window. Here the memory that the guest's pixels are read into
// is the server's as well (MIT-SHM), so that showing a change costs the server one copy of what changed and this program almost nothing.
//
// Sources of protocol facts: the X11 protocol, MIT-SHM, RENDER and SHAPE documents of X.Org.
package x11
