package signer

import (
	"fmt"
	"net/url"
	"strings"

	"github.com/waybillhq/waybill/signer/internal/percent"
)

// macro is a known macro.
type macro struct {
	name      string
	aliases   []string
	field     string
	value     value // when its kind is not empty, in place of the field
	signature bool
	optional  bool
}

// macros are the known macros and how they are spelled.
type macros struct {
	open, close string
	all         []macro
	index       map[string]int      // by name and alias
	fields      map[string]struct{} // members that some macro stands for
	names       []string            // and aliases
}

// spelled is the macro as a person writes it.
func (k *macros) spelled(name string) string {
	return k.open + name + k.close
}

// mark replaces every macro of a template, raw or percent-encoded, with a mark
// that URLs may hold and that the template does not. It returns the mark and
// the macros in their order. A macro that is not known is refused.
func (k *macros) mark(template string) (marked, mark string, found []piece, err error) {
	mark = markFor(template)
	var text strings.Builder
	copied := 0
	for i := k.firstPlace(template); i < len(template); i++ {
		if c := template[i]; c != k.open[0] && c != '%' {
			continue
		}
		name, end := k.macroAt(template, i)
		if end == 0 {
			if strings.HasPrefix(template[i:], k.open) {
				return "", "", nil, refuse("url", CodeMacroNotClosed, "a macro begins with %s at byte %d but is not closed with %s", k.open, i+1, k.close)
			}
			continue
		}
		known, ok := k.index[name]
		if !ok {
			return "", "", nil, k.unknown(name)
		}
		text.WriteString(template[copied:i])
		text.WriteString(mark)
		found = append(found, piece{macro: known, name: name})
		copied, i = end, end-1
	}
	text.WriteString(template[copied:])
	return text.String(), mark, found, nil
}

// firstPlace is where the search for macros begins: behind the host when it may
// be an IPv6 address that looks like a macro.
func (k *macros) firstPlace(template string) int {
	before, rest, found := strings.Cut(template, "://")
	if k.open != "[" || !found {
		return 0
	}
	return len(before) + len("://") + hostEnd(rest)
}

func markFor(template string) string {
	mark := "~"
	for i := 0; strings.Contains(template, mark); i++ {
		mark = fmt.Sprintf("~%d~", i)
	}
	return mark
}

// macroAt returns the name of the macro that begins at i and the index behind
// it, or 0 when none begins there.
func (k *macros) macroAt(s string, i int) (name string, end int) {
	start := skipSpelled(s, i, k.open)
	if start < 0 {
		return "", 0
	}
	stop := start
	for stop < len(s) && (isMacroLetter(s[stop]) || isColon(s, stop)) {
		if s[stop] == '%' {
			stop += len("3A")
		}
		stop++
	}
	end = skipSpelled(s, stop, k.close)
	if end < 0 || stop == start {
		return "", 0
	}
	name = s[start:stop]
	if strings.Contains(name, "%") {
		name = strings.NewReplacer("%3A", ":", "%3a", ":").Replace(name)
	}
	return name, end
}

// skipSpelled returns the index behind the text that stands at i in s, each
// character raw or percent-encoded, or -1 when it does not.
func skipSpelled(s string, i int, text string) int {
	for j := range len(text) {
		switch {
		case i >= len(s):
			return -1
		case percent.IsEscape(s, i) && percent.Unhex(s[i+1])<<4|percent.Unhex(s[i+2]) == text[j]:
			i += len("%XX")
		case s[i] == text[j]:
			i++
		default:
			return -1
		}
	}
	return i
}

func isMacroLetter(c byte) bool {
	return percent.IsUnreserved(c) || c == ':'
}

func isColon(s string, i int) bool {
	return percent.IsEscape(s, i) && s[i+1] == '3' && s[i+2]|0x20 == 'a'
}

func (k *macros) unknown(name string) *Error {
	if near := nearest(name, k.names); near != "" {
		return refuse("url", CodeMacroUnknown, "unknown macro %s: did you mean %s?", k.spelled(short(name)), k.spelled(near))
	}
	return refuse("url", CodeMacroUnknown, "unknown macro %s", k.spelled(short(name)))
}

func short(name string) string {
	return name[:min(len(name), 40)]
}

// piece is static text of a template and the macro behind it.
type piece struct {
	before string
	macro  int    // -1 behind the last text
	name   string // of the macro, as it is written
}

// cut cuts a marked text at its macros, the first of found. It returns the
// rest of found.
func cut(marked, mark string, found []piece) (pieces, rest []piece) {
	texts := strings.Split(marked, mark)
	last := len(texts) - 1
	for i, text := range texts[:last] {
		pieces = append(pieces, piece{text, found[i].macro, found[i].name})
	}
	return append(pieces, piece{before: texts[last], macro: -1}), found[last:]
}

// match reads the raw values of macros out of a text that was made from the
// pieces. A value ends where the next static text begins.
func match(pieces []piece, text string, found func(macro int, raw string)) bool {
	for i, p := range pieces {
		rest, ok := strings.CutPrefix(text, p.before)
		switch {
		case !ok:
			return false
		case p.macro < 0:
			return rest == ""
		}
		end := len(rest)
		if next := pieces[i+1].before; next != "" {
			if end = strings.Index(rest, next); end < 0 {
				return false
			}
		} else if pieces[i+1].macro >= 0 {
			return false // two macros in a row
		}
		found(p.macro, rest[:end])
		text = rest[end:]
	}
	return false
}

// phpName returns the variable that a parameter's name sets in PHP, which is
// the strictest reader: there "h%61sh", " hash" and "hash[]" all set hash.
func phpName(name string) string {
	if decoded, err := url.QueryUnescape(name); err == nil {
		name = decoded
	}
	name = strings.TrimLeft(name, " ")
	if bracket := strings.IndexByte(name, '['); bracket > 0 {
		name = name[:bracket]
	}
	return strings.NewReplacer(".", "_", " ", "_").Replace(name)
}
