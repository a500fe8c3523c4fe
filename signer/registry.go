package signer

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
)

const (
	nameBesitos    = "besitos"
	nameBitlabs    = "bitlabs"
	nameSimpleswap = "simpleswap"
)

// definition is all that is known of a scheme.
type definition struct {
	scheme  Scheme
	methods string // separated by spaces, the default first
	secret  secretForm
	example func(eventType string) json.RawMessage
}

func define(name string) (definition, error) {
	switch name {
	case nameBesitos:
		return definition{besitos{}, http.MethodGet, hexSecret(), exampleBesitos}, nil
	case nameBitlabs:
		return definition{bitlabs{}, http.MethodGet, alphanumericSecret(29, 16), exampleBitlabs}, nil
	case nameSimpleswap:
		return definition{simpleswap{}, http.MethodPost, alphanumericSecret(32, 12), exampleSimpleswap}, nil
	default:
		return definition{}, unknownScheme(name)
	}
}

func unknownScheme(name string) *Error {
	known := strings.Join(Names(), ", ")
	if near := nearest(name, Names()); near != "" {
		return refuse("scheme", CodeUnknownScheme, "unknown scheme %.40q: did you mean %q? Known: %s", name, near, known)
	}
	return refuse("scheme", CodeUnknownScheme, "unknown scheme %.40q; known: %s", name, known)
}

// Names returns the names of the schemes, sorted.
func Names() []string {
	return []string{nameBesitos, nameBitlabs, nameSimpleswap}
}

// Lookup returns the scheme of that name. An unknown name is an *Error about
// the field "scheme" that lists the known ones.
func Lookup(name string) (Scheme, error) {
	known, err := define(name)
	if err != nil {
		return nil, err
	}
	return known.scheme, nil
}

// Methods returns the HTTP methods that a scheme allows, its default first.
func Methods(name string) ([]string, error) {
	known, err := define(name)
	if err != nil {
		return nil, err
	}
	return strings.Fields(known.methods), nil
}

// GenerateSecret makes a new secret in the form that the network gives its
// publishers, from a cryptographically secure source such as crypto/rand.Reader.
// A source that fails is an error that wraps the source's own.
func GenerateSecret(name string, random io.Reader) (string, error) {
	known, err := define(name)
	if err != nil {
		return "", err
	}
	return known.secret.generate(random)
}

// CheckSecret refuses a secret, imported from elsewhere, that is empty, too
// short to be safe, too long, or that holds characters that get lost when it
// is copied.
func CheckSecret(name, secret string) error {
	known, err := define(name)
	if err != nil {
		return err
	}
	return known.secret.check(secret)
}

// Example returns realistic data for an event of a type, such as a scheme's
// Sign and CheckData accept. It is nil for an unknown scheme.
func Example(name, eventType string) json.RawMessage {
	known, err := define(name)
	if err != nil {
		return nil
	}
	return known.example(eventType)
}

// checkMethod returns the method to send: the wanted one or, when that is
// empty, the scheme's default.
func checkMethod(name, wanted string) (string, error) {
	known, err := define(name)
	if err != nil {
		return "", err
	}
	for allowed := range strings.FieldsSeq(known.methods) {
		if wanted == "" || wanted == allowed {
			return allowed, nil
		}
	}
	return "", refuse("method", CodeMethodNotAllowed, "scheme %s sends %s, not %.20q",
		name, strings.ReplaceAll(known.methods, " ", " or "), wanted)
}
