package manager

import (
	"slices"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	fynetheme "fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"guesthouse/app/checkpoints"
)

// treePlace is where something stands in the tree: for each level above it whether the line of that level goes on below, the last one being its own.
type treePlace []bool

// treeRow is a checkpoint, or the present state (ID is empty), with its place.
type treeRow struct {
	checkpoints.Checkpoint
	place treePlace
}

// treeOf arranges checkpoints as a tree, each right before what was saved after it, the oldest first, with the present state below the current
// one. A parent that is missing makes a root; a circle, which only a damaged list has, ends.
func treeOf(list []checkpoints.Checkpoint) []treeRow {
	known := map[string]bool{}
	for _, c := range list {
		known[c.ID] = true
	}
	children := map[string][]checkpoints.Checkpoint{}
	current, present := "", false
	for _, c := range list {
		parent := c.Parent
		if !known[parent] {
			parent = ""
		}
		children[parent] = append(children[parent], c)
		if c.Current {
			current = c.ID
		}
	}
	var rows []treeRow
	var add func(parent string, above treePlace)
	add = func(parent string, above treePlace) {
		below := children[parent]
		delete(children, parent)
		slices.SortStableFunc(below, func(a, b checkpoints.Checkpoint) int { return a.Created.Compare(b.Created) })
		here := parent == current && len(list) > 0 && !present
		present = present || here
		for i, c := range below {
			place := append(slices.Clone(above), i < len(below)-1 || here)
			rows = append(rows, treeRow{c, place})
			add(c.ID, place)
		}
		if here {
			rows = append(rows, treeRow{place: append(slices.Clone(above), false)})
		}
	}
	add("", nil)
	for _, c := range list { // what only a circle holds
		if _, left := children[c.Parent]; left && c.Parent != "" {
			add(c.Parent, treePlace{false})
		}
	}
	return rows
}

const (
	indent  float32 = 12 // how far a checkpoint stands right of its parent
	deepest         = 6  // where indenting ends
)

// treeLines draws the lines that lead to a row of the tree. Roots have none.
type treeLines struct {
	widget.BaseWidget
	place treePlace
}

func newTreeLines(place treePlace) *treeLines {
	t := &treeLines{place: place[max(0, len(place)-deepest-1):]}
	t.ExtendBaseWidget(t)
	return t
}

// CreateRenderer implements fyne.Widget.
func (t *treeLines) CreateRenderer() fyne.WidgetRenderer {
	r := &treeRenderer{t: t}
	for range 2 * len(t.place) {
		r.lines = append(r.lines, &canvas.Line{StrokeWidth: 1})
	}
	r.Refresh()
	return r
}

type treeRenderer struct {
	t     *treeLines
	lines []*canvas.Line
}

// MinSize implements fyne.WidgetRenderer.
func (r *treeRenderer) MinSize() fyne.Size { return fyne.NewSize(indent*float32(len(r.t.place)-1), 0) }

// Layout implements fyne.WidgetRenderer.
func (r *treeRenderer) Layout(size fyne.Size) {
	own := len(r.t.place) - 1
	for level, goesOn := range r.t.place {
		down, across := r.lines[2*level], r.lines[2*level+1]
		setVisible(across, level == own && level > 0)
		setVisible(down, level > 0 && (goesOn || level == own))
		x := indent*float32(level-1) + indent/2
		bottom := size.Height
		if !goesOn {
			bottom /= 2
		}
		down.Position1, down.Position2 = fyne.NewPos(x, 0), fyne.NewPos(x, bottom)
		across.Position1, across.Position2 = fyne.NewPos(x, size.Height/2), fyne.NewPos(x+indent/2, size.Height/2)
	}
}

// Refresh implements fyne.WidgetRenderer.
func (r *treeRenderer) Refresh() {
	for _, l := range r.lines {
		l.StrokeColor = fynetheme.Color(fynetheme.ColorNameInputBorder)
		l.Refresh()
	}
}

// Objects implements fyne.WidgetRenderer.
func (r *treeRenderer) Objects() []fyne.CanvasObject {
	objects := make([]fyne.CanvasObject, len(r.lines))
	for i, l := range r.lines {
		objects[i] = l
	}
	return objects
}

// Destroy implements fyne.WidgetRenderer.
func (r *treeRenderer) Destroy() {}
