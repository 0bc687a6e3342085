// Package warm loads the system's OpenGL driver while the program still does other things.
//
// The first window waits for the driver: for its libraries, hundreds of megabytes with a compiler in them where there is no graphics card, and for
// the first programs that they compile. All that is done once for a process. So a second thread makes a context that nobody sees, draws a triangle
// in it and throws it away, on a connection to the X server of its own. Whatever does not work there is left to the first window, as without it.
package warm

// #cgo LDFLAGS: -lGL -lX11 -lpthread
// #include "warm.h"
import "C"

import (
	"os"
	"runtime"
)

// Start begins, on a thread of its own, if there is an X server to draw on and a processor to spare, and returns at once. Call it before
// anything else uses Xlib: older ones want to be told beforehand that several threads do.
func Start() {
	if os.Getenv("DISPLAY") == "" || os.Getenv("WAYLAND_DISPLAY") != "" || runtime.NumCPU() < 2 {
		return
	}
	C.warm_start()
}
