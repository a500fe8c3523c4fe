package testkit

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// SecureRedis is a Redis that speaks TLS alone, asks clients for a certificate
// of their own, and wants a password.
type SecureRedis struct {
	*Redis
	Password string
	// CAFile, CertFile and KeyFile are what a client needs.
	CAFile, CertFile, KeyFile string
}

// StartRedisTLS starts one, with certificates made for it. Its password holds
// characters that a URL must escape.
func StartRedisTLS(t testing.TB, options ...string) *SecureRedis {
	t.Helper()
	dir := t.TempDir()
	s := &SecureRedis{
		Password: rand.Text() + "%40:/?#@",
		CAFile:   filepath.Join(dir, "ca.pem"), CertFile: filepath.Join(dir, "cert.pem"), KeyFile: filepath.Join(dir, "key.pem"),
	}
	pair, pool := s.writeCertificates(t)
	s.Redis = &Redis{
		t: t, password: s.Password,
		tls:     &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: pool, Certificates: []tls.Certificate{pair}},
		options: append([]string{"--requirepass", s.Password}, options...),
	}
	s.start(func(port string) []string {
		return []string{
			"--port", "0", "--tls-port", port, "--tls-ca-cert-file", s.CAFile,
			"--tls-cert-file", s.CertFile, "--tls-key-file", s.KeyFile,
		}
	})
	return s
}

// URL has the password and all three files.
func (s *SecureRedis) URL() string {
	return s.URLWith(url.Values{"ca_file": {s.CAFile}, "cert_file": {s.CertFile}, "key_file": {s.KeyFile}})
}

// URLWith has the password and other options.
func (s *SecureRedis) URLWith(query url.Values) string {
	return "rediss://:" + url.QueryEscape(s.Password) + "@" + s.Addr + "/0?" + query.Encode()
}

// writeCertificates makes an authority and one certificate for 127.0.0.1, which
// server and clients share.
func (s *SecureRedis) writeCertificates(t testing.TB) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	authority := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test authority"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	leaf := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "test redis"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	authorityKey, leafKey := newKey(t), newKey(t)
	authorityDER := sign(t, authority, authority, authorityKey, authorityKey)
	leafDER := sign(t, leaf, authority, leafKey, authorityKey)
	keyDER, err := x509.MarshalPKCS8PrivateKey(leafKey)
	if err != nil {
		t.Fatal(err)
	}
	writePEM(t, s.CAFile, "CERTIFICATE", authorityDER)
	writePEM(t, s.CertFile, "CERTIFICATE", leafDER)
	writePEM(t, s.KeyFile, "PRIVATE KEY", keyDER)

	pair, err := tls.LoadX509KeyPair(s.CertFile, s.KeyFile)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := x509.ParseCertificate(authorityDER)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(parsed)
	return pair, pool
}

func newKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func sign(t testing.TB, certificate, parent *x509.Certificate, key, signer *ecdsa.PrivateKey) []byte {
	t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, certificate, parent, &key.PublicKey, signer)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func writePEM(t testing.TB, path, kind string, der []byte) {
	t.Helper()
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
}
