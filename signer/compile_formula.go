package signer

import (
	"net/textproto"
	"slices"
	"strings"
)

// formula checks what is signed, and how.
func (c *compiler) formula() error {
	f := &c.d.formula
	if len(c.declaration.Parts) == 0 {
		return wrong("parts", "is required")
	}
	for i := range c.declaration.Parts {
		made, err := c.part(at("parts", i), &c.declaration.Parts[i])
		if err != nil {
			return err
		}
		f.parts = append(f.parts, made)
	}
	f.joiner = c.declaration.Joiner
	if i := slices.IndexFunc(f.parts, isSecret); i >= 0 && slices.ContainsFunc(f.parts[i+1:], isSecret) {
		return wrong("parts", "hold the secret twice")
	}
	f.hasSecret, f.hasFields = f.signs(partSecret), f.signs(partField)
	f.ofMacros = f.signs(partValues) && c.d.data.in == inURL
	f.ofURL = f.signs(partURL) || f.signs(partPathQuery) || f.signs(partQuery) || f.signs(partValues) && !f.ofMacros
	if kind := f.parts[0].Part.Part; len(f.parts) == 1 && !f.parts[0].Base64 && (kind == partURL || kind == partBody) {
		f.whole = kind
	}
	return c.algorithm()
}

func isSecret(p part) bool { return p.Part.Part == partSecret }

func (c *compiler) algorithm() error {
	f := &c.d.formula
	name, keyed := strings.CutPrefix(c.declaration.Algorithm, "hmac-")
	if f.algorithm, f.keyed = algorithmOf(name), keyed; f.algorithm == nil {
		_, err := oneOf("algorithm", or(c.declaration.Algorithm, "none"),
			"md5", "sha1", "sha256", "sha512", "hmac-md5", "hmac-sha1", "hmac-sha256", "hmac-sha512")
		return err
	}
	if !keyed && !f.hasSecret {
		return wrong("algorithm", "%s without the secret among the parts is a signature that anybody can make", name)
	}
	if !keyed && c.declaration.Key != (Key{}) {
		return wrong("key", "has no meaning with a digest: it has no key")
	}
	var err error
	if f.key.encoding, err = oneOf("key.encoding", c.declaration.Key.Encoding, keyUTF8, keyHex, keyBase64); err != nil {
		return err
	}
	f.key.prefix = c.declaration.Key.Prefix
	if f.output, err = oneOf("output", c.declaration.Output, outputHex, outputHexUpper, outputBase64, outputBase64URL); err != nil {
		return err
	}
	f.length = len(f.encode(nil, make([]byte, f.algorithm().Size())))
	return nil
}

// part checks a part: its kind, that it can be had where the data goes, and
// that nothing is set which has no meaning for it.
func (c *compiler) part(path string, declaration *Part) (part, error) {
	kind := declaration.Part
	if kind == "" {
		return part{}, wrong(path+".part", "is required")
	}
	if _, err := oneOf(path+".part", kind, partLiteral, partField, partSecret, partTimestamp, partMessageID, partEventType,
		partMethod, partURL, partPathQuery, partQuery, partValues, partBody, partJSON); err != nil {
		return part{}, err
	}
	made := part{Part: *declaration, form1738: c.d.data.form, ofMacros: c.d.data.in == inURL}
	inBody, ofQuery := c.d.data.in == inBody, kind == partQuery
	switch {
	case (kind == partBody || kind == partJSON) && !inBody:
		return part{}, wrong(path+".part", "there is no body: the data goes into the %s", c.d.data.in)
	case kind == partSecret && declaration.Base64:
		return part{}, wrong(path+".base64", "has no meaning for the secret")
	}
	if err := onlyFor(path, kind,
		setting{"text", declaration.Text != "" && kind != partLiteral},
		setting{"field", declaration.Field != "" && kind != partField},
		setting{"form", declaration.Form != "" && kind != partField},
		setting{"order", declaration.Order != "" && !ofQuery && kind != partJSON},
		setting{"list", len(declaration.List) > 0 && !ofQuery},
		setting{"except", len(declaration.Except) > 0 && !ofQuery && kind != partValues && kind != partJSON},
		setting{"encoding", declaration.Encoding != "" && !ofQuery},
		setting{"style", declaration.Style != "" && kind != partJSON},
		setting{"separator", declaration.Separator != "" && kind != partValues},
	); err != nil {
		return part{}, err
	}
	return made, made.complete(path)
}

