package signer

import (
	"net/url"
	"strings"
	"time"

	"github.com/waybillhq/waybill/signer/internal/percent"
)

// finder knows where a request says a value that was signed.
type finder struct {
	in    string // header, query, macro, body, or template (of the signature's header)
	name  string
	macro int
	stamp *stamp
}

// finders are nil for what is not signed.
type finders struct {
	id, eventType, at, occurred *finder
}

// reading is a request that is being verified.
type reading struct {
	*declared
	received   Received
	m          material
	w          wire
	parameters []pair         // raw
	found      map[int]string // raw values of macros, by the template
	stamp      string         // from the signature's header
	signatures []string
}

func (d *declared) Verify(received Received, secrets []string, now time.Time) error {
	r := reading{declared: d, received: received}
	r.m = material{method: received.Method, inURL: d.data.in != inBody}
	r.w = wire{url: []byte(received.URL), body: received.Body}
	if err := r.read(); err != nil {
		return err
	}
	matched := false
	var text []byte
	err := eachSecret(secrets, func(secret string) error {
		var err error
		if text == nil || d.formula.hasSecret {
			if text, err = d.formula.text(&r.m, &r.w, secret); err != nil {
				return aboutField(d.whereSigned(), err)
			}
		}
		made, err := d.formula.appendSignature(nil, text, secret)
		matched = matchesAny(made, r.signatures) || matched
		return err
	})
	switch {
	case err != nil:
		return err
	case !matched:
		return mismatch(d.whereSigned())
	default:
		return d.checkAge(r.m.at, now)
	}
}

// whereSigned is the field that errors about a signature speak of.
func (d *declared) whereSigned() string {
	switch d.place.In {
	case placeBody:
		return "body"
	case placeHeader:
		return "headers"
	default:
		return "url"
	}
}

// checkAge refuses what is older than the scheme allows, or from the future. A
// zero time on either side is not compared.
func (d *declared) checkAge(at, now time.Time) error {
	if d.tolerance == 0 || now.IsZero() {
		return nil
	}
	if age := now.Sub(at); age > d.tolerance || age < -d.tolerance {
		return refuse(d.whereSigned(), CodeTimestampRefused, "the request is signed for a time that is more than %s away", d.tolerance)
	}
	return nil
}

// read takes apart the request: first the signature, then what was signed.
func (r *reading) read() error {
	if err := r.readSignature(); err != nil {
		return err
	}
	if r.data.in == inBody {
		if err := r.readBody(); err != nil {
			return err
		}
	} else if r.formula.hasFields || r.formula.ofMacros || r.place.In == placeMacro || r.findsIn(inQuery) || r.findsIn(placeMacro) {
		if err := r.readParameters(); err != nil {
			return err
		}
	}
	return r.readValues()
}

func (r *reading) readSignature() error {
	switch r.place.In {
	case placeQuery:
		return r.cutSignature()
	case placeHeader:
		return r.readHeader()
	default:
		return nil // among the data
	}
}

// cutSignature takes the last parameter off the URL.
func (r *reading) cutSignature() error {
	raw, name := r.received.URL, r.place.Name
	first := strings.IndexByte(raw, '?')
	at := strings.LastIndex(raw, "&"+name+"=")
	if at < 0 && first >= 0 && strings.HasPrefix(raw[first+1:], name+"=") {
		at = first
	}
	if first < 0 || at < first {
		return refuse("url", CodeSignatureMissing, "has no parameter %s", name)
	}
	signature := raw[at+len(name)+2:]
	if signature == "" {
		return refuse("url", CodeSignatureMissing, "its parameter %s is empty", name)
	}
	r.w.url = r.w.url[:at]
	r.received.URL = raw[:at]
	if r.formula.output == outputBase64 {
		signature = unescapePath(signature)
	}
	r.signatures = []string{signature}
	return nil
}

// unescapePath decodes escapes alone: base64 holds "+".
func unescapePath(text string) string {
	if decoded, err := url.PathUnescape(text); err == nil {
		return decoded
	}
	return text
}

func (r *reading) readHeader() error {
	text := r.received.Header.Get(r.place.Name)
	if text == "" {
		return refuse("headers", CodeSignatureMissing, "there is no %s", r.place.Name)
	}
	stop := ""
	if len(r.place.overlap.slots) > 0 {
		stop = r.place.overlap.slots[0].before
	}
	stamp, signature, rest, ok := r.place.template.read(text, stop)
	r.stamp = stamp
	for ok && signature != "" {
		r.signatures = append(r.signatures, signature)
		if rest == "" {
			return nil
		}
		if stop == "" {
			break
		}
		_, signature, rest, ok = r.place.overlap.read(rest, stop)
	}
	return refuse("headers", CodeSignatureMissing, "%s is not of the form %s", r.place.Name, or(r.place.Template, "{sig}"))
}

// readValues reads what is signed besides the data.
func (r *reading) readValues() error {
	if f := r.finders.id; f != nil {
		id, err := r.find(f)
		if err != nil {
			return err
		}
		if r.m.id = id; !isMessageID([]byte(id)) {
			return refuse(f.field(), f.code(), "its %s is not 32 lowercase hex digits", f.name)
		}
	}
	var err error
	if f := r.finders.eventType; f != nil {
		if r.m.eventType, err = r.find(f); err != nil {
			return err
		}
	}
	if r.m.at, err = r.findTime(r.finders.at); err != nil {
		return err
	}
	r.m.occurred, err = r.findTime(r.finders.occurred)
	return err
}

func (r *reading) findTime(f *finder) (time.Time, error) {
	if f == nil {
		return time.Time{}, nil
	}
	text, err := r.find(f)
	if err != nil {
		return time.Time{}, err
	}
	at, err := f.stamp.parse(text)
	if err != nil {
		return time.Time{}, aboutField(f.field(), err)
	}
	return at, nil
}

func (r *reading) find(f *finder) (string, error) {
	text, found := "", false
	switch f.in {
	case placeHeader:
		text = r.received.Header.Get(f.name)
		found = text != ""
	case inTemplate:
		text, found = r.stamp, r.stamp != ""
	case placeMacro:
		text, found = r.macroValue(f.macro)
		text = unescape(text)
	default:
		if m := r.m.all.find(f.name); m != nil {
			text, found = string(decoded(m.value)), true
		}
	}
	if !found {
		return "", refuse(f.field(), f.code(), "has no %s, which is signed", f.name)
	}
	return text, nil
}

const inTemplate = "template"

func (r *reading) findsIn(in string) bool {
	for _, f := range []*finder{r.finders.id, r.finders.eventType, r.finders.at, r.finders.occurred} {
		if f != nil && f.in == in {
			return true
		}
	}
	return false
}

// field is what errors about a missing value speak of.
func (f *finder) field() string {
	switch f.in {
	case inBody:
		return "body"
	case placeHeader, inTemplate:
		return "headers"
	default:
		return "url"
	}
}

func (f *finder) code() string {
	if f.in == inBody {
		return CodeBodyInvalid
	}
	return CodeValueMissing
}

func isMessageID(id []byte) bool {
	if len(id) != 32 {
		return false
	}
	for _, c := range id {
		if !percent.IsHex(c) || 'A' <= c && c <= 'F' {
			return false
		}
	}
	return true
}
