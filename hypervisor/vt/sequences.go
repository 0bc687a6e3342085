package vt

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/charmbracelet/x/ansi"
)

// modes are what SM, DECSET and a few escapes switch.
type modes struct {
	insert, newLine                   bool // IRM, LNM
	origin, wrap, showCursor, reverse bool // DECOM, DECAWM, DECTCEM, DECSCNM
	cursorKeys, keypad, brackets      bool // DECCKM, DECKPAM, bracketed paste
	mouse                             Mouse
}

// CursorStyle is the shape that a program asked for with DECSCUSR; the zero value is the terminal's own.
type CursorStyle uint8

// The shapes of the cursor.
const (
	CursorDefault CursorStyle = iota
	CursorBlock
	CursorUnderline
	CursorBar
)

// lineDrawing is DEC's special graphics set from 0x5f on.
var lineDrawing = []rune(" ◆▒␉␌␍␊°±␤␋┘┐┌└┼⎺⎻─⎼⎽├┤┴┬│≤≥π≠£·")

// control handles the C0 characters.
func (t *Terminal) control(b byte) {
	switch b {
	case '\b':
		t.moveColumns(-1)
	case '\t':
		t.tab(1)
	case '\n', '\v', '\f':
		t.lineFeed()
		if t.modes.newLine {
			t.x = 0
		}
	case '\r':
		t.x, t.wrapNext = 0, false
	case 0x0e:
		t.shifted = true
	case 0x0f:
		t.shifted = false
	}
}

// escape handles ESC and what follows.
func (t *Terminal) escape(cmd ansi.Cmd) {
	switch i := cmd.Intermediate(); i {
	case 0:
	case '(', ')':
		t.graphics[index(i == ')')] = cmd.Final() == '0'
		return
	case '#':
		if cmd.Final() == '8' { // DECALN
			t.top, t.bottom = 0, t.rows
			for y := range t.rows {
				l := t.lineAt(y)
				l.erase(0, t.columns, Cell{Rune: 'E'})
				t.touch(l)
			}
			t.moveTo(0, 0)
		}
		return
	default:
		return
	}
	switch cmd.Final() {
	case '7':
		t.save()
	case '8':
		t.restore()
	case 'D':
		t.lineFeed()
	case 'E':
		t.x = 0
		t.lineFeed()
	case 'H':
		t.setTab(t.x, true)
	case 'M':
		t.reverseFeed()
	case 'c':
		t.reset()
	case '=':
		t.modes.keypad = true
	case '>':
		t.modes.keypad = false
	}
}

// number returns parameter i; missing ones and zeros are def.
func number(params ansi.Params, i, def int) int {
	n, _, ok := params.Param(i, def)
	if !ok || n <= 0 {
		return def
	}
	return min(n, 1<<16)
}

// csi handles control sequences.
func (t *Terminal) csi(cmd ansi.Cmd, params ansi.Params) {
	n := number(params, 0, 1)
	switch int(cmd) {
	case '@':
		t.insertCells(n)
	case 'A':
		t.moveRows(-n)
	case 'B', 'e':
		t.moveRows(n)
	case 'C', 'a':
		t.moveColumns(n)
	case 'D':
		t.moveColumns(-n)
	case 'E':
		t.moveRows(n)
		t.x = 0
	case 'F':
		t.moveRows(-n)
		t.x = 0
	case 'G', '`':
		t.moveColumns(n - 1 - t.x)
	case 'H', 'f':
		t.moveTo(number(params, 1, 1)-1, n-1)
	case 'I':
		t.tab(n)
	case 'J':
		t.eraseInDisplay(number(params, 0, 0))
	case 'K':
		t.eraseInLine(number(params, 0, 0))
	case 'L':
		t.insertLines(n)
	case 'M':
		t.deleteLines(n)
	case 'P':
		t.deleteCells(n)
	case 'S':
		t.scrollUp(t.top, n, t.top == 0)
	case 'T':
		t.scrollDown(t.top, n)
	case 'X':
		t.eraseCells(n)
	case 'Z':
		t.backTab(n)
	case 'b':
		if t.last != 0 {
			for range min(n, t.columns) { // programs repeat within a line
				t.print(t.last)
			}
		}
	case 'd':
		t.moveTo(t.x, n-1)
	case 'g':
		switch number(params, 0, 0) {
		case 0:
			t.setTab(t.x, false)
		case 3:
			t.tabs = make([]bool, MaxColumns)
		}
	case 'm':
		t.sgr(params)
	case 'r':
		t.setRegion(number(params, 0, 1)-1, number(params, 1, t.rows))
	case 's':
		t.save()
	case 'u':
		t.restore()
	case 'h', 'l':
		t.setModes(params, cmd.Final() == 'h')
	case ansi.Command('?', 0, 'h'), ansi.Command('?', 0, 'l'):
		t.setPrivateModes(params, cmd.Final() == 'h')
	case ansi.Command('?', 0, 'J'):
		t.eraseInDisplay(number(params, 0, 0))
	case ansi.Command('?', 0, 'K'):
		t.eraseInLine(number(params, 0, 0))
	case ansi.Command(0, '!', 'p'):
		t.soften()
	case ansi.Command(0, ' ', 'q'):
		t.setCursorStyle(number(params, 0, 0))
	default:
		t.report(int(cmd), params)
	}
}

