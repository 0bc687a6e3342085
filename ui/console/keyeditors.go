package console

import (
	"slices"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/widget"

	"guesthouse/app/settings"
	"guesthouse/hypervisor/keymap"
	"guesthouse/ui/lang"
	"guesthouse/ui/theme"
	"guesthouse/ui/widgets"
)

// hostKeyLimit is the most keys that together are the host key.
const hostKeyLimit = 3

// chooseHostKey asks for the host key: the user presses it.
func (w *Window) chooseHostKey() {
	s := w.p.Settings.Get()
	field := newKeyRecorder(hostKeyLimit, s.HostKey)
	auto := widget.NewCheck(lang.L("Capture the keyboard while the screen has the focus"), nil)
	auto.SetChecked(s.CaptureKeyboard)
	form := widgets.NewFormField(lang.L("One to three keys, pressed together"), field, "")
	var modal *widgets.Modal
	cancel := widgets.NewButton("", lang.L("Cancel"), widgets.StylePlain, func() { modal.Close() })
	usual := widgets.NewButton("", lang.L("Right Ctrl"), widgets.StylePlain, nil)
	ok := widgets.NewButton("", lang.L("Use it"), widgets.StylePrimary, func() {
		keys, capture := field.keys, auto.Checked
		modal.Close()
		w.setHostKey(keys, capture)
	})
	field.OnChanged = func(keys []uint16) {
		fault := hostKeyFault(keys)
		form.SetFault(fault)
		ok.SetEnabled(fault == "", fault)
	}
	usual.OnTapped = func() {
		field.keys = []uint16{keymap.RightCtrl}
		field.show()
		field.OnChanged(field.keys)
	}
	modal = widgets.NewModal(w.win, "keyboard", theme.ColorMuted, lang.L("The host key"), container.NewVBox(
		widgets.Muted(lang.L("It is for this program, not for the guest: alone it captures and frees the keyboard, with other keys it gives commands.")),
		form, auto), 440, usual, cancel, ok).FocusOn(field)
	w.display.ReleaseAll()
	modal.Show()
}

// hostKeyFault says why keys cannot be the host key; empty: they can.
func hostKeyFault(keys []uint16) string {
	switch {
	case len(keys) == 0:
		return lang.L("Press at least one key.")
	case len(keys) == 1 && !keymap.IsModifier(keys[0]) && isHostCommand(keys[0]), len(keys) == 1 && isTyping(keys[0]):
		return lang.L("The guest needs this key. Take a modifier, or several keys.")
	}
	return ""
}

// isTyping reports whether a key types a character, or what a text cannot do without.
func isTyping(code uint16) bool {
	sym, ok := keymap.KeysymFromEvdev(code, false)
	return ok && (sym >= ' ' && sym <= '~' || code == keymap.Enter || code == keymap.Tab || code == keymap.Backspace || code == keymap.Esc)
}

func (w *Window) setHostKey(keys []uint16, capture bool) {
	change := func(s *settings.Settings) { s.HostKey, s.CaptureKeyboard = keys, capture }
	w.rememberThen(change, func() {
		w.applyHostKey()
		w.capture.update()
		w.showTitle()
	})
}

// comboEditor changes the menu of key combinations.
type comboEditor struct {
	w     *Window
	list  []settings.Combo
	rows  *fyne.Container
	modal *widgets.Modal
}

// editCombos opens the editor.
func (w *Window) editCombos() {
	e := &comboEditor{w: w, list: slices.Clone(combos(w.p.Settings.Get())), rows: container.NewVBox()}
	field := newKeyRecorder(chordLimit, nil)
	add := widgets.NewButton("new", lang.L("Add"), widgets.StylePlain, nil)
	add.OnTapped = func() {
		if sendable(field.keys) {
			e.list = append(e.list, settings.Combo{Label: chordName(field.keys), Keys: field.keys})
			field.keys = nil
			field.show()
			e.show()
		}
		w.win.Canvas().Focus(field)
	}
	scroll := widgets.NewScroll(e.rows)
	scroll.SetMinSize(fyne.NewSize(0, 260))
	usual := widgets.NewButton("", lang.L("The usual ones"), widgets.StylePlain, func() {
		e.list = usualCombos()
		e.show()
	})
	cancel := widgets.NewButton("", lang.L("Cancel"), widgets.StylePlain, func() { e.modal.Close() })
	ok := widgets.NewButton("", lang.L("Save"), widgets.StylePrimary, e.save)
	e.modal = widgets.NewModal(w.win, "keyboard", theme.ColorMuted, lang.L("Key combinations"), container.NewVBox(
		scroll, widgets.NewFormField(lang.L("Another combination"), container.NewBorder(nil, nil, nil, add, field),
			lang.L("Keys that this computer’s desktop takes do not arrive here.")),
	), 520, usual, cancel, ok).FocusOn(field)
	e.show()
	w.display.ReleaseAll()
	e.modal.Show()
}

// show lists the combinations anew.
func (e *comboEditor) show() {
	e.rows.RemoveAll()
	for i := range e.list {
		name := widgets.NewEntry()
		name.SetText(e.list[i].Label)
		name.OnChanged = func(text string) { e.list[i].Label = text }
		up := widgets.NewIconButton("chevron-up", lang.L("Further up"), func() { e.swap(i, i-1) })
		down := widgets.NewIconButton("chevron-down", lang.L("Further down"), func() { e.swap(i, i+1) })
		remove := widgets.NewIconButton("trash", lang.L("Remove"), func() {
			e.list = slices.Delete(e.list, i, i+1)
			e.show()
		})
		keys := widgets.NewText(chordName(e.list[i].Keys), theme.TextSmall, false, theme.ColorMuted)
		e.rows.Add(container.NewBorder(nil, nil, nil, container.NewHBox(up, down, remove), container.NewGridWithColumns(2, name, keys)))
	}
	e.rows.Refresh()
}

func (e *comboEditor) swap(i, j int) {
	if j >= 0 && j < len(e.list) {
		e.list[i], e.list[j] = e.list[j], e.list[i]
		e.show()
	}
}

// save keeps the list; the usual one, and an empty one, leave nothing behind.
func (e *comboEditor) save() {
	list := e.list
	for i := range list {
		if list[i].Label == "" {
			list[i].Label = chordName(list[i].Keys)
		}
	}
	if slices.EqualFunc(list, usualCombos(), func(a, b settings.Combo) bool { return a.Label == b.Label && slices.Equal(a.Keys, b.Keys) }) {
		list = nil
	}
	e.modal.Close()
	e.w.rememberThen(func(s *settings.Settings) { s.Combos = list }, nil)
}
