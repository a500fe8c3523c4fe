package signer

import (
	"encoding/json"
	"net/http"
	"slices"
	"time"

	"github.com/waybillhq/waybill/signer/internal/percent"
)

// declared is the scheme that a Declaration states.
type declared struct {
	name      string
	methods   []string
	data      carriage
	fields    []Field
	headers   []added
	formula   formula
	place     place
	tail      int // bytes that a signature takes at most in a URL, with its name
	usesID    bool
	tolerance time.Duration
	lints     []Lint
	finders   finders
	sites     sites
}

// place is where the signature goes.
type place struct {
	Place
	template pattern
	overlap  pattern
	stamp    *stamp   // of {ts}
	path     []string // of a member
}

func (d *declared) Check(target Target) ([]Warning, error) {
	checked, err := d.site(target)
	if err != nil {
		return nil, err
	}
	return append([]Warning(nil), checked.warnings...), nil
}

func (d *declared) CheckData(data json.RawMessage) error {
	var room [commonMemberCount]member
	all, err := d.readData(data, room[:0])
	if err != nil {
		return err
	}
	m, w := material{id: exampleID, eventType: usualEventType, all: all, inURL: d.data.in != inBody}, wire{}
	switch {
	case d.data.in == inBody && (d.data.rewrite != nil || d.formula.signs(partJSON)):
		w.body, err = d.fillBody(&m, data)
	case d.data.in == inQuery:
		_, err = d.appendParameters(nil, &m)
	case d.data.in == inURL:
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
func (d *declared) checkMacroValues(all members) error {
	var scratch []byte
	var err error
	for i := range all {
		if _, known := d.data.macros.fields[string(all[i].name)]; !known {
			continue
		}
		if scratch, err = appendEncoded(scratch, &all[i], d.data.form); err != nil {
			return err
		}
		if len(scratch) > longestQuery {
			return refuse("data", CodeDataTooLarge, "has values of more than %d bytes in a URL, which common servers refuse", longestQuery)
		}
	}
	return nil
}

// checkParts refuses data that the formula cannot take.
func (d *declared) checkParts(m *material, w *wire) error {
	for i := range d.formula.parts {
		p := &d.formula.parts[i]
		if p.Part.Part != partField && p.Part.Part != partJSON {
			continue
		}
		if _, err := p.appendPlain(nil, m, w, ""); err != nil {
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
	if d.usesID && !isMessageID([]byte(message.ID)) {
		return Request{}, refuse("id", CodeMessageIDInvalid, "a message id is 32 lowercase hex digits")
	}
	var room [commonMemberCount]member
	all, err := d.readData(message.Data, room[:0])
	if err != nil {
		return Request{}, err
	}
	m := material{
		method: s.method, all: all, inURL: d.data.in != inBody,
		id: message.ID, eventType: message.Type, at: now, occurred: message.OccurredAt,
	}
	request := Request{Method: s.method}
	if request.Header, err = d.header(&m); err != nil {
		return Request{}, err
	}
	var w wire
	var holes []int
	switch d.data.in {
	case inQuery:
		w.url, err = d.fillQuery(s, &m)
	case inURL:
		w.url, holes, request.Notes, err = d.fillTemplate(s, &m)
	default:
		w.url = d.fixedURL(s)
		w.body, err = d.fillBody(&m, message.Data)
		if err == nil && d.data.rewrite != nil && d.formula.hasFields {
			m.all, err = parseObject(w.body, nil) // as a receiver reads them
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
	if d.place.In != placeQuery && !d.formula.ofURL {
		return nil
	}
	url := append(make([]byte, 0, len(s.signed)+len(s.destination.path)+len(s.destination.query)+1+d.tail), s.signed...)
	url = append(url, s.destination.path...)
	if s.hasQuery {
		url = append(append(url, '?'), s.destination.query...)
	}
	return url
}

func (d *declared) header(m *material) (http.Header, error) {
	header := make(http.Header, 1+len(d.headers))
	if d.data.in == inBody {
		header["Content-Type"] = []string{"application/json"}
	}
	for i := range d.headers {
		text := m.appendValue(nil, &d.headers[i].value)
		if slices.ContainsFunc(text, func(c byte) bool { return c < ' ' || c > '~' }) {
			return nil, refuse("type", CodeValueInvalid, "holds characters that the header %s cannot carry", d.headers[i].name)
		}
		header[d.headers[i].name] = []string{string(text)}
	}
	return header, nil
}

// seal signs the material with the first secret and puts the signature in its
// place.
func (d *declared) seal(request Request, s *site, m *material, w wire, holes []int, secrets []string) (Request, error) {
	secret := secrets[0]
	if d.formula.ofMacros {
		var err error
		if m.values, err = d.usedValues(s, m); err != nil {
			return Request{}, err
		}
	}
	text, err := d.formula.text(m, &w, secret)
	if err != nil {
		return Request{}, err
	}
	signature, err := d.formula.appendSignature(make([]byte, 0, d.formula.length), text, secret)
	if err != nil {
		return Request{}, err
	}
	request.Body = w.body
	signed := len(w.url)
	switch d.place.In {
	case placeQuery:
		w.url = d.appendToURL(w.url, signature)
	case placeMacro:
		w.url = fillHoles(w.url, holes, signature)
	case placeBody:
		request.Body = d.appendToBody(w.body, signature)
	default:
		err = d.setHeader(request.Header, m, &w, text, signature, secrets)
	}
	if err != nil {
		return Request{}, err
	}
	d.setURL(&request, s, w.url)
	if d.formula.whole == partURL && d.place.In == placeQuery && s.signed == s.origin {
		request.StringToSign = request.URL[:signed] // shares the URL's memory
	} else {
		request.StringToSign = d.formula.shown(m, text, secret)
	}
	if d.place.In == placeQuery && d.formula.output != outputBase64 {
		request.Signature = request.URL[len(request.URL)-len(signature):]
	} else {
		request.Signature = string(signature)
	}
	return request, nil
}

// appendToBody puts the signature into the body.
func (d *declared) appendToBody(body, signature []byte) []byte {
	if d.data.rewrite == nil && len(d.data.first)+len(d.data.last) == 0 {
		body = append(make([]byte, 0, len(body)+d.formula.length+len(d.place.Name)+16), body...) // the event's own
	}
	if d.place.Template != "" {
		signature = d.place.template.fill(nil, nil, signature)
	}
	return appendAtPath(body, d.place.path, signature)
}

// appendToURL appends the signature as the last parameter.
func (d *declared) appendToURL(url, signature []byte) []byte {
	separator := byte('&')
	if !slices.Contains(url, '?') {
		separator = '?'
	}
	url = append(url, separator)
	url = append(url, d.place.Name...)
	url = append(url, '=')
	if d.formula.output == outputBase64 {
		return percent.AppendRaw(url, signature)
	}
	return append(url, signature...)
}

// fillHoles puts the signature, percent-encoded, where its macro stood.
func fillHoles(url []byte, holes []int, signature []byte) []byte {
	filled := make([]byte, 0, len(url)+3*len(signature)*len(holes))
	from := 0
	for _, hole := range holes {
		filled = append(filled, url[from:hole]...)
		filled = percent.AppendRaw(filled, signature)
		from = hole
	}
	return append(filled, url[from:]...)
}

// setHeader sends the signature in a header, with those of all other active
// secrets where the scheme allows it.
func (d *declared) setHeader(header http.Header, m *material, w *wire, text, signature []byte, secrets []string) error {
	var at []byte
	if d.place.stamp != nil {
		at = d.place.stamp.append(nil, m.time(d.place.stamp))
	}
	sent := d.place.template.fill(nil, at, signature)
	if d.place.Overlap == "" {
		secrets = secrets[:1]
	}
	for _, other := range secrets[1:] {
		if other == "" {
			return refuse("secret", CodeSecretMissing, "is empty")
		}
		var err error
		if d.formula.hasSecret {
			if text, err = d.formula.text(m, w, other); err != nil {
				return err
			}
		}
		if signature, err = d.formula.appendSignature(nil, text, other); err != nil {
			return err
		}
		sent = d.place.overlap.fill(sent, at, signature)
	}
	header[d.place.Name] = []string{string(sent)}
	return nil
}

// setURL gives the request its URL, with the origin that is called.
func (d *declared) setURL(request *Request, s *site, url []byte) {
	switch {
	case d.data.in == inBody && d.place.In != placeQuery:
		request.URL = s.plain
	case s.signed != s.origin:
		request.URL = s.origin + string(url[len(s.signed):])
	default:
		request.URL = string(url)
	}
}
