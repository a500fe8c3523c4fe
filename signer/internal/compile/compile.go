// Package compile checks a declaration and makes a plan of it: a scheme that signs
// and verifies by the plan finds nothing left to check in the declaration. What is
// signed is sent, the signature does not sign itself, and a setting that has no meaning
// where it stands is refused by its path in the declaration. It runs nothing: package
// signer tries the plan out.
package compile

import (
	"cmp"
	"math"
	"net/http"
	"net/textproto"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/waybillhq/waybill/signer/internal/declare"
	"github.com/waybillhq/waybill/signer/internal/percent"
	"github.com/waybillhq/waybill/signer/internal/refusal"
)

// Declaration checks a declaration, without running it.
func Declaration(declaration *declare.Declaration) (Plan, error) {
	c := compiler{declaration: declaration, d: &Plan{}}
	for _, step := range []func() error{
		c.identity, c.carriage, c.requirements, c.formula, c.place, c.headers, c.findings, c.lints, c.secret, c.retries,
	} {
		if err := step(); err != nil {
			return Plan{}, err
		}
	}
	return *c.d, nil
}

// compiler makes d out of the declaration, step by step.
type compiler struct {
	declaration *declare.Declaration
	d           *Plan
}

const longestName = 64

func (c *compiler) identity() error {
	name := c.declaration.Name
	switch {
	case name == "":
		return refusal.Wrong("name", "is required")
	case len(name) > longestName || strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" || name[0] == '-':
		return refusal.Wrong("name", "must be of lowercase letters, digits and -, %d at most", longestName)
	}
	c.d.Name = name
	if len(c.declaration.Methods) == 0 {
		return refusal.Wrong("methods", "is required, such as [GET]")
	}
	allowed := []string{http.MethodGet, http.MethodPost, http.MethodPut}
	for i, method := range c.declaration.Methods {
		if _, err := oneOf(refusal.At("methods", i), cmp.Or(method, "none"), allowed...); err != nil {
			return err
		}
		if c.declaration.Data.In == declare.InBody && method == http.MethodGet {
			return refusal.Wrong(refusal.At("methods", i), "GET has no body to carry the data")
		}
	}
	c.d.Methods = slices.Clone(c.declaration.Methods)
	return nil
}

func (c *compiler) requirements() error {
	for i := range c.declaration.Fields {
		f := c.declaration.Fields[i]
		path := refusal.At("fields", i)
		if f.Name == "" {
			return refusal.Wrong(path+".name", "is required")
		}
		if slices.ContainsFunc(c.d.Fields, func(other declare.Field) bool { return other.Name == f.Name }) {
			return refusal.Wrong(path+".name", "%.40q is there already", f.Name)
		}
		if _, err := oneOf(path+".type", cmp.Or(f.Type, "any"), "any", "string", "number", "integer", "boolean"); err != nil {
			return err
		}
		if f.Type == "any" {
			f.Type = ""
		}
		c.d.Fields = append(c.d.Fields, f)
	}
	return nil
}

func (c *compiler) headers() error {
	for i := range c.declaration.Headers {
		path := refusal.At("headers", i)
		made, err := c.added(path, &c.declaration.Headers[i])
		if err != nil {
			return err
		}
		if err := checkHeaderName(path+".name", made.Name); err != nil {
			return err
		}
		if c.declaration.Headers[i].At != "" {
			return refusal.Wrong(path+".at", "has no meaning for a header")
		}
		if c.d.Place.In == declare.PlaceHeader && strings.EqualFold(made.Name, c.d.Place.Name) || c.hasHeader(made.Name) {
			return refusal.Wrong(path+".name", "%s is set already", made.Name)
		}
		c.d.Headers = append(c.d.Headers, made)
	}
	return nil
}

func (c *compiler) hasHeader(name string) bool {
	return slices.ContainsFunc(c.d.Headers, func(other Added) bool { return strings.EqualFold(other.Name, name) })
}

