package manager

import (
	"context"
	"strings"

	"fyne.io/fyne/v2/container"
	fynetheme "fyne.io/fyne/v2/theme"

	"guesthouse/app/checkpoints"
	"guesthouse/ui/lang"
	"guesthouse/ui/widgets"
	"guesthouse/vmconfig"
)

// wordsQuestion asks for a checkpoint's name and description.
type wordsQuestion struct {
	icon, title, button, hint string
	words                     checkpoints.SaveOptions // what stands there at first
	except                    string                  // ID of the checkpoint that has them already; empty: none
	fixed                     bool                    // the name cannot be changed
	do                        func(context.Context, checkpoints.SaveOptions) error
}

// askWords asks it. The dialog stays open with the reason when do fails.
func (m *Manager) askWords(q wordsQuestion) {
	var taken []string
	for _, c := range m.checkpoints.List {
		if c.ID != q.except {
			taken = append(taken, c.Name)
		}
	}
	name, description := widgets.NewEntry(), widgets.NewMultiLineEntry(3)
	name.SetText(q.words.Name)
	description.SetText(q.words.Description)
	nameField := widgets.NewFormField(lang.L("Name"), name, q.hint)
	descriptionField := widgets.NewFormField(lang.L("Description"), description, "")
	if q.fixed {
		name.Disable()
		nameField.SetHint(lang.L("Another program made this checkpoint; its name cannot be changed."))
	}
	var modal *widgets.Modal
	cancel := widgets.NewButton("", lang.L("Cancel"), widgets.StylePlain, func() { modal.Close() })
	ok := widgets.NewButton("", q.button, widgets.StylePrimary, nil)
	check := func() bool {
		fault := ""
		if err := vmconfig.CheckName(strings.TrimSpace(name.Text), taken); err != nil && !q.fixed {
			fault = err.Error()
		}
		nameField.SetFault(fault)
		ok.SetEnabled(fault == "", fault)
		modal.Relayout()
		return fault == ""
	}
	ok.OnTapped = func() {
		if !check() {
			return
		}
		words := checkpoints.SaveOptions{Name: strings.TrimSpace(name.Text), Description: strings.TrimSpace(description.Text)}
		m.submit(modal, ok, lang.L("One moment…"), descriptionField, func(ctx context.Context) error { return q.do(ctx, words) })
	}
	name.OnChanged = func(string) { check() }
	name.OnSubmitted = func(string) { ok.Tapped(nil) }
	modal = widgets.NewModal(m.window, q.icon, fynetheme.ColorNamePrimary, q.title, container.NewVBox(nameField, descriptionField), 440, cancel, ok)
	if q.fixed {
		modal.FocusOn(description).Show()
		return
	}
	modal.FocusOn(name).Show()
	name.TypedShortcut(selectAllText)
}
