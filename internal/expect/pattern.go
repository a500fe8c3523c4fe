package expect

import (
	"errors"
	"regexp/syntax"
)

// maxSize bounds the steps of a regular expression's program. Matching takes
// time that grows with it and with the body, whatever the pattern.
const maxSize = 300

// checkPattern refuses a pattern that is no RE2, or that counted repetitions
// blow up to a large program.
func checkPattern(pattern string) error {
	if len(pattern) > maxPattern {
		return invalid("expect.regex", "must be at most %d bytes long", maxPattern)
	}
	parsed, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil {
		return refusePattern(err)
	}
	if size(parsed) > maxSize {
		return invalid("expect.regex", "is too large with its repetitions written out; repeat less often, or match less of the body")
	}
	return nil
}

// size estimates the steps of the program that a pattern becomes, and stops
// counting above maxSize.
func size(pattern *syntax.Regexp) int {
	total := 1
	if pattern.Op == syntax.OpLiteral {
		total = len(pattern.Rune)
	}
	for _, part := range pattern.Sub {
		total += size(part)
	}
	if pattern.Op == syntax.OpRepeat {
		total *= max(pattern.Min, pattern.Max, 1)
	}
	return min(total, maxSize+1)
}

func refusePattern(err error) error {
	reason := "it cannot be read"
	if failure, ok := errors.AsType[*syntax.Error](err); ok {
		reason = failure.Code.String()
	}
	return invalid("expect.regex", "is not a regular expression in the syntax of RE2: %s", reason)
}
