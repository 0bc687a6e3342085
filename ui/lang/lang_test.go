package lang

import "testing"

func use(t *testing.T, code, file string) {
	t.Helper()
	t.Cleanup(func() { _ = Use("", nil) })
	if err := Use(code, []byte(file)); err != nil {
		t.Fatal(err)
	}
}

// TestEnglishIsTheKey shows texts as they are while no language is chosen.
func TestEnglishIsTheKey(t *testing.T) {
	for _, text := range []string{"", "Go back to “%s”?", "Reading…", "100 %", `{{printf "%5d" 1}}`, "{{name"} {
		if got := L(text); got != text {
			t.Errorf("%q became %q", text, got)
		}
	}
	if got := F("%d of %s", 2, "five"); got != "2 of five" {
		t.Error(got)
	}
	for n, want := range map[int]string{0: "0 files", 1: "1 file", 2: "2 files"} {
		if got := N("%d file", "%d files", n, n); got != want {
			t.Errorf("%d: %q", n, got)
		}
	}
}

// TestCountLeftOut has forms that do not fill in everything.
func TestCountLeftOut(t *testing.T) {
	for n, want := range map[int]string{1: "one file", 2: "2 files"} {
		if got := N("one file", "%d files", n, n); got != want {
			t.Errorf("%d: %q", n, got)
		}
	}
	for n, want := range map[int]string{1: "one file of 3 GiB", 2: "2 files of 3 GiB"} {
		if got := N("one file of %[2]s", "%d files of %s", n, n, "3 GiB"); got != want {
			t.Errorf("%d: %q", n, got)
		}
	}
}

// TestTranslated takes texts that trouble Fyne's own translations: its reserved words, templates, and texts that are missing.
func TestTranslated(t *testing.T) {
	use(t, "de", `{"Description": "Beschreibung", "Other": "Anderes", "{{x}}": "{{y}}", "%s on %s": "auf %[2]s: %[1]s", "Empty": ""}`)
	for text, want := range map[string]string{
		"Description": "Beschreibung", "Other": "Anderes", "{{x}}": "{{y}}", "{{missing}}": "{{missing}}", "Missing": "Missing", "Empty": "Empty", "": "",
	} {
		if got := L(text); got != want {
			t.Errorf("%q became %q, not %q", text, got, want)
		}
	}
	if got := F("%s on %s", "disk", "web"); got != "auf web: disk" {
		t.Error(got)
	}
}

func TestPlurals(t *testing.T) {
	use(t, "pl", `{"%d files": {"one": "%d plik", "few": "%d pliki", "many": "%d plików", "other": "%d pliku"}, "%d disks": "%d dysków"}`)
	for n, want := range map[int]string{1: "1 plik", 3: "3 pliki", 5: "5 plików", 22: "22 pliki", 112: "112 plików"} {
		if got := N("%d file", "%d files", n, n); got != want {
			t.Errorf("%d: %q, not %q", n, got, want)
		}
	}
	if got := N("%d disk", "%d disks", 3, 3); got != "3 dysków" {
		t.Errorf("a text without the form: %q", got)
	}
	if got := N("%d group", "%d groups", 1, 1); got != "1 group" {
		t.Errorf("a text without a translation: %q", got)
	}
}

// TestBadFile keeps the language when a file is none.
func TestBadFile(t *testing.T) {
	use(t, "de", `{"Start": "Starten"}`)
	for _, file := range []string{"[", `{"Start": 3}`, `{"Start": ["a"]}`, `{"Start": {"one": {}}}`} {
		if Use("fr", []byte(file)) == nil {
			t.Errorf("%s is taken", file)
		}
	}
	if Use("no language", []byte("{}")) == nil {
		t.Error("a code that is none is taken")
	}
	if got := L("Start"); got != "Starten" {
		t.Errorf("the language before is gone: %q", got)
	}
}

func TestChoose(t *testing.T) {
	codes := []string{"de", "en", "pt-BR", "sr", "zh-Hans"}
	for locale, want := range map[string]string{
		"de-AT": "de", "en-GB": "", "en": "", "pt-BR": "pt-BR", "pt-PT": "pt-BR", "zh-CN": "zh-Hans", "ru-RU": "", "fr": "", "": "", "C": "", "%": "",
	} {
		if got := choose(locale, codes); got != want {
			t.Errorf("%q: %q, not %q", locale, got, want)
		}
	}
}
