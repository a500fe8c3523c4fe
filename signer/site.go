package signer

import (
	"net/netip"
	"slices"
	"strings"
	"sync"
)

// site is a target that was checked, in the form that signing needs.
type site struct {
	destination
	plain       string  // the URL, when it is sent as it is
	path, query []piece // of a template
	uses        []int   // the macros in it, each once, without the signature's
	warnings    []Warning
}

// sites remembers the targets that were checked last, because a template takes
// longer to check than to fill.
type sites struct {
	mu    sync.RWMutex
	known map[Target]*site
}

// mostSites bounds what is remembered: a few megabytes when all URLs are as
// long as they may be.
const mostSites = 1024

func (s *sites) get(target Target) *site {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.known[target]
}

func (s *sites) put(target Target, checked *site) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.known) >= mostSites || s.known == nil {
		s.known = make(map[Target]*site)
	}
	s.known[target] = checked
}

// site checks a target, unless it is known.
func (d *declared) site(target Target) (*site, error) {
	if known := d.sites.get(target); known != nil {
		return known, nil
	}
	checked, err := d.survey(target)
	if err != nil {
		return nil, err
	}
	d.sites.put(target, checked)
	return checked, nil
}

func (d *declared) survey(target Target) (*site, error) {
	var checked *site
	var err error
	if d.data.macros != nil {
		checked, err = d.surveyTemplate(target)
	} else {
		checked = &site{}
		checked.destination, err = readTarget(d.name, d.methods, target, target.URL)
	}
	if err != nil {
		return nil, err
	}
	if d.data.in == inQuery && !d.data.ownQuery && checked.hasQuery {
		return nil, refuse("url", CodeURLQuery,
			"must not have a query: in this scheme all parameters come from the event")
	}
	if mark := "&" + d.place.Name + "="; d.place.In == placeQuery && strings.Contains(checked.destination.path, mark) {
		return nil, refuse("url", CodeReservedParameter, "must not hold %s in the path: receivers look for the signature there", mark)
	}
	if d.data.in == inURL || d.data.in == inQuery && checked.hasQuery {
		if err := d.checkOwnQuery(checked); err != nil {
			return nil, err
		}
	}
	checked.plain = checked.url()
	checked.warnings = append(d.lint(checked, target), checked.warnings...)
	return checked, nil
}

// surveyTemplate rewrites the macros of a target, so that the rules for URLs
// hold for the rest.
func (d *declared) surveyTemplate(target Target) (*site, error) {
	marked, mark, found, err := d.data.macros.mark(target.URL)
	if err != nil {
		return nil, err
	}
	if _, rest, ok := strings.Cut(marked, "://"); ok {
		if strings.Contains(rest[:hostEnd(rest)], mark) {
			return nil, refuse("url", CodeMacroMisplaced, "a macro must not stand in the host")
		}
	}
	checked := &site{}
	if checked.destination, err = readTarget(d.name, d.methods, target, marked); err != nil {
		return nil, err
	}
	checked.path, found = cut(checked.destination.path, mark, found)
	if checked.hasQuery {
		checked.query, _ = cut(checked.destination.query, mark, found)
	}
	for _, p := range slices.Concat(checked.path, checked.query) {
		if p.macro >= 0 && !d.data.macros.all[p.macro].signature && !slices.Contains(checked.uses, p.macro) {
			checked.uses = append(checked.uses, p.macro)
		}
	}
	return checked, d.checkSignatureMacro(checked)
}

func (d *declared) checkSignatureMacro(checked *site) error {
	if d.place.In != placeMacro {
		return nil
	}
	for _, p := range slices.Concat(checked.path, checked.query) {
		if p.macro >= 0 && d.data.macros.all[p.macro].signature {
			return nil
		}
	}
	return refuse("url", CodeMacroMissing, "has no %s: without the signature nobody can tell a genuine request", d.data.macros.spelled(d.place.Name))
}

// checkOwnQuery checks the parameters that the target's URL brings.
func (d *declared) checkOwnQuery(checked *site) error {
	if !checked.hasQuery {
		return nil
	}
	var room [commonMemberCount]string
	names := room[:0]
	query := d.markedQuery(checked)
	for parameter := range strings.SplitSeq(query, "&") {
		name, err := d.ownParameter(parameter)
		if err != nil {
			return err
		}
		if slices.Contains(names, name) {
			return refuse("url", CodeDuplicateParameter, "parameter %.40q occurs twice", name)
		}
		names = append(names, name)
		if len(names) > mostParameters {
			return refuse("url", CodeTooManyParameters, "has more than %d parameters", mostParameters)
		}
		if written, _, _ := strings.Cut(parameter, "="); d.data.macros != nil && name != unescape(written) && !strings.Contains(written, "[") {
			checked.warnings = append(checked.warnings, Warning{
				Code:    "name_rewritten",
				Message: "receivers in PHP read the parameter " + short(unescape(written)) + " as " + short(name),
			})
		}
	}
	return nil
}

