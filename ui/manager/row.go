package manager

import (
	"image/color"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/driver/desktop"
	fynetheme "fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"guesthouse/app/machines"
	"guesthouse/ui/lang"
	"guesthouse/ui/theme"
	"guesthouse/ui/widgets"
)

const (
	rowHeight float32 = 50
	rowLeft   float32 = 10 // before the tile
	rowText   float32 = 52 // before the texts
)

// rowLook is everything that a row shows, so that it knows when nothing changed.
type rowLook struct {
	name, checkpoint, osID string
	state                  widgets.StateLook
	selected, cursor, hit  bool
}

// machineRow is a line of the list. The list uses it for one machine after another.
type machineRow struct {
	widget.BaseWidget
	list    *machineList
	machine *machines.Machine
	look    rowLook
	hovered bool

	tile       *widgets.Picture
	name       *widgets.Text
	checkpoint *widgets.Text
	state      *widgets.StateBadge
}

var (
	_ desktop.Mouseable      = (*machineRow)(nil)
	_ desktop.Hoverable      = (*machineRow)(nil)
	_ fyne.Tappable          = (*machineRow)(nil)
	_ fyne.DoubleTappable    = (*machineRow)(nil)
	_ fyne.SecondaryTappable = (*machineRow)(nil)
)

func newMachineRow(list *machineList) *machineRow {
	r := &machineRow{
		list: list, tile: widgets.NewOSIcon("", theme.IconLarge),
		name:       widgets.NewText("", theme.TextNormal, true, fynetheme.ColorNameForeground).Elided(),
		checkpoint: widgets.NewText("", theme.TextSmall, false, theme.ColorMuted).Elided(),
		state:      widgets.NewStateBadge(widgets.StateLook{}, theme.TextSmall),
	}
	r.ExtendBaseWidget(r)
	return r
}

// set shows a machine; every property is set, because the row showed another one before.
func (r *machineRow) set(m *machines.Machine, selected, cursor, hit bool) {
	r.machine = m
	look := rowLook{name: shown(m.Name), state: stateLook(m), selected: selected, cursor: cursor, hit: hit}
	if m.Config != nil {
		look.osID = m.Config.OSID
	}
	if m.Checkpoint != "" {
		look.checkpoint = "[" + shown(m.Checkpoint) + "]"
	}
	if look == r.look {
		return
	}
	r.look = look
	r.tile.SetOS(look.osID)
	nameColor := fynetheme.ColorNameForeground
	if hit {
		nameColor = fynetheme.ColorNamePrimary
	}
	r.name.Set(look.name, nameColor)
	r.checkpoint.SetText(look.checkpoint)
	r.state.Set(look.state)
	r.Refresh()
}

// MouseDown implements desktop.Mouseable: a press selects at once, not only the release.
func (r *machineRow) MouseDown(e *desktop.MouseEvent) {
	if r.machine == nil {
		return
	}
	widgets.HideTip(r)
	if e.Button == desktop.MouseButtonPrimary {
		if e.Modifier == 0 && r.list.chosen[r.machine.UUID] { // perhaps the second press of a double click
			r.list.m.expectNow()
		}
		r.list.press(r.machine.UUID, e.Modifier)
	}
}

// MouseUp implements desktop.Mouseable.
func (r *machineRow) MouseUp(*desktop.MouseEvent) {}

// Tapped implements fyne.Tappable: MouseDown did the work; this keeps the list below from doing its own.
func (r *machineRow) Tapped(*fyne.PointEvent) {}

// DoubleTapped implements fyne.DoubleTappable: it starts or shows the machine.
func (r *machineRow) DoubleTapped(*fyne.PointEvent) {
	if r.machine != nil {
		r.list.m.startOrShow()
	}
}

// TappedSecondary implements fyne.SecondaryTappable: the context menu.
func (r *machineRow) TappedSecondary(e *fyne.PointEvent) {
	if r.machine == nil {
		return
	}
	if !r.list.chosen[r.machine.UUID] {
		r.list.press(r.machine.UUID, 0)
	}
	widgets.ShowMenuAt(r.list.m.window.Canvas(), r.list.m.contextMenu(), e.AbsolutePosition)
}

