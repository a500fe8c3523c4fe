package compile

import (
	"slices"
	"strings"

	"github.com/waybillhq/waybill/signer/internal/declare"
	"github.com/waybillhq/waybill/signer/internal/percent"
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

// encodings are the words for the ways to write text in a URL, the usual one first.
func encodings() []string {
	return []string{declare.Encoding3986, declare.Encoding1738, declare.EncodingForm, declare.EncodingComponent, declare.EncodingDotNet}
}

// encodingOf is what one of those words means.
func encodingOf(word string) percent.Encoding {
	switch word {
	case declare.Encoding1738:
		return percent.RFC1738
	case declare.EncodingForm:
		return percent.Form
	case declare.EncodingComponent:
		return percent.Component
	case declare.EncodingDotNet:
		return percent.DotNet
	default:
		return percent.RFC3986
	}
}
