package diagnose

import (
	"iter"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/waybillhq/waybill/postback"
	"github.com/waybillhq/waybill/signer"
)

const computedIf = "the answer shows the signature that the receiver computed, and it comes out if "

// echoed looks for signatures in the answer, such as "expected abc, got def",
// and says with which mistake the receiver comes to one.
func (s Sent) echoed() []postback.Finding {
	f, known := formulaOf(s.Scheme)
	if !known || s.Attempt.Response == nil || len(s.Signing) == 0 {
		return nil
	}
	received := signer.Received{Method: s.Attempt.Request.Method, URL: s.Attempt.Request.URL, Header: http.Header{}, Body: s.Attempt.Request.Body}
	for name, value := range s.Attempt.Request.Headers {
		received.Header.Set(name, value)
	}
	g := read(f, received, usable(s.Signing))
	seen := s.candidates(f, g.signatures)
	if len(seen) == 0 {
		return nil
	}
	for _, other := range s.Others[:min(len(s.Others), mostSecrets)] {
		old := read(f, received, usable([]string{other.Value}))
		for _, b := range old.bases {
			b.known = with(b.known, mistake{
				"other_secret", "the secret were version " + strconv.Itoa(other.Version),
				"version " + strconv.Itoa(s.Attempt.SecretVersion) + " signed; the receiver has to be given that one",
			})
			g.bases = append(g.bases, b)
		}
	}
	mistakes, found := newSearch(newComputed(f.algorithm, seen)).run(g.bases)
	if !found {
		return nil
	}
	mistakes = slices.DeleteFunc(mistakes, ofWriting)
	if len(mistakes) == 0 {
		return one("signature_written", "the answer shows that the receiver computes the signature that was sent, but writes it in another way, and so finds that they differ")
	}
	return []postback.Finding{finding(computedIf, mistakes)}
}

// ofWriting says whether a mistake lies in how a signature is written. The
// clauses of those speak of one that was received.
func ofWriting(m mistake) bool {
	switch m.code {
	case "signature_upper_case", "signature_lower_case", "signature_form", "signature_hex", "signature_base64", "signature_base64_of_hex", "signature_truncated":
		return true
	default:
		return false
	}
}

// candidates reads what may be a signature in the answer, but for those that
// were sent.
func (s Sent) candidates(f formula, sent []string) []wanted {
	texts := []string{string(s.Attempt.Response.Body)}
	for _, name := range slices.Sorted(maps.Keys(s.Attempt.Response.Headers)) {
		if !isUsualHeader(name) {
			texts = append(texts, s.Attempt.Response.Headers[name])
		}
	}
	const most = 8
	var seen []wanted
	for token := range tokens(texts) {
		if len(seen) == most {
			break
		}
		if slices.Contains(sent, token) {
			continue
		}
		for _, w := range readWanted(token, f.form) {
			_, exact := ofSize(len(w.digits))
			if exact && !slices.ContainsFunc(seen, func(other wanted) bool { return other.digits == w.digits }) {
				seen = append(seen, w)
			}
		}
	}
	return seen
}

// tokens cuts texts into what may be hex, and then into what may be base64.
func tokens(texts []string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for _, between := range []func(rune) bool{notHex, notBase64} {
			for _, text := range texts {
				for token := range strings.FieldsFuncSeq(text, between) {
					if len(token) >= shortestMatch && !yield(token) {
						return
					}
				}
			}
		}
	}
}

func notHex(r rune) bool { return !strings.ContainsRune("0123456789abcdefABCDEF", r) }

func notBase64(r rune) bool {
	letter := 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9'
	return !letter && !strings.ContainsRune("+/-_", r)
}

// isUsualHeader says whether a header never tells a signature but may look so.
func isUsualHeader(name string) bool {
	switch http.CanonicalHeaderKey(name) {
	case "Etag", "Set-Cookie", "Date", "Content-Type", "Content-Length", "Server", "Cf-Ray", "X-Request-Id", "Location", "Connection":
		return true
	default:
		return false
	}
}
