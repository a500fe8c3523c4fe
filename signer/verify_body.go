package signer

import (
	"github.com/waybillhq/waybill/signer/internal/declare"
	"github.com/waybillhq/waybill/signer/internal/object"
	"github.com/waybillhq/waybill/signer/internal/refusal"
)

// readBody parses the body where more of it is needed than its bytes.
func (r *reading) readBody() error {
	if r.Place.In != declare.PlaceBody && !r.Formula.HasFields && !r.findsIn(declare.InBody) {
		return nil
	}
	all, err := object.Parse(r.received.Body, nil)
	if err != nil {
		return unreadableBody(err)
	}
	r.m.All = all
	if r.Place.In == declare.PlaceBody {
		if err := r.readMember(all); err != nil {
			return err
		}
	}
	for i := range r.Fields {
		if f := &r.Fields[i]; r.Formula.UsesField(f.Name) {
			if err := checkField(f, all); err != nil {
				return unreadableBody(err)
			}
		}
	}
	return nil
}

// readMember reads the signature in the body.
func (r *reading) readMember(all object.Members) error {
	missing := refusal.New("body", CodeSignatureMissing, "has no %s", r.Place.Name)
	names := r.Place.Path
	for _, name := range names[:len(names)-1] {
		found := all.Find(name)
		if found == nil || found.Value[0] != '{' {
			return missing
		}
		var err error
		if all, err = object.Parse(found.Value, nil); err != nil {
			return unreadableBody(err)
		}
	}
	last := names[len(names)-1]
	if all.Find(last) == nil {
		return missing
	}
	text, err := all.RequireString(last)
	if err != nil {
		return unreadableBody(err)
	}
	_, signature, rest, ok := r.Place.Pattern.Read(string(text), "")
	if !ok || rest != "" {
		return refusal.New("body", CodeSignatureMissing, "%s is not of the form %s", r.Place.Name, r.Place.Template)
	}
	r.signatures = []string{signature}
	return nil
}

func unreadableBody(err error) error {
	return refusal.New("body", CodeBodyInvalid, "cannot be read: %s", err)
}
