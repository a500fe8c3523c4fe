package egress

import (
	"strings"
	"unicode"
)

// Kind says what a failure means for the delivery.
type Kind string

// The kinds of failures.
const (
	// Refused: the policy forbids the request, and it always will: nothing was
	// sent, and a retry is pointless.
	Refused Kind = "refused"
	// Failed: the attempt failed at the receiver or on the way to it. Retry.
	Failed Kind = "failed"
	// Infrastructure: this host's own way out is broken or the caller gave up.
	// Says nothing about the receiver and must not use up an attempt.
	Infrastructure Kind = "infrastructure"
)

// Codes of failures. They are stable: they are stored with attempts and are
// metric labels.
const (
	// CodeDenied (refused): the target is an address that is not to be reached,
	// a spelling that hides one, or this host's own egress address.
	CodeDenied = "egress_denied"
	// CodeInvalidURL (refused): the URL is not an absolute http or https URL
	// of the form that [Client.CheckURL] asks for.
	CodeInvalidURL = "invalid_url"
	// CodeNotVerbatim (refused): the bytes on the wire would differ from the URL.
	CodeNotVerbatim = "url_not_verbatim"
	// CodeInvalidHeader (refused): see [CheckHeaders].
	CodeInvalidHeader = "invalid_header"
	// CodeInvalidMethod (refused): not GET, POST, PUT, PATCH or DELETE.
	CodeInvalidMethod = "invalid_method"

	// CodeDNS (failed): the host does not resolve, or not in time.
	CodeDNS = "dns_error"
	// CodeFamily (failed): the receiver has no address of the egress address's
	// family, or of those that this host has. It is the endpoint's failure, not the host's: other endpoints are
	// not affected, and the delivery must end.
	CodeFamily = "egress_family_mismatch"
	// CodeConnectRefused (failed): nothing listens there.
	CodeConnectRefused = "connect_refused"
	// CodeConnectTimeout (failed): no connection in time.
	CodeConnectTimeout = "connect_timeout"
	// CodeConnectUnreachable (failed): a router has no way to the receiver.
	CodeConnectUnreachable = "connect_unreachable"
	// CodeConnect (failed): no connection for another reason.
	CodeConnect = "connect_error"
	// CodeTLS (failed): TLS failed for a reason that has no code of its own.
	// Every code of TLS begins with "tls_".
	CodeTLS = "tls_error"
	// CodeTLSTimeout (failed): the handshake did not end in time.
	CodeTLSTimeout = "tls_timeout"
	// CodeTLSNotSpoken (failed): the receiver does not speak TLS at this port.
	CodeTLSNotSpoken = "tls_not_spoken"
	// CodeTLSClosed (failed): the receiver closed the connection in the handshake.
	CodeTLSClosed = "tls_closed"
	// CodeTLSVersion (failed): no version in common: the receiver has no TLS 1.2.
	CodeTLSVersion = "tls_version"
	// CodeTLSCipher (failed): no cipher suite in common.
	CodeTLSCipher = "tls_cipher"
	// CodeTLSHost (failed): the certificate is for other names than the host.
	CodeTLSHost = "tls_wrong_host"
	// CodeTLSExpired (failed): a certificate has expired or is not valid yet.
	CodeTLSExpired = "tls_expired"
	// CodeTLSSelfSigned (failed): the certificate is its own authority.
	CodeTLSSelfSigned = "tls_self_signed"
	// CodeTLSAuthority (failed): the certificate's authority is not known here.
	CodeTLSAuthority = "tls_unknown_authority"
	// CodeTLSIncomplete (failed): the receiver does not send its intermediate
	// certificate.
	CodeTLSIncomplete = "tls_incomplete_chain"
	// CodeTLSCertificate (failed): the certificate is invalid in another way.
	CodeTLSCertificate = "tls_invalid_certificate"
	// CodeTLSClientCertificate (failed): the receiver wants a client certificate.
	CodeTLSClientCertificate = "tls_client_certificate"
	// CodeTimeout (failed): connected, but no complete status and headers
	// before the total deadline.
	CodeTimeout = "timeout"
	// CodeReset (failed): the connection was reset before the status.
	CodeReset = "connection_reset"
	// CodeClosed (failed): the connection was closed before the status.
	CodeClosed = "connection_closed"
	// CodeInvalidResponse (failed): the answer is not valid HTTP, or its headers
	// are too large.
	CodeInvalidResponse = "invalid_response"

	// CodeSource (infrastructure): the egress address cannot be bound.
	CodeSource = "egress_address_unavailable"
	// CodeExhausted (infrastructure): no file descriptors, memory or ports left.
	CodeExhausted = "egress_exhausted"
	// CodeNoRoute (infrastructure): this host has no route to the receiver.
	CodeNoRoute = "egress_no_route"
	// CodeResolver (infrastructure): this host's resolver does not answer, for
	// no name.
	CodeResolver = "egress_resolver_down"
	// CodeProxy (infrastructure): the egress proxy is down, refuses us or does
	// not speak its protocol.
	CodeProxy = "egress_proxy"
	// CodeCanceled (infrastructure): the caller's context ended first.
	CodeCanceled = "canceled"
)

// Failure says why a request got no complete status. Its message is fit to be
// stored and shown: it holds no query, no user info and no control characters.
type Failure struct {
	Kind    Kind
	Code    string
	Field   string // of the event, when that is what cannot be sent
	Message string
}

func (f *Failure) Error() string { return f.Message }

// Refusal says why a URL or a header is not accepted for an endpoint. Field is
// "url" or "headers.NAME".
type Refusal struct {
	Code    string
	Field   string
	Message string
}

func (r *Refusal) Error() string { return r.Field + ": " + r.Message }

func (r *Refusal) failure() *Failure {
	return &Failure{Kind: Refused, Code: r.Code, Message: r.Error()}
}

func failed(code, message string) *Failure {
	return &Failure{Kind: Failed, Code: code, Message: message}
}

func infrastructure(code, message string) *Failure {
	return &Failure{Kind: Infrastructure, Code: code, Message: message}
}

// canceled is what becomes of an attempt that its caller ended.
func canceled() *Failure {
	return infrastructure(CodeCanceled, "the attempt was cancelled before its end")
}

// plain makes another's text fit for a message: certificates and peers choose
// their own words.
func plain(text string) string {
	const longest = 300
	text = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, text)
	if len(text) > longest {
		return strings.ToValidUTF8(text[:longest], "") + "..."
	}
	return text
}
