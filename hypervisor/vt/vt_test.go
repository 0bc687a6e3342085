package vt

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

// shown is the screen as text, one line each, without blank ends.
func shown(t *Terminal) string {
	var f Frame
	t.Snapshot(&f, -1)
	var rows []string
	for _, l := range f.Lines {
		rows = append(rows, strings.TrimRight(cellText(l.Cells), " "))
	}
	return strings.TrimRight(strings.Join(rows, "\n"), "\n")
}

func TestScreen(t *testing.T) {
	for name, tc := range map[string]struct{ in, want, cursor string }{
		"text":            {in: "ab\r\ncd", want: "ab\ncd", cursor: "2;3"},
		"wraps late":      {in: "0123456789", want: "0123456789", cursor: "1;10"},
		"wraps":           {in: "0123456789x", want: "0123456789\nx", cursor: "2;2"},
		"no wrap":         {in: "\x1b[?7l0123456789xyz", want: "012345678z", cursor: "1;10"},
		"scrolls":         {in: "1\r\n2\r\n3\r\n4\r\n5", want: "2\n3\n4\n5", cursor: "4;2"},
		"position":        {in: "\x1b[2;3Hx\x1b[99;99Hy\x1b[Hz", want: "z\n  x\n\n         y", cursor: "1;2"},
		"moves":           {in: "\x1b[3;5H\x1b[A\x1b[2Dx\x1b[2Cy\x1b[B\x1b[Gz", want: "\n  x  y\nz", cursor: "3;2"},
		"next line":       {in: "ab\x1b[Ec\x1b[2Fd", want: "db\nc", cursor: "1;2"},
		"absolute":        {in: "\x1b[4dx\x1b[5`y", want: "\n\n\nx   y", cursor: "4;6"},
		"tabs":            {in: "a\tb\x1b[3g\r\t\bc", want: "a       c", cursor: "1;10"},
		"own tabs":        {in: "\x1b[3g\x1b[1;4H\x1bH\ra\tb\x1b[Zc", want: "a  c", cursor: "1;5"},
		"erase line":      {in: "0123456789\x1b[1;4H\x1b[K\r\nabcd\x1b[2D\x1b[1Kx\r\nzz\x1b[2K", want: "012\n  xd", cursor: "3;3"},
		"erase below":     {in: "aa\r\nbb\r\ncc\x1b[2;2H\x1b[J", want: "aa\nb", cursor: "2;2"},
		"erase above":     {in: "aa\r\nbb\r\ncc\x1b[2;1H\x1b[1J", want: "\n b\ncc", cursor: "2;1"},
		"erase all":       {in: "aa\r\nbb\x1b[2J", want: "", cursor: "2;3"},
		"insert, delete":  {in: "abcdef\x1b[1;2H\x1b[2@\x1b[1;6H\x1b[P", want: "a  bcef", cursor: "1;6"},
		"erase cells":     {in: "abcdef\x1b[1;2H\x1b[2X", want: "a  def", cursor: "1;2"},
		"insert mode":     {in: "abc\r\x1b[4hxy\x1b[4lz", want: "xyzbc", cursor: "1;4"},
		"insert lines":    {in: "1\r\n2\r\n3\x1b[2H\x1b[Lx", want: "1\nx\n2\n3", cursor: "2;2"},
		"delete lines":    {in: "1\r\n2\r\n3\x1b[1H\x1b[2M", want: "3", cursor: "1;1"},
		"region":          {in: "1\r\n2\r\n3\r\n4\x1b[2;3r\x1b[3H\nx", want: "1\n3\nx\n4", cursor: "3;2"},
		"region, reverse": {in: "1\r\n2\r\n3\r\n4\x1b[2;3r\x1b[2H\x1bMx", want: "1\nx\n2\n4", cursor: "2;2"},
		"region, insert":  {in: "1\r\n2\r\n3\r\n4\x1b[1;3r\x1b[2H\x1b[L", want: "1\n\n2\n4", cursor: "2;1"},
		"origin":          {in: "\x1b[2;3r\x1b[?6hx\x1b[9Hy", want: "\nx\ny", cursor: "3;2"},
		"scroll up":       {in: "1\r\n2\r\n3\x1b[2S", want: "3", cursor: "3;2"},
		"scroll down":     {in: "1\r\n2\x1b[T", want: "\n1\n2", cursor: "2;2"},
		"repeat":          {in: "-\x1b[4bx", want: "-----x", cursor: "1;7"},
		"save":            {in: "ab\x1b7\x1b[3;3Hx\x1b8c", want: "abc\n\n  x", cursor: "1;4"},
		"alternate":       {in: "shell\x1b[?1049hvim\x1b[?1049l$", want: "shell$", cursor: "1;7"},
		"in alternate":    {in: "shell\x1b[?1049h\x1b[Hvim", want: "vim", cursor: "1;4"},
		"line drawing":    {in: "\x1b(0lqk\x1b(B|\x0e", want: "┌─┐|", cursor: "1;5"},
		"shift out":       {in: "\x1b)0a\x0ex\x0fx", want: "a│x", cursor: "1;4"},
		"UTF-8":           {in: "grün ✓", want: "grün ✓", cursor: "1;7"},
		"marks":           {in: "u\u0308e\u0301x", want: "üéx", cursor: "1;4"},
		"wide":            {in: "日本\x1b[1;3Hx", want: "日x", cursor: "1;4"},
		"half of wide":    {in: "日本\x1b[1;2Hx", want: " x本", cursor: "1;3"},
		"wide at the end": {in: "012345678日", want: "012345678\n日", cursor: "2;3"},
		"broken UTF-8":    {in: "a\xe2\x1b[1mb\xffc\xc4d", want: "a�b�c�d", cursor: "1;8"},
		"test screen":     {in: "\x1b#8\x1b[2;4H\x1b[J", want: "EEEEEEEEEE\nEEE", cursor: "2;4"},
		"reset":           {in: "abc\x1b[2;3r\x1bcx", want: "x", cursor: "1;2"},
		"unknown":         {in: "a\x1b[?9999hb\x1b[>4;2mc\x1bPqq\x1b\\d\x1b_x\x1b\\e", want: "abcde", cursor: "1;6"},
		"repeats":         {in: "ab\x1b[3b", want: "abbbb", cursor: "1;6"},
		"repeats a line":  {in: "\x1b[2;1Ha\x1b[99999b", want: "\naaaaaaaaaa\na", cursor: "3;2"},
		"strings":         {in: "a\x1b]0;title\ab\x1b]52;c;c2VjcmV0\x1b\\c", want: "abc", cursor: "1;4"},
	} {
		for _, part := range []int{1, 3, 1000} { // however the bytes come
			term := New(10, 4, 100, nil)
			for in := []byte(tc.in); len(in) > 0; {
				n := min(part, len(in))
				term.Write(in[:n])
				in = in[n:]
			}
			var f Frame
			term.Snapshot(&f, -1)
			cursor := fmt.Sprintf("%d;%d", f.Cursor.Line-f.Screen+1, f.Cursor.Column+1)
			if got := shown(term); got != tc.want || cursor != tc.cursor {
				t.Errorf("%s in parts of %d: %q at %s, want %q at %s", name, part, got, cursor, tc.want, tc.cursor)
			}
		}
	}
}

