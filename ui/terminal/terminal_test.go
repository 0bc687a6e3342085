package terminal

import (
	"bytes"
	"fmt"
	"image"
	"strings"
	"sync"
	"testing"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/driver/desktop"
	"fyne.io/fyne/v2/test"

	"guesthouse/hypervisor/vt"
	"guesthouse/ui/dispatch"
	"guesthouse/ui/theme"
)

const patience = 20 * time.Second

// fixture is a terminal in a window.
type fixture struct {
	*Terminal
	t     *testing.T
	queue *dispatch.Queue
	win   fyne.Window
	mu    sync.Mutex
	guest []byte
}

func newFixture(t *testing.T, appearance string) *fixture {
	t.Helper()
	a := test.NewApp()
	a.Settings().SetTheme(theme.New(appearance))
	t.Cleanup(a.Quit)
	f := &fixture{t: t, queue: &dispatch.Queue{}}
	f.Terminal = New(Options{Dispatch: f.queue, Clipboard: a.Clipboard(), Send: func(b []byte) {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.guest = append(f.guest, b...)
	}})
	f.win = test.NewWindow(f.Terminal)
	f.win.SetPadded(false)
	f.win.Resize(fyne.NewSize(700, 400))
	return f
}

// typed returns and forgets what the guest got.
func (f *fixture) typed() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	s := string(f.guest)
	f.guest = nil
	return s
}

// say lets the guest print and waits until it is painted.
func (f *fixture) say(text string) {
	f.t.Helper()
	before := f.painted
	f.Write([]byte(text))
	if !f.queue.DrainUntil(func() bool { return f.painted != before && f.pending == nil }, patience) {
		f.t.Fatal("nothing is painted")
	}
}

// row is the text of a row as it was painted last.
func (f *fixture) row(i int) string { return f.ShownLines()[i] }

// at is the middle of a cell.
func (f *fixture) at(column, row int) fyne.Position {
	c := f.cell()
	return fyne.NewPos(padding+(float32(column)+0.4)*c.Width, padding+(float32(row)+0.5)*c.Height)
}

func (f *fixture) mouseDown(column, row int, b desktop.MouseButton) {
	f.MouseDown(&desktop.MouseEvent{PointEvent: fyne.PointEvent{Position: f.at(column, row)}, Button: b})
}

func TestShowsTextAndSize(t *testing.T) {
	f := newFixture(t, theme.Dark)
	columns, rows := f.GridSize()
	if columns < 70 || rows < 20 {
		t.Fatalf("%d x %d", columns, rows)
	}
	f.say("hello\r\n\x1b[31mred\x1b[0m")
	if f.row(0) != "hello" || f.row(1) != "red" {
		t.Errorf("%q, %q", f.row(0), f.row(1))
	}
	f.SetTextSize(28)
	if c, r := f.GridSize(); c > columns/2+1 || r > rows/2+1 {
		t.Errorf("%d x %d with text twice as large", c, r)
	}
	f.ownShortcut(fyne.Key0, fyne.KeyModifierControl)
	if c, r := f.GridSize(); c != columns || r != rows {
		t.Errorf("%d x %d", c, r)
	}
}

// Only what changed is painted anew, also while the text scrolls.
func TestRepaintsOnlyChangedRows(t *testing.T) {
	f := newFixture(t, theme.Dark)
	_, rows := f.GridSize()
	for i := range rows {
		fmt.Fprintf(f.screen, "line %d\r\n", i)
	}
	f.say("")
	old := map[*row]image.Image{}
	for _, r := range f.rows {
		old[r] = r.pixels
	}
	top := f.rows[1]
	f.say("one more\r\n")
	fresh := 0
	for _, r := range f.rows {
		if old[r] == nil {
			fresh++
		}
	}
	if f.rows[0] != top || fresh > 2 {
		t.Errorf("%d of %d rows are new after one line", fresh, rows)
	}
	before := f.painted
	f.queue.Drain()
	if f.painted != before {
		t.Error("painted although nothing came")
	}
}

