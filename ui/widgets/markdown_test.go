package widgets

import (
	"strings"
	"testing"

	"fyne.io/fyne/v2/test"
	"fyne.io/fyne/v2/widget"
)

// kinds names the segments of a text and their words.
func kinds(list []widget.RichTextSegment) string {
	var b strings.Builder
	for _, s := range list {
		switch s := s.(type) {
		case *widget.TextSegment:
			switch {
			case s.Text == " ": // the gap between blocks
				b.WriteString("|")
			case s.Text == "":
				b.WriteString("¶")
			case s.Style.TextStyle.Monospace:
				b.WriteString("code(" + s.Text + ")")
			case s.Style.TextStyle.Bold:
				b.WriteString("bold(" + s.Text + ")")
			case s.Style.TextStyle.Italic:
				b.WriteString("italic(" + s.Text + ")")
			default:
				b.WriteString(s.Text)
			}
		case *widget.ListSegment:
			b.WriteString("list[")
			for _, item := range s.Items {
				b.WriteString("•" + kinds(item.(*widget.ParagraphSegment).Texts))
			}
			b.WriteString("]")
		case *widget.CodeBlockSegment:
			b.WriteString("block{" + s.Text + "}")
		case *widget.SeparatorSegment:
			b.WriteString("---")
		default:
			b.WriteString("?")
		}
	}
	return b.String()
}

func TestMarkdown(t *testing.T) {
	for text, want := range map[string]string{
		"# Firewalls\n\nClose *all* ports\nbut **22**.": "bold(Firewalls)|Close italic(all) ports but bold(22).¶",
		"- one\n- two `ls -l`\n  goes on\n\nafter":      "list[•one•two code(ls -l) goes on]|after¶",
		"1. first\n2. second":                           "list[•first•second]",
		"```\na\n\tb\n```":                              "block{a\n    b}",
		"see [the page](https://example.org/x)":         "see the page (https://example.org/x)¶",
		"see [https://a.org](https://b.org)":            "see https://a.org (https://b.org)¶",
		"![a cat](https://example.org/cat.png)":         "[picture: a cat]¶",
		"<script>alert(1)</script>":                     "<script>alert(1)</script>¶",
		"> said":                                        "italic(said)¶",
		"a\n\n***\n\nb":                                 "a¶|---|b¶",
		"- [ ] **bold** task":                           "list[•[ ] bold(bold) task]",
		"snake_case_name and 2 * 3 * 4":                 "snake_case_name and 2 * 3 * 4¶",
		"[a](b":                                         "[a](b¶",
		"[a]":                                           "[a]¶",
		"[](x) [":                                       "[](x) [¶",
		"![](x)":                                        "[picture: ]¶",
		"[a]()":                                         "a¶",
		"`":                                             "`¶",
		"** a":                                          "** a¶",
		"see <https://a.org> and <b>":                   "see https://a.org and <b>¶",
		"&#8238;evil":                                   "&#8238;evil¶",
		"```\nnever closed":                             "block{never closed}",
	} {
		if got := kinds(markdown(text)); got != want {
			t.Errorf("%q became %q, not %q", text, got, want)
		}
	}
}

// TestMarkdownIsInert shows what would act: nothing of it is more than text.
func TestMarkdownIsInert(t *testing.T) {
	test.NewTempApp(t)
	rt := NewMarkdown("[x](file:///etc/passwd) ![y](https://example.org/y.png) \u202edrow \x1b[31m")
	var walk func(list []widget.RichTextSegment)
	walk = func(list []widget.RichTextSegment) {
		for _, s := range list {
			switch s := s.(type) {
			case *widget.TextSegment:
				if strings.ContainsAny(s.Text, "\u202e\x1b") {
					t.Errorf("%q acts", s.Text)
				}
			default:
				t.Errorf("%T is not text", s)
			}
		}
	}
	walk(rt.Segments)
}

// TestMarkdownIsLinear reads texts of the greatest length that leave every mark open; the test would not end if each looked at all that follows.
func TestMarkdownIsLinear(t *testing.T) {
	for _, piece := range []string{"[x `a` ", "[", "![a](", "**a *b ", "<https://", "`", "- a\n  - b\n", "> a\n", "# [\n"} {
		markdown(strings.Repeat(piece, maxMarkdown/len(piece)))
	}
}

// FuzzMarkdown holds that no text makes the program panic.
func FuzzMarkdown(f *testing.F) {
	f.Add("# a\n- b\n  - c\n1. d\n```\ne")
	f.Fuzz(func(_ *testing.T, text string) { markdown(text) })
}
