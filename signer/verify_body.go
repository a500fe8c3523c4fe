package signer

// readBody parses the body where more of it is needed than its bytes.
func (r *reading) readBody() error {
	if r.place.In != placeBody && !r.formula.hasFields && !r.findsIn(inBody) {
		return nil
	}
	all, err := parseObject(r.received.Body, nil)
	if err != nil {
		return unreadableBody(err)
	}
	r.m.all = all
	if r.place.In == placeBody {
		if err := r.readMember(all); err != nil {
			return err
		}
	}
	for i := range r.fields {
		if f := &r.fields[i]; r.formula.usesField(f.Name) {
			if err := f.check(all); err != nil {
				return unreadableBody(err)
			}
		}
	}
	return nil
}

// readMember reads the signature in the body.
func (r *reading) readMember(all members) error {
	missing := refuse("body", CodeSignatureMissing, "has no %s", r.place.Name)
	names := r.place.path
	for _, name := range names[:len(names)-1] {
		found := all.find(name)
		if found == nil || found.value[0] != '{' {
			return missing
		}
		var err error
		if all, err = parseObject(found.value, nil); err != nil {
			return unreadableBody(err)
		}
	}
	last := names[len(names)-1]
	if all.find(last) == nil {
		return missing
	}
	text, err := all.requireString(last)
	if err != nil {
		return unreadableBody(err)
	}
	_, signature, rest, ok := r.place.template.read(string(text), "")
	if !ok || rest != "" {
		return refuse("body", CodeSignatureMissing, "%s is not of the form %s", r.place.Name, r.place.Template)
	}
	r.signatures = []string{signature}
	return nil
}

func unreadableBody(err error) error {
	return refuse("body", CodeBodyInvalid, "cannot be read: %s", err)
}