func TestRepaintsAreFew(t *testing.T) {
	f := newFixture(t, theme.Dark)
	start, before := time.Now(), f.paints
	for range 2000 {
		f.Write([]byte("some output of a noisy program\r\n"))
		f.queue.Drain()
	}
	if most := int(time.Since(start)/framePause) + 3; f.paints-before > most {
		t.Errorf("%d repaints, at most %d are allowed", f.paints-before, most)
	}
}

func TestScrollBack(t *testing.T) {
	f := newFixture(t, theme.Dark)
	_, rows := f.GridSize()
	if !f.thumb.Hidden {
		t.Error("a scroll bar without anything to scroll")
	}
	for i := range 200 {
		fmt.Fprintf(f.screen, "%d\r\n", i)
	}
	f.say("$ ")
	first := 200 - rows + 1
	if f.row(0) != fmt.Sprint(first) || f.thumb.Hidden {
		t.Errorf("%q", f.row(0))
	}
	f.typedShift(fyne.KeyPageUp)
	if want := fmt.Sprint(first - rows + 1); f.row(0) != want {
		t.Errorf("%q, want %q", f.row(0), want)
	}
	top := f.row(0)
	f.say("more\r\nmore\r\n") // what is read stays where it is
	if f.row(0) != top {
		t.Errorf("%q, want %q", f.row(0), top)
	}
	f.typedShift(fyne.KeyHome)
	if f.row(0) != "0" {
		t.Errorf("%q", f.row(0))
	}
	f.Scrolled(&fyne.ScrollEvent{Scrolled: fyne.NewDelta(0, -10)})
	if f.row(0) != "3" {
		t.Errorf("%q after a notch of the wheel", f.row(0))
	}
	if f.typed() != "" {
		t.Error("the guest heard of it")
	}
	f.TypedRune('x') // typing goes to the end
	if f.typed() != "x" || f.top != -1 {
		t.Error("not at the end")
	}
	f.dragThumb(0)
	if f.row(0) != "0" {
		t.Errorf("%q", f.row(0))
	}
	f.say("\x1b[?1049hvim")
	if f.row(0) != "vim" && !f.thumb.Hidden {
		t.Errorf("%q", f.row(0))
	}
	f.Scrolled(&fyne.ScrollEvent{Scrolled: fyne.NewDelta(0, 10)})
	if got := f.typed(); got != strings.Repeat("\x1b[A", 3) {
		t.Errorf("the wheel sends %q", got)
	}
}

func (f *fixture) typedShift(name fyne.KeyName) { f.Terminal.typed(name, fyne.KeyModifierShift) }

func TestSelection(t *testing.T) {
	f := newFixture(t, theme.Dark)
	f.say("ls /etc/hosts now\r\nsecond line\r\n")
	f.mouseDown(3, 0, desktop.MouseButtonPrimary)
	f.Dragged(&fyne.DragEvent{PointEvent: fyne.PointEvent{Position: f.at(6, 1)}})
	f.MouseUp(nil)
	f.DragEnd()
	if got := f.Selected(); got != "/etc/hosts now\nsecond" {
		t.Errorf("%q", got)
	}
	f.TypedShortcut(&desktop.CustomShortcut{KeyName: fyne.KeyC, Modifier: fyne.KeyModifierControl | fyne.KeyModifierShift})
	if got := f.o.Clipboard.Content(); got != "/etc/hosts now\nsecond" {
		t.Errorf("the clipboard has %q", got)
	}
	f.mouseDown(12, 3, desktop.MouseButtonPrimary)
	if got := f.Selected(); got != "" {
		t.Errorf("a click leaves %q", got)
	}
	for i, want := range []string{"", "/etc/hosts", "ls /etc/hosts now\n"} {
		f.mouseDown(8, 0, desktop.MouseButtonPrimary)
		f.MouseUp(nil)
		if got := f.Selected(); got != want {
			t.Errorf("%d clicks: %q, want %q", i+1, got, want)
		}
	}
	f.SelectAll()
	if got := strings.TrimSpace(f.Selected()); got != "ls /etc/hosts now\nsecond line" {
		t.Errorf("%q", got)
	}
	if got := f.typed(); got != "" {
		t.Errorf("the guest got %q", got)
	}
}

