package signer

import (
	"bytes"
	"encoding/json"
	"slices"

	"github.com/waybillhq/waybill/signer/internal/address"
	"github.com/waybillhq/waybill/signer/internal/compile"
	"github.com/waybillhq/waybill/signer/internal/declare"
	"github.com/waybillhq/waybill/signer/internal/formula"
	"github.com/waybillhq/waybill/signer/internal/jsontext"
	"github.com/waybillhq/waybill/signer/internal/object"
	"github.com/waybillhq/waybill/signer/internal/refusal"
	"github.com/waybillhq/waybill/signer/internal/template"
)

const (
	longestQuery   = 5900 // bytes; with the longest URL still below longestSignedURL
	mostParameters = 200  // PHP reads 1,000 and drops the rest
)

// readData parses the data and checks what a scheme asks of its members.
func (d *declared) readData(data json.RawMessage, room object.Members) (object.Members, error) {
	all, err := object.Parse(data, room)
	if err == nil && d.Data.In != declare.InBody {
		err = all.CheckFlat()
	}
	if err != nil {
		return nil, err
	}
	if d.Data.In == declare.InQuery {
		if err := checkParameters(all, d.Data.Reserved); err != nil {
			return nil, err
		}
	} else {
		for _, name := range d.Data.Reserved {
			if all.Find(name) != nil {
				return nil, refusal.New(refusal.DataField([]byte(name)), CodeReservedName, "is added when the event is sent")
			}
		}
	}
	for i := range d.Fields {
		if err := checkField(&d.Fields[i], all); err != nil {
			return nil, err
		}
	}
	return all, nil
}

func checkParameters(all object.Members, reserved []string) error {
	switch {
	case len(all) == 0:
		return refusal.New("data", CodeDataEmpty, "has no members: at least one parameter is needed")
	case len(all) > mostParameters:
		return refusal.New("data", CodeTooManyParameters, "has %d members; at most %d are allowed", len(all), mostParameters)
	}
	for i := range all {
		if slices.Contains(reserved, string(all[i].Name)) {
			return refusal.New(refusal.DataField(all[i].Name), CodeReservedName, "is added when the event is sent")
		}
		if err := object.CheckParameterName(all[i].Name); err != nil {
			return err
		}
	}
	return nil
}

// fillQuery makes the URL of a scheme that carries the data as parameters.
func (d *declared) fillQuery(s *site, m *formula.Material) ([]byte, error) {
	text := make([]byte, 0, len(s.signed)+len(s.Path)+len(s.Query)+2*len(m.All)+d.spare(m.All))
	text = append(text, s.signed...)
	text = append(text, s.Path...)
	text = append(text, '?')
	if s.HasQuery {
		for _, own := range formula.ReadQuery(s.Query) {
			if found := m.All.Find(own.Name); found != nil {
				return nil, refusal.New(refusal.DataField(found.Name), CodeDuplicateParameter, "is the name of a parameter that the endpoint's URL has")
			}
		}
		text = append(append(text, s.Query...), '&')
	}
	return d.appendParameters(text, m)
}

// spare is the room that values and the signature take, unless much is escaped.
func (d *declared) spare(all object.Members) int {
	size := d.Formula.Length + len(d.Place.Name) + 32
	for i := range all {
		size += len(all[i].Name) + len(all[i].Value)
	}
	return size
}

// appendParameters appends the data as parameters, without the signature.
func (d *declared) appendParameters(dst []byte, m *formula.Material) ([]byte, error) {
	all := m.All
	if len(d.Data.First)+len(d.Data.Last) > 0 {
		all = slices.Concat(asMembers(m, d.Data.First), all, asMembers(m, d.Data.Last))
	}
	switch d.Data.Order {
	case declare.OrderSorted:
		slices.SortFunc(all, func(a, b object.Member) int { return bytes.Compare(a.Name, b.Name) })
	case declare.OrderListed:
		all = all.Listed(d.Data.List)
	}
	start := len(dst)
	var err error
	for i := range all {
		if i > 0 {
			dst = append(dst, '&')
		}
		dst = append(dst, all[i].Name...)
		dst = append(dst, '=')
		if dst, err = object.AppendEncoded(dst, &all[i], d.Data.Encoding); err != nil {
			return nil, err
		}
		if len(dst)-start > longestQuery {
			return nil, refusal.New("data", CodeDataTooLarge, "has more than %d bytes as a query, which common servers refuse", longestQuery)
		}
	}
	return dst, nil
}

// asMembers spells values as members of a JSON object.
func asMembers(m *formula.Material, values []compile.Added) object.Members {
	made := make(object.Members, len(values))
	for i := range values {
		made[i].Name = []byte(values[i].Name)
		made[i].Value = jsontext.AppendQuoted(nil, m.AppendValue(nil, &values[i].Value))
	}
	return made
}

