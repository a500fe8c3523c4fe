package cli

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/waybillhq/waybill/postback"
)

// expectFlags spell what the body of a successful answer must be: as JSON, or one flag for
// each part.
type expectFlags struct {
	json      string
	exact     string
	contains  string
	regex     string
	path      string
	equals    string
	duplicate []string
}

func (f *expectFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&f.exact, "expect-exact", "", "`TEXT` whole body that a successful answer must have, such as OK")
	flags.StringVar(&f.contains, "expect-contains", "", "`TEXT` text that the body of a successful answer must contain")
	flags.StringVar(&f.regex, "expect-regex", "", "`PATTERN` regular expression (RE2) that the body of a successful answer must match")
	flags.StringVar(&f.path, "expect-json-path", "", "`PATH` path in a JSON body, such as data.0.status")
	flags.StringVar(&f.equals, "expect-equals", "", "`VALUE` value that must be at --expect-json-path")
	flags.StringArrayVar(&f.duplicate, "expect-duplicate", nil, "`TEXT` body of a successful answer that reports a duplicate, such as DUP; it counts as success too (repeatable)")
	flags.StringVar(&f.json, "expect", "", "`JSON` the whole expectation, such as '{\"exact\":\"OK\",\"duplicate\":\"DUP\"}'")
}

// read returns what is expected, nil when no flag was given, and a pointer to
// nil when --expect is empty or null.
func (f *expectFlags) read(cmd *cobra.Command) (**postback.Expect, error) {
	parts := false
	for _, name := range []string{"exact", "contains", "regex", "json-path", "equals", "duplicate"} {
		parts = parts || cmd.Flags().Changed("expect-"+name)
	}
	whole := cmd.Flags().Changed("expect")
	var expected *postback.Expect
	switch {
	case parts && whole:
		return nil, usagef("give --expect or the --expect-... flags, not both")
	case parts:
		expected = f.expect()
	case !whole:
		return nil, nil
	case f.json != "" && f.json != "null":
		expected = &postback.Expect{}
		if err := postback.DecodeObject([]byte(f.json), expected); err != nil {
			return nil, wrongJSON("--expect", err)
		}
	}
	return &expected, nil
}

func (f *expectFlags) expect() *postback.Expect {
	expected := &postback.Expect{
		Exact: f.exact, Contains: f.contains, Regex: f.regex, JSONPath: f.path, Duplicate: withoutEmpty(f.duplicate),
	}
	if f.equals != "" {
		text, _ := json.Marshal(f.equals) //nolint:errchkjson // a string always marshals
		expected.Equals = postback.Scalar(text)
	}
	return expected
}

func expectLine(expected *postback.Expect) string {
	if expected == nil {
		return "any body"
	}
	var parts []string
	for _, part := range []struct{ what, text string }{
		{"exactly", expected.Exact}, {"contains", expected.Contains}, {"matches", expected.Regex},
	} {
		if part.text != "" {
			parts = append(parts, fmt.Sprintf("%s %q", part.what, part.text))
		}
	}
	if expected.JSONPath != "" {
		parts = append(parts, fmt.Sprintf("%q at %s", expected.Equals.Text(), expected.JSONPath))
	}
	for _, text := range expected.Duplicate {
		parts = append(parts, fmt.Sprintf("%q for a duplicate", text))
	}
	return strings.Join(parts, "; ")
}
