package signer_test

import (
	"strings"
	"testing"

	"github.com/waybillhq/waybill/signer"
)

func TestCheckURLNormalizes(t *testing.T) {
	t.Parallel()
	tests := map[string]string{
		"https://example.com":                 "https://example.com/",
		"https://example.com/":                "https://example.com/",
		"HTTPS://Example.COM/Path":            "https://example.com/Path",
		"https://example.com:443/a":           "https://example.com/a",
		"http://example.com:80/a":             "http://example.com/a",
		"https://example.com:/a":              "https://example.com/a",
		"https://Example.com:8443/a":          "https://example.com:8443/a",
		"http://example.com:443/a":            "http://example.com:443/a",
		"https://example.com?a=1":             "https://example.com/?a=1",
		"https://example.com/?":               "https://example.com/?",
		"https://example.com/a?b=?c/d":        "https://example.com/a?b=?c/d",
		"https://xn--bcher-kva.example/":      "https://xn--bcher-kva.example/",
		"https://my_host.example.com/":        "https://my_host.example.com/",
		"https://192.0.2.1/":                  "https://192.0.2.1/",
		"https://[2001:DB8:0::1]:8443/":       "https://[2001:db8::1]:8443/",
		"https://[::1]":                       "https://[::1]/",
		"https://example.com/%7e/%2f/a%20b":   "https://example.com/%7e/%2f/a%20b",
		"https://example.com//a;b=1/@c:!$'(":  "https://example.com//a;b=1/@c:!$'(",
		"https://example.com/.well-known/..a": "https://example.com/.well-known/..a",
	}
	for raw, want := range tests {
		t.Run(raw, func(t *testing.T) {
			t.Parallel()
			got, err := signer.CheckURL(raw)
			if err != nil {
				t.Fatal(err)
			}
			assertEqual(t, "normal form", got, want)
			assertOnWire(t, got)
		})
	}
}

func TestCheckURLRefuses(t *testing.T) {
	t.Parallel()
	longest := "https://example.com/" + strings.Repeat("a", 2048-len("https://example.com/"))
	if _, err := signer.CheckURL(longest); err != nil {
		t.Errorf("2,048 bytes: %v", err)
	}
	tests := map[string][]string{
		signer.CodeURLMissing:      {""},
		signer.CodeURLTooLong:      {longest + "a"},
		signer.CodeURLScheme:       {"ftp://example.com/", "file:///etc/passwd", "gopher://example.com", "example.com", "//example.com/", "https:/example.com", "javascript:alert(1)"},
		signer.CodeURLUserInfo:     {"https://user@example.com/", "https://user:password@example.com/", "https://@example.com/"},
		signer.CodeURLCharacter:    {"https://example.com/a b", "https://example.com/\r\nHost: a", "https://example.com/\x00", "https://example.com/\x7f", " https://example.com/", "https://example.com\\@evil.example/", "https://example.com/ü", "https://example.com/?a[]=1", "https://example.com/{a}", "https://example.com/?a=\"", "https://example.com/a|b", "https://example.com/?a=[%UID%]"},
		signer.CodeURLEscape:       {"https://example.com/%", "https://example.com/%2", "https://example.com/?a=%zz", "https://example.com/100%"},
		signer.CodeURLFragment:     {"https://example.com/#", "https://example.com/a?b#c", "https://example.com#a"},
		signer.CodeURLHost:         {"https://", "https:///a", "https://:443/", "https://?a", "https://example.com./", "https://.example.com/", "https://a..b/", "https://exa%6dple.com/", "https://a,b/", "https://2130706433/", "https://0x7f.1/", "https://0x7f000001/", "https://0177.0.0.1/", "https://127.1/", "https://1.2.3.4.5/", "https://256.1.1.1/", "https://::1/", "https://[::1/", "https://[1.2.3.4]/", "https://[fe80::1%25eth0]/", "https://[]/", "https://" + strings.Repeat("a", 64) + ".com/", "https://" + strings.Repeat("a.", 127) + "com/"},
		signer.CodeURLHostNotASCII: {"https://bücher.example/", "https://①②⑦.0.0.1/", "https://127。0。0。1/"},
		signer.CodeURLPort:         {"https://example.com:0/", "https://example.com:99999/", "https://example.com:65536/", "https://example.com:+80/", "https://example.com:0443/", "https://example.com:http/", "https://[::1]:x/"},
		signer.CodeURLDotSegment:   {"https://example.com/a/../b", "https://example.com/.", "https://example.com/%2E%2e/", "https://example.com/a/.%2e?b"},
	}
	for code, raws := range tests {
		for _, raw := range raws {
			t.Run(code+" "+raw[:min(len(raw), 40)], func(t *testing.T) {
				t.Parallel()
				_, err := signer.CheckURL(raw)
				assertRefused(t, err, code, "url")
				for _, scheme := range signer.Names() {
					if strings.Contains(raw, "[%") {
						continue // a macro, to one of them
					}
					_, err := lookup(t, scheme).Check(signer.Target{URL: raw})
					assertRefused(t, err, code, "url")
				}
			})
		}
	}
}

func TestPublicBaseURL(t *testing.T) {
	t.Parallel()
	target := signer.Target{URL: "http://10.0.0.1:8080/hook", PublicBaseURL: "HTTPS://Example.com:443/"}
	message := signer.Message{ID: testID, Data: []byte(`{"user_id":"u"}`)}
	request, err := lookup(t, "besitos").Sign(target, message, []string{testSecret}, testTime())
	if err != nil {
		t.Fatal(err)
	}
	assertEqual(t, "string to sign", request.StringToSign, "https://example.com/hook?user_id=u")
	assertEqual(t, "URL", request.URL, "http://10.0.0.1:8080/hook?user_id=u&verifier="+request.Signature)
	warnings, err := lookup(t, "besitos").Check(target)
	if len(warnings) > 0 || err != nil {
		t.Errorf("got %v, %v, want no warning of a port that nobody sees", warnings, err)
	}
	tests := map[string]string{
		"example.com":             signer.CodeURLScheme,
		"https://example.com/a":   signer.CodeURLPath,
		"https://example.com?a":   signer.CodeURLPath,
		"https://u@example.com":   signer.CodeURLUserInfo,
		"https://bücher.example/": signer.CodeURLHostNotASCII,
	}
	for base, code := range tests {
		for _, scheme := range signer.Names() {
			_, err := lookup(t, scheme).Check(signer.Target{URL: "https://example.com/", PublicBaseURL: base})
			assertRefused(t, err, code, "public_base_url")
		}
	}
}
