// Package widgets holds the reusable pieces of the windows. They know no machines and no jobs; they take
// their look from ui/theme. Everything here is for the UI goroutine only.
package widgets

import (
	"image/color"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/driver/desktop"
	fynetheme "fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"guesthouse/ui/lang"
	"guesthouse/ui/theme"
)

// Style is how much a button asks for attention.
type Style int

// The styles of a Button.
const (
	StylePlain   Style = iota // raised, for dialogs and cards
	StyleFlat                 // no background until hovered, for toolbars
	StylePrimary              // the one thing to do here
	StyleDanger               // loses something
)

// holdTime is how long the mouse button stays down for a longer press.
const holdTime = 500 * time.Millisecond

// Button is the only button of the program: an icon and a text side by side, or stacked in a toolbar.
// It can be disabled with a reason, which its tooltip then shows; it stays in the focus order, so
// that the reason can be read with the keyboard too.
type Button struct {
	widget.BaseWidget
	// OnTapped is called on a click, Space or Enter while the button is enabled.
	OnTapped func()
	// OnKey, if set, sees each key first; true means that it was dealt with.
	OnKey func(*fyne.KeyEvent) bool
	// OnPhysicalKey, if set, is told of each key that goes down or up while the button has the keyboard.
	OnPhysicalKey func(e *fyne.KeyEvent, down bool)
	// OnFocus, if set, is called when the button gets the focus, for example to scroll it into view.
	OnFocus func()
	// OnHover, if set, is called when the pointer comes (true) and goes.
	OnHover func(bool)
	// OnHold, if set, is called instead of OnTapped when the mouse button stays down for holdTime, while it is still down.
	OnHold func()

	text, icon, tip string
	style           Style
	stacked         bool
	arrow           bool
	narrow          bool // the arrow part of a split button
	disabled        bool
	reason          string
	hovered         bool
	pressed         bool
	hold            *fyne.Animation // runs while it is held
	held            bool            // OnHold was called, so the release is no click
	focused         bool
}

var (
	_ fyne.Tappable     = (*Button)(nil)
	_ fyne.Focusable    = (*Button)(nil)
	_ desktop.Hoverable = (*Button)(nil)
	_ desktop.Mouseable = (*Button)(nil)
	_ desktop.Keyable   = (*Button)(nil)
)

// NewButton returns a button with an icon (empty for none) beside its text.
func NewButton(icon, text string, style Style, tapped func()) *Button {
	b := &Button{text: text, icon: icon, style: style, OnTapped: tapped}
	b.ExtendBaseWidget(b)
	return b
}

// NewToolButton returns a flat toolbar button with its icon over the text.
func NewToolButton(icon, text string, tapped func()) *Button {
	b := NewButton(icon, text, StyleFlat, tapped)
	b.stacked = true
	return b
}

// NewIconButton returns a flat button without text; the tooltip says what it does.
func NewIconButton(icon, tip string, tapped func()) *Button {
	b := NewButton(icon, "", StyleFlat, tapped)
	b.tip = tip
	return b
}

// NewMenuButton returns a toolbar button that opens a menu below itself. menu is asked each time.
func NewMenuButton(icon, text string, menu func() *fyne.Menu) *Button {
	b := NewToolButton(icon, text, nil)
	b.arrow = true
	b.OnTapped = func() { ShowMenu(b, menu()) }
	return b
}

// ShowMenu opens a menu below obj, or above it where there is no room below.
func ShowMenu(obj fyne.CanvasObject, menu *fyne.Menu) {
	c := fyne.CurrentApp().Driver().CanvasForObject(obj)
	if c == nil || menu == nil || len(menu.Items) == 0 {
		return
	}
	const gap = 2
	top := fyne.CurrentApp().Driver().AbsolutePositionForObject(obj)
	at := top.AddXY(0, obj.Size().Height+gap)
	if height := widget.NewPopUpMenu(menu, c).MinSize().Height; at.Y+height > c.Size().Height && top.Y > height+gap {
		at.Y = top.Y - height - gap
	}
	ShowMenuAt(c, menu, at)
}

