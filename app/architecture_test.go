package main_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// module is the import path that all our packages begin with.
const module = "guesthouse"

// pkg is what "go list -deps -json" says about one package.
type pkg struct {
	ImportPath string
	Imports    []string // direct, without those of tests
	Deps       []string // direct and indirect
	Standard   bool
}

// importRule says what the packages below one folder may not depend on, directly or not.
type importRule struct {
	below  string   // folder of the module; "" is all of it
	except []string // folders below it that the rule spares
	never  []string // import paths: the package itself and what lies below it
	why    string
}

// importRules is "Who may import what" of the design, a row for each sentence.
var importRules = []importRule{
	{below: "vmconfig", never: []string{module + "/hypervisor", module + "/app", module + "/ui", module + "/assets"}, why: "vmconfig imports nothing of ours"},
	{below: "hypervisor", never: []string{module + "/app", module + "/ui", module + "/assets"}, why: "hypervisor imports only vmconfig"},
	{below: "app", except: []string{"app"}, never: []string{module + "/ui", module + "/assets"}, why: "app serves windows and command line alike and knows neither"},
	{below: "assets", never: []string{module + "/app", module + "/ui", module + "/hypervisor", module + "/vmconfig"}, why: "assets only embeds files"},
	{below: "", except: []string{"app", "ui", "assets"}, never: []string{"fyne.io"}, why: "no toolkit below the windows"},
	{below: "app", except: []string{"app"}, never: []string{"fyne.io"}, why: "no toolkit below the windows"},
	{below: "ui", never: []string{module + "/hypervisor/libvirtd", module + "/hypervisor/qmp"}, why: "windows use hypervisor's types, not an implementation"},
	{below: "app", except: []string{"app"}, never: []string{module + "/hypervisor/libvirtd", module + "/hypervisor/qmp"}, why: "app works over the interface; main chooses the implementation"},
	{below: "vmconfig", never: []string{"net/http", "os/exec"}, why: "vmconfig is data"},
}

// onlyImporters says which folder alone may import a package directly.
var onlyImporters = []struct{ imported, folder string }{
	{"github.com/digitalocean/go-libvirt", "hypervisor/libvirtd"},
	{"github.com/digitalocean/go-qemu", "hypervisor/qmp"},
	{"github.com/spf13/cobra", "app"},
}

// uiParts are the packages under ui that the features share; every other package there is a feature.
var uiParts = []string{"ui/activity", "ui/ask", "ui/dispatch", "ui/lang", "ui/restore", "ui/terminal", "ui/theme", "ui/widgets"}

func TestImports(t *testing.T) {
	packages := listPackages(t)
	if len(ours(packages)) < 10 {
		t.Fatalf("only %d packages of ours were listed", len(ours(packages)))
	}
	for _, fault := range importFaults(packages) {
		t.Error(fault)
	}
}

// TestImportRulesRefuse proves that each kind of rule can fail.
func TestImportRulesRefuse(t *testing.T) {
	for name, p := range map[string]pkg{
		"indirect":         {ImportPath: module + "/app/jobs", Deps: []string{"fyne.io/fyne/v2"}},
		"implementation":   {ImportPath: module + "/ui/console", Deps: []string{module + "/hypervisor/libvirtd"}},
		"upwards":          {ImportPath: module + "/hypervisor/display", Deps: []string{module + "/app/jobs"}},
		"data":             {ImportPath: module + "/vmconfig", Deps: []string{module + "/hypervisor"}},
		"only importer":    {ImportPath: module + "/app/machines", Imports: []string{"github.com/digitalocean/go-libvirt"}},
		"feature, feature": {ImportPath: module + "/ui/wizard", Imports: []string{module + "/ui/console"}},
		"part, feature":    {ImportPath: module + "/ui/widgets", Imports: []string{module + "/ui/console"}},
	} {
		if len(importFaults([]pkg{p})) == 0 {
			t.Errorf("%s: %s may import what it must not", name, p.ImportPath)
		}
	}
	for _, p := range []pkg{
		{ImportPath: module + "/app", Imports: []string{module + "/ui"}, Deps: []string{"fyne.io/fyne/v2", module + "/hypervisor/libvirtd"}},
		{ImportPath: module + "/ui", Imports: []string{module + "/ui/console", module + "/ui/wizard"}},
		{ImportPath: module + "/hypervisor/libvirtd", Imports: []string{"github.com/digitalocean/go-libvirt"}, Deps: []string{module + "/vmconfig"}},
	} {
		if faults := importFaults([]pkg{p}); len(faults) > 0 {
			t.Errorf("refused: %v", faults)
		}
	}
}

