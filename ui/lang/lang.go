// Package lang puts the texts of the windows into the user's language. The English text is the key, so the code reads as the
// windows do, and what a language lacks appears in English.
//
// It takes the place of Fyne's package of the same name, which executes every text as a template (texts with names of
// machines and files pass here too), writes an error for each text that a language lacks, and refuses a file with the
// text "Description" or "Other". Fyne's own widgets keep Fyne's translations.
package lang

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync/atomic"

	fynelang "fyne.io/fyne/v2/lang"
	"golang.org/x/text/feature/plural"
	"golang.org/x/text/language"

	"guesthouse/assets"
)

// table holds the texts of one language. It is not changed after it was made.
type table struct {
	tag   language.Tag
	texts map[string]Forms
}

// current is the language of the windows; nil is English.
var current atomic.Pointer[table]

// UseSystem takes the language of the user's session from those that the program has, English when it has none that fits.
// Call it before the windows are made: they do not change later. The error says why the file cannot be used.
func UseSystem() error {
	code := choose(fynelang.SystemLocale().String(), assets.Languages())
	if code == "" {
		return Use("", nil)
	}
	file, err := assets.Translation(code)
	if err != nil {
		return err
	}
	return Use(code, file)
}

// choose returns the code that serves a user of this locale best, empty when English does.
func choose(locale string, codes []string) string {
	tags := []language.Tag{language.English} // the first one is the matcher's answer when nothing fits
	names := []string{""}
	for _, code := range codes {
		if tag, err := language.Parse(code); err == nil && tag != language.English {
			tags, names = append(tags, tag), append(names, code)
		}
	}
	wanted, err := language.Parse(locale)
	if err != nil {
		return ""
	}
	_, i, confidence := language.NewMatcher(tags).Match(wanted)
	if confidence == language.No { // nothing in common but the script, say
		return ""
	}
	return names[i]
}

// Use takes the language of a BCP 47 code ("pt-BR") with the texts of a file like assets/translations/en.json. Without
// a file it is English again. After an error the language is the one before.
func Use(code string, file []byte) error {
	if len(file) == 0 {
		current.Store(nil)
		return nil
	}
	tag, err := language.Parse(code)
	if err != nil {
		return fmt.Errorf("language %q: %w", code, err)
	}
	t := &table{tag: tag}
	if err := json.Unmarshal(file, &t.texts); err != nil {
		return fmt.Errorf("translation %q: %w", code, err)
	}
	current.Store(t)
	return nil
}

// L returns a text in the user's language. A text that comes from elsewhere may be passed too: it is looked up
// whole and comes back as it is when there is no translation. Any goroutine may call it.
func L(text string) string {
	if t := current.Load(); t != nil {
		if found := t.texts[text][other]; found != "" {
			return found
		}
	}
	return text
}

// F fills in a format in the user's language, as fmt.Sprintf does. A translation may reorder: "%[2]s of %[1]s".
func F(format string, args ...any) string { return fmt.Sprintf(L(format), args...) }

// N returns the form of a text that goes with a count, filled in as by fmt.Sprintf: N("%d machine", "%d machines", n, n).
// A form may leave out the count: "One machine". The key of its translations is the English plural.
func N(singular, pluralText string, count int, args ...any) string {
	format := form(singular, pluralText, count)
	if !strings.Contains(format, "%") {
		return format
	}
	return fmt.Sprintf(format, args...)
}

func form(singular, pluralText string, count int) string {
	if t := current.Load(); t != nil {
		forms := t.texts[pluralText]
		for _, name := range []string{formNames[plural.Cardinal.MatchPlural(t.tag, max(count, -count), 0, 0, 0, 0)], other} {
			if found := forms[name]; found != "" {
				return found
			}
		}
	}
	if count == 1 {
		return singular
	}
	return pluralText
}

// Key marks an English text that stands in a table or constant and goes through L where it is shown. It returns the text.
func Key(text string) string { return text }
