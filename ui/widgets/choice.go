package widgets

import (
	"slices"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/layout"
)

// Choice is a list of which one is chosen: with a click or Space, or with Up and Down, which go to the next one. Unlike Fyne's it lets Escape through to the dialog.
type Choice struct {
	// Box is what to put into a window.
	Box fyne.CanvasObject
	// OnChanged is called when another one was chosen.
	OnChanged func()
	// OnFocus, if set, is called when one of the choices gets the keyboard.
	OnFocus func()

	buttons  []*Button
	selected int
}

// NewChoice returns a choice of these labels, the first of which is chosen.
func NewChoice(labels []string) *Choice {
	c := &Choice{OnChanged: func() {}}
	box := container.New(layout.NewCustomPaddedVBoxLayout(0))
	for i, label := range labels {
		b := NewButton("circle", label, StyleFlat, func() { c.choose(i) })
		b.OnFocus = func() {
			if c.OnFocus != nil {
				c.OnFocus()
			}
		}
		b.OnKey = func(e *fyne.KeyEvent) bool { return c.key(i, e) }
		c.buttons = append(c.buttons, b)
		box.Add(container.NewHBox(b))
	}
	c.Box = box
	c.show()
	return c
}

// Selected returns the label that is chosen.
func (c *Choice) Selected() string { return c.buttons[c.selected].Text() }

// SetSelected chooses a label that is there.
func (c *Choice) SetSelected(label string) {
	if i := slices.IndexFunc(c.buttons, func(b *Button) bool { return b.Text() == label }); i >= 0 {
		c.choose(i)
	}
}

func (c *Choice) choose(i int) {
	changed := c.selected != i
	c.selected = i
	c.show()
	if changed {
		c.OnChanged()
	}
}

func (c *Choice) show() {
	for i, b := range c.buttons {
		icon := "circle"
		if i == c.selected {
			icon = "record"
		}
		b.Set(icon, b.Text())
	}
}

func (c *Choice) key(i int, e *fyne.KeyEvent) bool {
	switch e.Name {
	case fyne.KeyUp:
		i = max(i-1, 0)
	case fyne.KeyDown:
		i = min(i+1, len(c.buttons)-1)
	default:
		return false
	}
	c.choose(i)
	if canvas := fyne.CurrentApp().Driver().CanvasForObject(c.buttons[i]); canvas != nil {
		canvas.Focus(c.buttons[i])
	}
	return true
}
