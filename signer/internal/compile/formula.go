package compile

import (
	"cmp"
	"net/textproto"
	"slices"
	"strings"

	"github.com/waybillhq/waybill/signer/internal/declare"
	"github.com/waybillhq/waybill/signer/internal/formula"
	"github.com/waybillhq/waybill/signer/internal/object"
	"github.com/waybillhq/waybill/signer/internal/refusal"
)

// formula checks what is signed, and how.
func (c *compiler) formula() error {
	f := &c.d.Formula
	if len(c.declaration.Parts) == 0 {
		return refusal.Wrong("parts", "is required")
	}
	for i := range c.declaration.Parts {
		made, err := c.part(refusal.At("parts", i), &c.declaration.Parts[i])
		if err != nil {
			return err
		}
		f.Parts = append(f.Parts, made)
	}
	f.Joiner = c.declaration.Joiner
	if i := slices.IndexFunc(f.Parts, isSecret); i >= 0 && slices.ContainsFunc(f.Parts[i+1:], isSecret) {
		return refusal.Wrong("parts", "hold the secret twice")
	}
	f.HasSecret, f.HasFields = f.Signs(declare.PartSecret), f.Signs(declare.PartField)
	f.OfMacros = f.Signs(declare.PartValues) && c.d.Data.In == declare.InURL
	f.OfURL = f.Signs(declare.PartURL) || f.Signs(declare.PartPathQuery) || f.Signs(declare.PartQuery) || f.Signs(declare.PartValues) && !f.OfMacros
	if kind := f.Parts[0].Part.Part; len(f.Parts) == 1 && !f.Parts[0].Base64 && (kind == declare.PartURL || kind == declare.PartBody) {
		f.Whole = kind
	}
	return c.algorithm()
}

func isSecret(p formula.Part) bool { return p.Part.Part == declare.PartSecret }

func (c *compiler) algorithm() error {
	f := &c.d.Formula
	name, keyed := strings.CutPrefix(c.declaration.Algorithm, "hmac-")
	if f.Algorithm, f.Keyed = formula.AlgorithmOf(name), keyed; f.Algorithm == nil {
		_, err := oneOf("algorithm", cmp.Or(c.declaration.Algorithm, "none"),
			"md5", "sha1", "sha256", "sha512", "hmac-md5", "hmac-sha1", "hmac-sha256", "hmac-sha512")
		return err
	}
	if !keyed && !f.HasSecret {
		return refusal.Wrong("algorithm", "%s without the secret among the parts is a signature that anybody can make", name)
	}
	if !keyed && c.declaration.Key != (declare.Key{}) {
		return refusal.Wrong("key", "has no meaning with a digest: it has no key")
	}
	var err error
	if f.Key.Encoding, err = oneOf("key.encoding", c.declaration.Key.Encoding, declare.KeyUTF8, declare.KeyHex, declare.KeyBase64); err != nil {
		return err
	}
	f.Key.Prefix = c.declaration.Key.Prefix
	if f.Output, err = oneOf("output", c.declaration.Output, declare.OutputHex, declare.OutputHexUpper, declare.OutputBase64, declare.OutputBase64URL); err != nil {
		return err
	}
	f.Length = len(f.Encode(nil, make([]byte, f.Algorithm().Size())))
	return nil
}

// part checks a part: its kind, that it can be had where the data goes, and
// that nothing is set which has no meaning for it.
func (c *compiler) part(path string, declaration *declare.Part) (formula.Part, error) {
	kind := declaration.Part
	if kind == "" {
		return formula.Part{}, refusal.Wrong(path+".part", "is required")
	}
	if _, err := oneOf(path+".part", kind, declare.PartLiteral, declare.PartField, declare.PartSecret, declare.PartTimestamp, declare.PartMessageID, declare.PartEventType,
		declare.PartMethod, declare.PartURL, declare.PartPathQuery, declare.PartQuery, declare.PartValues, declare.PartBody, declare.PartJSON); err != nil {
		return formula.Part{}, err
	}
	made := formula.Part{Part: *declaration, Form1738: c.d.Data.Form, OfMacros: c.d.Data.In == declare.InURL}
	inBody, ofQuery := c.d.Data.In == declare.InBody, kind == declare.PartQuery
	switch {
	case (kind == declare.PartBody || kind == declare.PartJSON) && !inBody:
		return formula.Part{}, refusal.Wrong(path+".part", "there is no body: the data goes into the %s", c.d.Data.In)
	case kind == declare.PartSecret && declaration.Base64:
		return formula.Part{}, refusal.Wrong(path+".base64", "has no meaning for the secret")
	}
	if err := onlyFor(path, kind,
		setting{"text", declaration.Text != "" && kind != declare.PartLiteral},
		setting{"field", declaration.Field != "" && kind != declare.PartField},
		setting{"form", declaration.Form != "" && kind != declare.PartField},
		setting{"order", declaration.Order != "" && !ofQuery && kind != declare.PartJSON},
		setting{"list", len(declaration.List) > 0 && !ofQuery},
		setting{"except", len(declaration.Except) > 0 && !ofQuery && kind != declare.PartValues && kind != declare.PartJSON},
		setting{"encoding", declaration.Encoding != "" && !ofQuery},
		setting{"style", declaration.Style != "" && kind != declare.PartJSON},
		setting{"separator", declaration.Separator != "" && kind != declare.PartValues},
	); err != nil {
		return formula.Part{}, err
	}
	err := completePart(path, &made)
	return made, err
}

// completePart checks what belongs to the part's kind.
func completePart(path string, p *formula.Part) error {
	var err error
	switch p.Part.Part {
	case declare.PartField:
		if p.Field == "" {
			return refusal.Wrong(path+".field", "is required")
		}
		p.Form, err = oneOf(path+".form", p.Form, declare.FormDecoded, declare.FormRaw, declare.FormInteger)
	case declare.PartQuery:
		if p.Order, err = oneOf(path+".order", p.Order, declare.OrderGiven, declare.OrderSorted, declare.OrderListed); err != nil {
			return err
		}
		if (p.Order == declare.OrderListed) != (len(p.List) > 0) {
			return refusal.Wrong(path+".list", "belongs to order: listed, and must not be empty there")
		}
		if p.Encoding != "" {
			_, err = oneOf(path+".encoding", p.Encoding, declare.Encoding3986, declare.Encoding1738, declare.EncodingNone)
		}
	case declare.PartJSON:
		if p.Order, err = oneOf(path+".order", p.Order, declare.OrderGiven, declare.OrderSorted); err != nil {
			return err
		}
		p.Style, err = oneOf(path+".style", p.Style, declare.StyleJavaScript, declare.StylePHP)
		p.Canonical = formula.Canonicalizer{Sorted: p.Order == declare.OrderSorted, Php: p.Style == declare.StylePHP, Except: slices.Clone(p.Except)}
	case declare.PartLiteral, declare.PartMessageID, declare.PartEventType, declare.PartTimestamp:
		p.Value, err = compileValue(path, p.Part.Part, p.Text, p.Format, p.Zone, p.Of)
	default:
		return onlyFor(path, p.Part.Part, setting{"format", p.Format != ""}, setting{"zone", p.Zone != ""}, setting{"of", p.Of != ""})
	}
	return err
}

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
	c.d.Place.Name = textproto.CanonicalMIMEHeaderKey(c.d.Place.Name)
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
