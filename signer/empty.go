package signer

import "encoding/json"

// Empty is a macro of a URL that the data has no value for: it is sent empty.
type Empty struct {
	Macro string // as a person writes it, such as [%UID%]
	Field string // the member that it stands for, such as data.uid
}

// EmptyMacros lists the macros of a target's URL that the data has no value for: no
// member, null, or an empty text. It has nothing to say of a URL or of data that is
// refused.
func (d *Definition) EmptyMacros(target Target, data json.RawMessage) []Empty {
	scheme, ok := d.Scheme.(*declared)
	if !ok || scheme.data.macros == nil {
		return nil
	}
	place, err := scheme.site(target)
	if err != nil {
		return nil
	}
	var room [commonMemberCount]member
	all, err := scheme.readData(data, room[:0])
	if err != nil {
		return nil
	}
	var empty []Empty
	for _, used := range place.uses {
		stands := &scheme.data.macros.all[used]
		found := all.find(stands.field)
		if stands.value.kind == "" && (found == nil || found.value[0] == 'n' || string(found.value) == `""`) {
			empty = append(empty, Empty{scheme.data.macros.spelled(stands.name), dataField([]byte(stands.field))})
		}
	}
	return empty
}