// What is typed while the clipboard is being read comes after the pasted text.
func TestPasteLater(t *testing.T) {
	f := newFixture(t, theme.Dark)
	var then func(string)
	f.o.ReadClipboard = func(answer func(string)) {
		if then != nil {
			t.Error("the clipboard is read twice at once")
		}
		then = answer
	}
	f.TypedRune('a')
	f.Paste()
	f.TypedRune('b')
	f.Paste()
	f.TypedKey(&fyne.KeyEvent{Name: fyne.KeyReturn})
	if got := f.typed(); got != "a" {
		t.Errorf("before the clipboard is read the guest got %q", got)
	}
	then("text")
	if got := f.typed(); got != "textb\r" {
		t.Errorf("the guest got %q", got)
	}
	then = nil
	f.Paste()
	f.TypedRune('c')
	then("")
	if got := f.typed(); got != "c" {
		t.Errorf("without a text the guest got %q", got)
	}
}

func TestPaste(t *testing.T) {
	f := newFixture(t, theme.Dark)
	f.o.Clipboard.SetContent("one\r\ntwo\n\x1b[201~rm\u009b")
	paste := &desktop.CustomShortcut{KeyName: fyne.KeyV, Modifier: fyne.KeyModifierControl | fyne.KeyModifierShift}
	f.TypedShortcut(paste)
	if got := f.typed(); got != "one\rtwo\r[201~rm" {
		t.Errorf("%q", got)
	}
	f.say("\x1b[?2004h")
	f.TypedShortcut(paste)
	if got := f.typed(); got != "\x1b[200~one\rtwo\r[201~rm\x1b[201~" {
		t.Errorf("%q", got)
	}
}