// checkHeaderName refuses what is no token (RFC 9110, section 5.6.2), and what
// the connection needs for itself.
func checkHeaderName(path, name string) error {
	if name == "" {
		return refusal.Wrong(path, "is required")
	}
	for i := range len(name) {
		c := name[i]
		if !percent.IsUnreserved(c) && !strings.ContainsRune("!#$%&'*+^`|", rune(c)) {
			return refusal.Wrong(path, "must not hold %q", c)
		}
	}
	canonical := textproto.CanonicalMIMEHeaderKey(name)
	switch canonical {
	case "Host", "Content-Length", "Content-Type", "Connection", "Transfer-Encoding", "Te", "Trailer", "Upgrade", "Keep-Alive",
		"Expect", "Http2-Settings", "User-Agent", "Accept-Encoding", "Content-Encoding":
	default:
		if !strings.HasPrefix(canonical, "Proxy-") {
			return nil
		}
	}
	return refusal.Wrong(path, "%s is not the scheme's to set", name)
}

func (c *compiler) lints() error {
	for i := range c.declaration.Warnings {
		l := c.declaration.Warnings[i]
		path := refusal.At("warnings", i)
		when, err := oneOf(path+".when", cmp.Or(l.When, "nothing"), declare.LintPort, declare.LintNoMacro, declare.LintNames, declare.LintValue)
		switch {
		case err != nil:
			return err
		case l.Code == "":
			return refusal.Wrong(path+".code", "is required")
		case l.Message == "":
			return refusal.Wrong(path+".message", "is required")
		}
		if err := c.lintSettings(path, when, &l); err != nil {
			return err
		}
		if when == declare.LintNoMacro {
			known, ok := c.d.Data.find(l.Macro)
			if !ok {
				return refusal.Wrong(path+".macro", "%.40q is no known macro", l.Macro)
			}
			l.Macro = c.d.Data.Macros.All[known].Name
		}
		c.d.Lints = append(c.d.Lints, l)
	}
	return nil
}

// lintSettings refuses what has no meaning with the word, and what no value holds.
func (c *compiler) lintSettings(path, when string, l *declare.Lint) error {
	ofValue := when == declare.LintValue
	if err := onlyFor(path, when, setting{"macro", l.Macro != "" && when != declare.LintNoMacro}, setting{"field", l.Field != "" && !ofValue},
		setting{"holds", len(l.Holds) > 0 && !ofValue}, setting{"is", len(l.Is) > 0 && !ofValue}); err != nil {
		return err
	}
	if ofValue && len(l.Holds)+len(l.Is) == 0 {
		return refusal.Wrong(path+".holds", "is required with value, or is: of which values the warning is")
	}
	for i, held := range l.Holds {
		if utf8.RuneCountInString(held) == 1 {
			continue
		}
		if _, err := oneOf(refusal.At(path+".holds", i), cmp.Or(held, "nothing"), declare.HoldsEscape, declare.HoldsNonASCII, declare.HoldsLineSeparator,
			declare.HoldsNested, declare.HoldsList, declare.HoldsTiny); err != nil {
			return err
		}
	}
	return nil
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
		return refusal.Wrong("tolerance", "must be a duration from 1s to 24h, such as 5m")
	}
	if c.d.Finders.At == nil {
		return refusal.Wrong("tolerance", "needs a timestamp of the attempt among the parts")
	}
	c.d.Tolerance = tolerance
	return nil
}

// retries reads the delays that the network promises, and checks its backoff.
func (c *compiler) retries() error {
	if c.declaration.Retry != nil {
		c.d.Retry = []time.Duration{} // of none one attempt
	}
	for i, text := range c.declaration.Retry {
		delay, err := time.ParseDuration(text)
		if err != nil || delay <= 0 {
			return refusal.Wrong(refusal.At("retry", i), "must be a duration such as 30s")
		}
		c.d.Retry = append(c.d.Retry, delay)
	}
	b := c.declaration.Backoff
	if b == nil {
		return nil
	}
	first, longest := b.Delays()
	switch {
	case c.d.Retry != nil:
		return refusal.Wrong("backoff", "and retry are both given: declare the delays or how they grow")
	case first <= 0:
		return refusal.Wrong("backoff.initial", "must be a duration such as 30s")
	case longest < first:
		return refusal.Wrong("backoff.max_interval", "must be a duration, not shorter than initial (%s)", first)
	case !(b.Multiplier >= 1) || math.IsInf(b.Multiplier, 0):
		return refusal.Wrong("backoff.multiplier", "must be a number of at least 1")
	case b.MaxAttempts < 1:
		return refusal.Wrong("backoff.max_attempts", "must be at least 1")
	case !(b.Jitter >= 0 && b.Jitter <= 1):
		return refusal.Wrong("backoff.jitter", "must be between 0 and 1")
	default:
		return nil
	}
}
