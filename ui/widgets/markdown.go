package widgets

import (
	"regexp"
	"strings"

	"fyne.io/fyne/v2"
	fynetheme "fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"guesthouse/ui/lang"
	"guesthouse/vmconfig"
)

// maxMarkdown is the most characters of a text that are shown.
const maxMarkdown = 64 << 10

// NewMarkdown shows a foreign text in a small part of Markdown: headings, paragraphs, lists, quotations, code, bold and italic letters. Nothing in it acts: a link is its
// text with the address behind it, a picture only its name, HTML is text. Fyne's own parser fetches pictures, opens links and panics on some lists.
func NewMarkdown(text string) *widget.RichText {
	rt := widget.NewRichText(markdown(vmconfig.InertLines(text, maxMarkdown))...)
	rt.Wrapping = fyne.TextWrapWord
	return rt
}

var (
	heading  = regexp.MustCompile(`^ {0,3}(#{1,6})\s+(.*?)\s*#*\s*$`)
	bullet   = regexp.MustCompile(`^(\s*)[-*+]\s+(.*)$`)
	numbered = regexp.MustCompile(`^(\s*)[0-9]{1,9}[.)]\s+(.*)$`)
	ruler    = regexp.MustCompile(`^ {0,3}([-*_])(\s*([-*_])){2,}\s*$`)
	fence    = regexp.MustCompile("^ {0,3}(```+|~~~+)")
)

// reader collects the segments of a text, line by line.
type reader struct {
	out       []widget.RichTextSegment
	paragraph []string
	items     []widget.RichTextSegment
	ordered   bool
}

func markdown(text string) []widget.RichTextSegment {
	r := &reader{}
	lines := strings.Split(text, "\n")
	for i := 0; i < len(lines); i++ {
		line := strings.ReplaceAll(lines[i], "\t", "    ")
		if mark := fence.FindStringSubmatch(line); mark != nil {
			var code []string
			for i++; i < len(lines) && !strings.HasPrefix(strings.TrimSpace(lines[i]), mark[1]); i++ {
				code = append(code, strings.ReplaceAll(lines[i], "\t", "    "))
			}
			r.block(&widget.CodeBlockSegment{Text: strings.Join(code, "\n")})
			continue
		}
		r.line(line)
	}
	r.flush()
	return r.out
}

// put adds what stands on lines of its own, with some room before it.
func (r *reader) put(list ...widget.RichTextSegment) {
	if len(r.out) > 0 {
		r.out = append(r.out, gap())
	}
	r.out = append(r.out, list...)
}

// gap is a low empty line: Fyne sets paragraphs without any room between them.
func gap() widget.RichTextSegment {
	return &widget.TextSegment{Style: widget.RichTextStyle{SizeName: fynetheme.SizeNamePadding}, Text: " "}
}

func (r *reader) line(line string) {
	trimmed := strings.TrimSpace(line)
	switch {
	case trimmed == "":
		r.endParagraph()
	case ruler.MatchString(line):
		r.block(&widget.SeparatorSegment{})
	case heading.MatchString(line):
		found := heading.FindStringSubmatch(line)
		r.flush()
		style := widget.RichTextStyleStrong
		switch len(found[1]) {
		case 1:
			style = widget.RichTextStyleHeading
		case 2:
			style = widget.RichTextStyleSubHeading
		}
		style.Inline = false
		r.put(&widget.TextSegment{Style: style, Text: plainText(found[2])})
	case bullet.MatchString(line):
		found := bullet.FindStringSubmatch(line)
		r.item(found[1], found[2], false)
	case numbered.MatchString(line):
		found := numbered.FindStringSubmatch(line)
		r.item(found[1], found[2], true)
	case len(r.items) > 0 && len(r.paragraph) == 0 && strings.HasPrefix(line, "  "): // an item goes on
		last := r.items[len(r.items)-1].(*widget.ParagraphSegment)
		last.Texts = append(last.Texts, inline(" "+trimmed, widget.RichTextStyleInline)...)
	case strings.HasPrefix(trimmed, ">"):
		r.flush()
		style := widget.RichTextStyleBlockquote
		r.put(paragraph(strings.TrimSpace(strings.TrimLeft(trimmed, "> ")), style)...)
	default:
		r.endList()
		r.paragraph = append(r.paragraph, trimmed)
	}
}

