package vt

import (
	"strings"
	"unicode"
)

// Row is one line as it is shown.
type Row struct {
	Version uint64 // the same as long as the line is the same; no two lines share one
	Cells   []Cell // as many as the terminal has columns, or fewer: the rest is blank
	Wrapped bool   // the text goes on in the next line
}

// Pos is a place: the number of a line, counted from the first one that this terminal ever had, and a column. A line keeps its number when
// it scrolls off.
type Pos struct{ Line, Column int }

// Before reports whether p comes before o in reading order.
func (p Pos) Before(o Pos) bool { return p.Line < o.Line || p.Line == o.Line && p.Column < o.Column }

// Frame is what a window shows of a terminal. Its memory is used again by the next Snapshot into it.
type Frame struct {
	Columns, Rows int
	First         int   // number of the oldest line that is kept
	Screen        int   // number of the first line of the screen
	Top           int   // number of the first line in Lines
	Lines         []Row // Rows of them
	Version       uint64

	Cursor      Pos
	CursorShown bool
	CursorStyle CursorStyle
	Alternate   bool // the screen without scroll-back
	Reverse     bool // DECSCNM
	Title       string
}

// Snapshot copies what is to be seen with line number top as first one; a negative or too large number means the end.
func (t *Terminal) Snapshot(f *Frame, top int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	f.Columns, f.Rows, f.Version = t.columns, t.rows, t.version
	f.First, f.Screen = t.past.gone, t.past.gone+t.past.len()
	f.Top = f.Screen
	if top >= 0 && top < f.Screen {
		f.Top = max(top, f.First)
	}
	f.Cursor, f.CursorShown, f.CursorStyle = Pos{f.Screen + t.y, t.x}, t.modes.showCursor, t.cursorStyle
	f.Alternate, f.Reverse, f.Title = t.on == &t.screens[1], t.modes.reverse, t.title
	for len(f.Lines) < t.rows {
		f.Lines = append(f.Lines, Row{})
	}
	f.Lines = f.Lines[:t.rows]
	for i := range f.Lines {
		l := t.numbered(f.Top + i)
		cells := l.cells[:min(len(l.cells), t.columns)]
		f.Lines[i] = Row{l.version, append(f.Lines[i].Cells[:0], cells...), l.wrapped}
	}
}

// numbered returns the line of a number between the first and the last one.
func (t *Terminal) numbered(n int) *line {
	if n -= t.past.gone; n < t.past.len() {
		return t.past.at(n)
	}
	return t.on.lines[n-t.past.len()]
}

// Keys says how a program in the guest wants special keys.
type Keys struct {
	Cursor   bool // arrows, Home and End in application mode (DECCKM)
	Keypad   bool // the keypad in application mode (DECKPAM)
	Brackets bool // pasted text in brackets (2004)
}

// Keys returns what the guest asked for last.
func (t *Terminal) Keys() Keys {
	t.mu.Lock()
	defer t.mu.Unlock()
	return Keys{t.modes.cursorKeys, t.modes.keypad, t.modes.brackets}
}

// MouseReports is what a program in the guest wants to hear of the mouse; each includes the one before.
type MouseReports uint8

// What is reported (xterm's modes 1000, 1002 and 1003).
const (
	MouseNothing MouseReports = iota
	MouseButtons              // buttons and wheel
	MouseDrags                // movements while a button is down
	MouseMoves                // all movements
)

// Mouse says whether and how a program in the guest wants to hear of the mouse.
type Mouse struct {
	Reports MouseReports
	SGR     bool // in the form that has room for any place and names the button that was released (1006)
}

// Mouse returns what the guest asked for last.
func (t *Terminal) Mouse() Mouse {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.modes.mouse
}

// Size returns the number of columns and rows.
func (t *Terminal) Size() (columns, rows int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.columns, t.rows
}

// Text returns the text from one place up to another, which is not included. Wrapped lines are one.
func (t *Terminal) Text(from, until Pos) string {
	t.mu.Lock()
	defer t.mu.Unlock()
	if from.Line < t.past.gone {
		from = Pos{t.past.gone, 0}
	}
	if end := t.past.gone + t.past.len() + t.rows; until.Line >= end {
		until = Pos{end, 0}
	}
	from.Column, until.Column = max(0, from.Column), max(0, until.Column)
	var b strings.Builder
	for n := from.Line; n <= until.Line; n++ {
		if n == until.Line && until.Column == 0 {
			break
		}
		l := t.numbered(n)
		cells := l.cells
		if n == until.Line {
			cells = cells[:min(until.Column, len(cells))]
		}
		if n == from.Line {
			cells = cells[min(from.Column, len(cells)):]
		}
		text := cellText(cells)
		goesOn := l.wrapped && n != until.Line
		if !l.wrapped {
			text = strings.TrimRight(text, " ")
		}
		b.WriteString(text)
		if !goesOn && n != until.Line {
			b.WriteByte('\n')
		}
	}
	return b.String()
}

// Line returns the text of cells.
func Line(cells []Cell) string { return cellText(cells) }

func cellText(cells []Cell) string {
	var b strings.Builder
	for _, c := range cells {
		switch {
		case c.Span == Tail:
		case c.Rune == 0:
			b.WriteByte(' ')
		default:
			b.WriteRune(c.Rune)
		}
	}
	return b.String()
}

// All returns the text of scroll-back and screen, without the blank end.
func (t *Terminal) All() string {
	text := t.Text(Pos{}, Pos{Line: 1 << 40})
	return strings.TrimRight(text, "\n")
}

// Word returns the bounds of the word at a place: a run of characters that stand together in names, paths and addresses.
func (t *Terminal) Word(p Pos) (from, until Pos) {
	t.mu.Lock()
	defer t.mu.Unlock()
	from, until = p, Pos{p.Line, p.Column + 1}
	if p.Line < t.past.gone || p.Line >= t.past.gone+t.past.len()+t.rows {
		return p, p
	}
	cells := t.numbered(p.Line).cells
	if p.Column >= len(cells) {
		return p, p
	}
	kind := class(cells[p.Column])
	for from.Column > 0 && class(cells[from.Column-1]) == kind {
		from.Column--
	}
	for until.Column < min(len(cells), t.columns) && class(cells[until.Column]) == kind {
		until.Column++
	}
	return from, until
}

func class(c Cell) int {
	switch {
	case c.Span == Tail:
		return 2
	case c.Rune == 0 || c.Rune == ' ':
		return 0
	case unicode.IsLetter(c.Rune) || unicode.IsDigit(c.Rune) || strings.ContainsRune("-_./~:@%+#=?&", c.Rune):
		return 2
	}
	return 1
}