// report answers the questions that programs need answered. The answers are ours alone: nothing of what the guest wrote is in them, and none of
// them is a question when a guest echoes it.
func (t *Terminal) report(cmd int, params ansi.Params) {
	first := number(params, 0, 0)
	switch {
	case cmd == 'c' && first == 0:
		t.reply("\x1b[?62;22c") // a VT220 with colour
	case cmd == ansi.Command('>', 0, 'c') && first == 0 && len(params) < 2:
		t.reply("\x1b[>1;10;0c")
	case cmd == 'n' && first == 5:
		t.reply("\x1b[0n")
	case cmd == 'n' && first == 6:
		y := t.y
		if t.modes.origin {
			y -= t.top
		}
		t.reply(fmt.Sprintf("\x1b[%d;%dR", y+1, t.x+1))
	}
}

func (t *Terminal) reply(text string) {
	if len(t.answers)+len(text) <= maxAnswer {
		t.answers = append(t.answers, text...)
	}
}

func (t *Terminal) setRegion(top, bottom int) {
	bottom = min(bottom, t.rows)
	if top < bottom-1 || t.rows == 1 {
		t.top, t.bottom = min(top, t.rows-1), bottom
		t.moveTo(0, 0)
	}
}

func (t *Terminal) setCursorStyle(n int) {
	t.cursorStyle = CursorStyle((n + 1) / 2)
	if t.cursorStyle > CursorBar {
		t.cursorStyle = CursorDefault
	}
}

func (t *Terminal) setModes(params ansi.Params, on bool) {
	for i := range params {
		switch number(params, i, 0) {
		case 4:
			t.modes.insert = on
		case 20:
			t.modes.newLine = on
		}
	}
}

// mouseModes are the private modes that ask for the mouse; each replaces the others.
var mouseModes = map[int]MouseReports{1000: MouseButtons, 1002: MouseDrags, 1003: MouseMoves}

func (t *Terminal) setPrivateModes(params ansi.Params, on bool) {
	for i := range params {
		switch number(params, i, 0) {
		case 1:
			t.modes.cursorKeys = on
		case 5:
			t.modes.reverse = on
			for _, l := range t.on.lines {
				t.touch(l)
			}
		case 6:
			t.modes.origin = on
			t.moveTo(0, 0)
		case 7:
			t.modes.wrap = on
			t.wrapNext = t.wrapNext && on
		case 25:
			t.modes.showCursor = on
		case 1000, 1002, 1003:
			t.modes.mouse.Reports = MouseNothing
			if on {
				t.modes.mouse.Reports = mouseModes[number(params, i, 0)]
			}
		case 1006:
			t.modes.mouse.SGR = on
		case 47, 1047:
			t.alternate(on, false)
		case 1048:
			if on {
				t.save()
			} else {
				t.restore()
			}
		case 1049:
			t.alternate(on, true)
		case 2004:
			t.modes.brackets = on
		}
	}
}

// alternate changes the screen; the alternate one is always blank at first, and with save the cursor comes back to where it was.
func (t *Terminal) alternate(on, save bool) {
	was := t.on == &t.screens[1]
	switch {
	case on && !was:
		if save {
			t.save()
		}
		t.setAlternate(true)
		t.eraseLines(0, t.rows)
	case !on && was:
		t.setAlternate(false)
		if save {
			t.restore()
		}
	}
}

// osc handles what names things. Of all these only the title is taken; OSC 52 in particular would write the host's clipboard.
func (t *Terminal) osc(cmd int, data []byte) {
	if cmd != 0 && cmd != 2 {
		return
	}
	_, text, _ := strings.Cut(string(data), ";")
	t.title = clean(text)
}

// clean makes a short text of one line that shows what it is made of.
func clean(text string) string {
	out := make([]rune, 0, maxTitle)
	for _, r := range text {
		if len(out) == maxTitle {
			break
		}
		if r != utf8.RuneError && unicode.IsPrint(r) {
			out = append(out, r)
		}
	}
	return string(out)
}