// fillTemplate makes the URL of a scheme with macros. It returns too where in
// it the signature is to stand, and notes on macros without a value.
func (d *declared) fillTemplate(s *site, m *formula.Material) (text []byte, holes []int, notes []string, err error) {
	text = make([]byte, 0, len(s.signed)+len(s.Path)+len(s.Query)+d.spare(m.All)+64)
	text = append(text, s.signed...)
	if text, holes, notes, err = d.fillPieces(text, s.pathPieces, m, holes, notes); err != nil {
		return nil, nil, nil, err
	}
	if len(s.pathPieces) > 1 && address.HasDotSegment(string(text[len(s.signed):])) {
		return nil, nil, nil, refusal.New("data", CodeURLDotSegment, `a value makes "." or ".." a segment of the path`)
	}
	if s.HasQuery {
		text = append(text, '?')
		if text, holes, notes, err = d.fillPieces(text, s.queryPieces, m, holes, notes); err != nil {
			return nil, nil, nil, err
		}
	}
	return text, holes, notes, nil
}

// fillPieces appends a part of a template, with its values.
func (d *declared) fillPieces(dst []byte, pieces []template.Piece, m *formula.Material, open []int, seen []string) (text []byte, holes []int, notes []string, err error) {
	text, holes, notes = dst, open, seen
	for i := range pieces {
		text = append(text, pieces[i].Before...)
		if pieces[i].Macro < 0 {
			break
		}
		stands := &d.Data.Macros.All[pieces[i].Macro]
		found := m.All.Find(stands.Field)
		switch {
		case stands.Signature:
			holes = append(holes, len(text))
		case stands.Value.Kind != "":
			text = d.Data.Encoding.Append(text, m.AppendValue(nil, &stands.Value))
		case found == nil || found.Value[0] == 'n':
			notes = append(notes, "macro "+d.Data.Macros.Spelled(pieces[i].Name)+" has no value in the event")
		default:
			if text, err = object.AppendEncoded(text, found, d.Data.Encoding); err != nil {
				return nil, nil, nil, err
			}
		}
		if len(text)+(1+len(holes))*d.Tail > longestSignedURL {
			return nil, nil, nil, refusal.New("data", CodeDataTooLarge, "makes a URL of more than %d bytes, which common servers refuse", longestSignedURL)
		}
	}
	return text, holes, notes, nil
}

// usedValues collects what the macros in use stand for.
func (d *declared) usedValues(s *site, m *formula.Material) ([]formula.Pair, error) {
	values := make([]formula.Pair, 0, len(s.uses))
	for _, used := range s.uses {
		stands := &d.Data.Macros.All[used]
		if stands.Value.Kind != "" {
			values = append(values, formula.Pair{Name: stands.Name, Value: string(m.AppendValue(nil, &stands.Value))})
			continue
		}
		var text []byte
		if found := m.All.Find(stands.Field); found != nil {
			var err error
			if text, err = formula.AppendDecoded(nil, found, true); err != nil {
				return nil, err
			}
		}
		values = append(values, formula.Pair{Name: stands.Name, Value: string(text)})
	}
	return values, nil
}

// fillBody makes the body, without a signature in it.
func (d *declared) fillBody(m *formula.Material, data json.RawMessage) ([]byte, error) {
	object := jsontext.TrimSpace(data)
	if len(d.Data.First)+len(d.Data.Last) > 0 {
		inner := jsontext.TrimSpace(object[1 : len(object)-1])
		size := len(inner) + 64*(len(d.Data.First)+len(d.Data.Last)) + d.Formula.Length + len(d.Place.Name)
		body := append(make([]byte, 0, size+16), '{')
		for i := range d.Data.First {
			body = appendMember(body, m, &d.Data.First[i])
		}
		body = appendInner(body, inner)
		for i := range d.Data.Last {
			body = appendMember(body, m, &d.Data.Last[i])
		}
		object = append(body, '}')
	}
	if d.Data.Rewrite == nil {
		return object, nil
	}
	return d.Data.Rewrite.Rewrite(make([]byte, 0, len(object)+d.Formula.Length+64), object)
}

func appendMember(dst []byte, m *formula.Material, a *compile.Added) []byte {
	dst = appendName(dst, a.Name)
	if a.Value.Kind == declare.PartMessageID {
		dst = append(dst, '"')
		return append(append(dst, m.ID...), '"')
	}
	return jsontext.AppendQuoted(dst, m.AppendValue(nil, &a.Value))
}

// appendName appends a member's name, with the comma before it if it is not
// the first.
func appendName(dst []byte, name string) []byte {
	if before := jsontext.TrimSpace(dst); before[len(before)-1] != '{' {
		dst = append(dst, ',')
	}
	return append(jsontext.AppendQuoted(dst, []byte(name)), ':')
}

func appendInner(dst, inner []byte) []byte {
	if len(inner) == 0 {
		return dst
	}
	if dst[len(dst)-1] != '{' {
		dst = append(dst, ',')
	}
	return append(dst, inner...)
}

// appendAtPath puts a string as the last member into an object, whose memory it
// takes. All names of the path but the last are new objects around it.
func appendAtPath(object []byte, names []string, text []byte) []byte {
	body := object[:len(object)-1]
	for i, name := range names {
		if i > 0 {
			body = append(body, '{')
		}
		body = appendName(body, name)
	}
	body = jsontext.AppendQuoted(body, text)
	for range names {
		body = append(body, '}')
	}
	return body
}