func TestKeys(t *testing.T) {
	const ctrl, alt, shift = fyne.KeyModifierControl, fyne.KeyModifierAlt, fyne.KeyModifierShift
	for _, tc := range []struct {
		name fyne.KeyName
		m    fyne.KeyModifier
		k    vt.Keys
		want string
	}{
		{fyne.KeyUp, 0, vt.Keys{}, "\x1b[A"},
		{fyne.KeyUp, 0, vt.Keys{Cursor: true}, "\x1bOA"},
		{fyne.KeyLeft, ctrl, vt.Keys{Cursor: true}, "\x1b[1;5D"},
		{fyne.KeyHome, 0, vt.Keys{}, "\x1b[H"},
		{fyne.KeyEnd, shift, vt.Keys{}, "\x1b[1;2F"},
		{fyne.KeyDelete, 0, vt.Keys{}, "\x1b[3~"},
		{fyne.KeyPageUp, alt, vt.Keys{}, "\x1b[5;3~"},
		{fyne.KeyF1, 0, vt.Keys{}, "\x1bOP"},
		{fyne.KeyF4, ctrl | shift, vt.Keys{}, "\x1b[1;6S"},
		{fyne.KeyF5, 0, vt.Keys{}, "\x1b[15~"},
		{fyne.KeyF12, 0, vt.Keys{}, "\x1b[24~"},
		{fyne.KeyReturn, 0, vt.Keys{}, "\r"},
		{fyne.KeyEnter, alt, vt.Keys{}, "\x1b\r"},
		{fyne.KeyTab, 0, vt.Keys{}, "\t"},
		{fyne.KeyTab, shift, vt.Keys{}, "\x1b[Z"},
		{fyne.KeyBackspace, 0, vt.Keys{}, "\x7f"},
		{fyne.KeyBackspace, ctrl, vt.Keys{}, "\b"},
		{fyne.KeyEscape, 0, vt.Keys{}, "\x1b"},
		{fyne.KeyA, 0, vt.Keys{}, ""},
		{desktop.KeyShiftLeft, shift, vt.Keys{}, ""},
	} {
		if got := string(specialKey(tc.name, tc.m, tc.k)); got != tc.want {
			t.Errorf("%v %v: %q, want %q", tc.name, tc.m, got, tc.want)
		}
	}
	f := newFixture(t, theme.Dark)
	for _, tc := range []struct {
		s    fyne.Shortcut
		want string
	}{
		{&fyne.ShortcutCopy{}, "\x03"},
		{&fyne.ShortcutPaste{}, "\x16"},
		{&fyne.ShortcutCut{}, "\x18"},
		{&fyne.ShortcutSelectAll{}, "\x01"},
		{&fyne.ShortcutUndo{}, "\x1a"},
		{&fyne.ShortcutRedo{}, "\x19"},
		{&fyne.ShortcutCut{Secondary: true}, "\x1b[3;2~"},
		{&desktop.CustomShortcut{KeyName: fyne.KeyD, Modifier: ctrl}, "\x04"},
		{&desktop.CustomShortcut{KeyName: fyne.KeySpace, Modifier: ctrl}, "\x00"},
		{&desktop.CustomShortcut{KeyName: fyne.KeyRightBracket, Modifier: ctrl}, "\x1d"},
		{&desktop.CustomShortcut{KeyName: fyne.KeyF, Modifier: alt}, "\x1bf"},
		{&desktop.CustomShortcut{KeyName: fyne.KeyF, Modifier: alt | shift}, "\x1bF"},
		{&desktop.CustomShortcut{KeyName: fyne.KeyX, Modifier: ctrl | alt}, "\x1b\x18"},
		{&desktop.CustomShortcut{KeyName: fyne.KeyRight, Modifier: ctrl}, "\x1b[1;5C"},
		{&desktop.CustomShortcut{KeyName: fyne.KeyL, Modifier: fyne.KeyModifierSuper}, ""},
	} {
		f.TypedShortcut(tc.s)
		if got := f.typed(); got != tc.want {
			t.Errorf("%+v: %q, want %q", tc.s, got, tc.want)
		}
	}
	f.TypedRune('ü')
	f.KeyDown(&fyne.KeyEvent{Name: fyne.KeySpace})
	f.TypedKey(&fyne.KeyEvent{Name: fyne.KeySpace})
	f.TypedRune(' ')
	if got := f.typed(); got != "ü " {
		t.Errorf("%q", got)
	}
	if !f.AcceptsTab() {
		t.Error("Tab leaves the terminal")
	}
}

// A key that the window takes does not reach the guest in any of the forms in which Fyne announces it.
func TestIntercept(t *testing.T) {
	f := newFixture(t, theme.Dark)
	f.o.Intercept = func(e *fyne.KeyEvent, down bool) bool { return down && e.Name == fyne.KeyF }
	f.KeyDown(&fyne.KeyEvent{Name: fyne.KeyF})
	f.TypedShortcut(&desktop.CustomShortcut{KeyName: fyne.KeyF, Modifier: fyne.KeyModifierControl})
	f.TypedKey(&fyne.KeyEvent{Name: fyne.KeyUp})
	f.TypedRune('f')
	if got := f.typed(); got != "" {
		t.Errorf("%q", got)
	}
	f.KeyDown(&fyne.KeyEvent{Name: fyne.KeyG})
	f.TypedRune('g')
	if got := f.typed(); got != "g" {
		t.Errorf("%q", got)
	}
}

// Every colour that a program can choose is readable on every background that it can choose, in both themes.
func TestColoursAreReadable(t *testing.T) {
	for _, appearance := range []string{theme.Light, theme.Dark} {
		f := newFixture(t, appearance)
		for fg := range 17 {
			for bg := range 17 {
				c := vt.Cell{Rune: 'x'}
				if fg < 16 {
					c.FG = vt.Indexed(uint8(fg))
				}
				if bg < 16 {
					c.BG = vt.Indexed(uint8(bg))
				}
				text, back := f.palette.of(c, false, false)
				if contrast(luminance(text), luminance(back)) < 3 {
					t.Errorf("%s: %d on %d: %v on %v", appearance, fg, bg, text, back)
				}
			}
		}
	}
}

