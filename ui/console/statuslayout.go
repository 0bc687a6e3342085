package console

import (
	"fyne.io/fyne/v2"

	"guesthouse/ui/theme"
)

// statusLayout puts the parts of the status line in a row: state, job and notice from the left, the indicators from the right. Job and notice
// share what is left and are cut short when it is not enough; before they get too short the words beside the indicators go.
type statusLayout struct{ s *status }

const (
	statusHeight = 28
	statusDot    = 8
	// statusTexts is the room that job and notice get, if they want it, before any word beside an indicator.
	statusTexts = 320
	// statusLeast is the room that they get before the words that say how a captured keyboard is freed.
	statusLeast = 120
)

// part is one object of the row with its width and the gap after it.
type part struct {
	o        fyne.CanvasObject
	w, after float32
}

func (p part) full() float32 { return p.w + p.after }

// parts returns the visible objects of a list; a part that is not visible has no gap either.
func parts(list ...part) []part {
	visible := list[:0]
	for _, p := range list {
		if p.o.Visible() {
			visible = append(visible, p)
		}
	}
	return visible
}

func total(list []part) float32 {
	var sum float32
	for _, p := range list {
		sum += p.full()
	}
	return sum
}

// Layout implements fyne.Layout.
func (l *statusLayout) Layout(_ []fyne.CanvasObject, size fyne.Size) {
	s := l.s
	width := func(o fyne.CanvasObject) float32 { return o.MinSize().Width }
	work := part{s.work, fyne.MeasureText(s.work.Text(), theme.TextSmall, fyne.TextStyle{}).Width + 1, theme.Gap2}
	note := part{s.note, fyne.MeasureText(s.note.Text(), theme.TextSmall, fyne.TextStyle{}).Width + 1, theme.Gap1}
	head := total(parts(part{s.dot, statusDot, theme.Gap2}, part{s.state, width(s.state), theme.Gap4}))
	tools := total(parts(part{s.bar, width(s.bar), theme.Gap1}, part{s.cancel, width(s.cancel), theme.Gap3},
		part{s.act, width(s.act), theme.Gap1}, part{s.close, width(s.close), theme.Gap3}))
	wanted := total(parts(work, note))

	// Words go, the least needed first, until the texts have enough room.
	var right []part
	step := 0
	for ; step <= 3; step++ {
		right = l.right(step)
		room := min(wanted, statusTexts)
		if step == 2 { // the next step takes away the words of a captured keyboard
			room = min(wanted, statusLeast)
		}
		if size.Width-head-tools-total(right) >= room {
			break
		}
	}
	show(s.num, l.lamps(step))
	show(s.caps, l.lamps(step))
	left := max(0, size.Width-head-tools-total(right))
	if wanted > left && s.work.Visible() && s.note.Visible() {
		share := max(left/2, left-work.full())
		note.w = min(note.w, max(0, share-note.after))
		work.w = max(0, left-note.full()-work.after)
	} else if wanted > left {
		work.w, note.w = min(work.w, max(0, left-work.after)), min(note.w, max(0, left-note.after))
	}

	x := float32(0)
	for _, p := range parts(part{s.dot, statusDot, theme.Gap2}, part{s.state, width(s.state), theme.Gap4}, work, part{s.bar, width(s.bar), theme.Gap1},
		part{s.cancel, width(s.cancel), theme.Gap3}, note, part{s.act, width(s.act), theme.Gap1}, part{s.close, width(s.close), theme.Gap3}) {
		h := min(size.Height, p.o.MinSize().Height)
		if p.o == fyne.CanvasObject(s.dot) {
			h = statusDot
		}
		p.o.Move(fyne.NewPos(x, (size.Height-h)/2))
		p.o.Resize(fyne.NewSize(p.w, h))
		x += p.full()
	}
	x = size.Width - total(right)
	for _, p := range right {
		h := min(size.Height, p.o.MinSize().Height)
		p.o.Move(fyne.NewPos(x, (size.Height-h)/2))
		p.o.Resize(fyne.NewSize(p.w, h))
		x += p.full()
	}
}

// right returns the indicators in their order. compact 1 takes away the words beside the screen, 2 also the lamps and the name of the host key, and
// 3, as in a very small window, also the words of a captured keyboard, which say the way out.
func (l *statusLayout) right(compact int) []part {
	s := l.s
	word := func(i *indicator, without bool) part {
		i.compact = without
		return part{i, i.sizeFor(without).Width, 0}
	}
	list := parts(word(s.disks, false), word(s.discs, false), word(s.network, false), word(s.clipboard, false), word(s.record, false))
	screen := word(s.screen, compact >= 1)
	screen.after = theme.Gap2
	list = append(list, parts(screen)...)
	if l.lamps(compact) {
		list = append(list, part{s.num, s.num.MinSize().Width, theme.Gap2}, part{s.caps, s.caps.MinSize().Width, theme.Gap2})
	}
	return append(list, parts(word(s.mouse, false), word(s.keyboard, compact >= 3 || compact >= 2 && !s.captured))...)
}

// lamps reports whether there is room for the keyboard's lamps; they are known while the pointer is.
func (l *statusLayout) lamps(compact int) bool { return l.s.mouse.Visible() && compact < 2 }

// MinSize implements fyne.Layout.
func (*statusLayout) MinSize([]fyne.CanvasObject) fyne.Size { return fyne.NewSize(320, statusHeight) }
