package wizard

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/layout"
	"fyne.io/fyne/v2/widget"

	"guesthouse/ui/lang"
	"guesthouse/ui/theme"
	"guesthouse/ui/widgets"
)

// footer holds the wizard's buttons and the question before what was entered is lost.
type footer struct {
	box fyne.CanvasObject

	cancel, back, next *widgets.Button
	buttons            fyne.CanvasObject

	asking        bool
	question      fyne.CanvasObject
	keep, discard *widgets.Button
}

func newFooter(w *wizard) *footer {
	f := &footer{
		cancel:  newButton(w.keys, "", lang.L("Cancel"), widgets.StylePlain, w.askCancel),
		back:    newButton(w.keys, "chevron-left", lang.L("Back"), widgets.StylePlain, w.back),
		next:    newButton(w.keys, "", lang.L("Next"), widgets.StylePrimary, w.next),
		keep:    newButton(w.keys, "", lang.L("Keep editing"), widgets.StylePrimary, w.keepEditing),
		discard: newButton(w.keys, "", lang.L("Discard"), widgets.StyleDanger, w.close),
	}
	f.buttons = container.NewHBox(f.cancel, layout.NewSpacer(), f.back, f.next)
	ask := newMessage()
	ask.show("", lang.L("Discard what you entered? No machine has been made."), ToneWarning)
	f.question = container.NewBorder(nil, nil, nil, container.NewHBox(f.discard, f.keep), ask.box)
	f.box = container.NewVBox(widget.NewSeparator(),
		container.New(layout.NewCustomPaddedLayout(theme.Gap1, theme.Gap3, theme.Gap6, theme.Gap6), container.NewStack(f.buttons, f.question)))
	return f
}

func (f *footer) show(w *wizard) {
	setVisible(f.box, w.creation == nil)
	setVisible(f.question, f.asking)
	setVisible(f.buttons, !f.asking)
	f.back.SetEnabled(w.model.Page() > PageSystem, lang.L("This is the first page."))
	text := lang.L("Next")
	switch {
	case w.model.Page() == PageSummary:
		text = lang.L("Create")
	case w.fromSummary:
		text = lang.L("To the summary")
	}
	f.next.SetText(text)
	f.next.SetEnabled(w.model.Page() != PageSummary || w.model.Pending() == "", lang.L("A file is still being read."))
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
		w.win.Canvas().Unfocus()
		w.p.Dispatch.Do(func() {
			if w.footer.asking && !w.closed {
				w.win.Canvas().Focus(w.footer.keep)
			}
		})
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
