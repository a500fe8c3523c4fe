package signer

import (
	"net/http"
	"net/textproto"
	"slices"
	"strings"
	"time"

	"github.com/waybillhq/waybill/signer/internal/percent"
)

// Compile checks a declaration and makes a scheme out of it. Its vectors are
// computed: one that does not hold refuses the declaration. Errors are *Error
// with CodeDeclaration, and a Field such as "parts[2].field".
//
// Only here a time zone's name is looked up, which may read the machine's time
// zone database.
func Compile(declaration Declaration) (*Definition, error) {
	c := compiler{declaration: &declaration, d: &declared{}}
	for _, step := range []func() error{
		c.identity, c.carriage, c.requirements, c.formula, c.place, c.headers, c.findings, c.lints,
	} {
		if err := step(); err != nil {
			return nil, err
		}
	}
	definition, err := c.definition()
	if err != nil {
		return nil, err
	}
	for i := range declaration.Vectors {
		if err := definition.prove(c.d, at("vectors", i), &declaration.Vectors[i]); err != nil {
			return nil, err
		}
	}
	return definition, nil
}

// compiler makes d out of the declaration, step by step.
type compiler struct {
	declaration *Declaration
	d           *declared
}

const longestName = 64

func (c *compiler) identity() error {
	name := c.declaration.Name
	switch {
	case name == "":
		return wrong("name", "is required")
	case len(name) > longestName || strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" || name[0] == '-':
		return wrong("name", "must be of lowercase letters, digits and -, %d at most", longestName)
	}
	c.d.name = name
	if len(c.declaration.Methods) == 0 {
		return wrong("methods", "is required, such as [GET]")
	}
	allowed := []string{http.MethodGet, http.MethodPost, http.MethodPut}
	for i, method := range c.declaration.Methods {
		if _, err := oneOf(at("methods", i), or(method, "none"), allowed...); err != nil {
			return err
		}
		if c.declaration.Data.In == inBody && method == http.MethodGet {
			return wrong(at("methods", i), "GET has no body to carry the data")
		}
	}
	c.d.methods = slices.Clone(c.declaration.Methods)
	return nil
}

func (c *compiler) requirements() error {
	for i := range c.declaration.Fields {
		f := c.declaration.Fields[i]
		path := at("fields", i)
		if f.Name == "" {
			return wrong(path+".name", "is required")
		}
		if slices.ContainsFunc(c.d.fields, func(other Field) bool { return other.Name == f.Name }) {
			return wrong(path+".name", "%.40q is there already", f.Name)
		}
		if _, err := oneOf(path+".type", or(f.Type, "any"), "any", "string", "number", "integer", "boolean"); err != nil {
			return err
		}
		if f.Type == "any" {
			f.Type = ""
		}
		c.d.fields = append(c.d.fields, f)
	}
	return nil
}

func (c *compiler) headers() error {
	for i := range c.declaration.Headers {
		path := at("headers", i)
		made, err := c.added(path, &c.declaration.Headers[i])
		if err != nil {
			return err
		}
		if err := checkHeaderName(path+".name", made.name); err != nil {
			return err
		}
		if c.declaration.Headers[i].At != "" {
			return wrong(path+".at", "has no meaning for a header")
		}
		made.name = textproto.CanonicalMIMEHeaderKey(made.name)
		if c.d.place.In == placeHeader && made.name == c.d.place.Name || c.hasHeader(made.name) {
			return wrong(path+".name", "%s is set already", made.name)
		}
		c.d.headers = append(c.d.headers, made)
	}
	return nil
}

func (c *compiler) hasHeader(name string) bool {
	return slices.ContainsFunc(c.d.headers, func(other added) bool { return other.name == name })
}

// checkHeaderName refuses what is no token (RFC 9110, section 5.6.2), and what
// the connection needs for itself.
func checkHeaderName(path, name string) error {
	if name == "" {
		return wrong(path, "is required")
	}
	for i := range len(name) {
		c := name[i]
		if !percent.IsUnreserved(c) && !strings.ContainsRune("!#$%&'*+^`|", rune(c)) {
			return wrong(path, "must not hold %q", c)
		}
	}
	switch textproto.CanonicalMIMEHeaderKey(name) {
	case "Host", "Content-Length", "Content-Type", "Connection", "Transfer-Encoding", "Te", "Trailer", "Upgrade", "Keep-Alive", "User-Agent", "Accept-Encoding", "Content-Encoding":
		return wrong(path, "%s is not the scheme's to set", name)
	}
	return nil
}

// added checks a value that is sent besides the data.
func (c *compiler) added(path string, a *Added) (added, error) {
	if a.Name == "" {
		return added{}, wrong(path+".name", "is required")
	}
	if a.Value == "" {
		return added{}, wrong(path+".value", "is required")
	}
	kind, err := oneOf(path+".value", a.Value, valueLiteral, valueMessageID, valueEventType, valueTimestamp)
	if err != nil {
		return added{}, err
	}
	made, err := compileValue(path, kind, a.Text, a.Format, a.Zone, a.Of)
	return added{name: a.Name, value: made}, err
}

func compileValue(path, kind, text, format, zone, of string) (value, error) {
	made := value{kind: kind, text: text}
	if kind != valueLiteral && text != "" {
		return made, wrong(path+".text", "has no meaning with %s", kind)
	}
	for i := range len(text) {
		if text[i] < ' ' || text[i] == 0x7f {
			return made, wrong(path+".text", "must not hold control characters")
		}
	}
	if kind != valueTimestamp {
		return made, onlyFor(path, kind, setting{"format", format != ""}, setting{"zone", zone != ""}, setting{"of", of != ""})
	}
	var err error
	made.stamp, err = compileStamp(path, format, zone, of)
	return made, err
}

func (c *compiler) lints() error {
	for i := range c.declaration.Warnings {
		l := c.declaration.Warnings[i]
		path := at("warnings", i)
		when, err := oneOf(path+".when", or(l.When, "nothing"), lintPort, lintNoMacro)
		switch {
		case err != nil:
			return err
		case l.Code == "":
			return wrong(path+".code", "is required")
		case l.Message == "":
			return wrong(path+".message", "is required")
		case when == lintPort && l.Macro != "":
			return wrong(path+".macro", "has no meaning with port")
		}
		if when == lintNoMacro {
			known, ok := c.d.data.find(l.Macro)
			if !ok {
				return wrong(path+".macro", "%.40q is no known macro", l.Macro)
			}
			l.Macro = c.d.data.macros.all[known].name
		}
		c.d.lints = append(c.d.lints, l)
	}
	return nil
}

const (
	lintPort    = "port"
	lintNoMacro = "no_macro"
)

// find returns the index of a macro by its name or alias.
func (k *carriage) find(name string) (int, bool) {
	if k.macros == nil {
		return 0, false
	}
	index, found := k.macros.index[name]
	return index, found
}

// longestTolerance bounds how old a request may be: more is a slip of the unit.
const longestTolerance = 24 * time.Hour

func (c *compiler) tolerance() error {
	text := c.declaration.Tolerance
	if text == "" {
		return nil
	}
	tolerance, err := time.ParseDuration(text)
	if err != nil || tolerance < time.Second || tolerance > longestTolerance {
		return wrong("tolerance", "must be a duration from 1s to 24h, such as 5m")
	}
	if c.d.finders.at == nil {
		return wrong("tolerance", "needs a timestamp of the attempt among the parts")
	}
	c.d.tolerance = tolerance
	return nil
}
