package signer

import "encoding/json"

// CheckDelivery refuses data that the scheme cannot carry to a target: what
// CheckData and CheckMacros refuse, and what fails to fit the URL of this target
// alone. What it lets through, Sign signs.
func (d *Definition) CheckDelivery(target Target, data json.RawMessage, mayBeEmpty []string) error {
	if err := d.CheckData(data); err != nil {
		return err
	}
	if s, ok := d.Scheme.(*declared); ok {
		if err := s.checkFit(target, data); err != nil {
			return err
		}
	}
	return d.CheckMacros(target, data, mayBeEmpty)
}

// checkFit fills the target's URL, if it is the target's as well as the data's.
func (d *declared) checkFit(target Target, data json.RawMessage) error {
	if d.data.in == inBody || d.data.in == inQuery && !d.data.ownQuery {
		return nil
	}
	s, err := d.site(target)
	if err != nil {
		return err
	}
	var room [commonMemberCount]member
	all, err := d.readData(data, room[:0])
	if err != nil {
		return err
	}
	m := material{method: s.method, id: exampleID, eventType: usualEventType, all: all, inURL: true}
	if d.data.in == inQuery {
		_, err = d.fillQuery(s, &m)
	} else {
		_, _, _, err = d.fillTemplate(s, &m)
	}
	return err
}
