package signer

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/waybillhq/waybill/signer/internal/address"
	"github.com/waybillhq/waybill/signer/internal/refusal"
)

const defaultMaxBody = 1 << 20 // bytes; as much as a scheme puts into a body

// MiddlewareOptions say what a receiver trusts. Secrets and either Scheme or
// Declared are required.
type MiddlewareOptions struct {
	// Scheme is the name of the scheme in which requests are signed.
	Scheme string
	// Declared is the scheme itself, when it is not one of this package's.
	// Scheme stays empty then.
	Declared *Definition
	// Secrets are those that are valid now: one, or two around a rotation.
	Secrets []string
	// PublicBaseURL is what the sender's URL has before the path that this
	// server sees, such as "https://example.com". Behind a proxy or a TLS
	// terminator it must be stated. Empty: the request's own Host and TLS state.
	PublicBaseURL string
	// Template is the URL that the sender was given, for a scheme whose
	// signature is made of macros' values. Others need none.
	Template string
	// MaxBody bounds the body, in bytes. Zero: 1 MiB.
	MaxBody int64
	// Now is the clock, for schemes that bound the age of a request. Nil:
	// time.Now.
	Now func() time.Time
	// OnFailure is called with why a request was refused, before the sender gets an
	// answer that does not say so. The error is an *Error, or one that wraps
	// what reading the body failed with. Nil: failures are ignored. The URL of a
	// request may identify a user: think before logging it.
	OnFailure func(request *http.Request, reason error)
}

// Middleware makes the gate of a receiver. A handler behind it sees valid
// requests alone, and can read their body as if nobody had read it before.
//
// What has no valid signature, or another method than the scheme sends, is
// answered with 403 and says nothing more; a body that is too large with 413,
// one that breaks off with 400. A method that is not the scheme's is refused
// since a signed URL says nothing about the body that somebody else may send
// with it.
//
// A valid request may come twice: the handler is to answer 200 to a repeat
// without acting on it again.
//
// The error is an *Error about what is wrong with the options.
func Middleware(options MiddlewareOptions) (func(next http.Handler) http.Handler, error) {
	known := options.Declared
	if known == nil {
		var err error
		if known, err = Define(options.Scheme); err != nil {
			return nil, err
		}
	}
	if len(options.Secrets) == 0 || slices.Contains(options.Secrets, "") {
		return nil, refusal.New("secret", CodeSecretMissing, "there is no secret to verify with, or an empty one")
	}
	if options.PublicBaseURL != "" {
		if _, err := address.Parse(options.PublicBaseURL); err != nil {
			return nil, refusal.About("public_base_url", err)
		}
	}
	if options.Template != "" {
		if _, err := known.Check(Target{URL: options.Template}); err != nil {
			return nil, refusal.About("template", err)
		}
	}
	if options.MaxBody <= 0 {
		options.MaxBody = defaultMaxBody
	}
	if options.Now == nil {
		options.Now = time.Now
	}
	options.Secrets = slices.Clone(options.Secrets)
	g := &gate{MiddlewareOptions: options, scheme: known, methods: known.Methods()}
	return g.before, nil
}

// gate lets valid requests through.
type gate struct {
	MiddlewareOptions

	scheme  *Definition
	methods []string
}

func (g *gate) before(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, g.MaxBody))
		if err != nil {
			g.turnAway(w, r, fmt.Errorf("read body: %w", err))
			return
		}
		if err := g.check(r, body); err != nil {
			g.turnAway(w, r, err)
			return
		}
		verified := r.WithContext(r.Context()) // a copy: the request is the server's
		verified.Body = io.NopCloser(bytes.NewReader(body))
		verified.ContentLength = int64(len(body))
		next.ServeHTTP(w, verified)
	})
}

func (g *gate) check(r *http.Request, body []byte) error {
	if !slices.Contains(g.methods, r.Method) {
		return refusal.New("method", CodeMethodNotAllowed, "scheme %s sends %s, not %.20q", g.scheme.Name(), strings.Join(g.methods, " or "), r.Method)
	}
	received := ReceivedFrom(r, g.PublicBaseURL, body)
	received.Template = g.Template
	return g.scheme.Verify(received, g.Secrets, g.Now())
}

func (g *gate) turnAway(w http.ResponseWriter, r *http.Request, reason error) {
	if g.OnFailure != nil {
		g.OnFailure(r, reason)
	}
	status := http.StatusForbidden
	if _, refused := errors.AsType[*Error](reason); !refused {
		status = http.StatusBadRequest
	}
	if _, large := errors.AsType[*http.MaxBytesError](reason); large {
		status = http.StatusRequestEntityTooLarge
	}
	http.Error(w, http.StatusText(status), status)
}
