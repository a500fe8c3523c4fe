package diagnose

import (
	"strings"

	"github.com/waybillhq/waybill/postback"
)

// mistake is one way in which a signature was made wrong. Its clause ends the
// sentence "the signature would hold if".
type mistake struct {
	code   string
	clause string
	hint   string // what to do about it; empty when the clause says it
}

// subject is what an edit changes. Two edits of the same subject are tried
// together only when they are of the text.
type subject int

const (
	ofText subject = iota
	ofBody
	ofKey
	ofMode
	ofOrder
)

// edit changes a recipe by one mistake.
type edit struct {
	mistake
	subject subject
	alone   bool // not tried together with others
	order   bool // one of many orders: tried together with what is common
	common  bool
	apply   func(r recipe) (_ recipe, ok bool) // ok: there was something to change
}

// commonOnes marks edits that are tried together with each of many orders.
func commonOnes(edits []edit) []edit {
	for i := range edits {
		edits[i].common = true
	}
	return edits
}

// combines says whether two edits are tried together. Not all formulas go with
// another order: search.ordered knows which.
func (e edit) combines(other edit) bool {
	if e.subject == ofOrder && other.subject == ofMode || e.subject == ofMode && other.subject == ofOrder {
		return false
	}
	return !e.alone && !other.alone && (e.subject == ofText || e.subject != other.subject)
}

// finding words the mistakes that together explain a signature.
func finding(opening string, mistakes []mistake) postback.Finding {
	var codes, clauses, hints []string
	for _, m := range mistakes {
		codes = append(codes, m.code)
		clauses = append(clauses, m.clause)
		if m.hint != "" {
			hints = append(hints, m.hint)
		}
	}
	message := opening + strings.Join(clauses, ", and ")
	if len(hints) > 0 {
		message += ": " + strings.Join(hints, "; ")
	}
	return postback.Finding{Code: strings.Join(codes, "+"), Message: message}
}

// masked takes the secrets out of findings: names and addresses in them come
// from a stranger.
func masked(findings []postback.Finding, secrets []string) []postback.Finding {
	const shortest = 4 // a shorter one would mask words
	safe := make([]postback.Finding, 0, len(findings))
	for _, f := range findings {
		for _, secret := range secrets {
			if secret = strings.TrimSpace(secret); len(secret) >= shortest {
				f.Message = strings.ReplaceAll(f.Message, secret, "<secret>")
			}
		}
		safe = append(safe, f)
	}
	return safe
}
