package signer

import (
	"cmp"
	"net/url"
	"slices"
	"strings"

	"github.com/waybillhq/waybill/signer/internal/percent"
)

// readQuery reads parameters as receivers do: percent-decoded, "+" a space. A
// broken escape stands for itself.
func readQuery(query string) []pair {
	if query == "" {
		return nil
	}
	pairs := make([]pair, 0, 1+strings.Count(query, "&"))
	for parameter := range strings.SplitSeq(query, "&") {
		name, value, _ := strings.Cut(parameter, "=")
		pairs = append(pairs, pair{unescape(name), unescape(value)})
	}
	return pairs
}

func unescape(text string) string {
	if !strings.ContainsAny(text, "%+") {
		return text
	}
	if decoded, err := url.QueryUnescape(text); err == nil {
		return decoded
	}
	return text
}

func sortByName(pairs []pair) {
	slices.SortStableFunc(pairs, func(a, b pair) int { return cmp.Compare(a.name, b.name) })
}

// without returns the pairs whose names are not among those.
func without(pairs []pair, names []string) []pair {
	if len(names) == 0 {
		return pairs
	}
	return slices.DeleteFunc(pairs, func(p pair) bool { return slices.Contains(names, p.name) })
}

// listed returns the pairs of those names, in their order.
func listed(pairs []pair, names []string) []pair {
	found := make([]pair, 0, len(names))
	for _, name := range names {
		if at := slices.IndexFunc(pairs, func(p pair) bool { return p.name == name }); at >= 0 {
			found = append(found, pairs[at])
		}
	}
	return found
}

// appendQuery appends the part of the formula that is made of parameters.
func (p *part) appendQuery(dst []byte, w *wire) []byte {
	if p.Order == orderGiven && p.Encoding == "" && len(p.Except) == 0 {
		_, query, _ := strings.Cut(string(w.url), "?")
		return append(dst, query...)
	}
	pairs := without(w.query(), p.Except)
	switch p.Order {
	case orderSorted:
		sortByName(pairs)
	case orderListed:
		pairs = listed(pairs, p.List)
	}
	for i, parameter := range pairs {
		if i > 0 {
			dst = append(dst, '&')
		}
		dst = p.appendText(dst, parameter.name)
		dst = append(dst, '=')
		dst = p.appendText(dst, parameter.value)
	}
	return dst
}

func (p *part) appendText(dst []byte, text string) []byte {
	switch p.Encoding {
	case encodingNone:
		return append(dst, text...)
	case encoding1738:
		return percent.AppendForm(dst, []byte(text))
	default:
		return percent.AppendRaw(dst, []byte(text))
	}
}

// appendValues appends the decoded values, sorted by name. Empty ones are left
// out.
func (p *part) appendValues(dst []byte, m *material, w *wire) []byte {
	pairs := slices.Clone(m.values)
	if !p.ofMacros {
		pairs = w.query()
	}
	pairs = without(pairs, p.Except)
	sortByName(pairs)
	first := true
	for _, parameter := range pairs {
		if parameter.value == "" {
			continue
		}
		if !first {
			dst = append(dst, p.Separator...)
		}
		first = false
		dst = append(dst, parameter.value...)
	}
	return dst
}
