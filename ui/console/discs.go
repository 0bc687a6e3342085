package console

import (
	"context"
	"path/filepath"

	"fyne.io/fyne/v2"

	"guesthouse/app/settings"
	"guesthouse/ui/dispatch"
	"guesthouse/ui/lang"
	"guesthouse/ui/widgets"
	"guesthouse/vmconfig"
)

// removable returns the machine's drives whose medium can be changed.
func removable(c *vmconfig.Machine) []vmconfig.Disk {
	var list []vmconfig.Disk
	if c != nil {
		for _, d := range c.Disks {
			if d.Device != vmconfig.DeviceDisk {
				list = append(list, d)
			}
		}
	}
	return list
}

// discMenu has, for every drive, what can be done with its medium.
func (w *Window) discMenu() *fyne.Menu {
	m := fyne.NewMenu("")
	if w.machine == nil {
		return m
	}
	drives := removable(w.machine.Config)
	for i, d := range drives {
		if i > 0 {
			m.Items = append(m.Items, fyne.NewMenuItemSeparator())
		}
		if len(drives) > 1 {
			title := fyne.NewMenuItem(driveName(d), nil)
			title.Disabled = true
			m.Items = append(m.Items, title)
		}
		m.Items = append(m.Items, fyne.NewMenuItem(lang.L("Insert a disc image…"), func() { w.chooseDisc(d.Target, lang.L("Insert"), w.insert) }))
		eject := fyne.NewMenuItem(lang.L("Eject"), func() { w.eject(d.Target) })
		switch {
		case d.Path != "":
			eject.Label = lang.F("Eject “%s”", vmconfig.Inert(filepath.Base(d.Path), 40))
		case d.Source != "":
			eject.Label = lang.F("Eject “%s”", vmconfig.Inert(d.Source, 40))
		default:
			eject.Disabled = true
		}
		m.Items = append(m.Items, eject)
	}
	return m
}

func driveName(d vmconfig.Disk) string {
	if d.Device == vmconfig.DeviceFloppy {
		return lang.F("Floppy drive %s", vmconfig.Inert(d.Target, 12))
	}
	return lang.F("CD drive %s", vmconfig.Inert(d.Target, 12))
}

// chooseDisc asks for a disc image for a drive; label is what the button says that ends the choice.
func (w *Window) chooseDisc(target, label string, then func(target, path string)) {
	w.display.Focus() // the dialog gives the keyboard back to whom it took it from, and the button that asked may be gone by then
	w.display.ReleaseAll()
	widgets.ChooseFile(w.win, w.p.Dispatch, widgets.FileQuery{
		Title: lang.L("Choose a disc image"), Folder: w.p.Settings.Get().LastFolder, Suffixes: []string{".iso", ".img"}, Open: label,
	}, func(path string) {
		w.remember(func(s *settings.Settings) { s.LastFolder = filepath.Dir(path) })
		then(target, path)
	})
}

// insert puts a disc image into a drive.
func (w *Window) insert(target, path string) {
	w.changeMedium(func(ctx context.Context) error { return w.p.Machines.InsertMedia(ctx, w.p.ID, target, path) },
		lang.L("The disc was not inserted"), lang.F("Inserted: %s", shortPath(path)))
}

// eject takes the disc out of a drive.
func (w *Window) eject(target string) {
	w.changeMedium(func(ctx context.Context) error { return w.p.Machines.EjectMedia(ctx, w.p.ID, target) },
		lang.L("The disc was not ejected"), lang.L("Ejected."))
}

func (w *Window) changeMedium(change func(context.Context) error, fault, done string) {
	dispatch.Run(w.p.Dispatch, change, func(err error) {
		if err != nil {
			w.fail(fault, err)
			return
		}
		w.say(notice{text: done})
	})
	w.display.Focus()
}
