package signer

import (
	"net/http"
	"time"
)

// prove computes a vector.
func (d *Definition) prove(s *declared, path string, v *Vector) error {
	given := 0
	for _, is := range []bool{v.Text != "", v.Event != nil, v.Received != nil} {
		if is {
			given++
		}
	}
	switch {
	case given != 1:
		return wrong(path, "must have one of text, event and received")
	case v.Secret == "":
		return wrong(path+".secret", "is required")
	case v.Received != nil:
		return proveReceived(s, path, v)
	case v.Signature == "":
		return wrong(path+".signature", "is required")
	case v.Event != nil:
		return proveEvent(s, path, v)
	default:
		return proveText(s, path, v)
	}
}

func proveText(s *declared, path string, v *Vector) error {
	made, err := s.formula.appendSignature(nil, []byte(v.Text), v.Secret)
	if err != nil {
		return wrong(path, "cannot be signed: %s", err)
	}
	if string(made) != v.Signature {
		return wrong(path+".signature", "does not hold: the declaration makes %s", made)
	}
	return nil
}

func proveEvent(s *declared, path string, v *Vector) error {
	when := time.Unix(0, 0).UTC()
	if v.Event.Time != "" {
		var err error
		if when, err = time.Parse(time.RFC3339, v.Event.Time); err != nil {
			return wrong(path+".event.time", "must be a time such as 2026-01-31T12:00:00Z")
		}
	}
	target := Target{URL: v.Event.URL, Method: v.Event.Method}
	message := Message{ID: or(v.Event.MessageID, exampleID), Type: v.Event.Type, OccurredAt: when, Data: v.Event.Data}
	request, err := s.Sign(target, message, []string{v.Secret}, when)
	switch {
	case err != nil:
		return wrong(path+".event", "cannot be signed: %s", err)
	case request.Signature != v.Signature:
		return wrong(path+".signature", "does not hold: the declaration signs %q as %s", request.StringToSign, request.Signature)
	case v.StringToSign != "" && request.StringToSign != v.StringToSign:
		return wrong(path+".string_to_sign", "does not hold: the declaration signs %q", request.StringToSign)
	}
	received := Received{Method: request.Method, URL: request.URL, Header: request.Header, Body: request.Body}
	if s.data.macros != nil {
		received.Template = v.Event.URL
	}
	if err := s.Verify(received, []string{v.Secret}, when); err != nil {
		return wrong(path+".event", "is signed, but does not verify: %s", err)
	}
	return nil
}

func proveReceived(s *declared, path string, v *Vector) error {
	received := Received{
		Method: or(v.Received.Method, s.methods[0]), URL: v.Received.URL, Template: v.Received.Template,
		Header: make(http.Header, len(v.Received.Headers)), Body: []byte(v.Received.Body),
	}
	for name, value := range v.Received.Headers {
		received.Header.Set(name, value)
	}
	if err := s.Verify(received, []string{v.Secret}, time.Time{}); err != nil {
		return wrong(path+".received", "does not verify: %s", err)
	}
	return nil
}
