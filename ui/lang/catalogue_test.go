package lang

import (
	"bytes"
	"encoding/json"
	"flag"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"guesthouse/assets"
)

var update = flag.Bool("update", false, "write assets/translations/en.json anew from the source")

const englishFile = "../../assets/translations/en.json"

// TestEnglishIsComplete compares en.json with the texts in the source, both ways.
func TestEnglishIsComplete(t *testing.T) {
	used := collect(t)
	if *update {
		write(t, used)
		return
	}
	file, err := os.ReadFile(englishFile)
	if err != nil {
		t.Fatal(err)
	}
	listed := read(t, "en", file)
	for text, forms := range used {
		if got, ok := listed[text]; !ok {
			t.Errorf("en.json lacks %q", text)
		} else if !sameForms(got, forms) {
			t.Errorf("en.json has %q as %q, the source as %q", text, got, forms)
		}
	}
	for text := range listed {
		if _, ok := used[text]; !ok {
			t.Errorf("en.json has %q, which no window shows", text)
		}
	}
	if t.Failed() {
		t.Log("to write it anew: go test ./ui/lang -update")
	}
}

// TestTranslationsFillInTheSame reads every language as the program does and compares what its texts fill in with the key.
func TestTranslationsFillInTheSame(t *testing.T) {
	for _, code := range assets.Languages() {
		file, err := assets.Translation(code)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = Use("", nil) })
		if err := Use(code, file); err != nil {
			t.Errorf("%s.json: %v", code, err)
			continue
		}
		for text, forms := range read(t, code, file) {
			for name, form := range forms {
				if !slices.Contains([]string{"zero", "one", "two", "few", "many", "other"}, name) {
					t.Errorf("%s.json: %q has a form %q", code, text, name)
				}
				want, got := verbs(text), verbs(form)
				if len(forms) > 1 { // a form of a plural may leave the count out
					want = slices.DeleteFunc(want, func(v string) bool { return !slices.Contains(got, v) })
				}
				if !slices.Equal(want, got) && form != "" {
					t.Errorf("%s.json: %q fills in %q, its form %q %q", code, text, want, form, got)
				}
			}
		}
	}
}

func TestVerbs(t *testing.T) {
	for text, want := range map[string]string{
		"%d of %d":               "1d 2d",
		"%[2]d von %[1]d":        "1d 2d",
		"%.0f %% of %s":          "1f 2s",
		"nothing, 100 %":         "1!",
		"“%s” is %-5q":           "1s 2q",
		"%[2]s, then %s (%[1]d)": "1d 2s 3s",
	} {
		if got := strings.Join(verbs(text), " "); got != want {
			t.Errorf("%q: %q, not %q", text, got, want)
		}
	}
}

// kinds are the verbs of fmt that texts use.
var kinds = []string{"d", "s", "q", "v", "g", "f", "x", "c"}

var verb = regexp.MustCompile(`%[-+# 0]*(?:\[(\d+)\])?[0-9]*(?:\.[0-9]+)?(.?)`)

// verbs lists what a format fills in, in the order of the arguments: "1d" is the first one as %d.
func verbs(format string) []string {
	var found []string
	next := 1
	for _, m := range verb.FindAllStringSubmatch(format, -1) {
		if m[2] == "%" {
			continue
		}
		if m[1] != "" {
			next, _ = strconv.Atoi(m[1])
		}
		kind := m[2]
		if !slices.Contains(kinds, kind) {
			kind = "!"
		}
		found = append(found, strconv.Itoa(next)+kind)
		next++
	}
	slices.Sort(found)
	return slices.Compact(found)
}

