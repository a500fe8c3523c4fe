package egress

import (
	"net/netip"
	"net/url"
	"strconv"
	"strings"

	"golang.org/x/net/idna"
)

const (
	// maxEndpointURL bounds the URL of an endpoint, in bytes.
	maxEndpointURL = 2048
	// maxRequestURL bounds a URL with the event's data in its query, in bytes.
	maxRequestURL = 64 << 10
)

// CheckURL checks a URL when an endpoint is created. It asks no resolver, so
// that a name which resolves to a forbidden address is found when it is sent
// to. The query is not decoded: a template's macros may stand there.
//
// The error is a [*Refusal] of the field "url". CodeInvalidURL: longer than
// 2,048 bytes, not absolute, a scheme other than http and https, no host, a
// port outside of 1-65535, user info, a fragment, a backslash, a space, a
// control character, a character outside of ASCII after the host. CodeDenied:
// a literal address that may not be reached, an address in another spelling
// than plain dotted decimal, a name of localhost while no loopback address is
// allowed.
func (c *Client) CheckURL(rawURL string) error {
	if len(rawURL) > maxEndpointURL {
		return invalidURL("is longer than 2,048 bytes")
	}
	if refusal := c.checkURL(rawURL); refusal != nil {
		return refusal
	}
	return nil
}

func (c *Client) checkURL(rawURL string) *Refusal {
	u, refusal := parseURL(rawURL)
	if refusal != nil {
		return refusal
	}
	return c.checkHost(u)
}

// checkSent checks the URL of a request, whose every byte must reach the wire
// as it was signed.
func (c *Client) checkSent(rawURL string) (*url.URL, *Refusal) {
	if len(rawURL) > maxRequestURL {
		return nil, invalidURL("is longer than 64 KiB")
	}
	u, refusal := parseURL(rawURL)
	if refusal != nil {
		return nil, refusal
	}
	if u.Scheme+"://"+u.Host+u.RequestURI() != rawURL || !ascii(u.Host) {
		return nil, &Refusal{
			Code: CodeNotVerbatim, Field: "url",
			Message: "would be sent in another spelling than it was signed in",
		}
	}
	return u, c.checkHost(u)
}

func parseURL(rawURL string) (*url.URL, *Refusal) {
	for i := range len(rawURL) {
		if b := rawURL[i]; b <= ' ' || b == 0x7f || b == '\\' {
			return nil, invalidURL("has a space, a backslash or a control character")
		}
	}
	u, err := url.Parse(rawURL)
	switch {
	case err != nil:
		// The parser's error repeats the URL, whose query may identify a user.
		return nil, invalidURL("is not a valid URL")
	case u.Scheme != "http" && u.Scheme != "https":
		return nil, invalidURL("must begin with https:// or http://")
	case u.User != nil:
		return nil, invalidURL("must not hold a user name or a password")
	case u.Hostname() == "":
		return nil, invalidURL("has no host")
	case !validPort(u):
		return nil, invalidURL("has a port that is not between 1 and 65535")
	case strings.Contains(rawURL, "#"):
		return nil, invalidURL("has a fragment, which is never sent")
	default:
		return u, checkRest(rawURL[len(u.Scheme):], u.Host)
	}
}

// checkRest looks at what follows the scheme. The host may be of any script;
// what comes after it may not.
func checkRest(rest, host string) *Refusal {
	rest, found := strings.CutPrefix(rest, "://"+host)
	switch {
	case !found:
		return invalidURL("has an encoded host or a zone")
	case !ascii(rest):
		return invalidURL("has characters that must be percent-encoded")
	default:
		return nil
	}
}

// validPort accepts no port at all, but no colon without one.
func validPort(u *url.URL) bool {
	port := u.Port()
	if port == "" {
		return !strings.HasSuffix(u.Host, ":")
	}
	number, err := strconv.Atoi(port)
	return err == nil && number >= 1 && number <= 65535 && strconv.Itoa(number) == port
}

