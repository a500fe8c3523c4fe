package signer

import (
	"encoding/json"
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
