package signer

import (
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync"

	"github.com/waybillhq/waybill/signer/internal/address"
	"github.com/waybillhq/waybill/signer/internal/declare"
	"github.com/waybillhq/waybill/signer/internal/formula"
	"github.com/waybillhq/waybill/signer/internal/object"
	"github.com/waybillhq/waybill/signer/internal/refusal"
	"github.com/waybillhq/waybill/signer/internal/template"
)

// site is a target that was checked, in the form that signing needs.
type site struct {
	destination
	plain                   string           // the URL, when it is sent as it is
	pathPieces, queryPieces []template.Piece // of a template
	uses                    []int            // the macros in it, each once, without the signature's
	warnings                []Warning
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
	if d.Data.Macros != nil {
		checked, err = d.surveyTemplate(target)
	} else {
		checked = &site{}
		checked.destination, err = readTarget(d.Name, d.Methods, target, target.URL)
	}
	if err != nil {
		return nil, err
	}
	if d.Data.In == declare.InQuery && !d.Data.OwnQuery && checked.HasQuery {
		return nil, refusal.New("url", CodeURLQuery,
			"must not have a query: in this scheme all parameters come from the event")
	}
	if mark := "&" + d.Place.Name + "="; d.Place.In == declare.PlaceQuery && strings.Contains(checked.Path, mark) {
		return nil, refusal.New("url", CodeReservedParameter, "must not hold %s in the path: receivers look for the signature there", mark)
	}
	if d.Data.In == declare.InURL || d.Data.In == declare.InQuery && checked.HasQuery {
		if err := d.checkOwnQuery(checked); err != nil {
			return nil, err
		}
	}
	checked.plain = checked.URL()
	checked.warnings = append(d.lint(checked, target), checked.warnings...)
	return checked, nil
}

// surveyTemplate rewrites the macros of a target, so that the rules for URLs
// hold for the rest.
func (d *declared) surveyTemplate(target Target) (*site, error) {
	marked, mark, found, err := d.Data.Macros.Mark(target.URL)
	if err != nil {
		return nil, err
	}
	if _, rest, ok := strings.Cut(marked, "://"); ok {
		if strings.Contains(rest[:address.HostEnd(rest)], mark) {
			return nil, refusal.New("url", CodeMacroMisplaced, "a macro must not stand in the host")
		}
	}
	checked := &site{}
	if checked.destination, err = readTarget(d.Name, d.Methods, target, marked); err != nil {
		return nil, err
	}
	checked.pathPieces, found = template.Cut(checked.Path, mark, found)
	if checked.HasQuery {
		checked.queryPieces, _ = template.Cut(checked.Query, mark, found)
	}
	for _, p := range slices.Concat(checked.pathPieces, checked.queryPieces) {
		if p.Macro >= 0 && !d.Data.Macros.All[p.Macro].Signature && !slices.Contains(checked.uses, p.Macro) {
			checked.uses = append(checked.uses, p.Macro)
		}
	}
	return checked, d.checkSignatureMacro(checked)
}

func (d *declared) checkSignatureMacro(checked *site) error {
	if d.Place.In != declare.PlaceMacro {
		return nil
	}
	for _, p := range slices.Concat(checked.pathPieces, checked.queryPieces) {
		if p.Macro >= 0 && d.Data.Macros.All[p.Macro].Signature {
			return nil
		}
	}
	return refusal.New("url", CodeMacroMissing, "has no %s: without the signature no receiver can verify the request", d.Data.Macros.Spelled(d.Place.Name))
}

// checkOwnQuery checks the parameters that the target's URL brings.
func (d *declared) checkOwnQuery(checked *site) error {
	if !checked.HasQuery {
		return nil
	}
	var room [object.CommonCount]string
	names := room[:0]
	query := d.markedQuery(checked)
	for parameter := range strings.SplitSeq(query, "&") {
		name, err := d.ownParameter(parameter)
		if err != nil {
			return err
		}
		if slices.Contains(names, name) {
			return refusal.New("url", CodeDuplicateParameter, "parameter %.40q occurs twice", name)
		}
		names = append(names, name)
		if len(names) > mostParameters {
			return refusal.New("url", CodeTooManyParameters, "has more than %d parameters", mostParameters)
		}
		if written, _, _ := strings.Cut(parameter, "="); d.Data.Macros != nil && name != formula.Unescape(written) && !strings.Contains(written, "[") {
			checked.warnings = append(checked.warnings, Warning{
				Code:    "name_rewritten",
				Message: "receivers in PHP read the parameter " + refusal.Short(formula.Unescape(written)) + " as " + refusal.Short(name) + ": sample code that signs the names refuses the signature",
			})
		}
	}
	return nil
}

// markedQuery is the query with a NUL, which URLs cannot hold, for each macro.
func (d *declared) markedQuery(checked *site) string {
	if d.Data.Macros == nil {
		return checked.Query
	}
	var text strings.Builder
	for _, p := range checked.queryPieces {
		text.WriteString(p.Before)
		if p.Macro >= 0 {
			text.WriteByte(0)
		}
	}
	return text.String()
}

