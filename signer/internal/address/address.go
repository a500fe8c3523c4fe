// Package address has the rules that hold for the URLs of all schemes. What it lets
// through, net/http sends as it stands and receivers read as it was written.
package address

import (
	"net/netip"
	"strconv"
	"strings"

	"github.com/waybillhq/waybill/signer/internal/percent"
	"github.com/waybillhq/waybill/signer/internal/refusal"
)

// longestURL is the length in bytes that an endpoint's URL may have.
const longestURL = 2048

// CheckLength refuses no URL at all, and one that is too long.
func CheckLength(raw string) error {
	if raw == "" {
		return refusal.New("url", refusal.CodeURLMissing, "is empty")
	}
	if len(raw) > longestURL {
		return refusal.New("url", refusal.CodeURLTooLong, "has %d bytes; at most %d are allowed", len(raw), longestURL)
	}
	return nil
}

// Address is a URL that follows the rules, in its normal form.
type Address struct {
	Origin   string // scheme, host and, unless it is the default one, port
	Path     string // begins with "/"
	Query    string // without "?"
	HasQuery bool   // also for an empty query
	Port     string // empty for the default port
}

// URL is the whole of it.
func (a Address) URL() string {
	if a.HasQuery {
		return a.Origin + a.Path + "?" + a.Query
	}
	return a.Origin + a.Path
}

// Parse refuses a URL that does not follow the rules. It is pure: whether the host
// may be reached is not its concern.
func Parse(raw string) (Address, error) {
	if err := checkSeparators(raw); err != nil {
		return Address{}, err
	}
	scheme, rest, err := cutScheme(raw)
	if err != nil {
		return Address{}, err
	}
	end := HostEnd(rest)
	authority, target := rest[:end], rest[end:]
	host, port, err := parseAuthority(authority, scheme)
	if err != nil {
		return Address{}, err
	}
	if err := checkTarget(target); err != nil {
		return Address{}, err
	}
	place := Address{Port: port}
	place.Path, place.Query, place.HasQuery = strings.Cut(target, "?")
	if place.Path == "" {
		place.Path = "/"
	}
	if HasDotSegment(place.Path) {
		return Address{}, refusal.New("url", refusal.CodeURLDotSegment,
			`the path holds "." or ".." as a segment, which receivers rewrite: write it without`)
	}
	// A URL that is normal already, as most are, is not copied.
	place.Origin = raw[:len(raw)-len(target)]
	if raw[:len(scheme)] != scheme || host != authority {
		place.Origin = scheme + "://" + host
	}
	return place, nil
}

// checkSeparators refuses what could split a request line or a header.
func checkSeparators(raw string) error {
	for i := range len(raw) {
		switch c := raw[i]; {
		case c <= ' ' || c == 0x7f:
			return refusal.New("url", refusal.CodeURLCharacter,
				"byte %d is a space or a control character: write it as %%%02X", i+1, c)
		case c == '\\':
			return refusal.New("url", refusal.CodeURLCharacter, "byte %d is a backslash: write / or %%5C", i+1)
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
		return "", "", refusal.New("url", refusal.CodeURLScheme, "must begin with https:// or http://")
	}
}

// HostEnd returns where the host ends in what follows the scheme.
func HostEnd(rest string) int {
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
		return "", "", refusal.New("url", refusal.CodeURLUserInfo, "must not hold a user name or password")
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
		return refusal.New("url", refusal.CodeURLPort, "the port must be a number from 1 to 65535")
	}
	return nil
}

func normalHost(host string) (string, error) {
	if strings.HasPrefix(host, "[") {
		return normalIPv6(host)
	}
	if host == "" {
		return "", refusal.New("url", refusal.CodeURLHost, "has no host")
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
		return "", refusal.New("url", refusal.CodeURLHost, "the host is not an IPv6 address in brackets")
	}
	return "[" + ip.String() + "]", nil
}

func checkHostCharacters(host string) error {
	for i := range len(host) {
		switch c := host[i]; {
		case c >= 0x80:
			return refusal.New("url", refusal.CodeURLHostNotASCII,
				"the host is not ASCII: write it in punycode, with labels such as xn--bcher-kva")
		case c == '.' || c == '_' || c == '-' || 'a' <= c && c <= 'z' || '0' <= c && c <= '9':
		default:
			return refusal.New("url", refusal.CodeURLHost, "the host must not hold %q", c)
		}
	}
	return nil
}

// checkLabels refuses host names that no resolver takes, and the spellings of
// an IPv4 address that some do take: decimal, octal, hexadecimal and short.
func checkLabels(host string) error {
	const longestName, longestLabel = 253, 63
	if len(host) > longestName {
		return refusal.New("url", refusal.CodeURLHost, "the host is longer than %d bytes", longestName)
	}
	last := ""
	for label := range strings.SplitSeq(host, ".") {
		if label == "" {
			return refusal.New("url", refusal.CodeURLHost, "the host begins or ends with a dot, or has two in a row")
		}
		if len(label) > longestLabel {
			return refusal.New("url", refusal.CodeURLHost, "a part of the host is longer than %d bytes", longestLabel)
		}
		last = label
	}
	if !isNumber(last) {
		return nil
	}
	if _, err := netip.ParseAddr(host); err != nil {
		return refusal.New("url", refusal.CodeURLHost, "write an IPv4 address as four decimal numbers")
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
			return refusal.New("url", refusal.CodeURLFragment, "must not hold a fragment (#): it is never sent")
		case c != '%':
			return refusal.New("url", refusal.CodeURLCharacter,
				"a path or query must not hold %q raw: write it percent-encoded, as %%%02X", string([]byte{c}), c)
		case !percent.IsEscape(target, i):
			return refusal.New("url", refusal.CodeURLEscape, `a "%%" must be followed by two hex digits; write %%25 for a "%%"`)
		default:
			i += 2
		}
	}
	return nil
}

// HasDotSegment says whether a path has a segment that URL parsers take for
// "this" or "the parent" directory.
func HasDotSegment(path string) bool {
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
