package terminal

import (
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/driver/desktop"
	"fyne.io/fyne/v2/widget"

	"guesthouse/hypervisor/vt"
	"guesthouse/ui/lang"
)

const (
	doubleClick = 400 * time.Millisecond
	wheelLines  = 3
	wheelNotch  = 10 // what Fyne reports for one notch
)

// selection is the text between two places, in whichever order.
type selection struct {
	on       bool
	from, to vt.Pos // as the mouse went
	// whole: what a double or triple click took stays selected while the mouse goes on
	wholeFrom, wholeUntil vt.Pos
}

// bounds returns first and last place; the last is not included.
func (s selection) bounds() (from, until vt.Pos) {
	from, until = s.from, s.to
	if until.Before(from) {
		from, until = until, from
	}
	if s.wholeFrom != s.wholeUntil {
		if s.wholeFrom.Before(from) {
			from = s.wholeFrom
		}
		if until.Before(s.wholeUntil) {
			until = s.wholeUntil
		}
	}
	return from, until
}

// columns returns which columns of a line are selected.
func (s selection) columns(line, columns int) (from, until int) {
	if !s.on {
		return 0, 0
	}
	first, last := s.bounds()
	if line < first.Line || line > last.Line {
		return 0, 0
	}
	until = columns
	if line == first.Line {
		from = first.Column
	}
	if line == last.Line {
		until = last.Column
	}
	return from, until
}

// dragging is what the mouse does while its button is down.
type dragging int

const (
	dragNothing dragging = iota
	dragText
	dragBar
	dragReport // it is the guest's
)

// Selected returns the selected text.
func (t *Terminal) Selected() string {
	if !t.selecting.on {
		return ""
	}
	from, until := t.selecting.bounds()
	return t.screen.Text(from, until)
}

// SelectAll selects all that is remembered.
func (t *Terminal) SelectAll() {
	t.selecting = selection{on: true, from: vt.Pos{Line: t.frame.First}, to: vt.Pos{Line: t.frame.Screen + t.frame.Rows}}
	t.paint()
}

// place returns the place between two cells that is nearest to a point.
func (t *Terminal) place(p fyne.Position, nearest float32) vt.Pos {
	cell := t.cell()
	row := int((p.Y - padding) / cell.Height)
	if p.Y < padding {
		row = 0
	}
	row = max(0, min(row, len(t.frame.Lines)-1))
	column := int((p.X-padding)/cell.Width + nearest)
	return vt.Pos{Line: t.frame.Top + row, Column: max(0, min(column, t.frame.Columns))}
}

// MouseDown implements desktop.Mouseable.
func (t *Terminal) MouseDown(e *desktop.MouseEvent) {
	t.Focus()
	onBar := e.Position.X > t.Size().Width-barWidth
	if !onBar && t.reports(e.Modifier) {
		t.reportPress(e)
		return
	}
	switch e.Button {
	case desktop.MouseButtonPrimary:
		if onBar {
			t.drag = dragBar
			t.dragThumb(e.Position.Y)
			return
		}
		t.drag = dragText
		t.click(e.Position, e.Modifier)
	case desktop.MouseButtonSecondary:
		t.showMenu(e.AbsolutePosition)
	}
}

// click begins a selection: anywhere with one click, a word with two, a line with three. Shift goes on with the one that there is.
func (t *Terminal) click(p fyne.Position, m fyne.KeyModifier) {
	at, now := t.place(p, 0), time.Now()
	if at == t.clickPlace && now.Sub(t.lastClick) < doubleClick {
		t.clicks = t.clicks%3 + 1
	} else {
		t.clicks = 1
	}
	t.clickPlace, t.lastClick = at, now
	between := t.place(p, 0.5)
	switch {
	case t.clicks == 2:
		from, until := t.screen.Word(at)
		t.selecting = selection{on: from != until, from: from, to: until, wholeFrom: from, wholeUntil: until}
	case t.clicks == 3:
		from, until := vt.Pos{Line: at.Line}, vt.Pos{Line: at.Line + 1}
		t.selecting = selection{on: true, from: from, to: until, wholeFrom: from, wholeUntil: until}
	case m&fyne.KeyModifierShift != 0 && t.selecting.on:
		t.selecting.to = between
	default:
		t.selecting = selection{from: between, to: between}
	}
	t.paint()
}

// MouseUp implements desktop.Mouseable.
func (t *Terminal) MouseUp(e *desktop.MouseEvent) {
	if t.drag == dragReport {
		t.reportRelease(e)
	}
	t.drag = dragNothing
}

