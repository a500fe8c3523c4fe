package postback

import (
	"encoding/json"
	"slices"
	"strconv"
)

// Statuses are statuses of answers, and classes of them such as "5xx". JSON has numbers
// for the former.
type Statuses []string

// MarshalJSON writes a list.
func (s Statuses) MarshalJSON() ([]byte, error) {
	values := make([]any, len(s))
	for i, status := range s {
		values[i] = status
		if number, err := strconv.Atoi(status); err == nil {
			values[i] = number
		}
	}
	return json.Marshal(values) //nolint:wrapcheck // text and numbers always marshal
}

// UnmarshalJSON reads one status or a list of them, as Names do.
func (s *Statuses) UnmarshalJSON(text []byte) error {
	*s = readNames[string](text)
	return nil
}

// Codes are the statuses, of classes each that they have.
func (s Statuses) Codes() []int {
	var codes []int
	for _, status := range s {
		first, last, _ := statusRange(status)
		for code := first; code <= last; code++ {
			codes = append(codes, code)
		}
	}
	slices.Sort(codes)
	return slices.Compact(codes)
}

// Has reports whether a status is one of them; none are all.
func (s Statuses) Has(code int) bool {
	return len(s) == 0 || slices.ContainsFunc(s, func(status string) bool {
		first, last, _ := statusRange(status)
		return first <= code && code <= last
	})
}

// StatusClasses lists the classes of statuses.
func StatusClasses() []string { return []string{"1xx", "2xx", "3xx", "4xx", "5xx"} }

// statusRange reads a status or a class of them.
func statusRange(status string) (first, last int, ok bool) {
	if slices.Contains(StatusClasses(), status) {
		class := int(status[0]-'0') * 100
		return class, class + 99, true
	}
	code, err := strconv.Atoi(status)
	if err != nil || code < 100 || code > 599 || status != strconv.Itoa(code) {
		return 0, -1, false
	}
	return code, code, true
}
