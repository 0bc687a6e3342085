package vt

// lineFeed goes down a line, and scrolls at the end of the scroll region.
func (t *Terminal) lineFeed() {
	t.wrapNext = false
	switch {
	case t.y == t.bottom-1:
		t.scrollUp(t.top, 1, t.top == 0)
	case t.y < t.rows-1:
		t.y++
	}
}

// reverseFeed is RI.
func (t *Terminal) reverseFeed() {
	t.wrapNext = false
	switch {
	case t.y == t.top:
		t.scrollDown(t.top, 1)
	case t.y > 0:
		t.y--
	}
}

// scrollUp moves the lines between from and the end of the scroll region up. keep: what leaves the main screen goes to the scroll-back.
func (t *Terminal) scrollUp(from, n int, keep bool) {
	lines := t.on.lines[from:t.bottom]
	keep = keep && t.on == &t.screens[0]
	for range min(n, len(lines)) {
		first := lines[0]
		if keep {
			t.past.push(first)
		}
		copy(lines, lines[1:])
		t.renew(first)
		lines[len(lines)-1] = first
	}
}

// scrollDown moves the lines between from and the end of the scroll region down.
func (t *Terminal) scrollDown(from, n int) {
	lines := t.on.lines[from:t.bottom]
	for range min(n, len(lines)) {
		last := lines[len(lines)-1]
		copy(lines[1:], lines)
		t.renew(last)
		lines[0] = last
	}
}

// renew makes a blank line of a used one.
func (t *Terminal) renew(l *line) {
	l.erase(0, len(l.cells), t.blank())
	l.wrapped = false
	t.touch(l)
}

// eraseLines blanks rows from to until.
func (t *Terminal) eraseLines(from, until int) {
	for y := from; y < until; y++ {
		t.renew(t.lineAt(y))
	}
}

// eraseInLine is EL: 0 from the cursor on, 1 up to the cursor, 2 all.
func (t *Terminal) eraseInLine(what int) {
	l := t.lineAt(t.y)
	switch what {
	case 0:
		l.erase(t.x, len(l.cells), t.blank())
		l.wrapped = false
	case 1:
		l.erase(0, t.x+1, t.blank())
	case 2:
		l.erase(0, len(l.cells), t.blank())
		l.wrapped = false
	default:
		return
	}
	t.wrapNext = false
	t.touch(l)
}

// eraseInDisplay is ED. Firmware and boot loaders clear the screen again and again, so what 2 erases goes to the scroll-back.
func (t *Terminal) eraseInDisplay(what int) {
	switch what {
	case 0:
		t.eraseInLine(0)
		t.eraseLines(t.y+1, t.rows)
	case 1:
		t.eraseLines(0, t.y)
		t.eraseInLine(1)
	case 2:
		if used := t.lastUsed(); t.on == &t.screens[0] && (used > 0 || !t.isBlank(0)) {
			for y := range used + 1 {
				t.past.push(t.lineAt(y))
			}
		}
		t.eraseLines(0, t.rows)
		t.wrapNext = false
	case 3:
		t.past.clear()
	}
}

// insertCells is ICH.
func (t *Terminal) insertCells(n int) {
	l := t.lineAt(t.y)
	n = min(n, t.columns-t.x)
	l.cut(t.x)
	l.cut(t.columns)
	l.cut(t.columns - n)
	copy(l.cells[t.x+n:t.columns], l.cells[t.x:t.columns-n])
	for i := range n {
		l.cells[t.x+i] = t.blank()
	}
	t.wrapNext = false
	t.touch(l)
}

// deleteCells is DCH.
func (t *Terminal) deleteCells(n int) {
	l := t.lineAt(t.y)
	n = min(n, t.columns-t.x)
	l.cut(t.x)
	l.cut(t.x + n)
	l.cut(t.columns)
	copy(l.cells[t.x:t.columns], l.cells[t.x+n:t.columns])
	for i := range n {
		l.cells[t.columns-1-i] = t.blank()
	}
	l.wrapped = false
	t.wrapNext = false
	t.touch(l)
}

// eraseCells is ECH.
func (t *Terminal) eraseCells(n int) {
	l := t.lineAt(t.y)
	l.erase(t.x, t.x+min(n, t.columns-t.x), t.blank())
	t.wrapNext = false
	t.touch(l)
}

// insertLines and deleteLines are IL and DL; outside the scroll region they do nothing.
func (t *Terminal) insertLines(n int) {
	if t.y >= t.top && t.y < t.bottom {
		t.scrollDown(t.y, n)
		t.x, t.wrapNext = 0, false
	}
}

func (t *Terminal) deleteLines(n int) {
	if t.y >= t.top && t.y < t.bottom {
		t.scrollUp(t.y, n, false)
		t.x, t.wrapNext = 0, false
	}
}

// moveTo sets the cursor, counted from the scroll region in origin mode.
func (t *Terminal) moveTo(x, y int) {
	top, bottom := 0, t.rows
	if t.modes.origin {
		top, bottom = t.top, t.bottom
		y += top
	}
	t.x, t.y, t.wrapNext = max(0, min(x, t.columns-1)), max(top, min(y, bottom-1)), false
}

// moveRows moves the cursor up or down, not out of the scroll region when it is inside.
func (t *Terminal) moveRows(n int) {
	top, bottom := 0, t.rows
	if t.y >= t.top && t.y < t.bottom {
		top, bottom = t.top, t.bottom
	}
	t.y, t.wrapNext = max(top, min(t.y+n, bottom-1)), false
}

func (t *Terminal) moveColumns(n int) {
	t.x, t.wrapNext = max(0, min(t.x+n, t.columns-1)), false
}

// tabWidth is the distance of the tab stops that nobody set.
const tabWidth = 8

func (t *Terminal) isTab(x int) bool {
	if t.tabs == nil {
		return x%tabWidth == 0
	}
	return x < len(t.tabs) && t.tabs[x]
}

func (t *Terminal) setTab(x int, on bool) {
	if t.tabs == nil {
		t.tabs = make([]bool, MaxColumns)
		for i := range t.tabs {
			t.tabs[i] = i%tabWidth == 0
		}
	}
	t.tabs[x] = on
}

func (t *Terminal) tab(n int) {
	for ; n > 0 && t.x < t.columns-1; n-- {
		for t.x++; t.x < t.columns-1 && !t.isTab(t.x); t.x++ {
		}
	}
}

func (t *Terminal) backTab(n int) {
	for ; n > 0 && t.x > 0; n-- {
		for t.x--; t.x > 0 && !t.isTab(t.x); t.x-- {
		}
	}
	t.wrapNext = false
}

func (t *Terminal) save() {
	t.on.saved = saved{t.x, t.y, t.wrapNext, t.pen, t.graphics, t.shifted, t.modes.origin}
}

func (t *Terminal) restore() {
	s := t.on.saved
	t.x, t.y = min(s.x, t.columns-1), min(s.y, t.rows-1)
	t.wrapNext, t.pen, t.graphics, t.shifted, t.modes.origin = s.wrapNext, s.pen, s.graphics, s.shifted, s.origin
}

// setAlternate changes between the main screen and the one without scroll-back.
func (t *Terminal) setAlternate(on bool) {
	to := &t.screens[index(on)]
	if t.on == to {
		return
	}
	t.on = to
	for _, l := range to.lines { // a line's version must not be one that was shown before it was hidden
		t.touch(l)
	}
}
