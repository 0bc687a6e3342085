package widgets

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/layout"
	fynetheme "fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"guesthouse/ui/lang"
	"guesthouse/ui/theme"
	"guesthouse/vmconfig"
)

// mostReason is how many characters of a reason stand in a menu.
const mostReason = 80

// MenuItem returns an item for a menu. One that cannot act is greyed and says why behind its label,
// because a menu has no tooltips. A long reason is cut: a menu is as wide as its longest line, and can be wider than the window.
func MenuItem(icon, label string, enabled bool, reason string, action func()) *fyne.MenuItem {
	color := fynetheme.ColorNameForeground
	if !enabled {
		color = fynetheme.ColorNameDisabled
		if reason != "" {
			label += "  –  " + vmconfig.Inert(lang.L(reason), mostReason)
		}
		action = nil // Fyne's menu calls it for Return all the same
	}
	item := fyne.NewMenuItem(label, action)
	item.Disabled = !enabled
	if icon != "" {
		item.Icon = theme.IconIn(icon, color)
	}
	return item
}

// SplitButton is a toolbar button with a narrow one at its right that opens a menu of choices.
type SplitButton struct {
	widget.BaseWidget
	Main  *Button
	Arrow *Button
}

// NewSplitButton returns a split button. menu is asked each time the arrow is pressed; nil: the caller sets
// Arrow.OnTapped.
func NewSplitButton(icon, text, arrowTip string, tapped func(), menu func() *fyne.Menu) *SplitButton {
	s := &SplitButton{Main: NewToolButton(icon, text, tapped)}
	s.Arrow = NewIconButton("chevron-down", arrowTip, nil)
	s.Arrow.narrow = true
	s.Arrow.OnTapped = func() { ShowMenu(s.Arrow, menu()) }
	s.Main.OnHold = func() { s.Arrow.Tapped(nil) }
	s.ExtendBaseWidget(s)
	return s
}

// SetEnabled enables both parts, or disables them with a reason.
func (s *SplitButton) SetEnabled(on bool, reason string) {
	s.Main.SetEnabled(on, reason)
	s.Arrow.SetEnabled(on, reason)
}

// CreateRenderer implements fyne.Widget.
func (s *SplitButton) CreateRenderer() fyne.WidgetRenderer {
	return widget.NewSimpleRenderer(container.New(layout.NewCustomPaddedHBoxLayout(0), s.Main, s.Arrow))
}
