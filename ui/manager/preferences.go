package manager

import (
	"context"
	"fmt"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	fynetheme "fyne.io/fyne/v2/theme"

	"guesthouse/app/settings"
	"guesthouse/ui/dispatch"
	"guesthouse/ui/theme"
	"guesthouse/ui/widgets"
)

// change writes a preference and calls then.
func (m *Manager) change(edit func(*settings.Settings), then func()) {
	dispatch.Run(m.p.Dispatch, func(context.Context) error { return m.p.Settings.Update(edit) }, func(err error) {
		m.showError("The preference could not be saved", err)
		then()
	})
}

func (m *Manager) appearanceItem() *fyne.MenuItem {
	now := m.p.Settings.Get().Appearance
	item := fyne.NewMenuItem("Appearance", nil)
	item.Icon = theme.Icon("display")
	item.ChildMenu = fyne.NewMenu("")
	for _, choice := range []struct{ key, label string }{
		{theme.Auto, "As the desktop"}, {theme.Light, "Light"}, {theme.Dark, "Dark"},
	} {
		child := fyne.NewMenuItem(choice.label, func() {
			m.change(func(s *settings.Settings) { s.Appearance = choice.key }, func() {
				m.p.App.Settings().SetTheme(theme.New(m.p.Settings.Get().Appearance))
			})
		})
		child.Checked = now == choice.key
		item.ChildMenu.Items = append(item.ChildMenu.Items, child)
	}
	return item
}

func (m *Manager) previewItem() *fyne.MenuItem {
	now := m.p.Settings.Get().PreviewSeconds
	item := fyne.NewMenuItem("Preview picture", nil)
	item.Icon = theme.Icon("screenshot")
	item.ChildMenu = fyne.NewMenu("")
	for _, seconds := range []float64{0, 0.5, 1, 2, 5, 10} {
		label := "Off"
		if seconds > 0 {
			label = fmt.Sprintf("Every %g s", seconds)
		}
		child := fyne.NewMenuItem(label, func() {
			m.change(func(s *settings.Settings) { s.PreviewSeconds = seconds }, m.details.preview.restart)
		})
		child.Checked = now == seconds
		item.ChildMenu.Items = append(item.ChildMenu.Items, child)
	}
	return item
}

func (m *Manager) aboutItem() *fyne.MenuItem {
	item := fyne.NewMenuItem("About Guesthouse", func() {
		host := m.snap.Host
		box := container.NewVBox(container.NewCenter(widgets.NewArt("guesthouse", fyne.NewSquareSize(72))))
		add := func(key, value string) {
			if value != "" {
				box.Add(widgets.KeyValue(key, value))
			}
		}
		add("Version", m.p.Version)
		add("Connection", m.p.URI)
		add("Hypervisor", joined(host.Hypervisor, host.Version))
		add("libvirt", host.Libvirt)
		add("Licence", "Apache-2.0; Inter typeface: OFL-1.1")
		var modal *widgets.Modal
		shut := widgets.NewButton("", "Close", widgets.StylePrimary, func() { modal.Close() })
		modal = widgets.NewModal(m.window, "", fynetheme.ColorNamePrimary, "Guesthouse", box, 420, shut)
		modal.Show()
	})
	item.Icon = theme.Icon("info")
	return item
}

func joined(parts ...string) string {
	text := ""
	for _, p := range parts {
		if p != "" && text != "" {
			text += " "
		}
		text += p
	}
	return text
}
