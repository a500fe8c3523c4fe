package signer

import (
	"cmp"
	"encoding/json"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/waybillhq/waybill/signer/internal/declare"
	"github.com/waybillhq/waybill/signer/internal/secret"
)

// Definition is all that is known of a scheme. It is a Scheme itself.
type Definition struct {
	Scheme
	about   Declaration
	secret  secret.Form
	check   func(secret string) error
	example func(eventType string) json.RawMessage
	// references are the members that deliveries are looked up by, the first
	// one that is there.
	references []string
	retry      []time.Duration
}

// Name returns the scheme's name.
func (d *Definition) Name() string { return d.about.Name }

// Description says in a sentence what the scheme is.
func (d *Definition) Description() string { return d.about.Description }

// Source says where the network documents its formula.
func (d *Definition) Source() string { return d.about.Source }

// Declaration returns what the scheme was made from, for those who want to make
// another one out of it. Its lists are the definition's own: copy them before
// changing them. That of standard-webhooks says what is signed with a symmetric
// secret; its body and its private keys are code, so it does not compile.
func (d *Definition) Declaration() Declaration { return d.about }

// Methods returns the HTTP methods that the scheme allows, its default first.
func (d *Definition) Methods() []string { return slices.Clone(d.about.Methods) }

// EventType returns the type that the network's events usually have, such as
// conversion.completed.
func (d *Definition) EventType() string { return cmp.Or(d.about.EventType, usualEventType) }

// SetsHeader says whether the scheme's requests have a header of this name, in any
// case of its letters.
func (d *Definition) SetsHeader(name string) bool {
	is := func(other string) bool { return strings.EqualFold(name, other) }
	return d.about.Data.In == declare.InBody && is("Content-Type") ||
		d.about.Place.In == declare.PlaceHeader && is(d.about.Place.Name) ||
		slices.ContainsFunc(d.about.Headers, func(added Added) bool { return is(added.Name) })
}

// ReceiverChoosesSuccess says whether an endpoint may have other answers of the
// class 2xx than 200 count as success.
func (d *Definition) ReceiverChoosesSuccess() bool { return d.about.ReceiverChoosesSuccess }

// AllowsOverlap says whether a request has room for a signature with every
// active secret, so that a rotation need not be a cutover.
func (d *Definition) AllowsOverlap() bool { return d.about.Place.Overlap != "" }

// Retry returns the delays between attempts that the network promises, empty when
// it promises a single attempt; nil when it promises no delays: see Backoff.
func (d *Definition) Retry() []time.Duration { return slices.Clone(d.retry) }

// StopOn returns the statuses after which the network never tries again.
func (d *Definition) StopOn() []int { return slices.Clone(d.about.StopOn) }

// Backoff returns how the delays between attempts grow for a network that
// promises attempts; nil for any other.
func (d *Definition) Backoff() *Backoff {
	if d.about.Backoff == nil {
		return nil
	}
	copied := *d.about.Backoff
	return &copied
}

// GenerateSecret makes a new secret in the form that the network gives its
// publishers, from a cryptographically secure source such as crypto/rand.Reader.
// A source that fails is an error that wraps the source's own.
func (d *Definition) GenerateSecret(random io.Reader) (string, error) {
	return d.secret.Generate(random)
}

// CheckSecret refuses a secret, imported from elsewhere, that is empty, too
// short to be safe, too long, not in the scheme's form, or that holds
// characters that get lost when it is copied.
func (d *Definition) CheckSecret(secret string) error {
	return d.check(secret)
}

// Example returns realistic data for an event of a type, such as Sign and
// CheckData accept.
func (d *Definition) Example(eventType string) json.RawMessage {
	return slices.Clone(d.example(eventType))
}

// exampleOf chooses among declared examples: by the type, by its last part, or
// the first one for all types.
func exampleOf(examples []EventExample, eventType string) json.RawMessage {
	for _, wanted := range []string{eventType, eventKind(eventType)} {
		for i := range examples {
			if slices.Contains(examples[i].Types, wanted) {
				return examples[i].Data
			}
		}
	}
	for i := range examples {
		if len(examples[i].Types) == 0 {
			return examples[i].Data
		}
	}
	return examples[0].Data
}

// eventKind is the last part of an event's type: "completed" of
// "conversion.completed".
func eventKind(eventType string) string {
	return eventType[strings.LastIndexByte(eventType, '.')+1:]
}

const usualEventType = "conversion.completed"
