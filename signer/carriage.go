package signer

import (
	"bytes"
	"encoding/json"
	"slices"
	"strconv"

	"github.com/waybillhq/waybill/signer/internal/jsontext"
	"github.com/waybillhq/waybill/signer/internal/percent"
)

const (
	inQuery = "query"
	inURL   = "url"
	inBody  = "body"

	placeQuery  = "query"
	placeMacro  = "macro"
	placeBody   = "body"
	placeHeader = "header"

	longestQuery      = 5900 // bytes; with the longest URL still below longestSignedURL
	mostParameters    = 200  // PHP reads 1,000 and drops the rest
	commonMemberCount = 24   // what fits without an allocation
)

// carriage is where the data goes.
type carriage struct {
	in       string
	order    string
	list     []string
	form     bool // RFC 1738
	ownQuery bool
	rewrite  *canonicalizer // of a body; nil: verbatim
	macros   *macros
	first    []added
	last     []added
	reserved []string // names that the data must not have
}

// added is a value that is sent besides the data.
type added struct {
	name  string
	value value
}

// readData parses the data and checks what a scheme asks of its members.
func (d *declared) readData(data json.RawMessage, room members) (members, error) {
	all, err := parseObject(data, room)
	if err == nil && d.data.in != inBody {
		err = all.checkFlat()
	}
	if err != nil {
		return nil, err
	}
	if d.data.in == inQuery {
		if err := checkParameters(all, d.data.reserved); err != nil {
			return nil, err
		}
	} else {
		for _, name := range d.data.reserved {
			if all.find(name) != nil {
				return nil, refuse(dataField([]byte(name)), CodeReservedName, "is added when the event is sent")
			}
		}
	}
	for i := range d.fields {
		if err := d.fields[i].check(all); err != nil {
			return nil, err
		}
	}
	return all, nil
}

func checkParameters(all members, reserved []string) error {
	switch {
	case len(all) == 0:
		return refuse("data", CodeDataEmpty, "has no members: at least one parameter is needed")
	case len(all) > mostParameters:
		return refuse("data", CodeTooManyParameters, "has %d members; at most %d are allowed", len(all), mostParameters)
	}
	for i := range all {
		if slices.Contains(reserved, string(all[i].name)) {
			return refuse(dataField(all[i].name), CodeReservedName, "is added when the event is sent")
		}
		if err := checkParameterName(all[i].name); err != nil {
			return err
		}
	}
	return nil
}

// checkParameterName refuses names that PHP rewrites, and numbers: a receiver
// that sorts the names with ksort puts 9 before 10.
func checkParameterName(name []byte) error {
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
	return !percent.IsUnreserved(c) || c == '.' || c == '~'
}

// fillQuery makes the URL of a scheme that carries the data as parameters.
func (d *declared) fillQuery(s *site, m *material) ([]byte, error) {
	text := make([]byte, 0, len(s.signed)+len(s.destination.path)+len(s.destination.query)+2*len(m.all)+d.spare(m.all))
	text = append(text, s.signed...)
	text = append(text, s.destination.path...)
	text = append(text, '?')
	if s.hasQuery {
		for _, own := range readQuery(s.destination.query) {
			if found := m.all.find(own.name); found != nil {
				return nil, refuse(dataField(found.name), CodeDuplicateParameter, "is the name of a parameter that the endpoint's URL has")
			}
		}
		text = append(append(text, s.destination.query...), '&')
	}
	return d.appendParameters(text, m)
}

// spare is the room that values and the signature take, unless much is escaped.
func (d *declared) spare(all members) int {
	size := d.formula.length + len(d.place.Name) + 32
	for i := range all {
		size += len(all[i].name) + len(all[i].value)
	}
	return size
}

// appendParameters appends the data as parameters, without the signature.
func (d *declared) appendParameters(dst []byte, m *material) ([]byte, error) {
	all := m.all
	if len(d.data.first)+len(d.data.last) > 0 {
		all = slices.Concat(m.asMembers(d.data.first), all, m.asMembers(d.data.last))
	}
	switch d.data.order {
	case orderSorted:
		slices.SortFunc(all, func(a, b member) int { return bytes.Compare(a.name, b.name) })
	case orderListed:
		all = all.listed(d.data.list)
	}
	start := len(dst)
	var err error
	for i := range all {
		if i > 0 {
			dst = append(dst, '&')
		}
		dst = append(dst, all[i].name...)
		dst = append(dst, '=')
		if dst, err = appendEncoded(dst, &all[i], d.data.form); err != nil {
			return nil, err
		}
		if len(dst)-start > longestQuery {
			return nil, refuse("data", CodeDataTooLarge, "has more than %d bytes as a query, which common servers refuse", longestQuery)
		}
	}
	return dst, nil
}

