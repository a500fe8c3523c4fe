package schemes_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/waybillhq/waybill/internal/schemes"
)

// What the documentation shows is a declaration that loads, its vector
// included.
func TestTheDocumentedDeclarationLoads(t *testing.T) {
	t.Parallel()
	declaration := documentedDeclaration(t)
	if _, err := schemes.Parse("schemes.md", []byte(declaration)); err != nil {
		t.Error(err)
	}
	wrong := strings.Replace(declaration, "4367a09b", "4367a09c", 1)
	if _, err := schemes.Parse("schemes.md", []byte(wrong)); err == nil {
		t.Error("a vector that does not hold passes")
	}
}

// documentedDeclaration is the one that the page on schemes shows.
func documentedDeclaration(t *testing.T) string {
	t.Helper()
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "schemes.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, found := strings.Cut(string(page), "```yaml\n")
	declaration, _, closed := strings.Cut(rest, "```")
	if !found || !closed {
		t.Fatal("the page shows no declaration")
	}
	return declaration
}

func TestEverySchemeIsDocumented(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "schemes.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range load(t).Names() {
		if !strings.Contains(string(page), "`"+name+"`") {
			t.Errorf("%s is not documented", name)
		}
	}
}

func TestEveryReferenceIsDocumented(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "schemes.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, table, found := strings.Cut(string(page), "| scheme | reference |")
	if !found {
		t.Fatal("the page has no table of references")
	}
	table, _, _ = strings.Cut(table, "\n\n")
	catalogue := load(t)
	for _, name := range catalogue.Names() {
		definition, err := catalogue.Define(name)
		if err != nil {
			t.Fatal(err)
		}
		reference := definition.Declaration().Reference
		if reference == "" {
			continue
		}
		documents := func(line string) bool {
			return strings.Contains(line, "`"+name+"`") && strings.HasSuffix(line, "| `"+reference+"` |")
		}
		if !slices.ContainsFunc(strings.Split(table, "\n"), documents) {
			t.Errorf("%s: the reference %s is not documented", name, reference)
		}
	}
}

func TestEveryOrderThatASchemeNeedsIsDocumented(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "schemes.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, section, found := strings.Cut(string(page), "## Messages that replace each other")
	section, _, closed := strings.Cut(section, "\n## ")
	if !found || !closed {
		t.Fatal("the page does not say which schemes need order")
	}
	catalogue := load(t)
	for _, name := range catalogue.Names() {
		definition, err := catalogue.Define(name)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(section, "`"+name+"`") != (definition.Superseding() != "") {
			t.Errorf("%s: its later messages replace earlier ones by %q, which is documented otherwise", name, definition.Superseding())
		}
	}
}
