package egress

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"syscall"
	"time"
)

// Alerts of TLS (RFC 8446, section 6) that have a cause of their own.
const (
	alertHandshakeFailure     tls.AlertError = 40
	alertProtocolVersion      tls.AlertError = 70
	alertInsufficientSecurity tls.AlertError = 71
	alertUnrecognizedName     tls.AlertError = 112
	alertCertificateRequired  tls.AlertError = 116
)

// IsTLS reports whether a code is that of a failure of TLS.
func IsTLS(code string) bool { return strings.HasPrefix(code, "tls_") }

// handshake makes a connection secure, with the name in the URL, whatever
// address was dialled.
func (c *Client) handshake(ctx context.Context, raw *conn, host string) (net.Conn, *Failure) {
	config := c.tls.Clone()
	config.ServerName = host
	// Called when the receiver asks for a certificate, of which there is none.
	config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
		raw.wantsCertificate.Store(true)
		return &tls.Certificate{}, nil
	}
	secure := tls.Client(raw, config)
	err := secure.HandshakeContext(ctx)
	if err == nil {
		return secure, nil
	}
	raw.Close()
	if ctx.Err() == nil && raw.wantsCertificate.Load() {
		return nil, clientCertificateWanted()
	}
	return nil, tlsFailure(ctx, host, err)
}

// tlsFailure names the cause of a handshake that failed.
func tlsFailure(ctx context.Context, host string, err error) *Failure {
	var record tls.RecordHeaderError
	var verification *tls.CertificateVerificationError
	what := "TLS handshake with " + host + ": "
	switch {
	case timedOut(ctx, err):
		return failed(CodeTLSTimeout, what+"not finished in time")
	case errors.As(err, &verification):
		code, why := certificateFailure(host, verification)
		return failed(code, plain(what+why))
	case errors.As(err, &record):
		return failed(CodeTLSNotSpoken, what+"the receiver does not speak TLS")
	case alertOf(err) != "":
		code, why := alertFailure(alertOf(err))
		return failed(code, plain(what+why))
	case closedByPeer(err), errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return failed(CodeTLSClosed, what+"the connection was closed")
	// What the handshake itself finds wrong has no type.
	case strings.Contains(err.Error(), "unsupported protocol version"):
		return failed(CodeTLSVersion, what+"the receiver speaks only versions below TLS 1.2")
	case strings.Contains(err.Error(), "cipher suite"):
		return failed(CodeTLSCipher, what+"the receiver chose a cipher suite that was not offered")
	default:
		return failed(CodeTLS, plain(what+strings.TrimPrefix(err.Error(), "tls: ")))
	}
}

// alertOf is the alert by which the receiver ended TLS; empty for none.
func alertOf(err error) string {
	if operation, ok := errors.AsType[*net.OpError](err); ok && operation.Op == "remote error" {
		return operation.Err.Error()
	}
	return ""
}

// alertFailure says what the receiver ended TLS for.
func alertFailure(alert string) (code, why string) {
	switch alert {
	case alertProtocolVersion.Error():
		return CodeTLSVersion, "the receiver accepts neither TLS 1.2 nor TLS 1.3"
	case alertHandshakeFailure.Error(), alertInsufficientSecurity.Error():
		return CodeTLSCipher, "the receiver accepts none of the offered cipher suites; servers that know only RSA key exchange do so"
	case alertUnrecognizedName.Error():
		return CodeTLSHost, "the receiver does not know this host name"
	case alertCertificateRequired.Error():
		return CodeTLSClientCertificate, "the receiver wants a client certificate"
	default:
		return CodeTLS, "the receiver ended TLS: " + strings.TrimPrefix(alert, "tls: ")
	}
}

func clientCertificateWanted() *Failure {
	return failed(CodeTLSClientCertificate, "the receiver asked for a client certificate, and ended the connection without one")
}

// certificateFailure says what is wrong with the receiver's certificate.
func certificateFailure(host string, verification *tls.CertificateVerificationError) (code, why string) {
	var name x509.HostnameError
	var authority x509.UnknownAuthorityError
	var invalid x509.CertificateInvalidError
	switch {
	case errors.As(verification, &name):
		return CodeTLSHost, "the certificate is not for " + host + " but for " + namesOf(name.Certificate)
	case errors.As(verification, &authority):
		return authorityFailure(verification.UnverifiedCertificates)
	case errors.As(verification, &invalid) && invalid.Reason == x509.Expired:
		return CodeTLSExpired, validity(invalid.Cert)
	default:
		return CodeTLSCertificate, "the certificate is not valid: " + strings.TrimPrefix(verification.Err.Error(), "x509: ")
	}
}

// authorityFailure tells why a chain ends at no known authority: it is its own,
// it ends in one that is not known, or it ends too early.
func authorityFailure(chain []*x509.Certificate) (code, why string) {
	if len(chain) == 0 {
		return CodeTLSAuthority, "the certificate is by an unknown authority"
	}
	leaf, last := chain[0], chain[len(chain)-1]
	switch {
	case selfSigned(leaf):
		return CodeTLSSelfSigned, "the certificate is self-signed"
	case len(chain) > 1 && (selfSigned(last) || last.IsCA):
		return CodeTLSAuthority, fmt.Sprintf("the certificate is by an unknown authority, %q", last.Issuer)
	default:
		return CodeTLSIncomplete, fmt.Sprintf("the certificate is by %q, whose certificate was not sent along and is not known here", last.Issuer)
	}
}

func selfSigned(certificate *x509.Certificate) bool {
	return slices.Equal(certificate.RawIssuer, certificate.RawSubject) && certificate.CheckSignature(
		certificate.SignatureAlgorithm, certificate.RawTBSCertificate, certificate.Signature) == nil
}

func namesOf(certificate *x509.Certificate) string {
	const shown = 5
	names := slices.Clone(certificate.DNSNames)
	for _, addr := range certificate.IPAddresses {
		names = append(names, addr.String())
	}
	switch {
	case len(names) == 0:
		return "no name at all"
	case len(names) > shown:
		return strings.Join(names[:shown], ", ") + ", ..."
	default:
		return strings.Join(names, ", ")
	}
}

func validity(certificate *x509.Certificate) string {
	if time.Now().Before(certificate.NotBefore) {
		return "a certificate is valid only from " + certificate.NotBefore.UTC().Format(time.RFC3339) + " on"
	}
	return "a certificate expired at " + certificate.NotAfter.UTC().Format(time.RFC3339)
}
