package vt

import (
	"sync"

	"github.com/charmbracelet/x/ansi"
	"github.com/charmbracelet/x/ansi/parser"
	"golang.org/x/text/unicode/norm"

	"github.com/mattn/go-runewidth"
)

// Bounds of a terminal.
const (
	MaxColumns = 500
	MaxRows    = 300
	maxString  = 4096 // bytes of a title and the like that are looked at
	maxTitle   = 200  // characters
	maxAnswer  = 256  // bytes typed back for one Write
	writePart  = 4 << 10
)

// Terminal is a terminal's screen and scroll-back. Its methods may be called from any goroutine.
type Terminal struct {
	answer func([]byte)

	mu            sync.Mutex
	parser        *ansi.Parser
	utf8          decoder
	columns, rows int
	screens       [2]screen // main and alternate
	on            *screen
	past          history
	version       uint64 // of the newest change
	answers       []byte
	title         string
	cursorStyle   CursorStyle

	x, y        int
	wrapNext    bool // the cursor stands behind the last column
	pen         Cell // colours and attributes of what is written; its Rune is 0
	top, bottom int  // scroll region, bottom excluded
	tabs        []bool
	graphics    [2]bool // G0 and G1 are the line drawing set
	shifted     bool    // G1 is in use
	last        rune    // for REP
	modes       modes
}

// screen is one of the two grids with the cursor that DECSC saved on it.
type screen struct {
	lines []*line
	saved saved
}

type saved struct {
	x, y     int
	wrapNext bool
	pen      Cell
	graphics [2]bool
	shifted  bool
	origin   bool
}

// New returns a terminal that keeps as many lines as scrollback says. answer gets what the terminal has to say to the guest; it is called
// from within Write and may be nil.
func New(columns, rows, scrollback int, answer func([]byte)) *Terminal {
	if answer == nil {
		answer = func([]byte) {}
	}
	t := &Terminal{answer: answer, parser: ansi.NewParser(), past: history{limit: scrollback}}
	t.parser.SetDataSize(maxString)
	t.parser.SetHandler(ansi.Handler{Print: t.print, Execute: t.control, HandleCsi: t.csi, HandleEsc: t.escape, HandleOsc: t.osc})
	t.columns, t.rows = bounded(columns, rows)
	for i := range t.screens {
		t.screens[i].lines = make([]*line, t.rows)
		for y := range t.screens[i].lines {
			t.screens[i].lines[y] = t.newLine()
		}
	}
	t.reset()
	return t
}

func bounded(columns, rows int) (int, int) {
	return max(1, min(columns, MaxColumns)), max(1, min(rows, MaxRows))
}

// reset is what RIS does; the scroll-back stays.
func (t *Terminal) reset() {
	t.on = &t.screens[0]
	for i := range t.screens {
		t.on = &t.screens[i]
		t.eraseLines(0, t.rows)
		t.screens[i].saved = saved{}
	}
	t.on = &t.screens[0]
	t.x, t.y = 0, 0
	t.tabs = nil
	t.soften()
	t.cursorStyle, t.title, t.last = 0, "", 0
}

// soften is what DECSTR does: everything that changes how text is taken goes back to normal.
func (t *Terminal) soften() {
	t.pen, t.wrapNext = Cell{}, false
	t.top, t.bottom = 0, t.rows
	t.graphics, t.shifted = [2]bool{}, false
	t.modes = modes{wrap: true, showCursor: true}
	t.on.saved = saved{}
}

// Write takes bytes from the guest. It never fails.
func (t *Terminal) Write(p []byte) (int, error) {
	for rest := p; len(rest) > 0; {
		n := min(len(rest), writePart) // a window that draws meanwhile does not wait long
		t.mu.Lock()
		t.take(rest[:n])
		answers := t.answers
		t.answers = nil
		t.mu.Unlock()
		if len(answers) > 0 {
			t.answer(answers)
		}
		rest = rest[n:]
	}
	return len(p), nil
}

