package diagnose

import (
	"slices"
	"strconv"
	"strings"

	"github.com/waybillhq/waybill/postback"
	"github.com/waybillhq/waybill/signer"
)

// These sizes bound what is taken apart: more is only looked at from outside.
const (
	longestURL  = 16 << 10
	longestBody = 64 << 10
)

// formula is what is known of a scheme.
type formula struct {
	name      string
	algorithm string
	form      form
	place     string // of the signature: a parameter, a member or a header
}

// formulaOf returns the formula of a scheme whose formula this package can
// change; false for all others.
func formulaOf(name string) (formula, bool) {
	switch name {
	case "besitos":
		return formula{name, "SHA-256", hexForm, "verifier"}, true
	case "bitlabs":
		return formula{name, "SHA-1", hexForm, "hash"}, true
	case "simpleswap":
		return formula{name, "SHA-1", hexForm, "verifyToken"}, true
	case "standard-webhooks":
		return formula{name, "SHA-256", base64Form, "Webhook-Signature"}, true
	default:
		return formula{}, false
	}
}

func (f formula) right() algorithm {
	known := algorithms()
	return known[slices.IndexFunc(known, func(a algorithm) bool { return a.name == f.algorithm })]
}

// parameterOf returns the last parameter of a scheme that has its signature
// there.
func parameterOf(name string) string {
	switch name {
	case "besitos", "bitlabs":
		f, _ := formulaOf(name)
		return f.place
	default:
		return ""
	}
}

// given is a request as it was received, to be explained.
type given struct {
	formula
	received   signer.Received
	secrets    []string
	signatures []string // as they were written
	bases      []base
	certain    []postback.Finding
}

// question is what a search needs.
type question struct {
	judge   judge
	bases   []base
	certain []postback.Finding
}

func ask(name string, scheme signer.Scheme, received signer.Received, secrets []string) question {
	f, known := formulaOf(name)
	if !known {
		return askScheme(scheme, received, secrets)
	}
	g := read(f, received, secrets)
	var all []wanted
	for _, signature := range g.signatures {
		all = append(all, readWanted(signature, f.form)...)
	}
	return question{judge: newComputed(f.right(), all), bases: g.bases, certain: g.certain}
}

// read takes a request apart.
func read(f formula, received signer.Received, secrets []string) *given {
	g := &given{formula: f, received: received, secrets: secrets}
	switch {
	case len(received.URL) > longestURL:
		g.note("url_too_long", "the URL is longer than 16 KiB: its signature was not looked into")
	case len(received.Body) > longestBody:
		g.note("body_too_long", "the body is longer than 64 KiB: its signature was not looked into")
	case f.name == "simpleswap":
		g.readJoined()
	case f.name == "standard-webhooks":
		g.readStamped()
	default:
		g.readQuery()
	}
	for _, signature := range g.signatures {
		g.checkForm(signature)
	}
	return g
}

func (g *given) note(code, message string) {
	g.certain = append(g.certain, postback.Finding{Code: code, Message: message})
}

// begin adds a base for every secret.
func (g *given) begin(from source, mode mode, known []mistake, edits []edit) {
	for _, secret := range g.secrets {
		g.bases = append(g.bases, base{recipe: recipe{source: from, key: []byte(secret), mode: mode}, known: known, edits: edits})
	}
}

// checkForm says what is certainly wrong with how a signature is written.
func (g *given) checkForm(signature string) {
	right := g.right().size * 2
	all := readWanted(signature, g.form)
	if len(all) == 0 {
		g.note("signature_malformed", "the signature is neither hex nor base64")
		return
	}
	for _, w := range all {
		digits := len(w.digits)
		made, exact := ofSize(digits)
		switch {
		case digits == right:
		case exact:
			g.note("signature_length", strconv.Itoa(digits)+" hex digits"+" are "+made.name+"'s length; this scheme's are "+strconv.Itoa(right)+" ("+g.algorithm+")")
		default:
			g.note("signature_length", "the signature has "+strconv.Itoa(digits)+" hex digits"+"; this scheme's have "+strconv.Itoa(right)+" ("+g.algorithm+")")
		}
		for _, m := range w.written {
			g.note(m.code, "it is not written as this scheme does it: it would be if "+m.clause)
		}
	}
}

// readQuery reads a URL whose last parameter is the signature.
func (g *given) readQuery() {
	p := readPlace(g.received.URL)
	if p.scheme == "" {
		g.note("url_not_absolute", "the URL is not absolute: scheme and host are signed, too")
	}
	at, known := g.findParameter(p)
	if at < 0 {
		return
	}
	name, signature := nameOf(p.query[at]), valueOf(p.query[at])
	if signature == "" {
		g.note("signature_missing", "the parameter "+g.place+" is empty")
		return
	}
	g.signatures = []string{signature}
	if again, found := p.hasTwice(); found {
		g.note("duplicate_parameter", "the parameter "+shown(again)+" occurs twice: receivers do not agree on which one counts")
	}
	edits := func(of place) []edit {
		return slices.Concat(placeEdits(of), commonOnes(keyEdits()), commonOnes(modeEdits()), keptParameter(name, signature))
	}
	rest := p.without(at)
	if at < len(p.query)-1 {
		g.note("signature_not_last", "the parameter "+name+" is not the last one")
		before := p.with(p.query[:at])
		g.begin(before, hmacOf, with(known, mistake{"parameters_behind_signature", "no parameters stood behind " + name, "they were added after the URL was signed"}), edits(before))
		known = with(known, mistake{"signature_not_last", "the parameter " + name + " were taken out from among the others", "it has to be the last one"})
	}
	g.begin(rest, hmacOf, known, edits(rest))
}

func with(known []mistake, more mistake) []mistake { return append(slices.Clone(known), more) }

// keptParameter lists the ways to leave the signature's parameter inside the
// text that is signed.
func keptParameter(name, signature string) []edit {
	kept := func(clause, value string) edit {
		return aloneOnPlace("signature_parameter_signed", clause, func(p place) place {
			p.query, p.hasQuery = append(slices.Clone(p.query), name+"="+value), true
			return p
		})
	}
	return []edit{
		kept("the parameter "+name+", empty, were part of what is signed", ""),
		kept("the parameter "+name+", with the signature, were part of what is signed", signature),
	}
}

// findParameter returns the index of the signature's parameter, -1 when there
// is none, and what is wrong with its name.
func (g *given) findParameter(p place) (int, []mistake) {
	for at, parameter := range slices.Backward(p.query) {
		if nameOf(parameter) == g.place {
			return at, nil
		}
	}
	for at, parameter := range slices.Backward(p.query) {
		name := nameOf(parameter)
		if !isSignatureName(name, g.place) || len(valueOf(parameter)) < shortestMatch {
			continue
		}
		g.note("parameter_name", "there is no parameter "+g.place+", but there is one named "+shown(name))
		return at, []mistake{{"parameter_name", "the parameter " + shown(name) + " were named " + g.place, ""}}
	}
	g.note("signature_missing", "there is no parameter "+g.place)
	return -1, nil
}

func isSignatureName(name, right string) bool {
	usual := []string{"hash", "verifier", "signature", "sig", "sign", "hmac", "token", "verifytoken", "verify_token", "checksum"}
	return strings.EqualFold(name, right) || slices.Contains(usual, strings.ToLower(name))
}
