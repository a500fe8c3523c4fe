package postback

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"unicode/utf8"
)

// checkText refuses what no JSON can begin with or hold, and says what it is
// instead: the producer's tools put it there.
func checkText(text []byte) error {
	switch {
	case bytes.HasPrefix(text, []byte("\xef\xbb\xbf")):
		return Failure(CodeInvalid, "the body begins with a byte order mark (BOM, EF BB BF): send it without")
	case bytes.HasPrefix(text, []byte("\xff\xfe")), bytes.HasPrefix(text, []byte("\xfe\xff")):
		return Failure(CodeInvalid, "the body is not UTF-8 but UTF-16: send it as UTF-8, without a byte order mark")
	case !utf8.Valid(text):
		return Failure(CodeInvalid, "the body is not UTF-8 at %s", placeOf(text, invalidAt(text)))
	}
	return nil
}

// invalidAt is the index of the first byte that is not UTF-8.
func invalidAt(text []byte) int {
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRune(text[i:])
		if r == utf8.RuneError && size == 1 {
			return i
		}
		i += size
	}
	return len(text)
}

// checkSyntax finds the first place where a text is not JSON.
func checkSyntax(text []byte) error {
	if json.Valid(text) {
		return nil
	}
	if len(bytes.TrimSpace(text)) == 0 {
		return Failure(CodeInvalid, "the body is empty, which is not valid JSON")
	}
	if rest, more := Another(text); more {
		return Failure(CodeInvalid, "the body goes on behind its first JSON object, at %s: send one object", placeOf(text, rest))
	}
	var whole json.RawMessage
	syntax, found := errors.AsType[*json.SyntaxError](json.Unmarshal(text, &whole))
	switch {
	case !found:
		return Failure(CodeInvalid, "the body is not valid JSON")
	case syntax.Error() == "unexpected end of JSON input":
		return Failure(CodeInvalid, "the body is not valid JSON: it ends too early, at %s", placeOf(text, len(text)))
	default:
		return Failure(CodeInvalid, "the body is not valid JSON at %s", placeOf(text, int(syntax.Offset)-1))
	}
}

// Another says where something follows the first JSON object of a text, if
// something does: events that were sent as if they were one.
func Another(text []byte) (at int, more bool) {
	decoder := json.NewDecoder(bytes.NewReader(text))
	var first json.RawMessage
	if err := decoder.Decode(&first); err != nil || first[0] != '{' {
		return 0, false
	}
	behind := int(decoder.InputOffset())
	rest := bytes.TrimLeft(text[behind:], " \t\r\n")
	return len(text) - len(rest), len(rest) > 0
}

// placeOf names a place in a text as editors do.
func placeOf(text []byte, at int) string {
	at = max(0, min(at, len(text)))
	before := text[:at]
	line := bytes.Count(before, []byte("\n")) + 1
	column := utf8.RuneCount(before[bytes.LastIndexByte(before, '\n')+1:]) + 1
	return fmt.Sprintf("line %d, column %d (byte %d)", line, column, at+1)
}