func TestColours(t *testing.T) {
	for in, want := range map[string]Cell{
		"\x1b[1;4;7;31;42mx":            {FG: Indexed(1), BG: Indexed(2), Attr: Bold | Underline | Reverse},
		"\x1b[1;31m\x1b[0mx":            {},
		"\x1b[1;31m\x1b[mx":             {},
		"\x1b[1;2;3;9m\x1b[22;23;29mx":  {},
		"\x1b[91;107mx":                 {FG: Indexed(9), BG: Indexed(15)},
		"\x1b[38;5;208;48;5;17mx":       {FG: Indexed(208), BG: Indexed(17)},
		"\x1b[38;2;1;2;3;4mx":           {FG: RGB(1, 2, 3), Attr: Underline},
		"\x1b[38:2::1:2:3;48:2:4:5:6mx": {FG: RGB(1, 2, 3), BG: RGB(4, 5, 6)},
		"\x1b[38:5:9;1mx":               {FG: Indexed(9), Attr: Bold},
		"\x1b[4:3mx":                    {Attr: Underline},
		"\x1b[4m\x1b[4:0mx":             {},
		"\x1b[58;2;9;9;9;1mx":           {Attr: Bold},
		"\x1b[31m\x1b[39;49mx":          {},
		"\x1b[38;5mx":                   {},
	} {
		term := New(10, 4, 100, nil)
		term.Write([]byte(in))
		var f Frame
		term.Snapshot(&f, -1)
		want.Rune = 'x'
		if got := f.Lines[0].Cells[0]; got != want {
			t.Errorf("%q: %+v, want %+v", in, got, want)
		}
	}
}

