package labs

import (
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/layout"
	fynetheme "fyne.io/fyne/v2/theme"

	"guesthouse/app/jobs"
	"guesthouse/app/labs"
	"guesthouse/app/labs/source"
	"guesthouse/app/machines"
	"guesthouse/hypervisor"
	"guesthouse/ui/lang"
	"guesthouse/ui/theme"
	"guesthouse/ui/widgets"
	"guesthouse/vmconfig"
	"guesthouse/vmconfig/lab"
)

// act does the one thing to do with a lab now: launch it, show or start its machine, repair or remove it.
func (w *Window) act(i item) {
	switch m := i.main(); {
	case i.Config == nil:
		w.askRemove(i)
	case m != nil:
		w.open(m)
	case !i.Ready:
		w.askRepair(i)
	default:
		w.launch(i)
	}
}

// open shows a machine, and starts it first where it is off.
func (w *Window) open(m *machines.Machine) {
	if shows(m) {
		w.p.OpenConsole(m.UUID)
		return
	}
	if ok, _ := m.Can(machines.ActionStart); !ok {
		return
	}
	w.follow(w.Machines.Do(machines.ActionStart, m.UUID), lang.F("“%s” could not be started", shown(m.Name)), func() { w.p.OpenConsole(m.UUID) }, nil)
}

// launch makes a machine from a lab and shows it.
func (w *Window) launch(i item) {
	key := i.ID.String()
	if i.launchReason() != "" || w.busy[key] {
		return
	}
	job, machine := w.Labs.Launch(i.ID, labs.LaunchOptions{Start: true})
	w.busy[key] = true
	w.show()
	idle := func() {
		delete(w.busy, key)
		w.load()
	}
	w.follow(job, lang.F("“%s” could not be launched", i.name()), func() {
		idle()
		w.p.OpenConsole(machine)
	}, func(error) bool {
		idle()
		return false
	})
}

// name is what the lab is called in texts.
func (i *item) name() string { return imageName(i.Image) }

// nameLength is the most characters of a lab's title in the title of a dialog.
const nameLength = 44

func imageName(i labs.Image) string {
	switch {
	case i.Config != nil:
		return vmconfig.Inert(i.Config.Title, nameLength)
	case len(i.Names) > 0:
		return vmconfig.Inert(i.Names[0], nameLength)
	}
	return i.ID.Hex()[:12]
}

// shown makes a foreign name fit to be shown.
func shown(name string) string { return vmconfig.Inert(name, 120) }

// askReset resets the lab's machine after a question.
func (w *Window) askReset(i item) {
	if m := i.main(); m != nil && i.resetReason(m) == "" {
		w.askResetOf(m)
	}
}

func (w *Window) askResetOf(m *machines.Machine) {
	w.askResetTo(m, labs.ResetOptions{}, lang.F("Reset “%s”?", shown(m.Name)), lang.L("The machine becomes what it was when it was launched. What you did in it since then, and its checkpoints, are put aside: for seven days you can take the reset back."))
}

// askUpdate takes the lab's machine to the newest version after a question.
func (w *Window) askUpdate(i item) {
	if m := i.main(); m != nil && i.resetReason(m) == "" {
		w.askResetTo(m, labs.ResetOptions{Update: true}, lang.F("Reset “%s” to version %d?", shown(m.Name), i.newer),
			lang.L("The machine begins anew in the newest version of its lab. What you did in it, and its checkpoints, are put aside: for seven days you can take that back, and are in the old version again."))
	}
}

func (w *Window) askResetTo(m *machines.Machine, o labs.ResetOptions, question, text string) {
	action := lang.L("Reset")
	if m.State.Active() {
		text += "\n\n" + lang.L("The machine is running. It is switched off for this at once: what is open in it is lost.")
		action = lang.L("Switch off and reset")
	} else if m.State == hypervisor.StateSaved {
		text += "\n\n" + lang.L("Its saved state is lost: what was open in it then cannot be brought back.")
	}
	o.PowerOff = m.State.Active() || m.State == hypervisor.StateSaved
	widgets.Confirm(w.window, question, text, nil, action, true, func() {
		w.follow(w.Labs.Reset(m.UUID, o), lang.F("“%s” could not be reset", shown(m.Name)), nil, nil)
	})
}

