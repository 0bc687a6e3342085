package labs

import (
	"slices"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	fynetheme "fyne.io/fyne/v2/theme"

	"guesthouse/app/explain"
	"guesthouse/app/jobs"
	"guesthouse/app/labs"
	"guesthouse/app/machines"
	"guesthouse/hypervisor"
	"guesthouse/ui/lang"
	"guesthouse/ui/theme"
	"guesthouse/ui/widgets"
	"guesthouse/vmconfig"
)

// several is what the card of a lab of several machines shows.
type several struct {
	labs.Topology
	machines  []*machines.Machine // those that were launched, in the topology's order; nil where one was not
	traces    map[string]trace    // by role
	labsHere  bool                // all of its labs are in the library and whole
	launching bool
	connected bool
	picture   picture
}

// severalKey is the key of a topology's entry.
func severalKey(name string) string { return "several/" + name }

// planKey is the key of a topology's picture, which another version of it changes.
func planKey(t *labs.Topology) string { return severalKey(t.Name) + t.Added.String() }

// several puts topologies and machines together. It only reads memory.
func (s *shelf) several(snap *machines.Snapshot, launching map[string]bool) []several {
	var list []several
	for _, t := range s.topologies {
		key := severalKey(t.Name)
		it := several{
			Topology: t, traces: map[string]trace{}, labsHere: true, launching: launching[key],
			connected: snap.Connected, picture: s.pictures[planKey(&t)],
		}
		for _, id := range t.Labs {
			it.labsHere = it.labsHere && slices.ContainsFunc(s.images, func(i labs.Image) bool { return i.ID == id && i.Ready && i.Err == nil })
		}
		it.machines = labs.MachinesOf(snap, t.Topology)
		for n, m := range it.machines {
			if m != nil {
				it.traces[t.Machines[n].Name] = s.traces[m.UUID]
			}
		}
		list = append(list, it)
	}
	return list
}

// there are the machines that were launched.
func (t *several) there() []*machines.Machine {
	return slices.DeleteFunc(slices.Clone(t.machines), func(m *machines.Machine) bool { return m == nil })
}

// active is how many of them are running or paused.
func (t *several) active() (n int) {
	for _, m := range t.there() {
		if m.State.Active() {
			n++
		}
	}
	return n
}

// name is what it is called in texts.
func (t *several) name() string { return vmconfig.Inert(t.Title, nameLength) }

// roles lists the names of its machines.
func (t *several) roles() string {
	var names []string
	for _, m := range t.Machines {
		names = append(names, m.Name)
	}
	return join(names...)
}

// networks is how many private networks join its machines.
func (t *several) networks() int {
	seen := map[string]bool{}
	for _, m := range t.Machines {
		for _, n := range m.Networks {
			seen[n] = true
		}
	}
	return len(seen)
}

// severalEntry is a topology's.
func (w *Window) severalEntry(t several, now time.Time) shelfEntry {
	return shelfEntry{
		key: severalKey(t.Name), look: t.look(now), act: func() { w.actOnSeveral(t) }, reset: func() { w.askResetSeveral(t) }, undo: func() { w.askUndoSeveral(t) },
		about: func() { w.aboutSeveral(t) }, menu: func() *fyne.Menu { return w.severalMenu(t) },
	}
}

