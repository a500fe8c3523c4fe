package diagnose

import (
	"slices"
	"strconv"
	"strings"
)

// placed is a source that has a URL.
type placed interface {
	source
	place() place
	at(p place) source
}

// onPlace makes an edit of a URL. What comes out the same is tried once alone.
func onPlace(code, clause, hint string, change func(place) place) edit {
	return edit{mistake: mistake{code, clause, hint}, apply: func(r recipe) (recipe, bool) {
		of, ok := r.source.(placed)
		if !ok {
			return r, false
		}
		r.source = of.at(change(of.place()))
		return r, true
	}}
}

func aloneOnPlace(code, clause string, change func(place) place) edit {
	made := onPlace(code, clause, "", change)
	made.alone = true
	return made
}

// inOtherOrder is one of many orders of the parameters.
func inOtherOrder(how string, change func(place) place) edit {
	made := aloneOnPlace("parameter_order", "the parameters stood in the order "+how, change)
	made.order = true
	return made
}

const (
	hintTLS   = "a proxy that ends TLS lets a server believe that it is called by http://"
	hintPort  = "a proxy in front of a server adds or hides ports"
	hintSpace = "servers and libraries decode + and %20 to a space, but write either of them again"
)

// placeEdits lists what goes wrong with the URL that is signed, the commonest
// first.
func placeEdits(p place) []edit {
	edits := slices.Concat(originEdits(p), []edit{
		onPlace("parameter_order", "the parameters were sorted by name", "", place.sorted),
		onPlace("parameter_order", "the parameters were sorted by name, the last first", "", func(p place) place {
			p = p.sorted()
			slices.Reverse(p.query)
			return p
		}),
	}, commonOnes(escapeEdits()), spanEdits(), pathEdits(), queryEdits(p))
	return append(edits, orderEdits(p)...)
}

func originEdits(p place) []edit {
	edits := commonOnes([]edit{
		onPlace("url_scheme", swapClause(p.scheme), hintTLS, func(p place) place {
			p.scheme = otherScheme(p.scheme)
			return p
		}),
	})
	if p.port != "" {
		edits = append(edits, onPlace("port", "the URL had no port", hintPort, func(p place) place {
			p.port = ""
			return p
		}))
	}
	for _, port := range []string{"443", "80", "8080", "8443"} {
		if port != p.port {
			edits = append(edits, onPlace("port", "the URL had the port :"+port, hintPort, func(p place) place {
				p.port = port
				return p
			}))
		}
	}
	edits = append(edits, hostEdit("lower case", strings.ToLower), hostEdit("upper case", strings.ToUpper),
		hostEdit("lower case with a capital letter first", func(host string) string {
			return strings.ToUpper(host[:min(1, len(host))]) + strings.ToLower(host[min(1, len(host)):])
		}))
	return append(edits, onPlace("host_www", wwwClause(p.host), "", func(p place) place {
		if rest, found := strings.CutPrefix(p.host, "www."); found {
			p.host = rest
		} else {
			p.host = "www." + p.host
		}
		return p
	}))
}

func hostEdit(how string, change func(string) string) edit {
	return onPlace("host_case", "the host were written in "+how, "", func(p place) place {
		p.host = change(p.host)
		return p
	})
}

func otherScheme(scheme string) string {
	if strings.EqualFold(scheme, "https") {
		return "http"
	}
	return "https"
}

func swapClause(scheme string) string {
	other := otherScheme(scheme)
	return "the URL began with " + other + ":// instead of " + otherScheme(other) + "://"
}

func wwwClause(host string) string {
	if strings.HasPrefix(host, "www.") {
		return "the host had no www. before it"
	}
	return "the host had www. before it"
}

func spanEdits() []edit {
	span := func(code, clause string, signed span) edit {
		return onPlace(code, clause, "", func(p place) place {
			p.signed = signed
			return p
		})
	}
	return []edit{
		span("path_and_query_signed", "only the path and the query were signed instead of the absolute URL", pathAndQuery),
		span("query_signed", "only the query were signed instead of the absolute URL", queryOnly),
		span("path_signed", "only the path were signed instead of the absolute URL", pathOnly),
		span("url_without_query_signed", "the URL were signed without its query", withoutQuery),
		span("url_without_scheme_signed", "the URL were signed without https:// or http://", withoutScheme),
	}
}

