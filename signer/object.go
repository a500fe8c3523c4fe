package signer

import (
	"bytes"
	"encoding/json"
	"errors"
	"unicode/utf8"

	"github.com/waybillhq/waybill/signer/internal/jsontext"
)

const (
	largestObject = 1 << 20 // bytes
	deepestObject = 100     // levels; PHP's json_decode stops at 512
	longestNumber = 4300    // digits in a row; json.loads of Python reads no longer whole number
	fewMembers    = 32      // up to here comparing all names with all is the fastest
)

// member is one name and value of a JSON object.
type member struct {
	name  []byte // decoded
	value []byte // as written
}

// members is the members of an object, in their order.
type members []member

// find returns the member of that name, or nil.
func (all members) find(name string) *member {
	for i := range all {
		if string(all[i].name) == name {
			return &all[i]
		}
	}
	return nil
}

// parseObject reads a JSON object into room, which saves an allocation when it
// is large enough. It refuses what is no JSON of RFC 8259 in UTF-8, what
// receivers read differently (names that occur twice, halves of surrogate
// pairs), and what is too large or too deep.
func parseObject(text []byte, room members) (members, error) {
	switch {
	case len(text) > largestObject:
		return nil, refuse("data", CodeDataTooLarge, "has %d bytes; at most %d are allowed", len(text), largestObject)
	case !utf8.Valid(text):
		return nil, refuse("data", CodeDataInvalid, "is not UTF-8")
	}
	all, err := scanMembers(text, room)
	if err != nil {
		return nil, err
	}
	if jsontext.HasLoneSurrogate(text) {
		return nil, refuse("data", CodeDataInvalid, `holds half of a surrogate pair (\ud800 to \udfff): many receivers cannot read it`)
	}
	if jsontext.HasLongNumber(text, longestNumber) {
		return nil, refuse("data", CodeDataInvalid, "holds a number of more than %d digits in a row: many receivers cannot read it", longestNumber)
	}
	if name, found := duplicate(all); found {
		return nil, refuse(dataField(name), CodeDuplicateName, "occurs twice")
	}
	return all, nil
}

// scanMembers reads and checks an object in one pass, which for flat data saves
// a third of the time that a signature takes. json.Valid checks what is nested.
func scanMembers(text []byte, room members) (members, error) {
	i := jsontext.SkipSpace(text, 0)
	if jsontext.ByteAt(text, i) != '{' {
		return nil, refuse("data", CodeDataInvalid, "must be a JSON object")
	}
	all := room[:0]
	i = jsontext.SkipSpace(text, i+1)
	if jsontext.ByteAt(text, i) == '}' {
		return all, checkEnd(text, i+1)
	}
	for {
		read, end, err := scanMember(text, i)
		if err != nil {
			return nil, err
		}
		all = append(all, read)
		i = jsontext.SkipSpace(text, end)
		switch jsontext.ByteAt(text, i) {
		case ',':
			i = jsontext.SkipSpace(text, i+1)
		case '}':
			return all, checkEnd(text, i+1)
		default:
			return nil, notJSON()
		}
	}
}

func scanMember(text []byte, i int) (read member, end int, err error) {
	nameEnd := jsontext.StringEnd(text, i)
	if nameEnd < 0 {
		return member{}, 0, notJSON()
	}
	colon := jsontext.SkipSpace(text, nameEnd)
	start := jsontext.SkipSpace(text, colon+1)
	end, depth := jsontext.ValueEnd(text, start)
	read.name = jsontext.DecodeString(text[i:nameEnd])
	switch {
	case jsontext.ByteAt(text, colon) != ':' || end < 0:
		return member{}, 0, notJSON()
	case depth >= deepestObject:
		return member{}, 0, refuse(dataField(read.name), CodeDataTooDeep, "is nested deeper than %d levels", deepestObject)
	case depth > 0 && !json.Valid(text[start:end]):
		return member{}, 0, notJSON()
	}
	read.value = text[start:end]
	return read, end, nil
}

func checkEnd(text []byte, i int) error {
	if jsontext.SkipSpace(text, i) != len(text) {
		return notJSON()
	}
	return nil
}

func notJSON() *Error {
	return refuse("data", CodeDataInvalid, "is not valid JSON")
}

func duplicate(all members) ([]byte, bool) {
	if len(all) > fewMembers {
		return duplicateOfMany(all)
	}
	for i := range all {
		for j := range i {
			if bytes.Equal(all[i].name, all[j].name) {
				return all[i].name, true
			}
		}
	}
	return nil, false
}

func duplicateOfMany(all members) ([]byte, bool) {
	seen := make(map[string]struct{}, len(all))
	for i := range all {
		if _, found := seen[string(all[i].name)]; found {
			return all[i].name, true
		}
		seen[string(all[i].name)] = struct{}{}
	}
	return nil, false
}

// requireString returns the decoded value of a member that must be a string
// with something in it.
func (all members) requireString(name string) ([]byte, error) {
	found := all.find(name)
	switch {
	case found == nil:
		return nil, refuse("data."+name, CodeValueMissing, "is required")
	case found.value[0] != '"':
		return nil, refuse("data."+name, CodeValueInvalid, "must be a string")
	case len(found.value) == len(`""`):
		return nil, refuse("data."+name, CodeValueInvalid, "must not be empty")
	default:
		return jsontext.DecodeString(found.value), nil
	}
}

// aboutField makes an error speak of another field.
func aboutField(field string, err error) error {
	var refused *Error
	if !errors.As(err, &refused) {
		return err
	}
	return &Error{Code: refused.Code, Field: field, Message: refused.Message}
}
