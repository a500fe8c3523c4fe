package expect_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/waybillhq/waybill/internal/expect"
	"github.com/waybillhq/waybill/postback"
)

const bom = "\xef\xbb\xbf"

func TestMatch(t *testing.T) {
	t.Parallel()
	type e = postback.Expect
	status := e{JSONPath: "status", Equals: `"ok"`}
	for _, tt := range []struct {
		name               string
		expected           e
		body               string
		matched, duplicate bool
	}{
		{"exact", e{Exact: "OK"}, "OK", true, false},
		{"exact, white space around", e{Exact: " OK\n"}, "\r\n OK \n", true, false},
		{"exact, byte order mark", e{Exact: "OK"}, bom + "OK\n", true, false},
		{"exact, more", e{Exact: "OK"}, "OK.", false, false},
		{"exact, another case", e{Exact: "OK"}, "ok", false, false},
		{"exact, nothing", e{Exact: "OK"}, "", false, false},
		{"exact, in UTF-16", e{Exact: "OK"}, "\xff\xfeO\x00K\x00", false, false},
		{"exact, bytes that are no UTF-8", e{Exact: "caf\xe9"}, "caf\xe9", true, false},
		{"exact, a NUL", e{Exact: "OK"}, "OK\x00", false, false},
		{"contains", e{Contains: "accepted"}, "<p>accepted</p>", true, false},
		{"contains, among bytes that are no UTF-8", e{Contains: "accepted"}, "\xff\xfeaccepted\xff", true, false},
		{"contains not", e{Contains: "accepted"}, "refused", false, false},
		{"regex, anywhere", e{Regex: `id=\d+`}, "saved id=17.", true, false},
		{"regex, anchored at the trimmed body", e{Regex: `^(OK|1)$`}, bom + " 1\r\n", true, false},
		{"regex not", e{Regex: `^(OK|1)$`}, "10", false, false},
		{"regex over bytes that are no UTF-8", e{Regex: `a.c`}, "a\xffc", true, false},
		{"JSON", status, `{"status": "ok", "id": 7}`, true, false},
		{"JSON behind a byte order mark", status, bom + `{"status":"ok"}` + "\n", true, false},
		{"JSON, another value", status, `{"status":"error"}`, false, false},
		{"JSON, another name", status, `{"Status":"ok"}`, false, false},
		{"JSON, nothing there", status, `{}`, false, false},
		{"JSON, null there", status, `{"status":null}`, false, false},
		{"JSON, an object there", status, `{"status":{"ok":true}}`, false, false},
		{"JSON, two values", status, `{"status":"ok"} {"status":"ok"}`, false, false},
		{"JSON, garbage behind", status, `{"status":"ok"}x`, false, false},
		{"JSON, cut off", status, `{"status":"ok"`, false, false},
		{"no JSON", status, `status=ok`, false, false},
		{"JSON, a list", status, `["ok"]`, false, false},
		{"JSON, deep", e{JSONPath: `data.1.a\.b`, Equals: `true`}, `{"data":[0,{"a.b":true}]}`, true, false},
		{"JSON, past the end", e{JSONPath: `data.2`, Equals: `true`}, `{"data":[0,true]}`, false, false},
		{"JSON, no index", e{JSONPath: `data.-1`, Equals: `true`}, `{"data":[true]}`, false, false},
		{"JSON, an index that is none", e{JSONPath: `99999999999999999999`, Equals: `true`}, `[true]`, false, false},
		{"JSON, boolean", e{JSONPath: "success", Equals: `true`}, `{"success":true}`, true, false},
		{"JSON, boolean as a string", e{JSONPath: "success", Equals: `true`}, `{"success":"true"}`, true, false},
		{"JSON, number", e{JSONPath: "code", Equals: `"0"`}, `{"code":0}`, true, false},
		{"JSON, number spelled otherwise", e{JSONPath: "code", Equals: `1`}, `{"code":1.0}`, false, false},
		{"JSON, a large number", e{JSONPath: "id", Equals: `12345678901234567890`}, `{"id":12345678901234567890}`, true, false},
		{"JSON, nested as deep as it gets", status, strings.Repeat("[", 16<<10), false, false},
		{"duplicate", e{Exact: "OK", Duplicate: postback.Texts{"DUP", "AGAIN"}}, " AGAIN\n", true, true},
		{"duplicate beside it", e{Exact: "OK", Duplicate: postback.Texts{"DUP"}}, "OK", true, false},
		{"no duplicate", e{Exact: "OK", Duplicate: postback.Texts{"DUP"}}, "DUPE", false, false},
		{"duplicates alone", e{Duplicate: postback.Texts{"DUP"}}, "DUP", true, true},
		{"duplicates alone, another body", e{Duplicate: postback.Texts{"DUP"}}, "anything", true, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			check, err := expect.Compile(tt.expected)
			if err != nil {
				t.Fatal(err)
			}
			matched, duplicate := check.Match([]byte(tt.body))
			if matched != tt.matched || duplicate != tt.duplicate {
				t.Errorf("got %t, %t, want %t, %t; wanted is %s", matched, duplicate, tt.matched, tt.duplicate, check)
			}
		})
	}
}

