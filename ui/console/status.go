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
)

// notice is a message in the status line with at most one thing to do about it.
type notice struct {
	text   string
	fault  bool
	action string // label of the button, empty for none
	do     func()
}

// status is the line at the bottom of the window: the machine's state, what goes on, and how screen, pointer and keyboard are connected.
type status struct {
	box *fyne.Container

	dot    *widgets.Panel
	state  *widgets.Text
	work   *widgets.Text // the running job
	bar    *progressLine
	cancel *widgets.Button
	note   *widgets.Text
	act    *widgets.Button
	close  *widgets.Button

	screen *widgets.Text
	caps   *widgets.Text
	num    *widgets.Text
	mouse  *widgets.Picture
	hint   *widgets.Hint

	job      int // id of the shown job, 0 for none
	onCancel func(job int)
	notice   notice
	onNotice func() // the notice came or went
}

func newStatus(onCancel func(job int)) *status {
	text := func(color fyne.ThemeColorName) *widgets.Text {
		return widgets.NewText("", theme.TextSmall, false, color)
	}
	s := &status{
		dot: widgets.NewPanel(theme.ColorOff, "", 4), state: text(colorForeground), work: text(theme.ColorMuted).Elided(), bar: newProgressLine(),
		note: text(colorForeground).Elided(), screen: text(theme.ColorMuted), num: text(theme.ColorMuted), caps: text(theme.ColorMuted),
		mouse: widgets.NewIcon("mouse", theme.IconSmall, theme.ColorMuted), onCancel: onCancel, onNotice: func() {},
	}
	s.cancel = widgets.NewIconButton("close", lang.L("Cancel"), func() { s.onCancel(s.job) })
	s.act = widgets.NewButton("", "", widgets.StyleFlat, func() {
		if s.notice.do != nil {
			s.notice.do()
		}
	})
	s.close = widgets.NewIconButton("close", lang.L("Dismiss"), func() { s.say(notice{}) })
	s.hint = widgets.NewHint(s.mouse, "")
	host := text(theme.ColorMuted)
	host.SetText(lang.L("Right Ctrl"))
	row := container.New(&statusLayout{},
		s.dot, s.state, s.work, s.bar, s.cancel, s.note, s.act, s.close,
		s.screen, s.num, s.caps, s.hint,
		widgets.NewHint(host, lang.L("The host key. Right Ctrl + F: full screen, C: exact size, A: fit the window, P: pause, T: checkpoint, "+
			"E: screenshot, H: shut down, R: reset, Q: close, Home: toolbar, Del: Ctrl+Alt+Del, F1 to F12: Ctrl+Alt+F1 to F12. All other keys go to the guest.")),
	)
	padded := container.New(layout.NewCustomPaddedLayout(0, 0, theme.Gap3, theme.Gap3), row)
	s.box = container.NewStack(widgets.NewPanel(colorBackground, "", 0), container.NewBorder(hairline(), nil, nil, nil, padded))
	s.setJob(nil)
	s.say(notice{})
	return s
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
		if j.Progress.Text != "" {
			text += " – " + lang.L(j.Progress.Text)
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

// setScreen shows how the guest's screen, pointer and lamps are.
func (s *status) setScreen(live bool, guest image.Point, at placement, absolute bool, leds display.LEDs) {
	text := ""
	if live && guest.X > 0 {
		text = fmt.Sprintf("%d × %d", guest.X, guest.Y)
		if percent := math.Round(100 * float64(at.picture.Dx()) / float64(guest.X)); percent != 100 && percent > 0 {
			text += " " + lang.F("at %.0f %%", percent)
		}
	}
	s.screen.SetText(text)
	lamp := func(c *widgets.Text, name string, on bool) {
		color := fyne.ThemeColorName(colorDisabled)
		if on {
			color = colorForeground
		}
		c.Set(name, color)
		show(c, live)
	}
	lamp(s.num, lang.L("Num"), leds.Num)
	lamp(s.caps, lang.L("Caps"), leds.Caps)
	show(s.hint, live)
	color, tip := theme.ColorMuted, lang.L("The pointer is shared: it moves in and out of the guest freely.")
	if !absolute {
		color = theme.ColorPaused
		tip = lang.L("The guest uses a mouse that only knows movements, so its pointer may lie elsewhere. With a USB tablet in the machine and a " +
			"driver in the guest the two agree.")
	}
	s.mouse.SetIcon("mouse", color)
	s.hint.SetText(tip)
	s.relayout()
}

func (s *status) relayout() {
	if s.box != nil {
		s.box.Refresh()
	}
}

// statusLayout puts the parts in a row: the ones before the screen's size from the left, the rest from the right; job and notice share what
// is left and are cut short when it is not enough.
type statusLayout struct{}

const (
	statusHeight  = 28
	statusStretch = 2 // the job's text
	statusNote    = 5 // the notice's text
	statusRight   = 8 // first of those on the right
)

func statusGap(i int) float32 {
	switch i {
	case 0, 3, 4, 6, 7:
		return theme.Gap1
	}
	return theme.Gap3
}

// Layout implements fyne.Layout.
func (*statusLayout) Layout(objects []fyne.CanvasObject, size fyne.Size) {
	width := func(i int) float32 {
		switch {
		case !objects[i].Visible():
			return 0
		case i == 0:
			return 10
		}
		return objects[i].MinSize().Width + statusGap(i)
	}
	var fixed float32
	for i := range objects {
		if i != statusStretch && i != statusNote {
			fixed += width(i)
		}
	}
	left := max(0, size.Width-fixed)
	want := map[int]float32{}
	for _, i := range []int{statusStretch, statusNote} {
		if c, ok := objects[i].(*widgets.Text); ok && c.Visible() {
			want[i] = fyne.MeasureText(c.Text(), theme.TextSmall, fyne.TextStyle{}).Width + 1 + statusGap(i)
		}
	}
	if want[statusStretch]+want[statusNote] > left {
		want[statusNote] = min(want[statusNote], max(left/2, left-want[statusStretch]))
		want[statusStretch] = min(want[statusStretch], left-want[statusNote])
	}
	place := func(i int, x, w float32) {
		o := objects[i]
		h := min(size.Height, o.MinSize().Height)
		if i == 0 {
			w, h = 8, 8
		}
		o.Move(fyne.NewPos(x, (size.Height-h)/2))
		o.Resize(fyne.NewSize(max(0, w), h))
	}
	x := float32(0)
	for i := 0; i < statusRight; i++ {
		w := width(i)
		if v, ok := want[i]; ok {
			w = v
		}
		if w > 0 {
			place(i, x, w-statusGap(i))
			x += w
			if i == 0 {
				x += statusGap(0)
			}
		}
	}
	x = size.Width
	for i := len(objects) - 1; i >= statusRight; i-- {
		if w := width(i); w > 0 {
			x -= w - statusGap(i)
			place(i, x, w-statusGap(i))
			x -= statusGap(i)
		}
	}
}

// MinSize implements fyne.Layout.
func (*statusLayout) MinSize([]fyne.CanvasObject) fyne.Size { return fyne.NewSize(320, statusHeight) }
