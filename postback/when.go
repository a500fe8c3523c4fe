package postback

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// UseTime says what may stand where a time is asked for.
const UseTime = "use RFC 3339, a date, or an age such as 90m, 7d or 1w"

// UseAge says what may stand where a length of time is asked for.
const UseAge = "use a number and a unit, such as 90s, 36h, 7d or 1w"

// ParseWhen reads a point in time: RFC 3339 ("2026-01-31T12:00:00Z"), a date in
// UTC ("2026-01-31"), or an age, which is how long before now. Times before 1970
// are refused, and so is 0, which is often meant as 1970 and would be now.
func ParseWhen(text string, now time.Time) (time.Time, error) {
	for _, layout := range []string{time.RFC3339, time.DateOnly} {
		if at, err := time.Parse(layout, text); err == nil && at.Unix() >= 0 {
			return at.UTC(), nil
		}
	}
	if age, err := ParseAge(text); err == nil && age >= 0 && strings.Trim(text, "+-0") != "" {
		return now.Add(-age).UTC(), nil
	}
	return time.Time{}, fmt.Errorf("%s: "+UseTime, InvalidTime(text))
}

// InvalidTime says of a text that is no time what is wrong with it, if it has the
// form of one.
func InvalidTime(text string) string {
	invalid := fmt.Sprintf("invalid time %.60q", text)
	for _, layout := range []string{time.RFC3339, time.DateOnly} {
		at, err := time.Parse(layout, text)
		wrong, _ := errors.AsType[*time.ParseError](err)
		switch {
		case err == nil && at.Unix() < 0:
			return invalid + ", which is before 1970"
		case wrong != nil && strings.HasSuffix(wrong.Message, " out of range"):
			return invalid + ", whose " + strings.TrimPrefix(strings.TrimSuffix(wrong.Message, " out of range"), ": ") + " does not exist"
		}
	}
	return invalid
}

// ParseAge reads a length of time as Go spells it ("1h30m"), with weeks and days
// in front ("1w2d12h").
func ParseAge(text string) (time.Duration, error) {
	rest, sum := text, time.Duration(0)
	for _, unit := range []struct {
		name   string
		length time.Duration
	}{{"w", 7 * 24 * time.Hour}, {"d", 24 * time.Hour}} {
		count, after, found := strings.Cut(rest, unit.name)
		if !found {
			continue
		}
		n, err := strconv.ParseUint(count, 10, 32)
		if err != nil || n > uint64((maxAge-sum)/unit.length) { //nolint:gosec // sum never exceeds maxAge
			return 0, fmt.Errorf("invalid duration %q: "+UseAge, text)
		}
		rest, sum = after, sum+time.Duration(n)*unit.length
	}
	if rest == "" && rest != text {
		return sum, nil
	}
	more, err := time.ParseDuration(rest)
	if err != nil || rest != text && (more < 0 || strings.HasPrefix(rest, "+")) || more > maxAge {
		return 0, fmt.Errorf("invalid duration %q: "+UseAge, text)
	}
	return sum + more, nil
}

// FormatAge writes a length of time as ParseAge reads it, without what is zero at
// its end: "72h" and "10m", where Go writes "72h0m0s" and "10m0s". Whole days are
// days from a week on: "90d".
func FormatAge(length time.Duration) string {
	const day = 24 * time.Hour
	if length >= 7*day && length%day == 0 {
		return strconv.FormatInt(int64(length/day), 10) + "d"
	}
	text := length.String()
	if short, found := strings.CutSuffix(text, "m0s"); found {
		text = short + "m"
	}
	if short, found := strings.CutSuffix(text, "h0m"); found {
		text = short + "h"
	}
	return text
}

// maxAge keeps sums from overflowing: a hundred years.
const maxAge = 100 * 365 * 24 * time.Hour