func (c *Client) checkHost(u *url.URL) *Refusal {
	name := u.Hostname()
	if addr, err := netip.ParseAddr(name); err == nil {
		if addr.Is6() != strings.HasPrefix(u.Host, "[") {
			return invalidURL("has brackets in the wrong place")
		}
		return c.checkAddr(name, addr, portOf(u))
	}
	if strings.HasPrefix(u.Host, "[") {
		return invalidURL("has no valid address in brackets")
	}
	name, err := toASCII(name)
	switch {
	case err != nil || !validName(name):
		return invalidURL("has an invalid host name")
	case !validPunycode(name):
		return invalidURL("has a host name with invalid punycode: write the part behind xn-- as a registry does, such as xn--bcher-kva")
	case numeric(name):
		return denied("an address must be written in plain dotted decimal")
	case localhost(name) && len(c.policy.loopback(portOf(u))) == 0:
		return denied(u.Hostname() + " is this host")
	default:
		return nil
	}
}

// portOf is the port of a URL that was checked.
func portOf(u *url.URL) uint16 {
	port, err := strconv.ParseUint(u.Port(), 10, 16)
	switch {
	case err == nil:
		return uint16(port)
	case u.Scheme == "https":
		return 443
	default:
		return 80
	}
}

func (c *Client) checkAddr(name string, addr netip.Addr, port uint16) *Refusal {
	reason := c.policy.deny(addr, port)
	switch {
	case reason == "":
		return nil
	case name == addr.String():
		return denied(name + " " + reason)
	default:
		return denied(plain(name) + " is " + addr.String() + ", which " + reason)
	}
}

// toASCII maps a name as net/http would: what looks like digits and dots in
// other scripts becomes them.
func toASCII(name string) (string, error) {
	if ascii(name) {
		return strings.ToLower(name), nil
	}
	return idna.Lookup.ToASCII(name) //nolint:wrapcheck // only its presence matters: it repeats the host
}

func validName(name string) bool {
	name = strings.TrimSuffix(name, ".")
	if len(name) > 253 {
		return false
	}
	for label := range strings.SplitSeq(name, ".") {
		if label == "" || len(label) > 63 || strings.Trim(label, "abcdefghijklmnopqrstuvwxyz0123456789-_") != "" {
			return false
		}
	}
	return true
}

// validPunycode reports whether the labels that are written in punycode (RFC 3492)
// can be read.
func validPunycode(name string) bool {
	for label := range strings.SplitSeq(name, ".") {
		if !strings.HasPrefix(label, "xn--") {
			continue
		}
		if plain, err := idna.Lookup.ToUnicode(label); err != nil || ascii(plain) {
			return false
		}
	}
	return true
}

// numeric reports whether a resolver might read the name as an IPv4 address: its
// last label is a number, decimal, octal or hexadecimal (WHATWG URL, "ends in a
// number"). No top-level domain is.
func numeric(name string) bool {
	name = strings.TrimSuffix(name, ".")
	last := name[strings.LastIndexByte(name, '.')+1:]
	if digits, hex := strings.CutPrefix(last, "0x"); hex {
		return strings.Trim(digits, "0123456789abcdef") == ""
	}
	return strings.Trim(last, "0123456789") == ""
}

func localhost(name string) bool {
	name = strings.TrimSuffix(strings.ToLower(name), ".")
	return name == "localhost" || name == "localhost.localdomain" || strings.HasSuffix(name, ".localhost")
}

func ascii(text string) bool {
	for i := range len(text) {
		if text[i] >= 0x80 {
			return false
		}
	}
	return true
}

func invalidURL(message string) *Refusal {
	return &Refusal{Code: CodeInvalidURL, Field: "url", Message: message}
}

func denied(message string) *Refusal {
	return &Refusal{Code: CodeDenied, Field: "url", Message: message}
}
