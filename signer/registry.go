package signer

import (
	"encoding/json"
	"io"
	"strings"
	"sync"

	"github.com/waybillhq/waybill/signer/internal/refusal"
)

const (
	nameBesitos          = "besitos"
	nameBitlabs          = "bitlabs"
	nameSimpleswap       = "simpleswap"
	nameStandardWebhooks = "standard-webhooks"
)

// builtIn compiles the schemes of this package once: Lookup stands in the way
// of every request.
//
//nolint:gochecknoglobals // It is computed once and never changes.
var builtIn = sync.OnceValue(func() []*Definition {
	made := make([]*Definition, 0, 4)
	for _, declaration := range []Declaration{declareBesitos(), declareBitlabs(), declareSimpleswap()} {
		definition, err := Compile(declaration)
		if err != nil {
			panic(err) // a test compiles them
		}
		made = append(made, definition)
	}
	return append(made, defineStandardWebhooks())
})

// BuiltIn returns the schemes of this package, sorted by name.
func BuiltIn() []*Definition {
	return append([]*Definition(nil), builtIn()...)
}

// Define returns what is known of the scheme of that name. An unknown name is
// an *Error about the field "scheme" that lists the known ones.
func Define(name string) (*Definition, error) {
	for _, known := range builtIn() {
		if known.about.Name == name {
			return known, nil
		}
	}
	return nil, UnknownScheme(name, Names())
}

// UnknownScheme is the error about a name that is not among the known ones.
func UnknownScheme(name string, known []string) *Error {
	list := strings.Join(known, ", ")
	if near := refusal.Nearest(name, known); near != "" {
		return refusal.New("scheme", CodeUnknownScheme, "unknown scheme %.40q: did you mean %q? Known: %s", name, near, list)
	}
	return refusal.New("scheme", CodeUnknownScheme, "unknown scheme %.40q; known: %s", name, list)
}

// Names returns the names of the schemes, sorted.
func Names() []string {
	names := make([]string, 0, len(builtIn()))
	for _, known := range builtIn() {
		names = append(names, known.about.Name)
	}
	return names
}

// Lookup returns the scheme of that name, with the errors of Define.
func Lookup(name string) (Scheme, error) {
	known, err := Define(name)
	if err != nil {
		return nil, err
	}
	return known.Scheme, nil
}

// Methods returns the HTTP methods that a scheme allows, its default first.
func Methods(name string) ([]string, error) {
	known, err := Define(name)
	if err != nil {
		return nil, err
	}
	return known.Methods(), nil
}

// AllowsOverlap says whether a scheme's requests have room for a signature with
// every active secret. It is false for an unknown scheme.
func AllowsOverlap(name string) bool {
	known, err := Define(name)
	return err == nil && known.AllowsOverlap()
}

// GenerateSecret makes a new secret for a scheme: see Definition.
func GenerateSecret(name string, random io.Reader) (string, error) {
	known, err := Define(name)
	if err != nil {
		return "", err
	}
	return known.GenerateSecret(random)
}

// CheckSecret refuses a secret that does not fit a scheme: see Definition.
func CheckSecret(name, secret string) error {
	known, err := Define(name)
	if err != nil {
		return err
	}
	return known.CheckSecret(secret)
}

// Example returns realistic data for an event of a type, such as a scheme's
// Sign and CheckData accept. It is nil for an unknown scheme.
func Example(name, eventType string) json.RawMessage {
	known, err := Define(name)
	if err != nil {
		return nil
	}
	return known.Example(eventType)
}