// SetStacked puts the icon over the text (true) or beside it.
func (b *Button) SetStacked(on bool) *Button {
	b.stacked = on
	b.Refresh()
	return b
}

// SetText changes the text.
func (b *Button) SetText(text string) { b.Set(b.icon, text) }

// Set changes icon and text.
func (b *Button) Set(icon, text string) {
	if b.text != text || b.icon != icon {
		b.text, b.icon = text, icon
		b.Refresh()
	}
}

// Text returns the text.
func (b *Button) Text() string { return b.text }

// SetTip sets the tooltip of the enabled button.
func (b *Button) SetTip(tip string) *Button {
	b.tip = tip
	return b
}

// SetStyle changes the style.
func (b *Button) SetStyle(style Style) {
	if b.style != style {
		b.style = style
		b.Refresh()
	}
}

// Enable makes the button act.
func (b *Button) Enable() { b.SetEnabled(true, "") }

// Disable greys the button; reason is one sentence for its tooltip.
func (b *Button) Disable(reason string) { b.SetEnabled(false, reason) }

// SetEnabled enables the button, or disables it with a reason.
func (b *Button) SetEnabled(on bool, reason string) {
	if on {
		reason = ""
	}
	if b.disabled == !on && b.reason == reason {
		return
	}
	b.disabled, b.reason = !on, reason
	b.Refresh()
}

// Disabled reports whether the button is disabled, and why.
func (b *Button) Disabled() (reason string, disabled bool) { return b.reason, b.disabled }

// Tip is the tooltip as it would show now: while the button is disabled, the reason.
func (b *Button) Tip() string {
	if b.disabled && b.reason != "" {
		return lang.L(b.reason) // a service's reason is English
	}
	return b.tip
}

// Tapped implements fyne.Tappable.
func (b *Button) Tapped(*fyne.PointEvent) {
	// In a dialog a click takes the focus, as Tab goes on from there. In the window it stays with the list.
	if c := fyne.CurrentApp().Driver().CanvasForObject(b); c != nil && modalOn(c) != nil && !b.disabled {
		c.Focus(b)
	}
	if b.held {
		b.held = false
		return
	}
	if !b.disabled && b.OnTapped != nil {
		HideTip(b)
		b.OnTapped()
	}
}

// MouseIn implements desktop.Hoverable.
func (b *Button) MouseIn(*desktop.MouseEvent) {
	b.hovered = true
	ShowTip(b, b.Tip())
	b.Refresh()
	if b.OnHover != nil {
		b.OnHover(true)
	}
}

// MouseMoved implements desktop.Hoverable.
func (b *Button) MouseMoved(*desktop.MouseEvent) {}

// MouseOut implements desktop.Hoverable.
func (b *Button) MouseOut() {
	b.hovered, b.pressed = false, false
	HideTip(b)
	b.Refresh()
	if b.OnHover != nil {
		b.OnHover(false)
	}
}

// MouseDown implements desktop.Mouseable.
func (b *Button) MouseDown(e *desktop.MouseEvent) {
	b.pressed, b.held = true, false
	b.Refresh()
	if b.OnHold == nil || b.disabled || e.Button != desktop.MouseButtonPrimary {
		return
	}
	b.hold = fyne.NewAnimation(holdTime, func(part float32) { // a timer on the UI goroutine
		if part == 1 && b.pressed && !b.held {
			b.held = true
			HideTip(b)
			b.OnHold()
		}
	})
	b.hold.Start()
}

// MouseUp implements desktop.Mouseable.
func (b *Button) MouseUp(*desktop.MouseEvent) {
	b.pressed = false
	if b.hold != nil {
		b.hold.Stop()
		b.hold = nil
	}
	b.Refresh()
}

// FocusGained implements fyne.Focusable.
func (b *Button) FocusGained() {
	b.focused = true
	if b.OnFocus != nil {
		b.OnFocus()
	}
	focusGained(b)
	if !refocusing {
		ShowTipNow(b, b.Tip())
	}
	b.Refresh()
}

