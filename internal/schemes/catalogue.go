package schemes

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"slices"

	"github.com/waybillhq/waybill/postback"
	"github.com/waybillhq/waybill/signer"
)

// Catalogue holds schemes by their names. It does not change, and may be used
// from many goroutines.
type Catalogue struct {
	known []entry // by name
}

type entry struct {
	*signer.Definition
	from     string // a file, or who ships it
	origin   postback.SchemeOrigin
	revision int64 // in the ledger; 0: not from there
}

// Load returns the schemes of package signer, of the shipped declarations, and
// of the files named *.yaml, *.yml and *.json in the directories. A file holds
// one declaration: signer.Declaration in YAML or JSON.
func Load(dirs ...string) (*Catalogue, error) {
	made := &Catalogue{}
	for _, definition := range signer.BuiltIn() {
		if err := made.add(entry{Definition: definition, from: "this program", origin: postback.SchemeBuiltIn}); err != nil {
			return nil, err
		}
	}
	if err := made.addShipped(); err != nil {
		return nil, err
	}
	for _, dir := range dirs {
		if err := made.addDir(dir); err != nil {
			return nil, err
		}
	}
	return made, nil
}

func (c *Catalogue) add(added entry) error {
	at, taken := c.search(added.Name())
	if taken {
		return fmt.Errorf("%s: name: there is a scheme %s already, from %s", added.from, added.Name(), c.known[at].from)
	}
	c.known = slices.Insert(c.known, at, added)
	return nil
}

func (c *Catalogue) search(name string) (int, bool) {
	return slices.BinarySearchFunc(c.known, name, func(e entry, name string) int { return cmp.Compare(e.Name(), name) })
}

// Names returns the names of the schemes, sorted.
func (c *Catalogue) Names() []string {
	names := make([]string, len(c.known))
	for i := range c.known {
		names[i] = c.known[i].Name()
	}
	return names
}

// Define returns what is known of a scheme. An unknown name is a *signer.Error
// about the field "scheme", which suggests what may have been meant.
func (c *Catalogue) Define(name string) (*signer.Definition, error) {
	definition, _, err := c.DefineRevision(name)
	return definition, err
}

// DefineRevision is Define, with the scheme's revision in the ledger: 0 for one that
// is none of the ledger's.
func (c *Catalogue) DefineRevision(name string) (*signer.Definition, int64, error) {
	at, found := c.search(name)
	if !found {
		return nil, 0, signer.UnknownScheme(name, c.Names()) //nolint:wrapcheck // Callers map *signer.Error, as they map that of package signer.
	}
	return c.known[at].Definition, c.known[at].revision, nil
}

// Lookup returns the scheme of that name, with the errors of Define.
func (c *Catalogue) Lookup(name string) (signer.Scheme, error) {
	definition, err := c.Define(name)
	if err != nil {
		return nil, err
	}
	return definition.Scheme, nil
}

// Methods returns the HTTP methods that a scheme allows, its default first.
func (c *Catalogue) Methods(name string) ([]string, error) {
	definition, err := c.Define(name)
	if err != nil {
		return nil, err
	}
	return definition.Methods(), nil
}

// GenerateSecret makes a new secret in the form that a scheme wants. A source
// that fails is an error that wraps the source's own.
func (c *Catalogue) GenerateSecret(name string, random io.Reader) (string, error) {
	definition, err := c.Define(name)
	if err != nil {
		return "", err
	}
	secret, err := definition.GenerateSecret(random)
	if err != nil {
		return "", fmt.Errorf("generate secret: %w", err)
	}
	return secret, nil
}

// CheckSecret refuses, with a *signer.Error, a secret that does not fit a
// scheme.
func (c *Catalogue) CheckSecret(name, secret string) error {
	definition, err := c.Define(name)
	if err != nil {
		return err
	}
	return definition.CheckSecret(secret) //nolint:wrapcheck // Callers map *signer.Error, as they map that of package signer.
}

// Example returns realistic data for an event of a type. It is nil for an
// unknown scheme.
func (c *Catalogue) Example(name, eventType string) json.RawMessage {
	definition, err := c.Define(name)
	if err != nil {
		return nil
	}
	return definition.Example(eventType)
}

// AllowsOverlap reports whether a scheme's requests have room for a signature with
// every active secret. It is false for an unknown scheme.
func (c *Catalogue) AllowsOverlap(name string) bool {
	definition, err := c.Define(name)
	return err == nil && definition.AllowsOverlap()
}
