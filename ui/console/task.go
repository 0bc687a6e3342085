package console

import (
	"context"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/layout"

	"guesthouse/app/labs"
	"guesthouse/app/settings"
	"guesthouse/ui/dispatch"
	"guesthouse/ui/lang"
	"guesthouse/ui/theme"
	"guesthouse/ui/widgets"
)

// Width of the task beside the screen, in Fyne units: as wide as a comfortable line, but never more than a part of the window.
const (
	taskWidth        float32 = 320
	taskPart         float32 = 0.45
	taskScroll       float32 = 240 // what a page key moves
	minimumTaskWidth float32 = 120
)

// taskPanel shows the text of the lab that the machine was launched from, at the right of the screen. It can be folded away. UI goroutine only.
type taskPanel struct {
	box    *fyne.Container
	text   *fyne.Container // holds the text
	scroll *container.Scroll
	fold   *widgets.Button
	handIn *widgets.Button
	foot   *fyne.Container // with handIn, where that makes sense
	asked  bool            // for the text
	there  bool            // there is one
}

// newTaskPanel returns a panel that shows nothing yet. handIn may be nil.
func newTaskPanel(fold, handIn func()) *taskPanel {
	p := &taskPanel{text: container.NewStack(), fold: widgets.NewIconButton("chevron-right", lang.L("Fold the task away"), fold)}
	p.handIn = widgets.NewButton("send", lang.L("Hand in…"), widgets.StylePlain, handIn).SetTip(lang.L("Hand in what you have done in this machine"))
	p.foot = container.NewVBox(hairline(), container.New(layout.NewCustomPaddedLayout(theme.Gap1, theme.Gap2, theme.Gap3, theme.Gap3), p.handIn))
	p.foot.Hide()
	p.scroll = widgets.NewScroll(container.New(layout.NewCustomPaddedLayout(0, theme.Gap4, theme.Gap3, theme.Gap3), p.text))
	head := container.New(layout.NewCustomPaddedLayout(theme.Gap1, 0, theme.Gap3+theme.Gap2, theme.Gap2), container.NewBorder(nil, nil,
		container.NewCenter(widgets.NewText(lang.L("Task"), 16, true, colorForeground)), p.fold))
	p.box = container.NewStack(widgets.NewPanel(theme.ColorSurface, "", 0), container.NewBorder(nil, nil, hairline(), nil, container.NewBorder(head, p.foot, nil, nil, p.scroll)))
	p.box.Hide()
	return p
}

// key moves the text with the page keys, and reports whether it was one.
func (p *taskPanel) key(e *fyne.KeyEvent) bool {
	offset := p.scroll.Offset
	switch e.Name {
	case fyne.KeyPageDown:
		offset.Y += taskScroll
	case fyne.KeyPageUp:
		offset.Y -= taskScroll
	default:
		return false
	}
	most := max(0, p.scroll.Content.MinSize().Height-p.scroll.Size().Height)
	offset.Y = min(max(0, offset.Y), most)
	p.scroll.ScrollToOffset(offset)
	return true
}

// buttons are the panel's, from the top.
func (p *taskPanel) buttons() []*widgets.Button { return []*widgets.Button{p.fold, p.handIn} }

// taskLayout puts the task beside the screen. Its width is a whole number of host pixels, as the bars' heights.
type taskLayout struct{ frame *frameLayout }

// width is what the task takes of a width.
func (l *taskLayout) width(of float32) float32 {
	return l.frame.whole(max(minimumTaskWidth, min(taskWidth, of*taskPart)))
}

// Layout implements fyne.Layout. objects are the screen and, at its right, the task.
func (l *taskLayout) Layout(objects []fyne.CanvasObject, size fyne.Size) {
	screen, task := objects[0], objects[1]
	right := float32(0)
	if task.Visible() {
		right = min(l.width(size.Width), size.Width)
		task.Move(fyne.NewPos(size.Width-right, 0))
		task.Resize(fyne.NewSize(right, size.Height))
	}
	screen.Move(fyne.NewPos(0, 0))
	screen.Resize(fyne.NewSize(size.Width-right, size.Height))
}

// MinSize implements fyne.Layout: the task makes do with what the screen has.
func (l *taskLayout) MinSize(objects []fyne.CanvasObject) fyne.Size { return objects[0].MinSize() }

// taskRoom is the width that the task takes of the window beside a screen of a width.
func (w *Window) taskRoom(screen float32) float32 {
	if !w.task.box.Visible() {
		return 0
	}
	l := taskLayout{w.layout}
	return l.width(screen / (1 - taskPart))
}

// readTask reads the text of the lab once it is known that the machine is one's.
func (w *Window) readTask() {
	if w.task.asked || w.p.Task == nil || w.machine == nil || w.machine.Config == nil || w.machine.Config.Lab.ID == "" {
		return
	}
	w.task.asked = true
	w.cancels = append(w.cancels, dispatch.Background(w.p.Dispatch, func(context.Context) (string, error) { return w.p.Task(w.p.ID) }, func(text string, err error) {
		if w.closed || err != nil || text == "" { // a lab that was removed has no task any more
			return
		}
		w.task.there = true
		show(w.task.foot, w.p.HandIn != nil && w.machine != nil && !labs.IsSubmission(w.machine.Config))
		w.task.text.Objects = []fyne.CanvasObject{widgets.NewMarkdown(text)}
		w.updateToolbar()
		w.showTask(!w.p.Settings.Get().Consoles[w.p.ID].TaskFolded)
	}))
}

// showTask unfolds the task or folds it away. A window whose size the user has not chosen keeps the screen as it is.
func (w *Window) showTask(on bool) {
	if on == w.task.box.Visible() {
		return
	}
	show(w.task.box, on)
	now := w.win.Canvas().Size()
	if !w.visible {
		now = w.autoSize
	}
	if w.autoSize != (fyne.Size{}) && now == w.autoSize && !w.win.FullScreen() {
		w.autoSize = w.sizeFor(usualGuest)
		if guest := w.display.GuestSize(); guest.X > 0 && guest.X <= largestAuto.X && guest.Y <= largestAuto.Y {
			w.autoSize = w.autoSize.Max(w.sizeFor(guest))
		}
		w.win.Resize(w.autoSize)
	}
	w.frame.Refresh()
	w.updateToolbar()
}

// toggleTask is the toolbar's button.
func (w *Window) toggleTask() {
	w.showTask(!w.task.box.Visible())
	folded := !w.task.box.Visible()
	w.remember(func(s *settings.Settings) {
		c := s.Consoles[w.p.ID]
		c.TaskFolded = folded
		s.Consoles[w.p.ID] = c
	})
	w.display.Focus()
}
