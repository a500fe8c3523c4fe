package signer

import "github.com/waybillhq/waybill/signer/internal/address"

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
