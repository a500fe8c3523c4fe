package egress_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/waybillhq/waybill/internal/egress"
)

func trusting(options egress.Options, authority *x509.Certificate) egress.Options {
	options.RootCAs = x509.NewCertPool()
	options.RootCAs.AddCert(authority)
	return options
}

// issue makes a certificate for the receiver that is its own authority.
func issue(t *testing.T, notAfter time.Time) tls.Certificate {
	t.Helper()
	const host = "receiver.example.com"
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: host}, DNSNames: []string{host},
		NotBefore: time.Now().Add(-48 * time.Hour), NotAfter: notAfter,
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
}

func tlsWith(certificate tls.Certificate) *tls.Config {
	return &tls.Config{Certificates: []tls.Certificate{certificate}}
}

func secure(t *testing.T, config *tls.Config, handler http.HandlerFunc) *httptest.Server {
	t.Helper()
	server := httptest.NewUnstartedServer(handler)
	quieten(server)
	server.TLS = config
	server.EnableHTTP2 = true
	server.StartTLS()
	t.Cleanup(server.Close)
	return server
}

func TestTLSVersions(t *testing.T) {
	t.Parallel()
	certificate := issue(t, time.Now().Add(time.Hour))
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		server := secure(t, &tls.Config{
			Certificates: []tls.Certificate{certificate}, MinVersion: version, MaxVersion: version,
		}, ok)
		client := newClient(t, trusting(local(), certificate.Leaf))
		expectStatus(t, get(t, client, named(t, server.URL)), http.StatusOK)
	}
}

// The address is pinned; the names stay those of the URL.
func TestNamesOfThePinnedAddress(t *testing.T) {
	t.Parallel()
	sni, host, proto := make(chan string, 1), make(chan string, 1), make(chan string, 1)
	certificate := issue(t, time.Now().Add(time.Hour))
	server := secure(t, &tls.Config{
		Certificates: []tls.Certificate{certificate},
		GetConfigForClient: func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
			sni <- hello.ServerName
			return nil, nil //nolint:nilnil // no other configuration
		},
	}, func(_ http.ResponseWriter, r *http.Request) {
		host <- r.Host
		proto <- r.Proto
	})
	client := newClient(t, trusting(local(), certificate.Leaf))
	target := named(t, server.URL)
	result := get(t, client, target)
	expectStatus(t, result, http.StatusOK)
	if sni, host := <-sni, <-host; sni != "receiver.example.com" || "https://"+host+"/" != target {
		t.Errorf("SNI %s, Host %s", sni, host)
	}
	if proto := <-proto; proto != "HTTP/2.0" || !result.Sent || !result.SourceIP.IsLoopback() {
		t.Errorf("%s, %+v", proto, result)
	}
}

func TestHTTP2Failures(t *testing.T) {
	t.Parallel()
	var seen atomic.Int32
	certificate := issue(t, time.Now().Add(time.Hour))
	server := secure(t, &tls.Config{Certificates: []tls.Certificate{certificate}},
		func(_ http.ResponseWriter, r *http.Request) {
			switch seen.Add(1); r.Header.Get("Do") {
			case "abort":
				panic(http.ErrAbortHandler)
			case "hang":
				<-r.Context().Done()
			}
		})
	client := newClient(t, trusting(local(), certificate.Leaf))
	send := func(do string, timeout time.Duration) egress.Result {
		seen.Store(0)
		return client.Send(t.Context(), egress.Request{
			Method: http.MethodGet, URL: named(t, server.URL), Header: http.Header{"Do": {do}},
		}, timeout)
	}
	expectStatus(t, send("", patient), http.StatusOK)
	expectFailure(t, send("abort", patient), egress.Failed, egress.CodeClosed)
	if n := seen.Load(); n != 1 {
		t.Errorf("one Send made %d requests", n)
	}
	expectFailure(t, send("hang", 150*time.Millisecond), egress.Failed, egress.CodeTimeout)
	expectStatus(t, send("", patient), http.StatusOK)
}
