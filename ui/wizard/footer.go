package wizard

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/layout"
	"fyne.io/fyne/v2/widget"

	"guesthouse/ui/theme"
)

// footer holds the wizard's buttons and the question before what was entered is lost.
type footer struct {
	box *fyne.Container

	cancel, back, next *button
	buttons            fyne.CanvasObject

	asking        bool
	question      fyne.CanvasObject
	keep, discard *button
}

func newFooter(w *wizard) *footer {
	f := &footer{
		cancel:  newButton(w.keys, "Cancel", w.askCancel),
		back:    newButton(w.keys, "Back", w.back),
		next:    newButton(w.keys, "Next", w.next),
		keep:    newButton(w.keys, "Keep editing", w.keepEditing),
		discard: newButton(w.keys, "Discard", w.close),
	}
	f.next.Importance = widget.HighImportance
	f.back.Icon = theme.Icon("chevron-left")
	f.keep.Importance = widget.HighImportance
	f.discard.Importance = widget.DangerImportance
	f.buttons = container.NewHBox(f.cancel, layout.NewSpacer(), f.back, f.next)
	ask := newMessage()
	ask.show("", "Discard what you entered? No machine has been made.", ToneWarning)
	f.question = container.NewBorder(nil, nil, nil, container.NewHBox(f.discard, f.keep), ask.box)
	f.box = container.NewVBox(widget.NewSeparator(),
		container.New(layout.NewCustomPaddedLayout(theme.Gap1, theme.Gap3, theme.Gap6, theme.Gap6), container.NewStack(f.buttons, f.question)))
	return f
}

func (f *footer) show(w *wizard) {
	creating := w.creation != nil
	f.question.Hide()
	f.buttons.Hide()
	switch {
	case f.asking:
		f.question.Show()
	case !creating:
		f.buttons.Show()
	}
	setEnabled(f.back, w.model.Page() > PageSystem)
	text := "Next"
	if w.model.Page() == PageSummary {
		text = "Create"
	}
	if f.next.Text != text {
		f.next.SetText(text)
	}
	setEnabled(f.next, w.model.Page() != PageSummary || w.model.Pending() == "")
}

func setEnabled(d fyne.Disableable, on bool) {
	if on == !d.Disabled() {
		return
	}
	if on {
		d.Enable()
	} else {
		d.Disable()
	}
}

// askCancel is Escape and Cancel: it asks only when something would be lost. A second Escape goes on editing.
func (w *wizard) askCancel() {
	switch {
	case w.creation != nil:
		w.creation.cancel()
		w.show()
	case w.footer.asking:
		w.keepEditing()
	case w.model.Dirty():
		w.footer.asking = true
		w.show()
		w.win.Canvas().Focus(w.footer.keep)
	default:
		w.close()
	}
}

func (w *wizard) keepEditing() {
	w.footer.asking = false
	w.show()
	w.focus("")
}

// closeAsked is the window's close button. While a machine is being made it is undone first.
func (w *wizard) closeAsked() {
	switch {
	case w.creation != nil:
		w.creation.closing = true
		w.creation.cancel()
		w.show()
	case w.footer.asking:
		w.close()
	default:
		w.askCancel()
	}
}
