package e2e

import (
	"errors"
	"fmt"
	"image"
	"image/color"
	"strings"

	"guesthouse/hypervisor/guesttest"
	"guesthouse/ui/probe"
)

// field returns the middle of the entry that stands beside or below a label.
func (p *program) field(window, label string) image.Point {
	p.t.Helper()
	place := p.waitWindow(window)
	var at image.Point
	p.eventually("the field "+label, func() error {
		w, err := p.window(window)
		if err != nil {
			return err
		}
		of, err := labelText(w, label)
		if err != nil {
			return err
		}
		for _, t := range w.Texts {
			const row = 12
			if strings.Contains(t.Widgets, "Entry") && t.Overlay == of.Overlay && t.X > of.X && abs(t.Y-of.Y) < row {
				at = place.Min.Add(image.Pt(t.X+4, t.Y+t.Height/2))
				return nil
			}
		}
		return fmt.Errorf("no entry beside %q", label)
	})
	return at
}

// labelText finds a text outside entries and buttons; of several the last, since rails and headings come first.
func labelText(w probe.Window, text string) (probe.Text, error) {
	var found *probe.Text
	for i, t := range w.Texts {
		if t.Text == text && !strings.Contains(t.Widgets, "Entry") && !strings.Contains(t.Widgets, "Button") {
			found = &w.Texts[i]
		}
	}
	if found == nil {
		return probe.Text{}, fmt.Errorf("window %q has no label %q", w.Title, text)
	}
	return *found, nil
}

// enter replaces what is in the field beside a label.
func (p *program) enter(window, label, text string) {
	p.t.Helper()
	p.clickAt(p.field(window, label), 1)
	p.keys("ctrl+a")
	p.write(text)
}

// guestPicture finds the test guest's picture in a part of the screen and returns its rectangle. Every
// quarter must be there in its colour, in its corner, and alike in size.
func guestPicture(screen *image.RGBA, part image.Rectangle) (image.Rectangle, error) {
	p := guesttest.Picture
	topLeft, topRight := colourBox(screen, part, p.TopLeft), colourBox(screen, part, p.TopRight)
	bottomLeft, bottomRight := colourBox(screen, part, p.BottomLeft), colourBox(screen, part, p.BottomRight)
	for _, box := range []image.Rectangle{topLeft, topRight, bottomLeft, bottomRight} {
		if box.Dx() < 50 || box.Dy() < 50 {
			return image.Rectangle{}, fmt.Errorf("quarters are %v, %v, %v, %v", topLeft, topRight, bottomLeft, bottomRight)
		}
	}
	const near = 4
	switch {
	case topLeft.Max.X > topRight.Min.X, bottomLeft.Max.X > bottomRight.Min.X,
		topLeft.Max.Y > bottomLeft.Min.Y, topRight.Max.Y > bottomRight.Min.Y:
		return image.Rectangle{}, errors.New("the quarters are not in their corners")
	case abs(topLeft.Dx()-bottomRight.Dx()) > near, abs(topLeft.Dy()-bottomRight.Dy()) > near:
		return image.Rectangle{}, fmt.Errorf("the quarters differ: %v, %v", topLeft, bottomRight)
	}
	return topLeft.Union(bottomRight), nil
}

// colourBox is the rectangle around all pixels of a colour.
func colourBox(screen *image.RGBA, part image.Rectangle, want color.RGBA) image.Rectangle {
	var box image.Rectangle
	for y := part.Min.Y; y < part.Max.Y; y++ {
		for x := part.Min.X; x < part.Max.X; x++ {
			if screen.RGBAAt(x, y) == want {
				box = box.Union(image.Rect(x, y, x+1, y+1))
			}
		}
	}
	return box
}

// findPicture looks once for the guest's picture in a window, and returns the screen as well.
func (p *program) findPicture(window string) (screen *image.RGBA, picture image.Rectangle, err error) {
	p.t.Helper()
	w, err := p.window(window)
	if err != nil {
		return nil, picture, err
	}
	id, err := p.xID(w.Title)
	if err != nil {
		return nil, picture, err
	}
	place, err := p.place(id)
	if err != nil {
		return nil, picture, err
	}
	screen = p.picture()
	picture, err = guestPicture(screen, place.Intersect(screen.Bounds()))
	return screen, picture, err
}

// waitPicture waits until the guest's picture is in the window with the block in its middle in that colour,
// and returns where on the screen it is.
func (p *program) waitPicture(window string, block color.RGBA) image.Rectangle {
	p.t.Helper()
	var picture image.Rectangle
	p.eventually("the guest's picture", func() error {
		screen, at, err := p.findPicture(window)
		if err != nil {
			return err
		}
		picture = at
		middle := picture.Min.Add(picture.Size().Div(2)).Add(image.Pt(6, 6))
		if got := screen.RGBAAt(middle.X, middle.Y); got != block {
			return fmt.Errorf("the block in the middle is %v, not %v", got, block)
		}
		return nil
	})
	return picture
}

func abs(n int) int { return max(n, -n) }
