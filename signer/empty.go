package signer

import (
	"encoding/json"
	"slices"

	"github.com/waybillhq/waybill/signer/internal/object"
	"github.com/waybillhq/waybill/signer/internal/refusal"
	"github.com/waybillhq/waybill/signer/internal/template"
)

// AnyMacro stands for every macro in a list of those that may be empty.
const AnyMacro = "*"

// Empty is a macro of a URL that the data has no value for: it is sent empty.
type Empty struct {
	Macro string // as a person writes it, such as [%UID%]
	Field string // the member that it stands for, such as data.uid
}

// EmptyMacros lists the macros of a target's URL that the data has no value for: no
// member, null, or an empty text. It has nothing to say of a URL or of data that is
// refused.
func (d *Definition) EmptyMacros(target Target, data json.RawMessage) []Empty {
	var empty []Empty
	known, without := d.withoutValue(target, data)
	for _, one := range without {
		empty = append(empty, describe(known, one))
	}
	return empty
}

// CheckMacros refuses data that has no value for a macro of the target's URL, unless
// that one may be empty: its declaration says that it is optional, or mayBeEmpty
// names it (by its name or an alias; AnyMacro names all). Like EmptyMacros it has
// nothing to say of what is refused anyway.
func (d *Definition) CheckMacros(target Target, data json.RawMessage, mayBeEmpty []string) error {
	known, without := d.withoutValue(target, data)
	for _, one := range without {
		if known.All[one].Optional || named(known, one, mayBeEmpty) {
			continue
		}
		empty := describe(known, one)
		return refusal.New(empty.Field, CodeValueMissing,
			"is required: the endpoint's URL has the macro %s for it. Where it may be sent empty, the endpoint's allow_empty must name it", empty.Macro)
	}
	return nil
}

// CheckMayBeEmpty refuses a list for CheckMacros that names what is no macro of the
// scheme.
func (d *Definition) CheckMayBeEmpty(names []string) error {
	for i, name := range names {
		if name == AnyMacro {
			continue
		}
		path := refusal.At("allow_empty", i)
		scheme, ok := d.Scheme.(*declared)
		if !ok || scheme.Data.Macros == nil {
			return refusal.New(path, CodeMacroUnknown, "%.40q is no macro: the URLs of scheme %s have none", name, d.Name())
		}
		if _, known := scheme.Data.Macros.Index[name]; !known {
			unknown := scheme.Data.Macros.Unknown(name)
			return refusal.New(path, unknown.Code, "%s", unknown.Message)
		}
	}
	return nil
}

// withoutValue returns the scheme's macros, and which of those in the target's URL
// the data has no value for.
func (d *Definition) withoutValue(target Target, data json.RawMessage) (*template.Macros, []int) {
	scheme, ok := d.Scheme.(*declared)
	if !ok || scheme.Data.Macros == nil {
		return nil, nil
	}
	place, err := scheme.site(target)
	if err != nil {
		return nil, nil
	}
	var room [object.CommonCount]object.Member
	all, err := scheme.readData(data, room[:0])
	if err != nil {
		return nil, nil
	}
	var without []int
	for _, used := range place.uses {
		stands := &scheme.Data.Macros.All[used]
		if stands.Value.Kind == "" && all.Find(stands.Field).Empty() {
			without = append(without, used)
		}
	}
	return scheme.Data.Macros, without
}

func describe(k *template.Macros, index int) Empty {
	stands := &k.All[index]
	return Empty{Macro: k.Spelled(stands.Name), Field: refusal.DataField([]byte(stands.Field))}
}

// named reports whether one of the names is the macro's.
func named(k *template.Macros, index int, names []string) bool {
	return slices.ContainsFunc(names, func(name string) bool {
		found, known := k.Index[name]
		return name == AnyMacro || known && found == index
	})
}
