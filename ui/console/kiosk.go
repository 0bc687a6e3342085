package console

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/layout"

	"guesthouse/app/jobs"
	"guesthouse/app/machines"
	"guesthouse/ui/lang"
	"guesthouse/ui/theme"
	"guesthouse/ui/widgets"
)

// Kiosk is a window that shows a lab's machine on the whole screen and lets its user do nothing but what is here, besides what the guest offers.
type Kiosk struct {
	// Reset takes the machine back to the lab's beginning; a running one is switched off for that.
	Reset func() *jobs.Job
}

// kioskCommands are what the host key still does in a kiosk.
var kioskCommands = map[hostCommand]bool{cmdClose: true, cmdToolbar: true, cmdHostKey: true}

// kioskBar is the toolbar's row in a kiosk: what is not allowed is not there.
func (w *Window) kioskBar(t *toolbar) *fyne.Container {
	reset := widgets.NewToolButton("reset", lang.L("Reset"), w.kioskReset).SetTip(lang.L("Take the machine back to the lab's beginning"))
	handIn := widgets.NewToolButton("send", lang.L("Hand in"), func() {
		w.display.ReleaseAll()
		w.p.HandIn(w.p.ID, w.win)
	})
	quit := widgets.NewToolButton("close", lang.L("Quit"), w.Close)
	show(handIn, w.p.HandIn != nil)
	t.order = []*widgets.Button{reset, handIn, t.task, quit}
	return container.NewHBox(reset, handIn, layout.NewSpacer(), t.task, quit)
}

// kioskReset asks before it resets, and starts the machine again.
func (w *Window) kioskReset() {
	w.display.ReleaseAll()
	widgets.Confirm(w.win, lang.L("Take the machine back to the lab's beginning?"),
		lang.L("It starts anew, without what was done in it. For seven days that can be taken back, in the Labs window."), nil, lang.L("Reset"), true, func() {
			w.follow(lang.L("The machine was not reset"), w.p.Kiosk.Reset(), func() { w.do(machines.ActionStart) })
		})
}

// enterKiosk fills the screen. There is no way out of that but to quit.
func (w *Window) enterKiosk() {
	w.win.SetFullScreen(true)
	w.slide.setFull(true)
	w.updateToolbar()
	w.say(notice{text: lang.F("What you can do is at the top edge (%s + Home).", w.hostKey)})
}

// barOf puts a row of buttons on the bar's ground.
func barOf(row *fyne.Container) *fyne.Container {
	padded := container.New(layout.NewCustomPaddedLayout(theme.Gap1, theme.Gap1, theme.Gap2, theme.Gap2), row)
	return container.NewStack(widgets.NewPanel(colorBackground, "", 0), container.NewBorder(nil, hairline(), nil, nil, padded))
}
