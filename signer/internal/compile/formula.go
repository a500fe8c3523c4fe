package compile

import (
	"cmp"
	"slices"
	"strings"

	"github.com/waybillhq/waybill/signer/internal/declare"
	"github.com/waybillhq/waybill/signer/internal/formula"
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
	ofValues := f.Signs(declare.PartValues) && c.d.Data.In == declare.InURL
	f.OfMacros = ofValues || slices.ContainsFunc(f.Parts, func(p formula.Part) bool { return p.Macro != "" })
	f.OfURL = f.Signs(declare.PartURL) || f.Signs(declare.PartPathQuery) || f.Signs(declare.PartQuery) || f.Signs(declare.PartValues) && !ofValues
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
	made := formula.Part{Part: *declaration, InURL: c.d.Data.Encoding, OfMacros: c.d.Data.In == declare.InURL}
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
		setting{"when", declaration.When != "" && kind != declare.PartField},
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
	if err == nil && made.When != "" && c.d.Data.Macros != nil {
		made.Macro = c.macroOf(&made)
	}
	return made, err
}

// macroOf is the name of the macro that sends what a part signs; empty when none does.
func (c *compiler) macroOf(p *formula.Part) string {
	if macro := c.d.Data.Macros.StandsFor(p); macro >= 0 {
		return c.d.Data.Macros.All[macro].Name
	}
	return ""
}

// completePart checks what belongs to the part's kind.
func completePart(path string, p *formula.Part) error {
	var err error
	switch p.Part.Part {
	case declare.PartField:
		if p.Field == "" {
			return refusal.Wrong(path+".field", "is required")
		}
		if p.When, err = oneOf(path+".when", p.When, declare.WhenAlways, declare.WhenSent, declare.WhenFilled); err != nil {
			return err
		}
		if p.When == declare.WhenAlways {
			p.When = ""
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
			if _, err = oneOf(path+".encoding", p.Encoding, append(encodings(), declare.EncodingNone)...); err == nil {
				p.Written = encodingOf(p.Encoding)
			}
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
