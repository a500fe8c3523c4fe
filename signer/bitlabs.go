package signer

import (
	"crypto/sha1"
	"encoding/json"
	"net/url"
	"slices"
	"strings"
	"time"
)

const (
	bitlabsParameter = "hash"
	bitlabsHexDigits = 2 * sha1.Size
)

// bitlabs is a GET request to a URL whose template holds macros in its path and
// in the values of its query. The last parameter, hash, is the lowercase hex
// HMAC-SHA1 of the whole URL before it. Static parts are sent as written;
// values are percent-encoded; data that no macro names is not sent.
type bitlabs struct{}

func (bitlabs) Check(target Target) ([]Warning, error) {
	place, err := bitlabs{}.locate(target)
	if err != nil {
		return nil, err
	}
	var warnings []Warning
	if !place.hasQuery {
		warnings = append(warnings, Warning{
			Code:    "no_query",
			Message: `the URL has no query, so the signature follows "?hash=": receivers that split at "&hash=" do not find it`,
		})
	}
	if _, name, _ := cutMacro(place.path); name != "" {
		warnings = append(warnings, Warning{
			Code:    "macro_in_path",
			Message: "a slash in a value is sent as %2F in the path, which some web servers refuse",
		})
	}
	if !strings.Contains(place.path+"?"+place.query, macroOpen+"TX"+macroClose) {
		warnings = append(warnings, Warning{
			Code:    "no_transaction",
			Message: "the URL has no [%TX%]: the publisher cannot tell a repeated delivery from a new conversion",
		})
	}
	return warnings, nil
}

// locate checks the target and rewrites its macros.
func (bitlabs) locate(target Target) (destination, error) {
	marked, err := markMacros(target.URL)
	if err != nil {
		return destination{}, err
	}
	if _, rest, found := strings.Cut(marked, "://"); found {
		if strings.Contains(rest[:hostEnd(rest)], macroOpen) {
			return destination{}, refuse("url", CodeMacroMisplaced, "a macro must not stand in the host")
		}
	}
	place, err := readTarget(nameBitlabs, target, marked)
	if err != nil {
		return destination{}, err
	}
	if place.hasQuery {
		if err := checkTemplateQuery(place.query); err != nil {
			return destination{}, err
		}
	}
	return place, nil
}

func checkTemplateQuery(query string) error {
	var room [commonMemberCount]string
	names := room[:0]
	for parameter := range strings.SplitSeq(query, "&") {
		name, err := templateParameter(parameter)
		if err != nil {
			return err
		}
		if slices.Contains(names, name) {
			return refuse("url", CodeDuplicateParameter, "parameter %.40q occurs twice", name)
		}
		names = append(names, name)
		if len(names) > mostParameters {
			return refuse("url", CodeTooManyParameters, "has more than %d parameters", mostParameters)
		}
	}
	return nil
}

// templateParameter returns the name of a parameter as PHP reads it.
func templateParameter(parameter string) (string, error) {
	name, _, _ := strings.Cut(parameter, "=")
	if parameter == "" || name == "" {
		return "", refuse("url", CodeURLEmptyParameter, `the query has a parameter without a name: look for "?" or "&" followed by "&", "=" or nothing`)
	}
	if strings.ContainsAny(name, "%+.") {
		if _, macro, _ := cutMacro(name); macro != "" {
			return "", refuse("url", CodeMacroMisplaced, "macro [%%%s%%] stands in a parameter's name; it may stand in a value or in the path", macro)
		}
		name = phpName(name)
	}
	if name == bitlabsParameter {
		return "", refuse("url", CodeReservedParameter, "must not have a parameter named hash: that is the signature's name")
	}
	return name, nil
}

// phpName returns the variable that a parameter's name sets in PHP, which is
// the strictest reader: there "h%61sh", " hash" and "hash[]" all set hash.
func phpName(name string) string {
	if decoded, err := url.QueryUnescape(name); err == nil {
		name = decoded
	}
	name = strings.TrimLeft(name, " ")
	if bracket := strings.IndexByte(name, '['); bracket > 0 {
		name = name[:bracket]
	}
	return strings.NewReplacer(".", "_", " ", "_").Replace(name)
}

func (bitlabs) CheckData(data json.RawMessage) error {
	var room [commonMemberCount]member
	all, err := parseFlat(data, room[:0])
	if err != nil {
		return err
	}
	var scratch []byte
	for i := range all {
		if !isMacroField(all[i].name) {
			continue
		}
		if scratch, err = appendValue(scratch, &all[i]); err != nil {
			return err
		}
		if len(scratch) > longestQuery {
			return refuse("data", CodeDataTooLarge, "has values of more than %d bytes in a URL, which common servers refuse", longestQuery)
		}
	}
	return nil
}

func (bitlabs) Sign(target Target, message Message, secrets []string, _ time.Time) (Request, error) {
	place, err := bitlabs{}.locate(target)
	if err != nil {
		return Request{}, err
	}
	secret, err := currentSecret(secrets)
	if err != nil {
		return Request{}, err
	}
	text, notes, err := fillTemplate(place, message.Data)
	if err != nil {
		return Request{}, err
	}
	signed := len(text)
	if place.hasQuery {
		text = append(text, '&')
	} else {
		text = append(text, '?')
	}
	text = append(text, bitlabsParameter...)
	text = append(text, '=')
	text = appendHMAC(text, sha1.New, secret, text[:signed])
	request := signedRequest(place, string(text), signed, bitlabsHexDigits)
	request.Notes = notes
	return request, nil
}

// fillTemplate returns the URL to sign.
func fillTemplate(place destination, data json.RawMessage) (text []byte, notes []string, err error) {
	var room [commonMemberCount]member
	all, err := parseFlat(data, room[:0])
	if err != nil {
		return nil, nil, err
	}
	text = make([]byte, 0, len(place.signed)+len(place.path)+len(place.query)+len(data)+64)
	text = append(text, place.signed...)
	if text, notes, err = fillMacros(text, notes, place.path, all); err != nil {
		return nil, nil, err
	}
	if strings.Contains(place.path, macroOpen) && hasDotSegment(string(text[len(place.signed):])) {
		return nil, nil, refuse("data", CodeURLDotSegment, `a value makes "." or ".." a segment of the path`)
	}
	if place.hasQuery {
		text = append(text, '?')
		if text, notes, err = fillMacros(text, notes, place.query, all); err != nil {
			return nil, nil, err
		}
	}
	return text, notes, nil
}

// fillMacros appends a part of a marked template, with its values.
func fillMacros(dst []byte, seen []string, marked string, all members) (text []byte, notes []string, err error) {
	text, notes = dst, seen
	for {
		before, name, after := cutMacro(marked)
		text = append(text, before...)
		if name == "" {
			return text, notes, nil
		}
		value := all.find(macroField(name))
		if value == nil || value.value[0] == 'n' {
			notes = append(notes, "macro [%"+name+"%] has no value in the event")
		} else if text, err = appendValue(text, value); err != nil {
			return nil, nil, err
		}
		if len(text) > longestSignedURL-len("&hash=")-bitlabsHexDigits {
			return nil, nil, refuse("data", CodeDataTooLarge, "makes a URL of more than %d bytes, which common servers refuse", longestSignedURL)
		}
		marked = after
	}
}

func (bitlabs) Verify(received Received, secrets []string, _ time.Time) error {
	return verifyURL(received.URL, bitlabsParameter, secrets, sha1.New)
}
