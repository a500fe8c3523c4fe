package jsontext

// AppendCharacter appends a character of a string with no more escapes than
// JSON needs.
func AppendCharacter(dst, character []byte) []byte {
	const digits = "0123456789abcdef"
	switch c := character[0]; {
	case c == '"' || c == '\\':
		return append(dst, '\\', c)
	case c == '\b':
		return append(dst, `\b`...)
	case c == '\f':
		return append(dst, `\f`...)
	case c == '\n':
		return append(dst, `\n`...)
	case c == '\r':
		return append(dst, `\r`...)
	case c == '\t':
		return append(dst, `\t`...)
	case c < ' ':
		return append(dst, '\\', 'u', '0', '0', digits[c>>4], digits[c&15])
	default:
		return append(dst, character...)
	}
}

// AppendQuoted appends a text as a JSON string.
func AppendQuoted(dst, text []byte) []byte {
	dst = append(dst, '"')
	for i := range text {
		dst = AppendCharacter(dst, text[i:i+1])
	}
	return append(dst, '"')
}
