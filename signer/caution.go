package signer

import (
	"bytes"
	"encoding/json"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/waybillhq/waybill/signer/internal/declare"
	"github.com/waybillhq/waybill/signer/internal/formula"
	"github.com/waybillhq/waybill/signer/internal/jsontext"
	"github.com/waybillhq/waybill/signer/internal/object"
	"github.com/waybillhq/waybill/signer/internal/percent"
	"github.com/waybillhq/waybill/signer/internal/refusal"
)

// Caution is a value of an event that can be sent, but that some of the network's
// receivers refuse. Its message names them.
type Caution struct {
	Code    string
	Field   string // such as data.offer_name
	Message string
}

// Cautions lists the values that a target gets and that trip receivers, by what the
// declaration says of them: at most one for each of its warnings. It has nothing to say
// of a URL or of data that is refused.
func (d *Definition) Cautions(target Target, data json.RawMessage) []Caution {
	scheme, ok := d.Scheme.(*declared)
	if !ok || !slices.ContainsFunc(scheme.Lints, isOfValue) {
		return nil
	}
	var room [object.CommonCount]object.Member
	all, err := scheme.readData(data, room[:0])
	if err != nil {
		return nil
	}
	sent, err := scheme.sentOf(target, all)
	if err != nil {
		return nil
	}
	var cautions []Caution
	for i := range scheme.Lints {
		l := &scheme.Lints[i]
		if !isOfValue(*l) {
			continue
		}
		at := slices.IndexFunc(sent, func(m object.Member) bool { return trips(l, &m) })
		if at >= 0 {
			cautions = append(cautions, Caution{Code: l.Code, Field: refusal.DataField(sent[at].Name), Message: l.Message})
		}
	}
	return cautions
}

func isOfValue(l Lint) bool { return l.When == declare.LintValue }

// sentOf returns the members that the target gets.
func (d *declared) sentOf(target Target, all object.Members) (object.Members, error) {
	if d.Data.Macros == nil {
		return all, nil
	}
	s, err := d.site(target)
	if err != nil {
		return nil, err
	}
	var sent object.Members
	for _, used := range s.uses {
		if found := all.Find(d.Data.Macros.All[used].Field); found != nil {
			sent = append(sent, *found)
		}
	}
	return sent, nil
}

// trips says whether a warning is about a member's value.
func trips(l *Lint, m *object.Member) bool {
	if l.Field != "" && l.Field != string(m.Name) {
		return false
	}
	if slices.Contains(l.Is, string(object.Decoded(m.Value))) {
		return true
	}
	return slices.ContainsFunc(l.Holds, func(held string) bool { return holds(m, held) })
}

// lastPrintable is the last character that Python's json.dumps leaves as it is.
const lastPrintable = '~'

// holds says whether a value, or a value inside it, is of a class.
func holds(m *object.Member, held string) bool {
	switch held {
	case declare.HoldsNested:
		return m.Value[0] == '{' || m.Value[0] == '[' && bytes.IndexByte(m.Value, '{') >= 0
	case declare.HoldsList:
		return isListInside(m.Value)
	case declare.HoldsTiny:
		return anyScalar(m.Value, isTiny)
	case declare.HoldsEscape:
		return anyScalar(m.Value, func(text []byte) bool { return holdsEscape(object.Decoded(text)) })
	case declare.HoldsNonASCII:
		return anyScalar(m.Value, func(text []byte) bool {
			return slices.ContainsFunc(object.Decoded(text), func(c byte) bool { return c > lastPrintable })
		})
	case declare.HoldsLineSeparator:
		return anyScalar(m.Value, func(text []byte) bool { return bytes.ContainsAny(object.Decoded(text), "\u2028\u2029") })
	default:
		return anyScalar(m.Value, func(text []byte) bool { return bytes.Contains(object.Decoded(text), []byte(held)) })
	}
}

// isListInside says whether a value is a list or holds one.
func isListInside(value []byte) bool {
	for i := 0; i < len(value); i++ {
		switch value[i] {
		case '[':
			return true
		case '"':
			i = jsontext.StringEnd(value, i) - 1
		}
	}
	return false
}

