package labs

import (
	"image"
	"strings"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/driver/desktop"
	"fyne.io/fyne/v2/layout"
	fynetheme "fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"guesthouse/app/explain"
	"guesthouse/app/machines"
	"guesthouse/hypervisor"
	"guesthouse/ui/lang"
	"guesthouse/ui/theme"
	"guesthouse/ui/widgets"
	"guesthouse/vmconfig"
)

// cardLook is everything that a card shows, so that it knows when nothing changed.
type cardLook struct {
	title, version, course, size, note, noteTip string
	state                                       widgets.StateLook
	main                                        buttonLook
	reset, undo                                 buttonLook
	picture                                     picture
}

// buttonLook is how a button of a card stands.
type buttonLook struct {
	shown      bool
	icon, text string
	reason     string // why it cannot act; empty: it can
	tip        string
}

// lookOf says how a lab is shown.
func lookOf(i item, now time.Time) cardLook {
	look := cardLook{picture: i.picture}
	if i.Config == nil {
		look.title = i.ID.Hex()[:12]
		if len(i.Names) > 0 {
			look.title = vmconfig.Inert(i.Names[0], 80)
		}
		look.state = widgets.StateLook{Icon: "warning", Text: lang.L("Damaged"), Color: fynetheme.ColorNameError}
		look.note = lang.L(explain.Explain(i.Err).Summary)
		look.noteTip = look.note
		look.main = buttonLook{shown: true, icon: "trash", text: lang.L("Remove…")}
		return look
	}
	c := i.Config
	look.title = vmconfig.Inert(c.Title, 120)
	look.version = lang.F("Version %d", c.Version)
	look.course = vmconfig.Inert(c.Course.Name, 120)
	look.size = lang.F("%s disk", vmconfig.RoughSize(i.virtual())) + " · " + lang.F("%s on this computer", vmconfig.RoughSize(i.Disk))
	look.state, look.note = i.state(now)
	if c.Expired(now) {
		look.note = join(lang.F("its course ended on %s", longDay(c.Expires)), look.note)
	}
	if i.newer > 0 {
		look.note = join(look.note, lang.F("version %d is here too", i.newer))
	}
	look.noteTip = look.note
	look.main = i.mainButton()
	if look.main.tip != "" && c.Expired(now) {
		look.main.tip += "\n" + lang.F("Its course ended on %s. The lab works as before.", longDay(c.Expires))
	}
	if m := i.main(); m != nil {
		look.reset = buttonLook{shown: true, icon: "reset", text: lang.L("Reset…"), reason: i.resetReason(m), tip: lang.L("Take the machine back to how its teacher made it")}
		if when := i.traces[m.UUID].undo; !when.IsZero() {
			look.undo = buttonLook{shown: true, icon: "restore", reason: i.resetReason(m), tip: lang.F("Take back the reset: %s", lang.Age(when, now))}
		}
	}
	return look
}

// longDay is a day as a text has it.
func longDay(t time.Time) string { return t.Local().Format(lang.L("2 January 2006")) }

func join(parts ...string) string {
	var list []string
	for _, p := range parts {
		if p != "" {
			list = append(list, p)
		}
	}
	return strings.Join(list, " · ")
}

// resetTime is within which time after a reset the new disks were last written to by the reset itself.
const resetTime = 5 * time.Second

// state says how it stands with a lab, and what else there is to say about its machines.
func (i *item) state(now time.Time) (widgets.StateLook, string) {
	m := i.main()
	switch {
	case i.launching:
		return widgets.StateLook{Icon: "refresh", Text: lang.L("Being launched…"), Color: fynetheme.ColorNamePrimary}, ""
	case m == nil && !i.Ready:
		return widgets.StateLook{Icon: "warning", Text: lang.L("Incomplete"), Color: fynetheme.ColorNameWarning}, lang.L("its disks are not all here")
	case m == nil:
		return widgets.StateLook{Icon: "success", Text: lang.L("Ready"), Color: theme.ColorRunning}, lang.L("not launched yet")
	}
	look := stateLook(m)
	note := vmconfig.Inert(m.Name, 80)
	if len(i.machines) > 1 {
		note = join(note, lang.N("and %d more machine", "and %d more machines", len(i.machines)-1, len(i.machines)-1))
	}
	switch t := i.traces[m.UUID]; {
	case m.State.Active() || t.used.IsZero():
	case !t.undo.IsZero() && t.used.Before(t.undo.Add(resetTime)):
		note = join(note, lang.F("reset: %s", lang.Age(t.undo, now)))
	default:
		note = join(note, lang.F("last used: %s", lang.Age(t.used, now)))
	}
	return look, note
}

