package cli_test

import (
	"testing"

	"github.com/waybillhq/waybill/internal/cli"
)

func TestPastedRequests(t *testing.T) {
	t.Parallel()
	const target = "/complete?uid=u1&hash=ab"
	tests := map[string]struct {
		text, base string
		urls       []string
		body       string
	}{
		"raw":                {"GET " + target + " HTTP/1.1\r\nHost: p.example.com\r\n\r\n", "", []string{"https://p.example.com" + target, "http://p.example.com" + target}, ""},
		"raw, lines of Unix": {"\nGET " + target + " HTTP/1.1\nHost: p.example.com\nX-Forwarded-Proto: http\n", "", []string{"http://p.example.com" + target}, ""},
		"line":               {"GET " + target + " HTTP/1.1\n", "https://p.example.com/", []string{"https://p.example.com" + target}, ""},
		"line, no version":   {"GET " + target, "https://p.example.com", []string{"https://p.example.com" + target}, ""},
		"absolute form":      {"GET http://p.example.com" + target + " HTTP/1.1", "", []string{"http://p.example.com" + target}, ""},
		"URL":                {"  https://p.example.com" + target + "\n", "", []string{"https://p.example.com" + target}, ""},
		"access log": {
			`192.0.2.1 - - [01/Mar/2026:12:00:00 +0000] "GET ` + target + ` HTTP/1.1" 403 12 "-" "Waybill/1.0"`, "https://p.example.com",
			[]string{"https://p.example.com" + target},
			"",
		},
		"body":         {"POST /hook HTTP/1.1\nHost: p.example.com\nContent-Length: 7\n\n{\"a\":1}\n", "https://q.example.com", []string{"https://q.example.com/hook"}, `{"a":1}`},
		"chunked body": {"POST /hook HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n7\r\n{\"a\":1}\r\n0\r\n\r\n", "https://q.example.com", []string{"https://q.example.com/hook"}, `{"a":1}`},
		"a URL in it":  {"GET /complete?next=https://x.example.com/ HTTP/1.1", "https://p.example.com", []string{"https://p.example.com/complete?next=https://x.example.com/"}, ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := cli.ParseRequest(tt.text, tt.base)
			if err != nil || len(got) != len(tt.urls) {
				t.Fatalf("got %+v, %v", got, err)
			}
			for i, received := range got {
				if received.URL != tt.urls[i] || string(received.Body) != tt.body {
					t.Errorf("got %s %q, want %s %q", received.URL, received.Body, tt.urls[i], tt.body)
				}
			}
		})
	}
}

func TestPastedRequestsThatAreNone(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"empty":         "",
		"words":         "please help me",
		"two words":     "HELP me",
		"no host":       "GET /x HTTP/1.1\n",
		"bad header":    "GET /x HTTP/1.1\nHost p.example.com\n",
		"broken chunks": "POST /x HTTP/1.1\nHost: p.example.com\nTransfer-Encoding: chunked\n\nzz\n",
		"URL and more":  "https://p.example.com/ x",
	} {
		if got, err := cli.ParseRequest(text, ""); err == nil {
			t.Errorf("%s: got %+v", name, got)
		}
	}
}

func FuzzPastedRequest(f *testing.F) {
	f.Add("GET /x?a=1 HTTP/1.1\r\nHost: p.example.com\r\nContent-Length: 3\r\n\r\nabcd")
	f.Add(`1.2.3.4 - - "GET /x" 200 "-"`)
	f.Fuzz(func(t *testing.T, text string) {
		received, err := cli.ParseRequest(text, "")
		if (err == nil) == (len(received) == 0) {
			t.Errorf("got %+v, %v", received, err)
		}
	})
}
