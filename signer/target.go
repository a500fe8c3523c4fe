package signer

import (
	"slices"
	"strings"

	"github.com/waybillhq/waybill/signer/internal/address"
	"github.com/waybillhq/waybill/signer/internal/refusal"
)

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
	if err := address.CheckLength(raw); err != nil {
		return "", err
	}
	place, err := address.Parse(raw)
	if err != nil {
		return "", err
	}
	return place.URL(), nil
}

// longestSignedURL is the length in bytes that a URL may have when all values
// are in it. Common servers stop at a request line of 8,190 bytes.
const longestSignedURL = 8100

// destination is a target that was checked.
type destination struct {
	address.Address
	method string
	signed string // the origin that the receiver sees, and that is signed; port is that one's
}

// readTarget checks a target. url is what to read as its URL: the scheme may
// have rewritten its macros.
func readTarget(scheme string, methods []string, target Target, url string) (destination, error) {
	method, err := checkMethod(scheme, methods, target.Method)
	if err != nil {
		return destination{}, err
	}
	if err := address.CheckLength(target.URL); err != nil {
		return destination{}, err
	}
	place, err := address.Parse(url)
	if err != nil {
		return destination{}, err
	}
	checked := destination{Address: place, method: method, signed: place.Origin}
	if target.PublicBaseURL == "" {
		return checked, nil
	}
	public, err := parsePublicBase(target.PublicBaseURL)
	if err != nil {
		return destination{}, refusal.About("public_base_url", err)
	}
	checked.signed, checked.Port = public.Origin, public.Port
	return checked, nil
}

func parsePublicBase(raw string) (address.Address, error) {
	if err := address.CheckLength(raw); err != nil {
		return address.Address{}, err
	}
	place, err := address.Parse(raw)
	if err != nil {
		return address.Address{}, err
	}
	if place.Path != "/" || place.HasQuery {
		return address.Address{}, refusal.New("url", CodeURLPath, "must be an origin such as https://example.com, without path and query")
	}
	return place, nil
}

// checkMethod returns the method to send: the wanted one or, when that is
// empty, the scheme's default.
func checkMethod(scheme string, methods []string, wanted string) (string, error) {
	switch {
	case wanted == "":
		return methods[0], nil
	case slices.Contains(methods, wanted):
		return wanted, nil
	default:
		return "", refusal.New("method", CodeMethodNotAllowed, "scheme %s sends %s, not %.20q",
			scheme, strings.Join(methods, " or "), wanted)
	}
}
