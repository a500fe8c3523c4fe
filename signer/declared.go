package signer

import (
	"encoding/json"
	"net/http"
	"slices"
	"time"

	"github.com/waybillhq/waybill/signer/internal/compile"
	"github.com/waybillhq/waybill/signer/internal/declare"
	"github.com/waybillhq/waybill/signer/internal/formula"
	"github.com/waybillhq/waybill/signer/internal/object"
	"github.com/waybillhq/waybill/signer/internal/percent"
	"github.com/waybillhq/waybill/signer/internal/refusal"
)

// declared is the scheme that a Declaration states.
type declared struct {
	compile.Plan

	sites sites
}

func (d *declared) Check(target Target) ([]Warning, error) {
	checked, err := d.site(target)
	if err != nil {
		return nil, err
	}
	return append([]Warning(nil), checked.warnings...), nil
}

func (d *declared) CheckData(data json.RawMessage) error {
	var room [object.CommonCount]object.Member
	all, err := d.readData(data, room[:0])
	if err != nil {
		return err
	}
	m, w := formula.Material{ID: exampleID, EventType: usualEventType, All: all, InURL: d.Data.In != declare.InBody}, formula.Wire{}
	switch {
	case d.Data.In == declare.InBody && (d.Data.Rewrite != nil || d.Formula.Signs(declare.PartJSON)):
		w.Body, err = d.fillBody(&m, data)
	case d.Data.In == declare.InQuery:
		_, err = d.appendParameters(nil, &m)
	case d.Data.In == declare.InURL:
		err = d.checkMacroValues(all)
	}
	if err != nil {
		return err
	}
	return d.checkParts(&m, &w)
}

const exampleID = "00000000000000000000000000000000"

// checkMacroValues checks the members that some macro stands for: which of them
// a URL has is the target's.
func (d *declared) checkMacroValues(all object.Members) error {
	var scratch []byte
	var err error
	for i := range all {
		if _, known := d.Data.Macros.Fields[string(all[i].Name)]; !known {
			continue
		}
		if scratch, err = object.AppendEncoded(scratch, &all[i], d.Data.Encoding); err != nil {
			return err
		}
		if len(scratch) > longestQuery {
			return refusal.New("data", CodeDataTooLarge, "has values of more than %d bytes in a URL, which common servers refuse", longestQuery)
		}
	}
	return nil
}

// checkParts refuses data that the formula cannot take.
func (d *declared) checkParts(m *formula.Material, w *formula.Wire) error {
	for i := range d.Formula.Parts {
		p := &d.Formula.Parts[i]
		if p.Part.Part != declare.PartField && p.Part.Part != declare.PartJSON {
			continue
		}
		if _, err := p.AppendPlain(nil, m, w, ""); err != nil {
			return err
		}
	}
	return nil
}

func (d *declared) Sign(target Target, message Message, secrets []string, now time.Time) (Request, error) {
	s, err := d.site(target)
	if err != nil {
		return Request{}, err
	}
	if err := requireSecret(secrets); err != nil {
		return Request{}, err
	}
	if d.UsesID && !isMessageID([]byte(message.ID)) {
		return Request{}, refusal.New("id", CodeMessageIDInvalid, "a message id is 32 lowercase hex digits")
	}
	var room [object.CommonCount]object.Member
	all, err := d.readData(message.Data, room[:0])
	if err != nil {
		return Request{}, err
	}
	m := formula.Material{
		Method: s.method, All: all, InURL: d.Data.In != declare.InBody,
		ID: message.ID, EventType: message.Type, At: now, Occurred: message.OccurredAt,
	}
	request := Request{Method: s.method}
	if request.Header, err = d.header(&m); err != nil {
		return Request{}, err
	}
	var w formula.Wire
	var holes []int
	switch d.Data.In {
	case declare.InQuery:
		w.URL, err = d.fillQuery(s, &m)
	case declare.InURL:
		w.URL, holes, request.Notes, err = d.fillTemplate(s, &m)
	default:
		w.URL = d.fixedURL(s)
		w.Body, err = d.fillBody(&m, message.Data)
		if err == nil && d.Data.Rewrite != nil && d.Formula.HasFields {
			m.All, err = object.Parse(w.Body, nil) // as a receiver reads them
		}
	}
	if err != nil {
		return Request{}, err
	}
	return d.seal(request, s, &m, w, holes, secrets)
}

// fixedURL is the URL of a scheme that carries the data in the body, if it is
// signed or holds the signature.
func (d *declared) fixedURL(s *site) []byte {
	if d.Place.In != declare.PlaceQuery && !d.Formula.OfURL {
		return nil
	}
	url := append(make([]byte, 0, len(s.signed)+len(s.Path)+len(s.Query)+1+d.Tail), s.signed...)
	url = append(url, s.Path...)
	if s.HasQuery {
		url = append(append(url, '?'), s.Query...)
	}
	return url
}

