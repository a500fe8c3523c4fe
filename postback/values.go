package postback

import (
	"encoding/json"
	"math"
	"slices"
	"strconv"
	"strings"
)

// Bounds of an event's data, beyond which receivers fail to parse it, or read
// something else.
const (
	maxNesting = 100 // levels of objects and lists
	maxDigits  = 400 // bytes of a number
)

// values walks JSON that is known to be valid.
type values struct {
	text []byte
	at   int
	path []string // what leads to the value: names, and indexes in brackets
}

// checkValues refuses what receivers do not agree on: a name that an object has
// twice, and what is too deep or too large for their parsers. The error names
// the field.
func checkValues(field string, text []byte) error {
	v := &values{text: text, path: []string{field}}
	return v.value()
}

func (v *values) value() error {
	v.skipSpace()
	switch v.text[v.at] {
	case '{':
		return v.object()
	case '[':
		return v.list()
	case '"':
		v.readString()
		return nil
	default:
		return v.scalar()
	}
}

func (v *values) object() error {
	var names []string
	var known map[string]bool // of many names
	return v.each('}', func(int) error {
		name := v.readName()
		if known[name] || known == nil && slices.Contains(names, name) {
			return v.refuse("."+name, "is written twice; write it once")
		}
		if names = append(names, name); len(names) == 16 {
			known = map[string]bool{}
			for _, one := range names {
				known[one] = true
			}
		} else if known != nil {
			known[name] = true
		}
		v.skipSpace()
		v.at++ // the colon
		return v.within("."+name, v.value)
	})
}

func (v *values) list() error {
	return v.each(']', func(i int) error { return v.within("["+strconv.Itoa(i)+"]", v.value) })
}

// each reads what an object or a list holds, up to its end.
func (v *values) each(end byte, read func(i int) error) error {
	if len(v.path) > maxNesting {
		return Invalid(v.path[0], CodeInvalid, "is nested deeper than %d levels", maxNesting)
	}
	v.at++ // the bracket
	for i := 0; ; i++ {
		v.skipSpace()
		switch v.text[v.at] {
		case end:
			v.at++
			return nil
		case ',':
			v.at++
			v.skipSpace()
		}
		if err := read(i); err != nil {
			return err
		}
	}
}

func (v *values) within(step string, read func() error) error {
	v.path = append(v.path, step)
	err := read()
	v.path = v.path[:len(v.path)-1]
	return err
}

// scalar reads a number, true, false or null.
func (v *values) scalar() error {
	start := v.at
	for v.at < len(v.text) && !strings.ContainsRune(" \t\r\n,]}", rune(v.text[v.at])) {
		v.at++
	}
	number := string(v.text[start:v.at])
	switch first := number[0]; {
	case first != '-' && (first < '0' || first > '9'):
		return nil
	case len(number) > maxDigits:
		return v.refuse("", "is a number of more than "+strconv.Itoa(maxDigits)+" digits, which no receiver reads; send it as a string")
	case len(number) < 300 && !strings.ContainsAny(number, "eE"):
		return nil // no double overflows with so few
	}
	if read, _ := strconv.ParseFloat(number, 64); math.IsInf(read, 0) {
		return v.refuse("", "is a number that is too large for a double (1.8e308), which no receiver reads; send it as a string")
	}
	return nil
}

// readName reads the name of a member, as it is meant.
func (v *values) readName() string {
	raw := v.readString()
	if !strings.Contains(string(raw), `\`) {
		return string(raw[1 : len(raw)-1])
	}
	var name string
	if json.Unmarshal(raw, &name) != nil {
		return string(raw) // it was valid before
	}
	return name
}

// readString reads a string, with its quotation marks.
func (v *values) readString() []byte {
	start := v.at
	for v.at++; v.text[v.at] != '"'; v.at++ {
		if v.text[v.at] == '\\' {
			v.at++
		}
	}
	v.at++
	return v.text[start:v.at]
}

func (v *values) skipSpace() {
	for strings.IndexByte(" \t\r\n", v.text[v.at]) >= 0 {
		v.at++
	}
}

// refuse refuses the value at the path and a step further. A field's name is
// bounded: it comes from outside.
func (v *values) refuse(step, message string) error {
	const longest = 200
	field := strings.Join(v.path, "") + step
	if len(field) > longest {
		field = strings.ToValidUTF8(field[:longest], "") + "..."
	}
	return Invalid(field, CodeInvalid, "%s", message)
}
