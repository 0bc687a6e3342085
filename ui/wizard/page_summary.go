package wizard

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/layout"
	fynetheme "fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"guesthouse/ui/lang"
	"guesthouse/ui/theme"
	"guesthouse/ui/widgets"
	"guesthouse/vmconfig"
)

// summaryPage shows every choice with a link to where it can be changed, and how the last attempt failed.
type summaryPage struct {
	w       *wizard
	rows    []*summaryRow
	start   *check
	failure *failureBox
	pending *message
	box     fyne.CanvasObject
}

// summaryRow is one choice.
type summaryRow struct {
	value *widgets.Text
	hint  *widgets.Hint
	icon  *widgets.Picture
	row   Row
}

func newSummaryPage(w *wizard) *summaryPage {
	p := &summaryPage{w: w, failure: newFailureBox(w), pending: newMessage()}
	p.start = newCheck(w.keys, lang.L("Start the machine when it is ready"), func(on bool) {
		if !w.showing {
			w.model.SetStart(on)
		}
	})
	list := container.New(layout.NewCustomPaddedVBoxLayout(0))
	for i, row := range w.model.Summary() {
		if i > 0 {
			list.Add(widget.NewSeparator())
		}
		list.Add(p.newRow(row.Label))
	}
	p.box = container.NewBorder(newHeading(PageSummary.Title(), lang.L("Nothing is made before you choose Create.")),
		container.NewVBox(p.pending.box, p.start), nil, nil,
		widgets.NewScroll(container.New(layout.NewCustomPaddedVBoxLayout(theme.Gap2), p.failure.box, newFrame(list))))
	return p
}

func (p *summaryPage) newRow(label string) fyne.CanvasObject {
	r := &summaryRow{
		value: widgets.NewText("", theme.TextNormal, false, fynetheme.ColorNameForeground).Elided(),
		icon:  widgets.NewIcon("warning", theme.IconSmall, fynetheme.ColorNameWarning),
	}
	r.hint = widgets.NewHint(r.value, "")
	p.rows = append(p.rows, r)
	name := widgets.NewText(label, theme.TextNormal, false, theme.ColorMuted)
	edit := newButton(p.w.keys, "", lang.L("Edit"), widgets.StyleFlat, func() { p.w.edit(r.row.Page, r.row.Field) })
	return container.New(layout.NewCustomPaddedLayout(0, 0, theme.Gap3, theme.Gap1),
		container.NewBorder(nil, nil, container.NewGridWrap(fyne.NewSize(labelWidth, edit.MinSize().Height), name),
			container.NewHBox(r.icon, edit), r.hint))
}

func (p *summaryPage) object() fyne.CanvasObject { return p.box }

func (p *summaryPage) show(m *Model) {
	for i, row := range m.Summary() {
		r := p.rows[i]
		r.row = row
		r.value.SetText(row.Value)
		r.hint.SetText(row.Value)
		setVisible(r.icon, row.Warning)
	}
	p.start.SetChecked(m.Draft().Start)
	p.failure.show(p.w.failure)
	pending := m.Pending()
	if pending != "" {
		pending = lang.F("Still reading %s…", vmconfig.Inert(pending, 80))
	}
	p.pending.show("", pending, ToneBusy)
}

func (p *summaryPage) focus(vmconfig.Field) fyne.Focusable { return p.w.footer.next }

// failureBox tells why the machine was not made; the original text is behind "Details".
type failureBox struct {
	box     fyne.CanvasObject
	summary *message
	remedy  *widget.Label
	detail  *widget.Label
	toggle  *widgets.Button
	copy    *widgets.Button
	shown   *failure
}

func newFailureBox(w *wizard) *failureBox {
	f := &failureBox{summary: newMessage(), remedy: widget.NewLabel(""), detail: widget.NewLabel("")}
	f.remedy.Wrapping = fyne.TextWrapWord
	f.remedy.SizeName = fynetheme.SizeNameCaptionText
	f.detail.Wrapping = fyne.TextWrapBreak
	f.detail.TextStyle.Monospace = true
	f.detail.SizeName = fynetheme.SizeNameCaptionText
	f.detail.Selectable = true
	f.toggle = newButton(w.keys, "", lang.L("Details"), widgets.StyleFlat, func() {
		setVisible(f.detail, !f.detail.Visible())
		f.box.Refresh()
	})
	f.copy = newButton(w.keys, "copy", lang.L("Copy"), widgets.StyleFlat, func() {
		fyne.CurrentApp().Clipboard().SetContent(f.shown.message.Summary + "\n" + f.shown.message.Detail)
	})
	text := container.New(layout.NewCustomPaddedVBoxLayout(0), f.summary.box, f.remedy, f.detail)
	f.box = newFrame(container.New(layout.NewCustomPaddedLayout(theme.Gap1, theme.Gap1, theme.Gap2, theme.Gap1),
		container.NewBorder(nil, nil, nil, container.NewVBox(container.NewHBox(f.toggle, f.copy)), text)))
	f.box.Hide()
	return f
}

// show tells about a failure; nil hides the box.
func (f *failureBox) show(fail *failure) {
	if fail == f.shown {
		return
	}
	f.shown = fail
	setVisible(f.box, fail != nil)
	if fail == nil {
		return
	}
	f.summary.show(vmconfig.Inert(lang.F("The machine was not made. %s", lang.L(fail.message.Summary)), 500), "", ToneQuiet)
	f.remedy.SetText(lang.L(fail.message.Remedy))
	setVisible(f.remedy, fail.message.Remedy != "")
	f.detail.SetText(vmconfig.InertLines(fail.message.Detail, maxText))
	f.detail.Hide()
	setVisible(f.toggle, fail.message.Detail != "")
	setVisible(f.copy, fail.message.Detail != "")
	f.box.Refresh()
}
