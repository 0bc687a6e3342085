package console

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/layout"

	"guesthouse/app/machines"
	"guesthouse/ui/dispatch"
	"guesthouse/ui/lang"
	"guesthouse/ui/terminal"
	"guesthouse/ui/theme"
	"guesthouse/ui/widgets"
	"guesthouse/vmconfig"
)

// textView is the window's other face: the machine's text consoles, one at a time, with a line above that says how it is connected. A console is
// connected from the first time that it is shown until the window closes, and keeps what it said all that time.
type textView struct {
	w        *Window
	box      *fyne.Container
	body     *fyne.Container // the terminal, with the hint above it
	hint     *fyne.Container // that nothing has come yet
	state    *widgets.Text
	dot      *widgets.Panel
	pick     *widgets.Button // which console
	resize   *widgets.Button
	act      *widgets.Button
	details  *widgets.Button
	consoles map[string]*textConsole
	shown    *textConsole // nil: none yet
	chosen   bool         // the user has chosen between screen and text
	host     hostHold
}

// textConsole is one line into the guest with its terminal.
type textConsole struct {
	device string
	term   *terminal.Terminal
	link   *textLink

	heard     atomic.Bool // something has come over the line
	listening bool        // since the line was connected for the first time
	silent    bool        // nothing had come some time after that
}

func newTextView(w *Window) *textView {
	v := &textView{w: w, consoles: map[string]*textConsole{}, body: container.NewStack(), hint: newSilentHint()}
	v.state = widgets.NewText("", theme.TextSmall, false, theme.ColorMuted).Elided()
	v.dot = widgets.NewPanel(theme.ColorOff, "", 4)
	v.pick = widgets.NewButton("chevron-down", "", widgets.StyleFlat, func() { w.menu(v.pick, v.deviceMenu()) })
	v.pick.SetTip(lang.L("Choose another text console of this machine"))
	v.resize = widgets.NewButton("", lang.L("Set terminal size"), widgets.StyleFlat, v.tellSize)
	v.resize.SetTip(lang.L("When lines break in the wrong place: tells the guest’s shell how large this terminal is, as a serial line cannot. " +
		"It types “stty rows … cols …” and Enter for you."))
	v.act = widgets.NewButton("", "", widgets.StyleFlat, func() {})
	v.details = widgets.NewButton("", lang.L("Details"), widgets.StyleFlat, v.showDetails)
	dot := container.NewCenter(container.NewGridWrap(fyne.NewSquareSize(8), v.dot))
	row := container.NewBorder(nil, nil, container.NewHBox(dot, v.pick), container.NewHBox(v.details, v.resize, v.act), v.state)
	strip := container.NewStack(widgets.NewPanel(colorBackground, "", 0),
		container.NewBorder(nil, hairline(), nil, nil, container.New(layout.NewCustomPaddedLayout(0, 0, theme.Gap3, theme.Gap2), row)))
	v.box = container.NewBorder(strip, nil, nil, nil, v.body)
	v.box.Hide()
	return v
}

// list returns the consoles that the machine has.
func (v *textView) list() []vmconfig.TextConsole {
	if v.w.machine == nil || v.w.machine.Config == nil {
		return nil
	}
	return v.w.machine.Config.TextConsoles()
}

// on reports whether text is shown instead of the screen.
func (v *textView) on() bool { return v.box.Visible() }

// show changes between text and screen.
func (v *textView) show(on bool) {
	if on == v.on() || on && v.shown == nil && !v.choose("") {
		return
	}
	w := v.w
	w.display.ReleaseAll()
	show(v.box, on)
	show(w.scroll, !on)
	show(w.page.box, !on)
	w.refresh()
	w.frame.Refresh()
	w.display.Focus()
}

// toggle is the button in the toolbar.
func (v *textView) toggle() {
	v.chosen = true
	v.show(!v.on())
}