func pathEdits() []edit {
	return []edit{
		onPlace("trailing_slash", "the path ended with a slash, or did not where it does", "", func(p place) place {
			if rest, found := strings.CutSuffix(p.path, "/"); found {
				p.path = rest
			} else {
				p.path += "/"
			}
			return p
		}),
		onPlace("double_slash", "the path had single slashes", "", func(p place) place {
			for strings.Contains(p.path, "//") {
				p.path = strings.ReplaceAll(p.path, "//", "/")
			}
			return p
		}),
		onPlace("path_prefix", "the path were without its first part", "a proxy may cut it off", func(p place) place {
			if _, rest, found := strings.Cut(strings.TrimPrefix(p.path, "/"), "/"); found {
				p.path = "/" + rest
			}
			return p
		}),
	}
}

func queryEdits(p place) []edit {
	edits := []edit{
		onPlace("html_ampersand", "the parameters were separated by &amp; instead of &", "the URL was escaped for HTML", func(p place) place {
			p.separator = "&amp;"
			return p
		}),
		onPlace("trailing_separator", "an & stood behind the last parameter", "", func(p place) place {
			p.tail += "&"
			return p
		}),
		onPlace("trailing_separator", "a ? stood behind the path", "", func(p place) place {
			p.hasQuery = true
			return p
		}),
		onPlace("empty_parameter", "the parameters without a value were left out", "", func(p place) place {
			return p.with(slices.DeleteFunc(slices.Clone(p.query), func(parameter string) bool { return valueOf(parameter) == "" }))
		}),
		onPlace("duplicate_parameter", "only the first parameter of each name counted", "", func(p place) place { return p.onceEach(false) }),
		onPlace("duplicate_parameter", "only the last parameter of each name counted", "", func(p place) place { return p.onceEach(true) }),
	}
	const most = 64
	for i, parameter := range p.query[:min(len(p.query), most)] {
		edits = append(edits, aloneOnPlace("parameter_added", "the parameter "+shown(nameOf(parameter))+" were not there", func(p place) place {
			if i >= len(p.query) {
				return p
			}
			return p.without(i)
		}))
	}
	return edits
}

// orderEdits tries the order in which the network documents its fields, all
// orders of few parameters and, of more, those in which one has moved.
func orderEdits(p place) []edit {
	edits := []edit{inOtherOrder("in which the network documents them", documented)}
	for _, order := range ordersOf(len(p.query)) {
		names := make([]string, len(order))
		for i, index := range order {
			names[i] = shown(nameOf(p.query[index]))
		}
		edits = append(edits, inOtherOrder(strings.Join(names, ", "), func(p place) place {
			if len(p.query) != len(order) {
				return p
			}
			query := make([]string, len(order))
			for i, index := range order {
				query[i] = p.query[index]
			}
			return p.with(query)
		}))
	}
	return edits
}

// ordersOf lists orders of n things, some hundred at most.
func ordersOf(n int) [][]int {
	const few, many = 5, 12
	switch {
	case n <= few:
		return permutations(n)
	case n <= many:
		return moves(n)
	default:
		return nil
	}
}

// moves lists the orders of n things in which one of them has moved.
func moves(n int) [][]int {
	var all [][]int
	for from := range n {
		for to := range n {
			if to == from || to == from-1 { // that is the move of the one before it
				continue
			}
			order := make([]int, 0, n)
			for i := range n {
				if i != from {
					order = append(order, i)
				}
			}
			all = append(all, slices.Insert(order, to, from))
		}
	}
	return all
}

func documented(p place) place {
	fields := []string{
		"user_id", "transaction_id", "reward", "payout", "reward_local_currency", "offer_id", "offer_name",
		"type", "survey_id", "deal_id", "deal_name", "note", "goal_id", "info", "reverse",
	}
	rank := func(parameter string) int {
		if at := slices.Index(fields, nameOf(parameter)); at >= 0 {
			return at
		}
		return len(fields)
	}
	query := slices.Clone(p.query)
	slices.SortStableFunc(query, func(a, b string) int { return rank(a) - rank(b) })
	return p.with(query)
}

// permutations lists all orders of n things but the given one.
func permutations(n int) [][]int {
	var all [][]int
	order := make([]int, n)
	for i := range order {
		order[i] = i
	}
	var fill func(at int)
	fill = func(at int) {
		if at == n {
			all = append(all, slices.Clone(order))
			return
		}
		for i := at; i < n; i++ {
			order[at], order[i] = order[i], order[at]
			fill(at + 1)
			order[at], order[i] = order[i], order[at]
		}
	}
	fill(0)
	return all[1:]
}

// shown makes a name from outside fit for a message.
func shown(name string) string {
	const longest = 40
	if len(name) > longest {
		name = name[:longest] + "..."
	}
	quoted := strconv.QuoteToASCII(name)
	if quoted == `"`+name+`"` {
		return name
	}
	return quoted
}
