package manager

import (
	"slices"
	"strings"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/driver/desktop"
	"fyne.io/fyne/v2/widget"
	"github.com/google/uuid"

	"guesthouse/app/machines"
	"guesthouse/ui/widgets"
)

// typeAheadPause ends a typed beginning of a name.
const typeAheadPause = time.Second

// machineList is the list of machines. It keeps the selection itself, since widget.List knows only one selected row.
type machineList struct {
	widget.List
	m        *Manager
	machines []*machines.Machine
	index    map[uuid.UUID]int

	chosen  map[uuid.UUID]bool // the selection
	anchor  uuid.UUID          // where a Shift selection begins
	cursor  uuid.UUID          // where the keyboard is
	pending uuid.UUID          // to be selected as soon as it appears
	focused bool

	typed   string // beginning of a name that was typed
	typedAt time.Time
	now     func() time.Time
	query   string // of the search bar
}

func newMachineList(m *Manager) *machineList {
	l := &machineList{m: m, now: time.Now, index: map[uuid.UUID]int{}, chosen: map[uuid.UUID]bool{}}
	l.Length = func() int { return len(l.machines) }
	l.CreateItem = func() fyne.CanvasObject { return newMachineRow(l) }
	l.UpdateItem = func(i int, o fyne.CanvasObject) {
		if i < len(l.machines) {
			machine := l.machines[i]
			o.(*machineRow).set(machine, l.chosen[machine.UUID], l.focused && machine.UUID == l.cursor, l.matches(machine))
		}
	}
	l.HideSeparators = true
	l.ExtendBaseWidget(l)
	return l
}

// setMachines shows another snapshot. The selection stays with its machines; when the last selected one is gone, its neighbour follows.
func (l *machineList) setMachines(list []*machines.Machine) {
	old := l.machines
	place, hadCursor := l.index[l.cursor]
	same := slices.Equal(old, list)
	if same && l.m.details.shown {
		return
	}
	selectionBefore := l.selection()
	l.machines = list
	l.index = make(map[uuid.UUID]int, len(list))
	for i, machine := range list {
		l.index[machine.UUID] = i
	}
	for id := range l.chosen {
		if _, known := l.index[id]; !known {
			delete(l.chosen, id)
		}
	}
	if _, known := l.index[l.pending]; known && l.pending != uuid.Nil {
		id := l.pending
		l.pending = uuid.Nil
		l.selectOnly(id)
		return
	}
	if len(l.chosen) == 0 && len(list) > 0 {
		next := 0
		if hadCursor {
			next = min(place, len(list)-1)
		}
		l.cursor, l.anchor = list[next].UUID, list[next].UUID
		l.chosen[l.cursor] = true
	}
	if !same {
		l.Refresh()
		if l.query != "" {
			l.showHits()
		}
	}
	if !slices.Equal(selectionBefore, l.selection()) || !l.m.details.shown {
		l.m.selectionChanged()
	}
}

func (l *machineList) selectWhenKnown(id uuid.UUID) {
	if _, known := l.index[id]; known {
		l.selectOnly(id)
		return
	}
	l.pending = id
}

// selection returns the selected machines in the list's order.
func (l *machineList) selection() []*machines.Machine {
	var list []*machines.Machine
	for id := range l.chosen {
		if i, known := l.index[id]; known {
			list = append(list, l.machines[i])
		}
	}
	slices.SortFunc(list, func(a, b *machines.Machine) int { return l.index[a.UUID] - l.index[b.UUID] })
	return list
}

// press is a click on a row: alone, with Ctrl (adds or takes away) or with Shift (from the anchor to here).
func (l *machineList) press(id uuid.UUID, mod fyne.KeyModifier) {
	l.m.window.Canvas().Focus(l)
	switch {
	case mod&fyne.KeyModifierShift != 0:
		l.extendTo(id)
	case mod&fyne.KeyModifierControl != 0:
		if l.chosen[id] && len(l.chosen) > 1 {
			delete(l.chosen, id)
		} else {
			l.chosen[id] = true
		}
		l.cursor, l.anchor = id, id
		l.changed()
	default:
		l.selectOnly(id)
	}
}

