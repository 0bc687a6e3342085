package manager

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/layout"
	fynetheme "fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"guesthouse/app/explain"
	"guesthouse/ui/lang"
	"guesthouse/ui/theme"
	"guesthouse/ui/widgets"
)

// The pages of the window's body.
const (
	pageMachines   = "machines"
	pageWelcome    = "welcome"    // connected, and no machine yet
	pageConnecting = "connecting" // not connected yet, nothing known
	pageFailed     = "failed"     // not connected, nothing known, and there is a reason
)

// showPage puts the right page into the window's body.
func (m *Manager) showPage() {
	page := pageMachines
	if len(m.snap.Machines) == 0 {
		switch {
		case m.snap.Connected:
			page = pageWelcome
		case m.snap.Err != nil:
			page = pageFailed
		default:
			page = pageConnecting
		}
	}
	if page == m.page {
		return
	}
	m.page = page
	var content fyne.CanvasObject
	switch page {
	case pageMachines:
		content = m.split
		if m.window.Canvas().Focused() == nil && !widgets.ModalOpen(m.window) {
			defer m.window.Canvas().Focus(m.list)
		}
	case pageWelcome:
		content = m.welcome()
	case pageConnecting:
		content = widgets.EmptyPage(widgets.NewIcon("machine", 56, theme.ColorMuted), lang.L("Connecting…"), lang.L("Looking for your machines."))
	case pageFailed:
		e := explain.Explain(m.snap.Err)
		details := widgets.NewButton("info", lang.L("Details"), widgets.StylePlain, m.showConnectionError)
		content = widgets.EmptyPage(widgets.NewIcon("disconnected", 56, fynetheme.ColorNameWarning), lang.L("No connection"), joined(lang.L(e.Summary), lang.L(e.Remedy), lang.L("It is tried again and again by itself.")), details)
	}
	m.body.Objects = []fyne.CanvasObject{content}
	m.body.Refresh()
	m.toolbar.update()
}

// welcome is the first thing that a new user sees.
func (m *Manager) welcome() fyne.CanvasObject {
	create := widgets.NewButton("new", lang.L("New machine"), widgets.StylePrimary, m.newMachine)
	steps := container.NewGridWithColumns(3,
		step("new", lang.L("1  Describe it"), lang.L("Choose an installation image; the right memory, processors and disk are suggested.")),
		step("start", lang.L("2  Start it"), lang.L("Its screen opens in a window of its own. Install and use it like any computer.")),
		step("checkpoint", lang.L("3  Save checkpoints"), lang.L("One click keeps the whole machine as it is. Another one brings it back.")),
	)
	title := container.NewCenter(widgets.NewText(lang.L("Welcome to Guesthouse"), 24, true, fynetheme.ColorNameForeground))
	text := container.NewCenter(widgets.NewText(lang.L("There is no machine here yet. Make the first one: it takes a minute."), theme.TextNormal, false, theme.ColorMuted))
	box := container.New(layout.NewCustomPaddedVBoxLayout(theme.Gap3),
		container.NewCenter(widgets.NewArt("welcome", fyne.NewSize(272, 170))), title, text,
		container.NewCenter(create), widgets.Space(0, theme.Gap1), steps)
	return container.NewCenter(box)
}

func step(icon, title, text string) fyne.CanvasObject {
	note := widget.NewRichText(&widget.TextSegment{Text: text, Style: widget.RichTextStyle{ColorName: theme.ColorMuted, SizeName: fynetheme.SizeNameCaptionText}})
	note.Wrapping = fyne.TextWrapWord
	head := container.NewHBox(widgets.NewIcon(icon, 20, fynetheme.ColorNamePrimary), widgets.NewText(title, theme.TextNormal, true, fynetheme.ColorNameForeground))
	return widgets.Card(container.NewBorder(head, nil, nil, nil, container.NewStack(widgets.Space(190, 64), note)))
}

// banner says that the connection is down, over everything else.
type banner struct {
	m    *Manager
	box  *fyne.Container
	text *widgets.Text
}

func newBanner(m *Manager) *banner {
	b := &banner{m: m, text: widgets.NewText("", theme.TextNormal, false, fynetheme.ColorNameForegroundOnWarning).Elided()}
	details := widgets.NewButton("info", lang.L("Details"), widgets.StylePlain, m.showConnectionError)
	b.box = container.NewStack(widgets.NewPanel(fynetheme.ColorNameWarning, "", 0),
		container.New(layout.NewCustomPaddedLayout(4, 4, theme.Gap4, theme.Gap2),
			container.NewBorder(nil, nil, container.NewCenter(widgets.NewIcon("disconnected", 20, fynetheme.ColorNameForegroundOnWarning)), details,
				container.New(middle{}, b.text))))
	b.box.Hide()
	return b
}

// update shows the banner while machines are known but the connection is down.
func (b *banner) update() {
	snap := b.m.snap
	if snap.Connected || len(snap.Machines) == 0 {
		setShown(b.box, false, b.m.frame)
		return
	}
	text := lang.L("The connection is lost; reconnecting. What you see is what was known last.")
	if snap.Err != nil {
		if e := explain.Explain(snap.Err); e.Summary != "" {
			text = lang.F("%s Reconnecting; what you see is what was known last.", lang.L(e.Summary))
		}
	}
	b.text.SetText(text)
	setShown(b.box, true, b.m.frame)
}

func (m *Manager) showConnectionError() {
	if m.snap.Err == nil {
		return
	}
	m.showError(lang.L("No connection"), m.snap.Err)
}

// middle centres one object vertically over the whole width.
type middle struct{}

func (middle) MinSize(o []fyne.CanvasObject) fyne.Size { return o[0].MinSize() }

func (middle) Layout(o []fyne.CanvasObject, size fyne.Size) {
	h := o[0].MinSize().Height
	o[0].Resize(fyne.NewSize(size.Width, h))
	o[0].Move(fyne.NewPos(0, (size.Height-h)/2))
}
