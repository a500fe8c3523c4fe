package egress_test

import (
	"bufio"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"io"
	"math/big"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/waybillhq/waybill/internal/egress"
)

// authority issues certificates.
type authority struct {
	certificate *x509.Certificate
	key         crypto.Signer
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func subject(name string) *x509.Certificate {
	return &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-48 * time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment,
	}
}

// newAuthority is its own when there is none above it.
func newAuthority(t *testing.T, name string, above *authority) *authority {
	t.Helper()
	template := subject(name)
	template.IsCA, template.KeyUsage = true, x509.KeyUsageCertSign
	a := &authority{certificate: template, key: newKey(t)}
	if above == nil {
		above = a
	}
	a.certificate = above.sign(t, template, a.key)
	return a
}

func (a *authority) sign(t *testing.T, template *x509.Certificate, key crypto.Signer) *x509.Certificate {
	t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, template, a.certificate, key.Public(), a.key)
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return certificate
}

// leaf is the receiver's certificate with those that are sent along.
func (a *authority) leaf(t *testing.T, alter func(*x509.Certificate), along ...*authority) tls.Certificate {
	t.Helper()
	template := subject("receiver")
	template.DNSNames = []string{"receiver.example.com"}
	if alter != nil {
		alter(template)
	}
	key := newKey(t)
	chain := tls.Certificate{PrivateKey: key, Certificate: [][]byte{a.sign(t, template, key).Raw}}
	for _, one := range along {
		chain.Certificate = append(chain.Certificate, one.certificate.Raw)
	}
	return chain
}

func expired(c *x509.Certificate)   { c.NotAfter = time.Now().Add(-time.Hour) }
func early(c *x509.Certificate)     { c.NotBefore = time.Now().Add(time.Hour) }
func otherHost(c *x509.Certificate) { c.DNSNames = []string{"other.example.com"} }
func forMail(c *x509.Certificate) {
	c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageEmailProtection}
}

// Every cause of a failed handshake has a code, and says what is the matter.
func TestTLSFailures(t *testing.T) {
	t.Parallel()
	root := newAuthority(t, "Known Root", nil)
	middle := newAuthority(t, "Middle", root)
	foreign := newAuthority(t, "Foreign Root", nil)
	foreignMiddle := newAuthority(t, "Foreign Middle", foreign)
	good := root.leaf(t, nil)
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	template := subject("receiver")
	template.DNSNames = []string{"receiver.example.com"}
	byRSA := tls.Certificate{PrivateKey: rsaKey, Certificate: [][]byte{root.sign(t, template, rsaKey).Raw}}

	for name, test := range map[string]struct {
		config *tls.Config
		code   string
		says   string
	}{
		"expired":             {tlsWith(root.leaf(t, expired)), egress.CodeTLSExpired, "expired at "},
		"not valid yet":       {tlsWith(root.leaf(t, early)), egress.CodeTLSExpired, "valid only from "},
		"wrong host":          {tlsWith(root.leaf(t, otherHost)), egress.CodeTLSHost, "not for receiver.example.com but for other.example.com"},
		"for another use":     {tlsWith(root.leaf(t, forMail)), egress.CodeTLSCertificate, "key usage"},
		"self-signed":         {tlsWith(issue(t, time.Now().Add(time.Hour))), egress.CodeTLSSelfSigned, "self-signed"},
		"intermediate absent": {tlsWith(middle.leaf(t, nil)), egress.CodeTLSIncomplete, "Middle"},
		"unknown authority":   {tlsWith(foreign.leaf(t, nil, foreign)), egress.CodeTLSAuthority, "Foreign Root"},
		"unknown, by another": {tlsWith(foreignMiddle.leaf(t, nil, foreignMiddle)), egress.CodeTLSAuthority, "Foreign Root"},
		"TLS 1.1": {
			&tls.Config{Certificates: []tls.Certificate{good}, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11},
			egress.CodeTLSVersion, "TLS 1.2",
		},
		"RSA key exchange only": {
			&tls.Config{
				Certificates: []tls.Certificate{byRSA}, MaxVersion: tls.VersionTLS12,
				CipherSuites: []uint16{tls.TLS_RSA_WITH_AES_128_GCM_SHA256, tls.TLS_RSA_WITH_AES_256_GCM_SHA384},
			},
			egress.CodeTLSCipher, "RSA key exchange",
		},
		"client certificate, TLS 1.2": {
			&tls.Config{Certificates: []tls.Certificate{good}, ClientAuth: tls.RequireAnyClientCert, MaxVersion: tls.VersionTLS12},
			egress.CodeTLSClientCertificate, "client certificate",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := secure(t, test.config, func(http.ResponseWriter, *http.Request) { t.Error("the request arrived") })
			result := get(t, newClient(t, trusting(local(), root.certificate)), named(t, server.URL))
			expectFailure(t, result, egress.Failed, test.code)
			if result.Sent || !strings.Contains(result.Failure.Message, test.says) || !egress.IsTLS(test.code) {
				t.Errorf("sent %t, %q", result.Sent, result.Failure.Message)
			}
		})
	}
	chain := secure(t, tlsWith(middle.leaf(t, nil, middle)), ok)
	expectStatus(t, get(t, newClient(t, trusting(local(), root.certificate)), named(t, chain.URL)), http.StatusOK)
}

