package manager

import (
	"fyne.io/fyne/v2"

	"guesthouse/app/checkpoints"
	"guesthouse/app/settings"
	"guesthouse/ui/lang"
	"guesthouse/ui/widgets"
)

// automaticItem chooses how checkpoints of the single selected machine are saved by themselves.
func (m *Manager) automaticItem() *fyne.MenuItem {
	one := m.single()
	if one == nil {
		return widgets.MenuItem("refresh", lang.L("Automatic checkpoints"), false, reasonSeveral, nil)
	}
	now := m.p.Settings.Get().Automatic[one.UUID]
	set := func(a settings.Automatic) func() {
		return func() {
			m.change(func(s *settings.Settings) { s.Automatic[one.UUID] = a }, m.details.points.showAutomatic) // one without minutes is none
		}
	}
	item := widgets.MenuItem("refresh", lang.L("Automatic checkpoints"), true, "", nil)
	item.ChildMenu = fyne.NewMenu("")
	add := func(label string, checked bool, a settings.Automatic) {
		child := fyne.NewMenuItem(label, set(a))
		child.Checked = checked
		item.ChildMenu.Items = append(item.ChildMenu.Items, child)
	}
	keep := max(now.Keep, 0)
	if keep == 0 {
		keep = checkpoints.UsualKeep
	}
	add(lang.L("Off"), now.Minutes == 0, settings.Automatic{})
	for _, minutes := range []int{15, 30, 60, 240} {
		label := lang.N("Every %d minute while it runs", "Every %d minutes while it runs", minutes, minutes)
		if hours := minutes / 60; hours > 0 {
			label = lang.N("Every hour while it runs", "Every %d hours while it runs", hours, hours)
		}
		add(label, now.Minutes == minutes, settings.Automatic{Minutes: minutes, Keep: keep})
	}
	if now.Minutes > 0 {
		item.ChildMenu.Items = append(item.ChildMenu.Items, fyne.NewMenuItemSeparator())
		for _, n := range []int{1, 3, 5, 10} {
			add(lang.N("Keep the last one", "Keep the last %d", n, n), now.Keep == n, settings.Automatic{Minutes: now.Minutes, Keep: n})
		}
	}
	return item
}

// automaticText says how checkpoints are saved by themselves; it is empty where they are not.
func automaticText(a settings.Automatic) string {
	if a.Minutes <= 0 {
		return ""
	}
	keep := a.Keep
	if keep <= 0 {
		keep = checkpoints.UsualKeep
	}
	often := lang.N("Saved by itself every minute while it runs", "Saved by itself every %d minutes while it runs", a.Minutes, a.Minutes)
	if hours := a.Minutes / 60; hours > 0 && a.Minutes%60 == 0 {
		often = lang.N("Saved by itself every hour while it runs", "Saved by itself every %d hours while it runs", hours, hours)
	}
	return lang.F("%s, %s.", often, lang.N("the last one is kept", "the last %d are kept", keep, keep))
}

// saveFirstItem chooses whether a checkpoint is saved by itself before something that cannot be undone otherwise.
func (m *Manager) saveFirstItem() *fyne.MenuItem {
	on := m.p.Settings.Get().SaveFirst
	item := widgets.MenuItem("checkpoint", lang.L("Save one before restores and new settings"), true, "", func() {
		m.change(func(s *settings.Settings) { s.SaveFirst = !on }, func() {})
	})
	item.Checked = on
	return item
}
