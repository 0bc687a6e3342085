package wizard

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/layout"
	fynetheme "fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"guesthouse/ui/lang"
	"guesthouse/ui/theme"
)

// message is the line under a field: an explanation, a warning, work that goes on, or what is wrong.
type message struct {
	box     *fyne.Container
	icon    *widget.Icon
	spinner *widget.Activity
	label   *widget.Label
}

func newMessage() *message {
	m := &message{icon: widget.NewIcon(nil), spinner: widget.NewActivity(), label: widget.NewLabel("")}
	m.label.Wrapping = fyne.TextWrapWord
	m.label.SizeName = fynetheme.SizeNameCaptionText
	m.spinner.Hide()
	side := container.NewVBox(container.NewGridWrap(fyne.NewSize(theme.IconSmall+2, 28), container.NewCenter(
		container.NewGridWrap(fyne.NewSquareSize(theme.IconSmall), container.NewStack(m.icon, m.spinner)))))
	m.box = container.New(layout.NewCustomPaddedLayout(0, 0, 2, 0), container.NewBorder(nil, nil, side, nil, m.label))
	return m
}

// show puts a fault or, when there is none, a note.
func (m *message) show(fault, note string, tone Tone) {
	if fault != "" {
		m.set(fault, theme.IconIn("error", fynetheme.ColorNameError), widget.DangerImportance, false)
		return
	}
	switch tone {
	case ToneBusy:
		m.set(note, nil, widget.MediumImportance, true)
	case ToneGood:
		m.set(note, theme.IconIn("success", fynetheme.ColorNameSuccess), widget.MediumImportance, false)
	case ToneWarning:
		m.set(note, theme.IconIn("warning", fynetheme.ColorNameWarning), widget.WarningImportance, false)
	default:
		m.set(note, theme.IconIn("info", theme.ColorMuted), widget.MediumImportance, false)
	}
}

func (m *message) set(text string, icon fyne.Resource, importance widget.Importance, busy bool) {
	setVisible(m.box, text != "")
	m.icon.SetResource(icon)
	if busy {
		m.spinner.Show()
		m.spinner.Start()
	} else {
		m.spinner.Stop()
		m.spinner.Hide()
	}
	m.label.Importance = importance
	m.label.SetText(lang.L(text)) // of the services it is English
}

// unless returns note while there is no fault: a fault takes its place.
func unless(fault, note string) string {
	if fault != "" {
		return ""
	}
	return note
}
