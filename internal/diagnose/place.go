package diagnose

import (
	"slices"
	"strings"
)

// place is a URL that is signed, in pieces as they were written.
type place struct {
	scheme   string
	host     string
	port     string
	path     string
	hasQuery bool
	query    []string // "name=value", as written

	signed    span
	separator string // between parameters
	tail      string // behind the last one
}

// span is the part of the URL that is signed.
type span int

const (
	wholeURL span = iota
	withoutScheme
	pathAndQuery
	queryOnly
	pathOnly
	withoutQuery
)

// readPlace never fails: what it cannot make sense of is the path.
func readPlace(raw string) place {
	p := place{separator: "&"}
	rest := raw
	if scheme, after, found := strings.Cut(raw, "://"); found && !strings.ContainsAny(scheme, "/?#") {
		p.scheme = scheme
		end := strings.IndexAny(after, "/?#")
		if end < 0 {
			end = len(after)
		}
		p.host, rest = after[:end], after[end:]
		if colon := strings.LastIndexByte(p.host, ':'); colon > strings.LastIndexByte(p.host, ']') {
			p.host, p.port = p.host[:colon], p.host[colon+1:]
		}
	}
	var query string
	if p.path, query, p.hasQuery = strings.Cut(rest, "?"); query != "" {
		p.query = strings.Split(query, "&")
	}
	return p
}

func (p place) text() []byte {
	var b strings.Builder
	if p.signed == wholeURL && p.scheme != "" {
		b.WriteString(p.scheme)
		b.WriteString("://")
	}
	if p.signed == wholeURL || p.signed == withoutScheme || p.signed == withoutQuery {
		if p.signed == withoutQuery && p.scheme != "" {
			b.WriteString(p.scheme)
			b.WriteString("://")
		}
		b.WriteString(p.host)
		if p.port != "" {
			b.WriteByte(':')
			b.WriteString(p.port)
		}
	}
	if p.signed != queryOnly {
		b.WriteString(p.path)
	}
	if p.signed == pathOnly || p.signed == withoutQuery {
		return []byte(b.String())
	}
	if p.hasQuery && p.signed != queryOnly {
		b.WriteByte('?')
	}
	for i, parameter := range p.query {
		if i > 0 {
			b.WriteString(p.separator)
		}
		b.WriteString(parameter)
	}
	b.WriteString(p.tail)
	return []byte(b.String())
}

// String is the URL as it would be called.
func (p place) String() string {
	p.signed, p.separator = wholeURL, "&"
	return string(p.text())
}

// with returns the place with other parameters.
func (p place) with(query []string) place {
	p.query = query
	p.hasQuery = p.hasQuery && len(query) > 0
	return p
}

// each returns the place with every parameter changed.
func (p place) each(change func(string) string) place {
	query := make([]string, len(p.query))
	for i, parameter := range p.query {
		query[i] = change(parameter)
	}
	return p.with(query)
}

func (p place) without(index int) place {
	return p.with(slices.Delete(slices.Clone(p.query), index, index+1))
}

func (p place) sorted() place {
	query := slices.Clone(p.query)
	slices.SortStableFunc(query, func(a, b string) int { return strings.Compare(nameOf(a), nameOf(b)) })
	return p.with(query)
}

func nameOf(parameter string) string {
	name, _, _ := strings.Cut(parameter, "=")
	return name
}

func valueOf(parameter string) string {
	_, value, _ := strings.Cut(parameter, "=")
	return value
}

// hasTwice says whether a name occurs more than once, and which.
func (p place) hasTwice() (string, bool) {
	seen := map[string]bool{}
	for _, parameter := range p.query {
		name := nameOf(parameter)
		if seen[name] {
			return name, true
		}
		seen[name] = true
	}
	return "", false
}

// onceEach keeps the first or the last parameter of every name.
func (p place) onceEach(last bool) place {
	query, seen := slices.Clone(p.query), map[string]bool{}
	if last {
		slices.Reverse(query)
	}
	query = slices.DeleteFunc(query, func(parameter string) bool {
		again := seen[nameOf(parameter)]
		seen[nameOf(parameter)] = true
		return again
	})
	if last {
		slices.Reverse(query)
	}
	return p.with(query)
}
