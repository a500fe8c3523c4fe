package signer

import (
	"encoding/json"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Definition is all that is known of a scheme. It is a Scheme itself.
type Definition struct {
	Scheme
	about   Declaration
	secret  secretForm
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
func (d *Definition) EventType() string { return or(d.about.EventType, usualEventType) }

// ReceiverChoosesSuccess says whether an endpoint may have other answers of the
// class 2xx than 200 count as success.
func (d *Definition) ReceiverChoosesSuccess() bool { return d.about.ReceiverChoosesSuccess }

// AllowsOverlap says whether a request has room for a signature with every
// active secret, so that a rotation need not be a cutover.
func (d *Definition) AllowsOverlap() bool { return d.about.Place.Overlap != "" }

// Retry returns the delays between attempts that the network promises; none
// when it promises no delays: see Backoff.
func (d *Definition) Retry() []time.Duration { return slices.Clone(d.retry) }

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
	return d.secret.generate(random)
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

// definition completes what was compiled with secrets, retries and examples.
func (c *compiler) definition() (*Definition, error) {
	made := &Definition{Scheme: c.d, about: *c.declaration}
	made.about.Methods = c.d.methods
	var err error
	if made.secret, err = c.secret(); err != nil {
		return nil, err
	}
	made.check = made.secret.check
	if made.retry, err = c.retries(); err != nil {
		return nil, err
	}
	if err := c.examples(made); err != nil {
		return nil, err
	}
	return made, c.reference(made)
}

// retries reads the delays that the network promises, and checks its backoff.
func (c *compiler) retries() ([]time.Duration, error) {
	var delays []time.Duration
	for i, text := range c.declaration.Retry {
		delay, err := time.ParseDuration(text)
		if err != nil || delay <= 0 {
			return nil, wrong(at("retry", i), "must be a duration such as 30s")
		}
		delays = append(delays, delay)
	}
	b := c.declaration.Backoff
	if b == nil {
		return delays, nil
	}
	first, longest := b.Delays()
	switch {
	case len(delays) > 0:
		return nil, wrong("backoff", "and retry are both given: declare the delays or how they grow")
	case first <= 0:
		return nil, wrong("backoff.initial", "must be a duration such as 30s")
	case longest < first:
		return nil, wrong("backoff.max_interval", "must be a duration, not shorter than initial (%s)", first)
	case !(b.Multiplier >= 1) || math.IsInf(b.Multiplier, 0):
		return nil, wrong("backoff.multiplier", "must be a number of at least 1")
	case b.MaxAttempts < 1:
		return nil, wrong("backoff.max_attempts", "must be at least 1")
	case !(b.Jitter >= 0 && b.Jitter <= 1):
		return nil, wrong("backoff.jitter", "must be between 0 and 1")
	default:
		return delays, nil
	}
}

func (c *compiler) examples(made *Definition) error {
	examples := c.declaration.Examples
	if len(examples) == 0 {
		return wrong("examples", "is required: an endpoint is tried out with it")
	}
	for i := range examples {
		if err := c.d.CheckData(examples[i].Data); err != nil {
			return wrong(at("examples", i), "is refused by the scheme itself: %s", err)
		}
	}
	made.example = func(eventType string) json.RawMessage { return exampleOf(examples, eventType) }
	return c.rehearse(made)
}

// rehearse signs the first example and verifies it: what a declaration cannot
// verify itself, no receiver can.
func (c *compiler) rehearse(made *Definition) error {
	secret, err := made.GenerateSecret(counter{})
	if err != nil {
		return wrong("secret", "no secret of this form can be made: %s", err)
	}
	target := Target{URL: c.rehearsalURL()}
	message := Message{ID: exampleID, Type: usualEventType, OccurredAt: time.Unix(1, 0), Data: c.declaration.Examples[0].Data}
	now := time.Unix(1_700_000_000, 0)
	request, err := made.Sign(target, message, []string{secret}, now)
	if err != nil {
		return wrong("examples[0]", "cannot be signed: %s", err)
	}
	received := Received{Method: request.Method, URL: request.URL, Header: request.Header, Body: request.Body}
	if c.d.data.macros != nil {
		received.Template = target.URL
	}
	if err := made.Verify(received, []string{secret}, now); err != nil {
		return wrong("examples[0]", "is signed, but does not verify: %s", err)
	}
	return nil
}

// rehearsalURL has a parameter for every macro that the signature needs.
func (c *compiler) rehearsalURL() string {
	url := "https://example.com/"
	if c.d.data.macros == nil {
		return url
	}
	separator := "?"
	for i := range c.d.data.macros.all {
		m := &c.d.data.macros.all[i]
		stands := func(p part) bool { return c.d.data.macros.standsFor(&p) == i }
		if m.signature || i == 0 || slices.ContainsFunc(c.d.formula.parts, stands) {
			url += separator + "p" + strconv.Itoa(i) + "=" + c.d.data.macros.spelled(m.name)
			separator = "&"
		}
	}
	return url
}

const (
	usualEventType = "conversion.completed"

	usualLength   = 32
	usualMinimum  = 16
	longestLength = 128
)

func (c *compiler) secret() (secretForm, error) {
	s := &c.declaration.Secret
	form := secretForm{prefix: s.Prefix, key: c.d.formula.key, length: s.Length, shortest: s.Minimum}
	var err error
	if form.generated, err = oneOf("secret.generate", s.Generate, generateAlphanumeric, generateHex, generateBase64); err != nil {
		return form, err
	}
	if form.length == 0 {
		form.length = usualLength
	}
	if form.shortest == 0 {
		form.shortest = usualMinimum
	}
	switch {
	case form.length < 8 || form.length > longestLength:
		return form, wrong("secret.length", "must be from 8 to %d", longestLength)
	case form.shortest < 8 || form.shortest > longestLength:
		return form, wrong("secret.minimum", "must be from 8 to %d", longestLength)
	}
	probe, err := form.generate(counter{})
	if err != nil {
		return form, wrong("secret", "no secret of this form can be made: %s", err)
	}
	if err := form.check(probe); err != nil {
		return form, wrong("secret", "what is generated is not accepted: %s", err)
	}
	return form, nil
}

// counter is a source of bytes that are not random: for a secret that is thrown
// away.
type counter struct{}

func (counter) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = byte(i)
	}
	return len(p), nil
}
