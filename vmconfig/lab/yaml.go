package lab

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"path"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"

	"guesthouse/vmconfig"
)

// Limits of a file that people write in YAML.
const (
	maxYAMLBytes  = 256 << 10
	maxYAMLDepth  = 8
	maxYAMLItems  = 500 // of each list
	maxYAMLFaults = 20  // more than anybody reads
)

// parseYAML reads one YAML document that may be hostile into a value, strictly: known keys, each once, no references, the right kind of value. What the file is called and the sentinel
// of its faults are those of check, which knows afterwards where each value stands.
func parseYAML(data []byte, into any, check *yamlCheck) error {
	root, err := check.tree(data)
	if err != nil {
		return err
	}
	check.lines = map[string]int{}
	check.node(root, reflect.TypeOf(into), "", 0)
	if err := check.faults.Err(); err != nil {
		return err
	}
	if err := root.Decode(into); err != nil {
		return check.whole("%s", vmconfig.Inert(err.Error(), 3*shownValue))
	}
	return nil
}

// yamlCheck collects what is wrong, and where each value stands.
type yamlCheck struct {
	what   string // recipe, say
	err    error  // that each fault wraps
	faults vmconfig.Faults
	lines  map[string]int // by path, such as files[0].to
}

// whole is a fault of all of it.
func (c *yamlCheck) whole(format string, args ...any) error {
	return vmconfig.Fault{Field: vmconfig.Field(c.what), Err: c.err, Message: "The " + c.what + " cannot be used: " + fmt.Sprintf(format, args...) + "."}
}

// tree reads one YAML document.
func (c *yamlCheck) tree(data []byte) (*yaml.Node, error) {
	if len(data) > maxYAMLBytes {
		return nil, c.whole("it is longer than %s", vmconfig.FormatSize(maxYAMLBytes))
	}
	if !utf8.Valid(data) {
		return nil, c.whole("it is not valid UTF-8 text")
	}
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	var document, next yaml.Node
	switch err := decoder.Decode(&document); {
	case errors.Is(err, io.EOF):
		return nil, c.whole("it is empty")
	case err != nil:
		return nil, c.whole("%s", vmconfig.Inert(strings.TrimPrefix(err.Error(), "yaml: "), 3*shownValue))
	}
	if err := decoder.Decode(&next); !errors.Is(err, io.EOF) {
		return nil, c.whole("there is more than one document in it")
	}
	if document.Kind != yaml.DocumentNode || len(document.Content) != 1 {
		return nil, c.whole("it is empty")
	}
	return document.Content[0], nil
}

// add notes a fault of the value at a path.
func (c *yamlCheck) add(at, format string, args ...any) {
	line := 0
	for p := at; line == 0; { // what is missing has the line of what it is missing in
		if line = c.lines[p]; p == "" {
			break
		}
		p = p[:max(strings.LastIndexAny(p, ".["), 0)]
	}
	c.addLine(max(line, 1), at, format, args...)
}

func (c *yamlCheck) addLine(line int, at, format string, args ...any) {
	if len(c.faults) < maxYAMLFaults {
		c.faults = append(c.faults, vmconfig.Fault{
			Field: vmconfig.Field(at), Err: c.err, Message: fmt.Sprintf("Line %d of the %s: %s", line, c.what, fmt.Sprintf(format, args...)),
		})
	}
}