func TestCompileRefuses(t *testing.T) {
	t.Parallel()
	type e = postback.Expect
	long := strings.Repeat("x", 1001)
	for _, tt := range []struct {
		name     string
		expected e
		field    string
	}{
		{"nothing", e{}, "expect"},
		{"two kinds", e{Exact: "OK", Contains: "OK"}, "expect"},
		{"white space", e{Exact: " \n"}, "expect.exact"},
		{"too long", e{Contains: long}, "expect.contains"},
		{"no equals", e{JSONPath: "status"}, "expect.equals"},
		{"equals alone", e{Equals: `"ok"`, Duplicate: postback.Texts{"DUP"}}, "expect.json_path"},
		{"equals too long", e{JSONPath: "status", Equals: postback.Scalar(`"` + long + `"`)}, "expect.equals"},
		{"path of another language", e{JSONPath: "$.status", Equals: "1"}, "expect.json_path"},
		{"path in brackets", e{JSONPath: "[0]", Equals: "1"}, "expect.json_path"},
		{"path with an empty step", e{JSONPath: "a..b", Equals: "1"}, "expect.json_path"},
		{"path that ends in a dot", e{JSONPath: "a.", Equals: "1"}, "expect.json_path"},
		{"path that ends in a backslash", e{JSONPath: `a\`, Equals: "1"}, "expect.json_path"},
		{"path too long", e{JSONPath: long, Equals: "1"}, "expect.json_path"},
		{"regex", e{Regex: `(`}, "expect.regex"},
		{"regex, not RE2", e{Regex: `(?=OK)`}, "expect.regex"},
		{"regex, back reference", e{Regex: `(a)\1`}, "expect.regex"},
		{"regex, too long", e{Regex: strings.Repeat("x", 501)}, "expect.regex"},
		{"regex, blown up", e{Regex: `(x{30}){30}`}, "expect.regex"},
		{"regex, blown up with alternatives", e{Regex: `(aa|bb){0,100}`}, "expect.regex"},
		{"too many duplicates", e{Duplicate: make(postback.Texts, 21)}, "expect.duplicate"},
		{"an empty duplicate", e{Exact: "OK", Duplicate: postback.Texts{"DUP", ""}}, "expect.duplicate[1]"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := expect.Compile(tt.expected)
			var refused *postback.Error
			if !errors.As(err, &refused) || refused.Field != tt.field || refused.Code != postback.CodeInvalid {
				t.Errorf("got %v, want an error in %s", err, tt.field)
			}
		})
	}
}

func FuzzExpect(f *testing.F) {
	f.Add("exact", "OK", "OK", []byte("OK"))
	f.Add("contains", "OK", "", []byte("\xff\xfe"))
	f.Add("regex", `(a|b)*c{2,9}$`, "", []byte("ababcc"))
	f.Add("json_path", `a.0.b\.c`, "true", []byte(`{"a":[{"b.c":true}]}`))
	f.Add("json_path", `a`, "1", []byte(`[[[[[[`))
	f.Fuzz(func(t *testing.T, kind, text, duplicate string, body []byte) {
		expected := postback.Expect{}
		switch kind {
		case "exact":
			expected.Exact = text
		case "contains":
			expected.Contains = text
		case "regex":
			expected.Regex = text
		default:
			expected.JSONPath, expected.Equals = text, `"x"`
		}
		if duplicate != "" {
			expected.Duplicate = postback.Texts{duplicate}
		}
		check, err := expect.Compile(expected)
		if err != nil {
			if postback.CodeOf(err) != postback.CodeInvalid {
				t.Fatalf("an error of another kind: %v", err)
			}
			return
		}
		first, firstDuplicate := check.Match(body)
		padded, paddedDuplicate := check.Match([]byte("\xef\xbb\xbf\n " + strings.TrimPrefix(string(body), "\xef\xbb\xbf") + "\t\n"))
		if first != padded || firstDuplicate != paddedDuplicate {
			t.Errorf("%+v: %q gives %t, %t, and with white space around %t, %t", expected, body, first, firstDuplicate, padded, paddedDuplicate)
		}
		if firstDuplicate && !first {
			t.Error("a duplicate is a success")
		}
	})
}

// BenchmarkMatch is about the worst that an accepted pattern does to the
// longest body that is read.
func BenchmarkMatch(b *testing.B) {
	body := []byte(strings.Repeat("a", 16<<10))
	for name, expected := range map[string]postback.Expect{
		"exact":     {Exact: "OK"},
		"regex":     {Regex: `^OK`},
		"bad regex": {Regex: `(?:a?){50}a{50}b`},
		"json":      {JSONPath: "status", Equals: `"ok"`},
	} {
		check, err := expect.Compile(expected)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				check.Match(body)
			}
		})
	}
}
