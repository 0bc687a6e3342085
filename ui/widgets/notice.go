package widgets

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"

	"guesthouse/ui/theme"
)

// Notice is a remark with an icon on a tinted surface.
func Notice(icon string, color fyne.ThemeColorName, text string) fyne.CanvasObject {
	return container.NewStack(NewPanel(theme.ColorSurfaceRaised, theme.ColorOutline, theme.Radius),
		container.NewBorder(nil, nil, container.NewPadded(container.NewCenter(NewIcon(icon, 20, color))), nil, Paragraphs(text)))
}
