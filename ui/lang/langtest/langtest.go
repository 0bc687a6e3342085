// Package langtest finds texts of the windows that cannot be translated. Tests import it.
package langtest

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/test"

	"guesthouse/assets"
	"guesthouse/ui/lang"
)

// UsePseudo makes the windows of the test speak a language whose texts are the English ones in wide letters: "Ｓｔａｒｔ".
func UsePseudo(t testing.TB) {
	t.Helper()
	file, err := assets.Translation("en")
	if err != nil {
		t.Fatal(err)
	}
	var texts map[string]lang.Forms
	if err := json.Unmarshal(file, &texts); err != nil {
		t.Fatal(err)
	}
	for _, forms := range texts {
		for name, text := range forms {
			forms[name] = Wide(text)
		}
	}
	pseudo, err := json.Marshal(texts)
	if err != nil {
		t.Fatal(err)
	}
	if err := lang.Use("en", pseudo); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = lang.Use("", nil) })
}

var verb = regexp.MustCompile(`%(\[\d+\])?[0-9.]*[a-z]`)

// Wide is a text in the made-up language; what is filled in stays as it is.
func Wide(text string) string {
	var out strings.Builder
	end := 0
	for _, at := range append(verb.FindAllStringIndex(text, -1), []int{len(text), len(text)}) {
		out.WriteString(strings.Map(wide, text[end:at[0]]))
		out.WriteString(text[at[0]:at[1]])
		end = at[1]
	}
	return out.String()
}

func wide(r rune) rune {
	if plain(r) {
		return r - 'A' + 'Ａ'
	}
	return r
}

func plain(r rune) bool { return 'A' <= r && r <= 'Z' || 'a' <= r && r <= 'z' }

// Untranslated lists the visible texts of a window, its title and its tooltips that have a word of plain letters. Words of
// allowed are names, units and what else is the same in every language.
func Untranslated(w fyne.Window, allowed ...string) []string {
	found := finder{allowed: allowed}
	check := found.check
	check(w.Title())
	var walk func(fyne.CanvasObject)
	walk = func(o fyne.CanvasObject) {
		if o == nil || !o.Visible() {
			return
		}
		if tipped, ok := o.(interface{ Tip() string }); ok {
			check(tipped.Tip())
		}
		switch o := o.(type) {
		case *canvas.Text:
			check(o.Text)
		case *fyne.Container:
			for _, child := range o.Objects {
				walk(child)
			}
		case fyne.Widget:
			for _, child := range test.WidgetRenderer(o).Objects() {
				walk(child)
			}
		}
	}
	walk(w.Content())
	for _, overlay := range w.Canvas().Overlays().List() {
		walk(overlay)
	}
	return found.texts
}

// UntranslatedMenu is Untranslated for a menu, which need not be open.
func UntranslatedMenu(menu *fyne.Menu, allowed ...string) []string {
	found := finder{allowed: allowed}
	var walk func(*fyne.Menu)
	walk = func(m *fyne.Menu) {
		for _, item := range m.Items {
			found.check(item.Label)
			if item.ChildMenu != nil {
				walk(item.ChildMenu)
			}
		}
	}
	walk(menu)
	return found.texts
}

// finder collects the texts with words of plain letters that are not allowed.
type finder struct{ allowed, texts []string }

func (f *finder) check(text string) {
	words := strings.FieldsFunc(text, func(r rune) bool { return !plain(r) })
	foreign := slices.DeleteFunc(words, func(word string) bool {
		return slices.ContainsFunc(f.allowed, func(allowed string) bool {
			return word == allowed || strings.HasSuffix(text, word+"…") && strings.HasPrefix(allowed, word) // cut to fit
		})
	})
	if len(foreign) > 0 && !slices.Contains(f.texts, text) {
		f.texts = append(f.texts, text)
	}
}
