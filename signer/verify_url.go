package signer

import (
	"slices"
	"strings"

	"github.com/waybillhq/waybill/signer/internal/jsontext"
)

// readParameters reads the data back out of the URL. The same name twice is
// refused: receivers would not agree on which counts.
func (r *reading) readParameters() error {
	_, query, _ := strings.Cut(r.received.URL, "?")
	for parameter := range strings.SplitSeq(query, "&") {
		name, value, _ := strings.Cut(parameter, "=")
		name = unescape(name)
		if slices.ContainsFunc(r.parameters, func(p pair) bool { return p.name == name }) {
			return refuse("url", CodeDuplicateParameter, "parameter %.40q occurs twice", name)
		}
		r.parameters = append(r.parameters, pair{name, value})
	}
	if r.data.macros == nil {
		for _, p := range r.parameters {
			r.m.all = append(r.m.all, textMember(p.name, unescape(p.value)))
		}
		return r.requireParameters()
	}
	if err := r.matchTemplate(); err != nil {
		return err
	}
	for i := range r.data.macros.all {
		stands := &r.data.macros.all[i]
		raw, found := r.macroValue(i)
		switch {
		case !found:
		case stands.signature:
			r.signatures = []string{unescapePath(raw)}
		default:
			r.m.values = append(r.m.values, pair{stands.name, unescape(raw)})
			if stands.value.kind == "" && r.m.all.find(stands.field) == nil {
				r.m.all = append(r.m.all, textMember(stands.field, unescape(raw)))
			}
		}
	}
	if r.place.In == placeMacro && (len(r.signatures) == 0 || r.signatures[0] == "") {
		return refuse("url", CodeSignatureMissing, "has no parameter %s", r.place.Name)
	}
	return r.requireParameters()
}

func textMember(name, text string) member {
	return member{name: []byte(name), value: jsontext.AppendQuoted(nil, []byte(text))}
}

// matchTemplate reads the macros' values by the URL that the sender was given.
func (r *reading) matchTemplate() error {
	if r.received.Template == "" {
		return nil
	}
	s, err := r.site(Target{URL: r.received.Template})
	if err != nil {
		return aboutField("template", err)
	}
	pieces := slices.Clone(s.path)
	if s.hasQuery {
		last := &pieces[len(pieces)-1]
		last.before += "?" + s.query[0].before
		last.macro, last.name = s.query[0].macro, s.query[0].name
		pieces = append(pieces, s.query[1:]...)
	}
	r.found = make(map[int]string)
	if !match(pieces, string(r.w.request()), func(macro int, raw string) { r.found[macro] = raw }) {
		return refuse("url", CodeTemplateMismatch, "was not made from the template")
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
	stands := &r.data.macros.all[index]
	for _, p := range r.parameters {
		if p.name == stands.name || p.name == stands.field || slices.Contains(stands.aliases, p.name) {
			return p.value, true
		}
	}
	return "", false
}

func (r *reading) requireParameters() error {
	for i := range r.fields {
		if f := &r.fields[i]; f.Required && r.formula.usesField(f.Name) && r.m.all.find(f.Name) == nil {
			return refuse("url", CodeValueMissing, "has no parameter %s, which is signed", f.Name)
		}
	}
	return nil
}
