package jsontext

import (
	"bytes"
	"unicode/utf16"
	"unicode/utf8"
)

// The functions of this file read JSON strings that are known to be valid.

// DecodeString returns what a string, given with its quotes, says. Without
// escapes that is a part of the text itself, not a copy.
func DecodeString(quoted []byte) []byte {
	inner := quoted[1 : len(quoted)-1]
	slash := bytes.IndexByte(inner, '\\')
	if slash < 0 {
		return inner
	}
	decoded := append(make([]byte, 0, len(inner)), inner[:slash]...)
	for i := slash; i < len(inner); {
		if inner[i] != '\\' {
			decoded = append(decoded, inner[i])
			i++
			continue
		}
		decoded, i = appendEscape(decoded, inner, i+1)
	}
	return decoded
}

// appendEscape appends what the escape means whose letter is at i, and returns
// the index behind it.
func appendEscape(dst, text []byte, i int) ([]byte, int) {
	switch c := text[i]; c {
	case 'b':
		return append(dst, '\b'), i + 1
	case 'f':
		return append(dst, '\f'), i + 1
	case 'n':
		return append(dst, '\n'), i + 1
	case 'r':
		return append(dst, '\r'), i + 1
	case 't':
		return append(dst, '\t'), i + 1
	case 'u':
		r, end := codePoint(text, i+1)
		return utf8.AppendRune(dst, r), end
	default: // a quote, a slash or a backslash
		return append(dst, c), i + 1
	}
}

// codePoint reads the four hex digits at i and, when they are the first half of
// a surrogate pair, the second half. Half a pair is U+FFFD.
func codePoint(text []byte, i int) (rune, int) {
	first := hexDigits(text[i : i+4])
	i += 4
	if !utf16.IsSurrogate(first) {
		return first, i
	}
	if i+6 <= len(text) && text[i] == '\\' && text[i+1] == 'u' {
		if r := utf16.DecodeRune(first, hexDigits(text[i+2:i+6])); r != utf8.RuneError {
			return r, i + 6
		}
	}
	return utf8.RuneError, i
}

func hexDigits(digits []byte) rune {
	var value rune
	for _, c := range digits {
		switch {
		case c >= 'a':
			c -= 'a' - 10
		case c >= 'A':
			c -= 'A' - 10
		default:
			c -= '0'
		}
		value = value<<4 | rune(c)
	}
	return value
}

// HasLoneSurrogate looks at all strings at once: in valid JSON a backslash
// stands in a string only.
func HasLoneSurrogate(text []byte) bool {
	for {
		slash := bytes.IndexByte(text, '\\')
		if slash < 0 {
			return false
		}
		end := slash + 2
		if text[slash+1] == 'u' {
			var r rune
			r, end = codePoint(text, slash+2)
			if r == utf8.RuneError && !isReplacement(text[slash+2:slash+6]) {
				return true
			}
		}
		text = text[end:]
	}
}

// isReplacement says whether the digits spell U+FFFD itself.
func isReplacement(digits []byte) bool {
	return hexDigits(digits) == utf8.RuneError
}