func (t *Terminal) take(p []byte) {
	for i := 0; i < len(p); i++ {
		b := p[i]
		if t.parser.State() != parser.GroundState {
			t.parser.Advance(b)
			continue
		}
		if b >= 0x80 || t.utf8.n > 0 {
			r, again := t.utf8.next(b)
			if r != 0 {
				t.print(r)
			}
			if again {
				i--
			}
			continue
		}
		if b < ' ' || b == 0x7f {
			t.parser.Advance(b)
			continue
		}
		end := i + 1
		for end < len(p) && p[end] >= ' ' && p[end] < 0x7f {
			end++
		}
		t.printASCII(p[i:end])
		i = end - 1
	}
}

// touch notes that a line changed.
func (t *Terminal) touch(l *line) {
	t.version++
	l.version = t.version
}

func (t *Terminal) newLine() *line {
	l := &line{cells: make([]Cell, t.columns)}
	t.touch(l)
	return l
}

func (t *Terminal) lineAt(y int) *line { return t.on.lines[y] }

// blank is what is left by erasing: the background colour stays (xterm's bce).
func (t *Terminal) blank() Cell { return Cell{BG: t.pen.BG} }

// printASCII writes characters that are one cell wide.
func (t *Terminal) printASCII(text []byte) {
	if t.modes.insert || t.graphics[index(t.shifted)] {
		for _, b := range text {
			t.print(rune(b))
		}
		return
	}
	t.last = rune(text[len(text)-1])
	for len(text) > 0 {
		t.wrap(1)
		l := t.lineAt(t.y)
		n := min(len(text), t.columns-t.x)
		l.cut(t.x)
		l.cut(t.x + n)
		cells := l.cells[t.x : t.x+n]
		c := t.pen
		for i := range cells {
			c.Rune = rune(text[i])
			cells[i] = c
		}
		t.touch(l)
		t.advance(n)
		text = text[n:]
	}
}

func index(on bool) int {
	if on {
		return 1
	}
	return 0
}

var widths = runewidth.Condition{} // ambiguous characters are narrow, as they are for programs in the guest

// print writes one character.
func (t *Terminal) print(r rune) {
	if t.graphics[index(t.shifted)] && r >= 0x5f && r <= 0x7e {
		r = lineDrawing[r-0x5f]
	}
	width := 1
	if r >= 0x7f {
		if width = widths.RuneWidth(r); width == 0 {
			t.combine(r)
			return
		}
	}
	if width > t.columns {
		return
	}
	t.last = r
	t.wrap(width)
	l := t.lineAt(t.y)
	if t.modes.insert {
		t.insertCells(width)
	}
	c := t.pen
	c.Rune = r
	if width == 2 {
		l.cut(t.x)
		l.cut(t.x + 2)
		l.cells[t.x+1] = c
		l.cells[t.x+1].Rune, l.cells[t.x+1].Span = 0, Tail
		c.Span = Wide
		l.cells[t.x] = c
	} else {
		l.set(t.x, c)
	}
	t.touch(l)
	t.advance(width)
}

// wrap goes to the next line when the last one is full, or a wide character does not fit into what is left of it.
func (t *Terminal) wrap(width int) {
	switch {
	case t.wrapNext && t.modes.wrap, t.x+width > t.columns && t.modes.wrap:
		t.lineAt(t.y).wrapped = true
		t.x, t.wrapNext = 0, false
		t.lineFeed()
	case t.x+width > t.columns:
		t.x = t.columns - width
	}
}

func (t *Terminal) advance(n int) {
	t.x += n
	if t.x >= t.columns {
		t.x = t.columns - 1
		t.wrapNext = t.modes.wrap
	}
}

