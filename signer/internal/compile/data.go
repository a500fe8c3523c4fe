package compile

import (
	"slices"
	"strings"

	"github.com/waybillhq/waybill/signer/internal/declare"
	"github.com/waybillhq/waybill/signer/internal/formula"
	"github.com/waybillhq/waybill/signer/internal/object"
	"github.com/waybillhq/waybill/signer/internal/refusal"
	"github.com/waybillhq/waybill/signer/internal/template"
)

// carriage checks where the data goes.
func (c *compiler) carriage() error {
	data := &c.declaration.Data
	if data.In == "" {
		return refusal.Wrong("data.in", "is required")
	}
	in, err := oneOf("data.in", data.In, declare.InQuery, declare.InURL, declare.InBody)
	if err != nil {
		return err
	}
	c.d.Data.In = in
	switch in {
	case declare.InQuery:
		err = c.queryData(data)
	case declare.InURL:
		err = c.macroData(data)
	default:
		err = c.bodyData(data)
	}
	if err != nil {
		return err
	}
	if in != declare.InBody {
		encoding, err := oneOf("data.encoding", data.Encoding, encodings()...)
		if err != nil {
			return err
		}
		c.d.Data.Encoding = encodingOf(encoding)
	}
	return c.additions(data)
}

func (c *compiler) queryData(data *declare.Data) error {
	if err := onlyFor("data", "in: query", setting{"style", data.Style != ""}, setting{"macros", data.Macros != nil}); err != nil {
		return err
	}
	order, err := oneOf("data.order", data.Order, declare.OrderGiven, declare.OrderSorted, declare.OrderListed)
	if err != nil {
		return err
	}
	if (order == declare.OrderListed) != (len(data.List) > 0) {
		return refusal.Wrong("data.list", "belongs to order: listed, and must not be empty there")
	}
	c.d.Data.Order, c.d.Data.List, c.d.Data.OwnQuery = order, slices.Clone(data.List), data.OwnQuery
	return nil
}

func (c *compiler) bodyData(data *declare.Data) error {
	err := onlyFor("data", "in: body", setting{"list", len(data.List) > 0}, setting{"encoding", data.Encoding != ""},
		setting{"own_query", data.OwnQuery}, setting{"macros", data.Macros != nil})
	if err != nil {
		return err
	}
	style, err := oneOf("data.style", data.Style, declare.StyleVerbatim, declare.StyleJavaScript, declare.StylePHP)
	if err != nil {
		return err
	}
	order, err := oneOf("data.order", data.Order, declare.OrderGiven, declare.OrderSorted)
	switch {
	case err != nil:
		return err
	case style == declare.StyleVerbatim && order == declare.OrderSorted:
		return refusal.Wrong("data.order", "sorted needs the style javascript or php: verbatim keeps the data's own order")
	case style != declare.StyleVerbatim:
		c.d.Data.Rewrite = &formula.Canonicalizer{Sorted: order == declare.OrderSorted, Php: style == declare.StylePHP}
	}
	return nil
}

func (c *compiler) macroData(data *declare.Data) error {
	err := onlyFor("data", "in: url", setting{"order", data.Order != ""}, setting{"list", len(data.List) > 0},
		setting{"style", data.Style != ""}, setting{"own_query", data.OwnQuery}, setting{"add", len(data.Add) > 0})
	if err != nil {
		return err
	}
	if data.Macros == nil {
		return refusal.Wrong("data.macros", "is required with in: url")
	}
	table := &template.Macros{Open: data.Macros.Open, Close: data.Macros.Close, Index: map[string]int{}, Fields: map[string]struct{}{}}
	if err := checkSpelling(table); err != nil {
		return err
	}
	if len(data.Macros.Known) == 0 {
		return refusal.Wrong("data.macros.known", "is required")
	}
	for i := range data.Macros.Known {
		if err := addMacro(table, refusal.At("data.macros.known", i), &data.Macros.Known[i], &c.declaration.Place); err != nil {
			return err
		}
	}
	c.d.Data.Macros = table
	return nil
}

