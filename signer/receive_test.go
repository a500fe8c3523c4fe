package signer_test

import (
	"crypto/tls"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/waybillhq/waybill/signer"
)

func TestReceivedFrom(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, host, requestURI, base string
		secure                       bool
		want                         string
	}{
		{"plain", "Example.com", "/a%2fb?c=%7e", "", false, "http://example.com/a%2fb?c=%7e"},
		{"TLS", "example.com:443", "/", "", true, "https://example.com/"},
		{"own port", "example.com:8080", "/?a", "", false, "http://example.com:8080/?a"},
		{"behind a terminator", "10.0.0.1:80", "/a?b", "https://Example.com", false, "https://example.com/a?b"},
		{"base with a slash", "10.0.0.1", "/a", "https://example.com/", false, "https://example.com/a"},
		{"base with a prefix", "10.0.0.1", "/a", "https://example.com/app/", false, "https://example.com/app/a"},
		{"absolute form", "example.com", "http://example.com/a?b=%20", "", false, "http://example.com/a?b=%20"},
		{"base that is no URL", "example.com", "/a", "nonsense", false, "nonsense/a"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			request := httptest.NewRequest("GET", test.requestURI, nil)
			request.Host = test.host
			if request.TLS = nil; test.secure {
				request.TLS = &tls.ConnectionState{}
			}
			got := signer.ReceivedFrom(request, test.base, []byte("body"))
			assertEqual(t, "URL", got.URL, test.want)
			assertEqual(t, "method", got.Method, "GET")
			assertEqual(t, "body", string(got.Body), "body")
		})
	}
}

func TestVerifyURL(t *testing.T) {
	t.Parallel()
	valid := map[string]string{
		"besitos": sign(t, "besitos", "https://example.com/a", `{"a":"x?verifier=1","b":2}`).URL,
		"bitlabs": sign(t, "bitlabs", "https://example.com/a?b=?hash=1&c=[%TX%]", `{"tx":"t"}`).URL,
	}
	for scheme, url := range valid {
		if err := signer.Verify(scheme, signer.Received{URL: url}, testSecret); err != nil {
			t.Errorf("%s: %v", scheme, err)
		}
		parameter := map[string]string{"besitos": "verifier", "bitlabs": "hash"}[scheme]
		bare, signature, _ := strings.Cut(url, "&"+parameter+"=")
		tests := map[string]string{
			"":                                       signer.CodeSignatureMissing,
			"https://example.com/a":                  signer.CodeSignatureMissing,
			bare:                                     signer.CodeSignatureMissing,
			bare + "&" + parameter:                   signer.CodeSignatureMissing,
			bare + "&x" + parameter + "=1":           signer.CodeSignatureMissing,
			bare + "&" + parameter + "=":             signer.CodeSignatureMissing,
			"/a&" + parameter + "=" + signature:      signer.CodeSignatureMissing,
			bare + "?" + parameter + "=" + signature: signer.CodeSignatureMissing,
			url + "0":                                signer.CodeSignatureMismatch,
			url + "&a=1":                             signer.CodeSignatureMismatch,
			url[:len(url)-1]:                         signer.CodeSignatureMismatch,
			bare + "&" + parameter + "=" + strings.ToUpper(signature): signer.CodeSignatureMismatch,
			bare + "&x=1&" + parameter + "=" + signature:              signer.CodeSignatureMismatch,
			strings.Replace(url, "https", "http", 1):                  signer.CodeSignatureMismatch,
			url + "&" + parameter + "=" + signature:                   signer.CodeSignatureMismatch,
		}
		for forged, code := range tests {
			err := signer.Verify(scheme, signer.Received{URL: forged}, testSecret)
			assertRefused(t, err, code, "url")
		}
	}
}
