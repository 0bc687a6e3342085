package console

import (
	"fmt"
	"image"
	"math"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/layout"

	"guesthouse/app/jobs"
	"guesthouse/app/machines"
	"guesthouse/hypervisor"
	"guesthouse/hypervisor/display"
	"guesthouse/ui/lang"
	"guesthouse/ui/theme"
	"guesthouse/ui/widgets"
	"guesthouse/vmconfig"
)

// notice is a message in the status line with at most one thing to do about it.
type notice struct {
	text   string
	fault  bool
	action string // label of the button, empty for none
	do     func()
}

// status is the line at the bottom of the window: the machine's state and what goes on at its left, and at its right what its devices do and
// how screen, pointer and keyboard are connected.
type status struct {
	box    *fyne.Container
	layout *statusLayout

	dot    *widgets.Panel
	state  *widgets.Text
	work   *widgets.Text // the running job
	bar    *progressLine
	cancel *widgets.Button
	note   *widgets.Text
	act    *widgets.Button
	close  *widgets.Button

	disks, discs, network, clipboard, record *indicator
	screen                                   *indicator
	num, caps                                *widgets.Text
	mouse, keyboard                          *indicator

	hostKey  string // what the keyboard indicator says while nothing is captured
	captured bool

	job      int // id of the shown job, 0 for none
	onCancel func(job int)
	notice   notice
	onNotice func() // the notice came or went
}

// statusActions is what a click on an indicator opens; nil: nothing.
type statusActions struct {
	cancel                           func(job int)
	discs, clipboard, record, screen func()
}

func newStatus(a statusActions) *status {
	text := func(color fyne.ThemeColorName) *widgets.Text {
		return widgets.NewText("", theme.TextSmall, false, color)
	}
	s := &status{
		dot: widgets.NewPanel(theme.ColorOff, "", 4), state: text(colorForeground), work: text(theme.ColorMuted).Elided(), bar: newProgressLine(),
		note: text(colorForeground).Elided(), num: text(theme.ColorMuted), caps: text(theme.ColorMuted),
		disks: newIndicator("disk", nil), discs: newIndicator("cd", a.discs), network: newIndicator("network", nil),
		clipboard: newIndicator("clipboard", a.clipboard), record: newIndicator("record", a.record), screen: newIndicator("display", a.screen),
		mouse: newIndicator("mouse", nil), keyboard: newIndicator("keyboard", nil), onCancel: a.cancel, onNotice: func() {},
	}
	s.cancel = widgets.NewIconButton("close", lang.L("Cancel"), func() { s.onCancel(s.job) })
	s.act = widgets.NewButton("", "", widgets.StyleFlat, func() {
		if s.notice.do != nil {
			s.notice.do()
		}
	})
	s.close = widgets.NewIconButton("close", lang.L("Dismiss"), func() { s.say(notice{}) })
	s.layout = &statusLayout{s}
	row := container.New(s.layout, s.dot, s.state, s.work, s.bar, s.cancel, s.note, s.act, s.close,
		s.disks, s.discs, s.network, s.clipboard, s.record, s.screen, s.num, s.caps, s.mouse, s.keyboard)
	padded := container.New(layout.NewCustomPaddedLayout(0, 0, theme.Gap3, theme.Gap2), row)
	s.box = container.NewStack(widgets.NewPanel(colorBackground, "", 0), container.NewBorder(hairline(), nil, nil, nil, padded))
	s.setJob(nil)
	s.say(notice{})
	s.setDevices(nil)
	s.setRecording(false, "")
	return s
}

// setHostKey names the host key and says what it does.
func (s *status) setHostKey(name, tip string) {
	s.hostKey = name
	s.keyboard.setTip(tip)
	if !s.captured {
		s.keyboard.set(theme.ColorMuted, name)
		s.relayout()
	}
}

// setCapture shows whether the guest has all keys of the keyboard, and the way out: "Keyboard captured – Right Ctrl frees it".
func (s *status) setCapture(on bool, text string) {
	s.captured = on
	if on {
		s.keyboard.set(theme.ColorRunning, text)
	} else {
		s.keyboard.set(theme.ColorMuted, s.hostKey)
	}
	s.relayout()
}

// setDevices shows the indicators of the devices that a running machine has; nil: none.
func (s *status) setDevices(c *vmconfig.Machine) {
	var disks, discs, nics bool
	if c != nil {
		nics = len(c.NICs) > 0
		for _, d := range c.Disks {
			disks = disks || d.Device == vmconfig.DeviceDisk
			discs = discs || d.Device != vmconfig.DeviceDisk
		}
	}
	show(s.disks, disks)
	show(s.discs, discs)
	show(s.network, nics)
	s.relayout()
}