// complete checks what belongs to the part's kind.
func (p *part) complete(path string) error {
	var err error
	switch p.Part.Part {
	case partField:
		if p.Field == "" {
			return wrong(path+".field", "is required")
		}
		p.Form, err = oneOf(path+".form", p.Form, formDecoded, formRaw, formInteger)
	case partQuery:
		if p.Order, err = oneOf(path+".order", p.Order, orderGiven, orderSorted, orderListed); err != nil {
			return err
		}
		if (p.Order == orderListed) != (len(p.List) > 0) {
			return wrong(path+".list", "belongs to order: listed, and must not be empty there")
		}
		if p.Encoding != "" {
			_, err = oneOf(path+".encoding", p.Encoding, encoding3986, encoding1738, encodingNone)
		}
	case partJSON:
		if p.Order, err = oneOf(path+".order", p.Order, orderGiven, orderSorted); err != nil {
			return err
		}
		p.Style, err = oneOf(path+".style", p.Style, styleJavaScript, stylePHP)
		p.canonical = canonicalizer{sorted: p.Order == orderSorted, php: p.Style == stylePHP, except: slices.Clone(p.Except)}
	case partLiteral, partMessageID, partEventType, partTimestamp:
		p.value, err = compileValue(path, p.Part.Part, p.Text, p.Format, p.Zone, p.Of)
	default:
		return onlyFor(path, p.Part.Part, setting{"format", p.Format != ""}, setting{"zone", p.Zone != ""}, setting{"of", p.Of != ""})
	}
	return err
}

// place checks where the signature goes, and that it does not sign itself.
func (c *compiler) place() error {
	declaration := &c.declaration.Place
	if declaration.In == "" {
		return wrong("place.in", "is required")
	}
	in, err := oneOf("place.in", declaration.In, placeQuery, placeMacro, placeBody, placeHeader)
	if err != nil {
		return err
	}
	if declaration.Name == "" {
		return wrong("place.name", "is required")
	}
	c.d.place = place{Place: *declaration}
	switch in {
	case placeQuery:
		err = c.placeInQuery()
	case placeMacro:
		err = c.placeInMacro()
	case placeBody:
		err = c.placeInBody()
	default:
		err = c.placeInHeader()
	}
	if err != nil {
		return err
	}
	if in != placeHeader {
		return onlyFor("place", "in: "+in, setting{"overlap", declaration.Overlap != ""},
			setting{"template", declaration.Template != "" && in != placeBody})
	}
	return nil
}

func (c *compiler) placeInQuery() error {
	name := c.d.place.Name
	if checkParameterName([]byte(name)) != nil {
		return wrong("place.name", "a parameter's name may hold letters, digits, _ and - only, and must not be a number")
	}
	c.d.tail = len("&=") + len(name) + c.d.formula.length
	if c.d.formula.output == outputBase64 {
		c.d.tail += 2 * c.d.formula.length
	}
	if c.d.data.in == inQuery {
		if slices.Contains(c.d.data.reserved, name) {
			return wrong("place.name", "%.40q is a parameter already", name)
		}
		c.d.data.reserved = append(c.d.data.reserved, name)
	}
	return nil
}

func (c *compiler) placeInMacro() error {
	known, found := c.d.data.find(c.d.place.Name)
	switch {
	case !found || !c.d.data.macros.all[known].signature:
		return wrong("place.name", "%.40q must be one of data.macros.known", c.d.place.Name)
	case c.d.formula.ofURL:
		return wrong("place.in", "a macro's value cannot be part of a URL that is signed: use query or header")
	}
	c.d.tail = 3 * c.d.formula.length
	return nil
}

func (c *compiler) placeInBody() error {
	if c.d.data.in != inBody {
		return wrong("place.in", "there is no body: the data goes into the %s", c.d.data.in)
	}
	c.d.place.path = strings.Split(c.d.place.Name, ".")
	if slices.Contains(c.d.place.path, "") {
		return wrong("place.name", "has an empty name in its path")
	}
	first := c.d.place.path[0]
	if slices.Contains(c.d.data.reserved, first) {
		return wrong("place.name", "%.40q is a member already", first)
	}
	c.d.data.reserved = append(c.d.data.reserved, first)
	for i := range c.d.formula.parts {
		p := &c.d.formula.parts[i]
		switch {
		case p.Part.Part == partBody:
			return wrong(at("parts", i), "the body holds the signature, so it cannot be signed as it is: use json, with the signature excepted")
		case p.Part.Part == partJSON && !slices.Contains(p.Except, first):
			return wrong(at("parts", i)+".except", "must hold %s: the signature cannot sign itself", first)
		}
	}
	var err error
	c.d.place.template, err = compilePattern("place.template", c.d.place.Template, false)
	return err
}

func (c *compiler) placeInHeader() error {
	if err := checkHeaderName("place.name", c.d.place.Name); err != nil {
		return err
	}
	c.d.place.Name = textproto.CanonicalMIMEHeaderKey(c.d.place.Name)
	parts := c.d.formula.parts
	stamp := slices.IndexFunc(parts, func(p part) bool { return p.Part.Part == partTimestamp })
	var err error
	if c.d.place.template, err = compilePattern("place.template", c.d.place.Template, stamp >= 0); err != nil {
		return err
	}
	if c.d.place.template.hasStamp() {
		c.d.place.stamp = &parts[stamp].value.stamp
	}
	if c.d.place.Overlap == "" {
		return nil
	}
	if c.d.place.overlap, err = compilePattern("place.overlap", c.d.place.Overlap, false); err != nil {
		return err
	}
	if c.d.place.overlap.slots[0].before == "" || c.d.place.template.end != "" {
		return wrong("place.overlap", "needs a text before {sig}, and a template that ends with {sig}")
	}
	return nil
}
