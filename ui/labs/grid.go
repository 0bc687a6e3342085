package labs

import (
	"slices"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"

	"guesthouse/ui/theme"
	"guesthouse/ui/widgets"
)

// grid lays cards out in as many columns as there is room for. It scrolls.
type grid struct {
	box     *fyne.Container // what to put into a window
	scroll  *container.Scroll
	holder  *fyne.Container
	layout  *gridLayout
	cards   []*card
	byKey   map[string]*card
	showing []string
}

func newGrid() *grid {
	g := &grid{layout: &gridLayout{columns: 1}, byKey: map[string]*card{}}
	g.holder = container.New(g.layout)
	g.scroll = widgets.NewScroll(g.holder)
	g.box = container.New(g, g.scroll)
	return g
}

// MinSize implements fyne.Layout for the box around the scroller.
func (g *grid) MinSize([]fyne.CanvasObject) fyne.Size {
	return fyne.NewSize(cardWidth+2*theme.Gap4, 200)
}

// Layout implements fyne.Layout: the number of columns follows from the width, before the scroller asks how high the cards are.
func (g *grid) Layout(_ []fyne.CanvasObject, size fyne.Size) {
	columns := max(1, int((size.Width-2*theme.Gap4+theme.Gap3)/(cardWidth+theme.Gap3)))
	if columns != g.layout.columns {
		g.layout.columns = columns
		g.holder.Refresh()
	}
	g.scroll.Resize(size)
	g.scroll.Refresh()
}

// set shows entries in this order. One that was there keeps its card, so that the focus stays where it is.
func (g *grid) set(w *Window, entries []shelfEntry) {
	var keys []string
	for _, e := range entries {
		keys = append(keys, e.key)
		c := g.byKey[e.key]
		if c == nil {
			c = newCard(w)
			g.byKey[e.key] = c
		}
		c.set(e)
	}
	if slices.Equal(keys, g.showing) {
		return
	}
	g.showing = keys
	g.cards, g.holder.Objects = nil, nil
	for _, key := range keys {
		g.cards = append(g.cards, g.byKey[key])
		g.holder.Objects = append(g.holder.Objects, g.byKey[key])
	}
	for key := range g.byKey {
		if !slices.Contains(keys, key) {
			delete(g.byKey, key)
		}
	}
	g.holder.Refresh()
	g.scroll.Refresh()
}

// focus gives the keyboard to a card's first button.
func (g *grid) focus(c fyne.Canvas, i int) {
	if i >= 0 && i < len(g.cards) {
		c.Focus(g.cards[i].main)
	}
}

// key moves between cards with the arrows.
func (g *grid) key(c *card, e *fyne.KeyEvent) bool {
	i := slices.Index(g.cards, c)
	step, ok := map[fyne.KeyName]int{fyne.KeyLeft: -1, fyne.KeyRight: 1, fyne.KeyUp: -g.layout.columns, fyne.KeyDown: g.layout.columns}[e.Name]
	if e.Name == fyne.KeyF5 {
		c.w.load()
		return true
	}
	if !ok || i < 0 {
		return false
	}
	g.focus(c.w.window.Canvas(), i+step)
	return true
}

// reveal scrolls a card into view.
func (g *grid) reveal(c *card) {
	top, bottom := c.Position().Y-theme.Gap4, c.Position().Y+c.Size().Height+theme.Gap4
	offset := g.scroll.Offset
	switch {
	case top < offset.Y:
		offset.Y = top
	case bottom > offset.Y+g.scroll.Size().Height:
		offset.Y = bottom - g.scroll.Size().Height
	default:
		return
	}
	g.scroll.ScrollToOffset(offset)
}

// gridLayout gives all cards the same size.
type gridLayout struct{ columns int }

func (l *gridLayout) height(o []fyne.CanvasObject) (h float32) {
	for _, c := range o {
		h = max(h, c.MinSize().Height)
	}
	return h
}

// MinSize implements fyne.Layout.
func (l *gridLayout) MinSize(o []fyne.CanvasObject) fyne.Size {
	rows := (len(o) + l.columns - 1) / l.columns
	return fyne.NewSize(cardWidth+2*theme.Gap4, float32(rows)*(l.height(o)+theme.Gap3)-theme.Gap3+2*theme.Gap4)
}

// Layout implements fyne.Layout. Cards grow with the window, but not beyond what looks well.
func (l *gridLayout) Layout(o []fyne.CanvasObject, size fyne.Size) {
	columns := float32(l.columns)
	width := (size.Width - 2*theme.Gap4 - (columns-1)*theme.Gap3) / columns
	width = min(width, cardWidth*1.25)
	height := l.height(o)
	for i, c := range o {
		c.Resize(fyne.NewSize(width, height))
		c.Move(fyne.NewPos(theme.Gap4+float32(i%l.columns)*(width+theme.Gap3), theme.Gap4+float32(i/l.columns)*(height+theme.Gap3)))
	}
}
