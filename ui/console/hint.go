package console

import (
	"context"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/layout"

	"guesthouse/app/machines"
	"guesthouse/hypervisor"
	"guesthouse/ui/dispatch"
	"guesthouse/ui/lang"
	"guesthouse/ui/theme"
	"guesthouse/ui/widgets"
)

// bootHint is a bar above the picture that says that the machine has nothing to start from, and offers a disc. It comes at most once in
// each run of the machine. UI goroutine only.
type bootHint struct {
	box    *fyne.Container
	text   *widgets.Text
	insert *widgets.Button

	moved  func() // after the hint came or went: what is below it moves
	asked  bool   // in this run of the machine
	cancel func() // ends the question that is under way
}

func newBootHint(insert, moved func()) *bootHint {
	h := &bootHint{moved: moved, text: widgets.NewText("", theme.TextNormal, false, colorForeground).Elided()}
	h.insert = widgets.NewButton("cd", lang.L("Insert an ISO…"), widgets.StylePrimary, insert)
	close := widgets.NewIconButton("close", lang.L("Dismiss"), h.hide)
	row := container.NewBorder(nil, nil,
		container.NewCenter(widgets.NewIcon("warning", theme.IconNormal, theme.ColorPaused)), container.NewHBox(h.insert, container.NewCenter(close)),
		container.New(&centreLine{}, h.text))
	h.box = container.NewStack(widgets.NewPanel(theme.ColorSurface, "", 0), container.NewBorder(nil, hairline(), nil, nil,
		container.New(layout.NewCustomPaddedLayout(theme.Gap2, theme.Gap2, theme.Gap4, theme.Gap2), row)))
	h.box.Hide()
	return h
}

// centreLine gives its one object all the width, and its own height in the middle.
type centreLine struct{}

// Layout implements fyne.Layout.
func (*centreLine) Layout(objects []fyne.CanvasObject, size fyne.Size) {
	h := objects[0].MinSize().Height
	objects[0].Move(fyne.NewPos(theme.Gap2, (size.Height-h)/2))
	objects[0].Resize(fyne.NewSize(max(0, size.Width-2*theme.Gap2), h))
}

// MinSize implements fyne.Layout.
func (*centreLine) MinSize(objects []fyne.CanvasObject) fyne.Size { return objects[0].MinSize() }

func (h *bootHint) hide() { h.show(false) }

// show shows or hides the hint; the screen below gets the room that is left.
func (h *bootHint) show(on bool) {
	if on != h.box.Visible() {
		show(h.box, on)
		h.moved()
	}
}

// stop ends the question that is under way, and takes the hint away.
func (h *bootHint) stop() {
	if h.cancel != nil {
		h.cancel()
		h.cancel = nil
	}
	h.hide()
}

// hintLayout puts the hint above the screen. Its height is a whole number of host pixels, as the toolbar's.
type hintLayout struct{ frame *frameLayout }

// Layout implements fyne.Layout. objects are the screen and, above it, the hint.
func (l *hintLayout) Layout(objects []fyne.CanvasObject, size fyne.Size) {
	screen, hint := objects[0], objects[1]
	var top float32
	if hint.Visible() {
		top = l.frame.whole(hint.MinSize().Height)
		hint.Move(fyne.NewPos(0, 0))
		hint.Resize(fyne.NewSize(size.Width, top))
	}
	screen.Move(fyne.NewPos(0, top))
	screen.Resize(fyne.NewSize(size.Width, max(0, size.Height-top)))
	if l.frame.done != nil {
		l.frame.done()
	}
}

// MinSize implements fyne.Layout: the hint makes do with what the screen has.
func (l *hintLayout) MinSize(objects []fyne.CanvasObject) fyne.Size { return objects[0].MinSize() }

// refreshHint asks once in each run of the machine whether there is anything to start from.
func (w *Window) refreshHint() {
	h, m := w.hint, w.machine
	if m == nil || !m.State.Active() {
		h.stop()
		h.asked = false
		return
	}
	drives := removable(m.Config)
	for _, d := range drives {
		if d.Path != "" || d.Source != "" {
			h.stop() // there is something now
		}
	}
	if h.asked || w.ahead || !w.body.live || m.State != hypervisor.StateRunning || m.Busy != "" || m.Config == nil {
		return
	}
	h.asked = true
	h.cancel = dispatch.Background(w.p.Dispatch, func(ctx context.Context) (bool, error) { return w.p.Machines.NothingToBoot(ctx, w.p.ID) },
		func(nothing bool, err error) {
			if h.cancel == nil || w.closed || err != nil || !nothing {
				return // a disk that cannot be read is not known to be empty
			}
			h.cancel = nil
			text := lang.L("This machine has nothing to start from: its disk is empty and no disc is inserted.")
			if len(drives) == 0 {
				text = lang.L("This machine has nothing to start from: no disk with a system on it, and no CD drive. Add one in its settings.")
			}
			h.text.SetText(text)
			show(h.insert, len(drives) > 0)
			h.show(true)
		})
}

// insertAndRestart has the user choose a disc for the first drive, inserts it and resets the machine, whose firmware has given up by now.
func (w *Window) insertAndRestart() {
	drives := removable(w.machine.Config)
	if len(drives) == 0 {
		return
	}
	w.chooseDisc(drives[0].Target, lang.L("Insert and restart"), func(target, path string) {
		dispatch.Run(w.p.Dispatch, func(ctx context.Context) error { return w.p.Machines.InsertMedia(ctx, w.p.ID, target, path) }, func(err error) {
			if err != nil {
				w.fail(lang.L("The disc was not inserted"), err)
				return
			}
			w.hint.stop()
			if w.doIfPossible(machines.ActionReset) {
				w.say(notice{text: lang.F("Inserted: %s", shortPath(path))})
			}
		})
	})
}