func TestScrollback(t *testing.T) {
	term := New(10, 3, 5, nil)
	for i := range 20 {
		fmt.Fprintf(term, "%d\r\n", i)
	}
	var f Frame
	term.Snapshot(&f, 0)
	if f.First != 13 || f.Screen != 18 || f.Top != 13 || cellText(f.Lines[0].Cells) != "13" {
		t.Errorf("%+v", f)
	}
	if got := term.All(); got != "13\n14\n15\n16\n17\n18\n19" {
		t.Errorf("%q", got)
	}
	version := f.Lines[2].Version
	fmt.Fprint(term, "20\r\n")
	term.Snapshot(&f, 15)
	if f.Top != 15 || f.Lines[0].Version != version {
		t.Error("a line changed its version by scrolling")
	}
	term.Resize(10, 5) // two come back
	if got := shown(term); got != "17\n18\n19\n20" {
		t.Errorf("%q", got)
	}
	term.Resize(10, 2)
	if got := shown(term); got != "20" {
		t.Errorf("%q", got)
	}
	term.Write([]byte("\x1b[2J\x1b[H")) // what is erased stays to be read
	if got := term.All(); !strings.HasSuffix(got, "19\n20") {
		t.Errorf("%q", got)
	}
	term.Write([]byte("\x1b[3J"))
	if got := term.All(); got != "" {
		t.Errorf("%q", got)
	}
}

func TestResizeKeepsText(t *testing.T) {
	term := New(10, 3, 5, nil)
	term.Write([]byte("0123456789\r\nab"))
	term.Resize(4, 3)
	if got := shown(term); got != "0123\nab" {
		t.Errorf("%q", got)
	}
	term.Resize(12, 3)
	if got := shown(term); got != "0123456789\nab" {
		t.Errorf("%q", got)
	}
}

func TestTextAndWords(t *testing.T) {
	term := New(10, 3, 100, nil)
	term.Write([]byte("a long line wraps\r\nls /etc/x-1.conf\r\n日本 x"))
	if got := term.All(); got != "a long line wraps\nls /etc/x-1.conf\n日本 x" {
		t.Errorf("%q", got)
	}
	if got := term.Text(Pos{0, 2}, Pos{1, 2}); got != "long line" {
		t.Errorf("%q", got)
	}
	from, until := term.Word(Pos{2, 5})
	if got := term.Text(from, until); got != "/etc/x-" {
		t.Errorf("%q", got)
	}
	if from, until = term.Word(Pos{4, 1}); term.Text(from, until) != "日本" {
		t.Errorf("%v %v", from, until)
	}
	for _, p := range []Pos{{-5, 0}, {0, -5}, {0, 500}, {500, 0}} {
		term.Text(p, Pos{1, 1})
		term.Text(Pos{0, 0}, p)
		if p.Line >= 0 && p.Column >= 0 {
			term.Word(p)
		}
	}
}

