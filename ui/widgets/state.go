package widgets

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/widget"

	"guesthouse/ui/theme"
)

// StateLook is how a state is shown: a glyph, a word and a colour that all say the same.
type StateLook struct {
	Icon  string
	Text  string
	Color fyne.ThemeColorName
}

// StateBadge shows a state as a glyph and a word in its colour.
type StateBadge struct {
	widget.BaseWidget
	icon *Picture
	text *Text
	look StateLook
}

// NewStateBadge returns a badge of the given text size.
func NewStateBadge(look StateLook, size float32) *StateBadge {
	b := &StateBadge{
		icon: NewIcon(look.Icon, size+2, look.Color),
		text: NewText(look.Text, size, false, look.Color).Elided(),
		look: look,
	}
	b.ExtendBaseWidget(b)
	return b
}

// Set changes the state.
func (b *StateBadge) Set(look StateLook) {
	if b.look != look {
		b.look = look
		b.icon.SetIcon(look.Icon, look.Color)
		b.text.Set(look.Text, look.Color)
	}
}

// Look returns what is shown.
func (b *StateBadge) Look() StateLook { return b.look }

// CreateRenderer implements fyne.Widget.
func (b *StateBadge) CreateRenderer() fyne.WidgetRenderer {
	return widget.NewSimpleRenderer(container.New(badgeLayout{}, b.icon, b.text))
}

// badgeLayout puts a glyph before a text that takes the rest.
type badgeLayout struct{}

func (badgeLayout) MinSize(o []fyne.CanvasObject) fyne.Size {
	icon, text := o[0].MinSize(), o[1].MinSize()
	return fyne.NewSize(icon.Width+theme.Gap1+text.Width, max(icon.Height, text.Height))
}

func (badgeLayout) Layout(o []fyne.CanvasObject, size fyne.Size) {
	icon, text := o[0].MinSize(), o[1].MinSize()
	o[0].Resize(icon)
	o[0].Move(fyne.NewPos(0, (size.Height-icon.Height)/2))
	left := icon.Width + theme.Gap1
	o[1].Resize(fyne.NewSize(max(0, size.Width-left), text.Height))
	o[1].Move(fyne.NewPos(left, (size.Height-text.Height)/2))
}
