package signer

import (
	"fmt"
	"slices"
	"strings"
)

// wrong refuses a declaration. path is the way to what is wrong in it, such as
// "parts[2].field".
func wrong(path, format string, args ...any) *Error {
	return refuse(path, CodeDeclaration, format, args...)
}

// at is the path of an element of a list.
func at(list string, index int) string {
	return fmt.Sprintf("%s[%d]", list, index)
}

// oneOf returns the word, or the first of the allowed ones for an empty word.
func oneOf(path, word string, allowed ...string) (string, error) {
	switch {
	case word == "":
		return allowed[0], nil
	case slices.Contains(allowed, word):
		return word, nil
	}
	known := strings.Join(allowed, ", ")
	if near := nearest(word, allowed); near != "" {
		return "", wrong(path, "%.40q is not allowed: did you mean %s? Allowed: %s", word, near, known)
	}
	return "", wrong(path, "%.40q is not allowed; allowed: %s", word, known)
}

// or returns the word, or the fallback for an empty word.
func or(word, fallback string) string {
	if word == "" {
		return fallback
	}
	return word
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
			return wrong(path+"."+s.name, "has no meaning with %s", what)
		}
	}
	return nil
}
