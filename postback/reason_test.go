package postback_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/waybillhq/waybill/postback"
)

// TestReasonsAreTheTableOfReasons compares the constants, whose comments begin
// with their state, with the page.
func TestReasonsAreTheTableOfReasons(t *testing.T) {
	t.Parallel()
	declared, documented := declaredReasons(t), documentedReasons(t)
	if len(declared) == 0 || !maps.Equal(declared, documented) {
		t.Errorf("declared are %v\ndocumented are %v", declared, documented)
	}
}

// TestReasonsAreAll compares the list with the constants.
func TestReasonsAreAll(t *testing.T) {
	t.Parallel()
	var listed []string
	for _, reason := range postback.Reasons() {
		listed = append(listed, string(reason))
	}
	slices.Sort(listed)
	if declared := slices.Sorted(maps.Keys(declaredReasons(t))); len(declared) == 0 || !slices.Equal(declared, listed) {
		t.Errorf("declared are %v\nlisted are %v", declared, listed)
	}
}

// TestParkedReasonsAreAll compares the list with the constants.
func TestParkedReasonsAreAll(t *testing.T) {
	t.Parallel()
	var declared, listed []string
	for reason, state := range declaredReasons(t) {
		if state == string(postback.Parked) {
			declared = append(declared, reason)
		}
	}
	for _, reason := range postback.ParkedReasons() {
		listed = append(listed, string(reason))
	}
	slices.Sort(declared)
	slices.Sort(listed)
	if len(declared) == 0 || !slices.Equal(declared, listed) {
		t.Errorf("declared are %v\nlisted are %v", declared, listed)
	}
}

func declaredReasons(t *testing.T) map[string]string {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "delivery.go", nil, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	states := map[string]string{}
	ast.Inspect(file, func(node ast.Node) bool {
		value, ok := node.(*ast.ValueSpec)
		if !ok || len(value.Names) == 0 || !strings.HasPrefix(value.Names[0].Name, "Reason") {
			return true
		}
		literal, ok := value.Values[0].(*ast.BasicLit)
		if !ok {
			t.Fatalf("%s is no literal", value.Names[0])
		}
		reason, err := strconv.Unquote(literal.Value)
		if err != nil {
			t.Fatal(err)
		}
		states[reason], _, _ = strings.Cut(value.Comment.Text(), ":")
		return true
	})
	return states
}

func documentedReasons(t *testing.T) map[string]string {
	t.Helper()
	page, err := os.ReadFile("../docs/state_machine.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(page), "\n## Reasons\n")
	states := map[string]string{}
	for line := range strings.Lines(section) {
		cells := strings.Split(line, "|")
		if len(cells) != 5 || !strings.Contains(cells[2], "`") || strings.HasPrefix(strings.TrimSpace(cells[3]), "reserved") {
			continue
		}
		states[strings.Trim(cells[2], " `")] = strings.TrimSpace(cells[1])
	}
	return states
}