// asMembers spells values as members of a JSON object.
func (m *material) asMembers(values []added) members {
	made := make(members, len(values))
	for i := range values {
		made[i].name = []byte(values[i].name)
		made[i].value = jsontext.AppendQuoted(nil, m.appendValue(nil, &values[i].value))
	}
	return made
}

// listed returns the members of those names, in their order.
func (all members) listed(names []string) members {
	found := make(members, 0, len(names))
	for _, name := range names {
		if m := all.find(name); m != nil {
			found = append(found, *m)
		}
	}
	return found
}

// fillTemplate makes the URL of a scheme with macros. It returns too where in
// it the signature is to stand, and notes on macros without a value.
func (d *declared) fillTemplate(s *site, m *material) (text []byte, holes []int, notes []string, err error) {
	text = make([]byte, 0, len(s.signed)+len(s.destination.path)+len(s.destination.query)+d.spare(m.all)+64)
	text = append(text, s.signed...)
	if text, holes, notes, err = d.fillPieces(text, s.path, m, holes, notes); err != nil {
		return nil, nil, nil, err
	}
	if len(s.path) > 1 && hasDotSegment(string(text[len(s.signed):])) {
		return nil, nil, nil, refuse("data", CodeURLDotSegment, `a value makes "." or ".." a segment of the path`)
	}
	if s.hasQuery {
		text = append(text, '?')
		if text, holes, notes, err = d.fillPieces(text, s.query, m, holes, notes); err != nil {
			return nil, nil, nil, err
		}
	}
	return text, holes, notes, nil
}

// fillPieces appends a part of a template, with its values.
func (d *declared) fillPieces(dst []byte, pieces []piece, m *material, open []int, seen []string) (text []byte, holes []int, notes []string, err error) {
	text, holes, notes = dst, open, seen
	for i := range pieces {
		text = append(text, pieces[i].before...)
		if pieces[i].macro < 0 {
			break
		}
		stands := &d.data.macros.all[pieces[i].macro]
		found := m.all.find(stands.field)
		switch {
		case stands.signature:
			holes = append(holes, len(text))
		case stands.value.kind != "":
			text = percent.AppendRaw(text, m.appendValue(nil, &stands.value))
		case found == nil || found.value[0] == 'n':
			notes = append(notes, "macro "+d.data.macros.spelled(pieces[i].name)+" has no value in the event")
		default:
			if text, err = appendEncoded(text, found, d.data.form); err != nil {
				return nil, nil, nil, err
			}
		}
		if len(text)+(1+len(holes))*d.tail > longestSignedURL {
			return nil, nil, nil, refuse("data", CodeDataTooLarge, "makes a URL of more than %d bytes, which common servers refuse", longestSignedURL)
		}
	}
	return text, holes, notes, nil
}

// usedValues collects what the macros in use stand for.
func (d *declared) usedValues(s *site, m *material) ([]pair, error) {
	values := make([]pair, 0, len(s.uses))
	for _, used := range s.uses {
		stands := &d.data.macros.all[used]
		if stands.value.kind != "" {
			values = append(values, pair{stands.name, string(m.appendValue(nil, &stands.value))})
			continue
		}
		found := m.all.find(stands.field)
		if found == nil {
			continue
		}
		text, err := appendDecoded(nil, found, true)
		if err != nil {
			return nil, err
		}
		values = append(values, pair{stands.name, string(text)})
	}
	return values, nil
}

// fillBody makes the body, without a signature in it.
func (d *declared) fillBody(m *material, data json.RawMessage) ([]byte, error) {
	object := jsontext.TrimSpace(data)
	if len(d.data.first)+len(d.data.last) > 0 {
		inner := jsontext.TrimSpace(object[1 : len(object)-1])
		size := len(inner) + 64*(len(d.data.first)+len(d.data.last)) + d.formula.length + len(d.place.Name)
		body := append(make([]byte, 0, size+16), '{')
		for i := range d.data.first {
			body = m.appendMember(body, &d.data.first[i])
		}
		body = appendInner(body, inner)
		for i := range d.data.last {
			body = m.appendMember(body, &d.data.last[i])
		}
		object = append(body, '}')
	}
	if d.data.rewrite == nil {
		return object, nil
	}
	return d.data.rewrite.rewrite(make([]byte, 0, len(object)+d.formula.length+64), object)
}

func (m *material) appendMember(dst []byte, a *added) []byte {
	dst = appendName(dst, a.name)
	if a.value.kind == valueMessageID {
		dst = append(dst, '"')
		return append(append(dst, m.id...), '"')
	}
	return jsontext.AppendQuoted(dst, m.appendValue(nil, &a.value))
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
