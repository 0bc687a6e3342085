package console

import (
	"fyne.io/fyne/v2"

	"guesthouse/app/machines"
	"guesthouse/app/settings"
	"guesthouse/hypervisor"
	"guesthouse/ui/lang"
	"guesthouse/ui/widgets"
)

// hold says whether the window stays away from the screen until the user connects: always so for machines whose user wants that, and after
// a disconnect, which leaves the screen to another viewer.
type hold struct {
	on     bool
	active bool // as last seen
}

// follow keeps hold in step with the machine. Each run begins as the settings say.
func (h *hold) follow(active, manual bool) {
	if !active || !h.active {
		h.on = manual
	}
	h.active = active
}

// heldBody replaces what is said about the connection while the user has not asked for one.
func heldBody(b body, m *machines.Machine) body {
	if m == nil || m.State != hypervisor.StateRunning || m.Busy != "" {
		return b
	}
	return body{
		icon: "display", title: lang.L("Not connected"), text: lang.L("The machine runs. Its screen is left to other viewers until you connect."),
		action: bodyConnect, label: lang.L("Connect to the screen"),
	}
}

// manual reports whether the user connects to this machine's screen himself.
func (w *Window) manual() bool { return w.p.Settings.Get().Consoles[w.p.ID].Manual }

// toggleManual changes that, and remembers it for this machine. It takes effect at the machine's next start.
func (w *Window) toggleManual() {
	on := !w.manual()
	w.rememberConsole(func(c *settings.Console) { c.Manual = on })
}

// connectScreen and disconnectScreen begin and end the connection to the screen by hand.
func (w *Window) connectScreen() {
	w.hold.on = false
	w.refresh()
}

func (w *Window) disconnectScreen() {
	w.hold.on = true
	w.refresh()
}

// connectionItems are the View menu's part about the connection.
func (w *Window) connectionItems() []*fyne.MenuItem {
	automatic := widgets.MenuItem("", lang.L("Connect automatically"), true, "", w.toggleManual)
	automatic.Checked = !w.manual()
	active := w.machine != nil && w.machine.State.Active()
	if w.hold.on {
		return []*fyne.MenuItem{automatic, widgets.MenuItem("", lang.L("Connect to the screen"), active, "", w.connectScreen)}
	}
	return []*fyne.MenuItem{automatic, widgets.MenuItem("", lang.L("Disconnect"), active, "", w.disconnectScreen)}
}
