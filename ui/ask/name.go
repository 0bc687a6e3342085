// Package ask holds the questions that several windows ask.
package ask

import (
	"context"
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	fynetheme "fyne.io/fyne/v2/theme"

	"guesthouse/app/explain"
	"guesthouse/ui/dispatch"
	"guesthouse/ui/lang"
	"guesthouse/ui/widgets"
	"guesthouse/vmconfig"
)

// NameQuestion asks for a name.
type NameQuestion struct {
	Icon, Title, Button, Hint string
	Busy                      string   // why the button waits while Do's work runs
	Name                      string   // what stands there at first
	Taken                     []string // names that others have
	Fixed                     string   // why the name cannot be changed; empty: it can
	Below                     *widgets.FormField
	BelowFocus                fyne.Focusable // of Below, for a name that is fixed
	// Do returns what is to be done with the name, in the background.
	Do func(name string) func(context.Context) error
}

// Name asks it. The dialog stays open with the reason when what Do returned fails; closing it ends that. UI goroutine.
func Name(w fyne.Window, d dispatch.Dispatcher, q NameQuestion) {
	name := widgets.NewEntry()
	name.SetText(q.Name)
	field := widgets.NewFormField(lang.L("Name"), name, q.Hint)
	content, last := container.NewVBox(field), field
	if q.Below != nil {
		content.Add(q.Below)
		last = q.Below
	}
	if q.Fixed != "" {
		name.Disable()
		field.SetHint(q.Fixed)
	}
	var modal *widgets.Modal
	cancel := widgets.NewButton("", lang.L("Cancel"), widgets.StylePlain, func() { modal.Close() })
	ok := widgets.NewButton("", q.Button, widgets.StylePrimary, nil)
	check := func() bool {
		fault := ""
		if err := vmconfig.CheckName(strings.TrimSpace(name.Text), q.Taken); err != nil && q.Fixed == "" {
			fault = err.Error()
		}
		field.SetFault(fault)
		ok.SetEnabled(fault == "", fault)
		modal.Relayout()
		return fault == ""
	}
	ok.OnTapped = func() {
		if _, off := ok.Disabled(); off || !check() {
			return
		}
		ok.Disable(q.Busy)
		modal.OnClosed = dispatch.Run(d, q.Do(strings.TrimSpace(name.Text)), func(err error) {
			if err == nil {
				modal.Close()
				return
			}
			ok.Enable()
			e := explain.Explain(err)
			last.SetFault(strings.TrimSpace(lang.L(e.Summary) + " " + lang.L(e.Remedy)))
			modal.Relayout()
		})
	}
	name.OnChanged = func(string) { check() }
	name.OnSubmitted = func(string) { ok.OnTapped() } // the focus stays: who typed a name that will not do goes on typing
	modal = widgets.NewModal(w, q.Icon, fynetheme.ColorNamePrimary, q.Title, content, 440, cancel, ok)
	if q.Fixed != "" {
		modal.FocusOn(q.BelowFocus).Show()
		return
	}
	modal.FocusOn(name).Show()
	name.TypedShortcut(&fyne.ShortcutSelectAll{})
}
