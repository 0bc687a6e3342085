package manager

import (
	"slices"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	fynetheme "fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"guesthouse/app/checkpoints"
	"guesthouse/ui/theme"
)

// treePlace is where something stands in the tree. A line of checkpoints stays in its column however long it is; where it branches, each branch but
// the one that goes on moves one column to the right and comes first. So in every column left of a row a line passes by.
type treePlace struct {
	column int
	up     bool // what is before it is above it in the same column
	across bool // what is before it is in the column to the left
	down   bool // something was saved after it
}

// treeRow is a checkpoint, or the present state (ID is empty), with its place.
type treeRow struct {
	checkpoints.Checkpoint
	place treePlace
}

// treeOf arranges checkpoints as a tree, each before what was saved after it, with the present state after the current one. What led to the present
// state is one straight line; elsewhere the longest line goes on, of several the youngest. A parent that is missing makes a root; a circle, which only a
// damaged list has, ends.
func treeOf(list []checkpoints.Checkpoint) []treeRow {
	if len(list) == 0 {
		return nil
	}
	t := &treeBuilder{parent: map[string]string{}, children: map[string][]checkpoints.Checkpoint{}, line: map[string]bool{}, size: map[string]int{}}
	for _, c := range list {
		t.parent[c.ID] = ""
	}
	for _, c := range list {
		parent := c.Parent
		if _, known := t.parent[parent]; !known {
			parent = ""
		}
		t.parent[c.ID] = parent
		t.children[parent] = append(t.children[parent], c)
		if c.Current {
			t.current = c.ID
		}
	}
	for id := t.current; id != "" && !t.line[id]; id = t.parent[id] {
		t.line[id] = true
	}
	t.add("", 0)
	for _, c := range list { // what only a circle holds
		if parent := t.parent[c.ID]; parent != "" && t.children[parent] != nil {
			t.rows = append(t.rows, treeRow{c, treePlace{down: true}})
			t.children[parent] = slices.DeleteFunc(t.children[parent], func(o checkpoints.Checkpoint) bool { return o.ID == c.ID })
			t.add(c.ID, 0)
		}
	}
	return t.rows
}

type treeBuilder struct {
	parent   map[string]string
	children map[string][]checkpoints.Checkpoint // those that are not in rows yet
	current  string
	present  bool            // the present state is in rows
	line     map[string]bool // what led to the present state
	size     map[string]int  // how many there are from a checkpoint on
	rows     []treeRow
}

// add adds what was saved after a checkpoint that stands in a column, the roots for none.
func (t *treeBuilder) add(parent string, column int) {
	below := t.children[parent]
	delete(t.children, parent)
	slices.SortStableFunc(below, func(a, b checkpoints.Checkpoint) int { return a.Created.Compare(b.Created) })
	here := parent == t.current && !t.present
	t.present = t.present || here
	main := -1 // which goes on in the column
	if parent != "" && !here {
		for i, c := range below {
			if main < 0 || t.line[c.ID] || !t.line[below[main].ID] && t.count(c.ID) >= t.count(below[main].ID) {
				main = i
			}
		}
	}
	put := func(c checkpoints.Checkpoint, place treePlace) {
		place.down = len(t.children[c.ID]) > 0 || c.ID == t.current && !t.present
		t.rows = append(t.rows, treeRow{c, place})
		t.add(c.ID, place.column)
	}
	for i, c := range below {
		switch {
		case i == main:
		case parent == "":
			put(c, treePlace{})
		default:
			put(c, treePlace{column: column + 1, across: true})
		}
	}
	switch {
	case here:
		t.rows = append(t.rows, treeRow{place: treePlace{column: column, up: parent != ""}})
	case main >= 0:
		put(below[main], treePlace{column: column, up: true})
	}
}

func (t *treeBuilder) count(id string) int {
	if n := t.size[id]; n > 0 {
		return n
	}
	t.size[id] = 1 // a circle ends here
	n := 1
	for _, c := range t.children[id] {
		n += t.count(c.ID)
	}
	t.size[id] = n
	return n
}