// choose shows a console, empty for the first one, and connects it when that was not done yet.
func (v *textView) choose(device string) bool {
	if device == "" {
		list := v.list()
		if len(list) == 0 {
			return false
		}
		device = list[0].Device
	}
	c := v.consoles[device]
	if c == nil {
		c = v.open(device)
		v.consoles[device] = c
	}
	v.shown = c
	v.body.Objects = []fyne.CanvasObject{c.term, v.hint}
	v.body.Refresh()
	v.refresh()
	if v.on() {
		v.w.display.Focus()
	}
	return true
}

// open makes the terminal and starts its link.
func (v *textView) open(device string) *textConsole {
	w := v.w
	c := &textConsole{device: device, link: newTextLink(w.p.Dispatch)}
	c.term = terminal.New(terminal.Options{
		Dispatch: w.p.Dispatch, Send: c.link.send, Clipboard: w.p.App.Clipboard(), ReadClipboard: w.pasteFor, Intercept: v.intercept,
		FocusLost: func() {
			v.host.letGo()
			w.p.Dispatch.Do(w.claimKeyboard)
		},
		Pointer: w.pointerMoved,
		Menu: func() []*fyne.MenuItem {
			columns, rows := c.term.GridSize()
			return []*fyne.MenuItem{fyne.NewMenuItem(lang.F("Set terminal size (types “%s”)", sizeCommand(columns, rows)), v.tellSize)}
		},
	})
	c.link.open = func(ctx context.Context, force bool) (io.ReadWriteCloser, error) {
		return w.p.Machines.OpenConsole(ctx, w.p.ID, device, force)
	}
	c.link.out = c
	c.link.again = func() { c.term.Divide(lang.F("connected again at %s", time.Now().Format(lang.L("15:04:05")))) }
	c.link.changed = dispatch.Coalesce(w.p.Dispatch, v.refresh)
	if w.p.after != nil {
		c.link.after = w.p.after
	}
	w.cancels = append(w.cancels, dispatch.Run(w.p.Dispatch, c.link.run, nil))
	return c
}

// follow keeps up with the machine: its consoles come and go with its runs, and one without a screen opens with its text.
func (v *textView) follow() {
	active := v.w.machine != nil && v.w.machine.State.Active()
	for _, c := range v.consoles {
		c.link.want(active)
	}
	if m := v.w.machine; !v.chosen && !v.on() && m != nil && m.Config != nil && !machines.Shows(*m.Config) && len(v.list()) > 0 {
		v.show(true)
	}
	v.refresh()
}

// refresh brings the line above the terminal up to date.
func (v *textView) refresh() {
	if v.w.closed || v.shown == nil {
		return
	}
	c := v.shown
	active := v.w.machine != nil && v.w.machine.State.Active()
	c.link.want(active)
	status := c.link.get()
	color, text := theme.ColorOff, ""
	label, do := "", func() {}
	again := func() { c.link.connect(false) }
	switch status.Phase {
	case textIdle:
		text = lang.L("The machine is off")
		if m := v.w.machine; m == nil {
			text = lang.L("This machine no longer exists")
		} else if a, _, name := runAction(m); !active {
			if text = upperFirst(titleWord(m)); m.Busy == "" && a == machines.ActionStart {
				label, do = name, func() { v.w.doIfPossible(machines.ActionStart) }
			}
		} else {
			text = lang.L("Connecting…")
		}
	case textConnecting:
		text = lang.L("Connecting…")
	case textLive:
		color, text = theme.ColorRunning, lang.L("Connected")
		label, do = lang.L("Disconnect"), c.link.release
	case textLost:
		color, text = theme.ColorPaused, lang.L("The connection was lost. Trying again…")
		label, do = lang.L("Connect now"), again
	case textInUse:
		color, text = theme.ColorPaused, lang.L("In use elsewhere")
		label, do = lang.L("Take over"), func() { c.link.connect(true) }
	case textRefused:
		color, text = theme.ColorCrashed, lang.L(explained(status.Err).Summary)
		label, do = lang.L("Try again"), again
	case textReleased:
		text = lang.L("Disconnected")
		label, do = lang.L("Connect"), again
	}
	v.dot.SetFill(color)
	v.state.SetText(text)
	v.pick.Set("chevron-down", consoleName(c.device, v.list()))
	show(v.pick, true)
	v.pick.SetEnabled(len(v.list()) > 1, lang.L("The machine has one text console."))
	v.act.SetText(label)
	v.act.OnTapped = func() {
		do()
		v.w.display.Focus()
	}
	show(v.act, label != "")
	show(v.hint, v.isSilent(c, status.Phase))
	show(v.resize, status.Phase == textLive)
	show(v.details, status.Phase == textRefused || status.Phase == textLost && !errors.Is(status.Err, io.EOF))
	v.box.Refresh()
}

