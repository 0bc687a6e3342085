package manager

import (
	"context"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	fynetheme "fyne.io/fyne/v2/theme"

	"guesthouse/app/settings"
	"guesthouse/ui/dispatch"
	"guesthouse/ui/lang"
	"guesthouse/ui/theme"
	"guesthouse/ui/widgets"
)

// change writes a preference and calls then.
func (m *Manager) change(edit func(*settings.Settings), then func()) {
	dispatch.Run(m.p.Dispatch, func(context.Context) error { return m.p.Settings.Update(edit) }, func(err error) {
		m.showError(lang.L("The preference could not be saved"), err)
		then()
	})
}

func (m *Manager) appearanceItem() *fyne.MenuItem {
	now := m.p.Settings.Get().Appearance
	item := fyne.NewMenuItem(lang.L("Appearance"), nil)
	item.Icon = theme.Icon("display")
	item.ChildMenu = fyne.NewMenu("")
	for _, choice := range []struct{ key, label string }{
		{theme.Auto, lang.L("As the desktop")}, {theme.Light, lang.L("Light")}, {theme.Dark, lang.L("Dark")},
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
	item := fyne.NewMenuItem(lang.L("Preview picture"), nil)
	item.Icon = theme.Icon("screenshot")
	item.ChildMenu = fyne.NewMenu("")
	for _, seconds := range []float64{0, 0.5, 1, 2, 5, 10} {
		label := lang.L("Off")
		if seconds > 0 {
			label = lang.F("Every %g s", seconds)
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
	item := fyne.NewMenuItem(lang.L("About Guesthouse"), func() {
		host := m.snap.Host
		box := container.NewVBox(container.NewCenter(widgets.NewArt("guesthouse", fyne.NewSquareSize(72))))
		add := func(key, value string) {
			if value != "" {
				box.Add(widgets.KeyValue(key, value))
			}
		}
		add(lang.L("Version"), m.p.Version)
		add(lang.L("Connection"), m.p.URI)
		add(lang.L("Hypervisor"), joined(host.Hypervisor, host.Version))
		add("libvirt", host.Libvirt)
		add(lang.L("Licence"), "Apache-2.0; Inter typeface: OFL-1.1")
		var modal *widgets.Modal
		shut := widgets.NewButton("", lang.L("Close"), widgets.StylePrimary, func() { modal.Close() })
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
