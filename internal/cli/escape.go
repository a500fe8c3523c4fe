package cli

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// escapeLine makes text fit for one line of a terminal: control characters,
// line breaks, invisible and direction-changing characters and bytes that are
// not UTF-8 are written as escapes, so that nothing moves the cursor, clears
// the screen or hides text.
func escapeLine(text string) string { return escape(text, false) }

// escapeBlock is escapeLine, but keeps line breaks and tabs.
func escapeBlock(text string) string { return escape(text, true) }

func escape(text string, block bool) string {
	var out strings.Builder
	for len(text) > 0 {
		char, size := utf8.DecodeRuneInString(text)
		switch {
		case char == utf8.RuneError && size == 1:
			fmt.Fprintf(&out, `\x%02x`, text[0])
		case block && (char == '\n' || char == '\t'), unicode.IsPrint(char):
			out.WriteRune(char)
		default:
			out.WriteString(escapeRune(char))
		}
		text = text[size:]
	}
	return out.String()
}

func escapeRune(char rune) string {
	switch {
	case char == '\n':
		return `\n`
	case char == '\r':
		return `\r`
	case char == '\t':
		return `\t`
	case char < utf8.RuneSelf:
		return fmt.Sprintf(`\x%02x`, char)
	case char <= 0xffff:
		return fmt.Sprintf(`\u%04x`, char)
	default:
		return fmt.Sprintf(`\U%08x`, char)
	}
}

// escapeJSON does the same for JSON, where such characters can only be inside
// of strings and have an escape that means the same.
func escapeJSON(text string) string {
	var out strings.Builder
	for _, char := range text {
		switch {
		case char == '\n', unicode.IsPrint(char):
			out.WriteRune(char)
		case char <= 0xffff:
			fmt.Fprintf(&out, `\u%04x`, char)
		default:
			high, low := surrogates(char)
			fmt.Fprintf(&out, `\u%04x\u%04x`, high, low)
		}
	}
	return out.String()
}
