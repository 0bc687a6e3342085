package console

import (
	"slices"

	"fyne.io/fyne/v2"

	"guesthouse/ui/widgets"
)

// barKeys is the keyboard while a button of the toolbar has it: the arrows move, Down opens a menu, Escape and the host key lead back to the guest, and
// the host key's combinations do what they do everywhere.
type barKeys struct {
	w    *Window
	host hostHold
	tap  bool // the host key is down and nothing else was pressed since
}

func (k *barKeys) attach() {
	buttons := append(slices.Clone(k.w.bar.order), k.w.task.buttons()...)
	for i, b := range buttons {
		b.OnKey = func(e *fyne.KeyEvent) bool { return k.key(buttons, i, e) }
		b.OnPhysicalKey = func(e *fyne.KeyEvent, down bool) { k.physical(b, e, down) }
	}
}

func (k *barKeys) key(buttons []*widgets.Button, i int, e *fyne.KeyEvent) bool {
	step := 0
	switch e.Name {
	case fyne.KeyLeft:
		step = -1
	case fyne.KeyRight:
		step = 1
	case fyne.KeyDown:
		buttons[i].Tapped(nil)
	case fyne.KeyPageUp, fyne.KeyPageDown:
		return (buttons[i] == k.w.bar.task || slices.Contains(k.w.task.buttons(), buttons[i])) && k.w.task.key(e)
	case fyne.KeyEscape:
		k.w.display.Focus()
	default:
		return false
	}
	for i += step; step != 0 && i >= 0 && i < len(buttons); i += step {
		inTask := slices.Contains(k.w.task.buttons(), buttons[i])
		if buttons[i].Visible() && (!inTask || k.w.task.box.Visible() && (buttons[i] != k.w.task.handIn || k.w.task.foot.Visible())) {
			k.w.win.Canvas().Focus(buttons[i])
			break
		}
	}
	return true
}

func (k *barKeys) physical(b *widgets.Button, e *fyne.KeyEvent, down bool) {
	code := k.w.display.scanBase.evdev(b, e.Physical.ScanCode)
	if code == 0 {
		return
	}
	hostKey := k.w.p.Settings.Get().HostKey
	if k.host.key(code, down, hostKey, isHostCommand) {
		k.tap = false
		k.w.hostCommand(code)
		return
	}
	switch isHost := slices.Contains(hostKey, code); {
	case isHost && down:
		k.tap = true
	case isHost && k.tap:
		k.tap = false
		k.w.display.Focus()
	case down:
		k.tap = false
	}
}

// letGo forgets what was held when the keyboard goes elsewhere.
func (k *barKeys) letGo() {
	k.host.letGo()
	k.tap = false
}
