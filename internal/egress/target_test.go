package egress_test

import (
	"errors"
	"net/netip"
	"net/url"
	"strings"
	"testing"

	"github.com/waybillhq/waybill/internal/egress"
)

func expectRefusal(t testing.TB, err error, code string) {
	t.Helper()
	var refusal *egress.Refusal
	if !errors.As(err, &refusal) || refusal.Code != code || refusal.Field != "url" || refusal.Message == "" {
		t.Errorf("got %v, want %s at url", err, code)
	}
}

func TestCheckURLDeniesDisguises(t *testing.T) {
	t.Parallel()
	client := newClient(t, egress.Options{Resolver: names{}})
	for _, host := range []string{
		"2130706433", "0177.0.0.1", "017700000001", "0x7f000001", "0x7f.0.0.1", "0X7F.1", "127.1", "127.0.1",
		"127.0.0.1.", "127.0.0.01", "1.2.3.4.5", "256.1.1.1", "8.8.8.8.", "134744072", "0", "0x",
		"①②⑦.⓪.⓪.①", "127。0。0。1", "127．0．0．1", "１２７.0.0.1", "８.８.８.８",
		"localhost", "LOCALHOST", "localhost.", "LocalHost.", "a.localhost", "localhost.localdomain", "ｌocalhost",
		"[::1]", "[0:0:0:0:0:0:0:1]", "[::ffff:7f00:1]", "[::ffff:127.0.0.1]", "[::127.0.0.1]",
	} {
		t.Run(host, func(t *testing.T) {
			t.Parallel()
			expectRefusal(t, client.CheckURL("https://"+host+"/postback"), egress.CodeDenied)
			result := get(t, client, "https://"+host+"/postback")
			if result.Failure == nil || result.Failure.Kind != egress.Refused || result.Sent {
				t.Errorf("sent: %+v", result)
			}
		})
	}
}

func TestCheckURLRefuses(t *testing.T) {
	t.Parallel()
	client := newClient(t, egress.Options{Resolver: names{}})
	for name, rawURL := range map[string]string{
		"empty":                "",
		"punycode of nothing":  "https://xn--.example.com/",
		"punycode cut off":     "https://xn--999999999.example.com/",
		"punycode of ASCII":    "https://www.XN--abc-.example.com/",
		"punycode of controls": "https://xn--a.example.com/",
		"user":                 "https://user@example.com/",
		"user and password":    "https://user:secret@example.com/",
		"empty user":           "https://@example.com/",
		"backslash":            `https://example.com\@127.0.0.1/`,
		"CR":                   "https://example.com/\r",
		"LF":                   "https://example.com/\nHost: x",
		"NUL":                  "https://example.com/\x00",
		"DEL":                  "https://example.com/\x7f",
		"tab":                  "https://example.com/\t",
		"space":                "https://example.com/a b",
		"space in the query":   "https://example.com/?a=b c",
		"ftp":                  "ftp://example.com/",
		"file":                 "file:///etc/passwd",
		"gopher":               "gopher://example.com/",
		"no scheme":            "example.com/postback",
		"scheme-relative":      "//example.com/",
		"opaque":               "https:example.com",
		"empty host":           "https:///postback",
		"port but no host":     "https://:443/",
		"port 0":               "https://example.com:0/",
		"port 99999":           "https://example.com:99999/",
		"port 65536":           "https://example.com:65536/",
		"port 0080":            "https://example.com:0080/",
		"empty port":           "https://example.com:/",
		"port in words":        "https://example.com:https/",
		"fragment":             "https://example.com/#top",
		"empty fragment":       "https://example.com/#",
		"too long":             "https://example.com/" + strings.Repeat("a", 2048),
		"zone":                 "https://[fe80::1%25eth0]/",
		"encoded host":         "https://%E3%80%82example.com/",
		"encoded dot":          "https://127%2e0.0.1/",
		"brackets around IPv4": "https://[8.8.8.8]/",
		"brackets around name": "https://[example.com]/",
		"open bracket":         "https://[::1/",
		"bad escape in path":   "https://example.com/%zz",
		"raw UTF-8 in path":    "https://example.com/ä",
		"raw UTF-8 in query":   "https://example.com/?a=ä",
		"empty label":          "https://a..example.com/",
		"only a dot":           "https://./",
		"label too long":       "https://" + strings.Repeat("a", 64) + ".example.com/",
		"name too long":        "https://" + strings.Repeat("abc.", 63) + "example.com/",
		"comma in host":        "https://a,b.example.com/",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			expectRefusal(t, client.CheckURL(rawURL), egress.CodeInvalidURL)
			result := get(t, client, rawURL)
			if result.Failure == nil || result.Failure.Kind == egress.Infrastructure || result.Sent {
				t.Errorf("sent: %+v", result)
			}
			if result.Failure != nil && strings.Contains(result.Failure.Message, "secret") {
				t.Errorf("the message repeats the password: %s", result.Failure.Message)
			}
		})
	}
}

