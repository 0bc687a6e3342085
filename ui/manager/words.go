package manager

import (
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/google/uuid"

	"guesthouse/app/machines"
	"guesthouse/hypervisor"
	"guesthouse/ui/lang"
	"guesthouse/ui/theme"
	"guesthouse/ui/widgets"
	"guesthouse/vmconfig"
)

// stateLook says how a machine's state is shown.
func stateLook(m *machines.Machine) widgets.StateLook {
	look := runLook(m)
	if m.Busy != "" {
		look = widgets.StateLook{Icon: "refresh", Text: sentence(lang.L(m.Busy)) + "…", Color: "primary"}
	}
	if m.Offline {
		look.Color = theme.ColorOff
	}
	return look
}

// sentence begins a text with a capital letter.
func sentence(text string) string {
	first, size := utf8.DecodeRuneInString(text)
	if size == 0 {
		return text
	}
	return string(unicode.ToUpper(first)) + text[size:]
}

func runLook(m *machines.Machine) widgets.StateLook {
	switch m.State {
	case hypervisor.StateRunning:
		return widgets.StateLook{Icon: "state-running", Text: lang.L("Running"), Color: theme.ColorRunning}
	case hypervisor.StatePaused:
		return pausedLook(m.Pause)
	case hypervisor.StateSaved:
		return widgets.StateLook{Icon: "state-saved", Text: lang.L("Saved"), Color: theme.ColorSaved}
	case hypervisor.StateCrashed:
		return widgets.StateLook{Icon: "state-crashed", Text: lang.L("Crashed"), Color: theme.ColorCrashed}
	case hypervisor.StateOff:
		if m.Problem != nil {
			return widgets.StateLook{Icon: "warning", Text: lang.L("Cannot be read"), Color: theme.ColorCrashed}
		}
		if m.StoppedBadly {
			return widgets.StateLook{Icon: "state-crashed", Text: lang.L("Off (ended unexpectedly)"), Color: theme.ColorCrashed}
		}
		return widgets.StateLook{Icon: "state-off", Text: lang.L("Off"), Color: theme.ColorOff}
	}
	if m.Problem != nil {
		return widgets.StateLook{Icon: "warning", Text: lang.L("Cannot be read"), Color: theme.ColorCrashed}
	}
	return widgets.StateLook{Icon: "state-unknown", Text: lang.L("Unknown"), Color: theme.ColorOff}
}

func pausedLook(why hypervisor.PauseReason) widgets.StateLook {
	look := widgets.StateLook{Icon: "state-paused", Text: lang.L("Paused"), Color: theme.ColorPaused}
	switch why {
	case hypervisor.PauseIOError:
		look = widgets.StateLook{Icon: "warning", Text: lang.L("Paused: a disk cannot be read or written"), Color: theme.ColorCrashed}
	case hypervisor.PauseNoSpace:
		look = widgets.StateLook{Icon: "warning", Text: lang.L("Paused: the host's disk is full"), Color: theme.ColorCrashed}
	case hypervisor.PauseSnapshot, hypervisor.PauseSaving:
		look.Text = lang.L("Saving…")
	}
	return look
}

// sinceText says since when a machine is in its state: "Running since 14:05".
func sinceText(m *machines.Machine, now time.Time) string {
	text := runLook(m).Text
	if m.Since.IsZero() {
		return text
	}
	return lang.F("%s since %s", text, sinceClock(m.Since, now))
}

// sinceClock is the time of today, or the date and the time.
func sinceClock(t, now time.Time) string {
	t = t.Local()
	if y, day := t.Year(), t.YearDay(); y == now.Year() && day == now.YearDay() {
		return t.Format("15:04")
	}
	return t.Format(lang.L("2 January 2006, 15:04"))
}

// shown makes a machine's name fit to be shown (promise I9).
func shown(name string) string { return vmconfig.Inert(name, 120) }

// nameOf is the name of the machine with the UUID that a job has as its subject, "Done" where there is none.
func (m *Manager) nameOf(subject string) string {
	if id, err := uuid.Parse(subject); err == nil && m.byID[id] != nil {
		return shown(m.byID[id].Name)
	}
	return lang.L("Done")
}

func names(list []*machines.Machine) []string {
	texts := make([]string, len(list))
	for i, m := range list {
		texts[i] = shown(m.Name)
	}
	return texts
}

// title names one machine, or counts several.
func title(list []*machines.Machine) string {
	if len(list) == 1 {
		return "“" + shown(list[0].Name) + "”"
	}
	return lang.N("%d machine", "%d machines", len(list), len(list))
}
