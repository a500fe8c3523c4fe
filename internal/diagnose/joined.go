package diagnose

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// joined is a text of parts with a joiner between them: simpleswap's
// messageId_publicId_status_secret.
type joined struct {
	parts  []part
	joiner string
}

type part struct {
	name     string
	value    string
	isSecret bool
}

func (j joined) text(key []byte) []byte {
	var text []byte
	for i, p := range j.parts {
		if i > 0 {
			text = append(text, j.joiner...)
		}
		if p.isSecret {
			text = append(text, key...)
		} else {
			text = append(text, p.value...)
		}
	}
	return text
}

func byteOrderMark() []byte { return []byte("\xef\xbb\xbf") }

// readJoined reads simpleswap's body.
func (g *given) readJoined() {
	var known []mistake
	body, marked := bytes.CutPrefix(g.received.Body, byteOrderMark())
	if marked {
		g.note("body_bom", "the body begins with a byte order mark, which is no JSON")
		known = append(known, mistake{"body_bom", "the body had no byte order mark before it", ""})
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(body, &members); err != nil {
		g.note("body_invalid", "the body is not a JSON object")
		return
	}
	signature, more := g.findMember(members)
	if signature == "" {
		return
	}
	known = append(known, more...)
	g.signatures = []string{signature}
	from := joined{joiner: "_"}
	for _, name := range []string{"messageId", "publicId", "status"} {
		value, isText := textOf(members[name])
		if members[name] == nil {
			g.note("part_missing", "the body has no "+name+", which is signed")
		} else if !isText {
			g.note("part_not_text", name+" is not a string")
			known = append(known, mistake{"part_not_text", name + " were a string", ""})
		}
		from.parts = append(from.parts, part{name: name, value: value})
	}
	from.parts = append(from.parts, part{name: "the secret", isSecret: true})
	g.begin(from, digestOf, known, slices.Concat(joinedEdits(from), keyEdits(), bodySigned(body, signature)))
}

// findMember returns the signature, also under another name.
func (g *given) findMember(members map[string]json.RawMessage) (string, []mistake) {
	if raw, found := members[g.place]; found {
		signature, isText := textOf(raw)
		if !isText || signature == "" {
			g.note("signature_missing", "its "+g.place+" is empty or no string")
			return "", nil
		}
		return signature, nil
	}
	for _, name := range slices.Sorted(maps.Keys(members)) {
		signature, isText := textOf(members[name])
		if isText && len(signature) >= shortestMatch && isSignatureName(name, g.place) {
			g.note("member_name", "the body has no "+g.place+", but it has "+shown(name))
			return signature, []mistake{{"member_name", "the member " + shown(name) + " were named " + g.place, ""}}
		}
	}
	g.note("signature_missing", "the body has no "+g.place)
	return "", nil
}

// textOf returns a string's text, or what else stands there as it is written.
func textOf(raw json.RawMessage) (text string, isText bool) {
	if json.Unmarshal(raw, &text) == nil && len(raw) > 0 && raw[0] == '"' {
		return text, true
	}
	return string(raw), false
}

// onJoined makes an edit of the parts.
func onJoined(code, clause string, change func(joined) joined) edit {
	return edit{mistake: mistake{code, clause, ""}, apply: func(r recipe) (recipe, bool) {
		of, ok := r.source.(joined)
		if !ok {
			return r, false
		}
		of.parts = slices.Clone(of.parts)
		r.source = change(of)
		return r, true
	}}
}

func joinedEdits(from joined) []edit {
	edits := []edit{
		onValue("status_case", "the status were in lower case", "status", strings.ToLower),
		onValue("status_case", "the status were in upper case", "status", strings.ToUpper),
		onValue("status_case", "the status began with a capital letter", "status", capitalized),
		onValue("message_id_form", "the messageId were in upper case", "messageId", strings.ToUpper),
		onValue("message_id_form", "the messageId were in lower case", "messageId", strings.ToLower),
		onValue("message_id_form", "the messageId were a UUID with dashes", "messageId", dashed),
		onValue("message_id_form", "the messageId were without dashes", "messageId", func(s string) string { return strings.ReplaceAll(s, "-", "") }),
	}
	for i, p := range from.parts {
		edits = append(edits, onJoined("part_missing", p.name+" were left out of what is signed", func(j joined) joined {
			if i < len(j.parts) {
				j.parts = slices.Delete(j.parts, i, i+1)
			}
			return j
		}))
	}
	for _, joiner := range []string{"", "-", ":", "|", ".", ",", "+", "&", " ", ";", "__"} {
		edits = append(edits, onJoined("joiner", "the parts were joined by "+strconv.Quote(joiner)+` instead of "_"`, func(j joined) joined {
			j.joiner = joiner
			return j
		}))
	}
	for _, order := range permutations(len(from.parts)) {
		edits = append(edits, inOrder(from, order))
	}
	return append(edits, keyedEdits()...)
}

func onValue(code, clause, name string, change func(string) string) edit {
	return onJoined(code, clause, func(j joined) joined {
		for i := range j.parts {
			if j.parts[i].name == name {
				j.parts[i].value = change(j.parts[i].value)
			}
		}
		return j
	})
}

func capitalized(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + strings.ToLower(s[1:])
}

// dashed writes 32 hex digits as a UUID.
func dashed(id string) string {
	if len(id) != 32 {
		return id
	}
	return strings.Join([]string{id[:8], id[8:12], id[12:16], id[16:20], id[20:]}, "-")
}

func inOrder(from joined, order []int) edit {
	names := make([]string, len(order))
	for i, index := range order {
		names[i] = from.parts[index].name
	}
	return onJoined("part_order", "the order were "+strings.Join(names, ", "), func(j joined) joined {
		if len(j.parts) != len(order) {
			return j
		}
		parts := make([]part, len(order))
		for i, index := range order {
			parts[i] = j.parts[index]
		}
		j.parts = parts
		return j
	})
}

// keyedEdits use the secret as the key of an HMAC, or put it behind the text
// without a joiner.
func keyedEdits() []edit {
	const hmacClause = "it were an HMAC with the secret as key instead of a plain digest"
	keyed := func(code, clause, tail string, to mode) edit {
		return edit{mistake: mistake{code, clause, ""}, subject: ofMode, apply: func(r recipe) (recipe, bool) {
			of, ok := r.source.(joined)
			if !ok {
				return r, false
			}
			of.parts = slices.DeleteFunc(slices.Clone(of.parts), func(p part) bool { return p.isSecret })
			r.source, r.mode = fixed(string(of.text(nil))+tail), to
			return r, true
		}}
	}
	return []edit{
		keyed("hmac_for_digest", hmacClause, "", hmacOf),
		keyed("hmac_for_digest", hmacClause+`, with a "_" behind the status`, "_", hmacOf),
		keyed("joiner", "nothing stood between the status and the secret", "", keyLast),
	}
}

// bodySigned signs the body in place of its three members.
func bodySigned(body []byte, signature string) []edit {
	token := `"verifyToken":"` + signature + `"`
	without := strings.NewReplacer(","+token, "", token+",", "").Replace(string(body))
	var edits []edit
	for _, text := range []string{string(body), without} {
		for _, to := range []mode{hmacOf, keyLast, digestOf} {
			edits = append(edits, edit{
				mistake: mistake{"body_signed", "the body were signed instead of messageId, publicId and status", ""},
				subject: ofMode, alone: true,
				apply: func(r recipe) (recipe, bool) {
					r.source, r.mode = fixed(text), to
					return r, true
				},
			})
		}
	}
	return edits
}