// setReading lights the lamps of the devices and fills their tables.
func (s *status) setReading(r reading) {
	light := func(i *indicator, l lamp, tip string) {
		i.set(map[lamp]fyne.ThemeColorName{lampOff: theme.ColorMuted, lampRead: theme.ColorRunning, lampWrite: theme.ColorPaused}[l], "")
		i.setTip(tip)
	}
	light(s.disks, r.disks, r.diskTip)
	light(s.discs, r.discs, r.discTip)
	light(s.network, r.nics, r.networkTip)
}

// setClipboard shows in which directions text goes, and why it cannot; shown says that there is a guest to speak of.
func (s *status) setClipboard(shown, toGuest, fromGuest bool, why string) {
	show(s.clipboard, shown)
	color, tip := fyne.ThemeColorName(colorDisabled), lang.L("The clipboard is not shared with the guest. Click to share it.")
	switch {
	case why != "":
		tip = lang.L(why)
	case toGuest && fromGuest:
		color, tip = theme.ColorRunning, lang.L("Text that is copied here or in the guest can be pasted on the other side.")
	case toGuest:
		color, tip = theme.ColorRunning, lang.L("Text that is copied here can be pasted in the guest.")
	case fromGuest:
		color, tip = theme.ColorRunning, lang.L("Text that is copied in the guest can be pasted here.")
	}
	s.clipboard.set(color, "")
	s.clipboard.setTip(tip)
	s.relayout()
}

// setRecording shows that the screen is recorded, and for how long.
func (s *status) setRecording(on bool, elapsed string) {
	show(s.record, on)
	s.record.set(colorError, elapsed)
	s.record.setTip(lang.L("The screen is being recorded. Click to stop."))
	s.relayout()
}

// stateColor is the colour that stands for a machine's state.
func stateColor(m *machines.Machine) fyne.ThemeColorName {
	switch {
	case m == nil || m.Offline:
		return theme.ColorOff
	case m.State == hypervisor.StateRunning:
		return theme.ColorRunning
	case m.State == hypervisor.StatePaused:
		return theme.ColorPaused
	case m.State == hypervisor.StateSaved:
		return theme.ColorSaved
	case m.State == hypervisor.StateCrashed:
		return theme.ColorCrashed
	}
	return theme.ColorOff
}

// setState shows the machine's state.
func (s *status) setState(m *machines.Machine) {
	word := lang.L("gone")
	if m != nil {
		word = stateWord(m)
	}
	s.dot.SetFill(stateColor(m))
	s.state.SetText(upperFirst(word))
	s.relayout()
}

// setJob shows a running job of this machine, nil for none.
func (s *status) setJob(j *jobs.Status) {
	on := j != nil
	s.job = 0
	if on {
		s.job = j.ID
		text := lang.L(j.Title)
		if progress := lang.Progress(j.Progress); progress != "" {
			text += " – " + progress
		}
		s.work.SetText(text)
		s.bar.set(j.Progress.Fraction)
	}
	show(s.work, on)
	show(s.bar, on)
	show(s.cancel, on && j.Cancellable)
	s.relayout()
}

// say shows a notice; an empty one takes it away.
func (s *status) say(n notice) {
	s.notice = n
	color := colorForeground
	if n.fault {
		color = colorError
	}
	s.note.Set(lang.L(n.text), color) // a service's reason is English
	s.act.SetText(n.action)
	show(s.note, n.text != "")
	show(s.act, n.action != "")
	show(s.close, n.text != "")
	s.relayout()
	s.onNotice()
}

// setScreen shows how the guest's screen, pointer and lamps are. how tells why the picture has the size that it has.
func (s *status) setScreen(live bool, guest image.Point, at placement, how string, absolute bool, leds display.LEDs) {
	text, tip := "", ""
	if live && guest.X > 0 {
		text = fmt.Sprintf("%d × %d", guest.X, guest.Y)
		tip = lang.F("The guest’s screen has %d × %d pixels.", guest.X, guest.Y) + " " + how
		if percent := math.Round(100 * float64(at.picture.Dx()) / float64(guest.X)); percent != 100 && percent > 0 {
			text += " " + lang.F("at %.0f %%", percent)
		}
	}
	s.screen.set(theme.ColorMuted, text)
	s.screen.setTip(tip)
	show(s.screen, text != "")
	lamp := func(c *widgets.Text, name string, on bool) {
		color := fyne.ThemeColorName(colorDisabled)
		if on {
			color = colorForeground
		}
		c.Set(name, color)
	}
	lamp(s.num, lang.L("Num"), leds.Num)
	lamp(s.caps, lang.L("Caps"), leds.Caps)
	show(s.mouse, live)
	color, pointer := theme.ColorMuted, lang.L("The pointer is shared: it moves in and out of the guest freely.")
	if !absolute {
		color = theme.ColorPaused
		pointer = lang.L("The guest uses a mouse that only knows movements, so its pointer may lie elsewhere. The two agree in a guest with a driver for the USB tablet of " +
			"its machine.")
	}
	s.mouse.set(color, "")
	s.mouse.setTip(pointer)
	s.relayout()
}

func (s *status) relayout() {
	if s.box != nil {
		s.box.Refresh()
	}
}
