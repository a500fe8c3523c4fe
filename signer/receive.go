package signer

import (
	"net/http"
	"strings"
	"time"

	"github.com/waybillhq/waybill/signer/internal/address"
)

// Verify returns nil when a request carries the scheme's signature, made with
// secret. Otherwise it returns an *Error, with CodeSignatureMissing or
// CodeSignatureMismatch for a request that must not be trusted.
//
// It does not know the time: for a scheme that signs a time, or while two
// secrets are valid, use Lookup and Scheme.Verify.
func Verify(scheme string, received Received, secret string) error {
	found, err := Lookup(scheme)
	if err != nil {
		return err
	}
	return found.Verify(received, []string{secret}, time.Time{}) //nolint:wrapcheck // of this package
}

// ReceivedFrom describes a request to a receiver. body is its body, which the
// caller has read, with a bound.
//
// publicBaseURL is what the sender's URL has before the path that this server
// sees, such as "https://example.com"; a receiver behind a proxy or a TLS
// terminator must state it. When it is empty, the request's own Host and TLS
// state are taken, and that Host is the sender's word.
func ReceivedFrom(r *http.Request, publicBaseURL string, body []byte) Received {
	if publicBaseURL == "" {
		publicBaseURL = "http://" + r.Host
		if r.TLS != nil {
			publicBaseURL = "https://" + r.Host
		}
	}
	target := r.RequestURI
	if !strings.HasPrefix(target, "/") {
		target = r.URL.RequestURI() // a request that a test made, or the absolute form that proxies get
	}
	return Received{Method: r.Method, URL: normalBase(publicBaseURL) + target, Header: r.Header, Body: body}
}

func normalBase(raw string) string {
	place, err := address.Parse(raw)
	if err != nil {
		return strings.TrimRight(raw, "/")
	}
	return place.Origin + strings.TrimRight(place.Path, "/")
}
