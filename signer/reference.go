package signer

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/waybillhq/waybill/signer/internal/compile"
	"github.com/waybillhq/waybill/signer/internal/jsontext"
	"github.com/waybillhq/waybill/signer/internal/refusal"
)

// longestReference bounds a reference in bytes, so that it can be indexed.
const longestReference = 255

// usualReferences are the members that identify an event where a scheme leaves
// the data's form to its sender, the most telling one first.
func usualReferences() []string {
	return []string{"reference", "transaction_id", "tx", "exchange_id", "publicId", "order_id"}
}

// Reference returns what people look data up by, such as a transaction's id:
// the value of the member that the declaration names as its reference; of
// schemes that name none, of the first of these that the data has: reference,
// transaction_id, tx, exchange_id, publicId, order_id. A string is decoded, a
// number keeps its spelling. It is empty when there is no such member, when that
// is neither string nor number or has more than 255 bytes or a NUL character,
// and for data that CheckData refuses.
func (d *Definition) Reference(data json.RawMessage) string {
	value := firstMember(data, d.references)
	if len(d.references) == 1 && value == nil {
		value = memberAt(data, d.references[0])
	}
	if len(value) == 0 {
		return ""
	}
	switch first := value[0]; {
	case first == '"':
		value = jsontext.DecodeString(value)
	case first != '-' && (first < '0' || first > '9'):
		return ""
	}
	if len(value) > longestReference || bytes.IndexByte(value, 0) >= 0 || !utf8.Valid(value) {
		return ""
	}
	return string(value)
}

// Superseding is the member of the data by whose value a later message replaces an
// earlier one; empty when none does.
func (d *Definition) Superseding() string {
	if !d.about.Supersede {
		return ""
	}
	return d.about.Reference
}

// firstMember returns the value of that member of an object which stands first
// among the names; nil when it has none. It looks no further than it must.
func firstMember(text []byte, names []string) []byte {
	var found []byte
	i := jsontext.SkipSpace(text, 0)
	if jsontext.ByteAt(text, i) != '{' {
		return nil
	}
	for separator := byte(','); separator == ',' && len(names) > 0; {
		start := jsontext.SkipSpace(text, i+1)
		nameEnd := jsontext.StringEnd(text, start)
		if nameEnd < 0 {
			return nil
		}
		from := jsontext.SkipSpace(text, jsontext.SkipSpace(text, nameEnd)+1) // behind the colon
		end, _ := jsontext.ValueEnd(text, from)
		if end < 0 {
			return nil
		}
		name := jsontext.DecodeString(text[start:nameEnd])
		if rank := slices.IndexFunc(names, func(wanted string) bool { return wanted == string(name) }); rank >= 0 {
			found, names = text[from:end], names[:rank] // only a better one counts now
		}
		i = jsontext.SkipSpace(text, end)
		separator = jsontext.ByteAt(text, i)
	}
	return found
}

// memberAt returns the value at a path such as data.id; nil when there is none.
func memberAt(text []byte, path string) []byte {
	for {
		name, rest, nested := strings.Cut(path, ".")
		if text = firstMember(text, []string{name}); text == nil || !nested {
			return text
		}
		path = rest
	}
}

// settleReference settles what deliveries are looked up by.
func (d *Definition) settleReference(compiled *compile.Plan) error {
	name := d.about.Reference
	if name == "" && d.about.Supersede {
		return refusal.Wrong("supersede", "needs a reference: messages of the same one replace each other")
	}
	if name == "" {
		d.references = usualReferences()
		return nil
	}
	if slices.Contains(compiled.Data.Reserved, name) {
		return refusal.Wrong("reference", "%.40q is not of the data: name a member that the sender of the event gives", name)
	}
	d.references = []string{name}
	for i := range d.about.Examples {
		if d.Reference(d.about.Examples[i].Data) != "" {
			return nil
		}
	}
	return refusal.Wrong("reference", "%.40q is in none of the examples as a string or number of 1 to %d bytes", name, longestReference)
}