// checkSpelling refuses brackets that cannot be told from the rest of a URL.
func checkSpelling(table *template.Macros) error {
	const longest, allowed = 3, "[]{}<>%$|"
	for path, text := range map[string]string{"data.macros.open": table.Open, "data.macros.close": table.Close} {
		if text == "" || len(text) > longest || strings.Trim(text, allowed) != "" {
			return refusal.Wrong(path, "must be one to %d of the characters %s", longest, allowed)
		}
	}
	if table.Open[0] == '%' {
		return refusal.Wrong("data.macros.open", "must not begin with %%, which begins an escape in a URL")
	}
	return nil
}

func addMacro(k *template.Macros, path string, declaration *declare.Macro, place *declare.Place) error {
	stands := template.Macro{Name: declaration.Name, Aliases: declaration.Aliases, Optional: declaration.Optional}
	stands.Signature = place.In == declare.PlaceMacro && place.Name == declaration.Name
	for i, name := range append([]string{declaration.Name}, declaration.Aliases...) {
		at := path + ".name"
		if i > 0 {
			at = path + ".aliases"
		}
		if name == "" || slices.ContainsFunc([]byte(name), func(c byte) bool { return !template.IsMacroLetter(c) }) {
			return refusal.Wrong(at, "%.40q: a macro's name may hold letters, digits and - . _ ~ : only", name)
		}
		if _, taken := k.Index[name]; taken {
			return refusal.Wrong(at, "%s is there already", name)
		}
		k.Index[name] = len(k.All)
		k.Names = append(k.Names, name)
	}
	if err := giveMeaning(&stands, path, declaration); err != nil {
		return err
	}
	if stands.Field != "" {
		k.Fields[stands.Field] = struct{}{}
	}
	k.All = append(k.All, stands)
	return nil
}

// giveMeaning says what a macro stands for.
func giveMeaning(m *template.Macro, path string, declaration *declare.Macro) error {
	if declaration.Value == "" {
		if m.Field = declaration.Field; m.Field == "" && !m.Signature {
			m.Field = declaration.Name
		}
		if m.Signature && m.Optional {
			return refusal.Wrong(path+".optional", "the signature is always there")
		}
		return onlyFor(path, "a field", setting{"format", declaration.Format != ""}, setting{"zone", declaration.Zone != ""})
	}
	if declaration.Field != "" || m.Signature {
		return refusal.Wrong(path+".value", "the macro stands for something else already")
	}
	if m.Optional {
		return refusal.Wrong(path+".optional", "has no meaning with %s, which every event has", declaration.Value)
	}
	kind, err := oneOf(path+".value", declaration.Value, declare.PartMessageID, declare.PartEventType, declare.PartTimestamp)
	if err != nil {
		return err
	}
	m.Value, err = compileValue(path, kind, "", declaration.Format, declaration.Zone, "")
	return err
}

// additions checks what is sent besides the data.
func (c *compiler) additions(data *declare.Data) error {
	for i := range data.Add {
		path := refusal.At("data.add", i)
		made, err := c.added(path, &data.Add[i])
		if err != nil {
			return err
		}
		if slices.Contains(c.d.Data.Reserved, made.Name) {
			return refusal.Wrong(path+".name", "%.40q is there already", made.Name)
		}
		if c.d.Data.In == declare.InQuery && object.CheckParameterName([]byte(made.Name)) != nil {
			return refusal.Wrong(path+".name", "a parameter's name may hold letters, digits, _ and - only, and must not be a number")
		}
		position, err := oneOf(path+".at", data.Add[i].At, "last", "first")
		if err != nil {
			return err
		}
		if position == "first" {
			c.d.Data.First = append(c.d.Data.First, made)
		} else {
			c.d.Data.Last = append(c.d.Data.Last, made)
		}
		c.d.Data.Reserved = append(c.d.Data.Reserved, made.Name)
	}
	return nil
}