// consoleName is what a console is called: serial ports by the number that a guest knows them by less one, as their sockets are labelled.
func consoleName(device string, list []vmconfig.TextConsole) string {
	i := slices.IndexFunc(list, func(c vmconfig.TextConsole) bool { return c.Device == device })
	if i < 0 || list[i].Kind != "serial" {
		return vmconfig.Inert(device, 40)
	}
	number := 1
	for _, c := range list[:i] {
		if c.Kind == "serial" {
			number++
		}
	}
	if n, ok := strings.CutPrefix(device, "serial"); ok {
		if _, err := fmt.Sscanf(n, "%d", &number); err == nil {
			number++
		}
	}
	return lang.F("Serial port %d", number)
}

func (v *textView) deviceMenu() *fyne.Menu {
	m := fyne.NewMenu("")
	list := v.list()
	for _, c := range list {
		item := fyne.NewMenuItem(consoleName(c.Device, list), func() { v.choose(c.Device) })
		item.Checked = v.shown != nil && v.shown.device == c.Device
		m.Items = append(m.Items, item)
	}
	return m
}

// sizeCommand tells a guest's shell the size of its terminal.
func sizeCommand(columns, rows int) string { return fmt.Sprintf("stty rows %d cols %d", rows, columns) }

// tellSize types the size of the terminal for the guest's shell.
func (v *textView) tellSize() {
	if v.shown == nil {
		return
	}
	columns, rows := v.shown.term.GridSize()
	v.shown.link.send([]byte(sizeCommand(columns, rows) + "\r"))
	v.w.display.Focus()
}

func (v *textView) showDetails() {
	if v.shown != nil {
		v.w.showErrorOf(lang.L("The text console cannot be opened"), v.shown.link.get().Err)
	}
}

// focus gives the keyboard to the terminal, when it is shown.
func (v *textView) focus() bool {
	if !v.on() || v.shown == nil {
		return false
	}
	v.shown.term.Focus()
	return true
}

// intercept lets the host key work as it does on the screen.
func (v *textView) intercept(e *fyne.KeyEvent, down bool) bool {
	code := v.w.display.scanBase.evdev(v.shown.term, e.Physical.ScanCode)
	if code == 0 {
		return false
	}
	return v.host.key(code, down, v.w.p.Settings.Get().HostKey, func(code uint16) bool {
		if !isHostCommand(code) {
			return false
		}
		v.w.hostCommand(code)
		return true
	})
}

// hostHold follows which keys of the host key are down.
type hostHold struct{ down map[uint16]bool }

// letGo forgets them all: the release of a key that is down when the keyboard goes elsewhere is not reported.
func (h *hostHold) letGo() { clear(h.down) }

// key reports whether a key was a command of the window.
func (h *hostHold) key(code uint16, down bool, hostKey []uint16, command func(uint16) bool) bool {
	if slices.Contains(hostKey, code) {
		if h.down == nil {
			h.down = map[uint16]bool{}
		}
		h.down[code] = down
		return false
	}
	if !down || len(hostKey) == 0 {
		return false
	}
	for _, k := range hostKey {
		if !h.down[k] {
			return false
		}
	}
	return command(code)
}
