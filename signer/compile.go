package signer

import (
	"cmp"
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/waybillhq/waybill/signer/internal/compile"
	"github.com/waybillhq/waybill/signer/internal/formula"
	"github.com/waybillhq/waybill/signer/internal/refusal"
)

// Compile checks a declaration and makes a scheme out of it. Its vectors are
// computed: one that does not hold refuses the declaration. Errors are *Error
// with CodeDeclaration, and a Field such as "parts[2].field".
//
// Only here a time zone's name is looked up, which may read the machine's time
// zone database.
func Compile(declaration Declaration) (*Definition, error) {
	compiled, err := compile.Declaration(&declaration)
	if err != nil {
		return nil, err
	}
	made := &Definition{
		Scheme: &declared{Plan: compiled}, about: declaration,
		secret: compiled.Secret, check: compiled.Secret.Check, retry: compiled.Retry,
		example: func(eventType string) json.RawMessage { return exampleOf(declaration.Examples, eventType) },
	}
	made.about.Methods = compiled.Methods
	if err := made.try(&compiled); err != nil {
		return nil, err
	}
	return made, nil
}

// try runs what a declaration says of itself: its examples and its vectors.
func (d *Definition) try(compiled *compile.Plan) error {
	if len(d.about.Examples) == 0 {
		return refusal.Wrong("examples", "is required: an endpoint is tried out with it")
	}
	for i := range d.about.Examples {
		if err := d.CheckData(d.about.Examples[i].Data); err != nil {
			return refusal.Wrong(refusal.At("examples", i), "is refused by the scheme itself: %s", err)
		}
	}
	if err := d.rehearse(compiled); err != nil {
		return err
	}
	if err := d.settleReference(compiled); err != nil {
		return err
	}
	for i := range d.about.Vectors {
		if err := prove(compiled, d.Scheme, refusal.At("vectors", i), &d.about.Vectors[i]); err != nil {
			return err
		}
	}
	return nil
}

// rehearse signs the first example and verifies it: what a declaration cannot
// verify itself, no receiver can.
func (d *Definition) rehearse(compiled *compile.Plan) error {
	secret, err := d.secret.Probe()
	if err != nil {
		return refusal.Wrong("secret", "no secret of this form can be made: %s", err)
	}
	target := Target{URL: rehearsalURL(compiled)}
	message := Message{ID: exampleID, Type: usualEventType, OccurredAt: time.Unix(1, 0), Data: d.about.Examples[0].Data}
	now := time.Unix(1_700_000_000, 0)
	request, err := d.Sign(target, message, []string{secret}, now)
	if err != nil {
		return refusal.Wrong("examples[0]", "cannot be signed: %s", err)
	}
	if err := d.Verify(asReceived(compiled, &request, target.URL), []string{secret}, now); err != nil {
		return refusal.Wrong("examples[0]", "is signed, but does not verify: %s", err)
	}
	return nil
}

// asReceived is a request as its receiver sees it.
func asReceived(compiled *compile.Plan, request *Request, template string) Received {
	received := Received{Method: request.Method, URL: request.URL, Header: request.Header, Body: request.Body}
	if compiled.Data.Macros != nil {
		received.Template = template
	}
	return received
}

// rehearsalURL has a parameter for every macro that the signature needs.
func rehearsalURL(compiled *compile.Plan) string {
	url, known := "https://example.com/", compiled.Data.Macros
	if known == nil {
		return url
	}
	separator := "?"
	for i := range known.All {
		stands := func(p formula.Part) bool { return known.StandsFor(&p) == i }
		if known.All[i].Signature || i == 0 || slices.ContainsFunc(compiled.Formula.Parts, stands) {
			url += separator + "p" + strconv.Itoa(i) + "=" + known.Spelled(known.All[i].Name)
			separator = "&"
		}
	}
	return url
}

// prove computes a vector.
func prove(compiled *compile.Plan, s Scheme, path string, v *Vector) error {
	given := 0
	for _, is := range []bool{v.Text != "", v.Event != nil, v.Received != nil} {
		if is {
			given++
		}
	}
	switch {
	case given != 1:
		return refusal.Wrong(path, "must have one of text, event and received")
	case v.Secret == "":
		return refusal.Wrong(path+".secret", "is required")
	case v.Received != nil:
		return proveReceived(compiled, s, path, v)
	case v.Signature == "":
		return refusal.Wrong(path+".signature", "is required")
	case v.Event != nil:
		return proveEvent(compiled, s, path, v)
	default:
		return proveText(&compiled.Formula, path, v)
	}
}

func proveText(f *formula.Formula, path string, v *Vector) error {
	made, err := f.AppendSignature(nil, []byte(v.Text), v.Secret)
	if err != nil {
		return refusal.Wrong(path, "cannot be signed: %s", err)
	}
	if string(made) != v.Signature {
		return refusal.Wrong(path+".signature", "does not hold: the declaration makes %s", made)
	}
	return nil
}

func proveEvent(compiled *compile.Plan, s Scheme, path string, v *Vector) error {
	when := time.Unix(0, 0).UTC()
	if v.Event.Time != "" {
		var err error
		if when, err = time.Parse(time.RFC3339, v.Event.Time); err != nil {
			return refusal.Wrong(path+".event.time", "must be a time such as 2026-01-31T12:00:00Z")
		}
	}
	target := Target{URL: v.Event.URL, Method: v.Event.Method}
	message := Message{ID: cmp.Or(v.Event.MessageID, exampleID), Type: v.Event.Type, OccurredAt: when, Data: v.Event.Data}
	request, err := s.Sign(target, message, []string{v.Secret}, when)
	switch {
	case err != nil:
		return refusal.Wrong(path+".event", "cannot be signed: %s", err)
	case request.Signature != v.Signature:
		return refusal.Wrong(path+".signature", "does not hold: the declaration signs %q as %s", request.StringToSign, request.Signature)
	case v.StringToSign != "" && request.StringToSign != v.StringToSign:
		return refusal.Wrong(path+".string_to_sign", "does not hold: the declaration signs %q", request.StringToSign)
	}
	if err := s.Verify(asReceived(compiled, &request, v.Event.URL), []string{v.Secret}, when); err != nil {
		return refusal.Wrong(path+".event", "is signed, but does not verify: %s", err)
	}
	return nil
}

func proveReceived(compiled *compile.Plan, s Scheme, path string, v *Vector) error {
	received := Received{
		Method: cmp.Or(v.Received.Method, compiled.Methods[0]), URL: v.Received.URL, Template: v.Received.Template,
		Header: make(http.Header, len(v.Received.Headers)), Body: []byte(v.Received.Body),
	}
	for name, value := range v.Received.Headers {
		received.Header.Set(name, value)
	}
	if err := s.Verify(received, []string{v.Secret}, time.Time{}); err != nil {
		return refusal.Wrong(path+".received", "does not verify: %s", err)
	}
	return nil
}
