package postback

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"unicode/utf8"
)

// quickNesting is how deep the data may be for the quick reader.
const quickNesting = 16

// quick reads the usual event in one pass. What is unusual in any way, or wrong, it
// leaves to the careful reader, which knows what to say: an escape in a string, an
// exponent, a name that is there twice.
type quick struct {
	text []byte
	at   int
	wide bool // a byte that is not ASCII was met

	compact   []byte   // data without white space
	canonical []byte   // data as its digest is made of
	members   []member // of the objects that are open
}

// member is one of an object, and where in canonical its value is.
type member struct {
	name     []byte
	from, to int
}

// readQuickly reads an event; false when the careful reader has to.
func readQuickly(text []byte) (eventText, bool) {
	q := &quick{text: text}
	var event eventText
	if !q.event(&event) || q.wide && !plainText(text) {
		return eventText{}, false
	}
	event.Data, event.canonical = q.compact, q.canonical
	return event, true
}

// plainText reports whether a text is UTF-8 and has nothing that is escaped in
// canonical JSON.
func plainText(text []byte) bool {
	return utf8.Valid(text) && !bytes.Contains(text, []byte("\u2028")) && !bytes.Contains(text, []byte("\u2029"))
}

func (q *quick) event(event *eventText) bool {
	if !q.next('{') {
		return false
	}
	for first := true; first || q.next(','); first = false {
		name, ok := q.name()
		if !ok || !q.field(event, name) {
			return false
		}
	}
	return q.next('}') && q.ends()
}

func (q *quick) field(event *eventText, name []byte) bool {
	switch string(name) {
	case "id":
		return q.into(&event.ID)
	case "type":
		return q.into(&event.Type)
	case "publisher":
		return q.into(&event.Publisher)
	case "occurred_at":
		return q.into(&event.OccurredAt)
	case "data":
		return q.data()
	default:
		return false
	}
}

// into reads a string that was not there before.
func (q *quick) into(field **string) bool {
	if *field != nil || q.peek() != '"' {
		return false
	}
	raw, ok := q.quoted()
	text := string(raw)
	*field = &text
	return ok
}

func (q *quick) data() bool {
	if q.compact != nil || q.peek() != '{' {
		return false
	}
	size := len(q.text) - q.at
	q.compact, q.canonical = make([]byte, 0, size), make([]byte, 0, 2*size)
	q.members = make([]member, 0, 16)
	return q.object(1)
}

// value copies a value to compact, and as it counts to canonical.
func (q *quick) value(depth int) bool {
	switch c := q.peek(); {
	case depth > quickNesting:
		return false
	case c == '{':
		return q.object(depth)
	case c == '[':
		return q.list(depth)
	case c == '"':
		raw, ok := q.quoted()
		q.compact = appendQuoted(q.compact, raw)
		q.canonical = appendCanonical(q.canonical, raw)
		return ok
	default:
		return q.scalar()
	}
}

// object sorts what canonical has of it by name when all of it is there.
func (q *quick) object(depth int) bool {
	q.at++
	begin, open := len(q.canonical), len(q.members)
	q.compact = append(q.compact, '{')
	for q.peek() != '}' {
		if len(q.members) > open {
			if !q.next(',') {
				return false
			}
			q.compact = append(q.compact, ',')
		}
		name, ok := q.name()
		if !ok {
			return false
		}
		q.compact = append(appendQuoted(q.compact, name), ':')
		from := len(q.canonical)
		if !q.value(depth + 1) {
			return false
		}
		q.members = append(q.members, member{name, from, len(q.canonical)})
	}
	q.at++
	q.compact = append(q.compact, '}')
	return q.sort(begin, open)
}

// sort writes the object whose members are the last ones behind them, and moves it
// to where they began. False when two have the same name.
func (q *quick) sort(begin, open int) bool {
	members := q.members[open:]
	slices.SortFunc(members, func(a, b member) int { return bytes.Compare(a.name, b.name) })
	end := len(q.canonical)
	q.canonical = append(q.canonical, '{')
	for i, one := range members {
		if i > 0 {
			if bytes.Equal(members[i-1].name, one.name) {
				return false
			}
			q.canonical = append(q.canonical, ',')
		}
		q.canonical = append(appendCanonical(q.canonical, one.name), ':')
		q.canonical = append(q.canonical, q.canonical[one.from:one.to]...)
	}
	q.canonical = append(q.canonical, '}')
	q.canonical = append(q.canonical[:begin], q.canonical[end:]...)
	q.members = q.members[:open]
	return true
}

func (q *quick) list(depth int) bool {
	q.at++
	q.both('[')
	for first := true; q.peek() != ']'; first = false {
		if !first {
			if !q.next(',') {
				return false
			}
			q.both(',')
		}
		if !q.value(depth + 1) {
			return false
		}
	}
	q.at++
	q.both(']')
	return true
}

func (q *quick) both(c byte) { q.compact, q.canonical = append(q.compact, c), append(q.canonical, c) }

// scalar reads true, false, null, or a number that no receiver misreads.
func (q *quick) scalar() bool {
	const longest = 100 // bytes of a number
	start := q.at
	for q.at < len(q.text) && strings.IndexByte(" \t\r\n,]}", q.text[q.at]) < 0 {
		q.at++
	}
	raw := q.text[start:q.at]
	if len(raw) > longest || bytes.ContainsAny(raw, "eE") && !bytes.Equal(raw, []byte("true")) && !bytes.Equal(raw, []byte("false")) || !json.Valid(raw) {
		return false
	}
	q.compact, q.canonical = append(q.compact, raw...), append(q.canonical, raw...)
	return true
}

// name reads the name of a member, and the colon behind it.
func (q *quick) name() ([]byte, bool) {
	if q.peek() != '"' {
		return nil, false
	}
	name, ok := q.quoted()
	return name, ok && q.next(':')
}

// quoted reads a string that means what it says, without its quotation marks.
func (q *quick) quoted() ([]byte, bool) {
	q.at++
	start := q.at
	for ; q.at < len(q.text); q.at++ {
		switch c := q.text[q.at]; {
		case c == '"':
			q.at++
			return q.text[start : q.at-1], true
		case c == '\\' || c < ' ':
			return nil, false
		case c >= utf8.RuneSelf:
			q.wide = true
		}
	}
	return nil, false
}

// next skips white space and this byte; false when another one is there.
func (q *quick) next(c byte) bool {
	if q.peek() != c {
		return false
	}
	q.at++
	return true
}

// ends skips white space, and reports whether nothing is behind it.
func (q *quick) ends() bool { return q.peek() == 0 && q.at == len(q.text) }

// peek skips white space, and is the byte behind it; 0 at the end, or where a zero
// byte is.
func (q *quick) peek() byte {
	for ; q.at < len(q.text); q.at++ {
		switch c := q.text[q.at]; c {
		case ' ', '\t', '\r', '\n':
		default:
			return c
		}
	}
	return 0
}

func appendQuoted(to, raw []byte) []byte {
	return append(append(append(to, '"'), raw...), '"')
}

// appendCanonical appends a string as encoding/json writes it, which escapes what
// HTML would take for its own.
func appendCanonical(to, raw []byte) []byte {
	to = append(to, '"')
	for _, c := range raw {
		switch c {
		case '<':
			to = append(to, `\u003c`...)
		case '>':
			to = append(to, `\u003e`...)
		case '&':
			to = append(to, `\u0026`...)
		default:
			to = append(to, c)
		}
	}
	return append(to, '"')
}
