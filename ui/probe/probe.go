//go:build probe

package probe

import (
	"encoding/json"
	"fmt"
	"math"
	"net"
	"os"
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/test"

	"guesthouse/ui/dispatch"
)

// Linking the package is what turns it on.
func init() {
	path := os.Getenv(Socket)
	if path == "" {
		return
	}
	listener, err := net.Listen("unix", path)
	if err != nil {
		fmt.Fprintln(os.Stderr, "probe:", err)
		return
	}
	go serve(listener)
}

// serve answers every connection with the windows as JSON.
func serve(listener net.Listener) {
	for {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		var windows []Window
		if fyne.CurrentApp() != nil {
			looked := make(chan []Window, 1)
			dispatch.Fyne{}.Do(func() { looked <- look() })
			windows = <-looked
		}
		_ = json.NewEncoder(conn).Encode(windows)
		conn.Close()
	}
}

// look runs on the UI goroutine.
func look() []Window {
	var windows []Window
	for _, w := range fyne.CurrentApp().Driver().AllWindows() {
		c := w.Canvas()
		v := &viewer{scale: c.Scale(), window: Window{Title: w.Title()}}
		v.window.Width, v.window.Height = v.pixels(c.Size().Width), v.pixels(c.Size().Height)
		all := box{width: c.Size().Width, height: c.Size().Height}
		if content := c.Content(); content != nil {
			v.visit(content, all, surroundings{})
		}
		for _, overlay := range c.Overlays().List() {
			v.visit(overlay, all, surroundings{overlay: true})
		}
		windows = append(windows, v.window)
	}
	return windows
}

// viewer collects the texts of one window.
type viewer struct {
	scale  float32
	window Window
}

// surroundings is what an object inherits.
type surroundings struct {
	disabled, overlay bool
	widgets           []string
}

// box is the part of the window through which an object can be seen.
type box struct{ x, y, width, height float32 }

func (b box) intersect(o box) box {
	x, y := max(b.x, o.x), max(b.y, o.y)
	return box{x, y, min(b.x+b.width, o.x+o.width) - x, min(b.y+b.height, o.y+o.height) - y}
}

func (v *viewer) pixels(units float32) int { return int(math.Round(float64(units * v.scale))) }

func (v *viewer) visit(o fyne.CanvasObject, seen box, s surroundings) {
	if o == nil || !o.Visible() {
		return
	}
	position := fyne.CurrentApp().Driver().AbsolutePositionForObject(o)
	here := box{position.X, position.Y, o.Size().Width, o.Size().Height}
	switch o := o.(type) {
	case *canvas.Text:
		v.text(o.Text, here, seen, s)
	case *fyne.Container:
		for _, child := range o.Objects {
			v.visit(child, seen, s)
		}
	case fyne.Widget:
		s.disabled = s.disabled || disabled(o)
		kind := fmt.Sprintf("%T", o)
		s.widgets = append(s.widgets[:len(s.widgets):len(s.widgets)], kind)
		if _, ok := o.(*container.Scroll); ok || strings.Contains(kind, "Scroll") || strings.Contains(kind, "List") {
			seen = seen.intersect(here)
		}
		if o, ok := o.(interface{ ShownLines() []string }); ok { // a terminal paints its text itself
			lines := o.ShownLines()
			for i, line := range lines {
				height := here.height / float32(len(lines))
				v.text(line, box{here.x, here.y + float32(i)*height, here.width, height}, seen, s)
			}
		}
		for _, child := range test.WidgetRenderer(o).Objects() {
			v.visit(child, seen, s)
		}
	}
}

// disabled asks Fyne's widgets and our own, which also give a reason.
func disabled(w fyne.Widget) bool {
	switch w := w.(type) {
	case fyne.Disableable:
		return w.Disabled()
	case interface{ Disabled() (string, bool) }:
		_, off := w.Disabled()
		return off
	}
	return false
}

func (v *viewer) text(text string, here, seen box, s surroundings) {
	visible := here.intersect(seen)
	if strings.TrimSpace(text) == "" || visible.width <= 0 || visible.height <= 0 {
		return
	}
	v.window.Texts = append(v.window.Texts, Text{
		Text: text, X: v.pixels(visible.x), Y: v.pixels(visible.y),
		Width: v.pixels(visible.width), Height: v.pixels(visible.height),
		Disabled: s.disabled, Overlay: s.overlay, Widgets: strings.Join(s.widgets, " "),
	})
}
