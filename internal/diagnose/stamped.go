package diagnose

import (
	"bytes"
	"encoding/base64"
	"slices"
	"strings"
)

// stamped is what Standard Webhooks signs: id.timestamp.body.
type stamped struct {
	before []string // id and timestamp
	body   []byte
}

func (s stamped) text([]byte) []byte {
	return append([]byte(strings.Join(append(slices.Clone(s.before), ""), ".")), s.body...)
}

func (s stamped) carries(body []byte) source {
	s.body = body
	return s
}

// readStamped reads the headers of Standard Webhooks.
func (g *given) readStamped() {
	header := g.received.Header
	for _, name := range []string{"Webhook-Id", "Webhook-Timestamp", g.place} {
		if header.Get(name) == "" {
			g.note("signature_missing", "there is no header "+strings.ToLower(name))
		}
	}
	for signature := range strings.FieldsSeq(header.Get(g.place)) {
		if !strings.HasPrefix(signature, "v1a,") { // of Ed25519: nothing to compute
			g.signatures = append(g.signatures, strings.TrimPrefix(signature, "v1,"))
		}
	}
	from := stamped{[]string{header.Get("Webhook-Id"), header.Get("Webhook-Timestamp")}, g.received.Body}
	shared := slices.Concat(stampedEdits(), bodyEdits(g.received.Body))
	for _, secret := range g.secrets {
		encoded := strings.TrimPrefix(secret, "whsec_")
		key, err := base64.StdEncoding.DecodeString(encoded)
		if err != nil {
			key = []byte(encoded)
		}
		edits := slices.Concat(shared, []edit{
			onKey("secret_not_decoded", "the key were the secret's own text, with whsec_", func([]byte) []byte { return []byte(secret) }),
			onKey("secret_not_decoded", "the key were the secret's own text behind whsec_, not decoded", func([]byte) []byte { return []byte(encoded) }),
		}, keyEdits(), modeEdits())
		g.bases = append(g.bases, base{recipe: recipe{source: from, key: key, mode: hmacOf}, edits: edits})
	}
}

func stampedEdits() []edit {
	only := func(clause string, change func(before []string) []string) edit {
		return edit{mistake: mistake{"part_missing", clause, ""}, apply: func(r recipe) (recipe, bool) {
			of, ok := r.source.(stamped)
			if !ok {
				return r, false
			}
			of.before = change(of.before)
			r.source = of
			return r, true
		}}
	}
	return []edit{
		only("only the body were signed, without webhook-id and webhook-timestamp", func([]string) []string { return nil }),
		only("the text began with webhook-timestamp, without webhook-id", func(before []string) []string { return before[min(1, len(before)):] }),
		only("the text began with webhook-id, without webhook-timestamp", func(before []string) []string { return before[:min(1, len(before))] }),
		only("webhook-timestamp stood before webhook-id", func(before []string) []string {
			before = slices.Clone(before)
			slices.Reverse(before)
			return before
		}),
	}
}

// bodied is a source that has a body.
type bodied interface {
	source
	carries(body []byte) source
}

// bodyEdit puts another body in its place. It was written before, so that
// trying it in many combinations costs no more.
func bodyEdit(code, clause string, body []byte) edit {
	return edit{mistake: mistake{code, clause, ""}, subject: ofBody, apply: func(r recipe) (recipe, bool) {
		of, ok := r.source.(bodied)
		if !ok || body == nil {
			return r, false
		}
		r.source = of.carries(body)
		return r, true
	}}
}

// bodyEdits lists what happens to a body on its way to what is signed.
func bodyEdits(body []byte) []edit {
	if len(body) > longestBody {
		return nil
	}
	unmarked := bytes.TrimPrefix(body, byteOrderMark())
	edits := []edit{
		bodyEdit("body_bom", "the body had no byte order mark before it", unmarked),
		bodyEdit("body_white_space", "the body were without the white space around it", orEmpty(bytes.TrimSpace(unmarked))),
		bodyEdit("body_white_space", "a line break stood behind the body", append(bytes.Clone(body), '\n')),
		bodyEdit("body_white_space", "the lines of the body ended with LF instead of CR LF", bytes.ReplaceAll(body, []byte("\r\n"), []byte("\n"))),
		bodyEdit("body_white_space", "the lines of the body ended with CR LF instead of LF", bytes.ReplaceAll(body, []byte("\n"), []byte("\r\n"))),
		bodyEdit("body_empty", "the body were empty: it was signed after something else had read it", []byte{}),
	}
	return append(edits, jsonEdits(unmarked)...)
}

func orEmpty(body []byte) []byte {
	if body == nil {
		return []byte{}
	}
	return body
}
