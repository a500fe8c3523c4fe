package signer

import (
	"net/netip"
	"strconv"
	"strings"

	"github.com/waybillhq/waybill/signer/internal/percent"
)

// longestURL is the length in bytes that an endpoint's URL may have.
const longestURL = 2048

// CheckURL applies the rules that hold for the URLs of all schemes, and returns
// the URL as it is sent and signed: scheme and host in lowercase, no default
// port, at least "/" as path. What stands behind the host is kept as written,
// and net/http sends it so.
//
// Refused, with an *Error about the field "url": other schemes than http and
// https, user info, a fragment, more than 2,048 bytes, a host that is empty,
// not ASCII (it is to be written in punycode), or a number that is no plain
// IPv4 address, a port outside 1 to 65535, "." or ".." as a path segment,
// and every character that RFC 3986 does not let stand raw.
//
// Whether the host may be reached is not its concern.
func CheckURL(raw string) (string, error) {
	if err := checkLength(raw); err != nil {
		return "", err
	}
	place, err := parseAddress(raw)
	if err != nil {
		return "", err
	}
	return place.url(), nil
}

func checkLength(raw string) error {
	if raw == "" {
		return refuse("url", CodeURLMissing, "is empty")
	}
	if len(raw) > longestURL {
		return refuse("url", CodeURLTooLong, "has %d bytes; at most %d are allowed", len(raw), longestURL)
	}
	return nil
}

// address is a URL that follows the rules, in its normal form.
type address struct {
	origin   string // scheme, host and, unless it is the default one, port
	path     string // begins with "/"
	query    string // without "?"
	hasQuery bool   // also for an empty query
	port     string // empty for the default port
}

func (a address) url() string {
	if a.hasQuery {
		return a.origin + a.path + "?" + a.query
	}
	return a.origin + a.path
}

func parseAddress(raw string) (address, error) {
	if err := checkSeparators(raw); err != nil {
		return address{}, err
	}
	scheme, rest, err := cutScheme(raw)
	if err != nil {
		return address{}, err
	}
	end := hostEnd(rest)
	authority, target := rest[:end], rest[end:]
	host, port, err := parseAuthority(authority, scheme)
	if err != nil {
		return address{}, err
	}
	if err := checkTarget(target); err != nil {
		return address{}, err
	}
	place := address{port: port}
	place.path, place.query, place.hasQuery = strings.Cut(target, "?")
	if place.path == "" {
		place.path = "/"
	}
	if hasDotSegment(place.path) {
		return address{}, refuse("url", CodeURLDotSegment,
			`the path holds "." or ".." as a segment, which receivers rewrite: write it without`)
	}
	// A URL that is normal already, as most are, is not copied.
	place.origin = raw[:len(raw)-len(target)]
	if raw[:len(scheme)] != scheme || host != authority {
		place.origin = scheme + "://" + host
	}
	return place, nil
}

// checkSeparators refuses what could split a request line or a header.
func checkSeparators(raw string) error {
	for i := range len(raw) {
		switch c := raw[i]; {
		case c <= ' ' || c == 0x7f:
			return refuse("url", CodeURLCharacter,
				"byte %d is a space or a control character: write it as %%%02X", i+1, c)
		case c == '\\':
			return refuse("url", CodeURLCharacter, "byte %d is a backslash: write / or %%5C", i+1)
		}
	}
	return nil
}

// cutScheme returns the scheme in lowercase and what follows "://".
func cutScheme(raw string) (scheme, rest string, err error) {
	written, rest, found := strings.Cut(raw, "://")
	switch {
	case found && strings.EqualFold(written, "https"):
		return "https", rest, nil
	case found && strings.EqualFold(written, "http"):
		return "http", rest, nil
	default:
		return "", "", refuse("url", CodeURLScheme, "must begin with https:// or http://")
	}
}

// hostEnd returns where the host ends in what follows the scheme.
func hostEnd(rest string) int {
	for i := range len(rest) {
		if c := rest[i]; c == '/' || c == '?' || c == '#' {
			return i
		}
	}
	return len(rest)
}

