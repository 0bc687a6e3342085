package console

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/driver"

	"guesthouse/hypervisor/keymap"
)

// scanBase knows what the scan codes of this window's key events are. With X11 they are X key codes, 8 above the kernel's evdev codes; with
// Wayland they are evdev codes. Fyne does not say which, but the window's native context does.
type scanBase struct {
	known, raw bool
}

// evdev turns a scan code of an event at object o into an evdev code, 0 for none.
func (b *scanBase) evdev(o fyne.CanvasObject, scan int) uint16 {
	if !b.known {
		b.find(o)
	}
	if b.raw {
		if scan <= 0 || scan > 0xffff {
			return 0
		}
		return uint16(scan)
	}
	return keymap.EvdevFromX11(scan)
}

// find asks the window that o is in. Without a native window (tests) codes count as those of X11.
func (b *scanBase) find(o fyne.CanvasObject) {
	c := fyne.CurrentApp().Driver().CanvasForObject(o)
	for _, w := range fyne.CurrentApp().Driver().AllWindows() {
		if w.Canvas() != c {
			continue
		}
		b.known = true
		if native, ok := w.(driver.NativeWindow); ok {
			native.RunNative(func(context any) { _, b.raw = context.(driver.WaylandWindowContext) })
		}
	}
}
