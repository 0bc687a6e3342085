package vt

// line is a row of the screen or of what scrolled off it.
type line struct {
	cells   []Cell // on the screen at least as many as it has columns; more when it was wider before
	version uint64 // another one after each change, the same for no two lines
	wrapped bool   // the text goes on in the next line
}

// set puts a cell and takes the other half of wide characters with it.
func (l *line) set(x int, c Cell) {
	l.cut(x)
	l.cut(x + 1)
	l.cells[x] = c
}

// cut ends a wide character that would reach across the left edge of column x.
func (l *line) cut(x int) {
	if x > 0 && x < len(l.cells) && l.cells[x].Span == Tail {
		l.cells[x].Rune, l.cells[x].Span = 0, Single
		l.cells[x-1].Rune, l.cells[x-1].Span = 0, Single
	}
}

// erase blanks columns from to until.
func (l *line) erase(from, until int, blank Cell) {
	l.cut(from)
	l.cut(until)
	for i := from; i < until; i++ {
		l.cells[i] = blank
	}
}

// fit makes room for columns; it never loses any.
func (l *line) fit(columns int) {
	for len(l.cells) < columns {
		l.cells = append(l.cells, Cell{})
	}
}

// history is a ring of the lines that scrolled off.
type history struct {
	lines []line
	next  int // where the next one goes, once the ring is full
	gone  int // how many were dropped
	limit int
}

func (h *history) len() int { return len(h.lines) }

// at returns line i, 0 is the oldest.
func (h *history) at(i int) *line {
	if len(h.lines) < h.limit {
		return &h.lines[i]
	}
	return &h.lines[(h.next+i)%h.limit]
}

// push takes a copy of a line without its blank end.
func (h *history) push(l *line) {
	if h.limit < 1 {
		h.gone++
		return
	}
	n := len(l.cells)
	for n > 0 && l.cells[n-1].blank() {
		n--
	}
	var room []Cell
	at := &line{}
	if len(h.lines) < h.limit {
		h.lines = append(h.lines, line{})
		at = &h.lines[len(h.lines)-1]
	} else {
		at = &h.lines[h.next]
		room = at.cells
		h.next = (h.next + 1) % h.limit
		h.gone++
	}
	if cap(room) < n || cap(room) > 2*n+32 {
		room = make([]Cell, 0, n)
	}
	*at = line{cells: append(room[:0], l.cells[:n]...), version: l.version, wrapped: l.wrapped}
}

// pop takes the newest line back; nil when there is none.
func (h *history) pop() *line {
	n := len(h.lines)
	if n == 0 {
		return nil
	}
	if h.next != 0 { // bring the ring into order first; this is rare
		h.lines = append(append(make([]line, 0, n), h.lines[h.next:]...), h.lines[:h.next]...)
		h.next = 0
	}
	l := h.lines[n-1]
	h.lines[n-1] = line{}
	h.lines = h.lines[:n-1]
	return &l
}

func (h *history) clear() {
	h.gone += len(h.lines)
	h.lines, h.next = nil, 0
}
