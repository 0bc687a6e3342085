package widgets

import (
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/widget"

	"guesthouse/ui/theme"
)

// tipTable is the table in a tooltip: columns as wide as their widest cell, the first row bold. A row with one cell reaches over all columns
// and widens none.
type tipTable struct {
	widget.BaseWidget
	rows [][]string
}

func newTipTable() *tipTable {
	t := &tipTable{}
	t.ExtendBaseWidget(t)
	return t
}

func (t *tipTable) set(text string) {
	t.rows = nil
	for line := range strings.Lines(text) {
		t.rows = append(t.rows, strings.Split(strings.TrimRight(line, "\n"), "\t"))
	}
	t.Refresh()
}

// CreateRenderer implements fyne.Widget.
func (t *tipTable) CreateRenderer() fyne.WidgetRenderer {
	r := &tipTableRenderer{t: t}
	r.Refresh()
	return r
}

type tipTableRenderer struct {
	t     *tipTable
	cells []*canvas.Text // in the order of rows
	size  fyne.Size
}

const tipPad = theme.Gap2

// Refresh makes and places the cells: their places depend on their texts only.
func (r *tipTableRenderer) Refresh() {
	r.cells = nil
	var widths []float32
	for i, row := range r.t.rows {
		for j, text := range row {
			c := canvas.NewText(text, theme.Color(theme.ColorOnTooltip))
			c.TextSize, c.TextStyle = theme.TextSmall, fyne.TextStyle{Bold: i == 0}
			r.cells = append(r.cells, c)
			if len(row) == 1 {
				continue
			}
			for len(widths) <= j {
				widths = append(widths, 0)
			}
			widths[j] = max(widths[j], c.MinSize().Width)
		}
	}
	n := 0
	y, width := float32(tipPad), float32(0)
	for _, row := range r.t.rows {
		x, height := float32(tipPad), float32(0)
		for j := range row {
			c := r.cells[n]
			n++
			size := c.MinSize()
			c.Move(fyne.NewPos(x, y))
			c.Resize(size)
			height = max(height, size.Height)
			if len(row) == 1 {
				x += size.Width
			} else {
				x += widths[j] + theme.Gap4
			}
		}
		if len(row) > 1 {
			x -= theme.Gap4
		}
		width = max(width, x)
		y += height + 2
	}
	r.size = fyne.NewSize(width+tipPad, y+tipPad-2)
}

func (r *tipTableRenderer) MinSize() fyne.Size { return r.size }

func (r *tipTableRenderer) Layout(fyne.Size) {}

func (r *tipTableRenderer) Objects() []fyne.CanvasObject {
	list := make([]fyne.CanvasObject, len(r.cells))
	for i, c := range r.cells {
		list[i] = c
	}
	return list
}

func (r *tipTableRenderer) Destroy() {}