func (l *machineList) selectOnly(id uuid.UUID) {
	l.chosen = map[uuid.UUID]bool{id: true}
	l.cursor, l.anchor = id, id
	l.changed()
}

func (l *machineList) selectAll() {
	for _, machine := range l.machines {
		l.chosen[machine.UUID] = true
	}
	l.changed()
}

func (l *machineList) extendTo(id uuid.UUID) {
	from, ok := l.index[l.anchor]
	to, known := l.index[id]
	if !ok || !known {
		l.selectOnly(id)
		return
	}
	l.chosen = map[uuid.UUID]bool{}
	for i := min(from, to); i <= max(from, to); i++ {
		l.chosen[l.machines[i].UUID] = true
	}
	l.cursor = id
	l.changed()
}

func (l *machineList) changed() {
	if i, known := l.index[l.cursor]; known {
		l.ScrollTo(i)
	}
	l.Refresh()
	l.m.selectionChanged()
	if l.query != "" {
		l.showHits()
	}
}

// moveTo moves the keyboard to a row; Shift extends the selection.
func (l *machineList) moveTo(i int) {
	if len(l.machines) == 0 {
		return
	}
	id := l.machines[min(max(i, 0), len(l.machines)-1)].UUID
	if modifiers()&fyne.KeyModifierShift != 0 {
		l.extendTo(id)
	} else {
		l.selectOnly(id)
	}
}

func modifiers() fyne.KeyModifier {
	if d, ok := fyne.CurrentApp().Driver().(desktop.Driver); ok {
		return d.CurrentKeyModifiers()
	}
	return 0
}

// TypedKey implements fyne.Focusable.
func (l *machineList) TypedKey(e *fyne.KeyEvent) {
	at := l.index[l.cursor]
	page := max(1, int(l.Size().Height/rowHeight)-1)
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
		l.moveTo(len(l.machines) - 1)
	case fyne.KeyReturn, fyne.KeyEnter:
		l.m.startOrShow()
	case fyne.KeyDelete:
		l.m.remove()
	case fyne.KeyF2:
		l.m.rename()
	case fyne.KeyF5:
		l.m.refresh()
	case fyne.KeyEscape:
		l.typed = ""
	case desktop.KeyMenu:
		l.openMenu()
	}
}

// openMenu opens the context menu beside the keyboard's row.
func (l *machineList) openMenu() {
	i, known := l.index[l.cursor]
	if !known {
		return
	}
	at := fyne.CurrentApp().Driver().AbsolutePositionForObject(l)
	y := float32(i)*(rowHeight+6) - l.GetScrollOffset() + rowHeight/2
	widgets.ShowMenuAt(l.m.window.Canvas(), l.m.contextMenu(), at.AddXY(rowText, min(max(y, 0), l.Size().Height)))
}

// TypedRune implements fyne.Focusable: plain typing goes to the next machine whose name begins so.
func (l *machineList) TypedRune(r rune) {
	now := l.now()
	if now.Sub(l.typedAt) > typeAheadPause {
		l.typed = ""
	}
	l.typedAt = now
	fresh := l.typed == ""
	l.typed += strings.ToLower(string(r))
	if len(l.machines) == 0 {
		return
	}
	start := l.index[l.cursor]
	if fresh {
		start++ // the same letter again goes on to the next name
	}
	for n := range l.machines {
		machine := l.machines[(start+n)%len(l.machines)]
		if strings.HasPrefix(strings.ToLower(machine.Name), l.typed) {
			l.selectOnly(machine.UUID)
			return
		}
	}
}

// FocusGained implements fyne.Focusable.
func (l *machineList) FocusGained() {
	l.focused = true
	l.Refresh()
}

// FocusLost implements fyne.Focusable.
func (l *machineList) FocusLost() {
	l.focused = false
	l.Refresh()
}