const (
	indent     float32 = 14 // how far a column stands right of the one before
	mostIndent float32 = 84 // of all columns together; where there are many, they stand closer
	nodeSize   float32 = 7
)

// indentFor is how far a column stands right of the one before it in a tree.
func indentFor(rows []treeRow) float32 {
	columns := 1
	for _, r := range rows {
		columns = max(columns, r.place.column+1)
	}
	return min(indent, mostIndent/float32(columns))
}

// treeLines draws the lines that lead to a row of the tree and past it, and its node, which is hollow for the present state.
type treeLines struct {
	widget.BaseWidget
	place  treePlace
	indent float32
	node   fyne.ThemeColorName
	hollow bool
}

func newTreeLines(place treePlace, indent float32, node fyne.ThemeColorName, hollow bool) *treeLines {
	t := &treeLines{place: place, indent: indent, node: node, hollow: hollow}
	t.ExtendBaseWidget(t)
	return t
}

// CreateRenderer implements fyne.Widget.
func (t *treeLines) CreateRenderer() fyne.WidgetRenderer {
	r := &treeRenderer{t: t, node: &canvas.Circle{}}
	for range t.place.column + 3 {
		r.lines = append(r.lines, &canvas.Line{StrokeWidth: 1})
	}
	r.Refresh()
	return r
}

// treeRenderer has a line for each column to the left, and then those of the place: up, down and across.
type treeRenderer struct {
	t     *treeLines
	lines []*canvas.Line
	node  *canvas.Circle
}

// MinSize implements fyne.WidgetRenderer.
func (r *treeRenderer) MinSize() fyne.Size {
	return fyne.NewSize(r.x(r.t.place.column)+nodeSize/2+1, nodeSize)
}

func (r *treeRenderer) x(column int) float32 { return nodeSize/2 + 1 + r.t.indent*float32(column) }

// Layout implements fyne.WidgetRenderer.
func (r *treeRenderer) Layout(size fyne.Size) {
	place, middle := r.t.place, size.Height/2
	line := func(i int, on bool, x1, y1, x2, y2 float32) {
		l := r.lines[i]
		setVisible(l, on)
		l.Position1, l.Position2 = fyne.NewPos(x1, y1), fyne.NewPos(x2, y2)
	}
	for column := range place.column {
		line(column, true, r.x(column), 0, r.x(column), size.Height)
	}
	x, n := r.x(place.column), place.column
	line(n, place.up, x, 0, x, middle-nodeSize/2)
	line(n+1, place.down, x, middle+nodeSize/2, x, size.Height)
	line(n+2, place.across, r.x(n-1), middle, x-nodeSize/2, middle)
	r.node.Resize(fyne.NewSquareSize(nodeSize))
	r.node.Move(fyne.NewPos(x-nodeSize/2, middle-nodeSize/2))
}

// Refresh implements fyne.WidgetRenderer.
func (r *treeRenderer) Refresh() {
	for _, l := range r.lines {
		l.StrokeColor = fynetheme.Color(fynetheme.ColorNameInputBorder)
		l.Refresh()
	}
	r.node.StrokeWidth, r.node.StrokeColor, r.node.FillColor = 1, theme.Color(r.t.node), theme.Color(r.t.node)
	if r.t.hollow {
		r.node.FillColor = theme.Color(theme.ColorSurface)
	}
	r.node.Refresh()
}

// Objects implements fyne.WidgetRenderer.
func (r *treeRenderer) Objects() []fyne.CanvasObject {
	objects := make([]fyne.CanvasObject, 0, len(r.lines)+1)
	for _, l := range r.lines {
		objects = append(objects, l)
	}
	return append(objects, r.node)
}

// Destroy implements fyne.WidgetRenderer.
func (r *treeRenderer) Destroy() {}
