package formula

import (
	"bytes"
	"encoding/json"
	"math"
	"slices"
	"strconv"
	"unicode/utf8"

	"github.com/waybillhq/waybill/signer/internal/jsontext"
	"github.com/waybillhq/waybill/signer/internal/object"
	"github.com/waybillhq/waybill/signer/internal/refusal"
)

// Canonicalizer writes a JSON body as a receiver has it after decoding and encoding it.
type Canonicalizer struct {
	Sorted bool
	Php    bool // else as JSON.stringify writes
	Except []string
}

// Rewrite appends an object as a receiver would encode it after decoding:
// without white space, with its own escapes and numbers. What does not survive
// that is refused, because the receiver would verify another text.
func (c *Canonicalizer) Rewrite(dst, text []byte) ([]byte, error) {
	return c.object(dst, text, c.Except)
}

func (c *Canonicalizer) object(dst, text []byte, except []string) ([]byte, error) {
	var room [object.CommonCount]object.Member
	all, err := object.Parse(text, room[:0])
	if err != nil {
		return nil, err
	}
	if c.Sorted {
		slices.SortFunc(all, func(a, b object.Member) int { return bytes.Compare(a.Name, b.Name) })
	}
	dst = append(dst, '{')
	first := true
	for i := range all {
		if slices.Contains(except, string(all[i].Name)) {
			continue
		}
		if isIndex(all[i].Name) {
			return nil, refusal.New(refusal.DataField(all[i].Name), refusal.CodeNameInvalid, "must not be a whole number: receivers that decode the body change the order of such names")
		}
		if !first {
			dst = append(dst, ',')
		}
		first = false
		dst = append(c.appendString(dst, all[i].Name), ':')
		if dst, err = c.value(dst, &all[i], all[i].Value); err != nil {
			return nil, err
		}
	}
	if first && c.Php && len(except) == 0 {
		return nil, refusal.New("data", refusal.CodeValueInvalid, "holds an empty object, which receivers in PHP change into a list")
	}
	return append(dst, '}'), nil
}

// value appends a value that stands somewhere below the member of.
func (c *Canonicalizer) value(dst []byte, of *object.Member, text []byte) ([]byte, error) {
	switch text[0] {
	case '"':
		return c.appendString(dst, jsontext.DecodeString(text)), nil
	case '{':
		appended, err := c.object(dst, text, nil)
		return appended, below(of, err)
	case '[':
		return c.list(dst, of, text)
	case 't', 'f', 'n':
		return append(dst, text...), nil
	default:
		return c.appendNumber(dst, of, text)
	}
}

func (c *Canonicalizer) list(dst []byte, of *object.Member, text []byte) ([]byte, error) {
	dst = append(dst, '[')
	var err error
	for i := jsontext.SkipSpace(text, 1); text[i] != ']'; {
		end, _ := jsontext.ValueEnd(text, i)
		if dst, err = c.value(dst, of, text[i:end]); err != nil {
			return nil, err
		}
		if i = jsontext.SkipSpace(text, end); text[i] == ',' {
			dst = append(dst, ',')
			i = jsontext.SkipSpace(text, i+1)
		}
	}
	return append(dst, ']'), nil
}

// below makes an error of a nested object speak of the member that holds it.
func below(of *object.Member, err error) error {
	if err == nil {
		return nil
	}
	return refusal.About(refusal.DataField(of.Name), err)
}

func isIndex(name []byte) bool {
	for _, c := range name {
		if c < '0' || c > '9' {
			return false
		}
	}
	return len(name) > 0
}

// appendNumber appends the shortest form of a number, which is what
// JavaScript (ECMA-262, Number::toString) and PHP write. They differ in
// exponents.
func (c *Canonicalizer) appendNumber(dst []byte, of *object.Member, text []byte) ([]byte, error) {
	const largestExact = 1 << 53
	number, err := strconv.ParseFloat(string(text), 64)
	if err != nil || math.Abs(number) >= largestExact {
		return nil, refusal.New(refusal.DataField(of.Name), refusal.CodeValueInvalid, "is a number that receivers read inexactly: send it as a string")
	}
	if number == 0 {
		return append(dst, '0'), nil
	}
	const smallestPlain = 1e-4 // for PHP; JavaScript's is 1e-6
	if c.Php && math.Abs(number) < smallestPlain {
		return nil, refusal.New(refusal.DataField(of.Name), refusal.CodeValueInvalid, "is a number that receivers write with an exponent: send it as a string")
	}
	spelled, err := json.Marshal(number)
	if err != nil || c.Php && bytes.IndexByte(spelled, 'e') >= 0 {
		return nil, refusal.New(refusal.DataField(of.Name), refusal.CodeValueInvalid, "is a number that receivers write otherwise: send it as a string")
	}
	return append(dst, spelled...), nil
}

// appendString appends a string with the escapes that JSON.stringify writes,
// or json_encode with JSON_UNESCAPED_UNICODE.
func (c *Canonicalizer) appendString(dst, text []byte) []byte {
	dst = append(dst, '"')
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRune(text[i:])
		switch {
		case c.Php && r == '/':
			dst = append(dst, `\/`...)
		case c.Php && (r == '\u2028' || r == '\u2029'):
			dst = append(dst, `\u202`...)
			dst = append(dst, '8'+byte(r-'\u2028'))
		default:
			dst = jsontext.AppendCharacter(dst, text[i:i+size])
		}
		i += size
	}
	return append(dst, '"')
}
