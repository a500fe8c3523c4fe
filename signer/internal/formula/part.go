package formula

import (
	"encoding/base64"
	"slices"

	"github.com/waybillhq/waybill/signer/internal/declare"
	"github.com/waybillhq/waybill/signer/internal/percent"
)

// Part is a Part that was checked.
type Part struct {
	declare.Part
	Value     Value            // of kinds that are values
	Canonical Canonicalizer    // of the body
	InURL     percent.Encoding // of the data in the URL
	Written   percent.Encoding // of the query that is signed
	Macro     string           // that stands for the field; empty: none
	OfMacros  bool             // values are those of macros
}

// append appends the part's text.
func (p *Part) append(dst []byte, m *Material, w *Wire, secret string) ([]byte, error) {
	start := len(dst)
	dst, err := p.AppendPlain(dst, m, w, secret)
	if err != nil || !p.Base64 {
		return dst, err
	}
	return append(dst[:start], base64.StdEncoding.EncodeToString(dst[start:])...), nil
}

// takes says whether a conditional part is there.
func (p *Part) takes(m *Material) bool {
	found := m.All.At(p.Field)
	if p.When == declare.WhenFilled && found.Empty() {
		return false
	}
	if p.Macro == "" {
		return found != nil
	}
	return slices.ContainsFunc(m.Values, func(v Pair) bool { return v.Name == p.Macro })
}

// AppendPlain appends the part's text before it is taken in base64.
func (p *Part) AppendPlain(dst []byte, m *Material, w *Wire, secret string) ([]byte, error) {
	switch p.Part.Part {
	case declare.PartField:
		return m.appendField(dst, p)
	case declare.PartSecret:
		return append(dst, secret...), nil
	case declare.PartMethod:
		return append(dst, m.Method...), nil
	case declare.PartURL:
		return append(dst, w.URL...), nil
	case declare.PartPathQuery:
		return append(dst, w.Request()...), nil
	case declare.PartQuery:
		return p.appendQuery(dst, w), nil
	case declare.PartValues:
		return p.appendValues(dst, m, w), nil
	case declare.PartBody:
		return append(dst, w.Body...), nil
	case declare.PartJSON:
		return p.Canonical.Rewrite(dst, w.Body)
	default:
		return m.AppendValue(dst, &p.Value), nil
	}
}

// Value is something besides the data that a request can say.
type Value struct {
	Kind  string
	Text  string
	Stamp Stamp
}

// Same says whether two values are the same text in the same message.
func (v *Value) Same(other *Value) bool {
	return v.Kind == other.Kind && (v.Kind != declare.PartTimestamp || v.Stamp.Same(&other.Stamp))
}
