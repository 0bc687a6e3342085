package console

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/widget"

	"guesthouse/ui/lang"
	"guesthouse/ui/widgets"
)

// passwordForm is the part of the page that asks for the display's password.
type passwordForm struct {
	box      *fyne.Container
	entry    *widgets.Entry
	remember *widget.Check
}

func newPasswordForm(submit func()) *passwordForm {
	f := &passwordForm{entry: widgets.NewEntry()}
	f.entry.Password = true
	f.entry.SetPlaceHolder(lang.L("Password"))
	f.entry.OnSubmitted = func(string) { submit() }
	f.remember = widget.NewCheck(lang.L("Remember for this machine"), nil)
	f.box = container.NewVBox(f.entry, f.remember)
	f.box.Hide()
	return f
}

// ask empties the form for another try.
func (f *passwordForm) ask(canRemember, remember bool) {
	f.entry.SetText("")
	f.remember.SetChecked(remember)
	show(f.remember, canRemember)
}
