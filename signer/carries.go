package signer

import (
	"encoding/json"

	"github.com/waybillhq/waybill/signer/internal/declare"
	"github.com/waybillhq/waybill/signer/internal/formula"
	"github.com/waybillhq/waybill/signer/internal/object"
)

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
	if d.Data.In == declare.InBody || d.Data.In == declare.InQuery && !d.Data.OwnQuery {
		return nil
	}
	s, err := d.site(target)
	if err != nil {
		return err
	}
	var room [object.CommonCount]object.Member
	all, err := d.readData(data, room[:0])
	if err != nil {
		return err
	}
	m := formula.Material{Method: s.method, ID: exampleID, EventType: usualEventType, All: all, InURL: true}
	if d.Data.In == declare.InQuery {
		_, err = d.fillQuery(s, &m)
	} else {
		_, _, _, err = d.fillTemplate(s, &m)
	}
	return err
}
