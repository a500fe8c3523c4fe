package schemes_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/waybillhq/waybill/internal/schemes"
)

// What the documentation shows is a declaration that loads, its vector
// included.
func TestTheDocumentedDeclarationLoads(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "schemes.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, found := strings.Cut(string(page), "```yaml\n")
	declaration, _, closed := strings.Cut(rest, "```")
	if !found || !closed {
		t.Fatal("the page shows no declaration")
	}
	if _, err := schemes.Parse("schemes.md", []byte(declaration)); err != nil {
		t.Error(err)
	}
	wrong := strings.Replace(declaration, "4367a09b", "4367a09c", 1)
	if _, err := schemes.Parse("schemes.md", []byte(wrong)); err == nil {
		t.Error("a vector that does not hold passes")
	}
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
