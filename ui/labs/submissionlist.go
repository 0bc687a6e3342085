package labs

import (
	"slices"
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/driver/desktop"
	"fyne.io/fyne/v2/widget"

	"guesthouse/ui/theme"
	"guesthouse/ui/widgets"
)

// submissionList is the table's rows. It keeps the selection itself, by the submission.
type submissionList struct {
	widget.List
	w       *Submissions
	shown   []*entry
	chosen  *entry // nil: none
	focused bool
}

func newSubmissionList(w *Submissions) *submissionList {
	l := &submissionList{w: w}
	l.Length = func() int { return len(l.shown) }
	l.CreateItem = func() fyne.CanvasObject { return newSubmissionRow(l) }
	l.UpdateItem = func(i int, o fyne.CanvasObject) {
		if i < len(l.shown) {
			o.(*submissionRow).set(l.shown[i], l.shown[i] == l.chosen, l.focused)
		}
	}
	l.HideSeparators = true
	l.ExtendBaseWidget(l)
	return l
}

// set shows these rows. Without the chosen one its neighbour is chosen.
func (l *submissionList) set(list []*entry) {
	at := max(0, slices.Index(l.shown, l.chosen))
	l.shown = list
	if !slices.Contains(list, l.chosen) {
		l.chosen = nil
		if len(list) > 0 {
			l.chosen = list[min(at, len(list)-1)]
		}
	}
	l.changed()
}

func (l *submissionList) choose(e *entry) {
	l.chosen = e
	l.changed()
}

func (l *submissionList) changed() {
	l.Refresh()
	l.reveal()
	l.w.chosenChanged()
}

// reveal scrolls the chosen row into view.
func (l *submissionList) reveal() {
	if i := slices.Index(l.shown, l.chosen); i >= 0 && l.Size().Height > 0 {
		l.ScrollTo(i)
	}
}

func (l *submissionList) moveTo(i int) {
	if len(l.shown) > 0 {
		l.choose(l.shown[min(max(i, 0), len(l.shown)-1)])
	}
}

// TypedKey implements fyne.Focusable.
func (l *submissionList) TypedKey(e *fyne.KeyEvent) {
	at := slices.Index(l.shown, l.chosen)
	page := max(1, int(l.Size().Height/(submissionHeight+theme.Gap1))-1)
	switch e.Name {
	case fyne.KeyUp:
		l.moveTo(at - 1)
	case fyne.KeyDown:
		l.moveTo(at + 1)
	case fyne.KeyPageUp:
		l.moveTo(at - page)
	case fyne.KeyPageDown:
		l.moveTo(at + page)
	case fyne.KeyHome:
		l.moveTo(0)
	case fyne.KeyEnd:
		l.moveTo(len(l.shown) - 1)
	case fyne.KeyReturn, fyne.KeyEnter:
		l.w.openChosen()
	case fyne.KeyEscape:
		l.w.search.SetText("")
	case desktop.KeyMenu:
		l.openMenu()
	default:
		l.w.typed(e)
	}
}

// openMenu opens the context menu beside the chosen row.
func (l *submissionList) openMenu() {
	i := slices.Index(l.shown, l.chosen)
	if i < 0 {
		return
	}
	at := fyne.CurrentApp().Driver().AbsolutePositionForObject(l)
	y := float32(i)*(submissionHeight+theme.Gap1) - l.GetScrollOffset() + submissionHeight
	widgets.ShowMenuAt(l.w.window.Canvas(), l.w.contextMenu(), at.AddXY(tableLeft, min(max(y, 0), l.Size().Height)))
}

// TypedRune implements fyne.Focusable.
func (l *submissionList) TypedRune(rune) {}

// FocusGained implements fyne.Focusable.
func (l *submissionList) FocusGained() {
	l.focused = true
	l.Refresh()
}

// FocusLost implements fyne.Focusable.
func (l *submissionList) FocusLost() {
	l.focused = false
	l.Refresh()
}

// sorted returns the submissions that fit a search, in order.
func sorted(all []*entry, query string, by column, down bool) []*entry {
	words := strings.Fields(strings.ToLower(query))
	var list []*entry
	for _, e := range all {
		if !slices.ContainsFunc(words, func(word string) bool { return !strings.Contains(e.words, word) }) {
			list = append(list, e)
		}
	}
	slices.SortStableFunc(list, func(a, b *entry) int { // the rest stays in the library's order
		if down {
			return b.compare(a, by)
		}
		return a.compare(b, by)
	})
	return list
}