// Only questions are answered, and none of the answers is a question: a guest that echoes starts no endless talk.
func TestAnswers(t *testing.T) {
	var got []byte
	term := New(10, 4, 10, func(b []byte) { got = append(got, b...) })
	for in, want := range map[string]string{
		"\x1b[c": "\x1b[?62;22c", "\x1b[0c": "\x1b[?62;22c", "\x1b[>c": "\x1b[>1;10;0c", "\x1b[5n": "\x1b[0n", "\x1b[2;3H\x1b[6n": "\x1b[2;3R",
		"\x1b]0;evil\a\x1b[21t": "", "\x1b]52;c;?\a": "", "\x1b]10;?\a": "", "\x05": "", "\x1bP$qm\x1b\\": "", "\x1b[18t": "",
	} {
		got = nil
		term.Write([]byte(in))
		if string(got) != want {
			t.Errorf("%q is answered with %q, want %q", in, got, want)
		}
		echo := got
		got = nil
		term.Write(echo)
		if len(got) > 0 {
			t.Errorf("the answer to %q is answered with %q", in, got)
		}
	}
	got = nil
	term.Write(bytes.Repeat([]byte("\x1b[c"), 5000))
	if len(got) > 5*maxAnswer {
		t.Errorf("%d bytes of answers", len(got))
	}
}

func TestForeignStrings(t *testing.T) {
	term := New(10, 4, 10, nil)
	var f Frame
	fmt.Fprintf(term, "\x1b]2;%s\a", strings.Repeat("endless ", 1<<20))
	term.Snapshot(&f, -1)
	if n := len(f.Title); n == 0 || n > maxTitle {
		t.Errorf("a title of %d bytes", n)
	}
	fmt.Fprint(term, "\x1b]2;pay\u202epal\x01 me\a")
	if term.Snapshot(&f, -1); f.Title != "paypal me" {
		t.Errorf("%q", f.Title)
	}
}

func TestDivide(t *testing.T) {
	term := New(20, 5, 10, nil)
	fmt.Fprint(term, "$ vim\r\n\x1b[?1049h\x1b[1;31m\x1b[2;3r\x1b[?25ltext \x1b[")
	term.Divide("restarted")
	fmt.Fprint(term, "BIOS")
	if got := shown(term); got != "$ vim\n─── restarted ──────\nBIOS" {
		t.Errorf("%q", got)
	}
	var f Frame
	term.Snapshot(&f, -1)
	if !f.CursorShown || f.Alternate || f.Lines[2].Cells[0] != (Cell{Rune: 'B'}) {
		t.Errorf("%+v", f)
	}
	for range 20 {
		term.Divide("again")
	}
}

func TestModes(t *testing.T) {
	term := New(20, 5, 10, nil)
	fmt.Fprint(term, "\x1b[?1h\x1b=\x1b[?2004h\x1b[?1049h\x1b[5 q")
	if k := term.Keys(); k != (Keys{true, true, true}) {
		t.Errorf("%+v", k)
	}
	var f Frame
	if term.Snapshot(&f, -1); f.CursorStyle != CursorBar {
		t.Error(f.CursorStyle)
	}
	fmt.Fprint(term, "\x1b[?1l\x1b>\x1b[?2004l\x1b[?1049l")
	if k := term.Keys(); k != (Keys{}) {
		t.Errorf("%+v", k)
	}
	for _, c := range []struct {
		say  string
		want Mouse
	}{
		{"\x1b[?1000h", Mouse{Reports: MouseButtons}},
		{"\x1b[?1002;1006h", Mouse{MouseDrags, true}},
		{"\x1b[?1003h", Mouse{MouseMoves, true}},
		{"\x1b[?1003l", Mouse{MouseNothing, true}},
		{"\x1b[?1000h\x1bc", Mouse{}},
	} {
		if fmt.Fprint(term, c.say); term.Mouse() != c.want {
			t.Errorf("%q: %+v", c.say, term.Mouse())
		}
	}
}

// check finds what must hold after any input.
func check(t *testing.T, term *Terminal) {
	t.Helper()
	if term.x < 0 || term.x >= term.columns || term.y < 0 || term.y >= term.rows || term.top < 0 || term.top >= term.bottom || term.bottom > term.rows {
		t.Fatalf("cursor %d,%d region %d-%d of %dx%d", term.x, term.y, term.top, term.bottom, term.columns, term.rows)
	}
	for _, s := range term.screens {
		if len(s.lines) != term.rows {
			t.Fatalf("%d rows, not %d", len(s.lines), term.rows)
		}
		seen := map[uint64]bool{}
		for y, l := range s.lines {
			if len(l.cells) < term.columns || len(l.cells) > MaxColumns || seen[l.version] {
				t.Fatalf("row %d: %d cells, version %d", y, len(l.cells), l.version)
			}
			seen[l.version] = true
			for x, c := range l.cells {
				if c.Span == Tail && (x == 0 || l.cells[x-1].Span != Wide) || c.Span == Wide && (x == len(l.cells)-1 || l.cells[x+1].Span != Tail) {
					t.Fatalf("row %d: half a character at %d of %+v", y, x, l.cells)
				}
			}
		}
	}
	if len(term.title) > 4*maxTitle || term.past.len() > term.past.limit || len(term.answers) > maxAnswer {
		t.Fatal("something grows")
	}
	var f Frame
	term.Snapshot(&f, f.First+1)
	term.All()
}