// markedQuery is the query with a NUL, which URLs cannot hold, for each macro.
func (d *declared) markedQuery(checked *site) string {
	if d.data.macros == nil {
		return checked.destination.query
	}
	var text strings.Builder
	for _, p := range checked.query {
		text.WriteString(p.before)
		if p.macro >= 0 {
			text.WriteByte(0)
		}
	}
	return text.String()
}

// ownParameter returns the name of a parameter as PHP reads it.
func (d *declared) ownParameter(parameter string) (string, error) {
	name, _, _ := strings.Cut(parameter, "=")
	if parameter == "" || name == "" {
		return "", refuse("url", CodeURLEmptyParameter, `the query has a parameter without a name: look for "?" or "&" followed by "&", "=" or nothing`)
	}
	if strings.IndexByte(name, 0) >= 0 {
		return "", refuse("url", CodeMacroMisplaced, "a macro stands in a parameter's name; it may stand in a value or in the path")
	}
	if strings.ContainsAny(name, "%+.") {
		name = phpName(name)
	}
	if d.place.In == placeQuery && name == d.place.Name {
		return "", refuse("url", CodeReservedParameter, "must not have a parameter named %s: that is the signature's name", name)
	}
	return name, nil
}

// lint warns of what common receivers stumble over.
func (d *declared) lint(checked *site, target Target) []Warning {
	warnings := lintOrigin(checked.origin)
	warn := func(code, message string) { warnings = append(warnings, Warning{Code: code, Message: message}) }
	if written := authority(target.URL); d.formula.signs(partURL) && target.PublicBaseURL == "" && written != strings.ToLower(written) {
		warn("host_case", "the host is sent and signed in lowercase: receivers that sign the URL as it is written here refuse the signature")
	}
	if d.place.In == placeQuery && d.data.in == inURL && !checked.hasQuery {
		warn("no_query", `the URL has no query, so the signature follows "?`+d.place.Name+`=": receivers that split at "&`+d.place.Name+`=" do not find it`)
	}
	if !checked.hasQuery && d.data.in == inURL && (d.formula.signs(partQuery) || d.formula.signs(partValues)) {
		warn("no_parameters", "the URL has no parameters, so the signature covers nothing of the event")
	}
	if len(checked.path) > 1 {
		warn("macro_in_path", "a slash in a value is sent as %2F in the path, which some web servers refuse")
	}
	for i := range d.lints {
		if l := &d.lints[i]; d.applies(l, checked) {
			warn(l.Code, strings.ReplaceAll(l.Message, "{port}", checked.port))
		}
	}
	return append(warnings, d.lintSigned(checked)...)
}

// lintOrigin warns of what trips receivers of any scheme.
func lintOrigin(origin string) []Warning {
	if !strings.HasPrefix(origin, "http://") || isAddress(origin) {
		return nil
	}
	return []Warning{{
		Code:    "no_tls",
		Message: "many servers answer http:// with a redirect to https://, and a redirect is a failed delivery",
	}}
}

func (d *declared) applies(l *Lint, checked *site) bool {
	if l.When == lintPort {
		return checked.port != ""
	}
	return !slices.ContainsFunc(checked.uses, func(used int) bool { return d.data.macros.all[used].name == l.Macro })
}

// lintSigned warns of what is signed but not sent: the publisher could not
// verify it.
func (d *declared) lintSigned(checked *site) []Warning {
	if d.data.macros == nil {
		return nil
	}
	var warnings []Warning
	for i := range d.formula.parts {
		p := &d.formula.parts[i]
		macro := d.data.macros.standsFor(p)
		if macro < 0 || slices.Contains(checked.uses, macro) {
			continue
		}
		spelled := d.data.macros.spelled(d.data.macros.all[macro].name)
		warnings = append(warnings, Warning{
			Code:    "signed_value_not_sent",
			Message: "the signature covers " + spelled + ", which the URL does not hold: the publisher cannot verify it from the request alone",
		})
	}
	return warnings
}

// authority is the host of a URL as it is written, with its port.
func authority(raw string) string {
	_, rest, _ := strings.Cut(raw, "://")
	return rest[:hostEnd(rest)]
}

// isAddress says whether an origin's host is a number or this machine, where
// no certificate and no redirect is to be expected.
func isAddress(origin string) bool {
	host := authority(origin)
	if colon := strings.LastIndexByte(host, ':'); colon > strings.LastIndexByte(host, ']') {
		host = host[:colon]
	}
	_, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return err == nil || host == "localhost"
}
