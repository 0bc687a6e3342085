package domxml

import (
	"cmp"
	"encoding/xml"
	"errors"
	"io"
	"slices"
	"strings"
)

// tree is an XML text with the offsets of its elements, and the changes that are to be made to it. Changes are cut into the text,
// so that everything else keeps its bytes: quotes, blanks, comments, entities and namespaces that a DOM would write anew.
type tree struct {
	source string
	root   *element
	cuts   []cut
	filled map[*element]string // markup for elements that were empty, written as <name/>
}

// element is one element of the text. All methods work on nil, which stands for an element that is not there.
type element struct {
	space, name string // namespace URL and local name
	attrs       []xml.Attr
	chars       []byte // its own text, children left out
	children    []*element
	parent      *element
	// The element is source[start:end], its content source[open:close]; open == end for <name/>.
	start, open, close, end int
}

// maxDepth bounds the nesting that is followed; a chain of 200 backing files needs about as many levels.
const maxDepth = 2000

func newTree(source string) (*tree, error) {
	dec := xml.NewDecoder(strings.NewReader(source))
	// libvirt's text is a Go string here and thus UTF-8, whatever its declaration says.
	dec.CharsetReader = func(_ string, r io.Reader) (io.Reader, error) { return r, nil }
	t := &tree{source: source}
	var at *element
	depth := 0
	for {
		before := int(dec.InputOffset())
		token, err := dec.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		after := int(dec.InputOffset())
		switch token := token.(type) {
		case xml.StartElement:
			if depth++; depth > maxDepth {
				return nil, errors.New("elements are nested too deep")
			}
			e := &element{space: token.Name.Space, name: token.Name.Local, attrs: token.Attr, parent: at, start: before, open: after}
			switch {
			case at != nil:
				at.children = append(at.children, e)
			case t.root == nil:
				t.root = e
			default:
				return nil, errors.New("more than one root element")
			}
			at = e
		case xml.EndElement:
			depth--
			at.close, at.end = before, after
			at = at.parent
		case xml.CharData:
			if at != nil {
				at.chars = append(at.chars, token...)
			}
		}
	}
	if t.root == nil {
		return nil, errors.New("no element")
	}
	return t, nil
}

func (e *element) all() []*element {
	if e == nil {
		return nil
	}
	return e.children
}

// last returns the last child, nil when there is none.
func (e *element) last() *element {
	if n := len(e.all()); n > 0 {
		return e.children[n-1]
	}
	return nil
}

// child returns the first child of this name in the element's own namespace.
func (e *element) child(name string) *element {
	if e == nil {
		return nil
	}
	return e.childNS(e.space, name)
}

func (e *element) childNS(space, name string) *element {
	for _, c := range e.all() {
		if c.name == name && c.space == space {
			return c
		}
	}
	return nil
}

func (e *element) attr(name string) string {
	if e == nil {
		return ""
	}
	for _, a := range e.attrs {
		if a.Name.Space == "" && a.Name.Local == name {
			return a.Value
		}
	}
	return ""
}

func (e *element) text() string {
	if e == nil {
		return ""
	}
	return string(e.chars)
}

// cut replaces source[from:to] by text.
type cut struct {
	from, to int
	text     string
}

func (t *tree) cut(from, to int, text string) { t.cuts = append(t.cuts, cut{from, to, text}) }

// apply returns the text with all changes made. Insertions at one place are made in the order in which they were asked for, before
// what is cut out behind that place.
func (t *tree) apply() (string, error) {
	for e, markup := range t.filled {
		slash := strings.LastIndexByte(t.source[e.start:e.end], '/') + e.start
		t.cut(slash, e.end, ">"+markup+t.indentOf(e)+"</"+t.tag(e)+">")
	}
	if len(t.cuts) == 0 {
		return t.source, nil
	}
	slices.SortStableFunc(t.cuts, func(a, b cut) int {
		return cmp.Or(cmp.Compare(a.from, b.from), cmp.Compare(min(a.to-a.from, 1), min(b.to-b.from, 1)))
	})
	var b strings.Builder
	at := 0
	for _, c := range t.cuts {
		if c.from < at {
			return "", errors.New("overlapping changes")
		}
		b.WriteString(t.source[at:c.from])
		b.WriteString(c.text)
		at = c.to
	}
	b.WriteString(t.source[at:])
	return b.String(), nil
}

// empty reports whether the element is written as <name/>: the decoder then reports its end at the place of its start.
func (t *tree) empty(e *element) bool { return e.close == e.end && e.open == e.end }

