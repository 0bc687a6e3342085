package manager

import (
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/driver/desktop"

	"guesthouse/app/machines"
	"guesthouse/ui/lang"
	"guesthouse/ui/widgets"
)

func (m *Manager) newSearch() *widgets.SearchField {
	s := widgets.NewSearchField(lang.L("Search by name"))
	s.OnChanged = m.list.search
	s.OnStep = m.list.stepHit
	s.OnClosed = m.closeSearch
	s.Entry().OnShortcut = func(sc fyne.Shortcut) bool { // the window's keys work in the field too
		custom, ok := sc.(*desktop.CustomShortcut)
		if ok && len(custom.KeyName) == 1 { // a letter: editing has none with Ctrl beyond Fyne's own
			m.keys.TypedShortcut(sc)
		}
		return ok && len(custom.KeyName) == 1
	}
	s.Hide()
	return s
}

func (m *Manager) openSearch() {
	setShown(m.search, true, m.left)
	m.window.Canvas().Focus(m.search.Entry())
	m.search.Entry().TypedShortcut(selectAllText)
}

func (m *Manager) closeSearch() {
	setShown(m.search, false, m.left)
	m.list.query = ""
	m.list.Refresh()
	m.window.Canvas().Focus(m.list)
}

// matches reports whether the search finds a machine: any part of its name, in any case.
func (l *machineList) matches(m *machines.Machine) bool {
	return l.query != "" && strings.Contains(strings.ToLower(m.Name), l.query)
}

// search marks the hits and goes to the first one, from the keyboard's place on.
func (l *machineList) search(text string) {
	l.query = strings.ToLower(strings.TrimSpace(text))
	if i, known := l.index[l.cursor]; l.query != "" && (!known || !l.matches(l.machines[i])) {
		l.stepHit(1)
	}
	l.Refresh()
	l.showHits()
}

// stepHit goes to the next (1) or previous (-1) hit, round the ends.
func (l *machineList) stepHit(step int) {
	count := len(l.machines)
	if count == 0 || l.query == "" {
		return
	}
	at := l.index[l.cursor]
	for n := 1; n <= count; n++ {
		i := ((at+step*n)%count + count) % count
		if l.matches(l.machines[i]) {
			l.selectOnly(l.machines[i].UUID)
			return
		}
	}
}

func (l *machineList) showHits() {
	current, total := 0, 0
	for _, machine := range l.machines {
		if l.matches(machine) {
			total++
			if machine.UUID == l.cursor {
				current = total
			}
		}
	}
	l.m.search.SetHits(current, total)
}
