package diagnose

import (
	"encoding/base64"
	"encoding/hex"
	"slices"
	"strings"

	"github.com/waybillhq/waybill/signer"
)

// formula is what a scheme's declaration says of its signature, for a scheme that
// signs what stands in the request: this package computes its signatures itself,
// also where the scheme would refuse the request.
type formula struct {
	signer.Declaration
	algorithm algorithm
	keyed     bool // an HMAC, no digest
	form      form
}

// stated is a scheme that tells how it was declared.
type stated interface {
	Declaration() signer.Declaration
}

// formulaOf returns the formula of a scheme. It is false for one that signs what
// it decodes and encodes again, or the values of macros: only the scheme itself
// knows what those come to.
func formulaOf(scheme signer.Scheme) (formula, bool) {
	of, ok := scheme.(stated)
	if !ok {
		return formula{}, false
	}
	f := formula{Declaration: of.Declaration()}
	var name string
	name, f.keyed = strings.CutPrefix(f.Algorithm, "hmac-")
	at := slices.IndexFunc(algorithms(), func(a algorithm) bool { return a.declared == name })
	if at < 0 || !readable(f.Place) {
		return formula{}, false
	}
	f.algorithm, f.form = algorithms()[at], form(f.Output)
	if f.form == "" {
		f.form = hexForm
	}
	return f, !slices.ContainsFunc(f.Parts, f.computes)
}

// readable reports whether a signature can be found there without the scheme.
func readable(p signer.Place) bool {
	time, signature := strings.Index(p.Template, "{ts}"), strings.Index(p.Template, "{sig}")
	switch p.In {
	case "macro":
		return false
	case "body":
		return !strings.Contains(p.Name, ".")
	default:
		return time <= signature && !strings.Contains(p.Overlap, "{ts}") && (p.Overlap == "" || strings.HasSuffix(p.Overlap, "{sig}"))
	}
}

// computes reports whether a part is more than what stands in the request.
func (f formula) computes(p signer.Part) bool {
	switch p.Part {
	case "literal", "secret", "method", "url", "body":
		return false
	case "field":
		return f.Data.In == "url" || p.Form != "" && p.Form != "decoded"
	case "message_id", "event_type", "timestamp":
		in, _ := f.sent(p)
		return in == ""
	default:
		return true
	}
}

// The place of a time that stands in the signature's header.
const inTemplate = "template"

// sent says where a request brings a value that is signed besides the data, and
// under which name; nowhere that this package reads when in is empty.
func (f formula) sent(p signer.Part) (in, name string) {
	if p.Part == "timestamp" && strings.Contains(f.Place.Template, "{ts}") {
		return inTemplate, f.Place.Name
	}
	brings := func(a signer.Added) bool { return a.Value == p.Part && a.Of == p.Of && a.Format == p.Format }
	if at := slices.IndexFunc(f.Headers, brings); at >= 0 {
		return "header", f.Headers[at].Name
	}
	if at := slices.IndexFunc(f.Data.Add, brings); at >= 0 {
		return f.Data.In, f.Data.Add[at].Name
	}
	return "", ""
}

// signs reports whether a part of that kind is signed.
func (f formula) signs(kind string) bool {
	return slices.ContainsFunc(f.Parts, func(p signer.Part) bool { return p.Part == kind })
}

// parameter is the last parameter of a URL that is signed before it; empty for a
// scheme that signs something else, or whose signature is elsewhere.
func (f formula) parameter() string {
	if f.Place.In == "query" && f.signs("url") {
		return f.Place.Name
	}
	return ""
}

// parameterOf is parameter, for a scheme.
func parameterOf(scheme signer.Scheme) string {
	f, _ := formulaOf(scheme)
	return f.parameter()
}

// key is the key that a secret makes, or its text where that spells none.
func (f formula) key(secret string) []byte {
	text := strings.TrimPrefix(secret, f.Key.Prefix)
	decode := func(text string) ([]byte, error) { return []byte(text), nil }
	switch f.Key.Encoding {
	case "hex":
		decode = hex.DecodeString
	case "base64":
		decode = base64.StdEncoding.DecodeString
	}
	key, err := decode(text)
	if err != nil {
		return []byte(text)
	}
	return key
}
