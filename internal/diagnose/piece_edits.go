package diagnose

import (
	"slices"
	"strconv"
	"strings"

	"github.com/waybillhq/waybill/postback"
	"github.com/waybillhq/waybill/signer"
)

// onPieces makes an edit of the pieces. One that changes nothing is not tried.
func onPieces(code, clause string, change func(signed) signed) edit {
	return edit{mistake: mistake{code, clause, ""}, apply: func(r recipe) (recipe, bool) {
		of, ok := r.source.(signed)
		if !ok {
			return r, false
		}
		changed := of
		changed.pieces = slices.Clone(of.pieces)
		changed = change(changed)
		r.source = changed
		return r, changed.joiner != of.joiner || !slices.Equal(changed.pieces, of.pieces)
	}}
}

// pieceEdits lists what goes wrong with the pieces of a text and their joiner.
func (f formula) pieceEdits(from signed) []edit {
	if len(from.pieces) < 2 {
		return nil
	}
	edits := append(f.valueEdits(), missingEdits(from)...)
	for _, order := range ordersOf(len(from.pieces)) {
		edits = append(edits, inOrder(from, order))
	}
	for _, joiner := range []string{"", "_", "-", ":", "|", ".", ",", "+", "&", " ", ";", "__"} {
		if joiner == from.joiner {
			continue
		}
		edits = append(edits, onPieces("joiner", "the parts were joined by "+strconv.Quote(joiner)+" instead of "+strconv.Quote(from.joiner), func(s signed) signed {
			s.joiner = joiner
			return s
		}))
	}
	return edits
}

// valueEdits write the status and the message's id in other ways.
func (f formula) valueEdits() []edit {
	edits := []edit{
		onValue("status_case", "the status were in lower case", "status", strings.ToLower),
		onValue("status_case", "the status were in upper case", "status", strings.ToUpper),
		onValue("status_case", "the status began with a capital letter", "status", capitalized),
	}
	at := slices.IndexFunc(f.Parts, func(p signer.Part) bool { return p.Part == "message_id" })
	if at < 0 {
		return edits
	}
	_, id := f.sent(f.Parts[at])
	return append(edits,
		onValue("message_id_form", "the "+id+" were in upper case", id, strings.ToUpper),
		onValue("message_id_form", "the "+id+" were in lower case", id, strings.ToLower),
		onValue("message_id_form", "the "+id+" were a UUID with dashes", id, dashed),
		onValue("message_id_form", "the "+id+" were without dashes", id, func(s string) string { return strings.ReplaceAll(s, "-", "") }),
	)
}

// missingEdits leave out one piece, or all that are signed with a body.
func missingEdits(from signed) []edit {
	var edits []edit
	for i, p := range from.pieces {
		edits = append(edits, onPieces("part_missing", p.name+" were left out of what is signed", func(s signed) signed {
			if i < len(s.pieces) {
				s.pieces = slices.Delete(s.pieces, i, i+1)
			}
			return s
		}))
	}
	others := slices.DeleteFunc(from.names(), func(name string) bool { return name == theBody })
	if from.has(bodyPiece) && len(others) > 1 {
		edits = append(edits, onPieces("part_missing", "only the body were signed, without "+postback.Listed(others, " and "), func(s signed) signed {
			s.pieces = slices.DeleteFunc(s.pieces, func(p piece) bool { return p.kind != bodyPiece && p.kind != secretPiece })
			return s
		}))
	}
	return edits
}

func onValue(code, clause, name string, change func(string) string) edit {
	return onPieces(code, clause, func(s signed) signed {
		for i := range s.pieces {
			if s.pieces[i].name == name {
				s.pieces[i].value = change(s.pieces[i].value)
			}
		}
		return s
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

func inOrder(from signed, order []int) edit {
	names := make([]string, len(order))
	for i, index := range order {
		names[i] = from.pieces[index].name
	}
	return onPieces("part_order", "the order were "+strings.Join(names, ", "), func(s signed) signed {
		if len(s.pieces) != len(order) {
			return s
		}
		pieces := make([]piece, len(order))
		for i, index := range order {
			pieces[i] = s.pieces[index]
		}
		s.pieces = pieces
		return s
	})
}

// keyedEdits use the secret of a digest as the key of an HMAC, or put it behind
// the text without a joiner.
func keyedEdits(from signed) []edit {
	const clause = "it were an HMAC with the secret as key instead of a plain digest"
	keyed := func(code, clause, tail string, to mode) edit {
		return edit{mistake: mistake{code, clause, ""}, subject: ofMode, apply: func(r recipe) (recipe, bool) {
			of, ok := r.source.(signed)
			if !ok {
				return r, false
			}
			of.pieces = slices.DeleteFunc(slices.Clone(of.pieces), func(p piece) bool { return p.kind == secretPiece })
			r.source, r.mode = fixed(string(of.text(nil))+tail), to
			return r, true
		}}
	}
	edits := []edit{keyed("hmac_for_digest", clause, "", hmacOf)}
	last := len(from.pieces) - 1
	if last < 1 || from.pieces[last].kind != secretPiece || from.joiner == "" {
		return edits
	}
	before := from.pieces[last-1].name
	return append(edits,
		keyed("hmac_for_digest", clause+", with a "+strconv.Quote(from.joiner)+" behind the "+before, from.joiner, hmacOf),
		keyed("joiner", "nothing stood between the "+before+" and the secret", "", keyLast))
}

// bodySigned signs the body, with or without the signature in it, in place of its
// members.
func bodySigned(from signed, name, signature string) []edit {
	token := strconv.Quote(name) + `:"` + signature + `"`
	without := strings.NewReplacer(","+token, "", token+",", "").Replace(string(from.body))
	var edits []edit
	for _, text := range []string{string(from.body), without} {
		for _, to := range []mode{hmacOf, keyLast, digestOf} {
			edits = append(edits, edit{
				mistake: mistake{"body_signed", "the body were signed instead of " + postback.Listed(from.names(), " and "), ""},
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