// stateLook says how a machine's state is shown.
func stateLook(m *machines.Machine) widgets.StateLook {
	look := widgets.StateLook{Icon: "state-unknown", Text: lang.L("Unknown"), Color: theme.ColorOff}
	switch m.State {
	case hypervisor.StateRunning:
		look = widgets.StateLook{Icon: "state-running", Text: lang.L("Running"), Color: theme.ColorRunning}
	case hypervisor.StatePaused:
		look = widgets.StateLook{Icon: "state-paused", Text: lang.L("Paused"), Color: theme.ColorPaused}
	case hypervisor.StateSaved:
		look = widgets.StateLook{Icon: "state-saved", Text: lang.L("Saved"), Color: theme.ColorSaved}
	case hypervisor.StateCrashed:
		look = widgets.StateLook{Icon: "state-crashed", Text: lang.L("Crashed"), Color: theme.ColorCrashed}
	case hypervisor.StateOff:
		look = widgets.StateLook{Icon: "state-off", Text: lang.L("Off"), Color: theme.ColorOff}
	}
	if m.Busy != "" {
		look = widgets.StateLook{Icon: "refresh", Text: lang.L("Working…"), Color: fynetheme.ColorNamePrimary}
	}
	if m.Offline {
		look.Color = theme.ColorOff
	}
	return look
}

// mainButton is the one thing to do with a lab now.
func (i *item) mainButton() buttonLook {
	b := buttonLook{shown: true, icon: "start", text: lang.L("Launch"), tip: lang.L("Make a machine of your own from this lab and start it")}
	m := i.main()
	switch {
	case m != nil:
		b.tip = lang.L("Start the machine and show its screen")
		b.text = lang.L("Start")
		if shows(m) {
			b.icon, b.text, b.tip = "show", lang.L("Show"), lang.L("Show the machine’s screen")
			return b
		}
		if ok, reason := m.Can(machines.ActionStart); !ok {
			b.reason = lang.L(reason)
		}
	case i.launching:
		b.reason = lang.L("It is being launched.")
	case !i.Ready:
		b.icon, b.text, b.tip = "refresh", lang.L("Repair…"), lang.L("Fetch what is missing")
	default:
		b.reason = i.launchReason()
	}
	return b
}

// launchReason says why the lab cannot be launched; empty: it can.
func (i *item) launchReason() string {
	switch {
	case !i.connected:
		return lang.L("There is no connection to the hypervisor.")
	case i.Config == nil || !i.Ready:
		return lang.L("The lab is incomplete. Repair it first.")
	case i.launching:
		return lang.L("It is being launched.")
	}
	return ""
}

// resetReason says why the machine cannot be reset; empty: it can.
func (i *item) resetReason(m *machines.Machine) string {
	switch {
	case m.Offline || !i.connected:
		return lang.L("There is no connection to the hypervisor.")
	case m.Busy != "":
		return lang.L("Another operation is working on the machine.")
	case !i.Ready:
		return lang.L("The lab is incomplete. Repair it first.")
	}
	return ""
}

// shows reports whether the machine has a screen to be shown and nothing to be started.
func shows(m *machines.Machine) bool {
	show, _ := m.Can(machines.ActionShow)
	start, _ := m.Can(machines.ActionStart)
	return show && !start
}

// Size of a card, in Fyne's units.
const (
	cardWidth     float32 = 292 // at least
	pictureTall   float32 = 112
	pictureRadius float32 = 6
)

// shelfEntry is what a card stands for: a lab, or a lab of several machines.
type shelfEntry struct {
	key                     string // the same as long as it is the same one
	look                    cardLook
	act, reset, undo, about func()
	menu                    func() *fyne.Menu
}

