package ui

import (
	"image"

	"github.com/go-gl/glfw/v3.4/glfw"
)

// frame is what a desktop puts around a window, in pixels: about a title bar and two edges.
var frame = image.Pt(8, 40)

// monitor returns the most pixels that a window can have on the first monitor, zero if the toolkit does not know. UI goroutine only.
func monitor() (most image.Point) {
	defer func() {
		if recover() != nil { // GLFW is not there, as in tests
			most = image.Point{}
		}
	}()
	first := glfw.GetPrimaryMonitor()
	if first == nil {
		return image.Point{}
	}
	_, _, width, height := first.GetWorkarea()
	return image.Pt(width, height).Sub(frame)
}
