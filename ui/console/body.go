package console

import (
	"errors"
	"unicode"
	"unicode/utf8"

	"guesthouse/app/machines"
	"guesthouse/hypervisor"
	"guesthouse/ui/lang"
)

// bodyAction is what the button in the middle of the window does.
type bodyAction int

const (
	bodyNone bodyAction = iota
	bodyStart
	bodyResume
	bodyReconnect
	bodyPowerOff
	bodyShutdown
	bodyAddDisplay
	bodyConnect
	bodyTrust
)

// body says what the window shows between toolbar and status line.
type body struct {
	picture bool // the guest's screen, live or its last picture
	veil    bool // dimmed, since it is not live
	live    bool // keys and pointer go to the guest
	busy    bool // something goes on that ends by itself

	// A page in the middle; nothing when title is empty.
	icon, title, text string
	action            bodyAction
	label             string
	second            bodyAction // beside the first, less likely
	secondLabel       string
	ask               bool  // for the display's password
	askUser           bool  // and for a name
	err               error // offered behind "Details"
}

// same reports whether both look the same. Errors are compared by their text: not every error can be compared with ==.
func (b body) same(o body) bool {
	errs := (b.err == nil) == (o.err == nil) && (b.err == nil || b.err.Error() == o.err.Error())
	b.err, o.err = nil, nil
	return errs && b == o
}

// patience is how many tries may fail before the window says that it is disconnected: a restore or a restart breaks the connection for a
// moment, and a page that flashes up helps nobody.
const patience = 3

// decideBody chooses what to show. m is nil when the machine does not exist (or is not known yet, when connected is false); hadPicture says
// that pixels of this run of the machine are there.
func decideBody(m *machines.Machine, connected bool, l linkStatus, hadPicture bool) body {
	if m == nil {
		if !connected {
			return body{busy: true, title: lang.L("Looking for the machine…"), text: lang.L("There is no connection to the hypervisor yet.")}
		}
		return body{icon: "trash", title: lang.L("This machine no longer exists"), text: lang.L("It was deleted. Close this window.")}
	}
	if l.Phase == linkLive && m.State != hypervisor.StatePaused {
		return body{picture: true, live: true} // also when the hypervisor's service is gone: the machine runs on without it
	}
	if m.Offline && !m.State.Active() {
		return body{busy: true, icon: "disconnected", title: lang.L("No connection"), text: lang.L("The hypervisor does not answer. Trying again…")}
	}
	switch m.State {
	case hypervisor.StateOff:
		return offBody(m)
	case hypervisor.StateSaved:
		if m.Busy != "" {
			return busyBody(m)
		}
		return body{icon: "state-saved", title: lang.L("The machine’s state is saved"), text: lang.L("It continues where it stopped."), action: bodyStart, label: lang.L("Resume")}
	case hypervisor.StateCrashed:
		return body{
			picture: hadPicture, veil: true, icon: "state-crashed", title: lang.L("The guest has crashed"),
			text: lang.L("Its system stopped working. Power it off, then start it again."), action: bodyPowerOff, label: lang.L("Power off"),
		}
	case hypervisor.StatePaused:
		return pausedBody(m, hadPicture)
	case hypervisor.StateRunning:
		return disconnectedBody(m, l, hadPicture)
	}
	return body{icon: "state-unknown", title: lang.L("The machine’s state is not known")}
}

func offBody(m *machines.Machine) body {
	switch {
	case m.Busy != "":
		return busyBody(m)
	case m.StoppedBadly:
		return body{
			icon: "state-crashed", title: lang.L("The machine stopped unexpectedly"), text: lang.L("Its process ended by itself. What was not saved in the guest is lost."),
			action: bodyStart, label: lang.L("Start"),
		}
	}
	b := body{icon: "state-off", title: lang.L("The machine is off"), action: bodyStart, label: lang.L("Start")}
	if ok, _ := m.Can(machines.ActionEdit); ok && m.Config != nil && !machines.Shows(*m.Config) {
		b.text = lang.L("It has no display that can be shown here.")
		b.second, b.secondLabel = bodyAddDisplay, lang.L("Add a VNC display")
	}
	return b
}

func busyBody(m *machines.Machine) body {
	return body{busy: true, title: upperFirst(lang.L(m.Busy)) + "…"}
}

func pausedBody(m *machines.Machine, hadPicture bool) body {
	b := body{picture: hadPicture, veil: true, icon: "state-paused", title: lang.L("Paused")}
	switch m.Pause {
	case hypervisor.PauseIOError:
		b.icon, b.title, b.text = "warning", lang.L("Paused by a disk error"), lang.L("The machine could not read or write one of its disks. Nothing is lost yet.")
	case hypervisor.PauseNoSpace:
		b.icon, b.title, b.text = "warning", lang.L("Paused: this computer’s disk is full"), lang.L("Make room, then resume. Nothing is lost.")
	case hypervisor.PauseSnapshot, hypervisor.PauseSaving:
		return body{picture: hadPicture, veil: true, busy: true, title: upperFirst(lang.L(orDefault(m.Busy, lang.Key("saving")))) + "…"}
	}
	if m.Busy != "" {
		return body{picture: hadPicture, veil: true, busy: true, title: upperFirst(lang.L(m.Busy)) + "…"}
	}
	b.action, b.label = bodyResume, lang.L("Resume")
	return b
}

func disconnectedBody(m *machines.Machine, l linkStatus, hadPicture bool) body {
	switch {
	case l.Phase == linkRefused:
		return refusedBody(m, l.Err)
	case l.Tries < patience && hadPicture:
		return body{picture: true}
	case l.Tries < patience:
		return body{busy: true, title: upperFirst(lang.L(orDefault(m.Busy, lang.Key("connecting to the screen")))) + "…"}
	}
	b := body{
		picture: hadPicture, veil: true, icon: "disconnected", title: lang.L("Disconnected"), text: lang.L("The machine runs, but its screen does not answer. Another viewer may have it for itself. Trying again…"),
		action: bodyReconnect, label: lang.L("Reconnect now"), err: l.Err,
	}
	var reason *hypervisor.GraphicsError
	if errors.As(l.Err, &reason) {
		unreachableBody(&b, m, reason)
	}
	return b
}

func orDefault(s, fallback string) string {
	if s == "" {
		return fallback
	}
	return s
}

// titleWord is what the window's title says of the machine: what goes on, else its state.
func titleWord(m *machines.Machine) string {
	if m.Busy != "" {
		return mapFirst(lang.L(m.Busy), unicode.ToLower)
	}
	return stateWord(m)
}

// stateWord names the machine's state.
func stateWord(m *machines.Machine) string {
	if m.Offline {
		return lang.L("not connected")
	}
	switch m.State {
	case hypervisor.StateOff:
		return lang.L("off")
	case hypervisor.StateRunning:
		return lang.L("running")
	case hypervisor.StatePaused:
		return lang.L("paused")
	case hypervisor.StateSaved:
		return lang.L("saved")
	case hypervisor.StateCrashed:
		return lang.L("crashed")
	}
	return lang.L("unknown")
}

func upperFirst(s string) string { return mapFirst(s, unicode.ToUpper) }

func mapFirst(s string, to func(rune) rune) string {
	r, n := utf8.DecodeRuneInString(s)
	if n == 0 {
		return s
	}
	return string(to(r)) + s[n:]
}
