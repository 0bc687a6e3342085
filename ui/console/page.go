package console

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/layout"
	"fyne.io/fyne/v2/widget"

	"guesthouse/ui/dispatch"
	"guesthouse/ui/lang"
	"guesthouse/ui/theme"
	"guesthouse/ui/widgets"
)

// page lies over the screen when it is not live: a veil over the last picture and a card that says why and offers the way on.
type page struct {
	box     *fyne.Container
	veil    *canvas.Rectangle
	cover   *canvas.Rectangle // hides the picture
	card    *fyne.Container
	icon    *widgets.Picture
	pulse   *pulse
	title   *widgets.Text
	text    *widget.Label
	form    *passwordForm
	button  *widgets.Button
	second  *widgets.Button
	details *widgets.Button

	onAction  func(bodyAction)
	onDetails func(error)
	shown     body
}

const cardWidth = 380

func newPage(d dispatch.Dispatcher, onAction func(bodyAction), onDetails func(error)) *page {
	p := &page{
		veil: canvas.NewRectangle(veilColor), cover: canvas.NewRectangle(surroundColor),
		icon: widgets.NewIcon("state-off", 40, theme.ColorOff), pulse: newPulse(d),
		title: widgets.NewText("", 18, true, colorForeground), text: widget.NewLabel(""),
		onAction: onAction, onDetails: onDetails,
	}
	p.text.Alignment = fyne.TextAlignCenter
	p.text.Wrapping = fyne.TextWrapWord
	p.button = widgets.NewButton("", "", widgets.StylePrimary, func() { p.onAction(p.shown.action) })
	p.second = widgets.NewButton("", "", widgets.StylePlain, func() { p.onAction(p.shown.second) })
	p.form = newPasswordForm(func() { p.onAction(p.shown.action) })
	p.details = widgets.NewButton("", lang.L("Details"), widgets.StyleFlat, func() { p.onDetails(p.shown.err) })
	p.card = container.NewStack(widgets.NewPanel(theme.ColorSurface, theme.ColorOutline, 12), container.New(layout.NewCustomPaddedLayout(theme.Gap6, theme.Gap6, theme.Gap6, theme.Gap6),
		container.New(&cardLayout{}, container.NewCenter(container.NewStack(p.icon, p.pulse)), container.NewCenter(p.title), p.text, p.form.box,
			container.NewCenter(container.NewHBox(p.button, p.second, p.details)))))
	p.box = container.NewStack(p.cover, p.veil, container.NewCenter(p.card))
	p.shown.title = "none yet"
	p.set(body{})
	return p
}

// set shows a body's page.
func (p *page) set(b body) {
	if p.shown.same(b) {
		return // a refresh would repaint the window
	}
	p.shown = b
	show(p.cover, !b.picture)
	show(p.veil, b.picture && b.veil)
	show(p.card, b.title != "")
	p.title.SetText(b.title)
	p.text.SetText(b.text)
	p.text.Resize(fyne.NewSize(cardWidth, p.text.Size().Height)) // its height depends on its width
	show(p.text, b.text != "")
	show(p.icon, b.icon != "")
	if b.icon != "" {
		p.icon.SetIcon(b.icon, iconColor(b.icon))
	}
	waiting := b.title != "" && b.busy && b.icon == ""
	show(p.pulse, waiting)
	p.pulse.run(waiting)
	show(p.button, b.label != "")
	p.button.Set(actionIcon(b.action), b.label)
	show(p.second, b.secondLabel != "")
	p.second.Set(actionIcon(b.second), b.secondLabel)
	show(p.details, b.err != nil)
	show(p.form.box, b.ask)
	show(p.form.user, b.askUser)
	p.box.Refresh()
}

func actionIcon(a bodyAction) string {
	switch a {
	case bodyStart:
		return "start"
	case bodyResume:
		return "resume"
	case bodyReconnect:
		return "refresh"
	case bodyPowerOff:
		return "poweroff"
	case bodyShutdown:
		return "shutdown"
	case bodyTrust:
		return "check"
	case bodyAddDisplay, bodyConnect:
		return "display"
	}
	return ""
}

// iconColor gives an icon of the page the colour of what it stands for.
func iconColor(icon string) fyne.ThemeColorName {
	switch icon {
	case "state-paused", "warning", "disconnected":
		return theme.ColorPaused
	case "state-saved":
		return theme.ColorSaved
	case "state-crashed":
		return theme.ColorCrashed
	}
	return theme.ColorOff
}

// cardLayout stacks the visible parts of the card with even gaps at the card's width.
type cardLayout struct{}

// Layout implements fyne.Layout.
func (*cardLayout) Layout(objects []fyne.CanvasObject, size fyne.Size) {
	y := float32(0)
	for _, o := range objects {
		if !hasContent(o) {
			continue
		}
		o.Resize(fyne.NewSize(size.Width, 0)) // wrapped text tells its height only for a width
		h := o.MinSize().Height
		o.Move(fyne.NewPos(0, y))
		o.Resize(fyne.NewSize(size.Width, h))
		y += h + theme.Gap3
	}
}

// MinSize implements fyne.Layout.
func (*cardLayout) MinSize(objects []fyne.CanvasObject) fyne.Size {
	size := fyne.NewSize(cardWidth, -theme.Gap3)
	for _, o := range objects {
		if hasContent(o) {
			min := o.MinSize()
			size = fyne.NewSize(max(size.Width, min.Width), size.Height+min.Height+theme.Gap3)
		}
	}
	return size
}

// hasContent reports whether anything in o is visible.
func hasContent(o fyne.CanvasObject) bool {
	if !o.Visible() {
		return false
	}
	c, ok := o.(*fyne.Container)
	if !ok {
		return true
	}
	for _, child := range c.Objects {
		if hasContent(child) {
			return true
		}
	}
	return false
}