// entry is a lab's.
func (w *Window) entry(i item, now time.Time) shelfEntry {
	return shelfEntry{
		key: i.ID.String(), look: lookOf(i, now), act: func() { w.act(i) }, reset: func() { w.askReset(i) }, undo: func() { w.askUndo(i) },
		about: func() { w.about(i) }, menu: func() *fyne.Menu { return w.menu(i) },
	}
}

// card shows a lab with what can be done with it.
type card struct {
	widget.BaseWidget
	w       *Window
	entry   shelfEntry
	light   *canvas.Image
	dark    *canvas.Image
	title   *widgets.Text
	version *widgets.Text
	course  *widgets.Text
	size    *widgets.Text
	state   *widgets.StateBadge
	note    *widgets.Text
	noteTip *widgets.Hint
	main    *widgets.Button
	reset   *widgets.Button
	undo    *widgets.Button
	more    *widgets.Button
	content fyne.CanvasObject
}

func newCard(w *Window) *card {
	c := &card{
		w: w, light: newImage(), dark: newImage(),
		title:   widgets.NewText("", 16, true, fynetheme.ColorNameForeground).Elided(),
		version: widgets.NewText("", theme.TextSmall, false, theme.ColorMuted),
		course:  widgets.NewText("", theme.TextSmall, false, theme.ColorMuted).Elided(),
		size:    widgets.NewText("", theme.TextSmall, false, theme.ColorMuted).Elided(),
		state:   widgets.NewStateBadge(widgets.StateLook{}, theme.TextSmall),
		note:    widgets.NewText("", theme.TextSmall, false, theme.ColorMuted).Elided(),
	}
	c.main = widgets.NewButton("", "", widgets.StylePrimary, func() { c.entry.act() })
	c.reset = widgets.NewButton("", "", widgets.StylePlain, func() { c.entry.reset() })
	c.undo = widgets.NewButton("", "", widgets.StylePlain, func() { c.entry.undo() })
	c.more = widgets.NewIconButton("more", lang.L("More"), nil)
	c.more.OnTapped = func() { widgets.ShowMenu(c.more, c.entry.menu()) }
	for _, b := range c.buttons() {
		b.OnFocus = func() { c.w.grid.reveal(c) }
		b.OnKey = func(e *fyne.KeyEvent) bool { return c.w.grid.key(c, e) }
	}
	c.noteTip = widgets.NewHint(c.note, "")
	gap := func(h float32) fyne.CanvasObject { return widgets.Space(0, h) }
	texts := container.New(layout.NewCustomPaddedVBoxLayout(0),
		container.NewBorder(nil, nil, nil, container.NewCenter(c.version), c.title), c.course, gap(2), c.size, gap(theme.Gap2),
		container.New(stateLayout{}, c.state, c.noteTip), gap(theme.Gap2+2),
		container.NewBorder(nil, nil, container.New(layout.NewCustomPaddedHBoxLayout(theme.Gap1), c.main, c.reset, c.undo), c.more, nil))
	picture := container.NewStack(widgets.Space(0, pictureTall), c.light, c.dark)
	inner := container.New(layout.NewCustomPaddedVBoxLayout(theme.Gap2), newTapArea(picture, func() { c.entry.about() }), texts)
	c.content = container.NewStack(widgets.NewPanel(theme.ColorSurface, theme.ColorOutline, theme.Radius),
		container.New(layout.NewCustomPaddedLayout(theme.Gap2, theme.Gap2, theme.Gap2, theme.Gap2),
			container.NewStack(container.New(layout.NewCustomPaddedLayout(0, 2, theme.Gap1, theme.Gap1), inner))))
	c.ExtendBaseWidget(c)
	return c
}

func newImage() *canvas.Image {
	return &canvas.Image{FillMode: canvas.ImageFillCover, ScaleMode: canvas.ImageScaleFastest, CornerRadius: pictureRadius}
}

// buttons are the card's, from left to right.
func (c *card) buttons() []*widgets.Button {
	return []*widgets.Button{c.main, c.reset, c.undo, c.more}
}

