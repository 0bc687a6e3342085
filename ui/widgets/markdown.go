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

// longestSpan is the most bytes of what stands out inside a line. Its end is looked for no further, so that a hostile text costs no more than a kind one.
const longestSpan = 1000

// until returns what stands before the first mark of a text, and whether it is there and not empty.
func until(text, mark string) (string, bool) {
	text = text[:min(len(text), longestSpan)]
	at := strings.Index(text, mark)
	return text[:max(0, at)], at > 0
}

// inlineReader collects the segments of a line.
type inlineReader struct {
	out   []widget.RichTextSegment
	style widget.RichTextStyle
}

func (r *inlineReader) add(text string, style widget.RichTextStyle) {
	if text != "" {
		r.out = append(r.out, &widget.TextSegment{Style: style, Text: text})
	}
}

func inline(text string, style widget.RichTextStyle) []widget.RichTextSegment {
	r := &inlineReader{style: style}
	plain := 0 // where the text begins that was not added yet
	for i := 0; i < len(text); {
		at := strings.IndexAny(text[i:], "`![<*_")
		if at < 0 {
			break
		}
		i += at
		before := len(r.out)
		r.add(text[plain:i], style)
		if size := r.span(text, i); size > 0 {
			i += size
			plain = i
			continue
		}
		r.out = r.out[:before] // it was nothing but text
		i++
	}
	r.add(text[plain:], style)
	return r.out
}

// span adds what stands out at a place of a text: code, a picture, a link, an address, bold or italic letters. It returns how many bytes that is, 0 for nothing.
func (r *inlineReader) span(text string, i int) int {
	rest := text[i:]
	bold, italic := r.style, r.style
	bold.TextStyle.Bold, italic.TextStyle.Italic = true, true
	switch {
	case rest[0] == '`':
		if code, ok := until(rest[1:], "`"); ok {
			r.add(code, widget.RichTextStyleCodeInline)
			return len(code) + 2
		}
	case strings.HasPrefix(rest, "!["):
		if name, _, size := link(rest[1:]); size > 0 {
			picture := r.style
			picture.ColorName = fynetheme.ColorNamePlaceHolder
			r.add(lang.F("[picture: %s]", name), picture)
			return size + 1
		}
	case rest[0] == '[':
		if name, address, size := link(rest); size > 0 && name != "" {
			r.add(name, r.style)
			if address != "" && address != name {
				r.add(" ("+address+")", r.style)
			}
			return size
		}
	case strings.HasPrefix(rest, "<http://"), strings.HasPrefix(rest, "<https://"):
		if address, ok := until(rest[1:], ">"); ok && !strings.ContainsAny(address, " \t\n") {
			r.add(address, r.style)
			return len(address) + 2
		}
	case strings.HasPrefix(rest, "**"), strings.HasPrefix(rest, "__"):
		if words, ok := until(rest[2:], rest[:2]); ok {
			r.add(words, bold)
			return len(words) + 4
		}
	case rest[0] == '*' && len(rest) > 1 && rest[1] != ' ':
		if words, ok := until(rest[1:], "*"); ok {
			r.add(words, italic)
			return len(words) + 2
		}
	}
	return 0
}

// link reads [name](address "title") at the beginning of a text; size 0: there is none.
func link(text string) (name, address string, size int) {
	name, _ = until(text[1:], "]")
	size = 1 + len(name) + 1
	if size >= len(text) || text[size-1] != ']' || text[size] != '(' {
		return "", "", 0
	}
	address, ok := until(text[size+1:], ")")
	if !ok && (size+1 >= len(text) || text[size+1] != ')') {
		return "", "", 0
	}
	size += 1 + len(address) + 1
	address, _, _ = strings.Cut(address, " ")
	return name, address, size
}

// plainText is a line without what makes parts of it stand out.
func plainText(text string) string {
	var b strings.Builder
	for _, s := range inline(text, widget.RichTextStyleInline) {
		b.WriteString(s.Textual())
	}
	return b.String()
}