// askUndo takes the last reset of the lab's machine back after a question.
func (w *Window) askUndo(i item) {
	m := i.main()
	if m == nil || i.resetReason(m) != "" {
		return
	}
	text := lang.L("The machine becomes what it was before the reset. What was done in it since then is put aside and can be brought back in the same way.")
	action := lang.L("Take back")
	if m.State.Active() {
		text += "\n\n" + lang.L("The machine is running. It is switched off for this at once: what is open in it is lost.")
		action = lang.L("Switch off and take back")
	} else if m.State == hypervisor.StateSaved {
		text += "\n\n" + lang.L("Its saved state is lost: what was open in it then cannot be brought back.")
	}
	off := labs.ResetOptions{PowerOff: m.State.Active() || m.State == hypervisor.StateSaved}
	widgets.Confirm(w.window, lang.F("Take back the reset of “%s”?", shown(m.Name)), text, nil, action, m.State.Active(), func() {
		w.follow(w.Labs.UndoReset(m.UUID, off), lang.F("The reset of “%s” could not be taken back", shown(m.Name)), nil, nil)
	})
}

// menu is what else can be done with a lab.
func (w *Window) menu(i item) *fyne.Menu {
	if i.Config == nil {
		return fyne.NewMenu("", widgets.MenuItem("trash", lang.L("Remove…"), true, "", func() { w.askRemove(i) }))
	}
	items := []*fyne.MenuItem{widgets.MenuItem("info", lang.L("About this lab…"), true, "", func() { w.about(i) })}
	if m := i.main(); m != nil {
		reason := i.launchReason()
		items = append(items, widgets.MenuItem("new", lang.L("Launch another machine"), reason == "", reason, func() { w.launch(i) }))
		if len(i.machines) > 1 {
			items = append(items, w.machineItem(i))
		}
		items = append(items, widgets.MenuItem("send", lang.L("Hand in…"), !m.Offline, lang.L("There is no connection to the hypervisor."), func() { w.handIn(m.UUID, nil) }))
		if i.newer > 0 {
			reason := i.resetReason(m)
			items = append(items, widgets.MenuItem("reset", lang.F("Reset to version %d…", i.newer), reason == "", reason, func() { w.askUpdate(i) }))
		}
		if !i.traces[m.UUID].undo.IsZero() {
			undo := i.resetReason(m)
			items = append(items, widgets.MenuItem("restore", lang.L("Take back the reset…"), undo == "", undo, func() { w.askUndo(i) }))
		}
	}
	ready, incomplete := i.Ready, lang.L("The lab is incomplete. Repair it first.")
	items = append(items, fyne.NewMenuItemSeparator(),
		widgets.MenuItem("check", lang.L("Check"), ready, incomplete, func() { w.check(i) }),
		widgets.MenuItem("refresh", lang.L("Repair from…"), true, "", func() { w.askRepair(i) }),
		widgets.MenuItem("send", lang.L("Send to…"), ready, incomplete, func() { w.send(i.Image) }),
		fyne.NewMenuItemSeparator(),
		widgets.MenuItem("trash", lang.L("Remove…"), true, "", func() { w.askRemove(i) }))
	return fyne.NewMenu("", items...)
}

// machineItem leads to each machine of a lab that has several.
func (w *Window) machineItem(i item) *fyne.MenuItem {
	item := widgets.MenuItem("machine", lang.L("Its machines"), true, "", nil)
	item.ChildMenu = fyne.NewMenu("")
	for _, m := range i.machines {
		label := join(shown(m.Name), stateLook(m).Text)
		item.ChildMenu.Items = append(item.ChildMenu.Items, fyne.NewMenuItem(label, func() { w.open(m) }))
	}
	return item
}

// check compares a lab with what its teacher signed.
func (w *Window) check(i item) {
	w.follow(w.Labs.Verify(i.ID), lang.F("Something is wrong with “%s”", i.name()), func() {
		var m *widgets.Modal
		shut := widgets.NewButton("", lang.L("Close"), widgets.StylePrimary, func() { m.Close() })
		m = widgets.NewModal(w.window, "success", fynetheme.ColorNameSuccess, lang.F("“%s” is as its teacher signed it", i.name()),
			widgets.Paragraphs(lang.L("All of its disks were read and compared.")), 440, shut)
		m.Show()
	}, nil)
}

// askRepair asks where to fetch what is wrong with a lab.
func (w *Window) askRepair(i item) {
	w.askPlace(placeQuestion{
		icon: "refresh", title: lang.F("Repair “%s”", i.name()), button: lang.L("Repair"),
		text: lang.L("Only what is missing or damaged is fetched. Name the place that the lab came from, or another one that has this version."),
		do: func(ref string) {
			w.signIn(func(o source.Options, retry func(error) bool) {
				w.follow(w.Labs.Repair(i.ID, ref, o), lang.F("“%s” could not be repaired", i.name()), nil, retry)
			})
		},
	})
}