// FocusLost implements fyne.Focusable.
func (b *Button) FocusLost() {
	b.focused = false
	focusLost(b)
	HideTip(b)
	b.Refresh()
}

// TypedRune implements fyne.Focusable.
func (b *Button) TypedRune(rune) {}

// KeyDown implements desktop.Keyable.
func (b *Button) KeyDown(e *fyne.KeyEvent) { b.physicalKey(e, true) }

// KeyUp implements desktop.Keyable.
func (b *Button) KeyUp(e *fyne.KeyEvent) { b.physicalKey(e, false) }

func (b *Button) physicalKey(e *fyne.KeyEvent, down bool) {
	if b.OnPhysicalKey != nil {
		b.OnPhysicalKey(e, down)
	}
}

// TypedKey implements fyne.Focusable: Space and Enter press, Escape closes the dialog around the button.
func (b *Button) TypedKey(e *fyne.KeyEvent) {
	if b.OnKey != nil && b.OnKey(e) {
		return
	}
	switch e.Name {
	case fyne.KeySpace, fyne.KeyReturn, fyne.KeyEnter:
		b.Tapped(nil)
	case fyne.KeyEscape:
		DismissModal(b)
	}
}

// CreateRenderer implements fyne.Widget.
func (b *Button) CreateRenderer() fyne.WidgetRenderer {
	r := &buttonRenderer{
		b: b, back: &canvas.Rectangle{CornerRadius: theme.Radius}, over: &canvas.Rectangle{CornerRadius: theme.Radius},
		ring: &canvas.Rectangle{CornerRadius: theme.Radius, StrokeWidth: theme.FocusWidth},
		icon: NewGlyph(), arrow: NewGlyph(),
		text: canvas.NewText("", color.Black),
	}
	r.update()
	return r
}

type buttonRenderer struct {
	b                *Button
	back, over, ring *canvas.Rectangle
	icon, arrow      *Glyph
	text             *canvas.Text
}

func (r *buttonRenderer) Destroy() {}

func (r *buttonRenderer) Objects() []fyne.CanvasObject {
	return []fyne.CanvasObject{r.back, r.over, r.icon.Object, r.text, r.arrow.Object, r.ring}
}

const (
	arrowSize   float32 = 12 // of the arrow that says that a menu opens
	stackedIcon float32 = 22 // of the icon over a text
)

func (r *buttonRenderer) MinSize() fyne.Size {
	text := r.textSize()
	iconW, iconH := r.iconSize()
	if r.b.stacked {
		w := max(text.Width, iconW+2*r.arrowWidth())
		return fyne.NewSize(max(w+2*theme.Gap2, 60), theme.Gap1+iconH+2+text.Height+theme.Gap1+2)
	}
	if r.b.narrow {
		return fyne.NewSize(20, 32)
	}
	if r.b.text == "" {
		return fyne.NewSize(32+r.arrowWidth(), 32)
	}
	w := text.Width + 2*theme.Gap3 + r.arrowWidth()
	if iconW > 0 {
		w += iconW + theme.Gap2 - theme.Gap1
	}
	return fyne.NewSize(w, 34)
}

func (r *buttonRenderer) arrowWidth() float32 {
	if r.b.arrow {
		return arrowSize + 2
	}
	return 0
}

func (r *buttonRenderer) iconSize() (w, h float32) {
	if r.b.icon == "" {
		return 0, 0
	}
	switch {
	case r.b.narrow:
		return arrowSize, arrowSize
	case r.b.stacked:
		return stackedIcon, stackedIcon
	}
	return 18, 18
}

func (r *buttonRenderer) textSize() fyne.Size {
	if r.b.text == "" {
		return fyne.Size{}
	}
	return fyne.MeasureText(r.text.Text, r.text.TextSize, r.text.TextStyle)
}