// setText replaces the content of an element by a text.
func (t *tree) setText(e *element, text string) {
	if t.empty(e) {
		slash := strings.LastIndexByte(t.source[e.start:e.end], '/') + e.start
		t.cut(slash, e.end, ">"+escape(text)+"</"+t.tag(e)+">")
		return
	}
	t.cut(e.open, e.close, escape(text))
}

// tag returns the element's name as it is written, with its prefix.
func (t *tree) tag(e *element) string {
	name := t.source[e.start+1 : e.open]
	if end := strings.IndexAny(name, " \t\r\n/>"); end >= 0 {
		name = name[:end]
	}
	return name
}

// remove takes an element out, with the blanks before it, so that no empty line stays.
func (t *tree) remove(e *element) {
	from := e.start
	for from > 0 && strings.IndexByte(" \t\r\n", t.source[from-1]) >= 0 {
		from--
	}
	if e.parent != nil && from < e.parent.open {
		from = e.parent.open
	}
	t.cut(from, e.end, "")
}

// lineBreak marks where inserted markup may be broken into lines. It cannot be part of a value: XML has no such character.
const lineBreak = "\x00"

// insert puts markup into parent, after the child `after`, or in the first place when that is nil. It is laid out as its
// neighbours are: indented, or on the same line.
func (t *tree) insert(parent, after *element, markup string) {
	indent := ""
	if len(parent.children) > 0 {
		indent = t.indentOf(parent.children[0])
	} else if outer := t.indentOf(parent); outer != "" {
		indent = outer + "  "
	}
	if indent != "" {
		markup = strings.ReplaceAll(markup, lineBreak, indent)
	} else {
		lines := strings.Split(markup, lineBreak)
		for i := range lines {
			lines[i] = strings.TrimLeft(lines[i], " ")
		}
		markup = strings.Join(lines, "")
	}
	switch {
	case after != nil:
		t.cut(after.end, after.end, indent+markup)
	case t.empty(parent):
		if t.filled == nil {
			t.filled = map[*element]string{}
		}
		t.filled[parent] += indent + markup
	default:
		t.cut(parent.open, parent.open, indent+markup)
	}
}

// indentOf returns the line break and blanks before an element, empty when it stands on the line of its neighbour.
func (t *tree) indentOf(e *element) string {
	from := e.start
	for from > 0 && (t.source[from-1] == ' ' || t.source[from-1] == '\t') {
		from--
	}
	if from > 0 && t.source[from-1] == '\n' {
		return t.source[from-1 : e.start]
	}
	return ""
}

// setAttr sets an attribute in an element's start tag, adding it at the end if it is new.
func (t *tree) setAttr(e *element, name, value string) {
	if from, to, ok := t.attrSpan(e, name); ok {
		t.cut(from, to, `'`+escape(value)+`'`)
		return
	}
	end := e.open - 1 // before > or />
	if t.source[end-1] == '/' {
		end--
	}
	t.cut(end, end, " "+name+`='`+escape(value)+`'`)
}

// removeAttr takes an attribute out of an element's start tag.
func (t *tree) removeAttr(e *element, name string) {
	from, to, ok := t.attrSpan(e, name)
	if !ok {
		return
	}
	from = strings.LastIndex(t.source[e.start:from], name) + e.start
	for strings.IndexByte(" \t\r\n", t.source[from-1]) >= 0 {
		from--
	}
	t.cut(from, to, "")
}

// attrSpan finds the value of an attribute, with its quotes.
func (t *tree) attrSpan(e *element, name string) (from, to int, ok bool) {
	tag := t.source[e.start:e.open]
	i := strings.IndexAny(tag, " \t\r\n/>")
	for i >= 0 && i < len(tag) {
		for i < len(tag) && strings.IndexByte(" \t\r\n/>", tag[i]) >= 0 {
			i++
		}
		equals := strings.IndexByte(tag[i:], '=')
		if equals < 0 {
			break
		}
		key := strings.TrimRight(tag[i:i+equals], " \t\r\n")
		i += equals + 1
		for i < len(tag) && strings.IndexByte(" \t\r\n", tag[i]) >= 0 {
			i++
		}
		if i >= len(tag) {
			break
		}
		closing := strings.IndexByte(tag[i+1:], tag[i])
		if closing < 0 {
			break
		}
		if key == name {
			return e.start + i, e.start + i + closing + 2, true
		}
		i += closing + 2
	}
	return 0, 0, false
}

// escape writes text so that it stands for itself in content and in attributes of either quote.
func escape(text string) string {
	return escaper.Replace(text)
}

var escaper = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", "'", "&apos;", `"`, "&quot;", "\r", "&#xD;")
