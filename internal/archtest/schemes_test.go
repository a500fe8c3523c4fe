package archtest_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"slices"
	"strconv"
	"testing"

	"github.com/waybillhq/waybill/internal/schemes"
)

// naming is a package that may name schemes, and why.
type naming struct {
	pkg  string
	once bool // it has one constant with a name
	why  string
}

func namings() []naming {
	return []naming{
		{pkg: "signer", why: "defines those that are built in"},
		{pkg: "internal/demo", why: "tells a story of some of them"},
		{pkg: "store/storetest", why: "tests stores with endpoints of some"},
		{pkg: "internal/bench", once: true, why: "the default of a flag"},
		{pkg: "postback", once: true, why: "the scheme of what an operator is told"},
	}
}

// Nothing that a scheme does differently hangs on its name: its declaration says it.
func TestNothingElseNamesAScheme(t *testing.T) {
	t.Parallel()
	catalogue, err := schemes.Load()
	if err != nil {
		t.Fatal(err)
	}
	if len(catalogue.Names()) < 4 {
		t.Fatalf("the catalogue has only %s", catalogue.Names())
	}
	named := map[string][]string{}
	readFiles(t, parser.SkipObjectResolution, func(pkg string, test bool, file *ast.File) {
		if !test {
			named[pkg] = append(named[pkg], literalsOf(file, catalogue.Names())...)
		}
	})
	for pkg, names := range named {
		at := slices.IndexFunc(namings(), func(n naming) bool { return n.pkg == pkg })
		if at < 0 && len(names) > 0 || at >= 0 && namings()[at].once && len(names) > 1 {
			t.Errorf("package %s names schemes, %s: let their declarations say what is special about them", pkg, names)
		}
	}
	for _, may := range namings() {
		if len(named[may.pkg]) == 0 {
			t.Errorf("package %s (%s) names no scheme any more: take it off the list", may.pkg, may.why)
		}
	}
}

// literalsOf are the words that a file has as string literals.
func literalsOf(file *ast.File, words []string) []string {
	var found []string
	ast.Inspect(file, func(node ast.Node) bool {
		if literal, ok := node.(*ast.BasicLit); ok && literal.Kind == token.STRING {
			if text, err := strconv.Unquote(literal.Value); err == nil && slices.Contains(words, text) {
				found = append(found, text)
			}
		}
		return true
	})
	return found
}