// The picture has what the cells say: colours where they belong, and lines that meet.
func TestPicture(t *testing.T) {
	f := newFixture(t, theme.Dark)
	f.say("\x1b[42m  \x1b[0m\x1b[4mu\x1b[0m\r\n───\r\n │\u2588")
	g := f.glyphs
	pixel := func(row, x, y int) rgb {
		c := f.rows[row].pixels.RGBAAt(x, y)
		return rgb{c.R, c.G, c.B}
	}
	if got := pixel(0, g.width+1, g.height/2); got != f.palette.colors[2] {
		t.Errorf("the background is %v", got)
	}
	if got := pixel(0, 5*g.width, 2); got != f.palette.background {
		t.Errorf("beside the text: %v", got)
	}
	for x := range 3 * g.width {
		if got := pixel(1, x, g.height/2); got != f.palette.foreground {
			t.Fatalf("the line has a gap at %d: %v", x, got)
		}
	}
	if got := pixel(2, 2*g.width+1, 1); got != f.palette.foreground {
		t.Errorf("the block is %v", got)
	}
	if !f.cursor.picture.Visible() {
		t.Error("no cursor")
	}
	f.say("\x1b[?25l")
	if f.cursor.picture.Visible() {
		t.Error("a cursor that the guest has hidden")
	}
}

func TestClearAndMenu(t *testing.T) {
	f := newFixture(t, theme.Light)
	for i := range 100 {
		fmt.Fprintf(f.screen, "%d\r\n", i)
	}
	f.say("$ ")
	f.Clear()
	if got := f.Text(); got != "$" {
		t.Errorf("%q", got)
	}
	var labels []string
	for _, i := range f.ContextMenu().Items {
		labels = append(labels, i.Label)
	}
	if all := strings.Join(labels, "|"); !strings.Contains(all, "Copy") || !strings.Contains(all, "Paste") {
		t.Error(all)
	}
}

func bootLog(size int) []byte {
	var b bytes.Buffer
	for i := 0; b.Len() < size; i++ {
		fmt.Fprintf(&b, "[%5d.%06d] usb 1-%d: new high-speed \x1b[1;32mUSB device\x1b[0m number %d using xhci_hcd\r\n", i/100, i, i%7, i)
	}
	return b.Bytes()
}

// BenchmarkLog is a 10 MiB log on its way through parser and window at once: bytes a second with the window painting thirty times a second.
func BenchmarkLog(b *testing.B) {
	f := benchTerminal(b)
	log := bootLog(10 << 20)
	b.SetBytes(int64(len(log)))
	for b.Loop() {
		done := make(chan struct{})
		go func() {
			defer close(done)
			for rest := log; len(rest) > 0; rest = rest[min(32<<10, len(rest)):] {
				f.Write(rest[:min(32<<10, len(rest))])
			}
		}()
		for ended := false; !ended; {
			select {
			case <-done:
				ended = true
			case <-time.After(time.Millisecond):
			}
			f.queue.Drain()
		}
	}
	b.ReportMetric(float64(f.paints)/b.Elapsed().Seconds(), "repaints/s")
}

// BenchmarkPaintAll is one repaint in which every row is new.
func BenchmarkPaintAll(b *testing.B) {
	f := benchTerminal(b)
	for b.Loop() {
		f.look++
		f.paint()
	}
}

func benchTerminal(b *testing.B) *fixture {
	a := test.NewApp()
	b.Cleanup(a.Quit)
	a.Settings().SetTheme(theme.New(theme.Dark))
	f := &fixture{queue: &dispatch.Queue{}}
	f.Terminal = New(Options{Dispatch: f.queue, Send: func([]byte) {}})
	f.win = test.NewWindow(f.Terminal)
	f.win.Resize(fyne.NewSize(1920, 1000))
	f.screen.Write(bootLog(1 << 16))
	f.paint()
	return f
}