// anyScalar says whether a test holds for a value or, if it is an object or a list, for
// a name or a scalar in it.
func anyScalar(value []byte, is func(text []byte) bool) bool {
	for i := 0; i < len(value); {
		if strings.IndexByte("{}[]:, \t\r\n", value[i]) >= 0 {
			i++
			continue
		}
		end, _ := jsontext.ValueEnd(value, i)
		if end <= i {
			return false
		}
		if is(value[i:end]) {
			return true
		}
		i = end
	}
	return false
}

// isTiny says whether PHP and Python spell a number with an exponent that JavaScript
// does not.
func isTiny(text []byte) bool {
	const smallest = 1e-4
	number, err := strconv.ParseFloat(string(text), 64)
	return err == nil && text[0] != '"' && number != 0 && math.Abs(number) < smallest
}

func holdsEscape(text []byte) bool {
	whole := string(text)
	for i := range len(whole) {
		if percent.IsEscape(whole, i) {
			return true
		}
	}
	return false
}

// tripsItself says whether a warning about values is about one that stands in the
// target's own query, where that is signed.
func (d *declared) tripsItself(l *Lint, checked *site) bool {
	if l.Field != "" || !d.Formula.OfURL || !checked.HasQuery {
		return false
	}
	for _, own := range formula.ReadQuery(strings.ReplaceAll(d.markedQuery(checked), "\x00", "")) {
		m := textMember(own.Name, own.Value)
		if trips(l, &m) {
			return true
		}
	}
	return false
}

// lintRebuilt warns of a URL whose own part receivers change when they build it anew
// before they verify it. Only what stands in the URL itself counts: how values are
// written is the scheme's.
func (d *declared) lintRebuilt(checked *site) []Warning {
	if !d.Formula.Signs(declare.PartURL) {
		return nil
	}
	var warnings []Warning
	warn := func(code, message string) { warnings = append(warnings, Warning{Code: code, Message: message}) }
	if checked.Path != "/" && strings.HasSuffix(checked.Path, "/") {
		warn("trailing_slash", "receivers on Laravel drop the slash at the end of the path when they build the URL anew, and refuse the signature")
	}
	if strings.Contains(checked.Path, "//") {
		warn("double_slash", "receivers on Laravel and Symfony, and many web servers, merge the slashes of // in the path, and refuse the signature")
	}
	query := d.markedQuery(checked)
	if !checked.HasQuery {
		return warnings
	}
	pairs := strings.Split(query, "&")
	sorted := slices.IsSortedFunc(pairs, func(a, b string) int { return strings.Compare(ownName(a), ownName(b)) })
	if d.Data.In == declare.InURL && !sorted {
		warn("unsorted_query", "receivers on Laravel and Symfony sort the parameters by name when they build the URL anew, and refuse the signature: write them in that order")
	}
	if failing := rewriters(pairs); len(failing) > 0 {
		warn("query_rewritten", "the query has characters or escapes that receivers write otherwise when they build the URL anew, and refuse the signature: "+
			strings.Join(failing, ", ")+". Letters, digits, - . _ and escapes in uppercase survive all")
	}
	return warnings
}

func ownName(parameter string) string {
	name, _, _ := strings.Cut(parameter, "=")
	return name
}

// rewriters names the receivers that do not come to the same query. A NUL stands for a
// macro.
func rewriters(pairs []string) []string {
	var failing []string
	for _, receiver := range []struct {
		name     string
		encoding percent.Encoding
	}{
		{"Laravel, Symfony and sample code with PHP_QUERY_RFC3986", percent.RFC3986},
		{"http_build_query of PHP without it", percent.RFC1738},
		{"searchParams of JavaScript", percent.Form},
	} {
		if slices.ContainsFunc(pairs, func(pair string) bool { return rewrite(pair, receiver.encoding) != pair }) {
			failing = append(failing, receiver.name)
		}
	}
	if slices.ContainsFunc(pairs, func(pair string) bool { return strings.Contains(pair, "'") }) {
		failing = append(failing, "new URL() of JavaScript")
	}
	return failing
}

// rewrite decodes a parameter and encodes it again.
func rewrite(pair string, encoding percent.Encoding) string {
	name, value, _ := strings.Cut(pair, "=")
	again := encoding.Append(nil, []byte(formula.Unescape(name)))
	again = encoding.Append(append(again, '='), []byte(formula.Unescape(value)))
	return strings.ReplaceAll(string(again), "%00", "\x00")
}
