package postback_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/waybillhq/waybill/postback"
)

// ofReceivers are codes of what receivers verify and of declarations, which no attempt
// fails with.
func ofReceivers() []string {
	return []string{"signature_missing", "signature_mismatch", "timestamp_invalid", "timestamp_out_of_tolerance", "declaration_invalid"}
}

// Every code that the way out and the schemes may fail with can be asked for.
func TestErrorCodesAreAllThatThereAre(t *testing.T) {
	t.Parallel()
	known := postback.ErrorCodes()
	if sorted := slices.Sorted(slices.Values(known)); len(slices.Compact(sorted)) != len(known) {
		t.Error("a code is listed twice")
	}
	found := slices.Concat(
		constants(t, "../internal/egress/failure.go", "Code"), constants(t, "../signer/internal/refusal/codes.go", "Code"),
		constants(t, "../internal/outage/outage.go", "Reason"), constants(t, "../internal/retry/answers.go", "UnexpectedBody"),
		constants(t, "../internal/seal/seal.go", "CodeSealed"),
		[]string{"status_not_200", string(postback.CodeInternal), string(postback.CodeInvalid)},
	)
	for _, code := range found {
		if slices.Contains(known, code) == slices.Contains(ofReceivers(), code) {
			t.Errorf("%s: known: %t", code, slices.Contains(known, code))
		}
	}
	for _, code := range known {
		if !slices.Contains(found, code) {
			t.Errorf("nothing fails with %s", code)
		}
	}
}

// constants are the values of a file's constants whose names begin so.
func constants(t *testing.T, file, prefix string) (values []string) {
	t.Helper()
	parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(parsed, func(node ast.Node) bool {
		spec, is := node.(*ast.ValueSpec)
		if !is || !strings.HasPrefix(spec.Names[0].Name, prefix) || len(spec.Values) == 0 {
			return true
		}
		if literal, is := spec.Values[0].(*ast.BasicLit); is && literal.Kind == token.STRING {
			value, _ := strconv.Unquote(literal.Value)
			values = append(values, value)
		}
		return true
	})
	if len(values) == 0 {
		t.Fatalf("%s has no constant %s", file, prefix)
	}
	return values
}
