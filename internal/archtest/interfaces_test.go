package archtest_test

import (
	"go/ast"
	"go/parser"
	"path"
	"strings"
	"testing"
)

// maxMethods is how many methods an interface may have.
const maxMethods = 4

// The linter counts what an interface declares; this counts what it embeds, too.
func TestInterfacesAreSmall(t *testing.T) {
	t.Parallel()
	all := readInterfaces(t)
	if len(all) < 50 {
		t.Fatalf("%d interfaces were found", len(all))
	}
	for name := range all {
		if methods := all.methods(name); methods > maxMethods && !isSum(name) {
			t.Errorf("%s has %d methods, %d at most: split it by who calls what", name, methods, maxMethods)
		}
	}
}

func TestEmbeddedMethodsCount(t *testing.T) {
	t.Parallel()
	all := interfaces{
		"a.Two":  {"", ""},
		"b.Four": {"", "a.Two", "io.Closer"},
	}
	if got := all.methods("b.Four"); got != 4 {
		t.Errorf("got %d", got)
	}
}

// isSum reports whether an interface stands for all that several callers ask: that of
// the suite which every ledger passes, and that of the one place which hands a ledger
// out.
func isSum(name string) bool {
	return strings.HasPrefix(name, "store/storetest.") || name == "internal/app.ledger"
}

// interfaces are those of the module's non-test files by their names, such as
// "api.Keys": the names of what each embeds, and an empty one for each method.
type interfaces map[string][]string

// methods counts those of an interface. Of another module's, it knows one.
func (all interfaces) methods(name string) int {
	members, own := all[name]
	if !own {
		return 1
	}
	count := 0
	for _, member := range members {
		count += all.methods(member)
	}
	return count
}

func readInterfaces(t *testing.T) interfaces {
	t.Helper()
	all := interfaces{}
	readFiles(t, parser.SkipObjectResolution, func(pkg string, test bool, file *ast.File) {
		if test {
			return
		}
		ast.Inspect(file, func(node ast.Node) bool {
			if spec, isType := node.(*ast.TypeSpec); isType {
				if declared, isInterface := spec.Type.(*ast.InterfaceType); isInterface {
					all[pkg+"."+spec.Name.Name] = membersOf(pkg, file, declared)
				}
			}
			return true
		})
	})
	return all
}

func membersOf(pkg string, file *ast.File, declared *ast.InterfaceType) []string {
	var members []string
	for _, field := range declared.Methods.List {
		switch of := field.Type.(type) {
		case *ast.Ident:
			members = append(members, pkg+"."+of.Name)
		case *ast.SelectorExpr:
			if from, isName := of.X.(*ast.Ident); isName {
				members = append(members, imported(file, from.Name)+"."+of.Sel.Name)
			}
		default:
			members = append(members, "")
		}
	}
	return members
}

// imported is the package that a file knows by a name, as a path below the module.
func imported(file *ast.File, name string) string {
	for i, full := range importsOf(false, file) {
		own := strings.TrimPrefix(full, module+"/")
		if alias := file.Imports[i].Name; path.Base(own) == name || alias != nil && alias.Name == name {
			return own
		}
	}
	return name
}