func TestCheckURLAccepts(t *testing.T) {
	t.Parallel()
	client := newClient(t, egress.Options{})
	for _, rawURL := range []string{
		"https://example.com", "https://example.com/", "http://EXAMPLE.com:8080/a/b?c=d", "HTTPS://example.com/",
		"https://example.com./", "https://bücher.example.com/", "https://xn--bcher-kva.example.com/",
		"https://a_b.example.com/", "https://publisher/", "https://example.com:65535/",
		"https://example.com/p?uid=[%UID%]&val=[%VALUE:CURRENCY%]", "https://[2606:4700::1111]:443/",
		"https://1.example.com/", "https://0x7f.example.com/", "https://notlocalhost.example.com/",
	} {
		if err := client.CheckURL(rawURL); err != nil {
			t.Errorf("%s: %v", rawURL, err)
		}
	}
}

// What was signed is sent byte by byte, or not at all.
func TestSendRefusesWhatWouldChange(t *testing.T) {
	t.Parallel()
	client := newClient(t, egress.Options{Resolver: names{}})
	for _, rawURL := range []string{
		"https://example.com", "https://example.com?a=b", "HTTPS://example.com/", "https://bücher.example.com/",
		`https://example.com/a"b`, "https://example.com/<x>", "https://example.com/a^b",
	} {
		expectFailure(t, get(t, client, rawURL), egress.Refused, egress.CodeNotVerbatim)
	}
	expectFailure(t, get(t, client, "https://example.com/?"+strings.Repeat("a", 64<<10)),
		egress.Refused, egress.CodeInvalidURL)
}

func FuzzCheckURL(f *testing.F) {
	for _, seed := range []string{
		"https://example.com/p?uid=[%UID%]", "http://127.1/", "http://①②⑦.⓪.⓪.①/", "http://[::ffff:127.0.0.1]:80/",
		"http://user@LOCALHOST./", "http://0x7f000001", "http://[fe80::1%25eth0]/", "https:\\\\example.com", "http://%31/",
	} {
		f.Add(seed)
	}
	client := newClient(f, egress.Options{})
	f.Fuzz(func(t *testing.T, rawURL string) {
		if client.CheckURL(rawURL) != nil {
			return
		}
		u, err := url.Parse(rawURL)
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.User != nil || u.Hostname() == "" {
			t.Fatalf("%q was accepted", rawURL)
		}
		if strings.ContainsAny(rawURL, "\r\n \\#") || strings.Contains(strings.ToLower(u.Hostname()), ".localhost.") {
			t.Fatalf("%q was accepted", rawURL)
		}
		if addr, err := netip.ParseAddr(u.Hostname()); err == nil && special(addr) {
			t.Fatalf("%q aims at %s", rawURL, addr)
		}
	})
}

func FuzzAddress(f *testing.F) {
	for _, addr := range append(forbidden(), permitted()...) {
		f.Add(netip.MustParseAddr(addr).AsSlice())
	}
	client := newClient(f, egress.Options{})
	f.Fuzz(func(t *testing.T, raw []byte) {
		addr, ok := netip.AddrFromSlice(raw)
		if ok && special(addr) && client.CheckURL(literal(addr.String())) == nil {
			t.Errorf("%s was accepted", addr)
		}
	})
}

// special is another's word for what must be refused.
func special(addr netip.Addr) bool {
	return addr.Is4In6() || addr.IsLoopback() || addr.IsPrivate() || addr.IsUnspecified() || addr.IsMulticast() ||
		addr.IsLinkLocalUnicast() || addr.Zone() != ""
}
