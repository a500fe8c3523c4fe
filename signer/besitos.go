package signer

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"time"
)

const (
	besitosParameter  = "verifier"
	besitosHexDigits  = 2 * sha256.Size
	longestQuery      = 5900 // bytes; with the longest URL still below longestSignedURL
	mostParameters    = 200  // PHP reads 1,000 and drops the rest
	commonMemberCount = 24   // what fits without an allocation
)

// besitos is a GET request that carries the data as query parameters, sorted by
// name. The last one, verifier, is the lowercase hex HMAC-SHA256 of the URL
// without it. Publishers rebuild that URL from the decoded parameters, so only
// what survives PHP's parse_str and http_build_query (RFC 3986) may be sent.
type besitos struct{}

func (besitos) Check(target Target) ([]Warning, error) {
	place, err := besitos{}.locate(target)
	if err != nil {
		return nil, err
	}
	if place.port == "" {
		return nil, nil
	}
	return []Warning{{
		Code:    "port_in_url",
		Message: "receivers that follow the network's sample code rebuild the URL without its port " + place.port + ", and refuse the signature",
	}}, nil
}

func (besitos) locate(target Target) (destination, error) {
	place, err := readTarget(nameBesitos, target, target.URL)
	if err != nil {
		return destination{}, err
	}
	if place.hasQuery {
		return destination{}, refuse("url", CodeURLQuery,
			"must not have a query: in this scheme all parameters come from the event")
	}
	return place, nil
}

func (besitos) CheckData(data json.RawMessage) error {
	_, err := appendBesitosQuery(nil, data)
	return err
}

func (besitos) Sign(target Target, message Message, secrets []string, _ time.Time) (Request, error) {
	place, err := besitos{}.locate(target)
	if err != nil {
		return Request{}, err
	}
	secret, err := currentSecret(secrets)
	if err != nil {
		return Request{}, err
	}
	size := len(place.signed) + len(place.path) + len(message.Data) + besitosHexDigits
	text := make([]byte, 0, size+len("?&=")+len(besitosParameter))
	text = append(text, place.signed...)
	text = append(text, place.path...)
	text = append(text, '?')
	if text, err = appendBesitosQuery(text, message.Data); err != nil {
		return Request{}, err
	}
	signed := len(text)
	text = append(text, '&')
	text = append(text, besitosParameter...)
	text = append(text, '=')
	text = appendHMAC(text, sha256.New, secret, text[:signed])
	return signedRequest(place, string(text), signed, besitosHexDigits), nil
}

// appendBesitosQuery appends the parameters, without the signature.
func appendBesitosQuery(dst []byte, data json.RawMessage) ([]byte, error) {
	var room [commonMemberCount]member
	all, err := parseFlat(data, room[:0])
	if err != nil {
		return nil, err
	}
	if err := checkParameters(all); err != nil {
		return nil, err
	}
	slices.SortFunc(all, func(a, b member) int { return bytes.Compare(a.name, b.name) })
	start := len(dst)
	for i := range all {
		if i > 0 {
			dst = append(dst, '&')
		}
		dst = append(dst, all[i].name...)
		dst = append(dst, '=')
		if dst, err = appendValue(dst, &all[i]); err != nil {
			return nil, err
		}
		if len(dst)-start > longestQuery {
			return nil, refuse("data", CodeDataTooLarge, "has more than %d bytes as a query, which common servers refuse", longestQuery)
		}
	}
	return dst, nil
}

func checkParameters(all members) error {
	switch {
	case len(all) == 0:
		return refuse("data", CodeDataEmpty, "has no members: at least one parameter is needed")
	case len(all) > mostParameters:
		return refuse("data", CodeTooManyParameters, "has %d members; at most %d are allowed", len(all), mostParameters)
	}
	for i := range all {
		if err := checkParameterName(all[i].name); err != nil {
			return err
		}
	}
	return nil
}

// checkParameterName refuses names that PHP rewrites, and numbers: a receiver
// that sorts the names with ksort puts 9 before 10.
func checkParameterName(name []byte) error {
	if string(name) == besitosParameter {
		return refuse(dataField(name), CodeReservedName, "is the name of the signature")
	}
	if len(name) == 0 || slices.ContainsFunc(name, isNotNameByte) {
		return refuse(dataField(name), CodeNameInvalid, "a parameter's name may hold letters A to Z, digits, _ and - only")
	}
	if first := name[0]; first == '-' || '0' <= first && first <= '9' {
		if _, err := strconv.ParseFloat(string(name), 64); err == nil {
			return refuse(dataField(name), CodeNameInvalid, "a parameter's name must not be a number")
		}
	}
	return nil
}

func isNotNameByte(c byte) bool {
	return !isUnreserved(c) || c == '.' || c == '~'
}

func (besitos) Verify(received Received, secrets []string, _ time.Time) error {
	return verifyURL(received.URL, besitosParameter, secrets, sha256.New)
}

// signedRequest makes the request out of a signed URL: text, of which signed
// bytes were signed and which ends with the signature.
func signedRequest(place destination, text string, signed, signature int) Request {
	url := text
	if place.signed != place.origin {
		url = place.origin + text[len(place.signed):]
	}
	return Request{
		Method:       place.method,
		URL:          url,
		Header:       http.Header{},
		StringToSign: text[:signed],
		Signature:    text[len(text)-signature:],
	}
}
