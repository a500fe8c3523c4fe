package jsonpath_test

import (
	"errors"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/waybillhq/waybill/internal/jsonpath"
	"github.com/waybillhq/waybill/postback"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestText(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		path, data string
		want       string
		found      bool
	}{
		{"a", `{"a":"x"}`, "x", true},
		{"a.1.b", `{"a":[0,{"b":1.50}]}`, "1.50", true},
		{`a\.b.c\\d`, `{"a.b":{"c\\d":true}}`, "true", true},
		{"a", `{"a":null}`, "", false},
		{"a", `{"a":{}}`, "", false},
		{"a.b", `{"a":"x"}`, "", false},
		{"a.-1", `{"a":[1]}`, "", false},
		{"a", `{"a":"x"} `, "x", true},
		{"a", `{"a":"x"} y`, "", false},
		{"a", `nothing`, "", false},
		{"a", ``, "", false},
	} {
		path, err := jsonpath.Parse("field", tt.path)
		if err != nil {
			t.Fatal(err)
		}
		if got, found := path.Text([]byte(tt.data)); got != tt.want || found != tt.found {
			t.Errorf("%s in %s: got %q, %t, want %q, %t", tt.path, tt.data, got, found, tt.want, tt.found)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	t.Parallel()
	for _, path := range []string{"", ".", "a.", ".a", "a..b", `a\`, "$.a", "[0]", strings.Repeat("a", 201)} {
		_, err := jsonpath.Parse("field", path)
		if refused, ok := errors.AsType[*postback.Error](err); !ok || refused.Field != "field" {
			t.Errorf("%q: %v", path, err)
		}
	}
}

func TestOfAName(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"tx", "a.b", `a\b`, "$ref", "[id]", `\$a.[`} {
		path, err := jsonpath.Parse("field", jsonpath.Of(name))
		if err != nil || len(path) != 1 || path[0] != name {
			t.Errorf("%s: got %q, %v", name, path, err)
		}
	}
}

func FuzzText(f *testing.F) {
	f.Add(`a.0.b\.c`, `{"a":[{"b.c":1}]}`)
	f.Fuzz(func(t *testing.T, text, data string) {
		path, err := jsonpath.Parse("field", text)
		if err != nil {
			return
		}
		if value, found := path.Text([]byte(data)); !found && value != "" {
			t.Errorf("nothing is %q", value)
		}
	})
}