// combine joins a mark to the character before it where both make up one character. Others are left out: a cell holds one.
func (t *Terminal) combine(r rune) {
	x := t.x - 1
	if t.wrapNext {
		x = t.x
	}
	l := t.lineAt(t.y)
	if x > 0 && l.cells[x].Span == Tail {
		x--
	}
	if x < 0 || l.cells[x].Rune == 0 {
		return
	}
	joined := []rune(norm.NFC.String(string([]rune{l.cells[x].Rune, r})))
	if len(joined) == 1 {
		l.cells[x].Rune = joined[0]
		t.touch(l)
	}
}

// Resize changes the size. Rows that no longer fit go to the scroll-back and come back from there; text is not wrapped anew.
func (t *Terminal) Resize(columns, rows int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	columns, rows = bounded(columns, rows)
	if columns == t.columns && rows == t.rows {
		return
	}
	for i := range t.screens {
		s := &t.screens[i]
		y := &s.saved.y
		if s == t.on {
			y = &t.y
		}
		t.resizeRows(s, rows, i == 0, y)
		for _, l := range s.lines {
			if len(l.cells) < columns {
				l.fit(columns)
			}
			t.touch(l)
		}
		s.saved.x, s.saved.y = min(s.saved.x, columns-1), min(s.saved.y, rows-1)
	}
	t.columns, t.rows = columns, rows
	t.x, t.y, t.wrapNext = min(t.x, columns-1), min(t.y, rows-1), false
	t.top, t.bottom = 0, rows
}

func (t *Terminal) resizeRows(s *screen, rows int, keep bool, y *int) {
	for len(s.lines) > rows {
		if last := len(s.lines) - 1; *y < last {
			s.lines = s.lines[:last]
			continue
		}
		if keep {
			t.past.push(s.lines[0])
		}
		s.lines = s.lines[1:]
		*y = max(0, *y-1)
	}
	for len(s.lines) < rows {
		var l *line
		if keep {
			l = t.past.pop()
		}
		if l == nil {
			s.lines = append(s.lines, t.newLine())
			continue
		}
		l.fit(t.columns)
		s.lines = append([]*line{l}, s.lines...)
		*y++
	}
	s.lines = append(make([]*line, 0, rows), s.lines...)
}

// Divide begins a new page: what follows has nothing to do with what came before, since the machine or the line started anew. The text of
// before stays, a line with a text of ours comes below it, and all modes are as they are at the beginning.
func (t *Terminal) Divide(text string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.parser.Reset()
	t.utf8 = decoder{}
	t.setAlternate(false)
	t.soften()
	t.cursorStyle = 0
	t.y = t.lastUsed()
	if t.y < t.rows-1 && !t.isBlank(t.y) {
		t.y++
	} else if !t.isBlank(t.y) {
		t.lineFeed()
	}
	t.x = 0
	l := t.lineAt(t.y)
	runes := []rune(text)
	for x := range t.columns {
		c := Cell{Rune: '─', Attr: Faint}
		if i := x - 4; i >= 0 && i < len(runes) {
			c.Rune = runes[i]
		} else if i == -1 || i == len(runes) {
			c.Rune = ' '
		}
		l.set(x, c)
	}
	t.touch(l)
	t.lineFeed()
}

func (t *Terminal) isBlank(y int) bool {
	for _, c := range t.lineAt(y).cells {
		if !c.blank() {
			return false
		}
	}
	return true
}

// lastUsed is the last row with anything in it.
func (t *Terminal) lastUsed() int {
	for y := t.rows - 1; y > 0; y-- {
		if !t.isBlank(y) {
			return y
		}
	}
	return 0
}

// Clear forgets the scroll-back and all of the screen but the cursor's line, as a user's wish.
func (t *Terminal) Clear() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.past.clear()
	if t.on == &t.screens[0] {
		for t.y > 0 {
			l := t.on.lines[0]
			copy(t.on.lines, t.on.lines[1:])
			l.erase(0, len(l.cells), Cell{})
			t.on.lines[t.rows-1] = l
			t.y--
			t.touch(l)
		}
		t.eraseLines(1, t.rows)
	}
}
