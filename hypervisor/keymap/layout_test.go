package keymap

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const layouts = "/usr/share/qemu/keymaps" // as the distributions' packages of QEMU have it

func readLayout(t testing.TB, name string) *Layout {
	t.Helper()
	file, err := os.Open(filepath.Join(layouts, name))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	l, err := ParseLayout(file)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestLayoutsOfQEMU(t *testing.T) {
	plain := func(k uint16) []Stroke { return []Stroke{{Key: k}} }
	shift := func(k uint16) []Stroke { return []Stroke{{Key: k, Shift: true}} }
	altgr := func(k uint16) []Stroke { return []Stroke{{Key: k, AltGr: true}} }
	for _, c := range []struct {
		layout string
		r      rune
		want   []Stroke
	}{
		{"en-us", 'a', plain(A)},
		{"en-us", 'A', shift(A)},
		{"en-us", '@', shift(Key2)},
		{"en-us", '\n', plain(Enter)},
		{"en-us", '\t', plain(Tab)},
		{"en-us", ' ', plain(Space)},
		{"en-us", '|', shift(Backslash)},
		{"de", 'z', plain(Y)},
		{"de", 'y', plain(Z)},
		{"de", 'ü', plain(LeftBrace)},
		{"de", 'Ü', shift(LeftBrace)},
		{"de", 'ß', plain(Minus)},
		{"de", '@', altgr(Q)},
		{"de", '€', altgr(E)},
		{"de", '{', altgr(Key7)},
		{"de", '\\', altgr(Minus)},
		{"de", '|', altgr(Key102nd)},
		{"fr", 'a', plain(Q)},
		{"fr", 'q', plain(A)},
		{"fr", '1', shift(Key1)},
		{"fr", 'é', plain(Key2)},
		{"fr", '.', shift(Comma)},
		{"fr", '{', altgr(Key4)},
		{"fr", 'ç', plain(Key9)},
		{"es", 'á', []Stroke{{Key: Apostrophe}, {Key: A}}},
		{"es", 'Ñ', shift(Semicolon)},
		{"ru", 'я', plain(Z)},
		{"de", '漢', nil},
		{"en-us", 'é', nil},
	} {
		if got := readLayout(t, c.layout).Strokes(c.r); !slices.Equal(got, c.want) {
			t.Errorf("%s %q: %+v, want %+v", c.layout, c.r, got, c.want)
		}
	}
}

// Every layout that comes with QEMU can be read, and the Latin ones type all of ASCII.
func TestEveryLayoutOfQEMU(t *testing.T) {
	entries, err := os.ReadDir(layouts)
	if err != nil {
		t.Fatal(err)
	}
	if len(entries) < 20 {
		t.Errorf("only %d layouts", len(entries))
	}
	for _, e := range entries {
		l := readLayout(t, e.Name())
		if n := len(l.Characters()); n < 80 {
			t.Errorf("%s has only %d characters", e.Name(), n)
		}
		if !slices.Contains([]string{"en-us", "en-gb", "de", "fr", "es", "it", "sv", "pl", "pt-br", "de-ch"}, e.Name()) {
			continue
		}
		for r := rune(' '); r <= '~'; r++ {
			if l.Strokes(r) == nil {
				t.Errorf("%s cannot type %q", e.Name(), r)
			}
		}
	}
}

func TestNoLayout(t *testing.T) {
	for name, text := range map[string]string{
		"empty":     "",
		"prose":     "This is not a layout\nat all",
		"too long":  "# " + strings.Repeat("x", 1000) + strings.Repeat("\n# more", layoutSize/7),
		"many":      strings.Repeat("\n", layoutLines+1),
		"long line": strings.Repeat("x", layoutSize),
	} {
		if _, err := ParseLayout(strings.NewReader(text)); !errors.Is(err, ErrLayout) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzParseLayout(f *testing.F) {
	f.Add("a 0x1e addupper\nat 0x10 altgr\ndead_acute 0x28\nU20AC 0x12 altgr shift\n0x010000d7 0x35 shift\ninclude common\nmap 0x407")
	for _, name := range []string{"de", "fr"} {
		if text, err := os.ReadFile(filepath.Join(layouts, name)); err == nil {
			f.Add(string(text))
		}
	}
	f.Fuzz(func(t *testing.T, text string) {
		l, err := ParseLayout(strings.NewReader(text))
		if err != nil {
			return
		}
		for _, r := range append(l.Characters(), 'é', '^', 'ǘ', -1) {
			for _, s := range l.Strokes(r) {
				if _, ok := QnumFromEvdev(s.Key); !ok {
					t.Errorf("%q is typed by key %d, which no keyboard has", r, s.Key)
				}
			}
		}
	})
}