func (r *buttonRenderer) Layout(size fyne.Size) {
	for _, o := range []*canvas.Rectangle{r.back, r.over, r.ring} {
		o.Resize(size)
		o.Move(fyne.NewPos(0, 0))
	}
	text := r.textSize()
	iconW, iconH := r.iconSize()
	r.icon.Object.Resize(fyne.NewSize(iconW, iconH))
	r.text.Resize(text)
	r.arrow.Object.Resize(fyne.NewSquareSize(arrowSize))
	if r.b.stacked {
		top := (size.Height - iconH - 2 - text.Height) / 2
		left := (size.Width - iconW) / 2
		r.icon.Object.Move(fyne.NewPos(left, top))
		r.arrow.Object.Move(fyne.NewPos(left+iconW+2, top+(iconH-arrowSize)/2))
		r.text.Move(fyne.NewPos((size.Width-text.Width)/2, top+iconH+2))
		return
	}
	if r.b.narrow { // level with the icon and the arrow of the toolbar's other buttons
		label := fyne.MeasureText("X", theme.TextSmall, fyne.TextStyle{}).Height
		top := (size.Height - stackedIcon - 2 - label) / 2
		r.icon.Object.Move(fyne.NewPos((size.Width-iconW)/2, max(0, top+(stackedIcon-iconH)/2)))
		return
	}
	gap := float32(0)
	if r.b.icon != "" && r.b.text != "" {
		gap = theme.Gap2 - 2
	}
	left := (size.Width - iconW - gap - text.Width - r.arrowWidth()) / 2
	r.icon.Object.Move(fyne.NewPos(left, (size.Height-iconH)/2))
	r.text.Move(fyne.NewPos(left+iconW+gap, (size.Height-text.Height)/2))
	r.arrow.Object.Move(fyne.NewPos(left+iconW+gap+text.Width+2, (size.Height-arrowSize)/2))
}

// update copies the button's state to the canvas objects.
func (r *buttonRenderer) update() {
	b := r.b
	fore := fynetheme.ColorNameForeground
	back := fyne.ThemeColorName("")
	switch b.style {
	case StylePlain:
		back = fynetheme.ColorNameButton
	case StylePrimary:
		fore, back = fynetheme.ColorNameForegroundOnPrimary, fynetheme.ColorNamePrimary
	case StyleDanger:
		fore, back = fynetheme.ColorNameForegroundOnError, fynetheme.ColorNameError
	}
	if b.disabled {
		fore = fynetheme.ColorNameDisabled
		if back != "" {
			back = fynetheme.ColorNameDisabledButton
		}
	}
	r.back.FillColor = color.Transparent
	if back != "" {
		r.back.FillColor = theme.Color(back)
	}
	r.over.FillColor = color.Transparent
	switch {
	case b.disabled:
	case b.pressed:
		r.over.FillColor = theme.Color(fynetheme.ColorNamePressed)
	case b.hovered:
		r.over.FillColor = theme.Color(fynetheme.ColorNameHover)
	}
	r.ring.FillColor = color.Transparent
	r.ring.StrokeColor = color.Transparent
	if b.focused {
		r.ring.StrokeColor = theme.Color(fynetheme.ColorNamePrimary)
		if b.style == StylePrimary {
			r.ring.StrokeColor = theme.Color(fynetheme.ColorNameForeground)
		}
	}
	r.text.Text = b.text
	r.text.Color = theme.Color(fore)
	r.text.TextSize = theme.TextNormal
	r.text.TextStyle = fyne.TextStyle{Bold: b.style == StylePrimary || b.style == StyleDanger}
	if b.stacked {
		r.text.TextSize = theme.TextSmall
	}
	r.icon.SetIcon(b.icon, fore)
	arrow := ""
	if b.arrow {
		arrow = "chevron-down"
	}
	r.arrow.SetIcon(arrow, fore)
}

func (r *buttonRenderer) Refresh() {
	r.update()
	r.Layout(r.b.Size())
	for _, o := range []fyne.CanvasObject{r.back, r.over, r.text, r.ring} {
		canvas.Refresh(o)
	}
}
