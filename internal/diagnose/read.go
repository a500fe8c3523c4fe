package diagnose

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/waybillhq/waybill/postback"
	"github.com/waybillhq/waybill/signer"
)

// given is a request as it was received, to be explained.
type given struct {
	formula
	received   signer.Received
	secrets    []string
	body       []byte // without a byte order mark, where it is read
	members    map[string]json.RawMessage
	stamp      string   // the time in the signature's header
	signatures []string // as they were written
	bases      []base
	certain    []postback.Finding
}

// read takes a request apart.
func read(f formula, received signer.Received, secrets []string) *given {
	g := &given{formula: f, received: received, secrets: secrets, body: received.Body}
	switch {
	case len(received.URL) > longestURL:
		g.note("url_too_long", "the URL is longer than 16 KiB: its signature was not looked into")
	case len(received.Body) > longestBody:
		g.note("body_too_long", "the body is longer than 64 KiB: its signature was not looked into")
	default:
		g.readRequest()
	}
	for _, signature := range g.signatures {
		g.checkForm(signature)
	}
	return g
}

// readRequest finds the signature and, from there, what was signed.
func (g *given) readRequest() {
	var known []mistake
	if g.readsMembers() {
		var ok bool
		if known, ok = g.readMembers(); !ok {
			return
		}
	}
	switch g.Place.In {
	case "query":
		g.readQuery(known)
	case "body":
		g.readMember(known)
	default:
		g.readHeader(known)
	}
}

// note says what is certain, once.
func (g *given) note(code, message string) {
	if said := (postback.Finding{Code: code, Message: message}); !slices.Contains(g.certain, said) {
		g.certain = append(g.certain, said)
	}
}

// checkForm says what is certainly wrong with how a signature is written.
func (g *given) checkForm(signature string) {
	right := g.algorithm.size * 2
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
			g.note("signature_length", strconv.Itoa(digits)+" hex digits"+" are "+made.name+"'s length; this scheme's are "+strconv.Itoa(right)+" ("+g.algorithm.name+")")
		default:
			g.note("signature_length", "the signature has "+strconv.Itoa(digits)+" hex digits"+"; this scheme's have "+strconv.Itoa(right)+" ("+g.algorithm.name+")")
		}
		for _, m := range w.written {
			g.note(m.code, "it is not written as this scheme does it: it would be if "+m.clause)
		}
	}
}

func byteOrderMark() []byte { return []byte("\xef\xbb\xbf") }

// readsMembers reports whether something of the signature stands in the body's
// members.
func (g *given) readsMembers() bool {
	return g.Place.In == "body" || g.Data.In == "body" && slices.ContainsFunc(g.Parts, func(p signer.Part) bool {
		in, _ := g.sent(p)
		return p.Part == "field" || in == "body"
	})
}

// readMembers reads the body; false when it cannot be read.
func (g *given) readMembers() (known []mistake, ok bool) {
	var marked bool
	if g.body, marked = bytes.CutPrefix(g.body, byteOrderMark()); marked {
		g.note("body_bom", "the body begins with a byte order mark, which is no JSON")
		known = append(known, mistake{"body_bom", "the body had no byte order mark before it", ""})
	}
	if err := json.Unmarshal(g.body, &g.members); err != nil {
		g.note("body_invalid", "the body is not a JSON object")
		return nil, false
	}
	return known, true
}

// readMember reads a body in which a member is the signature.
func (g *given) readMember(known []mistake) {
	signature, more := g.findMember()
	if signature == "" {
		return
	}
	signature, bare := g.cutTemplate(signature)
	g.signatures = []string{signature}
	from, wrong := g.sign(readPlace(g.received.URL))
	g.begin(from, slices.Concat(known, more, bare, wrong), bodySigned(from, g.Place.Name, signature))
}

// findMember returns the signature, also under another name.
func (g *given) findMember() (string, []mistake) {
	name := g.Place.Name
	if raw, found := g.members[name]; found {
		signature, isText := textOf(raw)
		if !isText || signature == "" {
			g.note("signature_missing", "its "+name+" is empty or no string")
			return "", nil
		}
		return signature, nil
	}
	for _, other := range slices.Sorted(maps.Keys(g.members)) {
		signature, isText := textOf(g.members[other])
		if isText && len(signature) >= shortestMatch && isSignatureName(other, name) {
			g.note("member_name", "the body has no "+name+", but it has "+shown(other))
			return signature, []mistake{{"member_name", "the member " + shown(other) + " were named " + name, ""}}
		}
	}
	g.note("signature_missing", "the body has no "+name)
	return "", nil
}

// textOf returns a string's text, or what else stands there as it is written.
func textOf(raw json.RawMessage) (text string, isText bool) {
	if json.Unmarshal(raw, &text) == nil && len(raw) > 0 && raw[0] == '"' {
		return text, true
	}
	return string(raw), false
}