func (d *declared) header(m *formula.Material) (http.Header, error) {
	header := make(http.Header, 1+len(d.Headers))
	if d.Data.In == declare.InBody {
		header["Content-Type"] = []string{"application/json"}
	}
	for i := range d.Headers {
		text := m.AppendValue(nil, &d.Headers[i].Value)
		if slices.ContainsFunc(text, func(c byte) bool { return c < ' ' || c > '~' }) {
			return nil, refusal.New("type", CodeValueInvalid, "holds characters that the header %s cannot carry", d.Headers[i].Name)
		}
		header[d.Headers[i].Name] = []string{string(text)}
	}
	return header, nil
}

// seal signs the material with the first secret and puts the signature in its
// place.
func (d *declared) seal(request Request, s *site, m *formula.Material, w formula.Wire, holes []int, secrets []string) (Request, error) {
	secret := secrets[0]
	if d.Formula.OfMacros {
		var err error
		if m.Values, err = d.usedValues(s, m); err != nil {
			return Request{}, err
		}
	}
	text, err := d.Formula.Text(m, &w, secret)
	if err != nil {
		return Request{}, err
	}
	signature, err := d.Formula.AppendSignature(make([]byte, 0, d.Formula.Length), text, secret)
	if err != nil {
		return Request{}, err
	}
	request.Body = w.Body
	signed := len(w.URL)
	switch d.Place.In {
	case declare.PlaceQuery:
		w.URL = d.appendToURL(w.URL, signature)
	case declare.PlaceMacro:
		w.URL = fillHoles(w.URL, holes, signature)
	case declare.PlaceBody:
		request.Body = d.appendToBody(w.Body, signature)
	default:
		err = d.setHeader(request.Header, m, &w, text, signature, secrets)
	}
	if err != nil {
		return Request{}, err
	}
	d.setURL(&request, s, w.URL)
	if d.Formula.Whole == declare.PartURL && d.Place.In == declare.PlaceQuery && s.signed == s.Origin {
		request.StringToSign = request.URL[:signed] // shares the URL's memory
	} else {
		request.StringToSign = d.Formula.Shown(m, text, secret)
	}
	if d.Place.In == declare.PlaceQuery && d.Formula.Output != declare.OutputBase64 {
		request.Signature = request.URL[len(request.URL)-len(signature):]
	} else {
		request.Signature = string(signature)
	}
	return request, nil
}

// appendToBody puts the signature into the body.
func (d *declared) appendToBody(body, signature []byte) []byte {
	if d.Data.Rewrite == nil && len(d.Data.First)+len(d.Data.Last) == 0 {
		body = append(make([]byte, 0, len(body)+d.Formula.Length+len(d.Place.Name)+16), body...) // the event's own
	}
	if d.Place.Template != "" {
		signature = d.Place.Pattern.Fill(nil, nil, signature)
	}
	return appendAtPath(body, d.Place.Path, signature)
}

// appendToURL appends the signature as the last parameter.
func (d *declared) appendToURL(url, signature []byte) []byte {
	separator := byte('&')
	if !slices.Contains(url, '?') {
		separator = '?'
	}
	url = append(url, separator)
	url = append(url, d.Place.Name...)
	url = append(url, '=')
	if d.Formula.Output == declare.OutputBase64 {
		return percent.RFC3986.Append(url, signature)
	}
	return append(url, signature...)
}

// fillHoles puts the signature, percent-encoded, where its macro stood.
func fillHoles(url []byte, holes []int, signature []byte) []byte {
	filled := make([]byte, 0, len(url)+3*len(signature)*len(holes))
	from := 0
	for _, hole := range holes {
		filled = append(filled, url[from:hole]...)
		filled = percent.RFC3986.Append(filled, signature)
		from = hole
	}
	return append(filled, url[from:]...)
}

// setHeader sends the signature in a header, with those of all other active
// secrets where the scheme allows it.
func (d *declared) setHeader(header http.Header, m *formula.Material, w *formula.Wire, text, signature []byte, secrets []string) error {
	var at []byte
	if d.Place.Stamp != nil {
		at = d.Place.Stamp.Append(nil, m.Time(d.Place.Stamp))
	}
	sent := d.Place.Pattern.Fill(nil, at, signature)
	if d.Place.Overlap == "" {
		secrets = secrets[:1]
	}
	for _, other := range secrets[1:] {
		if other == "" {
			return refusal.New("secret", CodeSecretMissing, "is empty")
		}
		var err error
		if d.Formula.HasSecret {
			if text, err = d.Formula.Text(m, w, other); err != nil {
				return err
			}
		}
		if signature, err = d.Formula.AppendSignature(nil, text, other); err != nil {
			return err
		}
		sent = d.Place.OverlapPattern.Fill(sent, at, signature)
	}
	header[d.Place.Name] = []string{string(sent)}
	return nil
}

// setURL gives the request its URL, with the origin that is called.
func (d *declared) setURL(request *Request, s *site, url []byte) {
	switch {
	case d.Data.In == declare.InBody && d.Place.In != declare.PlaceQuery:
		request.URL = s.plain
	case s.signed != s.Origin:
		request.URL = s.Origin + string(url[len(s.signed):])
	default:
		request.URL = string(url)
	}
}
