package compile

import (
	"cmp"
	"slices"
	"strings"

	"github.com/waybillhq/waybill/signer/internal/declare"
	"github.com/waybillhq/waybill/signer/internal/formula"
	"github.com/waybillhq/waybill/signer/internal/object"
	"github.com/waybillhq/waybill/signer/internal/refusal"
	"github.com/waybillhq/waybill/signer/internal/template"
)

// place checks where the signature goes, and that it does not sign itself.
func (c *compiler) place() error {
	declaration := &c.declaration.Place
	if declaration.In == "" {
		return refusal.Wrong("place.in", "is required")
	}
	in, err := oneOf("place.in", declaration.In, declare.PlaceQuery, declare.PlaceMacro, declare.PlaceBody, declare.PlaceHeader)
	if err != nil {
		return err
	}
	if declaration.Name == "" {
		return refusal.Wrong("place.name", "is required")
	}
	c.d.Place = Place{Place: *declaration}
	switch in {
	case declare.PlaceQuery:
		err = c.placeInQuery()
	case declare.PlaceMacro:
		err = c.placeInMacro()
	case declare.PlaceBody:
		err = c.placeInBody()
	default:
		err = c.placeInHeader()
	}
	if err != nil {
		return err
	}
	if in != declare.PlaceHeader {
		return onlyFor("place", "in: "+in, setting{"overlap", declaration.Overlap != ""},
			setting{"template", declaration.Template != "" && in != declare.PlaceBody})
	}
	return nil
}

func (c *compiler) placeInQuery() error {
	name := c.d.Place.Name
	if object.CheckParameterName([]byte(name)) != nil {
		return refusal.Wrong("place.name", "a parameter's name may hold letters, digits, _ and - only, and must not be a number")
	}
	c.d.Tail = len("&=") + len(name) + c.d.Formula.Length
	if c.d.Formula.Output == declare.OutputBase64 {
		c.d.Tail += 2 * c.d.Formula.Length
	}
	if c.d.Data.In == declare.InQuery {
		if slices.Contains(c.d.Data.Reserved, name) {
			return refusal.Wrong("place.name", "%.40q is a parameter already", name)
		}
		c.d.Data.Reserved = append(c.d.Data.Reserved, name)
	}
	return nil
}

func (c *compiler) placeInMacro() error {
	known, found := c.d.Data.find(c.d.Place.Name)
	switch {
	case !found || !c.d.Data.Macros.All[known].Signature:
		return refusal.Wrong("place.name", "%.40q must be one of data.macros.known", c.d.Place.Name)
	case c.d.Formula.OfURL:
		return refusal.Wrong("place.in", "a macro's value cannot be part of a URL that is signed: use query or header")
	}
	c.d.Tail = 3 * c.d.Formula.Length
	return nil
}

func (c *compiler) placeInBody() error {
	if c.d.Data.In != declare.InBody {
		return refusal.Wrong("place.in", "there is no body: the data goes into the %s", c.d.Data.In)
	}
	c.d.Place.Path = strings.Split(c.d.Place.Name, ".")
	if slices.Contains(c.d.Place.Path, "") {
		return refusal.Wrong("place.name", "has an empty name in its path")
	}
	first := c.d.Place.Path[0]
	if slices.Contains(c.d.Data.Reserved, first) {
		return refusal.Wrong("place.name", "%.40q is a member already", first)
	}
	c.d.Data.Reserved = append(c.d.Data.Reserved, first)
	for i := range c.d.Formula.Parts {
		p := &c.d.Formula.Parts[i]
		switch {
		case p.Part.Part == declare.PartBody:
			return refusal.Wrong(refusal.At("parts", i), "the body holds the signature, so it cannot be signed as it is: use json, with the signature excepted")
		case p.Part.Part == declare.PartJSON && !slices.Contains(p.Except, first):
			return refusal.Wrong(refusal.At("parts", i)+".except", "must hold %s: the signature cannot sign itself", first)
		}
	}
	var err error
	c.d.Place.Pattern, err = compilePattern("place.template", c.d.Place.Template, false)
	return err
}

func (c *compiler) placeInHeader() error {
	if err := checkHeaderName("place.name", c.d.Place.Name); err != nil {
		return err
	}
	parts := c.d.Formula.Parts
	stamp := slices.IndexFunc(parts, func(p formula.Part) bool { return p.Part.Part == declare.PartTimestamp })
	var err error
	if c.d.Place.Pattern, err = compilePattern("place.template", c.d.Place.Template, stamp >= 0); err != nil {
		return err
	}
	if c.d.Place.Pattern.HasStamp() {
		c.d.Place.Stamp = &parts[stamp].Value.Stamp
	}
	if c.d.Place.Overlap == "" {
		return nil
	}
	if c.d.Place.OverlapPattern, err = compilePattern("place.overlap", c.d.Place.Overlap, false); err != nil {
		return err
	}
	if c.d.Place.OverlapPattern.Slots[0].Before == "" || c.d.Place.Pattern.End != "" {
		return refusal.Wrong("place.overlap", "needs a text before {sig}, and a template that ends with {sig}")
	}
	return nil
}

// compilePattern reads a template. It must hold {sig} once, and may hold {ts}
// once where stamps says so.
func compilePattern(path, text string, stamps bool) (template.Pattern, error) {
	var compiled template.Pattern
	rest := cmp.Or(text, "{sig}")
	signatures, times := strings.Count(rest, "{sig}"), strings.Count(rest, "{ts}")
	switch {
	case signatures != 1:
		return template.Pattern{}, refusal.Wrong(path, "must hold {sig} once")
	case times > 1 || times == 1 && !stamps:
		return template.Pattern{}, refusal.Wrong(path, "must not hold {ts} here: it stands for the timestamp among the parts, once")
	}
	for {
		open := strings.IndexByte(rest, '{')
		if open < 0 {
			compiled.End = rest
			return compiled, checkPattern(path, &compiled)
		}
		before, after := rest[:open], rest[open:]
		switch {
		case strings.HasPrefix(after, "{sig}"):
			compiled.Slots = append(compiled.Slots, template.Slot{Before: before})
			rest = after[len("{sig}"):]
		case strings.HasPrefix(after, "{ts}"):
			compiled.Slots = append(compiled.Slots, template.Slot{Before: before, Stamp: true})
			rest = after[len("{ts}"):]
		default:
			return template.Pattern{}, refusal.Wrong(path, "knows {sig} and {ts} only")
		}
	}
}

func checkPattern(path string, p *template.Pattern) error {
	for i := range p.Slots {
		if i > 0 && p.Slots[i].Before == "" {
			return refusal.Wrong(path, "needs a text between {ts} and {sig}: nobody could tell them apart")
		}
	}
	for i := range len(p.End) {
		if p.End[i] < ' ' || p.End[i] > '~' {
			return refusal.Wrong(path, "must hold printable ASCII characters only")
		}
	}
	return nil
}
