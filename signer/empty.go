package signer

import (
	"encoding/json"
	"slices"
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
		empty = append(empty, known.describe(one))
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
		if known.all[one].optional || known.named(one, mayBeEmpty) {
			continue
		}
		empty := known.describe(one)
		return refuse(empty.Field, CodeValueMissing,
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
		path := at("allow_empty", i)
		scheme, ok := d.Scheme.(*declared)
		if !ok || scheme.data.macros == nil {
			return refuse(path, CodeMacroUnknown, "%.40q is no macro: the URLs of scheme %s have none", name, d.Name())
		}
		if _, known := scheme.data.macros.index[name]; !known {
			unknown := scheme.data.macros.unknown(name)
			return refuse(path, unknown.Code, "%s", unknown.Message)
		}
	}
	return nil
}

// withoutValue returns the scheme's macros, and which of those in the target's URL
// the data has no value for.
func (d *Definition) withoutValue(target Target, data json.RawMessage) (*macros, []int) {
	scheme, ok := d.Scheme.(*declared)
	if !ok || scheme.data.macros == nil {
		return nil, nil
	}
	place, err := scheme.site(target)
	if err != nil {
		return nil, nil
	}
	var room [commonMemberCount]member
	all, err := scheme.readData(data, room[:0])
	if err != nil {
		return nil, nil
	}
	var without []int
	for _, used := range place.uses {
		stands := &scheme.data.macros.all[used]
		if stands.value.kind == "" && all.find(stands.field).empty() {
			without = append(without, used)
		}
	}
	return scheme.data.macros, without
}

// empty reports whether a member is missing, null or an empty text.
func (m *member) empty() bool {
	return m == nil || m.value[0] == 'n' || string(m.value) == `""`
}

func (k *macros) describe(index int) Empty {
	stands := &k.all[index]
	return Empty{Macro: k.spelled(stands.name), Field: dataField([]byte(stands.field))}
}

// named reports whether one of the names is the macro's.
func (k *macros) named(index int, names []string) bool {
	return slices.ContainsFunc(names, func(name string) bool {
		named, known := k.index[name]
		return name == AnyMacro || known && named == index
	})
}
