package postback

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"unicode/utf8"
)

// Part is what part of a body a text is, so that what is wrong with it is named by
// its place in the body. Zero: it is the body.
type Part struct {
	Name    string // what errors call it, such as "the line"
	Line    int    // on which it begins, from 1
	Columns int    // characters of that line before it
	Bytes   int    // bytes of the body before it
}

// source is a text that somebody sent.
type source struct {
	text []byte
	part Part
}

// String is what errors call it.
func (s source) String() string { return cmp.Or(s.part.Name, "the body") }

// place names a place in it as editors do.
func (s source) place(at int) string {
	at = max(0, min(at, len(s.text)))
	before := s.text[:at]
	line := bytes.Count(before, []byte("\n"))
	column := utf8.RuneCount(before[bytes.LastIndexByte(before, '\n')+1:])
	if line == 0 {
		column += s.part.Columns
	}
	return fmt.Sprintf("line %d, column %d (byte %d)", max(s.part.Line, 1)+line, column+1, s.part.Bytes+at+1)
}

// checkText refuses what no JSON can begin with or hold, and says what it is
// instead: the producer's tools put it there.
func (s source) checkText() error {
	switch {
	case bytes.HasPrefix(s.text, []byte("\xef\xbb\xbf")):
		return Failure(CodeInvalid, "%s begins with a byte order mark (BOM, EF BB BF): send it without", s)
	case bytes.HasPrefix(s.text, []byte("\xff\xfe")), bytes.HasPrefix(s.text, []byte("\xfe\xff")):
		return Failure(CodeInvalid, "%s is not UTF-8 but UTF-16: send it as UTF-8, without a byte order mark", s)
	case !utf8.Valid(s.text):
		return Failure(CodeInvalid, "%s is not UTF-8 at %s", s, s.place(invalidAt(s.text)))
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
func (s source) checkSyntax() error {
	text := s.text
	if json.Valid(text) {
		return nil
	}
	if len(bytes.TrimSpace(text)) == 0 {
		return Failure(CodeInvalid, "%s is empty, which is not valid JSON", s)
	}
	if rest, more := Another(text); more {
		return Failure(CodeInvalid, "%s goes on behind its first JSON object, at %s: send one object", s, s.place(rest))
	}
	var whole json.RawMessage
	syntax, found := errors.AsType[*json.SyntaxError](json.Unmarshal(text, &whole))
	switch {
	case !found:
		return Failure(CodeInvalid, "%s is not valid JSON", s)
	case syntax.Error() == "unexpected end of JSON input":
		return Failure(CodeInvalid, "%s is not valid JSON: it ends too early, at %s", s, s.place(len(text)))
	default:
		return Failure(CodeInvalid, "%s is not valid JSON at %s", s, s.place(int(syntax.Offset)-1))
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