// node compares the tree with the type that it is to be read into: known keys, each once, no references, the right kind of value.
func (c *yamlCheck) node(n *yaml.Node, t reflect.Type, at string, depth int) {
	c.lines[at] = n.Line
	refuse := func(format string, args ...any) {
		what := "the " + c.what
		if at != "" {
			what = "“" + vmconfig.Inert(at, shownValue) + "”"
		}
		c.addLine(n.Line, at, "%s %s.", what, fmt.Sprintf(format, args...))
	}
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch {
	case n.Kind == yaml.AliasNode || n.Anchor != "":
		refuse("cannot be a reference to another place, or have a name for one (& and *)")
	case depth > maxYAMLDepth:
		refuse("is nested too deep")
	case n.Style&yaml.TaggedStyle != 0:
		refuse("cannot have a tag of its own (!)")
	case t.Kind() == reflect.Struct:
		if n.Kind != yaml.MappingNode {
			refuse("must be a list of “key: value”")
			return
		}
		c.mapping(n, t, at, depth)
	case t.Kind() == reflect.Slice:
		if n.Kind != yaml.SequenceNode {
			refuse("must be a list, each entry after “- ”")
			return
		}
		if len(n.Content) > maxYAMLItems {
			refuse("can have at most %d entries", maxYAMLItems)
			return
		}
		for i, entry := range n.Content {
			c.node(entry, t.Elem(), fmt.Sprintf("%s[%d]", at, i), depth+1)
		}
	case n.Kind != yaml.ScalarNode:
		refuse("must be a single value")
	case n.ShortTag() == "!!null":
		refuse("has no value")
	case t.Kind() == reflect.Int:
		if _, err := strconv.ParseInt(n.Value, 10, 32); err != nil {
			refuse("must be a whole number, not “%s”", vmconfig.Inert(n.Value, shownValue))
		}
	}
}

func (c *yamlCheck) mapping(n *yaml.Node, t reflect.Type, at string, depth int) {
	known := map[string]reflect.Type{}
	for i := range t.NumField() {
		known[t.Field(i).Tag.Get("yaml")] = t.Field(i).Type
	}
	seen := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		field, ok := known[key.Value]
		switch {
		case key.Kind != yaml.ScalarNode || key.Anchor != "" || key.Style&yaml.TaggedStyle != 0:
			c.addLine(key.Line, at, "a key must be a plain word.")
			continue
		case !ok:
			names := slices.Sorted(func(yield func(string) bool) {
				for name := range known {
					if !yield(name) {
						return
					}
				}
			})
			c.addLine(key.Line, at, "“%s” is not known here; possible: %s.", vmconfig.Inert(key.Value, shownValue), strings.Join(names, ", "))
			continue
		case seen[key.Value]:
			c.addLine(key.Line, at, "“%s” is there twice.", key.Value)
			continue
		}
		seen[key.Value] = true
		c.node(value, field, strings.TrimPrefix(at+"."+key.Value, "."), depth+1)
	}
}

// beside checks a path that must lead to something in the file's own folder. Links are looked at when it is opened.
func (c *yamlCheck) beside(at, value string) {
	if !filepath.IsLocal(value) || path.Clean(value) != value || value == "." || strings.ContainsAny(value, "\\") || len(value) > maxPathBytes ||
		strings.ContainsFunc(value, unicode.IsControl) {
		c.add(at, "“%s” must be a file in the %s's folder or below it, such as files/motd, not “%s”.", at, c.what, vmconfig.Inert(value, shownValue))
	}
}

// line checks one line of text that must be there.
func (c *yamlCheck) line(at, value string, limit int) {
	if value == "" || strings.TrimSpace(value) != value || len(value) > limit || strings.ContainsFunc(value, unicode.IsControl) {
		c.add(at, "“%s” must be one line of 1 to %d bytes.", at, limit)
	}
}

// language checks the code of a language.
func (c *yamlCheck) language(at, value string) {
	if len(value) > maxLanguage || !language.MatchString(value) {
		c.add(at, "“%s” must be a language code such as de or pt-BR.", at)
	}
}

func (c *yamlCheck) text(at, value string, limit int) {
	switch {
	case len(value) > limit:
		c.add(at, "“%s” can have at most %d bytes.", at, limit)
	case strings.ContainsFunc(value, func(r rune) bool { return unicode.IsControl(r) && r != '\n' && r != '\t' }):
		c.add(at, "“%s” contains a control character.", at)
	}
}

func (c *yamlCheck) size(at, value string, low, high int64) {
	bytes, err := vmconfig.ParseSize(value)
	switch {
	case err != nil:
		c.add(at, "“%s”: %s", at, err)
	case bytes < low || bytes > high:
		c.add(at, "“%s” must be from %s to %s.", at, vmconfig.FormatSize(low), vmconfig.FormatSize(high))
	}
}
