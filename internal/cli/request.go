package cli

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httputil"
	"strconv"
	"strings"

	"github.com/waybillhq/waybill/signer"
)

// pasted is a request as somebody pasted it: raw, its first line alone, a line
// of an access log, or a URL.
type pasted struct {
	method string
	target string // absolute, or what stood in the request line
	header http.Header
	body   []byte
}

// parseRequest reads what was pasted.
func parseRequest(text []byte) (pasted, error) {
	text = bytes.TrimLeft(text, "\r\n\t ")
	head, body, _ := cutHead(text)
	lines := strings.Split(strings.ReplaceAll(string(head), "\r\n", "\n"), "\n")
	p := pasted{header: http.Header{}}
	var ok bool
	if p.method, p.target, ok = requestLine(lines[0]); !ok {
		return p, usagef(`--request is no request: it must begin with a line such as "GET /complete?uid=1&hash=... HTTP/1.1", or be a line of an access log that holds one, or a URL`)
	}
	for _, line := range lines[1:] {
		name, value, found := strings.Cut(line, ":")
		if !found || strings.ContainsAny(name, " \t") {
			return p, usagef("--request: %q is no header", line)
		}
		p.header.Add(name, strings.TrimSpace(value))
	}
	var err error
	p.body, err = bodyOf(body, p.header)
	return p, err
}

// cutHead cuts a request at the first empty line.
func cutHead(text []byte) (head, body []byte, found bool) {
	for _, empty := range []string{"\r\n\r\n", "\n\n"} {
		if head, body, found = bytes.Cut(text, []byte(empty)); found {
			return head, body, true
		}
	}
	return bytes.TrimRight(text, "\r\n"), nil, false
}

// requestLine finds method and target: alone on the line, in quotes as access
// logs write them, or a URL alone.
func requestLine(line string) (method, target string, ok bool) {
	line = strings.TrimSpace(line)
	if strings.HasPrefix(line, "http://") || strings.HasPrefix(line, "https://") {
		return "", line, !strings.ContainsAny(line, " \t")
	}
	for _, text := range append([]string{line}, strings.Split(line, `"`)...) {
		fields := strings.Fields(text)
		if len(fields) < 2 || len(fields) > 3 || len(fields) == 3 && !strings.HasPrefix(fields[2], "HTTP/") {
			continue
		}
		if isMethod(fields[0]) && (strings.HasPrefix(fields[1], "/") || strings.Contains(fields[1], "://")) {
			return fields[0], fields[1], true
		}
	}
	return "", "", false
}

func isMethod(text string) bool {
	for _, c := range text {
		if c < 'A' || c > 'Z' {
			return false
		}
	}
	return text != ""
}

// bodyOf is the body that was sent: decoded when it is chunked, and without
// what an editor put behind it when its length is known.
func bodyOf(body []byte, header http.Header) ([]byte, error) {
	if strings.EqualFold(header.Get("Transfer-Encoding"), "chunked") {
		decoded, err := io.ReadAll(httputil.NewChunkedReader(bytes.NewReader(body)))
		if err != nil {
			return nil, usagef("--request: its chunked body cannot be read: %v", err)
		}
		return decoded, nil
	}
	if length, err := strconv.Atoi(header.Get("Content-Length")); err == nil && length >= 0 && length < len(body) {
		return body[:length], nil
	}
	return body, nil
}

// received lists what the request may have been: where neither the target nor
// base says http:// or https://, both are possible.
func (p pasted) received(base string) ([]signer.Received, error) {
	received := signer.Received{Method: p.method, URL: p.target, Header: p.header, Body: p.body}
	if strings.Contains(p.target, "://") && !strings.HasPrefix(p.target, "/") {
		return []signer.Received{received}, nil
	}
	if base != "" {
		received.URL = strings.TrimRight(base, "/") + p.target
		return []signer.Received{received}, nil
	}
	host := p.header.Get("Host")
	if host == "" {
		return nil, usagef("the request has no Host: give --base-url, such as https://publisher.example.com")
	}
	var both []signer.Received
	for _, scheme := range schemesOf(p.header.Get("X-Forwarded-Proto")) {
		received.URL = scheme + "://" + host + p.target
		both = append(both, received)
	}
	return both, nil
}

func schemesOf(forwarded string) []string {
	if forwarded == "http" || forwarded == "https" {
		return []string{forwarded}
	}
	return []string{"https", "http"}
}
