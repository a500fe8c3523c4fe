// Package template fills texts that have slots, and reads back what was filled in:
// the macros of an endpoint's URL, and the signature and time of a header or member.
package template

import (
	"fmt"
	"slices"
	"strings"

	"github.com/waybillhq/waybill/signer/internal/address"
	"github.com/waybillhq/waybill/signer/internal/declare"
	"github.com/waybillhq/waybill/signer/internal/formula"
	"github.com/waybillhq/waybill/signer/internal/percent"
	"github.com/waybillhq/waybill/signer/internal/refusal"
)

// Macro is a known macro.
type Macro struct {
	Name      string
	Aliases   []string
	Field     string
	Value     formula.Value // when its kind is not empty, in place of the field
	Signature bool
	Optional  bool
}

// Macros are the known macros and how they are spelled.
type Macros struct {
	Open, Close string
	All         []Macro
	Index       map[string]int      // by name and alias
	Fields      map[string]struct{} // members that some macro stands for
	Names       []string            // and aliases
}

// Spelled is the macro as a person writes it.
func (k *Macros) Spelled(name string) string {
	return k.Open + name + k.Close
}

// Mark replaces every macro of a template, raw or percent-encoded, with a mark
// that URLs may hold and that the template does not. It returns the mark and
// the macros in their order. A macro that is not known is refused.
func (k *Macros) Mark(template string) (marked, mark string, found []Piece, err error) {
	mark = markFor(template)
	var text strings.Builder
	copied := 0
	for i := k.firstPlace(template); i < len(template); i++ {
		if c := template[i]; c != k.Open[0] && c != '%' {
			continue
		}
		name, end := k.macroAt(template, i)
		if end == 0 {
			if strings.HasPrefix(template[i:], k.Open) {
				return "", "", nil, refusal.New("url", refusal.CodeMacroNotClosed, "a macro begins with %s at byte %d but is not closed with %s", k.Open, i+1, k.Close)
			}
			continue
		}
		known, ok := k.Index[name]
		if !ok {
			return "", "", nil, k.Unknown(name)
		}
		text.WriteString(template[copied:i])
		text.WriteString(mark)
		found = append(found, Piece{Macro: known, Name: name})
		copied, i = end, end-1
	}
	text.WriteString(template[copied:])
	return text.String(), mark, found, nil
}

// firstPlace is where the search for macros begins: behind the host when it may
// be an IPv6 address that looks like a macro.
func (k *Macros) firstPlace(template string) int {
	before, rest, found := strings.Cut(template, "://")
	if k.Open != "[" || !found {
		return 0
	}
	return len(before) + len("://") + address.HostEnd(rest)
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
func (k *Macros) macroAt(s string, i int) (name string, end int) {
	start := skipSpelled(s, i, k.Open)
	if start < 0 {
		return "", 0
	}
	stop := start
	for stop < len(s) && (IsMacroLetter(s[stop]) || isColon(s, stop)) {
		if s[stop] == '%' {
			stop += len("3A")
		}
		stop++
	}
	end = skipSpelled(s, stop, k.Close)
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

// IsMacroLetter says whether a macro's name may hold a byte.
func IsMacroLetter(c byte) bool {
	return percent.IsUnreserved(c) || c == ':'
}

func isColon(s string, i int) bool {
	return percent.IsEscape(s, i) && s[i+1] == '3' && s[i+2]|0x20 == 'a'
}

// Unknown is the error about a macro that is not known, with the one that was most
// likely meant.
func (k *Macros) Unknown(name string) *refusal.Error {
	if near := refusal.Nearest(name, k.Names); near != "" {
		return refusal.New("url", refusal.CodeMacroUnknown, "unknown macro %s: did you mean %s?", k.Spelled(refusal.Short(name)), k.Spelled(near))
	}
	return refusal.New("url", refusal.CodeMacroUnknown, "unknown macro %s", k.Spelled(refusal.Short(name)))
}

// Piece is static text of a template and the macro behind it.
type Piece struct {
	Before string
	Macro  int    // -1 behind the last text
	Name   string // of the macro, as it is written
}

// Cut cuts a marked text at its macros, the first of found. It returns the
// rest of found.
func Cut(marked, mark string, found []Piece) (pieces, rest []Piece) {
	texts := strings.Split(marked, mark)
	last := len(texts) - 1
	for i, text := range texts[:last] {
		pieces = append(pieces, Piece{text, found[i].Macro, found[i].Name})
	}
	return append(pieces, Piece{Before: texts[last], Macro: -1}), found[last:]
}

// Match reads the raw values of macros out of a text that was made from the
// pieces. A value ends where the next static text begins.
func Match(pieces []Piece, text string, found func(macro int, raw string)) bool {
	for i, p := range pieces {
		rest, ok := strings.CutPrefix(text, p.Before)
		switch {
		case !ok:
			return false
		case p.Macro < 0:
			return rest == ""
		}
		end := len(rest)
		if next := pieces[i+1].Before; next != "" {
			if end = strings.Index(rest, next); end < 0 {
				return false
			}
		} else if pieces[i+1].Macro >= 0 {
			return false // two macros in a row
		}
		found(p.Macro, rest[:end])
		text = rest[end:]
	}
	return false
}

// StandsFor returns the macro that sends what a part signs, or -1.
func (k *Macros) StandsFor(p *formula.Part) int {
	return slices.IndexFunc(k.All, func(m Macro) bool {
		if p.Part.Part == declare.PartField {
			return m.Field == p.Field
		}
		return m.Value.Kind == p.Part.Part && m.Value.Same(&p.Value)
	})
}
