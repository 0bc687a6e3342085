package restore

import (
	"slices"
	"time"

	"fyne.io/fyne/v2"

	"guesthouse/app/checkpoints"
	"guesthouse/ui/lang"
	"guesthouse/ui/widgets"
	"guesthouse/vmconfig"
)

// Menu lists checkpoints to go back to, the newest first, with a tick at the current one. pick is called with the ID of the chosen one.
func Menu(list []checkpoints.Checkpoint, now time.Time, pick func(id string)) *fyne.Menu {
	m := fyne.NewMenu("")
	list = slices.Clone(list)
	slices.Reverse(list) // of those of the same second, the child is the newer one
	slices.SortStableFunc(list, func(a, b checkpoints.Checkpoint) int { return b.Created.Compare(a.Created) })
	for _, c := range list {
		name := vmconfig.Inert(c.Name, 40)
		if _, automatic := automaticTime(c.Name); automatic {
			name = lang.L("Automatic")
		}
		if !c.Created.IsZero() {
			name += "   " + when(c.Created.Local(), now)
		}
		item := widgets.MenuItem("", name, c.Problem == "", lang.L("cannot be restored"), func() { pick(c.ID) })
		item.Checked = c.Current
		m.Items = append(m.Items, item)
	}
	if len(list) == 0 {
		m.Items = append(m.Items, widgets.MenuItem("", lang.L("No checkpoint yet"), false, "", nil))
	}
	return m
}

// ShownName is what a checkpoint is called where there is little room: one that was saved by itself has the time in its name, and the present day need not be
// said.
func ShownName(c checkpoints.Checkpoint, now time.Time) string {
	if at, automatic := automaticTime(c.Name); automatic {
		return lang.F("Automatic, %s", when(at, now))
	}
	return vmconfig.Inert(c.Name, 120)
}

// automaticTime reads the name of a checkpoint that was saved by itself, which the service gives it in local time.
func automaticTime(name string) (at time.Time, automatic bool) {
	at, err := time.ParseInLocation("Automatic 2006-01-02 15.04.05", name, time.Local)
	return at, err == nil
}

// when writes a time as short as it is clear.
func when(t, now time.Time) string {
	y, m, d := t.Date()
	ny, nm, nd := now.Date()
	switch {
	case y == ny && m == nm && d == nd:
		return t.Format("15:04")
	case y == ny:
		return t.Format(lang.L("2 Jan 15:04"))
	}
	return t.Format(lang.L("2 Jan 2006"))
}
