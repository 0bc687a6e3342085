package wizard

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/driver/desktop"
	"fyne.io/fyne/v2/layout"
	fynetheme "fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"guesthouse/ui/theme"
)

// choice is one of several exclusive options: a radio button with a title and a line of explanation.
type choice struct {
	widget.BaseWidget
	keys     *keys
	title    string
	hint     string
	group    []*choice
	onChosen func()

	chosen, focused, hovered, disabled bool
}

var (
	_ fyne.Focusable    = (*choice)(nil)
	_ fyne.Tappable     = (*choice)(nil)
	_ desktop.Hoverable = (*choice)(nil)
	_ fyne.Disableable  = (*choice)(nil)
)

func newChoice(k *keys, title, hint string, chosen func()) *choice {
	c := &choice{keys: k, title: title, hint: hint, onChosen: chosen}
	c.ExtendBaseWidget(c)
	return c
}

// groupChoices makes choices exclude each other and lets the arrow keys go from one to the next.
func groupChoices(all ...*choice) {
	for _, c := range all {
		c.group = all
	}
}

// SetChosen shows the choice as chosen or not; it calls nobody.
func (c *choice) SetChosen(on bool) {
	if c.chosen != on {
		c.chosen = on
		c.Refresh()
	}
}

// SetHint replaces the line of explanation.
func (c *choice) SetHint(hint string) {
	if c.hint != hint {
		c.hint = hint
		c.Refresh()
	}
}

// Tapped implements fyne.Tappable.
func (c *choice) Tapped(*fyne.PointEvent) {
	if canvas := fyne.CurrentApp().Driver().CanvasForObject(c); canvas != nil && !c.disabled {
		canvas.Focus(c)
	}
	c.choose()
}

func (c *choice) choose() {
	if c.disabled || c.chosen {
		return
	}
	for _, other := range c.group {
		other.SetChosen(other == c)
	}
	c.onChosen()
}

// TypedKey implements fyne.Focusable.
func (c *choice) TypedKey(ev *fyne.KeyEvent) {
	switch ev.Name {
	case fyne.KeySpace:
		c.choose()
	case fyne.KeyUp, fyne.KeyLeft:
		c.move(-1)
	case fyne.KeyDown, fyne.KeyRight:
		c.move(1)
	default:
		c.keys.typed(ev)
	}
}

// move chooses the next choice that can be chosen, as radio buttons do.
func (c *choice) move(step int) {
	at := 0
	for i, other := range c.group {
		if other == c {
			at = i
		}
	}
	for i := at + step; i >= 0 && i < len(c.group); i += step {
		if !c.group[i].disabled {
			c.group[i].Tapped(nil)
			return
		}
	}
}

// TypedRune implements fyne.Focusable.
func (c *choice) TypedRune(rune) {}

// FocusGained implements fyne.Focusable.
func (c *choice) FocusGained() { c.focused = true; c.Refresh() }

// FocusLost implements fyne.Focusable.
func (c *choice) FocusLost() { c.focused = false; c.Refresh() }

// MouseIn implements desktop.Hoverable.
func (c *choice) MouseIn(*desktop.MouseEvent) { c.hovered = true; c.Refresh() }

// MouseMoved implements desktop.Hoverable.
func (c *choice) MouseMoved(*desktop.MouseEvent) {}

// MouseOut implements desktop.Hoverable.
func (c *choice) MouseOut() { c.hovered = false; c.Refresh() }

// Disable implements fyne.Disableable.
func (c *choice) Disable() { c.setDisabled(true) }

// Enable implements fyne.Disableable.
func (c *choice) Enable() { c.setDisabled(false) }

// Disabled implements fyne.Disableable.
func (c *choice) Disabled() bool { return c.disabled }

func (c *choice) setDisabled(off bool) {
	if c.disabled != off {
		c.disabled = off
		c.Refresh()
	}
}

// CreateRenderer implements fyne.Widget.
func (c *choice) CreateRenderer() fyne.WidgetRenderer {
	back := canvas.NewRectangle(nil)
	back.CornerRadius = theme.Radius
	ring := canvas.NewCircle(nil)
	ring.StrokeWidth = 2
	dot := canvas.NewCircle(nil)
	title := widget.NewLabel(c.title)
	title.TextStyle.Bold = true
	hint := widget.NewLabel(c.hint)
	hint.Wrapping = fyne.TextWrapWord
	hint.SizeName = fynetheme.SizeNameCaptionText
	mark := container.NewCenter(
		container.NewGridWrap(fyne.NewSquareSize(18), ring),
		container.NewGridWrap(fyne.NewSquareSize(8), dot),
	)
	text := container.New(layout.NewCustomPaddedVBoxLayout(-theme.Gap2), title, hint)
	content := container.NewStack(back, container.New(layout.NewCustomPaddedLayout(2, 4, theme.Gap3, theme.Gap2),
		container.NewBorder(nil, nil, container.NewVBox(container.New(layout.NewCustomPaddedLayout(theme.Gap2, 0, 0, 0), mark)), nil, text)))

	return newRenderer(content, func() {
		edge := theme.ColorOutline
		back.FillColor = theme.Color(theme.ColorSurface)
		back.StrokeWidth = 1
		mine := theme.ColorMuted
		if c.hovered && !c.disabled {
			back.FillColor = theme.Color(theme.ColorSurfaceRaised)
		}
		if c.chosen {
			edge, mine = fynetheme.ColorNamePrimary, fynetheme.ColorNamePrimary
		}
		if c.focused {
			edge = fynetheme.ColorNamePrimary
			back.StrokeWidth = theme.FocusWidth
		}
		back.StrokeColor = theme.Color(edge)
		title.Importance = widget.MediumImportance
		if c.disabled {
			mine = fynetheme.ColorNameDisabled
			title.Importance = widget.LowImportance
		}
		ring.StrokeColor = theme.Color(mine)
		dot.FillColor = theme.Color(mine)
		dot.Hidden = !c.chosen
		hint.Hidden = c.hint == ""
		title.SetText(c.title)
		hint.SetText(c.hint)
	})
}
