package signer

import (
	"encoding/base64"
)

// Kinds of parts.
const (
	partLiteral   = "literal"
	partField     = "field"
	partSecret    = "secret"
	partTimestamp = "timestamp"
	partMessageID = "message_id"
	partEventType = "event_type"
	partMethod    = "method"
	partURL       = "url"
	partPathQuery = "path_query"
	partQuery     = "query"
	partValues    = "values"
	partBody      = "body"
	partJSON      = "json"

	formDecoded = "decoded"
	formRaw     = "raw"
	formInteger = "integer"

	orderGiven  = "given"
	orderSorted = "sorted"
	orderListed = "listed"

	encoding3986 = "rfc3986"
	encoding1738 = "rfc1738"
	encodingNone = "none"

	styleVerbatim   = "verbatim"
	styleJavaScript = "javascript"
	stylePHP        = "php"
)

// part is a Part that was checked.
type part struct {
	Part
	value     value         // of kinds that are values
	canonical canonicalizer // of the body
	form1738  bool          // how the data is encoded in the URL
	ofMacros  bool          // values are those of macros
}

// append appends the part's text.
func (p *part) append(dst []byte, m *material, w *wire, secret string) ([]byte, error) {
	start := len(dst)
	dst, err := p.appendPlain(dst, m, w, secret)
	if err != nil || !p.Base64 {
		return dst, err
	}
	return append(dst[:start], base64.StdEncoding.EncodeToString(dst[start:])...), nil
}

func (p *part) appendPlain(dst []byte, m *material, w *wire, secret string) ([]byte, error) {
	switch p.Part.Part {
	case partField:
		return m.appendField(dst, p)
	case partSecret:
		return append(dst, secret...), nil
	case partMethod:
		return append(dst, m.method...), nil
	case partURL:
		return append(dst, w.url...), nil
	case partPathQuery:
		return append(dst, w.request()...), nil
	case partQuery:
		return p.appendQuery(dst, w), nil
	case partValues:
		return p.appendValues(dst, m, w), nil
	case partBody:
		return append(dst, w.body...), nil
	case partJSON:
		return p.canonical.rewrite(dst, w.body)
	default:
		return m.appendValue(dst, &p.value), nil
	}
}

// Kinds of values.
const (
	valueLiteral   = partLiteral
	valueMessageID = partMessageID
	valueEventType = partEventType
	valueTimestamp = partTimestamp
)

// value is something besides the data that a request can say.
type value struct {
	kind  string
	text  string
	stamp stamp
}

// same says whether two values are the same text in the same message.
func (v *value) same(other *value) bool {
	return v.kind == other.kind && (v.kind != valueTimestamp || v.stamp.same(&other.stamp))
}
