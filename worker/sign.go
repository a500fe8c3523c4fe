package worker

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/waybillhq/waybill/internal/egress"
	"github.com/waybillhq/waybill/postback"
	"github.com/waybillhq/waybill/signer"
)

// Schemes knows the schemes that endpoints choose.
type Schemes interface {
	Define(name string) (*signer.Definition, error)
}

// Opener opens the sealed secrets of endpoints.
type Opener interface {
	Open(sealed []byte, endpointID string, version int) (postback.Secret, error)
}

// SignOptions are the parts that sign.
type SignOptions struct {
	Schemes Schemes
	Secrets Opener
}

func (o SignOptions) complete() bool { return o.Schemes != nil && o.Secrets != nil }

// signStage builds and signs the request.
type signStage struct {
	schemes      Schemes
	secrets      Opener
	expectations *expectations
}

func newSignStage(options SignOptions) *signStage {
	return &signStage{schemes: options.Schemes, secrets: options.Secrets, expectations: newExpectations()}
}

// request builds the request and what is expected of its answer. It reports false
// when there is nothing to send; the result says why.
func (s *signStage) request(d *delivery) bool {
	expected, err := s.expectations.of(d.endpoint)
	if err == nil {
		d.expected = expected
		err = s.sign(d)
	}
	if err != nil {
		d.unsigned, d.result.Failure = true, unsendable(err)
	}
	return err == nil
}

// sign builds the request with the secret that is current now, and keeps in the
// attempt what is sent.
func (s *signStage) sign(d *delivery) error {
	scheme, err := s.schemes.Define(d.endpoint.Scheme)
	if err != nil {
		return fmt.Errorf("look up scheme: %w", err)
	}
	target := signer.Target{URL: d.endpoint.URL, Method: d.endpoint.Method}
	signing := d.endpoint.SecretsAt(d.attempt.StartedAt)
	secrets, err := s.open(d.endpoint.ID, signing)
	if err != nil {
		return err
	}
	// The endpoint's URL may be another one than when the event was accepted. What is
	// refused for that proves that nothing of ours blocks the endpoint any more.
	if err := scheme.CheckMacros(target, d.Event.Data, d.endpoint.AllowEmpty); err != nil {
		return fmt.Errorf("check macros: %w", err)
	}
	message := signer.Message{ID: d.Delivery.MessageID(), Type: d.Event.Type, OccurredAt: d.Event.When(), Data: d.Event.Data}
	signed, err := scheme.Sign(target, message, secrets, d.attempt.StartedAt)
	if err != nil {
		return fmt.Errorf("sign: %w", err)
	}
	shown := addCustom(signed.Header, d.endpoint.Headers)
	d.attempt.SecretVersion = signing[0].Version
	d.attempt.Notes = signed.Notes
	d.attempt.Request = postback.SentRequest{
		Method: signed.Method, URL: signed.URL, Headers: shown,
		Body: signed.Body, StringToSign: signed.StringToSign,
	}
	d.request = egress.Request{
		Method: signed.Method, URL: signed.URL, Header: signed.Header, Body: signed.Body, AwaitBody: d.endpoint.BodyDecides(),
	}
	return nil
}

// open opens secrets of an endpoint.
func (s *signStage) open(endpointID string, sealed []postback.SealedSecret) ([]string, error) {
	if len(sealed) == 0 {
		return nil, postback.Failure(signer.CodeSecretMissing, "the endpoint %s has no secret that signs now; rotate its secret", endpointID)
	}
	opened := make([]string, 0, len(sealed))
	for _, one := range sealed {
		secret, err := s.secrets.Open(one.Sealed, endpointID, one.Version)
		if err != nil {
			return nil, fmt.Errorf("open secret: %w", err)
		}
		opened = append(opened, secret.Reveal())
	}
	return opened, nil
}

// knowSchemeAgain is what to do about a declared scheme that this process was not
// given.
const knowSchemeAgain = "; put its declaration back into the directory that --schemes names, and restart the server"

// unsendable turns an error from before sending into a failure. What the scheme
// cannot carry it never will; a secret that does not open, or a declared scheme
// that this process was not given, is our own failure.
func unsendable(err error) *egress.Failure {
	unsignable, ok := errors.AsType[*signer.Error](err)
	if ok && unsignable.Code != signer.CodeUnknownScheme {
		return &egress.Failure{Kind: egress.Refused, Code: unsignable.Code, Field: unsignable.Field, Message: unsignable.Error()}
	}
	failure := &egress.Failure{Kind: egress.Infrastructure, Code: string(postback.CodeOf(err)), Message: err.Error()}
	if ok {
		failure.Code = unsignable.Code
		failure.Message = unsignable.Message + knowSchemeAgain
	}
	return failure
}

// addCustom adds an operator's headers to a request, none of which replaces one
// of the scheme's, and returns the headers as the history keeps them: custom
// ones may hold credentials, so their values are masked.
func addCustom(header http.Header, custom map[string]string) map[string]string {
	shown := flat(header)
	for name, value := range custom {
		if signer.HeaderValue(header, name) == "" {
			header.Set(name, value)
			shown[http.CanonicalHeaderKey(name)] = "[custom]"
		}
	}
	return shown
}
