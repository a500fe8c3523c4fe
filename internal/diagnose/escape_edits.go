package diagnose

import (
	"strings"
)

// escapeEdits lists the spellings of the same parameters.
func escapeEdits() []edit {
	each := func(code, clause, hint string, change func(string) string) edit {
		return onPlace(code, clause, hint, func(p place) place { return p.each(change) })
	}
	replaced := func(code, clause, hint, old, replacement string) edit {
		return each(code, clause, hint, func(s string) string { return strings.ReplaceAll(s, old, replacement) })
	}
	edits := []edit{
		replaced("plus_for_space", "a space were written as + instead of %20", hintSpace, "%20", "+"),
		replaced("space_for_plus", "a space were written as %20 instead of +", hintSpace, "+", "%20"),
		each("escape_case", "the escapes (%XX) were in upper case", "", func(s string) string { return mapEscapes(s, strings.ToUpper) }),
		each("escape_case", "the escapes (%xx) were in lower case", "", func(s string) string { return mapEscapes(s, strings.ToLower) }),
		each("values_decoded", "the values were decoded", "", func(s string) string { return unescape(s, false) }),
		each("values_decoded", "the values were decoded, + to a space", "", func(s string) string { return unescape(s, true) }),
		replaced("plus_escaped", "a + were written as %2B", "", "+", "%2B"),
		replaced("plus_escaped", "a + stood for itself instead of %2B", "", "%2B", "+"),
	}
	for _, style := range escapeStyles() {
		edits = append(edits, each("escape_style", "the values were escaped as "+style.name+" does it", "", style.rewrite))
	}
	return append(edits, replaced("escaped_twice", "the escapes were escaped once more (%25 for %)", "", "%", "%25"))
}

// escapeStyle is how a family of libraries writes values in a URL.
type escapeStyle struct {
	name  string
	raw   string // what stands for itself besides letters, digits, - . and _
	space string
}

func escapeStyles() []escapeStyle {
	return []escapeStyle{
		{"PHP's rawurlencode", "~", "%20"},
		{"PHP's urlencode", "", "+"},
		{"JavaScript's encodeURIComponent", "~!'()*", "%20"},
		{"JavaScript's URLSearchParams", "*", "+"},
		{"Go's QueryEscape", "~", "+"},
		{"JavaScript's encodeURI", "~!'()*;,/?:@=+$", "%20"},
	}
}

// rewrite decodes a parameter and writes it in the style.
func (e escapeStyle) rewrite(parameter string) string {
	name, value, found := strings.Cut(parameter, "=")
	if !found {
		return e.escape(unescape(name, true))
	}
	return e.escape(unescape(name, true)) + "=" + e.escape(unescape(value, true))
}

func (e escapeStyle) escape(text string) string {
	const digits = "0123456789ABCDEF"
	var b strings.Builder
	for i := range len(text) {
		switch c := text[i]; {
		case 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '-' || c == '.' || c == '_',
			strings.IndexByte(e.raw, c) >= 0:
			b.WriteByte(c)
		case c == ' ':
			b.WriteString(e.space)
		default:
			b.Write([]byte{'%', digits[c>>4], digits[c&15]})
		}
	}
	return b.String()
}

func isEscape(s string, i int) bool {
	return i+2 < len(s) && s[i] == '%' && isHexDigit(s[i+1]) && isHexDigit(s[i+2])
}

func mapEscapes(s string, change func(string) string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if isEscape(s, i) {
			b.WriteString(change(s[i : i+3]))
			i += 2
			continue
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// unescape decodes what can be decoded, and leaves the rest.
func unescape(s string, plus bool) string {
	if !strings.ContainsAny(s, "%+") {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch {
		case isEscape(s, i):
			b.WriteByte(nibble(s[i+1])<<4 | nibble(s[i+2]))
			i += 2
		case plus && s[i] == '+':
			b.WriteByte(' ')
		default:
			b.WriteByte(s[i])
		}
	}
	return b.String()
}

func nibble(c byte) byte {
	switch {
	case c >= 'a':
		return c - 'a' + 10
	case c >= 'A':
		return c - 'A' + 10
	default:
		return c - '0'
	}
}
