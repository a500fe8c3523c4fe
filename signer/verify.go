package signer

import (
	"cmp"
	"net/url"
	"strings"
	"time"

	"github.com/waybillhq/waybill/signer/internal/compile"
	"github.com/waybillhq/waybill/signer/internal/declare"
	"github.com/waybillhq/waybill/signer/internal/formula"
	"github.com/waybillhq/waybill/signer/internal/object"
	"github.com/waybillhq/waybill/signer/internal/percent"
	"github.com/waybillhq/waybill/signer/internal/refusal"
)

// reading is a request that is being verified.
type reading struct {
	*declared
	received   Received
	m          formula.Material
	w          formula.Wire
	parameters []formula.Pair // raw
	found      map[int]string // raw values of macros, by the template
	stamp      string         // from the signature's header
	signatures []string
}

func (d *declared) Verify(received Received, secrets []string, now time.Time) error {
	r := reading{declared: d, received: received}
	r.m = formula.Material{Method: received.Method, InURL: d.Data.In != declare.InBody}
	r.w = formula.Wire{URL: []byte(received.URL), Body: received.Body}
	if err := r.read(); err != nil {
		return err
	}
	matched := false
	var text []byte
	err := eachSecret(secrets, func(secret string) error {
		var err error
		if text == nil || d.Formula.HasSecret {
			if text, err = d.Formula.Text(&r.m, &r.w, secret); err != nil {
				return refusal.About(d.whereSigned(), err)
			}
		}
		made, err := d.Formula.AppendSignature(nil, text, secret)
		matched = matchesAny(made, r.signatures) || matched
		return err
	})
	switch {
	case err != nil:
		return err
	case !matched:
		return mismatch(d.whereSigned())
	default:
		return d.checkAge(r.m.At, now)
	}
}

// whereSigned is the field that errors about a signature speak of.
func (d *declared) whereSigned() string {
	switch d.Place.In {
	case declare.PlaceBody:
		return "body"
	case declare.PlaceHeader:
		return "headers"
	default:
		return "url"
	}
}

// checkAge refuses what is older than the scheme allows, or from the future. A
// zero time on either side is not compared.
func (d *declared) checkAge(at, now time.Time) error {
	if d.Tolerance == 0 || now.IsZero() {
		return nil
	}
	if age := now.Sub(at); age > d.Tolerance || age < -d.Tolerance {
		return refusal.New(d.whereSigned(), CodeTimestampRefused, "the request is signed for a time that is more than %s away", d.Tolerance)
	}
	return nil
}

// read takes apart the request: first the signature, then what was signed.
func (r *reading) read() error {
	if err := r.readSignature(); err != nil {
		return err
	}
	if r.Data.In == declare.InBody {
		if err := r.readBody(); err != nil {
			return err
		}
	} else if r.Formula.HasFields || r.Formula.OfMacros || r.Place.In == declare.PlaceMacro || r.findsIn(declare.InQuery) || r.findsIn(declare.PlaceMacro) {
		if err := r.readParameters(); err != nil {
			return err
		}
	}
	return r.readValues()
}

func (r *reading) readSignature() error {
	switch r.Place.In {
	case declare.PlaceQuery:
		return r.cutSignature()
	case declare.PlaceHeader:
		return r.readHeader()
	default:
		return nil // among the data
	}
}

// cutSignature takes the last parameter off the URL.
func (r *reading) cutSignature() error {
	raw, name := r.received.URL, r.Place.Name
	first := strings.IndexByte(raw, '?')
	at := strings.LastIndex(raw, "&"+name+"=")
	if at < 0 && first >= 0 && strings.HasPrefix(raw[first+1:], name+"=") {
		at = first
	}
	if first < 0 || at < first {
		return refusal.New("url", CodeSignatureMissing, "has no parameter %s", name)
	}
	signature := raw[at+len(name)+2:]
	if signature == "" {
		return refusal.New("url", CodeSignatureMissing, "its parameter %s is empty", name)
	}
	r.w.URL = r.w.URL[:at]
	r.received.URL = raw[:at]
	if r.Formula.Output == declare.OutputBase64 {
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
	text := HeaderValue(r.received.Header, r.Place.Name)
	if text == "" {
		return refusal.New("headers", CodeSignatureMissing, "there is no %s", r.Place.Name)
	}
	stop := ""
	if len(r.Place.OverlapPattern.Slots) > 0 {
		stop = r.Place.OverlapPattern.Slots[0].Before
	}
	stamp, signature, rest, ok := r.Place.Pattern.Read(text, stop)
	r.stamp = stamp
	for ok && signature != "" {
		r.signatures = append(r.signatures, signature)
		if rest == "" {
			return nil
		}
		if stop == "" {
			break
		}
		_, signature, rest, ok = r.Place.OverlapPattern.Read(rest, stop)
	}
	return refusal.New("headers", CodeSignatureMissing, "%s is not of the form %s", r.Place.Name, cmp.Or(r.Place.Template, "{sig}"))
}

// readValues reads what is signed besides the data.
func (r *reading) readValues() error {
	if f := r.Finders.ID; f != nil {
		id, err := r.find(f)
		if err != nil {
			return err
		}
		if r.m.ID = id; !isMessageID([]byte(id)) {
			return refusal.New(f.Field(), f.Code(), "its %s is not 32 lowercase hex digits", f.Name)
		}
	}
	var err error
	if f := r.Finders.EventType; f != nil {
		if r.m.EventType, err = r.find(f); err != nil {
			return err
		}
	}
	if r.m.At, err = r.findTime(r.Finders.At); err != nil {
		return err
	}
	r.m.Occurred, err = r.findTime(r.Finders.Occurred)
	return err
}

func (r *reading) findTime(f *compile.Finder) (time.Time, error) {
	if f == nil {
		return time.Time{}, nil
	}
	text, err := r.find(f)
	if err != nil {
		return time.Time{}, err
	}
	at, err := f.Stamp.Parse(text)
	if err != nil {
		return time.Time{}, refusal.About(f.Field(), err)
	}
	return at, nil
}

func (r *reading) find(f *compile.Finder) (string, error) {
	text, found := "", false
	switch f.In {
	case declare.PlaceHeader:
		text = HeaderValue(r.received.Header, f.Name)
		found = text != ""
	case compile.InTemplate:
		text, found = r.stamp, r.stamp != ""
	case declare.PlaceMacro:
		text, found = r.macroValue(f.Macro)
		text = formula.Unescape(text)
	default:
		if m := r.m.All.Find(f.Name); m != nil {
			text, found = string(object.Decoded(m.Value)), true
		}
	}
	if !found {
		return "", refusal.New(f.Field(), f.Code(), "has no %s, which is signed", f.Name)
	}
	return text, nil
}

func (r *reading) findsIn(in string) bool {
	for _, f := range []*compile.Finder{r.Finders.ID, r.Finders.EventType, r.Finders.At, r.Finders.Occurred} {
		if f != nil && f.In == in {
			return true
		}
	}
	return false
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
