package formula

import (
	"cmp"
	"net/url"
	"slices"
	"strings"

	"github.com/waybillhq/waybill/signer/internal/declare"
)

// ReadQuery reads parameters as receivers do: percent-decoded, "+" a space. A
// broken escape stands for itself.
func ReadQuery(query string) []Pair {
	if query == "" {
		return nil
	}
	pairs := make([]Pair, 0, 1+strings.Count(query, "&"))
	for parameter := range strings.SplitSeq(query, "&") {
		name, value, _ := strings.Cut(parameter, "=")
		pairs = append(pairs, Pair{Unescape(name), Unescape(value)})
	}
	return pairs
}

// Unescape decodes a name or a value. A broken escape stands for itself.
func Unescape(text string) string {
	if !strings.ContainsAny(text, "%+") {
		return text
	}
	if decoded, err := url.QueryUnescape(text); err == nil {
		return decoded
	}
	return text
}

func sortByName(pairs []Pair) {
	slices.SortStableFunc(pairs, func(a, b Pair) int { return cmp.Compare(a.Name, b.Name) })
}

// without returns the pairs whose names are not among those.
func without(pairs []Pair, names []string) []Pair {
	if len(names) == 0 {
		return pairs
	}
	return slices.DeleteFunc(pairs, func(p Pair) bool { return slices.Contains(names, p.Name) })
}

// listed returns the pairs of those names, in their order.
func listed(pairs []Pair, names []string) []Pair {
	found := make([]Pair, 0, len(names))
	for _, name := range names {
		if at := slices.IndexFunc(pairs, func(p Pair) bool { return p.Name == name }); at >= 0 {
			found = append(found, pairs[at])
		}
	}
	return found
}

// appendQuery appends the part of the formula that is made of parameters.
func (p *Part) appendQuery(dst []byte, w *Wire) []byte {
	if p.Order == declare.OrderGiven && p.Encoding == "" && len(p.Except) == 0 {
		_, query, _ := strings.Cut(string(w.URL), "?")
		return append(dst, query...)
	}
	pairs := without(w.query(), p.Except)
	switch p.Order {
	case declare.OrderSorted:
		sortByName(pairs)
	case declare.OrderListed:
		pairs = listed(pairs, p.List)
	}
	for i, parameter := range pairs {
		if i > 0 {
			dst = append(dst, '&')
		}
		dst = p.appendText(dst, parameter.Name)
		dst = append(dst, '=')
		dst = p.appendText(dst, parameter.Value)
	}
	return dst
}

func (p *Part) appendText(dst []byte, text string) []byte {
	if p.Encoding == declare.EncodingNone {
		return append(dst, text...)
	}
	return p.Written.Append(dst, []byte(text))
}

// appendValues appends the decoded values, sorted by name. Empty ones are left
// out.
func (p *Part) appendValues(dst []byte, m *Material, w *Wire) []byte {
	pairs := slices.Clone(m.Values)
	if !p.OfMacros {
		pairs = w.query()
	}
	pairs = without(pairs, p.Except)
	sortByName(pairs)
	first := true
	for _, parameter := range pairs {
		if parameter.Value == "" {
			continue
		}
		if !first {
			dst = append(dst, p.Separator...)
		}
		first = false
		dst = append(dst, parameter.Value...)
	}
	return dst
}
