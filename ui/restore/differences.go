package restore

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/layout"
	fynetheme "fyne.io/fyne/v2/theme"

	"guesthouse/ui/lang"
	"guesthouse/ui/theme"
	"guesthouse/ui/widgets"
	"guesthouse/vmconfig"
)

// differencesShown is how many rows are seen without scrolling.
const differencesShown = 7

// Differences is a table of settings with their two values, under the headings from and to unless they are empty.
func Differences(from, to string, list []vmconfig.Difference) fyne.CanvasObject {
	cell := func(text string, color fyne.ThemeColorName, bold bool) fyne.CanvasObject {
		if text == "" {
			text = "–"
		}
		return widgets.NewText(text, theme.TextNormal, bold, color).Elided()
	}
	row := func(setting, from, to fyne.CanvasObject) fyne.CanvasObject {
		arrow := container.NewCenter(widgets.NewIcon("chevron-right", 14, theme.ColorMuted))
		return container.NewBorder(nil, nil, container.NewGridWrap(fyne.NewSize(130, setting.MinSize().Height), setting), nil,
			container.NewGridWithColumns(2, container.NewBorder(nil, nil, nil, arrow, from), to))
	}
	rows := container.New(layout.NewCustomPaddedVBoxLayout(theme.Gap1))
	for _, d := range list {
		rows.Add(row(cell(lang.L(d.Text), theme.ColorMuted, false),
			cell(vmconfig.Inert(d.From, 60), fynetheme.ColorNameForeground, false), cell(vmconfig.Inert(d.To, 60), fynetheme.ColorNameForeground, true)))
	}
	var body fyne.CanvasObject = rows
	if len(list) > differencesShown {
		scroll := widgets.NewScroll(rows)
		scroll.SetMinSize(fyne.NewSize(0, (rows.Objects[0].MinSize().Height+theme.Gap1)*differencesShown))
		body = scroll
	}
	if from != "" {
		body = container.NewBorder(row(widgets.Space(0, 0), cell(from, theme.ColorMuted, true), cell(to, theme.ColorMuted, true)), nil, nil, nil, body)
	}
	return widgets.Card(body)
}