// askRemove removes a lab after a question.
func (w *Window) askRemove(i item) {
	w.confirmRemove(i.name(), i.machines, func() *jobs.Job { return w.Labs.Remove(i.ID) })
}

// confirmRemove removes something from the library after a question that names the machines which were launched from it.
func (w *Window) confirmRemove(name string, launched []*machines.Machine, remove func() *jobs.Job) {
	text, names := lang.L("It goes from this computer with all that no machine uses. To have it again you must add it again."), shownNames(launched)
	if len(names) > 0 {
		text = lang.N("This machine was launched from it. It keeps working, but cannot be reset any more:",
			"These machines were launched from it. They keep working, but cannot be reset any more:", len(names))
	}
	widgets.Confirm(w.window, lang.F("Remove “%s” from the library?", name), text, names, lang.L("Remove"), true, func() {
		w.follow(remove(), lang.F("“%s” could not be removed", name), nil, nil)
	})
}

// shownNames are the names of machines, fit to be shown.
func shownNames(list []*machines.Machine) []string {
	var names []string
	for _, m := range list {
		names = append(names, shown(m.Name))
	}
	return names
}

// aboutWidth is the width of what about shows.
const aboutWidth float32 = 560

// about shows what a lab says about itself.
func (w *Window) about(i item) {
	if i.Config == nil {
		return
	}
	c := i.Config
	facts := container.NewVBox(
		widgets.KeyValue(lang.L("Course"), shown(c.Course.Name)),
		widgets.KeyValueTip(lang.L("Key of the course"), fingerprint(c), lang.L("Your teacher can tell you these words: if they are the same, nobody has changed the lab.")),
		widgets.KeyValue(lang.L("Version"), lang.F("%d of %s", c.Version, longDay(c.Created))),
		widgets.KeyValue(lang.L("Name"), shown(c.Name)),
		widgets.KeyValue(lang.L("Hardware"), join(lang.N("%d processor", "%d processors", c.Machine.CPUs, c.Machine.CPUs), vmconfig.FormatSize(c.Machine.MemoryMiB*vmconfig.MiB), lang.F("%s disk", vmconfig.RoughSize(i.virtual())))),
		widgets.KeyValue(lang.L("Network"), networkWord(c.Network.Mode)),
		widgets.KeyValue(lang.L("Room"), lang.F("%s on this computer", vmconfig.RoughSize(i.Disk))),
	)
	if c.Checkpoints != nil {
		facts.Add(widgets.KeyValue(lang.L("Checkpoints"), lang.F("At most %d", c.Checkpoints.Max)))
	}
	if !c.Expires.IsZero() {
		text := longDay(c.Expires)
		if c.Expired(time.Now()) {
			text = lang.F("Ended on %s", text)
		}
		facts.Add(widgets.KeyValue(lang.L("End of the course"), text))
	}
	w.showAbout(i.name(), c.Text, 430, facts)
}

// showAbout shows parts of a dialog, and below them a task as far as there is room; above is how much of the window the rest of the dialog takes.
func (w *Window) showAbout(title, text string, above float32, parts ...fyne.CanvasObject) {
	task, height := fyne.CanvasObject(widgets.Muted(lang.L("The teacher has written no task for this lab."))), float32(60)
	if text != "" {
		markdown := widgets.NewMarkdown(text)
		markdown.Resize(fyne.NewSize(aboutWidth-3*theme.Gap6, 0)) // how high a wrapped text is it knows only by its width
		task, height = markdown, max(80, min(markdown.MinSize().Height, w.window.Canvas().Size().Height-above))
	}
	scroll := widgets.NewScroll(task)
	scroll.SetMinSize(fyne.NewSize(0, height))
	content := container.New(layout.NewCustomPaddedVBoxLayout(theme.Gap3), append(parts, widgets.Card(scroll))...)
	var m *widgets.Modal
	shut := widgets.NewButton("", lang.L("Close"), widgets.StylePrimary, func() { m.Close() })
	m = widgets.NewModal(w.window, "lab", fynetheme.ColorNamePrimary, title, content, aboutWidth, shut)
	m.Show()
}

// fingerprint is the five words of the course's key.
func fingerprint(c *lab.Config) string {
	key, err := lab.ParseKey(c.Course.Key)
	if err != nil {
		return "?"
	}
	return lab.Fingerprint(key)
}

// networkWord names what the guest can reach.
func networkWord(mode lab.NetworkMode) string {
	switch mode {
	case lab.NetworkIsolated:
		return lang.L("Isolated: it reaches only this computer")
	case lab.NetworkInternet:
		return lang.L("The internet")
	}
	return lang.L("None")
}
