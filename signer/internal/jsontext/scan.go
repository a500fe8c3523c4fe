// Package jsontext finds its way through JSON text without decoding it, and reads
// and writes strings of it. It is for text whose exact bytes matter: numbers keep
// their representation, and members their order.
package jsontext

import (
	"bytes"

	"github.com/waybillhq/waybill/signer/internal/percent"
)

// The functions of this file find their way through JSON text that may be
// anything. An index of -1 means that the text is not valid.

func isSpace(c byte) bool {
	return c == ' ' || c == '\n' || c == '\t' || c == '\r'
}

// SkipSpace returns the index of the first byte from i on that is no white space.
func SkipSpace(text []byte, i int) int {
	for i < len(text) && isSpace(text[i]) {
		i++
	}
	return i
}

// TrimSpace cuts what JSON calls white space, and no more.
func TrimSpace(text []byte) []byte {
	return bytes.Trim(text, " \n\t\r")
}

// ByteAt returns 0, which is valid nowhere in JSON, behind the end.
func ByteAt(text []byte, i int) byte {
	if i < len(text) {
		return text[i]
	}
	return 0
}

// ValueEnd returns the index behind the value that begins at i, and how deep
// it is nested: 0 for a scalar. Of a nested value only the brackets and strings
// were looked at.
func ValueEnd(text []byte, i int) (end, depth int) {
	switch ByteAt(text, i) {
	case '"':
		return StringEnd(text, i), 0
	case '{', '[':
		return nestedEnd(text, i)
	case 't':
		return literalEnd(text, i, "true"), 0
	case 'f':
		return literalEnd(text, i, "false"), 0
	case 'n':
		return literalEnd(text, i, "null"), 0
	default:
		return NumberEnd(text, i), 0
	}
}

func literalEnd(text []byte, i int, literal string) int {
	if end := i + len(literal); end <= len(text) && string(text[i:end]) == literal {
		return end
	}
	return -1
}

// StringEnd returns the index behind the string that begins at i.
func StringEnd(text []byte, i int) int {
	if ByteAt(text, i) != '"' {
		return -1
	}
	for i++; i < len(text); i++ {
		switch c := text[i]; {
		case c == '"':
			return i + 1
		case c < ' ':
			return -1
		case c == '\\':
			last := escapeLast(text, i+1)
			if last < 0 {
				return -1
			}
			i = last
		}
	}
	return -1
}

// escapeLast returns the index of the last byte of the escape whose letter is
// at i.
func escapeLast(text []byte, i int) int {
	switch ByteAt(text, i) {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return i
	case 'u':
		for _, c := range text[i+1 : min(i+5, len(text))] {
			if !percent.IsHex(c) {
				return -1
			}
		}
		return i + 4 // behind the end of a text that is cut: no closing quote follows
	default:
		return -1
	}
}

// NumberEnd returns the index behind the number that begins at i.
func NumberEnd(text []byte, i int) int {
	if ByteAt(text, i) == '-' {
		i++
	}
	if ByteAt(text, i) == '0' {
		i++
	} else {
		i = digitsEnd(text, i)
	}
	if i >= 0 && ByteAt(text, i) == '.' {
		i = digitsEnd(text, i+1)
	}
	if i >= 0 && ByteAt(text, i)|0x20 == 'e' {
		i++
		if sign := ByteAt(text, i); sign == '+' || sign == '-' {
			i++
		}
		i = digitsEnd(text, i)
	}
	return i
}

// digitsEnd returns the index behind at least one digit.
func digitsEnd(text []byte, i int) int {
	start := i
	for c := ByteAt(text, i); '0' <= c && c <= '9'; c = ByteAt(text, i) {
		i++
	}
	if i == start {
		return -1
	}
	return i
}

func nestedEnd(text []byte, i int) (end, depth int) {
	for open := 0; i < len(text); i++ {
		switch text[i] {
		case '"':
			next := StringEnd(text, i)
			if next < 0 {
				return -1, depth
			}
			i = next - 1
		case '{', '[':
			open++
			depth = max(depth, open)
		case '}', ']':
			open--
		}
		if open == 0 {
			return i + 1, depth
		}
	}
	return -1, depth
}

// HasLongNumber says whether valid JSON holds more digits in a row than that.
func HasLongNumber(text []byte, longest int) bool {
	if len(text) <= longest {
		return false
	}
	digits := 0
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '"':
			i = StringEnd(text, i) - 1
			digits = 0
		case '0' <= c && c <= '9':
			digits++
		default:
			digits = 0
		}
		if digits > longest {
			return true
		}
	}
	return false
}
