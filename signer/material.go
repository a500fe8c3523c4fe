package signer

import (
	"bytes"
	"strings"
	"time"

	"github.com/waybillhq/waybill/signer/internal/jsontext"
)

// material is what parts are made of: of the event when it is signed, of the
// request when it is verified.
type material struct {
	method    string
	all       members // the data's; what came in a URL is spelled as a string
	inURL     bool
	id        string
	eventType string
	at        time.Time // of the attempt
	occurred  time.Time
	values    []pair // what the macros in use stand for, by their names
	secretAt  int    // where the secret stands in what is signed
}

// pair is a decoded name and value.
type pair struct {
	name, value string
}

// wire is what is sent, without a signature at the URL's end or in the body. It
// is no part of material, which stays on the stack that way.
type wire struct {
	url  []byte // as the receiver sees it
	body []byte
}

// request returns the URL's path and query.
func (w *wire) request() []byte {
	_, rest, found := bytes.Cut(w.url, []byte("://"))
	if !found {
		return nil
	}
	if slash := bytes.IndexByte(rest, '/'); slash >= 0 {
		return rest[slash:]
	}
	return nil
}

// query returns the parameters in their order.
func (w *wire) query() []pair {
	_, query, found := strings.Cut(string(w.url), "?")
	if !found {
		return nil
	}
	return readQuery(query)
}

func (m *material) time(s *stamp) time.Time {
	if s.ofEvent {
		return m.occurred
	}
	return m.at
}

// appendValue appends one of the values that a request can be given besides
// the data.
func (m *material) appendValue(dst []byte, v *value) []byte {
	switch v.kind {
	case valueLiteral:
		return append(dst, v.text...)
	case valueMessageID:
		return append(dst, m.id...)
	case valueEventType:
		return append(dst, m.eventType...)
	default:
		return v.stamp.append(dst, m.time(&v.stamp))
	}
}

// appendField appends a member of the data: nothing when it is missing or null.
func (m *material) appendField(dst []byte, p *part) ([]byte, error) {
	found := m.all.find(p.Field)
	switch {
	case found == nil || found.value[0] == 'n':
		return dst, nil
	case p.Form == formInteger:
		return appendInteger(dst, found)
	case p.Form == formRaw && m.inURL:
		return appendEncoded(dst, found, p.form1738)
	case p.Form == formRaw:
		return append(dst, found.value...), nil
	default:
		return appendDecoded(dst, found, m.inURL)
	}
}

// appendDecoded appends what a receiver reads, which for a boolean in a URL is
// 1 or 0.
func appendDecoded(dst []byte, m *member, inURL bool) ([]byte, error) {
	switch first := m.value[0]; {
	case first == '"':
		return append(dst, jsontext.DecodeString(m.value)...), nil
	case first == 't' && inURL:
		return append(dst, '1'), nil
	case first == 'f' && inURL:
		return append(dst, '0'), nil
	case first == 'n':
		return dst, nil
	case first == '{' || first == '[':
		return nil, refuse(dataField(m.name), CodeValueNested, "is an object or a list, which cannot be signed")
	default:
		return append(dst, m.value...), nil
	}
}

// appendInteger appends a number without its fraction, as integer casts make
// it. An empty string, which is how a URL says null, stays empty.
func appendInteger(dst []byte, m *member) ([]byte, error) {
	text := m.value
	if text[0] == '"' {
		text = jsontext.DecodeString(text)
	}
	if len(text) == 0 {
		return dst, nil
	}
	whole, _, _ := bytes.Cut(text, []byte("."))
	if jsontext.NumberEnd(text, 0) != len(text) || bytes.ContainsAny(text, "eE") {
		return nil, refuse(dataField(m.name), CodeValueInvalid, "must be a number without an exponent")
	}
	return append(dst, whole...), nil
}
