package signer

import (
	"cmp"
	"net/http"
	"time"

	"github.com/waybillhq/waybill/signer/internal/compile"
	"github.com/waybillhq/waybill/signer/internal/formula"
	"github.com/waybillhq/waybill/signer/internal/refusal"
)

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
