package signer

import (
	"slices"
	"strings"

	"github.com/waybillhq/waybill/signer/internal/declare"
	"github.com/waybillhq/waybill/signer/internal/formula"
	"github.com/waybillhq/waybill/signer/internal/jsontext"
	"github.com/waybillhq/waybill/signer/internal/object"
	"github.com/waybillhq/waybill/signer/internal/refusal"
	"github.com/waybillhq/waybill/signer/internal/template"
)

// readParameters reads the data back out of the URL. The same name twice is
// refused: receivers would not agree on which counts.
func (r *reading) readParameters() error {
	_, query, _ := strings.Cut(r.received.URL, "?")
	for parameter := range strings.SplitSeq(query, "&") {
		name, value, _ := strings.Cut(parameter, "=")
		name = formula.Unescape(name)
		if slices.ContainsFunc(r.parameters, func(p formula.Pair) bool { return p.Name == name }) {
			return refusal.New("url", CodeDuplicateParameter, "parameter %.40q occurs twice", name)
		}
		r.parameters = append(r.parameters, formula.Pair{Name: name, Value: value})
	}
	if r.Data.Macros == nil {
		for _, p := range r.parameters {
			r.m.All = append(r.m.All, textMember(p.Name, formula.Unescape(p.Value)))
		}
		return r.requireParameters()
	}
	if err := r.matchTemplate(); err != nil {
		return err
	}
	for i := range r.Data.Macros.All {
		stands := &r.Data.Macros.All[i]
		raw, found := r.macroValue(i)
		switch {
		case !found:
		case stands.Signature:
			r.signatures = []string{unescapePath(raw)}
		default:
			r.m.Values = append(r.m.Values, formula.Pair{Name: stands.Name, Value: formula.Unescape(raw)})
			if stands.Value.Kind == "" && r.m.All.Find(stands.Field) == nil {
				r.m.All = append(r.m.All, textMember(stands.Field, formula.Unescape(raw)))
			}
		}
	}
	if r.Place.In == declare.PlaceMacro && (len(r.signatures) == 0 || r.signatures[0] == "") {
		return refusal.New("url", CodeSignatureMissing, "has no parameter %s", r.Place.Name)
	}
	return r.requireParameters()
}

func textMember(name, text string) object.Member {
	return object.Member{Name: []byte(name), Value: jsontext.AppendQuoted(nil, []byte(text))}
}

// matchTemplate reads the macros' values by the URL that the sender was given.
func (r *reading) matchTemplate() error {
	if r.received.Template == "" {
		return nil
	}
	s, err := r.site(Target{URL: r.received.Template})
	if err != nil {
		return refusal.About("template", err)
	}
	pieces := slices.Clone(s.pathPieces)
	if s.HasQuery {
		last := &pieces[len(pieces)-1]
		last.Before += "?" + s.queryPieces[0].Before
		last.Macro, last.Name = s.queryPieces[0].Macro, s.queryPieces[0].Name
		pieces = append(pieces, s.queryPieces[1:]...)
	}
	r.found = make(map[int]string)
	if !template.Match(pieces, string(r.w.Request()), func(macro int, raw string) { r.found[macro] = raw }) {
		return refusal.New("url", CodeTemplateMismatch, "was not made from the template")
	}
	return nil
}

// macroValue returns a macro's raw value: by the template or, without one, that
// of the parameter which is named like the macro or its member.
func (r *reading) macroValue(index int) (string, bool) {
	if r.found != nil {
		raw, ok := r.found[index]
		return raw, ok
	}
	stands := &r.Data.Macros.All[index]
	for _, p := range r.parameters {
		if p.Name == stands.Name || p.Name == stands.Field || slices.Contains(stands.Aliases, p.Name) {
			return p.Value, true
		}
	}
	return "", false
}

func (r *reading) requireParameters() error {
	for i := range r.Fields {
		if f := &r.Fields[i]; f.Required && r.Formula.UsesField(f.Name) && r.m.All.At(f.Name) == nil {
			return refusal.New("url", CodeValueMissing, "has no parameter %s, which is signed", f.Name)
		}
	}
	return nil
}