// look says how it is shown.
func (t *several) look(now time.Time) cardLook {
	if t.Err != nil {
		note := lang.L(explain.Explain(t.Err).Summary)
		return cardLook{
			picture: t.picture, title: vmconfig.Inert(t.Name, 120), state: widgets.StateLook{Icon: "warning", Text: lang.L("Damaged"), Color: fynetheme.ColorNameError},
			note: note, noteTip: note, main: buttonLook{shown: true, icon: "trash", text: lang.L("Remove…")},
		}
	}
	total, active := len(t.Machines), t.active()
	look := cardLook{
		picture: t.picture, title: vmconfig.Inert(t.Title, 120), version: lang.N("%d machine", "%d machines", total, total), course: t.roles(),
		size: lang.N("%d private network", "%d private networks", t.networks(), t.networks()),
	}
	var used, undo time.Time
	for _, trace := range t.traces {
		used, undo = later(used, trace.used), later(undo, trace.undo)
	}
	switch {
	case t.launching:
		look.state = widgets.StateLook{Icon: "refresh", Text: lang.L("Being launched…"), Color: fynetheme.ColorNamePrimary}
	case active == total:
		look.state = widgets.StateLook{Icon: "state-running", Text: lang.L("Running"), Color: theme.ColorRunning}
	case active > 0:
		look.state = widgets.StateLook{Icon: "state-running", Text: lang.F("%d of %d run", active, total), Color: theme.ColorRunning}
	case len(t.there()) > 0:
		look.state = widgets.StateLook{Icon: "state-off", Text: lang.L("Off"), Color: theme.ColorOff}
		if !used.IsZero() {
			look.note = lang.F("last used: %s", lang.Age(used, now))
		}
	case !t.labsHere:
		look.state = widgets.StateLook{Icon: "warning", Text: lang.L("Incomplete"), Color: fynetheme.ColorNameWarning}
		look.note = lang.L("some of its labs are not here")
	default:
		look.state = widgets.StateLook{Icon: "success", Text: lang.L("Ready"), Color: theme.ColorRunning}
		look.note = lang.L("not launched yet")
	}
	look.noteTip = look.note
	look.main = buttonLook{shown: true, icon: "start", text: lang.L("Launch all"), tip: lang.L("Make the machines of this lab, join them by their networks and start them"), reason: t.launchReason()}
	if len(t.there()) == total {
		look.main.text, look.main.tip = lang.L("Start all"), lang.L("Start the machines in the order that the lab says")
	}
	if active == total {
		look.main = buttonLook{shown: true, icon: "show", text: lang.L("Show…"), tip: lang.L("Show the screen of one of the machines")}
	}
	if len(t.there()) > 0 {
		look.reset = buttonLook{shown: true, icon: "reset", text: lang.L("Reset…"), reason: t.resetReason(), tip: lang.L("Take all machines back to how their teacher made them")}
		if !undo.IsZero() {
			look.undo = buttonLook{shown: true, icon: "restore", reason: t.busyReason(), tip: lang.F("Take back the reset: %s", lang.Age(undo, now))}
		}
	}
	return look
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// launchReason says why it cannot be launched; empty: it can.
func (t *several) launchReason() string {
	switch {
	case !t.connected:
		return lang.L("There is no connection to the hypervisor.")
	case t.launching:
		return lang.L("It is being launched.")
	case !t.labsHere && len(t.there()) < len(t.Machines):
		return lang.L("Some of its labs are not in the library. Add it again first.")
	}
	return ""
}

// resetReason says why its machines cannot be reset; empty: they can.
func (t *several) resetReason() string {
	if reason := t.busyReason(); reason != "" {
		return reason
	}
	if !t.labsHere {
		return lang.L("Some of its labs are not in the library. Add it again first.")
	}
	return ""
}

// busyReason says why nothing can be done with its machines now; empty: something can.
func (t *several) busyReason() string {
	for _, m := range t.there() {
		switch {
		case m.Offline || !t.connected:
			return lang.L("There is no connection to the hypervisor.")
		case m.Busy != "":
			return lang.L("Another operation is working on one of the machines.")
		}
	}
	return ""
}

// mostWindows is how many windows launching opens at once.
const mostWindows = 4

// actOnSeveral does the one thing to do with it now: launch or start all, or show one.
func (w *Window) actOnSeveral(t several) {
	if t.Err != nil {
		w.askRemoveSeveral(t)
		return
	}
	if t.active() == len(t.Machines) {
		if c := w.grid.byKey[severalKey(t.Name)]; c != nil {
			widgets.ShowMenu(c.main, fyne.NewMenu("", w.showItems(t)...))
		}
		return
	}
	key := severalKey(t.Name)
	if t.launchReason() != "" || w.busy[key] {
		return
	}
	w.busy[key] = true
	job := w.Labs.LaunchTopology(&t.Topology, true)
	w.show()
	idle := func() {
		delete(w.busy, key)
		w.load()
	}
	w.follow(job, lang.F("“%s” could not be launched", t.name()), func() {
		idle()
		for _, now := range w.several {
			if now.Name == t.Name && len(now.there()) <= mostWindows {
				for _, m := range now.there() {
					w.p.OpenConsole(m.UUID)
				}
			}
		}
	}, func(error) bool {
		idle()
		return false
	})
}

// showItems lead to each of the machines.
func (w *Window) showItems(t several) []*fyne.MenuItem {
	var items []*fyne.MenuItem
	for n, m := range t.machines {
		if m == nil {
			continue
		}
		look := stateLook(m)
		items = append(items, widgets.MenuItem(look.Icon, join(shown(t.Machines[n].Name), look.Text), true, "", func() { w.open(m) }))
	}
	return items
}

// severalMenu is what else can be done with it.
func (w *Window) severalMenu(t several) *fyne.Menu {
	if t.Err != nil {
		return fyne.NewMenu("", widgets.MenuItem("trash", lang.L("Remove…"), true, "", func() { w.askRemoveSeveral(t) }))
	}
	items := []*fyne.MenuItem{widgets.MenuItem("info", lang.L("About this lab…"), true, "", func() { w.aboutSeveral(t) })}
	if there := t.there(); len(there) > 0 {
		each := widgets.MenuItem("machine", lang.L("Its machines"), true, "", nil)
		each.ChildMenu = fyne.NewMenu("", w.showItems(t)...)
		handIn := widgets.MenuItem("send", lang.L("Hand in"), true, "", nil)
		handIn.ChildMenu = fyne.NewMenu("")
		for n, m := range t.machines {
			if m != nil {
				item := widgets.MenuItem("send", shown(t.Machines[n].Name)+"…", !m.Offline, lang.L("There is no connection to the hypervisor."), func() { w.handIn(m.UUID, nil) })
				handIn.ChildMenu.Items = append(handIn.ChildMenu.Items, item)
			}
		}
		items = append(items, each, handIn,
			widgets.MenuItem("shutdown", lang.L("Shut all down"), t.active() > 0, lang.L("No machine is running."), func() { w.stopSeveral(t) }))
		if look := t.look(time.Now()); look.undo.shown {
			items = append(items, widgets.MenuItem("restore", lang.L("Take back the reset…"), look.undo.reason == "", look.undo.reason, func() { w.askUndoSeveral(t) }))
		}
	}
	items = append(items, fyne.NewMenuItemSeparator())
	if len(t.there()) > 0 {
		reason := t.busyReason()
		if t.active() > 0 {
			reason = lang.L("Shut the machines down first.")
		}
		items = append(items, widgets.MenuItem("trash", lang.L("Delete the machines…"), reason == "", reason, func() { w.askDeleteSeveral(t) }))
	}
	items = append(items, widgets.MenuItem("trash", lang.L("Remove…"), true, "", func() { w.askRemoveSeveral(t) }))
	return fyne.NewMenu("", items...)
}

// stopSeveral presses the power buttons.
func (w *Window) stopSeveral(t several) {
	for _, m := range t.there() {
		if ok, _ := m.Can(machines.ActionShutdown); ok {
			w.follow(w.Machines.Do(machines.ActionShutdown, m.UUID), lang.F("“%s” could not be shut down", shown(m.Name)), nil, nil)
		}
	}
}

// losses adds to a text what is lost by switching machines off, and says whether there is any.
func (t *several) losses(text string) (string, bool) {
	saved := slices.ContainsFunc(t.there(), func(m *machines.Machine) bool { return m.State == hypervisor.StateSaved })
	switch {
	case t.active() > 0:
		return text + "\n\n" + lang.L("Machines that are running are switched off for this at once: what is open in them is lost."), true
	case saved:
		return text + "\n\n" + lang.L("Saved states are lost: what was open then cannot be brought back."), true
	}
	return text, false
}

// askResetSeveral resets its machines after a question.
func (w *Window) askResetSeveral(t several) {
	if t.resetReason() != "" {
		return
	}
	text, off := t.losses(lang.L("The machines become what they were when they were launched. What you did in them since then, and their checkpoints, are put aside: for seven days you can take the reset back."))
	action := lang.L("Reset")
	if off {
		action = lang.L("Switch off and reset")
	}
	widgets.Confirm(w.window, lang.F("Reset all machines of “%s”?", t.name()), text, shownNames(t.there()), action, true, func() {
		w.follow(w.Labs.ResetTopology(&t.Topology, labs.ResetOptions{PowerOff: off}), lang.F("“%s” could not be reset", t.name()), nil, nil)
	})
}

// askUndoSeveral takes the last reset of its machines back after a question.
func (w *Window) askUndoSeveral(t several) {
	if t.busyReason() != "" {
		return
	}
	text, off := t.losses(lang.L("The machines become what they were before the reset. What was done in them since then is put aside and can be brought back in the same way."))
	action := lang.L("Take back")
	if off {
		action = lang.L("Switch off and take back")
	}
	widgets.Confirm(w.window, lang.F("Take back the reset of “%s”?", t.name()), text, nil, action, off, func() {
		w.follow(w.Labs.UndoResetTopology(&t.Topology, labs.ResetOptions{PowerOff: off}), lang.F("The reset of “%s” could not be taken back", t.name()), nil, nil)
	})
}

// askDeleteSeveral deletes its machines after a question.
func (w *Window) askDeleteSeveral(t several) {
	text := lang.L("What you did in them goes to the trash, where it stays for seven days. The lab stays in the library: launch it again for new machines.")
	widgets.Confirm(w.window, lang.F("Delete the machines of “%s”?", t.name()), text, shownNames(t.there()), lang.L("Delete"), true, func() {
		w.follow(w.Labs.DeleteTopology(&t.Topology), lang.F("The machines of “%s” could not be deleted", t.name()), nil, nil)
	})
}

// askRemoveSeveral removes it from the library after a question.
func (w *Window) askRemoveSeveral(t several) {
	w.confirmRemove(t.name(), t.there(), func() *jobs.Job { return w.Labs.RemoveTopology(t.Name) })
}

// aboutSeveral shows its task and how its machines are joined.
func (w *Window) aboutSeveral(t several) {
	if t.Err != nil {
		return
	}
	facts := container.NewVBox(widgets.KeyValue(lang.L("Name"), shown(t.Name)), widgets.KeyValue(lang.L("Comes from"), vmconfig.Inert(t.From, 200)))
	w.showAbout(t.name(), t.Text, 480, facts, newPlan(t))
}
