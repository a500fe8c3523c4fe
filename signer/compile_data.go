package signer

import (
	"slices"
	"strings"
)

// carriage checks where the data goes.
func (c *compiler) carriage() error {
	data := &c.declaration.Data
	if data.In == "" {
		return wrong("data.in", "is required")
	}
	in, err := oneOf("data.in", data.In, inQuery, inURL, inBody)
	if err != nil {
		return err
	}
	c.d.data.in = in
	switch in {
	case inQuery:
		err = c.queryData(data)
	case inURL:
		err = c.macroData(data)
	default:
		err = c.bodyData(data)
	}
	if err != nil {
		return err
	}
	if in != inBody {
		encoding, err := oneOf("data.encoding", data.Encoding, encoding3986, encoding1738)
		if err != nil {
			return err
		}
		c.d.data.form = encoding == encoding1738
	}
	return c.additions(data)
}

func (c *compiler) queryData(data *Data) error {
	if err := onlyFor("data", "in: query", setting{"style", data.Style != ""}, setting{"macros", data.Macros != nil}); err != nil {
		return err
	}
	order, err := oneOf("data.order", data.Order, orderGiven, orderSorted, orderListed)
	if err != nil {
		return err
	}
	if (order == orderListed) != (len(data.List) > 0) {
		return wrong("data.list", "belongs to order: listed, and must not be empty there")
	}
	c.d.data.order, c.d.data.list, c.d.data.ownQuery = order, slices.Clone(data.List), data.OwnQuery
	return nil
}

func (c *compiler) bodyData(data *Data) error {
	err := onlyFor("data", "in: body", setting{"list", len(data.List) > 0}, setting{"encoding", data.Encoding != ""},
		setting{"own_query", data.OwnQuery}, setting{"macros", data.Macros != nil})
	if err != nil {
		return err
	}
	style, err := oneOf("data.style", data.Style, styleVerbatim, styleJavaScript, stylePHP)
	if err != nil {
		return err
	}
	order, err := oneOf("data.order", data.Order, orderGiven, orderSorted)
	switch {
	case err != nil:
		return err
	case style == styleVerbatim && order == orderSorted:
		return wrong("data.order", "sorted needs the style javascript or php: verbatim keeps the data's own order")
	case style != styleVerbatim:
		c.d.data.rewrite = &canonicalizer{sorted: order == orderSorted, php: style == stylePHP}
	}
	return nil
}

func (c *compiler) macroData(data *Data) error {
	err := onlyFor("data", "in: url", setting{"order", data.Order != ""}, setting{"list", len(data.List) > 0},
		setting{"style", data.Style != ""}, setting{"own_query", data.OwnQuery}, setting{"add", len(data.Add) > 0})
	if err != nil {
		return err
	}
	if data.Macros == nil {
		return wrong("data.macros", "is required with in: url")
	}
	table := &macros{open: data.Macros.Open, close: data.Macros.Close, index: map[string]int{}, fields: map[string]struct{}{}}
	if err := checkSpelling(table); err != nil {
		return err
	}
	if len(data.Macros.Known) == 0 {
		return wrong("data.macros.known", "is required")
	}
	for i := range data.Macros.Known {
		if err := table.add(at("data.macros.known", i), &data.Macros.Known[i], &c.declaration.Place); err != nil {
			return err
		}
	}
	c.d.data.macros = table
	return nil
}

// checkSpelling refuses brackets that cannot be told from the rest of a URL.
func checkSpelling(table *macros) error {
	const longest, allowed = 3, "[]{}<>%$|"
	for path, text := range map[string]string{"data.macros.open": table.open, "data.macros.close": table.close} {
		if text == "" || len(text) > longest || strings.Trim(text, allowed) != "" {
			return wrong(path, "must be one to %d of the characters %s", longest, allowed)
		}
	}
	if table.open[0] == '%' {
		return wrong("data.macros.open", "must not begin with %%, which begins an escape in a URL")
	}
	return nil
}

func (k *macros) add(path string, declaration *Macro, place *Place) error {
	stands := macro{name: declaration.Name, aliases: declaration.Aliases, optional: declaration.Optional}
	stands.signature = place.In == placeMacro && place.Name == declaration.Name
	for i, name := range append([]string{declaration.Name}, declaration.Aliases...) {
		at := path + ".name"
		if i > 0 {
			at = path + ".aliases"
		}
		if name == "" || slices.ContainsFunc([]byte(name), func(c byte) bool { return !isMacroLetter(c) }) {
			return wrong(at, "%.40q: a macro's name may hold letters, digits and - . _ ~ : only", name)
		}
		if _, taken := k.index[name]; taken {
			return wrong(at, "%s is there already", name)
		}
		k.index[name] = len(k.all)
		k.names = append(k.names, name)
	}
	if err := stands.mean(path, declaration); err != nil {
		return err
	}
	if stands.field != "" {
		k.fields[stands.field] = struct{}{}
	}
	k.all = append(k.all, stands)
	return nil
}

// mean says what a macro stands for.
func (m *macro) mean(path string, declaration *Macro) error {
	if declaration.Value == "" {
		if m.field = declaration.Field; m.field == "" && !m.signature {
			m.field = declaration.Name
		}
		if m.signature && m.optional {
			return wrong(path+".optional", "the signature is always there")
		}
		return onlyFor(path, "a field", setting{"format", declaration.Format != ""}, setting{"zone", declaration.Zone != ""})
	}
	if declaration.Field != "" || m.signature {
		return wrong(path+".value", "the macro stands for something else already")
	}
	if m.optional {
		return wrong(path+".optional", "has no meaning with %s, which every event has", declaration.Value)
	}
	kind, err := oneOf(path+".value", declaration.Value, valueMessageID, valueEventType, valueTimestamp)
	if err != nil {
		return err
	}
	m.value, err = compileValue(path, kind, "", declaration.Format, declaration.Zone, "")
	return err
}

// standsFor returns the macro that sends what a part signs, or -1.
func (k *macros) standsFor(p *part) int {
	return slices.IndexFunc(k.all, func(m macro) bool {
		if p.Part.Part == partField {
			return m.field == p.Field
		}
		return m.value.kind == p.Part.Part && m.value.same(&p.value)
	})
}

// additions checks what is sent besides the data.
func (c *compiler) additions(data *Data) error {
	for i := range data.Add {
		path := at("data.add", i)
		made, err := c.added(path, &data.Add[i])
		if err != nil {
			return err
		}
		if slices.Contains(c.d.data.reserved, made.name) {
			return wrong(path+".name", "%.40q is there already", made.name)
		}
		if c.d.data.in == inQuery && checkParameterName([]byte(made.name)) != nil {
			return wrong(path+".name", "a parameter's name may hold letters, digits, _ and - only, and must not be a number")
		}
		position, err := oneOf(path+".at", data.Add[i].At, "last", "first")
		if err != nil {
			return err
		}
		if position == "first" {
			c.d.data.first = append(c.d.data.first, made)
		} else {
			c.d.data.last = append(c.d.data.last, made)
		}
		c.d.data.reserved = append(c.d.data.reserved, made.name)
	}
	return nil
}
