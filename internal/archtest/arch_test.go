package archtest_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const (
	module = "github.com/waybillhq/waybill"
	root   = "../.."
)

// sources maps each package, as a path below the module, to what its
// non-test files import.
type sources map[string][]string

func TestImportsFollowTheArrows(t *testing.T) {
	t.Parallel()
	table := rules()
	if len(table) == 0 {
		t.Fatal("the table of arrows is empty")
	}
	for pkg, imports := range readSources(t) {
		at := slices.IndexFunc(table, func(r rule) bool { return matches(r.pkg, pkg) })
		if at < 0 {
			t.Errorf("package %s is in no rule: add it to rules_test.go", pkg)
			continue
		}
		for _, imported := range imports {
			if !table[at].allows(imported) {
				t.Errorf("package %s must not import %s", pkg, imported)
			}
		}
	}
}

// A permission that nobody uses is an arrow that somebody may draw unseen.
func TestEveryPermissionIsUsed(t *testing.T) {
	t.Parallel()
	found := readSources(t)
	for _, unused := range unusedPermissions(rules(), found) {
		t.Error(unused)
	}
}

// unusedPermissions says what the rules allow and nobody does.
func unusedPermissions(table []rule, found sources) []string {
	var unused []string
	for i, one := range table {
		var imports []string
		covered := false
		for pkg, own := range found {
			if slices.IndexFunc(table, func(r rule) bool { return matches(r.pkg, pkg) }) == i {
				imports, covered = append(imports, own...), true
			}
		}
		if !covered {
			unused = append(unused, "no package is in the rule of "+one.pkg)
			continue
		}
		for _, pattern := range one.imports {
			if !slices.ContainsFunc(imports, func(imported string) bool {
				own, ok := strings.CutPrefix(imported, module+"/")
				return ok && matches(pattern, own)
			}) {
				unused = append(unused, one.pkg+" may import "+pattern+" and does not")
			}
		}
		if !one.stdOnly && !slices.ContainsFunc(imports, isForeign) {
			unused = append(unused, one.pkg+" may import other modules and does not: make it stdOnly")
		}
	}
	return unused
}

func TestPackageNamesSayWhatTheyGuarantee(t *testing.T) {
	t.Parallel()
	vague := vagueNames()
	if len(vague) == 0 {
		t.Fatal("the list of vague names is empty")
	}
	for pkg := range readSources(t) {
		if slices.Contains(vague, path.Base(pkg)) {
			t.Errorf("package %s: choose a name that says what it does", pkg)
		}
	}
}

func TestRulesDecide(t *testing.T) {
	t.Parallel()
	leaf := rule{pkg: "leaf", stdOnly: true}
	tree := rule{pkg: "tree/...", imports: []string{"leaf", "tree/..."}}
	roof := rule{pkg: "roof", imports: []string{"..."}}
	tests := []struct {
		name     string
		rule     rule
		imported string
		want     bool
	}{
		{"standard library", leaf, "net/http", true},
		{"other module", leaf, "example.com/other", false},
		{"own package not listed", leaf, module + "/roof", false},
		{"other module where it may", tree, "example.com/other", true},
		{"own package listed", tree, module + "/leaf", true},
		{"root of a tree", tree, module + "/tree", true},
		{"branch of a tree", tree, module + "/tree/branch", true},
		{"same prefix, other package", tree, module + "/treehouse", false},
		{"every package", roof, module + "/tree/branch", true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := tt.rule.allows(tt.imported); got != tt.want {
				t.Errorf("rule %q allows %q: got %t, want %t", tt.rule.pkg, tt.imported, got, tt.want)
			}
		})
	}
}

// allows reports whether a package under the rule may import a package.
func (r rule) allows(imported string) bool {
	if own, ok := strings.CutPrefix(imported, module+"/"); ok {
		return slices.ContainsFunc(r.imports, func(pattern string) bool { return matches(pattern, own) })
	}
	return !r.stdOnly || !isForeign(imported)
}

// isForeign reports whether an import is of another module than this one and the
// standard library.
func isForeign(imported string) bool {
	first, _, _ := strings.Cut(imported, "/")
	return strings.Contains(first, ".") && !strings.HasPrefix(imported, module+"/")
}

// matches reports whether a pattern of the table covers a package.
func matches(pattern, pkg string) bool {
	if pattern == "..." || pattern == pkg {
		return true
	}
	tree, ok := strings.CutSuffix(pattern, "/...")
	return ok && (pkg == tree || strings.HasPrefix(pkg, tree+"/"))
}

// readSources reads the imports of every package. A package that has only tests is
// part of it, with no imports.
func readSources(t *testing.T) sources {
	t.Helper()
	found := sources{}
	readFiles(t, parser.ImportsOnly, func(pkg string, test bool, file *ast.File) {
		found[pkg] = append(found[pkg], importsOf(test, file)...)
	})
	if len(found) < 2 {
		t.Fatalf("the walk found %d packages: where is the root of the module?", len(found))
	}
	return found
}

// readFiles parses the module's files, and says of each which package it is in.
func readFiles(t *testing.T, mode parser.Mode, visit func(pkg string, test bool, file *ast.File)) {
	t.Helper()
	for _, name := range sourceFiles(t) {
		file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(root, name), nil, mode)
		if err != nil {
			t.Fatal(err)
		}
		visit(path.Dir(name), strings.HasSuffix(name, "_test.go"), file)
	}
}

// sourceFiles are the module's Go files, as paths below its root.
func sourceFiles(t *testing.T) []string {
	t.Helper()
	var names []string
	err := filepath.WalkDir(root, func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && name != root && skipped(name):
			return fs.SkipDir
		case entry.IsDir() || !strings.HasSuffix(name, ".go"):
			return nil
		}
		below, err := filepath.Rel(root, name)
		names = append(names, filepath.ToSlash(below))
		return err
	})
	if err != nil || len(names) == 0 {
		t.Fatalf("%d Go files, %v", len(names), err)
	}
	return names
}

// skipped reports whether the go command would not look into a directory, or
// would find another module there.
func skipped(dir string) bool {
	base := filepath.Base(dir)
	if base == "testdata" || strings.HasPrefix(base, ".") || strings.HasPrefix(base, "_") {
		return true
	}
	_, err := os.Stat(filepath.Join(dir, "go.mod"))
	return err == nil
}

// importsOf are the imports of a file; a test file counts as importing nothing.
func importsOf(test bool, file *ast.File) []string {
	if test {
		return nil
	}
	imports := make([]string, 0, len(file.Imports))
	for _, spec := range file.Imports {
		imports = append(imports, strings.Trim(spec.Path.Value, `"`))
	}
	return imports
}