// Dragged implements fyne.Draggable.
func (t *Terminal) Dragged(e *fyne.DragEvent) {
	switch t.drag {
	case dragReport:
		t.reportMove(e.Position)
	case dragBar:
		t.dragThumb(e.Position.Y)
	case dragText:
		switch {
		case e.Position.Y < 0:
			t.scrollBy(-1)
		case e.Position.Y > t.Size().Height && t.top >= 0:
			t.scrollBy(1)
		}
		t.selecting.to = t.place(e.Position, 0.5)
		t.selecting.on = true
		t.paintSoon()
	}
}

// DragEnd implements fyne.Draggable.
func (t *Terminal) DragEnd() { t.drag = dragNothing }

// Scrolled implements fyne.Scrollable. Where a program has the whole screen and does not ask for the mouse, the wheel means arrow keys.
func (t *Terminal) Scrolled(e *fyne.ScrollEvent) {
	if m := modifiers(); t.reports(m) {
		t.reportWheel(e, m)
		return
	}
	t.wheel += e.Scrolled.DY * wheelLines / wheelNotch
	lines := int(t.wheel)
	t.wheel -= float32(lines)
	if !t.frame.Alternate {
		t.scrollBy(-lines)
		return
	}
	key := fyne.KeyUp
	if lines < 0 {
		key, lines = fyne.KeyDown, -lines
	}
	for range min(lines, 30) {
		t.send(specialKey(key, 0, t.screen.Keys()))
	}
}

// placeThumb shows which part of all lines is to be seen.
func (t *Terminal) placeThumb() {
	f := &t.frame
	all := f.Screen + f.Rows - f.First
	hidden := f.Alternate || all <= f.Rows
	if hidden != t.thumb.Hidden {
		t.thumb.Hidden = hidden
		t.thumb.Refresh()
	}
	if hidden {
		return
	}
	room := t.Size().Height - 4
	height := max(24, room*float32(f.Rows)/float32(all))
	y := 2 + (room-height)*float32(f.Top-f.First)/float32(all-f.Rows)
	size, at := fyne.NewSize(6, height), fyne.NewPos(t.Size().Width-9, y)
	if t.thumb.Size() != size || t.thumb.Position() != at {
		t.thumb.Resize(size)
		t.thumb.Move(at)
		canvas.Refresh(t.thumb)
	}
}

// dragThumb scrolls so that the middle of the thumb comes to a height.
func (t *Terminal) dragThumb(y float32) {
	f := &t.frame
	room, height := t.Size().Height-4, t.thumb.Size().Height
	if f.Alternate || f.Screen == f.First || room <= height {
		return
	}
	part := max(0, min((y-2-height/2)/(room-height), 1))
	t.ScrollTo(f.First + int(part*float32(f.Screen-f.First)+0.5))
}

// showMenu opens the context menu.
func (t *Terminal) showMenu(at fyne.Position) {
	c := fyne.CurrentApp().Driver().CanvasForObject(t)
	if c == nil {
		return
	}
	widget.ShowPopUpMenuAtPosition(t.ContextMenu(), c, at)
}

// ContextMenu returns what a right click offers.
func (t *Terminal) ContextMenu() *fyne.Menu {
	item := func(label string, enabled bool, do func()) *fyne.MenuItem {
		i := fyne.NewMenuItem(label, do)
		i.Disabled = !enabled
		return i
	}
	m := fyne.NewMenu("",
		item(lang.L("Copy (Ctrl+Shift+C)"), t.Selected() != "", t.Copy),
		item(lang.L("Paste (Ctrl+Shift+V)"), t.o.Clipboard != nil || t.o.ReadClipboard != nil, t.Paste),
		item(lang.L("Select all"), true, t.SelectAll),
		fyne.NewMenuItemSeparator(),
		item(lang.L("Larger text (Ctrl++)"), t.size < largestText, func() { t.SetTextSize(t.size + 1) }),
		item(lang.L("Smaller text (Ctrl+-)"), t.size > smallestText, func() { t.SetTextSize(t.size - 1) }),
		item(lang.L("Usual text size (Ctrl+0)"), t.size != textSize, func() { t.SetTextSize(0) }),
		fyne.NewMenuItemSeparator(),
		item(lang.L("Clear scroll-back"), t.frame.Screen > t.frame.First, t.Clear),
	)
	if t.o.Menu != nil {
		m.Items = append(m.Items, t.o.Menu()...)
	}
	return m
}

// MouseIn implements desktop.Hoverable.
func (t *Terminal) MouseIn(e *desktop.MouseEvent) { t.MouseMoved(e) }

// MouseMoved implements desktop.Hoverable.
func (t *Terminal) MouseMoved(e *desktop.MouseEvent) {
	if t.o.Pointer != nil {
		t.o.Pointer(e.AbsolutePosition)
	}
	t.reportMove(e.Position)
}

// MouseOut implements desktop.Hoverable.
func (t *Terminal) MouseOut() {}
