package bench

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/waybillhq/waybill/client"
	"github.com/waybillhq/waybill/postback"
	"github.com/waybillhq/waybill/signer"
)

// defaultScheme is the scheme of a run that names none.
const defaultScheme = "besitos"

// Schemes are the schemes that a run can use: those whose requests say which
// event they are of.
func Schemes() []string {
	var names []string
	for _, scheme := range signer.BuiltIn() {
		if scheme.Declaration().Reference != "" {
			names = append(names, scheme.Name())
		}
	}
	return names
}

// dialect is how events of a scheme look, on both sides of the engine. An event
// is the scheme's example with a reference of its own.
type dialect struct {
	scheme        *signer.Definition
	reference     string // the member of the data that tells events apart
	before, after string // its value, in the example
	query         string // of the endpoint's URL
}

func dialectOf(name string) (dialect, error) {
	known := Schemes()
	if !slices.Contains(known, name) {
		return dialect{}, fmt.Errorf("scheme: %q is none of %s", name, postback.Listed(known, " and "))
	}
	scheme, err := signer.Define(name)
	if err != nil {
		return dialect{}, fmt.Errorf("define scheme: %w", err)
	}
	example := scheme.Example(scheme.EventType())
	d := dialect{scheme: scheme, reference: scheme.Declaration().Reference, query: macrosOf(scheme, example)}
	found := false
	if d.before, d.after, found = strings.Cut(string(example), strconv.Quote(scheme.Reference(example))); !found {
		return dialect{}, fmt.Errorf("scheme: the example of %s has no reference", name)
	}
	return d, nil
}

// macrosOf is a query with the macros, if the scheme has some, that an event
// must have a value for. Their parameters are named like the data's members.
func macrosOf(scheme *signer.Definition, example json.RawMessage) string {
	macros := scheme.Declaration().Data.Macros
	if macros == nil {
		return ""
	}
	var members map[string]json.RawMessage
	_ = json.Unmarshal(example, &members) // the scheme has checked it
	var query []string
	for _, macro := range macros.Known {
		if _, has := members[macro.Field]; has && !macro.Optional {
			query = append(query, macro.Field+"="+macros.Open+macro.Name+macros.Close)
		}
	}
	return "?" + strings.Join(query, "&")
}

// naming tells the events of one run from those of others.
type naming struct{ run string }

func (n naming) transaction(index int) string { return n.run + "-" + strconv.Itoa(index) }

func (n naming) publisher(endpoint int) string { return n.run + "-pub-" + strconv.Itoa(endpoint) }

// index is which event a transaction belongs to; false for another run's.
func (n naming) index(transaction string) (int, bool) {
	number, ours := strings.CutPrefix(transaction, n.run+"-")
	index, err := strconv.Atoi(number)
	return index, ours && err == nil && index >= 0
}

// event is the event with that index, for the endpoint whose turn it is.
func (d dialect) event(n naming, index, endpoints int) client.Event {
	transaction := n.transaction(index)
	return client.Event{
		ID: transaction, Type: d.scheme.EventType(), Publisher: n.publisher(index % endpoints),
		Data: json.RawMessage(d.before + strconv.Quote(transaction) + d.after),
	}
}

// transaction reads what identifies an event in a request to the receiver.
func (d dialect) transaction(request *http.Request, body []byte) string {
	if len(body) > 0 {
		return d.scheme.Reference(body)
	}
	return request.URL.Query().Get(d.reference)
}