// set shows a lab; every property is set, because the card may have shown another one before.
func (c *card) set(e shelfEntry) {
	before, look := c.entry.look, e.look
	c.entry = e
	if look == before {
		return
	}
	c.title.SetText(look.title)
	c.version.SetText(look.version)
	c.course.SetText(look.course)
	c.size.SetText(look.size)
	c.state.Set(look.state)
	c.note.SetText(look.note)
	c.noteTip.SetText(look.noteTip)
	setButton(c.main, look.main)
	setButton(c.reset, look.reset)
	setButton(c.undo, look.undo)
	if look.picture != before.picture {
		setImage(c.light, look.picture.light)
		setImage(c.dark, look.picture.dark)
	}
	c.Refresh()
}

func setImage(to *canvas.Image, from image.Image) {
	to.Image = from
	to.Refresh()
}

func setButton(b *widgets.Button, look buttonLook) {
	if !look.shown {
		b.Hide()
		return
	}
	b.Set(look.icon, look.text)
	b.SetTip(look.tip)
	b.SetEnabled(look.reason == "", look.reason)
	b.Show()
}

// CreateRenderer implements fyne.Widget.
func (c *card) CreateRenderer() fyne.WidgetRenderer {
	r := &cardRenderer{widget.NewSimpleRenderer(c.content), c}
	r.variant()
	return r
}

// cardRenderer chooses the picture that suits the theme.
type cardRenderer struct {
	fyne.WidgetRenderer
	c *card
}

// Refresh implements fyne.WidgetRenderer.
func (r *cardRenderer) Refresh() {
	r.variant()
	r.WidgetRenderer.Refresh()
}

func (r *cardRenderer) variant() {
	dark := theme.IsDark()
	show(r.c.light, !dark)
	show(r.c.dark, dark)
}

func show(o fyne.CanvasObject, on bool) {
	if on {
		o.Show()
	} else {
		o.Hide()
	}
}

// stateLayout puts the note behind the state, which has its whole width, in one line.
type stateLayout struct{}

// MinSize implements fyne.Layout.
func (stateLayout) MinSize(o []fyne.CanvasObject) fyne.Size {
	return fyne.NewSize(40, max(o[0].MinSize().Height, o[1].MinSize().Height))
}

// Layout implements fyne.Layout.
func (stateLayout) Layout(o []fyne.CanvasObject, size fyne.Size) {
	state := o[0].(*widgets.StateBadge)
	least := state.MinSize()
	word := fyne.MeasureText(state.Look().Text, theme.TextSmall, fyne.TextStyle{}).Width + theme.TextSmall + 2 + theme.Gap1 + 1
	word = min(word, size.Width)
	state.Resize(fyne.NewSize(word, least.Height))
	state.Move(fyne.NewPos(0, (size.Height-least.Height)/2))
	left := word + theme.Gap2
	height := o[1].MinSize().Height
	o[1].Resize(fyne.NewSize(max(0, size.Width-left), height))
	o[1].Move(fyne.NewPos(left, (size.Height-height)/2))
}

// tapArea is a part of a card that a click opens.
type tapArea struct {
	widget.BaseWidget
	content fyne.CanvasObject
	tapped  func()
}

var (
	_ fyne.Tappable      = (*tapArea)(nil)
	_ desktop.Cursorable = (*tapArea)(nil)
)

func newTapArea(content fyne.CanvasObject, tapped func()) *tapArea {
	a := &tapArea{content: content, tapped: tapped}
	a.ExtendBaseWidget(a)
	return a
}

// Tapped implements fyne.Tappable.
func (a *tapArea) Tapped(*fyne.PointEvent) { a.tapped() }

// Cursor implements desktop.Cursorable.
func (a *tapArea) Cursor() desktop.Cursor { return desktop.PointerCursor }

// CreateRenderer implements fyne.Widget.
func (a *tapArea) CreateRenderer() fyne.WidgetRenderer { return widget.NewSimpleRenderer(a.content) }

// smallText is a muted text in small letters, wrapped.
func smallText(text string) fyne.CanvasObject {
	rt := widget.NewRichText(&widget.TextSegment{Text: text, Style: widget.RichTextStyle{ColorName: theme.ColorMuted, SizeName: fynetheme.SizeNameCaptionText}})
	rt.Wrapping = fyne.TextWrapWord
	return rt
}