// importFaults checks every rule against every package of ours.
func importFaults(packages []pkg) []string {
	var faults []string
	for _, p := range ours(packages) {
		folder := strings.TrimPrefix(strings.TrimPrefix(p.ImportPath, module), "/")
		for _, rule := range importRules {
			if !rule.covers(folder) {
				continue
			}
			for _, dep := range append(slices.Clone(p.Deps), p.Imports...) {
				if slices.ContainsFunc(rule.never, func(n string) bool { return within(dep, n) }) {
					faults = append(faults, fmt.Sprintf("%s depends on %s: %s", p.ImportPath, dep, rule.why))
				}
			}
		}
		for _, imported := range p.Imports {
			for _, only := range onlyImporters {
				if within(imported, only.imported) && !within(folder, only.folder) {
					faults = append(faults, fmt.Sprintf("%s imports %s: only %s may", p.ImportPath, imported, only.folder))
				}
			}
			if isFeature(imported) && folder != "ui" && folder != "ui/e2e" && strings.HasPrefix(folder, "ui/") && !within(module+"/"+folder, imported) && !within(imported, module+"/"+folder) {
				faults = append(faults, fmt.Sprintf("%s imports %s: features do not know each other", p.ImportPath, imported))
			}
		}
	}
	return faults
}

func (r importRule) covers(folder string) bool {
	if r.below != "" && !within(folder, r.below) {
		return false
	}
	for _, spared := range r.except {
		// The folder "app" as such is main; what lies below it is not spared by naming it.
		if folder == spared || spared != r.below && within(folder, spared) {
			return false
		}
	}
	return true
}

func isFeature(importPath string) bool {
	folder, ok := strings.CutPrefix(importPath, module+"/")
	return ok && strings.HasPrefix(folder, "ui/") && !slices.ContainsFunc(uiParts, func(part string) bool { return within(folder, part) })
}

// within reports whether p is root or lies below it.
func within(p, root string) bool { return p == root || strings.HasPrefix(p, root+"/") }

func ours(packages []pkg) []pkg {
	return slices.DeleteFunc(slices.Clone(packages), func(p pkg) bool { return !within(p.ImportPath, module) })
}

// listPackages runs go list, or reads what the Makefile had it write: an unprivileged test cannot read the
// module cache of the user who runs make.
func listPackages(t *testing.T) []pkg {
	t.Helper()
	var in io.Reader
	if name := os.Getenv("GUESTHOUSE_PACKAGES"); name != "" {
		file, err := os.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		in = file
	} else {
		cmd := exec.Command("go", "list", "-deps", "-json=ImportPath,Imports,Deps,Standard", "./...")
		cmd.Dir = ".."
		out, err := cmd.Output()
		if err != nil {
			var exit *exec.ExitError
			if errors.As(err, &exit) {
				t.Fatalf("go list: %v\n%s", err, exit.Stderr)
			}
			t.Fatal(err)
		}
		in = strings.NewReader(string(out))
	}
	var packages []pkg
	for decoder := json.NewDecoder(in); ; {
		var p pkg
		switch err := decoder.Decode(&p); {
		case errors.Is(err, io.EOF):
			return packages
		case err != nil:
			t.Fatal(err)
		}
		packages = append(packages, p)
	}
}

