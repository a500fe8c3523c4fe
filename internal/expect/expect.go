// Package expect judges the body of a successful answer by what its endpoint expects there.
//
// It guarantees that an expectation which [Compile] accepts judges every body
// in bounded time and never fails on one, however hostile: a body is as
// expected or it is not. Bodies are bytes; only a byte order mark of UTF-8 in
// front and white space around are left out of account.
package expect

import (
	"bytes"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/waybillhq/waybill/internal/jsonpath"
	"github.com/waybillhq/waybill/postback"
)

const (
	// maxText bounds each text, in bytes.
	maxText = 1000
	// maxPattern bounds a regular expression, in bytes.
	maxPattern = 500
	// maxDuplicates bounds how many bodies say duplicate.
	maxDuplicates = 20
)

// Check is a compiled expectation. It is safe for concurrent use.
type Check struct {
	duplicates []string
	matches    func(body []byte) bool // of a trimmed body; nil: every body is right
	wanted     string
}

// Compile checks an expectation and makes it ready for use. The error is a
// *postback.Error whose Field begins with "expect".
func Compile(expected postback.Expect) (*Check, error) {
	if err := checkShape(expected); err != nil {
		return nil, err
	}
	check := &Check{}
	for i, text := range expected.Duplicate {
		trimmed, err := trimmedText(fmt.Sprintf("expect.duplicate[%d]", i), text)
		if err != nil {
			return nil, err
		}
		check.duplicates = append(check.duplicates, trimmed)
	}
	if err := check.compile(expected); err != nil {
		return nil, err
	}
	return check, nil
}

// Match reports whether a body is as expected, and whether it is one that says
// duplicate.
func (c *Check) Match(body []byte) (matched, duplicate bool) {
	body = bytes.TrimSpace(bytes.TrimPrefix(body, []byte("\xef\xbb\xbf")))
	if slices.ContainsFunc(c.duplicates, func(text string) bool { return string(body) == text }) {
		return true, true
	}
	return c.matches == nil || c.matches(body), false
}

// String says what is expected, as in "the body is not ...".
func (c *Check) String() string {
	if len(c.duplicates) == 0 {
		return c.wanted
	}
	return fmt.Sprintf("%s (or, for a duplicate, %q)", c.wanted, c.duplicates)
}

func (c *Check) compile(expected postback.Expect) error {
	switch {
	case expected.Exact != "":
		text, err := trimmedText("expect.exact", expected.Exact)
		c.wanted = fmt.Sprintf("exactly %q", text)
		c.matches = func(body []byte) bool { return string(body) == text }
		return err
	case expected.Contains != "":
		text, err := trimmedText("expect.contains", expected.Contains)
		c.wanted = fmt.Sprintf("one that contains %q", text)
		c.matches = func(body []byte) bool { return bytes.Contains(body, []byte(text)) }
		return err
	case expected.Regex != "":
		return c.compilePattern(expected.Regex)
	case expected.JSONPath != "":
		return c.compilePath(expected.JSONPath, expected.Equals)
	default:
		return nil
	}
}

func (c *Check) compilePattern(pattern string) error {
	if err := checkPattern(pattern); err != nil {
		return err
	}
	compiled, err := regexp.Compile(pattern)
	if err != nil {
		return refusePattern(err)
	}
	c.wanted = fmt.Sprintf("one that matches %q", pattern)
	c.matches = compiled.Match
	return nil
}

func (c *Check) compilePath(path string, equals postback.Scalar) error {
	steps, err := jsonpath.Parse("expect.json_path", path)
	if err != nil {
		return err //nolint:wrapcheck // it names the field
	}
	text := equals.Text()
	if len(text) > maxText {
		return invalid("expect.equals", "must be at most %d bytes long", maxText)
	}
	c.wanted = fmt.Sprintf("JSON with %q at %s", text, path)
	c.matches = func(body []byte) bool {
		found, ok := steps.Text(body)
		return ok && found == text
	}
	return nil
}

// checkShape checks which fields are set together.
func checkShape(expected postback.Expect) error {
	kinds := 0
	for _, text := range []string{expected.Exact, expected.Contains, expected.Regex, expected.JSONPath} {
		if text != "" {
			kinds++
		}
	}
	switch {
	case kinds > 1:
		return invalid("expect", "must have one of exact, contains, regex and json_path, not several")
	case kinds == 0 && len(expected.Duplicate) == 0:
		return invalid("expect", "must have one of exact, contains, regex, json_path and duplicate; null removes an expectation")
	case expected.JSONPath != "" && expected.Equals == "":
		return invalid("expect.equals", "is missing: what must be at json_path?")
	case expected.JSONPath == "" && expected.Equals != "":
		return invalid("expect.json_path", "is missing: where must equals be?")
	case len(expected.Duplicate) > maxDuplicates:
		return invalid("expect.duplicate", "must have at most %d entries", maxDuplicates)
	default:
		return nil
	}
}

// trimmedText is a text that a trimmed body can have.
func trimmedText(field, text string) (string, error) {
	trimmed := strings.TrimSpace(text)
	switch {
	case trimmed == "":
		return "", invalid(field, "must be more than white space, which does not count around a body")
	case len(text) > maxText:
		return "", invalid(field, "must be at most %d bytes long", maxText)
	default:
		return trimmed, nil
	}
}

func invalid(field, format string, args ...any) *postback.Error {
	return postback.Invalid(field, postback.CodeInvalid, format, args...)
}