func FuzzTerminal(f *testing.F) {
	for _, seed := range []string{
		"a\x1b[2;3H日本\x1b[3@\x1b[?1049h\x1b[2;4r\x1b[99M\x1b[99L\x1bM", "\x1b[38;5;1;2:3::4;m\x1b[999999999999999999999b", "\x1b]0;x\x1b\\\x1bP1$r\x9c",
		"u\u0308\xff\xe2\x80\x1b[6n\x1b[c", "\x1b#8\x1b[4h日x\x1b[1;2H\x1b[P\x1b[X\x1b[1K", "\x1b[?6h\x1b[?7l\x1b[20h\x1b(0\x0eqqq\x1b[!p",
	} {
		f.Add([]byte(seed), uint8(10), uint8(4))
	}
	f.Fuzz(func(t *testing.T, in []byte, columns, rows uint8) {
		term := New(10, 4, 20, nil)
		term.Write(in[:len(in)/2])
		check(t, term)
		term.Resize(int(columns), int(rows))
		check(t, term)
		term.Write(in[len(in)/2:])
		check(t, term)
		term.Divide("x")
		term.Resize(10, 4)
		term.Clear()
		check(t, term)
	})
}

// The same with input that is mostly sequences, which random bytes seldom are.
func TestRandomSequences(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	term := New(12, 5, 20, nil)
	finals := "@ABCDEFGHIJKLMPSTXZ`abcdefghlmnpqrsu"
	for i := range 30000 {
		switch random.IntN(8) {
		case 0:
			fmt.Fprint(term, "日本x")
		case 1:
			fmt.Fprint(term, "plain text\r\n"[:random.IntN(12)])
		case 2:
			fmt.Fprintf(term, "\x1b%c", "78DEHMc=>"[random.IntN(9)])
		case 3:
			fmt.Fprintf(term, "\x1b[?%d%c", []int{1, 5, 6, 7, 25, 47, 1047, 1048, 1049, 2004}[random.IntN(10)], "hl"[random.IntN(2)])
		case 4:
			if random.IntN(20) == 0 {
				term.Resize(1+random.IntN(20), 1+random.IntN(8))
			}
		default:
			fmt.Fprintf(term, "\x1b[%d;%d%c", random.IntN(14), random.IntN(14), finals[random.IntN(len(finals))])
		}
		if i%10 == 0 {
			check(t, term)
		}
	}
}

// bootLog is what a verbose guest prints.
func bootLog(size int) []byte {
	var b bytes.Buffer
	for i := 0; b.Len() < size; i++ {
		fmt.Fprintf(&b, "[%5d.%06d] usb 1-%d: new high-speed \x1b[1;32mUSB device\x1b[0m number %d using xhci_hcd\r\n", i/100, i, i%7, i)
	}
	return b.Bytes()
}

func BenchmarkLog(b *testing.B) {
	log := bootLog(10 << 20)
	b.SetBytes(int64(len(log)))
	b.ReportAllocs()
	for b.Loop() {
		term := New(120, 40, 10000, nil)
		for rest := log; len(rest) > 0; rest = rest[min(4096, len(rest)):] {
			term.Write(rest[:min(4096, len(rest))])
		}
	}
}

func BenchmarkSnapshot(b *testing.B) {
	term := New(240, 60, 10000, nil)
	term.Write(bootLog(1 << 20))
	var f Frame
	b.ReportAllocs()
	for b.Loop() {
		term.Snapshot(&f, -1)
	}
}