// item adds an item to the list. A list in a list is shown with a dash.
func (r *reader) item(indent, text string, ordered bool) {
	r.endParagraph()
	if nested := len(indent) >= 2 && len(r.items) > 0; nested {
		last := r.items[len(r.items)-1].(*widget.ParagraphSegment)
		last.Texts = append(last.Texts, inline("\n– "+text, widget.RichTextStyleInline)...)
		return
	}
	if ordered != r.ordered {
		r.endList()
	}
	r.ordered = ordered
	r.items = append(r.items, &widget.ParagraphSegment{Texts: inline(text, widget.RichTextStyleInline)})
}

func (r *reader) block(s widget.RichTextSegment) {
	r.flush()
	r.put(s)
}

func (r *reader) flush() {
	r.endParagraph()
	r.endList()
}

func (r *reader) endParagraph() {
	if len(r.paragraph) > 0 {
		r.put(paragraph(strings.Join(r.paragraph, " "), widget.RichTextStyleInline)...)
		r.paragraph = nil
	}
}

func (r *reader) endList() {
	if len(r.items) > 0 {
		r.put(&widget.ListSegment{Items: r.items, Ordered: r.ordered})
		r.items = nil
	}
}

// paragraph is a text that stands on lines of its own.
func paragraph(text string, style widget.RichTextStyle) []widget.RichTextSegment {
	return append(inline(text, style), &widget.TextSegment{Style: widget.RichTextStyleParagraph})
}

// span is what stands out inside a line: code, a picture, a link, an address, bold or italic letters.
var span = regexp.MustCompile("`([^`]+)`" + `|!\[([^\]]*)\]\([^)]*\)|\[([^\]]+)\]\(([^)\s]*)[^)]*\)|<(https?://[^>\s]+)>|\*\*([^*]+)\*\*|__([^_]+)__|\*([^*\s][^*]*)\*`)

func inline(text string, style widget.RichTextStyle) []widget.RichTextSegment {
	var out []widget.RichTextSegment
	add := func(text string, style widget.RichTextStyle) {
		if text != "" {
			out = append(out, &widget.TextSegment{Style: style, Text: text})
		}
	}
	bold, italic := style, style
	bold.TextStyle.Bold, italic.TextStyle.Italic = true, true
	code := widget.RichTextStyleCodeInline
	last := 0
	for _, at := range span.FindAllStringSubmatchIndex(text, -1) {
		add(text[last:at[0]], style)
		last = at[1]
		group := func(n int) string {
			if at[2*n] < 0 {
				return ""
			}
			return text[at[2*n]:at[2*n+1]]
		}
		switch {
		case at[2] >= 0:
			add(group(1), code)
		case at[4] >= 0:
			picture := style
			picture.ColorName = fynetheme.ColorNamePlaceHolder
			add(lang.F("[picture: %s]", group(2)), picture)
		case at[6] >= 0:
			add(group(3), style)
			if address := group(4); address != "" && address != group(3) {
				add(" ("+address+")", style)
			}
		case at[10] >= 0:
			add(group(5), style)
		case at[12] >= 0:
			add(group(6), bold)
		case at[14] >= 0:
			add(group(7), bold)
		case at[16] >= 0:
			add(group(8), italic)
		}
	}
	add(text[last:], style)
	return out
}

// plainText is a line without what makes parts of it stand out.
func plainText(text string) string {
	var b strings.Builder
	for _, s := range inline(text, widget.RichTextStyleInline) {
		b.WriteString(s.Textual())
	}
	return b.String()
}