// readHeader reads the header that holds the signature, or several.
func (g *given) readHeader(known []mistake) {
	text := signer.HeaderValue(g.received.Header, g.Place.Name)
	bare := g.readSignatures(text)
	from, wrong := g.sign(readPlace(g.received.URL))
	if text == "" {
		g.note("signature_missing", "there is no header "+strings.ToLower(g.Place.Name))
	}
	g.begin(from, slices.Concat(known, bare, wrong), nil)
}

// readSignatures reads a header in the form that the scheme gives it.
func (g *given) readSignatures(text string) []mistake {
	before, after, timed := strings.Cut(g.Place.Template, "{ts}")
	if timed {
		until, behind, _ := strings.Cut(after, "{sig}")
		stamp, signatures, found := strings.Cut(strings.TrimPrefix(text, before), until)
		if !found {
			return nil
		}
		g.stamp, text = stamp, strings.TrimSuffix(signatures, behind)
	}
	switch {
	case text == "":
		return nil
	case g.Place.Overlap != "":
		return g.readList(text, timed)
	case timed:
		g.signatures = []string{text}
		return nil
	default:
		signature, bare := g.cutTemplate(text)
		g.signatures = []string{signature}
		return bare
	}
}

// readList reads several signatures. Those of another version, such as "v1a,"
// beside "v1,", are none of this formula's. begun says that what stands before the
// first one was cut off.
func (g *given) readList(text string, begun bool) []mistake {
	separator, opening := g.Place.Overlap[:1], strings.TrimSuffix(g.Place.Overlap[1:], "{sig}")
	end := max(0, len(opening)-1)
	for token := range strings.SplitSeq(text, separator) {
		signature, opened := strings.CutPrefix(token, opening)
		other := !opened && strings.HasPrefix(token, opening[:end]) && strings.Contains(token, opening[end:])
		if token != "" && !other {
			g.signatures = append(g.signatures, signature)
		}
		begun = begun || opened
	}
	if begun || len(g.signatures) == 0 {
		return nil
	}
	return g.unframed()
}

// cutTemplate takes off what the scheme puts before and behind a signature.
func (g *given) cutTemplate(text string) (string, []mistake) {
	before, after, framed := strings.Cut(g.Place.Template, "{sig}")
	if !framed {
		return text, nil
	}
	rest, began := strings.CutPrefix(text, before)
	rest, ended := strings.CutSuffix(rest, after)
	if !began || !ended {
		return text, g.unframed()
	}
	return rest, nil
}

func (g *given) unframed() []mistake {
	return []mistake{{"signature_prefix_missing", "the scheme wrote its signatures bare instead of as " + g.Place.Template, ""}}
}

// readQuery reads a URL whose last parameter is the signature.
func (g *given) readQuery(known []mistake) {
	p := readPlace(g.received.URL)
	if p.scheme == "" && g.signs("url") {
		g.note("url_not_absolute", "the URL is not absolute: scheme and host are signed, too")
	}
	at, named := g.findParameter(p)
	if at < 0 {
		return
	}
	known = slices.Concat(known, named)
	name, signature := nameOf(p.query[at]), valueOf(p.query[at])
	if signature == "" {
		g.note("signature_missing", "the parameter "+g.Place.Name+" is empty")
		return
	}
	g.signatures = []string{signature}
	if again, found := p.hasTwice(); found {
		g.note("duplicate_parameter", "the parameter "+shown(again)+" occurs twice: receivers do not agree on which one counts")
	}
	beginAt := func(where place, known []mistake) {
		from, wrong := g.sign(where)
		var kept []edit
		if g.signs("url") {
			kept = keptParameter(name, signature)
		}
		g.begin(from, slices.Concat(known, wrong), kept)
	}
	if at < len(p.query)-1 {
		g.note("signature_not_last", "the parameter "+name+" is not the last one")
		beginAt(p.with(p.query[:at]), with(known, mistake{"parameters_behind_signature", "no parameters stood behind " + name, "they were added after the URL was signed"}))
		known = with(known, mistake{"signature_not_last", "the parameter " + name + " were taken out from among the others", "it has to be the last one"})
	}
	beginAt(p.without(at), known)
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
	right := g.Place.Name
	for at, parameter := range slices.Backward(p.query) {
		if nameOf(parameter) == right {
			return at, nil
		}
	}
	for at, parameter := range slices.Backward(p.query) {
		name := nameOf(parameter)
		if !isSignatureName(name, right) || len(valueOf(parameter)) < shortestMatch {
			continue
		}
		g.note("parameter_name", "there is no parameter "+right+", but there is one named "+shown(name))
		return at, []mistake{{"parameter_name", "the parameter " + shown(name) + " were named " + right, ""}}
	}
	g.note("signature_missing", "there is no parameter "+right)
	return -1, nil
}

func isSignatureName(name, right string) bool {
	usual := []string{"hash", "verifier", "signature", "sig", "sign", "hmac", "token", "verifytoken", "verify_token", "checksum"}
	return strings.EqualFold(name, right) || slices.Contains(usual, strings.ToLower(name))
}
