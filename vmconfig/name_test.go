package vmconfig

import (
	"errors"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/uuid"
	"golang.org/x/text/unicode/norm"
)

func TestCheckName(t *testing.T) {
	for _, name := range []string{
		"a", "Debian 12", "Übung (2) +@#_-.", "机器", "машина", "a&b's ]]", "$(id)", ";reboot", "`x`", "{{.}}", "1", "83f2", "a.b", "x~y^z",
		strings.Repeat("x", MaxNameBytes), "क्षि", "🐧 penguin",
	} {
		if err := CheckName(name, nil); err != nil {
			t.Errorf("%q refused: %v", name, err)
		}
	}
	for _, name := range []string{
		"", " ", "   ", " a", "a ", "-a", ".a", ".", "..", "a/b", `a\b`, "a:b", "a,b", `a"b`, "a<b", "a>b", "a|b", "a?b", "a*b", "a%b", "%s%n",
		"a\nb", "a\tb", "a\x00b", "a\x7fb", "a\u0085b", "\u202eabc", "vm1\u200b", "a\u2066b", "a\u00a0b", "a\u3000b", "a\ufeffb", "e\u0301", "\u0301a",
		"\xff", "a\xed\xa0\x80", "a\ufffe", "a\U0010ffff", "a\ue000", "a\u0378", "a\u3164", "a\ufe0f", "\u2800",
		strings.Repeat("x", MaxNameBytes+1), strings.Repeat("ü", MaxNameBytes/2+1), strings.Repeat("x", 10<<20),
		"6f1c1d0a-52b5-4b53-9a3b-0d6f3c2a1b00", "6F1C1D0A52B54B539A3B0D6F3C2A1B00", "{6f1c1d0a-52b5-4b53-9a3b-0d6f3c2a1b00}",
	} {
		err := CheckName(name, nil)
		var fault Fault
		if !errors.Is(err, ErrName) || !errors.As(err, &fault) || fault.Field != FieldName || fault.Message == "" || len(fault.Value) > 4*shownValue {
			t.Errorf("%.40q: %v", name, err)
		}
	}
	taken := []string{"Straße", "ﬁle", "vm1", "Ⅳ", strings.Repeat("x", 1<<20)}
	for _, name := range []string{"STRASSE", "straße", "file", "FILE", "VM1", "iv"} {
		if err := CheckName(name, taken); !errors.Is(err, ErrNameTaken) {
			t.Errorf("%q: %v", name, err)
		}
	}
	if err := CheckName("vm2", taken); err != nil {
		t.Error(err)
	}
	if other, ok := LookAlike("ѵm1", taken); !ok || other != "vm1" {
		t.Errorf("Cyrillic: %q", other)
	}
	for _, name := range []string{"vml", "vm1", "vm2"} {
		if other, ok := LookAlike(name, taken); ok {
			t.Errorf("%q looks like %q", name, other)
		}
	}
}

func FuzzCheckName(f *testing.F) {
	for _, name := range []string{"a", "a/b", "\u202e", "é", "e\u0301", "\xff", "..", "A1", "ﬁ"} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		if CheckName(name, nil) != nil {
			return
		}
		if !utf8.ValidString(name) || !norm.NFC.IsNormalString(name) || len(name) > MaxNameBytes || strings.ContainsAny(name, "\x00/\n") ||
			strings.TrimSpace(name) != name || Inert(name, 1000) != name {
			t.Errorf("accepted %q", name)
		}
		if !errors.Is(CheckName(name, []string{name}), ErrNameTaken) {
			t.Errorf("%q is not the same as itself", name)
		}
	})
}

func TestSlug(t *testing.T) {
	id := uuid.MustParse("6f1c1d0a-52b5-4b53-9a3b-0d6f3c2a1b00")
	for name, want := range map[string]string{
		"Debian 12": "debian-12-6f1c1d0a", "Übung: Ä/ö": "ubung-a-o-6f1c1d0a", "机器": "machine-6f1c1d0a", "": "machine-6f1c1d0a", "../../etc": "etc-6f1c1d0a",
		"--x--": "x-6f1c1d0a", strings.Repeat("ab ", 40): strings.TrimSuffix(strings.Repeat("ab-", 11), "-")[:32] + "-6f1c1d0a",
	} {
		got := Slug(name, id)
		if got != want && !(len(name) > 100 && strings.HasPrefix(got, "ab-ab-")) {
			t.Errorf("Slug(%q) = %q, want %q", name, got, want)
		}
		if !regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,31}-[0-9a-f]{8}$`).MatchString(got) {
			t.Errorf("Slug(%q) = %q", name, got)
		}
	}
}

func TestInert(t *testing.T) {
	for _, c := range []struct {
		text string
		max  int
		want string
	}{
		{"plain ü 机", 100, "plain ü 机"},
		{"a\nb\tc\x1b[31m", 100, "a␊b␉c␛[31m"},
		{"a\u202eb\u200b", 100, "a<U+202E>b<U+200B>"},
		{"\xff\x00\x7f", 100, `\xff␀␡`},
		{"abcdef", 6, "abcdef"},
		{"abcdefg", 6, "abcde…"},
		{"\u202e", 3, "…"},
		{"abc", 0, ""},
	} {
		if got := Inert(c.text, c.max); got != c.want {
			t.Errorf("Inert(%q, %d) = %q, want %q", c.text, c.max, got, c.want)
		}
	}
	if got := InertLines("a\n\tb\r", 10); got != "a\n\tb␍" {
		t.Errorf("%q", got)
	}
	if got := Inert(strings.Repeat("x", 10<<20), 4096); utf8.RuneCountInString(got) != 4096 {
		t.Error("not capped")
	}
}
