package diagnose

import (
	"slices"
	"strings"
	"time"

	"github.com/waybillhq/waybill/signer"
)

// asked is the judge for a scheme whose formula is not known here: the scheme
// itself verifies a changed request.
type asked struct {
	scheme   signer.Scheme
	right    signer.Declaration
	variants []variant // of the right one
	received signer.Received
}

// digests counts what a Verify parses too: some three digests' worth.
func (asked) digests() int { return 3 }

func (a asked) holds(r recipe, _ []byte) ([]mistake, bool) {
	of, ok := r.source.(whole)
	if !ok {
		return nil, false
	}
	scheme, ok := a.made(r)
	if !ok {
		return nil, false
	}
	changed := a.received
	changed.URL, changed.Body = of.url(), of.body
	return nil, scheme.Verify(changed, []string{string(r.key)}, time.Time{}) == nil
}

// made is the scheme with the mistakes of a recipe.
func (a asked) made(r recipe) (signer.Scheme, bool) {
	switch {
	case r.order == 0 && r.mode == 0:
		return a.scheme, true
	case r.order == 0:
		return a.variants[r.mode-1].scheme, true
	case r.mode == 0:
		return a.variants[r.order-1].scheme, true
	default:
		return both(a.right, a.variants[r.order-1], a.variants[r.mode-1])
	}
}

// whole is a request, with the parameter that may hold the signature kept last.
type whole struct {
	where place
	last  string // "name=value"; empty for none
	body  []byte
}

func (w whole) place() place { return w.where }

func (w whole) at(p place) source {
	w.where = p
	return w
}

func (w whole) carries(body []byte) source {
	w.body = body
	return w
}

func (w whole) url() string {
	text := string(w.where.text())
	switch {
	case w.last == "":
		return text
	case strings.Contains(text, "?"):
		return text + "&" + w.last
	default:
		return text + "?" + w.last
	}
}

func (w whole) text([]byte) []byte {
	return append([]byte(w.url()+"\n"), w.body...)
}

// askScheme is a question that only the scheme can answer.
func askScheme(scheme signer.Scheme, received signer.Received, secrets []string) question {
	right, variants := variantsOf(scheme)
	judge := asked{scheme: scheme, right: right, variants: variants, received: received}
	q := question{judge: judge}
	if err := scheme.Verify(received, secrets, time.Time{}); err != nil {
		if refused := refusalOf(err); refused.Code != signer.CodeSignatureMismatch {
			q.certain = append(q.certain, refused)
		}
	}
	if len(received.URL) > longestURL || len(received.Body) > longestBody {
		return q
	}
	from := whole{where: readPlace(received.URL), body: received.Body}
	if last := len(from.where.query) - 1; last >= 0 && isSignatureName(nameOf(from.where.query[last]), "") {
		from.last, from.where = from.where.query[last], from.where.without(last)
	}
	edits := slices.Concat(placeEdits(from.where), bodyEdits(received.Body), commonOnes(keyEdits()), formulaEdits(variants))
	for _, secret := range secrets {
		q.bases = append(q.bases, base{recipe: recipe{source: from, key: []byte(secret)}, edits: edits})
	}
	return q
}

// formulaEdits are the variants as edits. Orders are tried like those of
// parameters.
func formulaEdits(variants []variant) []edit {
	var edits []edit
	for i, v := range variants {
		made := edit{mistake: v.mistake, subject: ofMode, common: v.common(), apply: func(r recipe) (recipe, bool) {
			r.mode = mode(i + 1)
			return r, true
		}}
		if v.order() {
			made.order, made.subject, made.apply = true, ofOrder, func(r recipe) (recipe, bool) {
				r.order = mode(i + 1)
				return r, true
			}
		}
		edits = append(edits, made)
	}
	return edits
}
