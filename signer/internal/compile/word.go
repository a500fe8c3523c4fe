package compile

import (
	"slices"
	"strings"

	"github.com/waybillhq/waybill/signer/internal/refusal"
)

// oneOf returns the word, or the first of the allowed ones for an empty word.
func oneOf(path, word string, allowed ...string) (string, error) {
	switch {
	case word == "":
		return allowed[0], nil
	case slices.Contains(allowed, word):
		return word, nil
	}
	known := strings.Join(allowed, ", ")
	if near := refusal.Nearest(word, allowed); near != "" {
		return "", refusal.Wrong(path, "%.40q is not allowed: did you mean %s? Allowed: %s", word, near, known)
	}
	return "", refusal.Wrong(path, "%.40q is not allowed; allowed: %s", word, known)
}

// setting is a setting that may be set, with its name.
type setting struct {
	name string
	set  bool
}

// onlyFor refuses settings that have no meaning where they stand, so that a
// slip is noticed and not skipped.
func onlyFor(path, what string, settings ...setting) error {
	for _, s := range settings {
		if s.set {
			return refusal.Wrong(path+"."+s.name, "has no meaning with %s", what)
		}
	}
	return nil
}
