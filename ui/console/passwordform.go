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
	user     *widgets.Entry // hidden unless the display wants a name
	entry    *widgets.Entry
	remember *widget.Check
}

func newPasswordForm(submit func()) *passwordForm {
	f := &passwordForm{user: widgets.NewEntry(), entry: widgets.NewEntry()}
	f.user.SetPlaceHolder(lang.L("User name"))
	f.user.Hide()
	f.entry.Password = true
	f.entry.SetPlaceHolder(lang.L("Password"))
	f.entry.OnSubmitted = func(string) { submit() }
	f.remember = widget.NewCheck(lang.L("Remember for this machine"), nil)
	f.box = container.NewVBox(f.user, f.entry, f.remember)
	f.box.Hide()
	return f
}

// ask empties the form for another try.
func (f *passwordForm) ask(a *access) {
	f.entry.SetText("")
	possible, done := a.canRemember()
	f.remember.SetChecked(done)
	show(f.remember, possible && !f.user.Visible())
	f.box.Refresh()
}

// first is the field to begin with.
func (f *passwordForm) first() fyne.Focusable {
	if f.user.Visible() && f.user.Text == "" {
		return f.user
	}
	return f.entry
}
