package wizard

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/layout"
	fynetheme "fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"guesthouse/ui/theme"
)

// labelWidth is the width of the column with the fields' names.
const labelWidth float32 = 96

// newRow puts a field's name beside its control, and the control's messages below it.
func newRow(label string, control fyne.CanvasObject, below ...fyne.CanvasObject) fyne.CanvasObject {
	name := widget.NewLabel(label)
	name.TextStyle.Bold = true
	column := container.NewGridWrap(fyne.NewSize(labelWidth, name.MinSize().Height), name)
	stack := container.New(layout.NewCustomPaddedVBoxLayout(0), append([]fyne.CanvasObject{control}, below...)...)
	return container.NewBorder(nil, nil, container.NewVBox(column), nil, stack)
}

// newTallRow is newRow for a control that takes all the height there is.
func newTallRow(label string, control, below fyne.CanvasObject) fyne.CanvasObject {
	name := widget.NewLabel(label)
	name.TextStyle.Bold = true
	column := container.NewGridWrap(fyne.NewSize(labelWidth, name.MinSize().Height), name)
	return container.NewBorder(nil, nil, container.NewVBox(column), nil, container.NewBorder(nil, below, nil, nil, control))
}

// frame is a bordered surface round its content.
type frame struct {
	widget.BaseWidget
	content fyne.CanvasObject
}

func newFrame(content fyne.CanvasObject) *frame {
	f := &frame{content: content}
	f.ExtendBaseWidget(f)
	return f
}

// CreateRenderer implements fyne.Widget.
func (f *frame) CreateRenderer() fyne.WidgetRenderer {
	back := canvas.NewRectangle(nil)
	back.CornerRadius, back.StrokeWidth = theme.Radius, 1
	return newRenderer(container.NewStack(back, container.New(layout.NewCustomPaddedLayout(2, 2, 2, 2), f.content)), func() {
		back.FillColor, back.StrokeColor = theme.Color(theme.ColorSurface), theme.Color(theme.ColorOutline)
	})
}

// surface is a plain coloured area behind its content.
type surface struct {
	widget.BaseWidget
	content fyne.CanvasObject
	color   fyne.ThemeColorName
}

func newSurface(color fyne.ThemeColorName, content fyne.CanvasObject) *surface {
	s := &surface{content: content, color: color}
	s.ExtendBaseWidget(s)
	return s
}

// CreateRenderer implements fyne.Widget.
func (s *surface) CreateRenderer() fyne.WidgetRenderer {
	back := canvas.NewRectangle(nil)
	return newRenderer(container.NewStack(back, s.content), func() { back.FillColor = theme.Color(s.color) })
}

// newHeading is the title of a page with a sentence below it.
func newHeading(title, text string) fyne.CanvasObject {
	head := widget.NewLabel(title)
	head.TextStyle.Bold = true
	head.SizeName = fynetheme.SizeNameHeadingText
	sub := widget.NewLabel(text)
	sub.Wrapping = fyne.TextWrapWord
	return container.New(layout.NewCustomPaddedVBoxLayout(-theme.Gap2), head, sub)
}

// below puts rest under top and gives it all the height that is left. Unlike container.NewBorder it keeps them in this order for
// the Tab key.
func below(top, rest fyne.CanvasObject) fyne.CanvasObject {
	return container.New(layout.NewBorderLayout(top, nil, nil, nil), top, rest)
}
