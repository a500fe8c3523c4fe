package compile

import (
	"slices"

	"github.com/waybillhq/waybill/signer/internal/declare"
	"github.com/waybillhq/waybill/signer/internal/formula"
	"github.com/waybillhq/waybill/signer/internal/refusal"
	"github.com/waybillhq/waybill/signer/internal/template"
)

// Finder knows where a request says a value that was signed.
type Finder struct {
	In    string // header, query, macro, body, or template (of the signature's header)
	Name  string
	Macro int
	Stamp *formula.Stamp
}

// Finders are nil for what is not signed.
type Finders struct {
	ID, EventType, At, Occurred *Finder
}

// InTemplate is where a time is that the signature's header holds.
const InTemplate = "template"

// Field is what errors about a missing value speak of.
func (f *Finder) Field() string {
	switch f.In {
	case declare.InBody:
		return "body"
	case declare.PlaceHeader, InTemplate:
		return "headers"
	default:
		return "url"
	}
}

// Code is the code of those errors.
func (f *Finder) Code() string {
	if f.In == declare.InBody {
		return refusal.CodeBodyInvalid
	}
	return refusal.CodeValueMissing
}

// findings settles where a request says what was signed. A value that is signed
// but sent nowhere could not be verified by anybody.
func (c *compiler) findings() error {
	for i := range c.d.Formula.Parts {
		p := &c.d.Formula.Parts[i]
		path := refusal.At("parts", i)
		var err error
		switch {
		case p.Part.Part == declare.PartField:
			err = c.findField(path, p)
		case p.Part.Part == declare.PartMessageID:
			c.d.Finders.ID, err = c.locate(path, &p.Value)
		case p.Part.Part == declare.PartEventType:
			c.d.Finders.EventType, err = c.locate(path, &p.Value)
		case p.Part.Part == declare.PartTimestamp && p.Value.Stamp.OfEvent:
			c.d.Finders.Occurred, err = c.locate(path, &p.Value)
		case p.Part.Part == declare.PartTimestamp:
			c.d.Finders.At, err = c.locate(path, &p.Value)
		}
		if err != nil {
			return err
		}
	}
	c.d.UsesID = c.sends(declare.PartMessageID)
	return c.tolerance()
}

// findField checks that a member that is signed is sent.
func (c *compiler) findField(path string, p *formula.Part) error {
	switch {
	case c.d.Data.In == declare.InQuery && c.d.Data.Order == declare.OrderListed && !slices.Contains(c.d.Data.List, p.Field):
		return refusal.Wrong(path+".field", "%.40q is signed but not in data.list, so it is not sent", p.Field)
	case c.d.Data.In == declare.InURL && c.d.Data.Macros.StandsFor(p) < 0:
		return refusal.Wrong(path+".field", "%.40q is signed but no macro stands for it, so it cannot be sent", p.Field)
	case slices.Contains(c.d.Data.Reserved, p.Field):
		return refusal.Wrong(path+".field", "%.40q is not of the data: use the part that is added under this name", p.Field)
	}
	return nil
}

// locate returns where a value is sent.
func (c *compiler) locate(path string, v *formula.Value) (*Finder, error) {
	for _, a := range c.d.Headers {
		if a.Value.Same(v) {
			return &Finder{In: declare.PlaceHeader, Name: a.Name, Stamp: &v.Stamp}, nil
		}
	}
	for _, a := range slices.Concat(c.d.Data.First, c.d.Data.Last) {
		if a.Value.Same(v) {
			return &Finder{In: c.d.Data.In, Name: a.Name, Stamp: &v.Stamp}, nil
		}
	}
	if c.d.Place.Stamp != nil && v.Kind == declare.PartTimestamp && v.Stamp.Same(c.d.Place.Stamp) {
		return &Finder{In: InTemplate, Name: c.d.Place.Name, Stamp: &v.Stamp}, nil
	}
	if k := c.d.Data.Macros; k != nil {
		if i := slices.IndexFunc(k.All, func(m template.Macro) bool { return m.Value.Kind != "" && m.Value.Same(v) }); i >= 0 {
			return &Finder{In: declare.PlaceMacro, Name: k.All[i].Name, Macro: i, Stamp: &v.Stamp}, nil
		}
	}
	return nil, refusal.Wrong(path, "%s is signed but sent nowhere in the same form, so nobody could verify it: add it to headers, data.add, data.macros or place.template", v.Kind)
}

// sends says whether a value of a kind is sent or signed.
func (c *compiler) sends(kind string) bool {
	is := func(a Added) bool { return a.Value.Kind == kind }
	if slices.ContainsFunc(c.d.Headers, is) || slices.ContainsFunc(c.d.Data.First, is) || slices.ContainsFunc(c.d.Data.Last, is) {
		return true
	}
	if c.d.Data.Macros != nil && slices.ContainsFunc(c.d.Data.Macros.All, func(m template.Macro) bool { return m.Value.Kind == kind }) {
		return true
	}
	return c.d.Formula.Signs(kind)
}
