package diagnose

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"
)

// jsonEdits lists what comes out when a body is decoded and encoded again.
func jsonEdits(body []byte) []edit {
	tree, err := readJSON(body)
	if err != nil {
		return nil
	}
	indented := func(indent string) []byte {
		var text bytes.Buffer
		if json.Indent(&text, body, "", indent) != nil {
			return nil
		}
		return text.Bytes()
	}
	edits := []edit{
		bodyEdit("body_reencoded", "the body were without white space between its parts", jsonStyle{}.write(tree)),
		bodyEdit("body_pretty_printed", "the body were indented by 2 spaces", indented("  ")),
		bodyEdit("body_pretty_printed", "the body were indented by 4 spaces", indented("    ")),
		bodyEdit("body_pretty_printed", "the body were indented by tabs", indented("\t")),
		bodyEdit("body_sorted", "the names in the body were sorted", jsonStyle{sorted: true}.write(tree)),
		bodyEdit("body_numbers", "the numbers in the body were written as short as can be (1.5 for 1.50)", jsonStyle{short: true}.write(tree)),
		bodyEdit("body_sorted", "the names in the body were sorted and its numbers written as short as can be", jsonStyle{sorted: true, short: true}.write(tree)),
	}
	styles := []struct {
		name  string
		style jsonStyle
	}{
		{"PHP's json_encode", jsonStyle{short: true, slashes: true, ascii: true}},
		{"PHP's json_encode with JSON_UNESCAPED_UNICODE", jsonStyle{short: true, slashes: true}},
		{"PHP's json_encode with JSON_UNESCAPED_SLASHES", jsonStyle{short: true, ascii: true}},
		{"Python's json.dumps", jsonStyle{short: true, ascii: true, comma: ", ", colon: ": "}},
		{"Python's json.dumps with sort_keys", jsonStyle{short: true, ascii: true, comma: ", ", colon: ": ", sorted: true}},
		{"Go's json.Marshal", jsonStyle{short: true, html: true, sorted: true}},
	}
	for _, s := range styles {
		edits = append(edits, bodyEdit("body_reencoded", "the body were written as "+s.name+" does it", s.style.write(tree)))
	}
	return edits
}

// node is a JSON value that remembers the order of its names.
type node struct {
	opening json.Delim // '{', '[' or 0
	names   []string
	parts   []node
	scalar  any // a string, a json.Number, a bool or nil
}

func readJSON(text []byte) (node, error) {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	if !json.Valid(text) { // Token alone is lenient
		return node{}, errors.New("no JSON")
	}
	tree, err := readNode(decoder)
	if err != nil {
		return node{}, err
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return node{}, errors.New("more than one value")
	}
	return tree, nil
}

func readNode(decoder *json.Decoder) (node, error) {
	token, err := decoder.Token()
	if err != nil {
		return node{}, err //nolint:wrapcheck // only whether there is one counts
	}
	opening, ok := token.(json.Delim)
	if !ok {
		return node{scalar: token}, nil
	}
	made := node{opening: opening}
	for decoder.More() {
		if opening == '{' {
			name, err := decoder.Token()
			if err != nil {
				return node{}, err //nolint:wrapcheck // only whether there is one counts
			}
			text, _ := name.(string)
			made.names = append(made.names, text)
		}
		part, err := readNode(decoder)
		if err != nil {
			return node{}, err
		}
		made.parts = append(made.parts, part)
	}
	_, err = decoder.Token()
	return made, err //nolint:wrapcheck // only whether there is one counts
}

// jsonStyle is how a library writes JSON.
type jsonStyle struct {
	comma, colon string // "," and ":" when empty
	sorted       bool
	short        bool // numbers
	slashes      bool // "/" is escaped
	ascii        bool // all else is escaped
	html         bool // < > & are escaped
}

func (s jsonStyle) write(tree node) []byte {
	if s.comma == "" {
		s.comma, s.colon = ",", ":"
	}
	return s.append(nil, tree)
}

func (s jsonStyle) append(dst []byte, n node) []byte {
	switch n.opening {
	case '{':
		dst = append(dst, '{')
		for i, at := range s.order(n) {
			if i > 0 {
				dst = append(dst, s.comma...)
			}
			dst = append(s.appendString(dst, n.names[at]), s.colon...)
			dst = s.append(dst, n.parts[at])
		}
		return append(dst, '}')
	case '[':
		dst = append(dst, '[')
		for i, part := range n.parts {
			if i > 0 {
				dst = append(dst, s.comma...)
			}
			dst = s.append(dst, part)
		}
		return append(dst, ']')
	default:
		return s.appendScalar(dst, n.scalar)
	}
}

func (s jsonStyle) order(n node) []int {
	order := make([]int, len(n.names))
	for i := range order {
		order[i] = i
	}
	if s.sorted {
		slices.SortStableFunc(order, func(a, b int) int { return strings.Compare(n.names[a], n.names[b]) })
	}
	return order
}

func (s jsonStyle) appendScalar(dst []byte, scalar any) []byte {
	switch value := scalar.(type) {
	case string:
		return s.appendString(dst, value)
	case json.Number:
		return append(dst, s.number(value.String())...)
	case bool:
		return strconv.AppendBool(dst, value)
	default:
		return append(dst, "null"...)
	}
}

func (s jsonStyle) number(text string) string {
	if !s.short {
		return text
	}
	value, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return text
	}
	short, err := json.Marshal(value)
	if err != nil {
		return text
	}
	return string(short)
}

func (s jsonStyle) appendString(dst []byte, text string) []byte {
	dst = append(dst, '"')
	for _, r := range text {
		switch {
		case r == '"' || r == '\\':
			dst = append(dst, '\\', byte(r))
		case r == '/' && s.slashes:
			dst = append(dst, '\\', '/')
		case r < ' ':
			dst = appendControl(dst, r)
		case r > '~' && s.ascii, s.html && (r == '<' || r == '>' || r == '&' || r == '\u2028' || r == '\u2029'):
			dst = appendUnicode(dst, r)
		default:
			dst = append(dst, string(r)...)
		}
	}
	return append(dst, '"')
}

func appendControl(dst []byte, r rune) []byte {
	if at := strings.IndexRune("\b\t\n\f\r", r); at >= 0 {
		return append(dst, '\\', "btnfr"[at])
	}
	return appendUnicode(dst, r)
}

func appendUnicode(dst []byte, r rune) []byte {
	if high, low := utf16.EncodeRune(r); r > 0xffff {
		return appendUnicode(appendUnicode(dst, high), low)
	}
	const digits = "0123456789abcdef"
	return append(dst, '\\', 'u', digits[r>>12&15], digits[r>>8&15], digits[r>>4&15], digits[r&15])
}