// parseAuthority returns the host, with its port unless that is the default
// one, and that port alone.
func parseAuthority(authority, scheme string) (hostPort, port string, err error) {
	if strings.Contains(authority, "@") {
		return "", "", refuse("url", CodeURLUserInfo, "must not hold a user name or password")
	}
	host, port := authority, ""
	if colon := strings.LastIndexByte(authority, ':'); colon > strings.LastIndexByte(authority, ']') {
		host, port = authority[:colon], authority[colon+1:]
	}
	if err := checkPort(port); err != nil {
		return "", "", err
	}
	if scheme == "https" && port == "443" || scheme == "http" && port == "80" {
		port = ""
	}
	host, err = normalHost(host)
	if err != nil {
		return "", "", err
	}
	if port == "" {
		return host, "", nil
	}
	if len(host)+1+len(port) == len(authority) && strings.HasPrefix(authority, host) {
		return authority, port, nil
	}
	return host + ":" + port, port, nil
}

func checkPort(port string) error {
	if port == "" {
		return nil
	}
	number, err := strconv.ParseUint(port, 10, 16)
	if err != nil || number == 0 || port[0] == '0' {
		return refuse("url", CodeURLPort, "the port must be a number from 1 to 65535")
	}
	return nil
}

func normalHost(host string) (string, error) {
	if strings.HasPrefix(host, "[") {
		return normalIPv6(host)
	}
	if host == "" {
		return "", refuse("url", CodeURLHost, "has no host")
	}
	host = strings.ToLower(host)
	if err := checkHostCharacters(host); err != nil {
		return "", err
	}
	if err := checkLabels(host); err != nil {
		return "", err
	}
	return host, nil
}

func normalIPv6(host string) (string, error) {
	inner, closed := strings.CutSuffix(host[1:], "]")
	ip, err := netip.ParseAddr(inner)
	if !closed || err != nil || !ip.Is6() || ip.Zone() != "" {
		return "", refuse("url", CodeURLHost, "the host is not an IPv6 address in brackets")
	}
	return "[" + ip.String() + "]", nil
}

func checkHostCharacters(host string) error {
	for i := range len(host) {
		switch c := host[i]; {
		case c >= 0x80:
			return refuse("url", CodeURLHostNotASCII,
				"the host is not ASCII: write it in punycode, with labels such as xn--bcher-kva")
		case c == '.' || c == '_' || c == '-' || 'a' <= c && c <= 'z' || '0' <= c && c <= '9':
		default:
			return refuse("url", CodeURLHost, "the host must not hold %q", c)
		}
	}
	return nil
}

// checkLabels refuses host names that no resolver takes, and the spellings of
// an IPv4 address that some do take: decimal, octal, hexadecimal and short.
func checkLabels(host string) error {
	const longestName, longestLabel = 253, 63
	if len(host) > longestName {
		return refuse("url", CodeURLHost, "the host is longer than %d bytes", longestName)
	}
	last := ""
	for label := range strings.SplitSeq(host, ".") {
		if label == "" {
			return refuse("url", CodeURLHost, "the host begins or ends with a dot, or has two in a row")
		}
		if len(label) > longestLabel {
			return refuse("url", CodeURLHost, "a part of the host is longer than %d bytes", longestLabel)
		}
		last = label
	}
	if !isNumber(last) {
		return nil
	}
	if _, err := netip.ParseAddr(host); err != nil {
		return refuse("url", CodeURLHost, "write an IPv4 address as four decimal numbers")
	}
	return nil
}

// isNumber says whether a label is what the WHATWG URL standard calls a number,
// and so makes the host an IPv4 address.
func isNumber(label string) bool {
	if strings.HasPrefix(label, "0x") {
		return strings.Trim(label[2:], "0123456789abcdef") == ""
	}
	return strings.Trim(label, "0123456789") == ""
}

// checkTarget checks the characters of path and query.
func checkTarget(target string) error {
	for i := 0; i < len(target); i++ {
		c := target[i]
		switch {
		case percent.IsURLCharacter(c):
		case c == '#':
			return refuse("url", CodeURLFragment, "must not hold a fragment (#): it is never sent")
		case c != '%':
			return refuse("url", CodeURLCharacter,
				"a path or query must not hold %q raw: write it percent-encoded, as %%%02X", string([]byte{c}), c)
		case !percent.IsEscape(target, i):
			return refuse("url", CodeURLEscape, `a "%%" must be followed by two hex digits; write %%25 for a "%%"`)
		default:
			i += 2
		}
	}
	return nil
}

// hasDotSegment says whether a path has a segment that URL parsers take for
// "this" or "the parent" directory.
func hasDotSegment(path string) bool {
	const longest = len("%2e%2e")
	for segment := range strings.SplitSeq(path, "/") {
		if len(segment) > longest {
			continue
		}
		switch strings.ToLower(segment) {
		case ".", "..", "%2e", "%2e%2e", ".%2e", "%2e.":
			return true
		}
	}
	return false
}
