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
	schemes  []signer.Scheme // the right one, and its variants
	received signer.Received
}

// digests counts what a Verify parses too: some three digests' worth.
func (asked) digests() int { return 3 }

func (a asked) holds(r recipe, _ []byte) ([]mistake, bool) {
	of, ok := r.source.(whole)
	if !ok {
		return nil, false
	}
	changed := a.received
	changed.URL, changed.Body = of.url(), of.body
	return nil, a.schemes[r.mode].Verify(changed, []string{string(r.key)}, time.Time{}) == nil
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
	text := string(w.where.text(nil))
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
	judge := asked{[]signer.Scheme{scheme}, received}
	var formulas []edit
	for i, v := range variantsOf(scheme) {
		judge.schemes = append(judge.schemes, v.scheme)
		formulas = append(formulas, edit{mistake: v.mistake, subject: ofMode, apply: func(r recipe) (recipe, bool) {
			r.mode = mode(i + 1)
			return r, true
		}})
	}
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
	edits := slices.Concat(placeEdits(from.where), bodyEdits(received.Body), commonOnes(keyEdits()), commonOnes(formulas))
	for _, secret := range secrets {
		q.bases = append(q.bases, base{recipe: recipe{from, []byte(secret), hmacOf}, edits: edits})
	}
	return q
}