// walk visits the files of the repository that people write.
func walk(t *testing.T, visit func(name string)) {
	t.Helper()
	err := filepath.WalkDir("..", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && name != ".." && (strings.HasPrefix(entry.Name(), ".") && entry.Name() != ".ci" || entry.Name() == "failed"):
			return filepath.SkipDir
		case !entry.IsDir():
			visit(name)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestEveryExportedNameIsDocumented(t *testing.T) {
	files := 0
	walk(t, func(name string) {
		if path.Ext(name) != ".go" || strings.HasSuffix(name, "_test.go") {
			return
		}
		files++
		set := token.NewFileSet()
		file, err := parser.ParseFile(set, name, nil, parser.ParseComments)
		if err != nil {
			t.Error(err)
			return
		}
		for _, where := range undocumented(file) {
			t.Errorf("%v has no comment", set.Position(where))
		}
	})
	if files < 20 {
		t.Errorf("only %d files were read", files)
	}
}

func TestUndocumentedNamesAreFound(t *testing.T) {
	const source = `package p
type T struct{}
func F() {}
func (T) M() {}
func (t) N() {}
// G is documented.
func G() {}
const C = 1
// A group.
const ( A = 1; B = 2 )
var ( V = 1 // V is documented.
)
`
	file, err := parser.ParseFile(token.NewFileSet(), "p.go", source, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	if got := len(undocumented(file)); got != 4 {
		t.Errorf("found %d names, want 4: T, F, M, C", got)
	}
}

// undocumented finds exported functions, methods of exported types, types, constants and variables without a
// comment. One comment serves a whole group of constants or variables.
func undocumented(file *ast.File) []token.Pos {
	var found []token.Pos
	for _, decl := range file.Decls {
		switch d := decl.(type) {
		case *ast.FuncDecl:
			if d.Name.IsExported() && d.Doc == nil && receiverExported(d) {
				found = append(found, d.Pos())
			}
		case *ast.GenDecl:
			for _, spec := range d.Specs {
				if specUndocumented(d, spec) {
					found = append(found, spec.Pos())
				}
			}
		}
	}
	return found
}

func specUndocumented(d *ast.GenDecl, spec ast.Spec) bool {
	switch s := spec.(type) {
	case *ast.TypeSpec:
		return s.Name.IsExported() && d.Doc == nil && s.Doc == nil
	case *ast.ValueSpec:
		exported := slices.ContainsFunc(s.Names, func(n *ast.Ident) bool { return n.IsExported() })
		return exported && d.Doc == nil && s.Doc == nil && s.Comment == nil
	}
	return false
}

func receiverExported(d *ast.FuncDecl) bool {
	if d.Recv == nil {
		return true
	}
	kind := d.Recv.List[0].Type
	for {
		switch k := kind.(type) {
		case *ast.StarExpr:
			kind = k.X
		case *ast.IndexExpr:
			kind = k.X
		case *ast.IndexListExpr:
			kind = k.X
		case *ast.Ident:
			return k.IsExported()
		default:
			return true
		}
	}
}

// foreign are traces of one particular computer. They are put together here so that this file has none.
var foreign = regexp.MustCompile(`(^|[^\w.$}])/(` + `root|work` + `)/\w|(proxy\.golang|deb\.debian|registry\.npmjs)` + `\.org`)

func TestNoTraceOfOneComputer(t *testing.T) {
	text := []string{".go", ".md", ".sh", ".xml", ".yml", ".desktop", ".toml", ".json", ""}
	walk(t, func(name string) {
		if !slices.Contains(text, path.Ext(name)) {
			return
		}
		content, err := os.ReadFile(name)
		if err != nil {
			t.Error(err)
			return
		}
		for number, line := range strings.Split(string(content), "\n") {
			if trace := foreign.FindString(line); trace != "" {
				t.Errorf("%s:%d mentions %q", name, number+1, trace)
			}
		}
	})
	if !foreign.MatchString("see /" + "root/x") {
		t.Error("the pattern finds nothing")
	}
}

// bareUI finds calls that only ui/dispatch may make.
func bareUI(file *ast.File) []token.Pos {
	var found []token.Pos
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.GoStmt:
			found = append(found, n.Pos())
		case *ast.SelectorExpr:
			if x, ok := n.X.(*ast.Ident); ok && x.Name == "fyne" && (n.Sel.Name == "Do" || n.Sel.Name == "DoAndWait") {
				found = append(found, n.Pos())
			}
		}
		return true
	})
	return found
}

// TestWindowsLeaveTheirGoroutineInOnePlace keeps bare goroutines and bare fyne.Do out of the feature packages.
func TestWindowsLeaveTheirGoroutineInOnePlace(t *testing.T) {
	walk(t, func(name string) {
		folder := strings.TrimPrefix(filepath.ToSlash(filepath.Dir(name)), "../")
		if path.Ext(name) != ".go" || strings.HasSuffix(name, "_test.go") || !within(folder, "ui") ||
			within(folder, "ui/dispatch") || within(folder, "ui/probe") || within(folder, "ui/e2e") {
			return
		}
		set := token.NewFileSet()
		file, err := parser.ParseFile(set, name, nil, 0)
		if err != nil {
			t.Error(err)
			return
		}
		for _, where := range bareUI(file) {
			t.Errorf("%v: use dispatch instead of a bare goroutine or fyne.Do", set.Position(where))
		}
	})
	file, err := parser.ParseFile(token.NewFileSet(), "p.go", "package p\nfunc f() { go f(); fyne.Do(f) }", 0)
	if err != nil || len(bareUI(file)) != 2 {
		t.Errorf("the check finds %d of 2: %v", len(bareUI(file)), err)
	}
}
