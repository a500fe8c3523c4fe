package formula

import (
	"bytes"
	"strings"
	"time"

	"github.com/waybillhq/waybill/signer/internal/declare"
	"github.com/waybillhq/waybill/signer/internal/jsontext"
	"github.com/waybillhq/waybill/signer/internal/object"
	"github.com/waybillhq/waybill/signer/internal/refusal"
)

// Material is what parts are made of: of the event when it is signed, of the
// request when it is verified.
type Material struct {
	Method    string
	All       object.Members // the data's; what came in a URL is spelled as a string
	InURL     bool
	ID        string
	EventType string
	At        time.Time // of the attempt
	Occurred  time.Time
	Values    []Pair // what the macros in use stand for, by their names
	secretAt  int    // where the secret stands in what is signed
}

// Pair is a decoded name and value.
type Pair struct {
	Name, Value string
}

// Wire is what is sent, without a signature at the URL's end or in the body. It
// is no part of material, which stays on the stack that way.
type Wire struct {
	URL  []byte // as the receiver sees it
	Body []byte
}

// Request returns the URL's path and query.
func (w *Wire) Request() []byte {
	_, rest, found := bytes.Cut(w.URL, []byte("://"))
	if !found {
		return nil
	}
	if slash := bytes.IndexByte(rest, '/'); slash >= 0 {
		return rest[slash:]
	}
	return nil
}

// query returns the parameters in their order.
func (w *Wire) query() []Pair {
	_, query, found := strings.Cut(string(w.URL), "?")
	if !found {
		return nil
	}
	return ReadQuery(query)
}

// Time is the time that a stamp tells.
func (m *Material) Time(s *Stamp) time.Time {
	if s.OfEvent {
		return m.Occurred
	}
	return m.At
}

// AppendValue appends one of the values that a request can be given besides
// the data.
func (m *Material) AppendValue(dst []byte, v *Value) []byte {
	switch v.Kind {
	case declare.PartLiteral:
		return append(dst, v.Text...)
	case declare.PartMessageID:
		return append(dst, m.ID...)
	case declare.PartEventType:
		return append(dst, m.EventType...)
	default:
		return v.Stamp.Append(dst, m.Time(&v.Stamp))
	}
}

// appendField appends a member of the data: nothing when it is missing or null.
func (m *Material) appendField(dst []byte, p *Part) ([]byte, error) {
	found := m.All.At(p.Field)
	switch {
	case found == nil || found.Value[0] == 'n':
		return dst, nil
	case p.Form == declare.FormInteger:
		return appendInteger(dst, found)
	case p.Form == declare.FormRaw && m.InURL:
		return object.AppendEncoded(dst, found, p.InURL)
	case p.Form == declare.FormRaw:
		return append(dst, found.Value...), nil
	default:
		return AppendDecoded(dst, found, m.InURL)
	}
}

// AppendDecoded appends what a receiver reads, which for a boolean in a URL is
// 1 or 0.
func AppendDecoded(dst []byte, m *object.Member, inURL bool) ([]byte, error) {
	switch first := m.Value[0]; {
	case first == '"':
		return append(dst, jsontext.DecodeString(m.Value)...), nil
	case first == 't' && inURL:
		return append(dst, '1'), nil
	case first == 'f' && inURL:
		return append(dst, '0'), nil
	case first == 'n':
		return dst, nil
	case first == '{' || first == '[':
		return nil, refusal.New(refusal.DataField(m.Name), refusal.CodeValueNested, "is an object or a list, which cannot be signed")
	default:
		return append(dst, m.Value...), nil
	}
}

// appendInteger appends a number without its fraction, as integer casts make
// it. An empty string, which is how a URL says null, stays empty.
func appendInteger(dst []byte, m *object.Member) ([]byte, error) {
	text := m.Value
	if text[0] == '"' {
		text = jsontext.DecodeString(text)
	}
	if len(text) == 0 {
		return dst, nil
	}
	whole, _, _ := bytes.Cut(text, []byte("."))
	if jsontext.NumberEnd(text, 0) != len(text) || bytes.ContainsAny(text, "eE") {
		return nil, refusal.New(refusal.DataField(m.Name), refusal.CodeValueInvalid, "must be a number without an exponent")
	}
	return append(dst, whole...), nil
}