// ownParameter returns the name of a parameter as PHP reads it.
func (d *declared) ownParameter(parameter string) (string, error) {
	name, _, _ := strings.Cut(parameter, "=")
	if parameter == "" || name == "" {
		return "", refusal.New("url", CodeURLEmptyParameter, `the query has a parameter without a name: look for "?" or "&" followed by "&", "=" or nothing`)
	}
	if strings.IndexByte(name, 0) >= 0 {
		return "", refusal.New("url", CodeMacroMisplaced, "a macro stands in a parameter's name; it may stand in a value or in the path")
	}
	if strings.ContainsAny(name, "%+.") {
		name = phpName(name)
	}
	if d.Place.In == declare.PlaceQuery && name == d.Place.Name {
		return "", refusal.New("url", CodeReservedParameter, "must not have a parameter named %s: that is the signature's name", name)
	}
	return name, d.checkClash(name)
}

// lint warns of what common receivers stumble over.
func (d *declared) lint(checked *site, target Target) []Warning {
	warnings := lintOrigin(checked.Origin)
	warn := func(code, message string) { warnings = append(warnings, Warning{Code: code, Message: message}) }
	if written := authority(target.URL); d.Formula.Signs(declare.PartURL) && target.PublicBaseURL == "" && written != strings.ToLower(written) {
		warn("host_case", "the host is sent and signed in lowercase: receivers that sign the URL as it is written here refuse the signature")
	}
	if d.Place.In == declare.PlaceQuery && d.Data.In == declare.InURL && !checked.HasQuery {
		warn("no_query", `the URL has no query, so the signature follows "?`+d.Place.Name+`=": receivers that split at "&`+d.Place.Name+`=" do not find it`)
	}
	if !checked.HasQuery && d.Data.In == declare.InURL && (d.Formula.Signs(declare.PartQuery) || d.Formula.Signs(declare.PartValues)) {
		warn("no_parameters", "the URL has no parameters, so the signature covers nothing of the event")
	}
	if len(checked.pathPieces) > 1 {
		warn("macro_in_path", "a slash in a value is sent as %2F in the path, which some web servers refuse")
	}
	for i := range d.Lints {
		if l := &d.Lints[i]; d.applies(l, checked) {
			warn(l.Code, strings.ReplaceAll(l.Message, "{port}", checked.Port))
		}
	}
	return append(append(warnings, d.lintRebuilt(checked)...), d.lintSigned(checked)...)
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
	switch l.When {
	case declare.LintPort:
		return checked.Port != ""
	case declare.LintValue:
		return d.tripsItself(l, checked) // those of events: see Cautions
	case declare.LintNames:
		return d.namesSortOtherwise(checked)
	}
	return !slices.ContainsFunc(checked.uses, func(used int) bool { return d.Data.Macros.All[used].Name == l.Macro })
}

// namesSortOtherwise says whether people's order of the parameters' names is another
// one than that of their bytes: localeCompare has "a" before "B", and "_" before "-".
func (d *declared) namesSortOtherwise(checked *site) bool {
	var names []string
	for parameter := range strings.SplitSeq(d.markedQuery(checked), "&") {
		names = append(names, ownName(parameter))
	}
	slices.Sort(names)
	return !slices.IsSortedFunc(names, func(a, b string) int { return strings.Compare(localeKey(a), localeKey(b)) })
}

// localeKey sorts by its bytes as a name does by localeCompare: "_", "-", digits,
// letters of either case.
func localeKey(name string) string {
	return strings.NewReplacer("_", "\x01", "-", "\x02").Replace(strings.ToLower(name)) + "\x00" + name
}

// checkClash refuses a parameter of the target's own that the data brings, too: no event
// could be sent there.
func (d *declared) checkClash(name string) error {
	if d.Data.In != declare.InQuery {
		return nil
	}
	if slices.ContainsFunc(d.Fields, func(f Field) bool { return f.Required && f.Name == name }) || slices.Contains(d.Data.Reserved, name) {
		return refusal.New("url", CodeReservedParameter, "must not have a parameter named %s: every event of scheme %s brings one, so none could be sent", name, d.Name)
	}
	return nil
}

// lintSigned warns of what is signed but not sent: the publisher could not
// verify it.
func (d *declared) lintSigned(checked *site) []Warning {
	if d.Data.Macros == nil {
		return nil
	}
	var warnings []Warning
	for i := range d.Formula.Parts {
		p := &d.Formula.Parts[i]
		macro := d.Data.Macros.StandsFor(p)
		if macro < 0 || slices.Contains(checked.uses, macro) {
			continue
		}
		spelled := d.Data.Macros.Spelled(d.Data.Macros.All[macro].Name)
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
	return rest[:address.HostEnd(rest)]
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

// phpName returns the variable that a parameter's name sets in PHP, which is
// the strictest reader: there "h%61sh", " hash" and "hash[]" all set hash.
func phpName(name string) string {
	if decoded, err := url.QueryUnescape(name); err == nil {
		name = decoded
	}
	name = strings.TrimLeft(name, " ")
	if bracket := strings.IndexByte(name, '['); bracket > 0 {
		name = name[:bracket]
	}
	return strings.NewReplacer(".", "_", " ", "_").Replace(name)
}
