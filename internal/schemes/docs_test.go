package schemes_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/waybillhq/waybill/internal/schemes"
)

// The declaration that the documentation shows is one that works.
func TestDocumentedDeclarationCompiles(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "schemes.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, after, found := strings.Cut(string(text), "```yaml\n")
	block, _, closed := strings.Cut(after, "```")
	if !found || !closed {
		t.Fatal("the documentation shows no declaration")
	}
	if _, err := schemes.Parse("schemes.md", []byte(block)); err != nil {
		t.Error(err)
	}
	for _, name := range load(t).Names() {
		if !strings.Contains(string(text), "`"+name+"`") {
			t.Errorf("%s is not documented", name)
		}
	}
}