// collect finds the texts of the source: the literals in calls of this package. It also checks that formats have their arguments,
// which go vet cannot.
func collect(t *testing.T) map[string]Forms {
	t.Helper()
	texts := map[string]Forms{}
	set := token.NewFileSet()
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(path) != ".go" || strings.HasSuffix(path, "_test.go") {
			return err
		}
		file, err := parser.ParseFile(set, path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		ast.Inspect(file, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			name := called(call.Fun)
			if fun, ok := call.Fun.(*ast.SelectorExpr); ok {
				if pkg, isName := funcPackage(fun, ok); !isName || pkg != "lang" {
					return true
				}
			} else if file.Name.Name != "lang" { // which calls its own functions by their bare names
				return true
			}
			if len(call.Args) == 0 {
				return true
			}
			at := set.Position(call.Pos())
			text, literal := text(call.Args[0])
			switch name {
			case "L":
				if !literal {
					return true // from a table with Key, or from a service
				}
				texts[text] = merge(texts[text], Forms{other: text})
			case "Key":
				if !literal {
					t.Errorf("%v: Key of what is no literal", at)
				}
				texts[text] = merge(texts[text], Forms{other: text})
			case "F":
				if !literal {
					t.Errorf("%v: the format is no literal", at)
				}
				checkArgs(t, at, text, call.Args[1:])
				texts[text] = merge(texts[text], Forms{other: text})
			case "N":
				plural, alsoLiteral := textAt(call.Args, 1)
				if !literal || !alsoLiteral {
					t.Errorf("%v: the format is no literal", at)
				}
				checkArgs(t, at, text, call.Args[3:])
				checkArgs(t, at, plural, call.Args[3:])
				texts[plural] = merge(texts[plural], Forms{"one": text, other: plural})
			}
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	collectServices(t, set, texts)
	delete(texts, "")
	if len(texts) < 20 {
		t.Fatalf("only %d texts were found", len(texts))
	}
	return texts
}

// services are the packages below the windows whose sentences are shown. They know no toolkit, so nothing marks their texts.
var services = []string{"../../app/explain", "../../app/machines", "../../app/checkpoints", "../../vmconfig"}

// sentence is a whole one, with nothing to be filled in.
var sentence = regexp.MustCompile(`^[A-Z“][^%]* [^%]*\.$`)

// spoken are the functions that tell what goes on, by the place of the text among their arguments.
var spoken = map[string]int{"say": 0, "busy": 2, "TryOperate": 2, "Operate": 2, "operate": 2}

// collectServices finds what the services say: their sentences, and what they are doing.
func collectServices(t *testing.T, set *token.FileSet, texts map[string]Forms) {
	t.Helper()
	add := func(e ast.Expr, ok func(string) bool) {
		if value, literal := text(e); literal && ok(value) {
			texts[value] = merge(texts[value], Forms{other: value})
		}
	}
	always := func(value string) bool { return value != "" }
	for _, folder := range services {
		entries, err := os.ReadDir(folder)
		if err != nil {
			t.Fatal(err)
		}
		for _, entry := range entries {
			path := filepath.Join(folder, entry.Name())
			if filepath.Ext(path) != ".go" || strings.HasSuffix(path, "_test.go") {
				continue
			}
			file, err := parser.ParseFile(set, path, nil, parser.SkipObjectResolution)
			if err != nil {
				t.Fatal(err)
			}
			ast.Inspect(file, func(n ast.Node) bool {
				switch n := n.(type) {
				case *ast.BasicLit:
					if n.Kind == token.STRING {
						add(n, sentence.MatchString)
					}
				case *ast.KeyValueExpr:
					if key, ok := n.Key.(*ast.Ident); ok && key.Name == "Text" {
						add(n.Value, always)
					}
				case *ast.CallExpr:
					if at, ok := spoken[called(n.Fun)]; ok && at < len(n.Args) {
						add(n.Args[at], always)
					}
				}
				return true
			})
		}
	}
}

// called is the last name of a function in a call.
func called(fun ast.Expr) string {
	switch fun := fun.(type) {
	case *ast.Ident:
		return fun.Name
	case *ast.SelectorExpr:
		return fun.Sel.Name
	}
	return ""
}

func funcPackage(fun *ast.SelectorExpr, ok bool) (string, bool) {
	if !ok {
		return "", false
	}
	name, ok := fun.X.(*ast.Ident)
	if !ok {
		return "", false
	}
	return name.Name, true
}

func textAt(args []ast.Expr, i int) (string, bool) {
	if i >= len(args) {
		return "", false
	}
	return text(args[i])
}

// text returns the value of a literal, or of literals joined by +.
func text(e ast.Expr) (string, bool) {
	switch e := e.(type) {
	case *ast.BasicLit:
		value, err := strconv.Unquote(e.Value)
		return value, err == nil
	case *ast.BinaryExpr:
		left, ok := text(e.X)
		right, alsoOK := text(e.Y)
		return left + right, ok && alsoOK && e.Op == token.ADD
	}
	return "", false
}

func checkArgs(t *testing.T, at token.Position, format string, args []ast.Expr) {
	t.Helper()
	if found := verbs(format); len(found) > len(args) || strings.Contains(strings.Join(found, ""), "!") {
		t.Errorf("%v: %q with %d arguments", at, format, len(args))
	}
}

// merge keeps the fuller forms of a text that is used in several places.
func merge(a, b Forms) Forms {
	if len(a) > len(b) {
		return a
	}
	return b
}

func sameForms(a, b Forms) bool {
	if len(a) != len(b) {
		return false
	}
	for name := range a {
		if a[name] != b[name] {
			return false
		}
	}
	return true
}

func read(t *testing.T, code string, file []byte) map[string]Forms {
	t.Helper()
	var texts map[string]Forms
	if err := json.Unmarshal(file, &texts); err != nil {
		t.Fatalf("%s.json: %v", code, err)
	}
	return texts
}

func write(t *testing.T, texts map[string]Forms) {
	t.Helper()
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(texts); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(englishFile, out.Bytes(), 0o644); err != nil { // #nosec G306
		t.Fatal(err)
	}
}