// TLS 1.3 ends the handshake before the receiver says that it wants a
// certificate, and the alert that says so may be lost with the connection.
func TestClientCertificateWantedLate(t *testing.T) {
	t.Parallel()
	certificate := issue(t, time.Now().Add(time.Hour))
	config := tlsWith(certificate)
	config.ClientAuth = tls.RequireAnyClientCert
	server := secure(t, config, func(http.ResponseWriter, *http.Request) { t.Error("the request arrived") })
	result := get(t, newClient(t, trusting(local(), certificate.Leaf)), named(t, server.URL))
	expectFailure(t, result, egress.Failed, egress.CodeTLSClientCertificate)
}

// A certificate that is asked for and not needed changes nothing.
func TestClientCertificateIsOptional(t *testing.T) {
	t.Parallel()
	certificate := issue(t, time.Now().Add(time.Hour))
	config := tlsWith(certificate)
	config.ClientAuth = tls.RequestClientCert
	server := secure(t, config, ok)
	expectStatus(t, get(t, newClient(t, trusting(local(), certificate.Leaf)), named(t, server.URL)), http.StatusOK)
}

func TestNotTLS(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		handle func(*net.TCPConn)
		code   string
	}{
		"HTTP": {func(accepted *net.TCPConn) {
			_, _ = bufio.NewReader(accepted).ReadByte()
			_, _ = io.WriteString(accepted, "HTTP/1.1 400 Bad Request\r\n\r\n")
		}, egress.CodeTLSNotSpoken},
		"closed": {func(*net.TCPConn) {}, egress.CodeTLSClosed},
		"reset": {func(accepted *net.TCPConn) {
			_, _ = accepted.Read(make([]byte, 1))
			_ = accepted.SetLinger(0)
		}, egress.CodeTLSClosed},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			result := get(t, newClient(t, local()), "https://"+listen(t, test.handle)+"/")
			expectFailure(t, result, egress.Failed, test.code)
			if result.Sent {
				t.Error("the request was sent")
			}
		})
	}
}

func TestHandshakeTimeout(t *testing.T) {
	t.Parallel()
	options := local()
	options.ConnectTimeout = 100 * time.Millisecond
	addr := listen(t, func(accepted *net.TCPConn) { _, _ = io.Copy(io.Discard, accepted) })
	expectFailure(t, get(t, newClient(t, options), "https://"+addr+"/"), egress.Failed, egress.CodeTLSTimeout)
}
