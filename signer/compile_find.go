package signer

import "slices"

// findings settles where a request says what was signed. A value that is signed
// but sent nowhere could not be verified by anybody.
func (c *compiler) findings() error {
	for i := range c.d.formula.parts {
		p := &c.d.formula.parts[i]
		path := at("parts", i)
		var err error
		switch {
		case p.Part.Part == partField:
			err = c.findField(path, p)
		case p.Part.Part == partMessageID:
			c.d.finders.id, err = c.locate(path, &p.value)
		case p.Part.Part == partEventType:
			c.d.finders.eventType, err = c.locate(path, &p.value)
		case p.Part.Part == partTimestamp && p.value.stamp.ofEvent:
			c.d.finders.occurred, err = c.locate(path, &p.value)
		case p.Part.Part == partTimestamp:
			c.d.finders.at, err = c.locate(path, &p.value)
		}
		if err != nil {
			return err
		}
	}
	c.d.usesID = c.sends(valueMessageID)
	return c.tolerance()
}

// findField checks that a member that is signed is sent.
func (c *compiler) findField(path string, p *part) error {
	switch {
	case c.d.data.in == inQuery && c.d.data.order == orderListed && !slices.Contains(c.d.data.list, p.Field):
		return wrong(path+".field", "%.40q is signed but not in data.list, so it is not sent", p.Field)
	case c.d.data.in == inURL && c.d.data.macros.standsFor(p) < 0:
		return wrong(path+".field", "%.40q is signed but no macro stands for it, so it cannot be sent", p.Field)
	case slices.Contains(c.d.data.reserved, p.Field):
		return wrong(path+".field", "%.40q is not of the data: use the part that is added under this name", p.Field)
	}
	return nil
}

// locate returns where a value is sent.
func (c *compiler) locate(path string, v *value) (*finder, error) {
	for _, a := range c.d.headers {
		if a.value.same(v) {
			return &finder{in: placeHeader, name: a.name, stamp: &v.stamp}, nil
		}
	}
	for _, a := range slices.Concat(c.d.data.first, c.d.data.last) {
		if a.value.same(v) {
			return &finder{in: c.d.data.in, name: a.name, stamp: &v.stamp}, nil
		}
	}
	if c.d.place.stamp != nil && v.kind == valueTimestamp && v.stamp.same(c.d.place.stamp) {
		return &finder{in: inTemplate, name: c.d.place.Name, stamp: &v.stamp}, nil
	}
	if k := c.d.data.macros; k != nil {
		if i := slices.IndexFunc(k.all, func(m macro) bool { return m.value.kind != "" && m.value.same(v) }); i >= 0 {
			return &finder{in: placeMacro, name: k.all[i].name, macro: i, stamp: &v.stamp}, nil
		}
	}
	return nil, wrong(path, "%s is signed but sent nowhere in the same form, so nobody could verify it: add it to headers, data.add, data.macros or place.template", v.kind)
}

// sends says whether a value of a kind is sent or signed.
func (c *compiler) sends(kind string) bool {
	is := func(a added) bool { return a.value.kind == kind }
	if slices.ContainsFunc(c.d.headers, is) || slices.ContainsFunc(c.d.data.first, is) || slices.ContainsFunc(c.d.data.last, is) {
		return true
	}
	if c.d.data.macros != nil && slices.ContainsFunc(c.d.data.macros.all, func(m macro) bool { return m.value.kind == kind }) {
		return true
	}
	return c.d.formula.signs(kind)
}
