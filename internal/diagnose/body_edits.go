package diagnose

import "bytes"

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