// MouseIn implements desktop.Hoverable.
func (r *machineRow) MouseIn(*desktop.MouseEvent) {
	r.hovered = true
	if r.machine != nil {
		tip := sinceText(r.machine, time.Now())
		if r.machine.Checkpoint != "" {
			tip += "\n" + lang.F("Current checkpoint: %s", shown(r.machine.Checkpoint))
		}
		widgets.ShowTip(r, tip)
	}
	r.Refresh()
}

// MouseMoved implements desktop.Hoverable.
func (r *machineRow) MouseMoved(*desktop.MouseEvent) {}

// MouseOut implements desktop.Hoverable.
func (r *machineRow) MouseOut() {
	r.hovered = false
	widgets.HideTip(r)
	r.Refresh()
}

// CreateRenderer implements fyne.Widget.
func (r *machineRow) CreateRenderer() fyne.WidgetRenderer {
	v := &rowRenderer{
		r: r, back: &canvas.Rectangle{CornerRadius: theme.Radius},
		mark: &canvas.Rectangle{CornerRadius: 2}, ring: &canvas.Rectangle{CornerRadius: theme.Radius, StrokeWidth: theme.FocusWidth},
	}
	v.update()
	return v
}

type rowRenderer struct {
	r                *machineRow
	back, mark, ring *canvas.Rectangle
}

func (v *rowRenderer) MinSize() fyne.Size { return fyne.NewSize(rowText+80, rowHeight) }

func (v *rowRenderer) Layout(size fyne.Size) {
	r := v.r
	v.back.Resize(size)
	v.ring.Resize(size)
	v.mark.Resize(fyne.NewSize(3, size.Height-20))
	v.mark.Move(fyne.NewPos(2, 10))
	r.tile.Resize(fyne.NewSquareSize(theme.IconLarge))
	r.tile.Move(fyne.NewPos(rowLeft, (size.Height-theme.IconLarge)/2))

	room := max(0, size.Width-rowText-theme.Gap2)
	lineHeight := r.name.MinSize().Height
	nameWidth := fyne.MeasureText(r.look.name, theme.TextNormal, fyne.TextStyle{Bold: true}).Width + 1
	if r.look.checkpoint != "" {
		nameWidth = min(nameWidth, room*0.65)
	}
	nameWidth = min(nameWidth, room)
	top := (size.Height - lineHeight - r.state.MinSize().Height - 1) / 2
	r.name.Resize(fyne.NewSize(nameWidth, lineHeight))
	r.name.Move(fyne.NewPos(rowText, top))
	small := r.checkpoint.MinSize().Height
	r.checkpoint.Resize(fyne.NewSize(max(0, room-nameWidth-6), small))
	r.checkpoint.Move(fyne.NewPos(rowText+nameWidth+6, top+(lineHeight-small)/2+1))
	r.state.Resize(fyne.NewSize(room, r.state.MinSize().Height))
	r.state.Move(fyne.NewPos(rowText-1, top+lineHeight+1))
}

func (v *rowRenderer) update() {
	v.back.FillColor, v.mark.FillColor = color.Transparent, color.Transparent
	v.ring.FillColor, v.ring.StrokeColor = color.Transparent, color.Transparent
	switch {
	case v.r.look.selected:
		v.back.FillColor = theme.Color(theme.ColorSelected)
		v.mark.FillColor = theme.Color(fynetheme.ColorNamePrimary)
	case v.r.hovered:
		v.back.FillColor = theme.Color(fynetheme.ColorNameHover)
	}
	if v.r.look.cursor {
		v.ring.StrokeColor = theme.Color(fynetheme.ColorNamePrimary)
	}
}

func (v *rowRenderer) Refresh() {
	v.update()
	v.Layout(v.r.Size())
	for _, o := range []*canvas.Rectangle{v.back, v.mark, v.ring} {
		canvas.Refresh(o)
	}
}

func (v *rowRenderer) Objects() []fyne.CanvasObject {
	return []fyne.CanvasObject{v.back, v.mark, v.r.tile, v.r.name, v.r.checkpoint, v.r.state, v.ring}
}
func (v *rowRenderer) Destroy() {}
